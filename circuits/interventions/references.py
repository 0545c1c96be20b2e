"""Interventions that take their values from photographs: means, and the activations of other images."""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.interventions.edited import activations
from circuits.interventions.values import Activations, Patch, Some, patch

IMAGES = 8
"""Photographs that go through a network together."""


def mean_ablate(model: Activations, images: Float[Array | np.ndarray, "n h w 3"], layer: str, units: Some) -> Patch:
    """Set units to their mean over photographs and positions: they go on without saying anything about the image.

    Args:
        model: the model that the means are measured in.
        images: photographs, RGB in [0, 1].
        layer: any named activation.
        units: as in `scale`.

    Raises:
        ValueError: no images, and what `scale` and the model refuse.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)
    >>> mean_ablate(model, photos, "conv2d0", 3).values.shape
    (4,)
    """
    return patch(layer, units, mean_activation(model, images, layer))


def resample_ablate(
    model: Activations, images: Float[Array | np.ndarray, "n h w 3"], layer: str, units: Some, seed: int = 0
) -> Patch:
    """Give units, for each image of a batch, the activations that they have for another image of it.

    Args:
        model: the model.
        images: the batch that the edited model will be called on, two images or more.
        layer: any named activation.
        units: as in `scale`.
        seed: decides which image takes the place of which; none keeps its own.

    Raises:
        ValueError: fewer than two images, and what `scale` and the model refuse.

    Source: resample ablation, as in Chan et al. 2022, *Causal Scrubbing*.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)
    >>> found = resample_ablate(model, photos, "conv2d0", 3).values
    >>> bool((found[0] == model(photos, taps="conv2d0")["conv2d0"][1]).all())
    True
    """
    if len(images) < 2:
        raise ValueError(f"there are {len(images)} images; expected two or more, to take each other's places")
    values = jnp.concatenate(list(in_pieces(model, images, layer)))
    # A random order, each taking the next one's place, so that no image meets itself.
    order = np.random.default_rng(seed).permutation(len(images))
    others = np.empty_like(order)
    others[order] = np.roll(order, 1)
    return patch(layer, units, values[others])


def mean_activation(
    model: Activations, images: Float[Array | np.ndarray, "n h w 3"], layer: str
) -> Float[np.ndarray, " units"]:
    """The mean of each unit over photographs and positions.

    Args:
        model: the model.
        images: photographs, RGB in [0, 1].
        layer: any named activation.

    Raises:
        ValueError: no images, and what the model refuses.

    >>> mean_activation(lambda images, edits: {"a": images}, np.full((2, 4, 4, 3), 0.5, np.float32), "a")
    array([0.5, 0.5, 0.5])
    """
    if not len(images):
        raise ValueError("there are no images; expected at least one")
    sums = [np.asarray(v, np.float64).mean(tuple(range(1, v.ndim - 1))).sum(0) for v in in_pieces(model, images, layer)]
    return np.sum(sums, 0) / len(images)


def pieces(images: Float[Array | np.ndarray, "n h w c"]) -> list[Float[np.ndarray, "k h w c"]]:
    """Images, some at a time, as equal as can be, so that two sizes at most are compiled.

    >>> [len(piece) for piece in pieces(np.zeros((9, 2, 2, 3), np.float32))]
    [5, 4]
    """
    return np.array_split(np.asarray(images), -(-len(images) // IMAGES)) if len(images) else []


def in_pieces(
    model: Activations, images: Float[Array | np.ndarray, "n h w 3"], layer: str
) -> Iterator[Float[Array, "n *position units"]]:
    """The activations of a layer for some images at a time.

    >>> [len(a) for a in in_pieces(lambda images, edits: {"a": images}, np.zeros((9, 2, 2, 3), np.float32), "a")]
    [8, 1]
    """
    for first in range(0, len(images), IMAGES):
        yield activations(model, jnp.asarray(images[first : first + IMAGES]), (layer,), {})[layer]
