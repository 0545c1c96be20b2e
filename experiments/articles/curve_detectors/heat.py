"""Heat maps: responses of curve detectors over orientation and radius."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image

from circuits.families import apart
from circuits.tuning import receptive_field
from experiments.articles.curve_detectors.radial import Curves, Tunings
from experiments.circuits import pictures
from experiments.study import Study
from experiments.study.plots import heat

RADII = (45.0, 80.0)
"""Pixels, between which all published peaks are."""
_FIELD = 91
"""Pixels that units of mixed3b see in inception5h, for which these radii are."""
_PANEL = 180, 100


def show_heat(study: Study, tunings: Tunings) -> None:
    """A heat map for each curve detector of mixed3b, and where its peak is."""
    study.page.section(
        "Orientation and radius",
        "The same stimuli, one by one. A curve detector responds to a range of radii about the one it prefers, and "
        "to orientations within some 50 degrees; to large circles, which are nearly straight lines, in a wider range.",
    )
    if "mixed3b" in tunings and tunings["mixed3b"].family.angles:
        curves = tunings["mixed3b"]
        _show(study, curves, curves.family.by_orientation(study.few(10)))
    _claim_found(study, tunings)
    _claim_published(study, tunings)


def panels(
    maps: Sequence[Float[np.ndarray, "radii angles"]], labels: Sequence[str], most: float, columns: int = 5
) -> Image.Image:
    """Heat maps with one scale, beside and below each other.

    Args:
        maps: one of each unit.
        labels: a name for each.
        most: what has the last colour; zero has the first.
        columns: maps in a line.

    >>> panels([np.eye(4)] * 3, ["a", "b", "c"], 1.0, columns=2).size
    (396, 274)
    """
    import matplotlib

    colours = matplotlib.colormaps["turbo"]
    shown = [
        Image.fromarray((255 * colours(one / most)[..., :3]).astype(np.uint8)).resize(_PANEL, Image.Resampling.NEAREST)
        for one in maps
    ]
    blank = Image.new("RGB", _PANEL, "white")
    lines = []
    for first in range(0, len(shown), columns):
        rest = columns - len(shown[first : first + columns]) if first else 0
        line = [*shown[first : first + columns], *[blank] * rest]
        lines.append(pictures.across(line, [*labels[first : first + columns], *[""] * rest], gap=16))
    paper = Image.new("RGB", (lines[0].width, sum(line.height for line in lines)), "white")
    for number, line in enumerate(lines):
        paper.paste(line, (0, number * lines[0].height))
    return paper


def _show(study: Study, curves: Curves, units: list[int]) -> None:
    values = np.moveaxis(curves.tuning.values, (-1, -2), (0, 1))[curves.of(units)]
    study.page.figure(
        "heat-maps",
        panels(list(values), [f"mixed3b:{u}" for u in units], float(values.max()) or 1.0),
        "Responses of curve detectors of mixed3b, with one scale of colours from nothing (dark blue) to "
        f"{values.max():.0f} (red). Orientation runs to the right, from 0 to 360 degrees; radii downwards, from 287 "
        "pixels to 12, every line the same share smaller. Each unit has one spot, further right from unit to unit.",
        alt=f"{len(units)} heat maps, each with one bright spot, at another orientation each",
    )
    best = int(np.argmax(values.max((1, 2))))
    radii = curves.tuning.axes["radius"]
    study.page.figure(
        "heat-map",
        heat(
            values[best],
            (0.0, 360.0, float(np.log10(radii[-1])), float(np.log10(radii[0]))),
            "orientation in degrees",
            "radius in pixels, as a power of ten",
            bar="activation",
        ),
        f"The one that responds most, mixed3b:{units[best]}: at {peak_radii(curves)[curves.of([units[best]])[0]]:.0f} "
        "pixels.",
        alt="A heat map with one bright spot in the middle of the radii",
    )


def peak_radii(curves: Curves) -> Float[np.ndarray, " units"]:
    """The radius of the curve to which each unit responds most."""
    return curves.tuning.best()["radius"]


def _claim_found(study: Study, tunings: Tunings) -> None:
    text = "Curve detectors of mixed3b prefer curves of about 60 pixels"
    known = {"published": "48.8 to 76.0 px", "rows": (7,)}
    if "mixed3b" not in tunings:
        study.claim(text, "45 to 80 px for nine of ten", why="no curve detectors were found in mixed3b", **known)
        return
    curves = tunings["mixed3b"]
    at = curves.of(list(curves.family.angles))
    rows, _ = receptive_field(study.model, "mixed3b", study.model.architecture.image_size).box
    scale = (rows[1] - rows[0]) / _FIELD
    low, high = (scale * radius for radius in RADII)
    radii = peak_radii(curves)[at]
    inside = int(((radii >= low) & (radii <= high)).sum())
    same = "" if scale == 1 else f", the published 45 to 80 for units that see {rows[1] - rows[0]} pixels and not 91"
    study.claim(
        text, f"peaks between {low:.0f} and {high:.0f} px for nine of ten{same}",
        measured=f"{inside} of {len(radii)}, median {np.median(radii):.0f} px", holds=inside >= 0.9 * len(radii),
        **known,
    )  # fmt: skip
    text, expected = "Curves drive their detectors far beyond what photographs do", "median peak of ten deviations"
    known = {"published": "16.9 to 24.2 deviations", "rows": (7,)}
    if study.dataset is None:
        study.claim(text, expected, why="no photographs", **known)
        return
    deviations = np.sqrt(study.examples["mixed3b"].moments[list(curves.family.angles), 1])
    peaks = curves.tuning.values.max((0, 1))[at] / np.where(deviations > 0, deviations, np.inf)
    study.claim(
        text, f"{expected} of activations over photographs, at least: half of the published",
        measured=f"median {np.median(peaks):.1f}, {peaks.min():.1f} to {peaks.max():.1f}",
        holds=bool(np.median(peaks) >= 10), **known,
    )  # fmt: skip


def _claim_published(study: Study, tunings: Tunings) -> None:
    """Heat maps of the published units beside the published ones."""
    text = "Heat maps of the published units"
    expected = "correlation at least 0.95, radii of peaks from 45 to 80 px, unit 349 the largest"
    numbers = study.numbers_of("synthetic_curve_heatmaps.npz")
    if not study.labelled or numbers is None:
        why = "the published heat maps are not at hand" if study.labelled else "needs the weights of inception5h"
        study.claim(text, expected, why=why, basis="published units", rows=(7,))
        return
    curves = tunings["mixed3b"]
    scores, most = {}, {}
    for unit, values in zip(numbers["units"].tolist(), numbers["responses_sigma"], strict=True):
        ours = curves.tuning.values[..., curves.units.index(unit)].T
        theirs = at_grid(values, numbers["theta_deg"], numbers["radius_px"], curves)
        scores[unit] = float(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]) if ours.any() else 0.0
        most[unit] = float(ours.max())
    radii = peak_radii(curves)[curves.of(list(scores))]
    largest = max(most, key=most.__getitem__)
    study.claim(
        text, expected,
        measured=f"least correlation {min(scores.values()):.3f}; radii {radii.min():.0f} to {radii.max():.0f} px; "
        f"{largest} the largest",
        published="349 the largest, 48.8 to 76.0 px",
        holds=bool(min(scores.values()) >= 0.95 and (radii >= RADII[0]).all() and (radii <= RADII[1]).all())
        and largest == 349,
        basis="published units", rows=(7,),
    )  # fmt: skip


def at_grid(
    values: Float[np.ndarray, "rows columns"],
    theta: Float[np.ndarray, " columns"],
    radius: Float[np.ndarray, " rows"],
    curves: Curves,
) -> Float[np.ndarray, "radii angles"]:
    """A published heat map at the orientations and radii that were measured here.

    Args:
        values: the heat map, over all of its radii and angles.
        theta: its angles, which are half a turn from those of the tuning data.
        radius: its radii.
        curves: what was measured.
    """
    rows = [int(np.abs(np.log(radius / one)).argmin()) for one in curves.tuning.axes["radius"]]
    columns = [int(apart(theta + 180, angle).argmin()) for angle in curves.orientations]
    return np.asarray(values)[np.ix_(rows, columns)]
