"""Units' responses to many images that are made in the program that the network runs in, and never kept."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from circuits.interventions.edited import Edited, as_pytree, read
from circuits.route import position_in
from inception_jax.model import Model, check_layer

Network = Any
"""This project's models, edited ones, or any function from images to named activations."""

Pictures = Callable[[Int[Array, " n"]], Float[Array, "n h w 3"]]
"""What makes the images with given numbers."""

At = Literal["middle", "max", "mean"] | tuple[int, int]
"""Which position of a map counts: the middle one, a row and column, or the largest or mean of all."""


def sweep(
    model: Network, layers: str | Sequence[str], pictures: Pictures, count: int, at: At, batch: int | None
) -> dict[str, Float[np.ndarray, "count units"]]:
    """Responses of all units of some layers to `count` images.

    Args:
        model: any function from images to named activations; of this project's, only what the layers need is computed.
        layers: names of activations.
        pictures: a pytree that makes the images with given numbers, inside compiled programs.
        count: how many there are.
        at: which position of maps counts. Of an even number of positions, the earlier of the two in the middle.
        batch: images at a time; by default 8 on CPUs and 128 elsewhere.

    Raises:
        ValueError: layers that the model does not have, a position outside the map, a batch under 1.

    >>> import inception_jax
    >>> from circuits.stimuli import Line
    >>> from circuits.tuning.grid import Grid
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> lines = Grid(Line(), {"orientation": jnp.arange(0.0, 180.0, 45.0)}, ("orientation",), 32)
    >>> sweep(model, "conv2d2", lines, 4, "middle", None)["conv2d2"].shape
    (4, 12)
    """
    names = (layers,) if isinstance(layers, str) else tuple(layers)
    if not names:
        raise ValueError("layers is empty; expected a layer's name, or several")
    if isinstance(model, Model | Edited) and hasattr(model, "layers"):
        for name in names:
            check_layer(name, model.layers)
    if at not in ("middle", "max", "mean") and not (isinstance(at, tuple) and len(at) == 2):
        raise ValueError(f"at is {at!r}; expected 'middle', 'max', 'mean', or a row and a column of the map")
    if batch is not None and batch < 1:
        raise ValueError(f"batch is {batch}; expected 1 or more images at a time")
    size = min(batch or (8 if jax.default_backend() == "cpu" else 128), count)
    network, found = as_pytree(model), {name: [] for name in names}
    for first in range(0, count, size):
        # The last batch is as large as the others, so that all run in one program.
        numbers = jnp.minimum(jnp.arange(first, first + size), count - 1)
        responses = _batch(network, pictures, numbers, names, at)
        for name in names:
            found[name].append(np.asarray(responses[name], np.float32)[: count - first])
    return {name: np.concatenate(pieces) for name, pieces in found.items()}


@partial(jax.jit, static_argnames=("layers", "at"))
def _batch(
    model: Network, pictures: Any, numbers: Int[Array, " n"], layers: tuple[str, ...], at: At
) -> dict[str, Float[Array, "n units"]]:
    found = read(model, pictures(numbers), layers)
    return {name: chosen(found[name], at, name) for name in layers}


def chosen(maps: Float[Array, "n *position units"], at: At, layer: str) -> Float[Array, "n units"]:
    """One number for each image and unit.

    Raises:
        ValueError: a position outside the map.

    >>> maps = jnp.arange(4.0).reshape(1, 2, 2, 1)
    >>> [chosen(maps, at, "a").item() for at in ("middle", "max", "mean", (1, 0))]
    [0.0, 3.0, 1.5, 2.0]
    """
    if maps.ndim == 2:
        return maps
    height, width = maps.shape[1:3]
    if at == "max":
        return maps.max((1, 2))
    if at == "mean":
        return maps.mean((1, 2))
    row, column = position_in(None if at == "middle" else at, (height, width), layer, "at")
    return maps[:, row, column]
