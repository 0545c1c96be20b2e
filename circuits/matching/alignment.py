"""Samples of two layers that belong together: the same places in the same images, whatever the sizes of the maps."""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

Positions = Literal["matched", "mean", "max"]
"""What a sample is: a place that both maps have, or an image with each unit's mean or maximum over its map."""


def aligned(
    a: Float[np.ndarray, "n *position_a units_a"],
    b: Float[np.ndarray, "n *position_b units_b"],
    positions: Positions,
    layers: tuple[str, str] = ("A", "B"),
) -> tuple[Float[np.ndarray, "n places units_a"], Float[np.ndarray, "n places units_b"]]:
    """Activations of two layers at the same places of the same images.

    Args:
        a: activations of one layer.
        b: activations of another, of the same images.
        positions: `"matched"` takes the middles of the positions of the smaller map, along each axis, and interpolates
            the larger map linearly there: maps of one size stay as they are. `"mean"` and `"max"` leave one place for
            each image.
        layers: their names, for messages.

    Raises:
        ValueError: no such rule, or activations that have no places in common, as maps and vectors.

    >>> large, small = np.arange(6.0).reshape(1, 6, 1), np.zeros((1, 2, 1))
    >>> aligned(large, small, "matched")[0].ravel(), aligned(large, small, "max")[0].ravel()
    (array([1., 4.]), array([5.]))
    """
    if positions not in get_args(Positions):
        raise ValueError(f"positions is {positions!r}; expected {' or '.join(map(repr, get_args(Positions)))}")
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if positions != "matched":
        return _pooled(left, positions), _pooled(right, positions)
    if left.ndim != right.ndim:
        raise ValueError(
            f"activations of {layers[0]} have shape {left.shape} and those of {layers[1]} {right.shape}, which have no "
            'positions in common; positions="mean" and "max" compare whole images'
        )
    for axis in range(1, left.ndim - 1):
        size = min(left.shape[axis], right.shape[axis])
        left, right = _interpolated(left, axis, size), _interpolated(right, axis, size)
    return left.reshape(len(left), -1, left.shape[-1]), right.reshape(len(right), -1, right.shape[-1])


def drawn(
    a: Float[np.ndarray, "n places units_a"],
    b: Float[np.ndarray, "n places units_b"],
    count: int | None,
    seed: int,
    first: int,
) -> tuple[Float[np.ndarray, "samples units_a"], Float[np.ndarray, "samples units_b"]]:
    """Samples of some images: all of their places, or some of each at random, the same of both layers.

    Args:
        a: activations of one layer.
        b: activations of another.
        count: places of each image, at most all; `None` for all.
        seed: of the draws.
        first: number of the first image, counted over all batches: an image's draws depend on nothing else.

    >>> a = np.arange(12.0).reshape(2, 6, 1)
    >>> both, second = drawn(a, a, 3, 0, first=0)[0], drawn(a[1:], a[1:], 3, 0, first=1)[0]
    >>> both.shape, bool((both[3:] == second).all())
    ((6, 1), True)
    """
    if count is not None and count < a.shape[1]:
        rngs = (np.random.default_rng((seed, number)) for number in range(first, first + len(a)))
        chosen = np.stack([rng.permutation(a.shape[1])[:count] for rng in rngs])[..., None]
        a, b = np.take_along_axis(a, chosen, 1), np.take_along_axis(b, chosen, 1)
    return a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])


def _pooled(values: np.ndarray, positions: Positions) -> np.ndarray:
    """The mean or the maximum of each unit over each image's map, at one place."""
    values = values.reshape(len(values), -1, values.shape[-1])
    if positions == "max":
        return values.max(1, keepdims=True)
    first = values[:, :1]
    return first + (values - first).mean(1, keepdims=True)


def _interpolated(values: np.ndarray, axis: int, size: int) -> np.ndarray:
    """Linear interpolation along an axis, at the middles of `size` equal parts of it, no more than it has positions."""
    length = values.shape[axis]
    if length == size:
        return values
    places = (np.arange(size) + 0.5) * length / size - 0.5
    lower = np.floor(places).astype(int)
    upper = np.minimum(lower + 1, length - 1)
    share = (places - lower).reshape(-1, *[1] * (values.ndim - axis - 1))
    before = values.take(lower, axis)
    # In this form, units that never change come out so.
    return before + share * (values.take(upper, axis) - before)
