"""How weights lie in space: by distance from the middle, by direction, in bands."""

import operator
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from circuits.labelled import CircuitWeights, Weights, tiles

Tiles = Float[np.ndarray | Array, "*units row column"] | CircuitWeights


class Shares(NamedTuple):
    """Shares of the squared weights that lie `at` each place; they add up to 1 for each tile that is not zero."""

    at: Float[np.ndarray, " n"]
    shares: Float[np.ndarray, "*units n"]


class Banding(NamedTuple):
    """Share of the variance over positions that lies between rows (horizontal bands), and between columns."""

    rows: float
    columns: float


def radial(weights: Tiles) -> Shares:
    """Shares by distance from the middle of the tile, in positions, rounded.

    Args:
        weights: tiles, with any axes before.

    Raises:
        ValueError: fewer than two axes, or values that are no numbers.

    >>> radial(np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])).shares
    array([0.5, 0.5])
    """
    values, y, x = _energy(weights)
    rings = np.hypot(y, x).round().astype(int)
    at = np.unique(rings)
    return Shares(at.astype(float), _normal(np.stack([values[..., rings == ring].sum(-1) for ring in at], -1)))


def angular(weights: Tiles, bins: int = 8) -> Shares:
    """Shares by direction from the middle, in degrees clockwise from the right, as the articles count.

    The first bin is around 0; the middle of the tile has no direction and is left out.

    Args:
        weights: tiles, with any axes before.
        bins: how many directions.

    Raises:
        ValueError: as `radial`; fewer than one bin.

    >>> found = angular(np.array([[0.0, 0.0, 0.0], [0.0, 7.0, 0.0], [0.0, 1.0, 0.0]]), bins=4)
    >>> found.at, found.shares
    (array([  0.,  90., 180., 270.]), array([0., 1., 0., 0.]))
    """
    if (bins := operator.index(bins)) < 1:
        raise ValueError(f"bins is {bins}; expected 1 or more")
    values, y, x = _energy(weights)
    # A little more than rounding, so that the edges of bins fall to the same side everywhere.
    nearest = np.floor(np.arctan2(y, x) / (2 * np.pi) * bins + 0.5 + 1e-9).astype(int) % bins
    outside = (y != 0) | (x != 0)
    sums = [values[..., outside & (nearest == n)].sum(-1) for n in range(bins)]
    return Shares(np.arange(bins) * 360 / bins, _normal(np.stack(sums, -1)))


def banding(weights: Weights) -> Banding:
    """How much of what weights do over positions is a matter of the row alone, or of the column alone.

    Args:
        weights: `[unit, channel, row, column]`: weights, or pictures of them (`spatial_rgb`, channels moved to the
            front), as *Weight Banding* compares them. In the article's pictures, horizontal bands have a share of
            rows above 0.75, and networks without bands below 0.73.

    Raises:
        ValueError: another shape, values that are no numbers, or weights that are the same at all positions.

    >>> banding(np.array([[1.0, 1.0], [2.0, 2.0]])[None, None])
    Banding(rows=1.0, columns=0.0)
    """
    values = tiles(weights).astype(np.float64)
    values -= values.mean((2, 3), keepdims=True)
    whole = np.square(values).mean()
    if not whole:
        raise ValueError("the weights are the same at all positions; there is no variance to share")
    shares = [np.square(values.mean(axis)).mean() / whole for axis in (3, 2)]
    return Banding(float(shares[0]), float(shares[1]))


def _energy(weights: Tiles) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values = np.asarray(weights, np.float64)
    if values.ndim < 2 or not values.size:
        raise ValueError(f"the weights have shape {values.shape}; expected tiles, [..., row, column]")
    if not np.isfinite(values).all():
        raise ValueError("the weights are not all finite; expected numbers")
    height, width = values.shape[-2:]
    y, x = np.mgrid[:height, :width] - np.array([(height - 1) / 2, (width - 1) / 2])[:, None, None]
    return np.square(values), y, x


def _normal(sums: np.ndarray) -> np.ndarray:
    total = sums.sum(-1, keepdims=True)
    return sums / np.where(total, total, 1)
