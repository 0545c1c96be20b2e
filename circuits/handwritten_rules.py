"""The rules of the hand-written network: what lines and curves say about each other, as weights.

Positions are those of a map, x to the right and y downwards; angles are in degrees, clockwise from the right, as the
article counts. A line unit has the angle of its normal, from 0 to 170 in steps of 10, a curve unit the direction in
which it bulges, from 0 to 345 in steps of 15. Everything follows from where the lines and arcs lie that the units look
for, so a quarter turn of the plane turns the weights and renumbers the units, exactly.
"""

import numpy as np
from jaxtyping import Float

CURVES = 24
LINES = 18
PHASES = 4

RADIUS = 6.0
"""Of the curves, in positions of a map whose positions lie 8 pixels apart: 48 pixels."""

_WIDTH = 1.4
"""How far from a line weights reach, in positions."""

_SURROUND = 0.1
"""Beside a line, what excites on it inhibits, this much."""

# Support by the angle between what a unit looks for and what the unit below has found; straight in between. Numbers are
# rounded readings of the published weights.
_CURVE_TO_CURVE = {0: 1.0, 55: 0.0, 125: 0.0, 180: -1.0}
_LINE_TO_LINE = {0: 1.0, 10: 0.2, 20: 0.0, 35: 0.0, 40: -0.05, 70: -0.1, 80: -0.3, 90: -0.6}
# A line is turned further than the arc, or less far, by so much; or against the arc, which is the echo's sign.
_LINE_ALONG_CURVE = {-20: 0.2, 0: 1.0, 27: 0.0, 42: -0.65, 65: 0.0, 90: 0.0}
_LINE_AGAINST_CURVE = {0: 1.0, 10: 0.6, 20: -1.0, 30: -1.0, 62: 0.0, 90: 0.0}


def curve_to_curve(side: int, radius: float = RADIUS) -> Float[np.ndarray, "24 24 row column"]:
    """Weights from curves to curves: for those that continue the arc, against those that bulge the other way.

    Args:
        side: of the tiles, odd.
        radius: of the arcs, in positions.

    >>> tile = curve_to_curve(5)[0, 0]
    >>> tile[2].round(2)
    array([-0.1 ,  0.21,  1.  ,  0.21, -0.1 ])
    """
    distance, normal, _ = _arcs(side, radius)
    between = _turn(curve_angles()[None, :, None, None] - normal[:, None], 360)
    return _tiles(_interpolated(np.abs(between), _CURVE_TO_CURVE), distance[:, None])


def line_to_curve(side: int, radius: float = RADIUS) -> Float[np.ndarray, "24 18 row column"]:
    """Weights from lines to curves: for tangents, against lines that cross, and those that turn against the bend.

    The last are what keeps a curve from answering to the opposite one, its echo, whose middle has the same tangent.

    Args:
        side: of the tiles, odd.
        radius: of the arcs, in positions.

    >>> bottom = line_to_curve(5)[0, :, 4, 2]  # Where the arc that bulges to the right turns by 20 degrees.
    >>> bool(bottom[2] > 0.5), bool(bottom[16] < -0.5)
    (True, True)
    """
    distance, _, along = _arcs(side, radius)
    line = _turn(line_angles()[None, :, None, None] - curve_angles()[:, None, None, None], 180)
    turned = along[:, None]
    further = _turn(line - turned, 180) * np.where(turned < 0, -1, 1)
    with_bend = _interpolated(further, _LINE_ALONG_CURVE)
    against = _interpolated(np.abs(further), _LINE_AGAINST_CURVE)
    # In the middle of the arc, and for lines like its middle tangent, the two cannot be told apart.
    agrees = np.sign(np.round(line * turned, 6))
    support = np.where(agrees > 0, with_bend, np.where(agrees < 0, against, (with_bend + against) / 2))
    return _tiles(support, distance[:, None])


def line_to_line(side: int) -> Float[np.ndarray, "18 18 row column"]:
    """Weights from lines to lines: for those that continue the line, against those that cross it.

    Args:
        side: of the tiles, odd.

    >>> line_to_line(3)[0, 0].round(2)
    array([[0.21, 1.  , 0.21],
           [0.21, 1.  , 0.21],
           [0.21, 1.  , 0.21]])
    """
    y, x = _grid(side)
    angles = np.deg2rad(line_angles())[:, None, None]
    distance = x * np.cos(angles) + y * np.sin(angles)
    between = _turn(line_angles()[None] - line_angles()[:, None], 180)
    return _tiles(_interpolated(np.abs(between), _LINE_TO_LINE)[..., None, None], distance[:, None])


def gabors(wavelength: float, width: float) -> Float[np.ndarray, "18 4 7 7"]:
    """Gabor patches of the lines' angles in four phases, without a mean, of length 1.

    Args:
        wavelength: in pixels.
        width: standard deviation of the envelope, in pixels.

    >>> found = gabors(5.0, 1.8)
    >>> bool(np.allclose(found[:, 2], -found[:, 0])), found.shape
    (True, (18, 4, 7, 7))
    """
    y, x = _grid(7)
    angles = np.deg2rad(line_angles())[:, None, None, None]
    # Between odd and even, so that a patch turned by half a turn is another of them.
    phases = (np.arange(PHASES)[:, None, None] + 0.5) * 2 * np.pi / PHASES
    waves = np.cos((x * np.cos(angles) + y * np.sin(angles)) * 2 * np.pi / wavelength + phases)
    envelope = np.exp(-(x**2 + y**2) / (2 * width**2))
    patches = envelope * (waves - (envelope * waves).sum((2, 3), keepdims=True) / envelope.sum())
    return patches / np.linalg.norm(patches, axis=(2, 3), keepdims=True)


def curve_angles() -> Float[np.ndarray, " 24"]:
    """The direction in which each curve bulges, in degrees.

    >>> curve_angles()[:3]
    array([ 0., 15., 30.])
    """
    return np.arange(CURVES) * 360.0 / CURVES


def line_angles() -> Float[np.ndarray, " 18"]:
    """The direction of each line's normal, in degrees.

    >>> line_angles()[:3]
    array([ 0., 10., 20.])
    """
    return np.arange(LINES) * 180.0 / LINES


def _arcs(side: int, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance from each curve's arc, the arc's normal, and how far it has turned there: `[curve, row, column]`."""
    y, x = _grid(side)
    bulge = np.deg2rad(curve_angles())[:, None, None]
    right, down = x + radius * np.cos(bulge), y + radius * np.sin(bulge)  # From the circle's middle.
    normal = np.rad2deg(np.arctan2(down, right))
    return np.hypot(right, down) - radius, normal, _turn(normal - curve_angles()[:, None, None], 360)


def _tiles(support: np.ndarray, distance: np.ndarray) -> np.ndarray:
    near = np.maximum(0, 1 - np.abs(distance) / _WIDTH)
    return support * near - _SURROUND * np.maximum(support, 0) * (1 - near)


def _interpolated(angles: np.ndarray, table: dict[int, float]) -> np.ndarray:
    return np.interp(angles, list(table), list(table.values()))


def _turn(angles: np.ndarray, period: int) -> np.ndarray:
    """Angles from minus to plus half a period, rounded so that equal ones are equal."""
    return np.round((angles + period / 2) % period - period / 2, 9)


def _grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return y, x
