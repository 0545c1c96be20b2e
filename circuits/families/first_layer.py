"""The first layer sorted by its weights: Gabor filters, colour contrast, and what is neither."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from circuits.families.family import Family
from circuits.families.rules import THRESHOLD, ramp

KINDS = ("gabors", "colour contrast", "other")
"""What `sort_filters` tells apart."""


class Filters(NamedTuple):
    """What decides about filters of the first layer, each in [0, 1].

    Attributes:
        colour: share of the squared weights that differ between red, green and blue.
        coarse: share of the squared weights that is left of them after a blur over three by three pixels.
        oriented: how much the frequencies of the mean over colours lie in one direction: 1 all of them, 0 none more
            than others.
        border: share of the squared weights in the outermost pixels; of even ones about half.
        orientations: the direction of these frequencies, across the stripes, in degrees up to 180.
    """

    colour: Float[np.ndarray, " units"]
    coarse: Float[np.ndarray, " units"]
    oriented: Float[np.ndarray, " units"]
    border: Float[np.ndarray, " units"]
    orientations: Float[np.ndarray, " units"]


def filter_features(kernel: Float[Array | np.ndarray, "rows columns 3 units"]) -> Filters:
    """What decides about filters: see `Filters`.

    Each filter's own median is taken off, so that it does not matter what stands for zero, as in published pictures.

    Args:
        kernel: weights on RGB, HWIO.

    Raises:
        ValueError: weights of another shape, or under three pixels wide.

    >>> window = np.hanning(9)[1:-1]
    >>> waves = (np.cos(np.arange(-3, 4) * 2.0) * window)[:, None] * window
    >>> found = filter_features(np.repeat(waves[..., None, None], 3, 2))
    >>> bool(found.colour[0] < 1e-9), round(float(found.orientations[0])) % 180
    (True, 90)
    """
    given = np.asarray(kernel, float)
    if given.ndim != 4 or given.shape[2] != 3 or min(given.shape[:2]) < 3:
        raise ValueError(
            f"the kernel has the shape {given.shape}; expected [rows, columns, 3, units], 3 pixels or more"
        )
    filters = np.moveaxis(given, -1, 0)
    filters = filters - np.median(filters.reshape(len(filters), -1), 1)[:, None, None, None]
    total = _energy(filters)
    chroma = filters - filters.mean(-1, keepdims=True)
    inner = _energy(filters[:, 1:-1, 1:-1])
    strength, angles = _direction(filters.mean(-1))
    return Filters(_energy(chroma) / total, _energy(_blurred(filters)) / total, strength, 1 - inner / total, angles)


def sort_filters(
    kernel: Float[Array | np.ndarray, "rows columns 3 units"], layer: str = "conv2d0"
) -> tuple[Family, ...]:
    """Sort the filters of a first layer into Gabor filters, colour contrast, and others.

    Gabor filters have their frequencies in one direction and not all of their weight in colour. Colour contrast has at
    least about a third of its weight in colour, in coarse patches. Neither sits at the filter's border, where filters
    that were never used keep a few weights.

    The thresholds were set on the published pictures of the filters of inception5h, of which 57 of 64 are sorted as in
    the article.

    Args:
        kernel: weights on RGB, HWIO.
        layer: name for the families.

    Raises:
        ValueError: as `filter_features`.

    >>> import inception_jax
    >>> found = sort_filters(inception_jax.load("mini").weights["conv2d0"]["kernel"])
    >>> [(family.name, len(family)) for family in found]
    [('gabors', 11), ('colour contrast', 7), ('other', 6)]
    """
    seen = filter_features(kernel)
    used = ramp(seen.border, 0.9, 0.5)
    gabors = np.min([ramp(seen.oriented, 0.2, 0.6), ramp(seen.colour, 0.95, 0.55), used], 0)
    colours = np.min([ramp(seen.colour, 0.1, 0.5), ramp(seen.coarse, 0.15, 0.5), used], 0)
    scores = np.stack([gabors, colours, np.full(len(used), THRESHOLD)])
    best = np.array([1, 0, 2])[scores[[1, 0, 2]].argmax(0)]
    found = []
    for number, name in enumerate(KINDS):
        units = np.flatnonzero(best == number)
        units = units[np.argsort(-scores[number, units], kind="stable")]
        angles = seen.orientations[units] if name == "gabors" else np.full(len(units), np.nan)
        fits = scores[number, units] if name != "other" else 1 - scores[:2, units].max(0)
        found.append(Family(name, layer, tuple(units.tolist()), tuple(angles.tolist()), tuple(fits.tolist()), 180.0))
    return tuple(found)


def _energy(filters: np.ndarray) -> np.ndarray:
    # A filter that is nothing shares nothing out.
    return np.maximum(np.square(filters).sum(tuple(range(1, filters.ndim))), 1e-30)


def _blurred(filters: np.ndarray) -> np.ndarray:
    padded = np.pad(filters, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    return (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 4


def _direction(filters: np.ndarray, points: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """How much frequencies lie in one direction, and in which, of the power spectrum below 0.4 cycles per pixel."""
    flat = filters - filters.mean((1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(flat, (points, points))) ** 2
    down, across = np.meshgrid(np.fft.fftfreq(points), np.fft.fftfreq(points), indexing="ij")
    power = power * (np.hypot(down, across) < 0.4)
    mean = (power * np.exp(2j * np.arctan2(down, across))).sum((1, 2)) / np.maximum(power.sum((1, 2)), 1e-30)
    return np.abs(mean), np.rad2deg(np.angle(mean)) / 2 % 180
