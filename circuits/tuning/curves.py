"""Numbers that describe tuning curves: preferred angle, width, echo, and what a nuisance changes.

Curves are arrays `[angles, *units]` over a grid of angles that goes around evenly, once. Negative responses count as
none, as behind a ReLU. Units that do not respond at all have no preferred angle, and none of these numbers: NaN.
"""

import numpy as np
from jaxtyping import Float, Num

Curves = Num[np.ndarray, "angles *units"]


def peak(curves: Curves, angles: Num[np.ndarray, " angles"]) -> Float[np.ndarray, "*units"]:
    """Where units respond most, the first of such places: their preferred orientation, or any other parameter.

    Args:
        curves: responses.
        angles: where they were measured; any values, in any order.

    Raises:
        ValueError: no curves over these angles.

    >>> peak(np.array([[0.0, 1.0], [2.0, 0.5], [1.0, 0.0]]), np.array([0.0, 120.0, 240.0]))
    array([120.,   0.])
    """
    positive, silent = _checked(curves, angles)
    return np.where(silent, np.nan, np.asarray(angles, float)[positive.argmax(0)])


def circular_mean(
    curves: Curves, angles: Num[np.ndarray, " angles"], period: float = 360.0
) -> Float[np.ndarray, "*units"]:
    """The angle of the responses' mean vector, in [0, period): the middle of all that a unit responds to.

    Args:
        curves: responses.
        angles: in the unit of `period`.
        period: 360 for curves, 180 for lines, which are the same after half a turn.

    Raises:
        ValueError: no curves over these angles, a period that is not positive.

    >>> float(circular_mean(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.0, 90.0, 180.0, 270.0])).round(3))
    45.0
    """
    vector, silent = _vector(curves, angles, period)
    return np.where(silent, np.nan, np.angle(vector) / (2 * np.pi) * period % period)


def spread(curves: Curves, angles: Num[np.ndarray, " angles"], period: float = 360.0) -> Float[np.ndarray, "*units"]:
    """Circular standard deviation of the responses, in the unit of `period`: 0 for one angle, infinite for all alike.

    Args:
        curves: responses.
        angles: in the unit of `period`.
        period: as in `circular_mean`.

    Raises:
        ValueError: no curves over these angles, a period that is not positive.

    Source: Mardia and Jupp, *Directional Statistics*, 2000.

    >>> round(float(spread(np.array([0.0, 1.0, 0.0, 0.0]), np.array([0.0, 90.0, 180.0, 270.0]))), 3)
    0.0
    """
    vector, silent = _vector(curves, angles, period)
    with np.errstate(divide="ignore"):
        deviation = np.sqrt(np.abs(2 * np.log(np.minimum(np.abs(vector), 1.0)))) / (2 * np.pi) * period
    return np.where(silent, np.nan, deviation)


def width(curves: Curves, angles: Num[np.ndarray, " angles"], period: float = 360.0) -> Float[np.ndarray, "*units"]:
    """Full width at half maximum: over how much of the circle the response is at least half of the largest.

    All that reaches the half counts, wherever it is: a unit with two equal peaks is twice as wide.

    Args:
        curves: responses.
        angles: in the unit of `period`.
        period: as in `circular_mean`.

    Raises:
        ValueError: no curves over these angles, a period that is not positive.

    >>> float(width(np.array([0.0, 2.0, 1.0, 0.0]), np.array([0.0, 90.0, 180.0, 270.0])))
    180.0
    """
    positive, silent = _checked(curves, angles, period)
    return np.where(silent, np.nan, (positive >= positive.max(0) / 2).mean(0) * period)


def echo(
    curves: Curves, angles: Num[np.ndarray, " angles"], period: float = 360.0, within: float = 30.0
) -> Float[np.ndarray, "*units"]:
    """Echo ratio: the largest response near the opposite of the peak over the peak, 0 to 1.

    Args:
        curves: responses.
        angles: in the unit of `period`.
        period: as in `circular_mean`; the opposite is half of it further on.
        within: how far from the opposite still counts, in the unit of `period`.

    Raises:
        ValueError: no curves over these angles, none near the opposite, a period that is not positive.

    Source: *Curve Detectors* (Distill, 2020), which calls a response to curves turned by 180 degrees an echo.

    >>> float(echo(np.array([0.0, 2.0, 0.0, 1.0]), np.array([0.0, 90.0, 180.0, 270.0])))
    0.5
    """
    positive, silent = _checked(curves, angles, period)
    opposite = peak(curves, angles) + period / 2
    grid = np.asarray(angles, float).reshape(-1, *(1,) * (positive.ndim - 1))
    away = np.abs((grid - opposite + period / 2) % period - period / 2)
    # Angles are sums of steps, which float64 may miss by a little.
    near = away <= within + 1e-9 * period
    if (~silent & ~near.any(0)).any():
        raise ValueError(f"no angle is within {within} of the opposite of a peak; expected a finer grid, or more")
    return np.where(silent, np.nan, np.where(near, positive, 0).max(0) / np.where(silent, 1, positive.max(0)))


def invariance(responses: Num[np.ndarray, "*grid units"], nuisances: tuple[int, ...]) -> Float[np.ndarray, " units"]:
    """How little of a unit's response depends on nuisance parameters, 0 to 1.

    It is the share of the responses' variance over the grid that the other parameters explain, the variance of the
    mean over the nuisances: 1 if these change nothing, 0 if averaging over them leaves nothing of the tuning. A unit
    that keeps its preferred angle but responds more strongly at some radii lies between. Units whose response is the
    same everywhere have none: NaN.

    Args:
        responses: over a grid of parameters.
        nuisances: the axes of the grid that are nuisances, by number.

    Raises:
        ValueError: axes that the grid does not have, or all of them.

    Source: the main effect of an analysis of variance (eta squared).

    >>> tuned = np.array([[0.0], [1.0], [3.0]])
    >>> invariance(np.stack([tuned, tuned], 1), (1,)), invariance(np.stack([tuned, -tuned], 1), (1,))
    (array([1.]), array([0.]))
    """
    grid = np.ndim(responses) - 1
    if not nuisances or not all(0 <= axis < grid for axis in nuisances) or len(set(nuisances)) >= grid:
        raise ValueError(f"nuisances are {nuisances}; expected some of the axes 0 to {grid - 1} of the grid, not all")
    values = np.asarray(responses, np.float64)
    everything = tuple(range(grid))
    total = values.var(everything)
    explained = values.mean(nuisances, keepdims=True).var(everything)
    # What float64 leaves of a constant.
    silent = total <= 1e-24 * np.maximum(np.square(values).max(everything), 1e-300)
    return np.where(silent, np.nan, np.minimum(explained / np.where(silent, 1, total), 1.0))


def _checked(curves: np.ndarray, angles: np.ndarray, period: float = 360.0) -> tuple[np.ndarray, np.ndarray]:
    """Responses without negative ones, and which units have none."""
    values, grid = np.asarray(curves, np.float64), np.asarray(angles)
    if grid.ndim != 1 or not grid.size or values.shape[:1] != grid.shape:
        raise ValueError(f"curves have shape {values.shape} for angles of shape {grid.shape}; expected [angles, ...]")
    if not np.isfinite(values).all() or not np.isfinite(grid).all():
        raise ValueError("curves and angles are not all finite; expected numbers")
    if not period > 0:
        raise ValueError(f"period is {period}; expected a positive number, 360 for a full turn in degrees")
    positive = np.maximum(values, 0)
    return positive, np.asarray(positive.max(0) <= 0)


def _vector(curves: np.ndarray, angles: np.ndarray, period: float) -> tuple[np.ndarray, np.ndarray]:
    positive, silent = _checked(curves, angles, period)
    turns = np.exp(2j * np.pi * np.asarray(angles, float) / period)
    total = np.where(silent, 1.0, positive.sum(0))
    return np.asarray(np.tensordot(turns, positive, (0, 0)) / total), silent
