"""Receptive fields: what a unit can see, by the network's structure, and what it does see, by its gradients."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.ends import Units, chosen, directions
from circuits.interventions.edited import as_pytree, read
from circuits.route import Box, field_at, position_in, side
from circuits.tuning.sweep import Network
from inception_jax.architecture import Architecture
from inception_jax.graph import graph
from inception_jax.model import Model, check_layer
from inception_jax.nodes import INPUT, map_sizes


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels that one position of a layer can see.

    Attributes:
        rows: the first, and the one after the last; they may lie outside the image, in its padding.
        columns: the same.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return side(self.box)

    @property
    def box(self) -> Box:
        """Rows and columns."""
        return self.rows, self.columns

    @property
    def middle(self) -> tuple[float, float]:
        """Row and column of its middle, in pixels; halves lie between two."""
        return (self.rows[0] + self.rows[1] - 1) / 2, (self.columns[0] + self.columns[1] - 1) / 2


def receptive_field(
    model: Model | Architecture,
    layer: str,
    size: int | tuple[int, int] = 224,
    position: tuple[int, int] | None = None,
) -> ReceptiveField:
    """What a unit can see of an image, from the network's structure.

    Args:
        model: this project's network, of which only the architecture counts, or that.
        layer: any named activation.
        size: side of the image, or height and width.
        position: row and column in the map; by default the middle, of two the earlier.

    Raises:
        ValueError: a layer that the network does not have, a position outside its map.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> seen = receptive_field(model, "mixed3b")
    >>> seen.size, seen.middle
    ((91, 91), (111.0, 111.0))
    """
    arch = model.architecture if isinstance(model, Model) else model
    check_layer(layer, [node.name for node in graph(arch).nodes])
    image = size if isinstance(size, tuple) else (size, size)
    place = position_in(position, map_sizes(graph(arch).nodes, image, arch.padding)[layer], layer)
    return ReceptiveField(*field_at(arch, INPUT, layer, place, image))


def effective_field(
    model: Network,
    layer: str,
    images: Float[Array | np.ndarray, "n h w 3"],
    units: Units | None = None,
    *,
    position: tuple[int, int] | None = None,
    batch: int = 32,
) -> Float[np.ndarray, "units h w"]:
    """How strongly units depend on each pixel: the mean over images of the gradient's size.

    Behind a ReLU, units that an image leaves silent have no gradient there; ask the layer's `_pre_relu` form to see
    what they would respond to.

    Args:
        model: any function from images to named activations, that can be differentiated.
        layer: a layer's name.
        images: RGB in [0, 1].
        units: numbers, or directions `[n, units]`; by default all.
        position: row and column in the map; by default the middle, of two the earlier.
        batch: units at a time.

    Returns:
        `|d unit / d pixel|`, summed over the colours.

    Raises:
        ValueError: no images, layers that the model does not have, units or a position that the layer does not have.

    Source: Luo et al., *Understanding the Effective Receptive Field in Deep Convolutional Neural Networks*, 2016.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((1, 40, 40, 3), np.float32)
    >>> effective_field(model, "conv2d2_pre_relu", photos, units=[3]).shape
    (1, 40, 40)
    """
    if not len(images):
        raise ValueError("there are no images; expected at least one")
    if batch < 1:
        raise ValueError(f"batch is {batch}; expected 1 or more units at a time")
    if isinstance(model, Model):
        check_layer(layer, model.layers)
    network, photos = as_pytree(model), jnp.asarray(images)
    shape = jax.eval_shape(lambda m, x: read(m, x, (layer,))[layer], network, photos[:1]).shape
    place = None if len(shape) == 2 else position_in(position, (shape[1], shape[2]), layer)
    seeds = directions(chosen(units, shape[-1], "units", layer), shape[-1], np.dtype(np.float32))
    total = np.zeros((len(seeds), *photos.shape[1:3]), np.float64)
    size = min(batch, len(seeds))
    for first in range(0, len(seeds), size):
        rows = np.minimum(np.arange(first, first + size), len(seeds) - 1)
        for photo in photos:
            found = np.asarray(_sizes(network, photo, jnp.asarray(seeds[rows]), layer, place))
            total[first : first + size] += found[: len(seeds) - first]
    return (total / len(photos)).astype(np.float32)


def effective_radius(
    fields: Float[np.ndarray, "units h w"], share: float = 0.9, middle: tuple[float, float] | None = None
) -> Float[np.ndarray, " units"]:
    """Radius of the circle that contains a share of each field, in pixels. NaN for fields that are zero.

    Args:
        fields: made by `effective_field`, of one position.
        share: of the sum, over 0 and up to 1.
        middle: row and column of the circles' middle, as a `ReceptiveField` has it; by default each field's centre of
            mass.

    Raises:
        ValueError: negative fields, a share that is none.

    >>> field = np.zeros((1, 9, 9)); field[0, 4, [2, 4, 6]] = 1.0
    >>> effective_radius(field, 0.3), effective_radius(field, 1.0)
    (array([0.]), array([2.]))
    """
    values = np.asarray(fields, np.float64)
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; expected a number over 0 and up to 1")
    if values.min(initial=0) < 0 or not np.isfinite(values).all():
        raise ValueError("fields are negative or not finite; expected sizes of gradients, 0 or more")
    rows, columns = np.mgrid[: values.shape[1], : values.shape[2]]
    found = np.full(len(values), np.nan)
    for number, field in enumerate(values):
        if total := field.sum():
            row, column = middle or ((field * rows).sum() / total, (field * columns).sum() / total)
            away = np.hypot(rows - row, columns - column).ravel()
            order = np.argsort(away, kind="stable")
            inside = np.cumsum(field.ravel()[order])
            # Sums of float64 miss the whole by a little.
            found[number] = away[order][np.searchsorted(inside, share * inside[-1] * (1 - 1e-12))]
    return found


@partial(jax.jit, static_argnames=("layer", "place"))
def _sizes(
    model: Any, image: Float[Array, "h w 3"], seeds: Float[Array, "k units"], layer: str, place: tuple[int, int] | None
) -> Float[Array, "k h w"]:
    def unit(image: Array) -> Array:
        maps = read(model, image[None], (layer,))[layer][0]
        return maps if place is None else maps[place]

    value, pull = jax.vjp(unit, image)
    return jax.vmap(lambda seed: jnp.abs(pull(seed.astype(value.dtype))[0]).sum(-1))(seeds)
