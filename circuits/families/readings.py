"""Orientations read from photographs, without the network: from crops around the places where a unit is active."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from circuits.stimuli import Curve

Crops = Float[np.ndarray, "n side side 3"]
Angles = Num[np.ndarray, "..."] | float | int


def curve_reading(crops: Crops, radii: Sequence[float] = (0.15, 0.25, 0.4, 0.6), step: float = 5.0) -> float:
    """Direction in which curves bulge in the middle of crops: that of the drawn curve whose edges fit theirs best.

    Edges are compared by place and orientation, whichever side is darker. Each crop counts the same.

    Args:
        crops: square, RGB in [0, 1], the place that a unit looks at in the middle.
        radii: of the curves that are tried, in sides of a crop; the fit is the mean over them.
        step: between the orientations that are tried, in degrees.

    Returns:
        Degrees, clockwise from the right; NaN for crops without edges.

    Raises:
        ValueError: no crops, or such as are no squares of at least 8 pixels.

    >>> drawn = np.asarray(Curve(orientation=210.0, radius=10.0).image(32))
    >>> curve_reading(drawn[None])
    210.0
    """
    checked(crops)
    side = crops.shape[1]
    seen = _edges(crops)
    sizes = np.sqrt((np.abs(seen) ** 2).sum((1, 2), keepdims=True))
    if not (sizes > 0).any():
        return float("nan")
    mean = (seen / np.where(sizes > 0, sizes, 1)).sum(0)
    angles = np.arange(0.0, 360.0, step)
    fits = np.zeros(len(angles))
    for radius in radii:
        drawn = _edges(np.asarray(Curve(orientation=angles, radius=radius * side).image(side)))
        drawn /= np.sqrt((np.abs(drawn) ** 2).sum((1, 2), keepdims=True))
        fits += (np.conj(drawn) * mean).sum((1, 2)).real
    return float(angles[fits.argmax()])


def high_low_reading(crops: Crops) -> float:
    """Direction in which high frequencies lie from the middle of crops.

    Args:
        crops: square, RGB in [0, 1], the place that a unit looks at in the middle.

    Returns:
        Degrees, clockwise from the right; NaN for crops without any.

    Raises:
        ValueError: no crops, or such as are no squares of at least 8 pixels.

    >>> from circuits.stimuli import HighLow
    >>> drawn = np.asarray(HighLow(orientation=120.0, wavelength=4.0, ratio=6.0, phase=30.0).image(48))
    >>> abs(high_low_reading(drawn[None]) - 120) < 5
    True
    """
    checked(crops)
    side = crops.shape[1]
    grey = crops.mean(-1)
    # What the mean over three by three pixels leaves out.
    smooth = np.mean([np.roll(grey, (i, j), (1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1)], 0)
    fine = np.abs(grey - smooth) * _window(side) * (_distance(side)[0] < side / 2 - 2)
    totals = fine.sum((1, 2), keepdims=True)
    if not (totals > 0).any():
        return float("nan")
    pull = ((fine / np.where(totals > 0, totals, 1)).sum(0) * np.exp(1j * _distance(side)[1])).sum()
    return float(np.rad2deg(np.angle(pull)) % 360)


def line_reading(crops: Crops) -> float:
    """Direction across the edges in the middle of crops, the mean over all.

    Args:
        crops: square, RGB in [0, 1], the place that a unit looks at in the middle.

    Returns:
        Degrees from 0 to 180, clockwise from the right; NaN for crops without edges.

    Raises:
        ValueError: no crops, or such as are no squares of at least 8 pixels.

    >>> from circuits.stimuli import Line
    >>> abs(line_reading(np.asarray(Line(orientation=50.0).image(32))[None]) - 50.0) < 2
    True
    """
    checked(crops)
    seen = _edges(crops)
    totals = np.abs(seen).sum((1, 2), keepdims=True)
    if not (totals > 0).any():
        return float("nan")
    mean = (seen / np.where(totals > 0, totals, 1)).sum()
    return float(np.rad2deg(np.angle(mean)) / 2 % 180)


READINGS = {
    "curves": curve_reading,
    "high-low frequency": high_low_reading,
    "lines": line_reading,
    "gabors": line_reading,
}
"""How the orientation of a family's units is read from photographs."""


def apart(one: Angles, other: Angles, period: float = 360.0) -> Any:
    """Degrees between orientations, at most half a period: of two numbers, or of arrays element by element.

    >>> apart(350.0, 20.0), apart(170.0, 10.0, 180.0)
    (30.0, 20.0)
    >>> apart(np.array([350.0, 10.0]), np.array([10.0, 100.0])).tolist()
    [20.0, 90.0]
    """
    return abs((one - other + period / 2) % period - period / 2)


def checked(crops: np.ndarray) -> None:
    """Raise `ValueError` for what are no crops."""
    if crops.ndim != 4 or not len(crops) or crops.shape[1] != crops.shape[2] or crops.shape[1] < 8:
        raise ValueError(f"crops have the shape {crops.shape}; expected [n, side, side, 3], one at least of 8 pixels")


def _edges(images: np.ndarray) -> np.ndarray:
    """Strength of edges, and twice their direction, as complex numbers, less towards the border."""
    grey = images.mean(-1)
    down, across = np.gradient(grey, axis=(1, 2))
    gradient = across + 1j * down
    strength = np.abs(gradient)
    return gradient**2 / np.where(strength > 0, strength, 1) * _window(images.shape[1])


def _window(side: int) -> np.ndarray:
    return np.exp(-0.5 * (_distance(side)[0] / (0.25 * side)) ** 2)


def _distance(side: int) -> tuple[np.ndarray, np.ndarray]:
    place = np.arange(side) - side // 2
    return np.hypot(place[:, None], place), np.arctan2(place[:, None], np.broadcast_to(place, (side, side)))
