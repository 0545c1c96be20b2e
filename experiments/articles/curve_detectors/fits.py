"""Whether the tails of a distribution fall off exponentially: straight lines through its logarithm."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Num


class Line(NamedTuple):
    """A line through the logarithm of the density, the share of all values over the width of a bin.

    Attributes:
        slope: by how much the natural logarithm changes, a unit of activation further.
        offset: its value at zero.
        r2: share of the variance that it explains; NaN where there are too few bins for a line.
        normal: the same of a parabola around the mean, which a normal distribution would be; a line fits a short piece
            of one nearly as well.
        span: from where to where it was fitted.
    """

    slope: float
    offset: float
    r2: float
    normal: float
    span: tuple[float, float]


class Tails(NamedTuple):
    """Lines through both ends of a distribution."""

    below: Line
    above: Line


def exponential_tails(
    ends: Float[np.ndarray, " edges"], masses: Num[np.ndarray, " bins"], share: float = 0.1, least: float = 0.0
) -> Tails:
    """Fit an exponential to each end of a distribution: a line through the logarithm of densities, by least squares.

    Wider bins count for more, so that equal lengths of the axis count the same.

    Args:
        ends: where bins begin and end.
        masses: how many values are in each, or which share.
        share: of all values that is the tail, on either side.
        least: bins with less or as much are left out: the logarithm of a few is noise.

    >>> edges = np.arange(-20.0, 21.0)
    >>> tails = exponential_tails(edges, np.exp(-np.abs(edges[:-1] + 0.5)))
    >>> round(tails.above.slope, 3), round(tails.below.slope, 3), round(tails.below.r2, 3)
    (-1.0, 1.0, 1.0)
    """
    up_to, whole = np.cumsum(masses), max(np.sum(masses), 1e-300)
    filled = (np.asarray(masses) > least) & np.isfinite(np.diff(ends))
    below, above = filled & (up_to <= share * whole), filled & (whole - up_to + masses <= share * whole)
    shares = np.asarray(masses, float) / whole
    finite = np.isfinite(np.diff(ends))
    mean = float(((ends[1:] + ends[:-1])[finite] / 2 * shares[finite]).sum())
    return Tails(_line(ends, shares, below, mean), _line(ends, shares, above, mean))


def _line(ends: np.ndarray, shares: np.ndarray, chosen: np.ndarray, mean: float) -> Line:
    low, high = ends[:-1][chosen], ends[1:][chosen]
    wide, middle = high - low, (low + high) / 2
    if len(wide) < 3:
        nothing = float("nan")
        return Line(nothing, nothing, nothing, nothing, (nothing, nothing))
    logs = np.log(shares[chosen] / wide)
    total = np.average(np.square(logs - np.average(logs, weights=wide)), weights=wide)

    def fit(along: np.ndarray) -> tuple[float, float, float]:
        slope, offset = np.polyfit(along, logs, 1, w=np.sqrt(wide))
        off = np.average(np.square(logs - (slope * along + offset)), weights=wide)
        return float(slope), float(offset), float(1 - off / total)

    normal = fit(np.square(middle - mean))[2]
    return Line(*fit(middle), normal, (float(middle[0]), float(middle[-1])))
