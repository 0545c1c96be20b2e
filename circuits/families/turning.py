"""Weights under rotation, reflection, scale and hue: how tiles and input units change when what is seen does."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Tiles = Float[np.ndarray, "*n row column"]
Mix = Float[np.ndarray, "inputs inputs"]


@dataclass(frozen=True)
class Symmetry:
    """A change of what is seen that units may be related by.

    Attributes:
        name: of it.
        values: that are tried: degrees, or factors.
        tiles: what it does to weights over positions.
        angle: what it does to the label of an input unit, an angle in degrees.
    """

    name: str
    values: tuple[float, ...]
    tiles: Callable[[Tiles, float], Tiles]
    angle: Callable[[Float[np.ndarray, " n"], float], Float[np.ndarray, " n"]]


def turned(tiles: Tiles, degrees: float) -> Tiles:
    """Tiles turned clockwise about their middle, bilinearly; what comes from outside is zero.

    >>> turned(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), 90.0).round(6) + 0.0
    array([[0., 0., 0.],
           [0., 0., 1.],
           [0., 0., 0.]])
    """
    turn = np.deg2rad(degrees)
    return _sampled(tiles, np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]).T)


def mirrored(tiles: Tiles, degrees: float) -> Tiles:
    """Tiles mirrored left to right, then turned clockwise.

    >>> mirrored(np.array([[1.0, 2.0]]), 0.0)
    array([[2., 1.]])
    """
    return turned(np.asarray(tiles)[..., ::-1], degrees)


def scaled(tiles: Tiles, factor: float) -> Tiles:
    """Tiles enlarged about their middle by a factor, cut to their size; their sum is kept where nothing is cut.

    >>> round(float(scaled(np.pad(np.ones((3, 3)), 4), 2.0).sum()), 1)
    9.0
    """
    return _sampled(tiles, np.eye(2) / factor) / factor**2


SYMMETRIES: dict[str, Symmetry] = {
    "rotation": Symmetry("rotation", tuple(np.arange(0.0, 360.0, 15.0)), turned, lambda angles, value: angles + value),
    "reflection": Symmetry(
        "reflection", tuple(np.arange(0.0, 360.0, 15.0)), mirrored, lambda angles, value: 180.0 - angles + value
    ),
    "scale": Symmetry(
        "scale", (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.7, 2.0), scaled, lambda angles, _: angles
    ),
    "hue": Symmetry(
        "hue", tuple(np.arange(0.0, 360.0, 15.0)), lambda tiles, _: tiles, lambda hues, value: hues + value
    ),
}
"""What units may be related by. Reflections are about the vertical, turned afterwards."""


def exchange(
    angles: Float[np.ndarray, " inputs"],
    moved: Float[np.ndarray, " inputs"],
    period: float | Float[np.ndarray, " inputs"] = 360.0,
    width: float = 15.0,
) -> Mix:
    """Which input units take the places of which, when each one's angle moves.

    A unit passes its weights on to those whose angles lie where its own has moved, by a Gaussian of the difference. A
    unit without an angle keeps its own. Units with different periods do not take each other's place.

    Args:
        angles: of the inputs in degrees; NaN for those without.
        moved: the same after the change.
        period: of the angles: 360, or 180 for lines; one for all, or one for each.
        width: standard deviation of the Gaussian in degrees.

    Returns:
        `[to, from]`; what each passes on adds up to one.

    >>> exchange(np.array([0.0, 90.0, np.nan]), np.array([90.0, 180.0, np.nan]), width=1.0).round(2)[:, 0].tolist()
    [0.0, 1.0, 0.0]
    """
    angles, periods = np.asarray(angles, float), np.broadcast_to(np.asarray(period, float), np.shape(angles))
    known = np.isfinite(angles)
    half = periods[:, None] / 2
    apart = (angles[:, None] - np.asarray(moved)[None] + half) % periods[:, None] - half
    alike = known[:, None] & known[None] & (periods[:, None] == periods[None])
    # The nearest counts, however far away it is.
    nearness = -0.5 * np.where(alike, apart / width, np.inf) ** 2
    best = nearness.max(0, keepdims=True)
    mix = np.where(alike, np.exp(nearness - np.where(np.isfinite(best), best, 0)), 0.0)
    mix[~known, ~known] = 1.0
    return mix / mix.sum(0)


def hue_mix(degrees: float) -> Mix:
    """What a turn of hue does to weights on red, green and blue: a rotation about grey.

    >>> hue_mix(120.0).round(6) + 0.0
    array([[0., 0., 1.],
           [1., 0., 0.],
           [0., 1., 0.]])
    """
    turn = np.deg2rad(degrees)
    grey = np.full((3, 3), 1 / 3)
    across = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / np.sqrt(3)
    return np.cos(turn) * (np.eye(3) - grey) + np.sin(turn) * across + grey


def _sampled(tiles: Tiles, back: Float[np.ndarray, "2 2"]) -> Tiles:
    """Tiles read at other places: `back` leads from the place of a weight to where it came from, x before y."""
    tiles = np.asarray(tiles, float)
    height, width = tiles.shape[-2:]
    middle = (width - 1) / 2, (height - 1) / 2
    y, x = np.mgrid[:height, :width]
    from_x = back[0, 0] * (x - middle[0]) + back[0, 1] * (y - middle[1]) + middle[0]
    from_y = back[1, 0] * (x - middle[0]) + back[1, 1] * (y - middle[1]) + middle[1]
    # Rounding must not decide whether a place lies inside.
    from_x, from_y = from_x.round(9), from_y.round(9)
    left, top = np.floor(from_x).astype(int), np.floor(from_y).astype(int)
    result = np.zeros_like(tiles)
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        at_y, at_x = top + row, left + column
        share = np.abs(1 - row - (from_y - top)) * np.abs(1 - column - (from_x - left))
        inside = (at_y >= 0) & (at_y < height) & (at_x >= 0) & (at_x < width)
        result += np.where(inside, share, 0) * tiles[..., at_y.clip(0, height - 1), at_x.clip(0, width - 1)]
    return result
