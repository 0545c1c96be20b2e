"""Lines: to which orientations the units below respond, and what curve detectors make of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

import inception_jax
from circuits.families import Family, apart, published_family
from circuits.stimuli import Line
from circuits.tuning import peak, responses
from experiments.articles.curve_circuits.positions import median, show_positions
from experiments.circuits import pictures
from experiments.families import pictures as plots
from experiments.study import Study
from experiments.study.windows import canvas

_LOWER, _UPPER = "mixed3a", "mixed3b"
_SIDE = 76
_TANGENT = 22.5
"""Degrees: an eighth of all orientations of lines to either side, so that a quarter is right by chance."""
LINES = np.arange(0.0, 180.0, 2.5)
"""Normals of the lines, in degrees."""


def show_lines(study: Study, curves: Family) -> None:
    """Radial tuning of lines, what each curve detector wants by position, and claims about both."""
    study.page.section(
        "Lines",
        "A line that lies along the curve excites a curve detector; one that is turned a little against the bend may "
        "inhibit it. Straight lines of all orientations show which, at each position.",
    )
    tuning = _measured(study)
    _show_radial(study, tuning)
    _claim_tangent(study, tuning)
    _claim_peaks(study, tuning)
    show_positions(study, curves, tuning)


def line_responses(model: inception_jax.Model, angles: Float[np.ndarray, " angles"]) -> Float[np.ndarray, "angles in"]:
    """What black lines on white add to the units in the middle of the lower layer, beside plain white.

    Args:
        model: the network.
        angles: normals of the lines.
    """
    side = canvas(model, [_LOWER])
    found = responses(model, _LOWER, Line(), {"orientation": angles}, size=side).values
    plain = responses(model, _LOWER, Line(ink=(1.0, 1.0, 1.0)), {"orientation": [0.0]}, size=side).values
    return found - plain


def _measured(study: Study) -> np.ndarray | None:
    if study.layers(_LOWER, _UPPER) != [_LOWER, _UPPER]:
        return None
    return study.page.kept("lines", lambda: {"responses": line_responses(study.model, LINES)})["responses"]


def _show_radial(study: Study, tuning: np.ndarray | None) -> None:
    """Tuning to lines, of the lines of mixed3a; the published ones by the article's three kinds."""
    if tuning is None:
        return
    family = study.family(_LOWER, "lines")
    listed: Mapping[str, Sequence[int]] = {"Lines": family.by_orientation(12) or list(family.units[:12])}
    numbers = study.numbers_of("radial_tuning_mixed3a_lines.json") if study.labelled else None
    listed = listed if numbers is None else numbers["families"]
    for name, units in listed.items():
        units = list(units)[: study.few(12)]
        if not units:
            continue
        icons = study.icons(_LOWER, units)
        curves = [plots.polar(np.maximum(tuning[:, u], 0), np.nan, 180.0, _SIDE) for u in units]
        study.page.figure(
            f"radial-{name.lower().replace(' ', '-')}",
            pictures.columns(
                [[pictures.icon(icons[u], _SIDE) for u in units], curves], [f"{_LOWER}:{u}" for u in units]
            ),
            f"{name} of {_LOWER}, and what straight lines add to them, by the direction across the line: most of them "
            "fire to one orientation, and so in two opposite directions.",
            alt=f"{len(units)} units, and below each a polar curve with two opposite lobes",
        )


def _claim_tangent(study: Study, tuning: np.ndarray | None) -> None:
    """Early curves respond to the lines that touch their middle; so do the published ones."""
    text = "Early curves respond most to lines along the tangent of their middle"
    near = f"peak within {_TANGENT:g} degrees"
    early = study.family(_LOWER, "curves") if tuning is not None else Family("curves", _LOWER, ())
    if tuning is None or not early.angles:
        study.claim(text, f"{near}, for three of four", why=f"no curves were found in {_LOWER}", rows=(23,))
    else:
        best = peak(tuning[:, list(early.angles)], LINES)
        off = apart(best, np.array(list(early.angles.values())), 180.0)
        count = int((off <= _TANGENT).sum())
        study.claim(
            text, f"{near}, for three of four", measured=f"{count} of {len(off)}, median {median(off):.1f} degrees",
            published="11 of 11, median 4 degrees", holds=count >= 0.75 * len(off), rows=(23,),
        )  # fmt: skip
    numbers = study.numbers_of("radial_tuning_mixed3a_lines.json")
    known = {"basis": "published numbers", "rows": (23,)}
    if numbers is None:
        study.claim(f"Published: {text}", f"{near}, each", why="the published curves are not at hand", **known)
        return
    off = published_off(numbers)
    study.claim(
        f"Published: {text[0].lower()}{text[1:]}", f"{near}, each",
        measured=f"{int((off <= _TANGENT).sum())} of {len(off)}, median {np.median(off):.1f} degrees",
        holds=bool((off <= _TANGENT).all()), **known,
    )  # fmt: skip


def published_off(numbers: Mapping) -> Float[np.ndarray, " units"]:
    """Degrees between the published peaks of early curves' responses to lines and the tangents of their middles.

    Args:
        numbers: of `radial_tuning_mixed3a_lines.json`, whose angles are those across the line.
    """
    angles = published_family(_LOWER, "Curves").angles
    best = peak(np.array([numbers["curves"][str(u)] for u in angles]).T, np.arange(360) / 2)
    return apart(best, np.array(list(angles.values())), 180.0)


def _claim_peaks(study: Study, tuning: np.ndarray | None) -> None:
    """The preferred orientations of 22 published lines, of units that go by their published numbers."""
    text, expected = (
        "Preferred orientations of 22 lines of mixed3a",
        "within 5 degrees for 20 of 22: two steps of the stimuli",
    )
    numbers = study.numbers_of("radial_tuning_mixed3a_lines.json") if study.labelled else None
    if numbers is None or tuning is None:
        why = "the published curves are not at hand" if study.labelled else "needs the weights of inception5h"
        study.claim(text, expected, published="22 peaks", why=why, basis="published units", rows=(23,))
        return
    units = [unit for listed in numbers["families"].values() for unit in listed]
    best = peak(np.maximum(tuning[:, units], 0), LINES)
    off = apart(best, np.array([numbers["peak_deg"][str(u)] for u in units]), 180.0)
    near = int((off <= 5).sum())
    study.claim(
        text, expected, measured=f"{near} of {len(units)}, median {median(off):.1f} degrees",
        published=f"{len(units)} peaks", holds=near >= 20, rows=(23,),
    )  # fmt: skip
