"""Normalisation statistics of a finished model, measured on photographs as it will see them."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, UInt8

from inception_jax.architecture import Architecture
from inception_jax.compilation import Compiled
from inception_jax.datasets import Dataset, Preparation, train_batches
from inception_jax.network import Weights
from inception_jax.training.recipe import Recipe
from inception_jax.training.step import loss

Placed = Callable[[np.ndarray], Array]
"""Puts this process's part of a batch on the devices."""


def calibrate(
    architecture: Architecture,
    recipe: Recipe,
    params: Weights,
    statistics: Weights,
    training: Dataset,
    place: Placed,
    *,
    seed: int = 0,
    workers: int | None = None,
) -> Weights:
    """Mean and variance of each normalised convolution over `recipe.calibration` batches of training photographs.

    The running statistics of training are those of random parts of photographs, enlarged, at sizes that change. In
    testing, networks see whole photographs at another size, whose statistics are others. Measured there, they
    make mini right about one photograph in 25 more often.

    Args:
        architecture: the network.
        recipe: how it is trained.
        params: its parameters.
        statistics: what is returned where the recipe has no calibration, or the network no normalisation.
        training: photographs.
        place: puts images or labels on the devices.
        seed: of the choice of photographs.
        workers: threads that prepare them.

    Source: Wu and Johnson 2021, *Rethinking "Batch" in BatchNorm* (precise batch normalisation); Touvron et al. 2019,
    *Fixing the train-test resolution discrepancy*.
    """
    if not (recipe.calibration and statistics):
        return statistics
    measure = _measure(architecture, recipe)
    shard = jax.process_index(), jax.process_count()
    batches = train_batches(
        training,
        as_tested(recipe, architecture.image_size),
        recipe.batch // shard[1],
        seed=seed,
        shard=shard,
        workers=workers,
    )
    count = min(recipe.calibration, max(1, len(training) // recipe.batch))
    total = jax.tree.map(jnp.zeros_like, statistics)
    with contextlib.closing(batches):
        for batch in islice(batches, count):
            total = jax.tree.map(jnp.add, total, measure(params, place(batch.images), place(batch.labels)))
    return {name: _of_all(sums, count) for name, sums in total.items()}


def as_tested(recipe: Recipe, size: int) -> Preparation:
    """Training photographs whole and in their own colours, mirrored as in training.

    >>> as_tested(Recipe(brightness=0.4), 64).brightness
    0.0
    """
    whole = (1.0, 1.0)
    return replace(recipe.preparation(size), area=whole, aspect=whole, brightness=0.0, contrast=0.0, saturation=0.0)


def _measure(
    architecture: Architecture, recipe: Recipe
) -> Callable[[Weights, UInt8[Array, "n h w 3"], Int[Array, "n"]], Weights]:
    """The mean of a batch, and its mean square in place of the variance, so that batches can be added up."""

    def measure(params: Weights, images: Array, labels: Array) -> Weights:
        found = loss(architecture, recipe, params, images, labels)[1][0]
        return {
            name: {"mean": part["mean"], "variance": part["variance"] + part["mean"] ** 2}
            for name, part in found.items()
        }

    return Compiled(measure)


def _of_all(sums: dict[str, Array], batches: int) -> dict[str, Array]:
    mean = sums["mean"] / batches
    return {"mean": mean, "variance": jnp.maximum(sums["variance"] / batches - mean**2, 0)}
