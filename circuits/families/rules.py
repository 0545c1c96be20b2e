"""Rules that say which family a unit belongs to, from what it responds to: a table, in which a family is an entry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from circuits.families.measuring import Measured

_SPOT = 1 / 6
"""Radius, in sides of what a unit sees, below which a curve is a spot to it."""

THRESHOLD = 0.5
"""Score from which on a unit belongs to a family: every criterion is at least half met."""


class Verdict(NamedTuple):
    """What a rule says of each unit of a layer.

    Attributes:
        criteria: by name, how far each is met, in [0, 1]; NaN-free.
        orientations: in degrees, clockwise from the right; NaN where the family has none.
        tuning: responses by angle, evenly spread over the rule's period; none where the family has no orientation.
    """

    criteria: Mapping[str, Float[np.ndarray, " units"]]
    orientations: Float[np.ndarray, " units"]
    tuning: Float[np.ndarray, "angles units"]

    @property
    def scores(self) -> Float[np.ndarray, " units"]:
        """How well each unit fits: the least of its criteria."""
        return np.min(list(self.criteria.values()), 0)


@dataclass(frozen=True)
class Rule:
    """How to tell whether units belong to a family.

    Attributes:
        judge: from responses to criteria and orientations; reads only the stimuli that it names.
        period: after how many degrees an orientation is the same again; `None` for families without.
        about: what the family responds to, in a sentence.
    """

    judge: Callable[[Measured], Verdict]
    period: float | None
    about: str


def ramp(values: Float[np.ndarray, " n"], none: float, full: float) -> Float[np.ndarray, " n"]:
    """How far a criterion is met: 0 at `none` and beyond, 1 at `full`, in between in proportion; 0 for NaN.

    >>> ramp(np.array([0.1, 0.4, 0.9, np.nan]), 0.2, 0.6).round(2).tolist()
    [0.0, 0.5, 1.0, 0.0]
    """
    return np.nan_to_num(np.clip((values - none) / (full - none), 0.0, 1.0))


def resultant(
    curve: Float[np.ndarray, "angles units"], angles: Float[np.ndarray, " angles"], period: float
) -> tuple[Float[np.ndarray, " units"], Float[np.ndarray, " units"]]:
    """How sharply units are tuned, and to which angle: length and direction of the mean vector.

    1 is a response to a single angle, 0 one without preference, or with two opposite ones. Half a turn of a sine,
    the rest zero, has 0.785.

    Args:
        curve: responses, not negative, at angles that are evenly spread.
        angles: in degrees.
        period: 360, or 180 for what is the same upside down.

    >>> length, angle = resultant(np.array([[0.0], [1.0], [0.0], [0.0]]), np.array([0.0, 90.0, 180.0, 270.0]), 360.0)
    >>> float(length[0]), round(float(angle[0]), 3)
    (1.0, 90.0)
    """
    turns = np.exp(2j * np.pi * angles / period)[:, None]
    total = curve.sum(0)
    mean = (curve * turns).sum(0) / np.where(total > 0, total, 1)
    return np.abs(mean), np.where(total > 0, np.rad2deg(np.angle(mean)) * period / 360 % period, np.nan)


def judge_curves(seen: Measured) -> Verdict:
    """Curves: tuned to where a curve bulges, drawn or filled, dark or light; not to straight lines and edges."""
    angles = seen.orientations("curve")
    styles = np.concatenate([seen.mean(name, "polarity", "orientation") for name in ("curve", "shape")])
    tuning = styles.mean(0)
    sharp, where = resultant(tuning, angles, 360.0)
    peak = tuning.max(0)
    lines = seen.mean("line", "orientation").max(0)
    edges = seen.responses["boundary"]
    edges = (edges + np.roll(edges, len(edges) // 2, 0)).max(0) / 2
    reached = styles.max(1)
    spots, larger = _by_size(seen)
    criteria = {
        "tuned": ramp(sharp, 0.2, 0.6),
        "curved": ramp(_share(np.maximum(lines, edges), peak), 0.9, 0.2),
        "larger than a spot": ramp(_share(spots, larger), 1.6, 1.0),
        "any style": ramp(_share(reached.min(0), reached.max(0)), 0.1, 0.8),
        "mostly": ramp(_share(peak, seen.overall), 0.1, 0.5),
        "strong": strength(seen),
    }
    return Verdict(criteria, where, tuning)


def judge_high_low(seen: Measured) -> Verdict:
    """High-low frequency: high frequencies on one side and low ones on the other, more than either alone."""
    tuning = seen.mean("high_low", "orientation")
    sharp, where = resultant(tuning, seen.orientations("high_low"), 360.0)
    peak = tuning.max(0)
    alone = seen.mean("texture", "wavelength").max(0)
    shapes = np.max([seen.best(name) for name in ("curve", "centre", "line", "boundary")], 0)
    criteria = {
        "tuned": ramp(sharp, 0.4, 0.8),
        "both": ramp(_share(alone, peak), 0.6, 0.1),
        "texture": ramp(_share(shapes, seen.best("high_low")), 1.1, 0.3),
        "any phase": ramp(_share(peak, seen.best("high_low")), 0.56, 0.88),
        "mostly": ramp(_share(seen.best("high_low"), seen.overall), 0.7, 1.0),
        "strong": strength(seen),
    }
    return Verdict(criteria, where, tuning)


def judge_lines(seen: Measured) -> Verdict:
    """Lines: a straight line of one orientation, more than a curve, an edge, or many lines side by side."""
    tuning = _preferred(seen.mean("line", "polarity", "orientation"))
    sharp, where = resultant(tuning, seen.orientations("line"), 180.0)
    peak = seen.best("line")
    curves = seen.mean("curve", "polarity", "radius", "orientation").max((0, 1, 2))
    criteria = {
        "tuned": ramp(sharp, 0.2, 0.8),
        "single": ramp(_share(seen.best("grating"), peak), 1.6, 0.8),
        "line": ramp(_share(seen.best("boundary"), peak), 1.3, 0.7),
        "straight": ramp(_share(curves, peak), 1.4, 0.8),
        "strong": strength(seen),
    }
    return Verdict(criteria, where, tuning)


def judge_gabors(seen: Measured) -> Verdict:
    """Gabor filters and textures: a grating of one orientation and wavelength, more than anything else."""
    grating = seen.responses["grating"].max(list(seen.axes["grating"]).index("phase"))
    tuning = _preferred(grating)
    sharp, where = resultant(tuning, seen.orientations("grating"), 180.0)
    criteria = {
        "tuned": ramp(sharp, 0.2, 0.8),
        "mostly": ramp(_share(seen.best("grating"), seen.overall), 0.5, 0.9),
        "strong": strength(seen),
    }
    return Verdict(criteria, where, tuning)


def judge_color_contrast(seen: Measured) -> Verdict:
    """Colour contrast: one hue on one side of a boundary and the opposite one on the other."""
    hues = seen.responses["hue_boundary"]
    tuning = _preferred(hues)
    sharp, where = resultant(tuning, seen.orientations("hue_boundary"), 360.0)
    peak = seen.best("hue_boundary")
    criteria = {
        "tuned": ramp(sharp, 0.2, 0.7),
        "coloured": ramp(_share(seen.best("boundary"), peak), 1.0, 0.4),
        "mostly": ramp(_share(peak, seen.overall), 0.5, 0.9),
        "strong": strength(seen),
    }
    return Verdict(criteria, where, tuning)


def judge_centre_surround(seen: Measured) -> Verdict:
    """Centre-surround: a disc in a ring of the opposite brightness or colour, more than what has an orientation."""
    centre = np.maximum(seen.best("centre"), seen.best("hue_centre"))
    oriented = np.max([seen.best(name) for name in ("line", "boundary", "hue_boundary", "grating")], 0)
    arcs = np.concatenate([seen.mean(name, "polarity", "orientation") for name in ("curve", "shape")]).mean(0)
    criteria = {
        "all around": ramp(resultant(arcs, seen.orientations("curve"), 360.0)[0], 0.6, 0.2),
        "round": ramp(_share(oriented, centre), 1.2, 0.6),
        "mostly": ramp(_share(centre, seen.overall), 0.6, 1.0),
        "strong": strength(seen),
    }
    return Verdict(criteria, *_without(seen))


def judge_black_and_white(seen: Measured) -> Verdict:
    """Black and white: gratings in greys, and nothing once they are tinted, in whatever hue."""
    grey = seen.mean("pale", "wavelength", "orientation").max((0, 1))
    tinted = seen.mean("tinted", "tint", "wavelength", "orientation").max((1, 2)).max(0)
    criteria = {
        "grey": ramp(_share(tinted, grey), 0.9, 0.4),
        "mostly": ramp(_share(grey, seen.overall), 0.1, 0.5),
        "strong": strength(seen),
    }
    return Verdict(criteria, *_without(seen))


def judge_boundaries(seen: Measured) -> Verdict:
    """Boundaries: an edge at one place and orientation, whatever differs across it: brightness, colour, frequency."""
    angles = seen.orientations("boundary")
    cues = np.stack(
        [seen.responses["boundary"], *(seen.mean(name, "orientation") for name in ("hue_boundary", "high_low"))]
    )
    peaks = cues.max(1)
    tuning = (cues / np.where(peaks > 0, peaks, 1)[:, None]).mean(0)
    once, where = resultant(tuning, angles, 360.0)
    twice, axis = resultant(tuning, angles, 180.0)
    criteria = {
        "tuned": ramp(np.maximum(once, twice), 0.2, 0.6),
        "any cue": ramp(_share(peaks.min(0), peaks.max(0)), 0.1, 0.7),
        "mostly": ramp(_share(peaks.max(0), seen.overall), 0.3, 0.8),
        "strong": strength(seen),
    }
    return Verdict(criteria, np.where(once >= twice, where, axis), tuning)


RULES: dict[str, Rule] = {
    "curves": Rule(judge_curves, 360.0, "curves that bulge one way, however they are drawn"),
    "high-low frequency": Rule(judge_high_low, 360.0, "high frequencies beside low ones"),
    "lines": Rule(judge_lines, 180.0, "single straight lines"),
    "colour contrast": Rule(judge_color_contrast, 360.0, "a hue beside the opposite one"),
    "centre-surround": Rule(judge_centre_surround, None, "a disc in a ring of another brightness or colour"),
    "black and white": Rule(judge_black_and_white, None, "patterns in greys, not in tints"),
    "boundaries": Rule(judge_boundaries, 360.0, "edges in brightness, colour and frequency alike"),
    "gabors": Rule(judge_gabors, 180.0, "gratings"),
}
"""Every family that `search` knows, by its name. Where a unit meets several equally well, the first counts."""


def strength(seen: Measured) -> Float[np.ndarray, " units"]:
    """Whether units respond at all: their largest response, beside that of the layer's middle unit.

    A unit that nothing in the battery drives is not known by it, whatever the shape of what little it does.

    >>> seen = Measured("a", {"line": np.array([[0.1, 1.0, 2.0]])}, {"line": {"orientation": np.array([0.0])}})
    >>> strength(seen).round(2).tolist()
    [0.0, 0.75, 1.0]
    """
    largest = seen.overall
    return ramp(_share(largest, np.full_like(largest, np.median(largest))), 0.4, 1.2)


def _by_size(seen: Measured) -> tuple[np.ndarray, np.ndarray]:
    """Responses to curves that are spots, for what a unit sees, and to larger ones: the best radius of each."""
    radii = np.asarray(seen.axes["curve"]["radius"])
    tuning = seen.mean("curve", "radius", "orientation").max(1) + seen.mean("shape", "radius", "orientation").max(1)
    spots = radii < (seen.field or 0) * _SPOT
    none = np.zeros((1, seen.units))
    return np.concatenate([none, tuning[spots]]).max(0), np.concatenate([none, tuning[~spots]]).max(0)


def _without(seen: Measured) -> tuple[np.ndarray, np.ndarray]:
    """Orientations and tuning of a family that has none."""
    return np.full(seen.units, np.nan), np.zeros((0, seen.units))


def _preferred(curves: np.ndarray) -> np.ndarray:
    """Of tuning curves `[*others, orientation, units]` each unit's strongest."""
    flat = curves.reshape(-1, *curves.shape[-2:])
    best = flat.max(1).argmax(0)
    return np.take_along_axis(flat, best[None, None], 0)[0]


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """A quotient, infinite over zero."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.inf), where=whole > 0)
