"""Curve detectors and shapes that are not the article's curves: angles that become curves, colours, filling."""

from dataclasses import replace

import numpy as np
from PIL import Image

from circuits.families import apart
from circuits.stimuli import Angle, Curve, Stimulus
from circuits.tuning import circular_mean, responses
from experiments.articles.curve_detectors.heat import peak_radii
from experiments.articles.curve_detectors.radial import Curves, Tunings
from experiments.circuits import pictures
from experiments.families import pictures as plots
from experiments.study import Study
from experiments.study.plots import courses
from experiments.study.windows import canvas

_ROUND = 8
"""Steps from an angle to a curve."""
STYLES: dict[str, Curve] = {
    "line": Curve(),
    "light on dark": Curve(polarity=-1.0),
    "thick": Curve(width=6.0),
    "filled": Curve(width=0.0, filled=1.0),
    "filled, light on dark": Curve(width=0.0, filled=1.0, polarity=-1.0),
    "red on green": Curve(ink=(0.8, 0.1, 0.1), paper=(0.2, 0.6, 0.2)),
    "blue on yellow": Curve(width=0.0, filled=1.0, ink=(0.1, 0.2, 0.8), paper=(0.9, 0.8, 0.2)),
    "grey on grey": Curve(ink=(0.35, 0.35, 0.35), paper=(0.65, 0.65, 0.65)),
}
"""The same curve otherwise: what should matter little."""


def show_shapes(study: Study, tunings: Tunings) -> None:
    """Responses to angles that are rounded, and to curves that look otherwise."""
    if "mixed3b" not in tunings or not tunings["mixed3b"].family.angles:
        return
    _show_rounding(study, tunings["mixed3b"])
    _show_styles(study, tunings["mixed3b"])


def _show_rounding(study: Study, curves: Curves) -> None:
    """From angles to curves, each unit at its own orientation."""
    side, units = canvas(study.model, ["mixed3b"]), list(curves.family.angles)
    radius = float(np.median(peak_radii(curves)[curves.of(units)]))
    steps, openings = np.linspace(0.0, radius, _ROUND), (60.0, 90.0, 120.0)
    turns = np.arange(0.0, 360.0, 30.0 if study.config.quick else 15.0)

    def make() -> dict[str, np.ndarray]:
        made = {}
        for opening in openings:
            axes = {"radius": steps, "orientation": turns}
            found = responses(study.model, "mixed3b", Angle(opening=opening), axes, size=side)
            # Of the orientations that were drawn, the one to which a unit responds most.
            made[f"{opening:g}"] = found.values[..., units].max(1)
        return made

    kept = study.page.kept("rounding", make)
    study.page.section(
        "From angles to curves",
        "Angles are curves at their sharpest. Rounded further and further, they drive curve detectors more and more.",
    )
    opening = openings[1]
    shown = Angle(opening=opening, radius=steps, orientation=np.full(_ROUND, next(iter(curves.family.angles.values()))))
    study.page.figure(
        "angles",
        pictures.columns([_images(shown, side)], [f"{step:.0f} px" for step in steps]),
        f"From a right angle to a curve of {radius:.0f} pixels, at the orientation of mixed3b:{units[0]}.",
        alt="A corner that becomes rounder from left to right",
    )
    most = {f"{opening:g}°": kept[f"{opening:g}"] for opening in openings}
    curve = curves.tuning.values.max((0, 1))[curves.of(units)]
    study.page.figure(
        "rounding",
        courses(
            {name: (steps, (values / np.where(curve > 0, curve, 1)).mean(1)) for name, values in most.items()},
            "radius that rounds the angle, in pixels", "response", marked=True,
        ),
        f"The mean of {len(units)} curve detectors, each divided by its largest response to whole circles, at the best "
        "orientation, for three angles.",
        alt="Three lines that rise from left to right",
    )  # fmt: skip
    sharp, smooth = most["90°"][0], most["90°"][-1]
    grown = int((smooth > sharp).sum())
    study.claim(
        "Curve detectors respond more to a curve than to an angle, and more the rounder it is",
        "a right angle drives nine of ten more once it is rounded",
        measured=f"{grown} of {len(units)}, by a factor of {np.median(smooth / np.maximum(sharp, 1e-6)):.1f}",
        holds=grown >= 0.9 * len(units), rows=(7,),
    )  # fmt: skip


def _show_styles(study: Study, curves: Curves) -> None:
    """Orientations in other colours."""
    side, units = canvas(study.model, ["mixed3b"]), list(curves.family.angles)
    turns, radius = np.arange(0.0, 360.0, 15.0), float(np.median(peak_radii(curves)[curves.of(units)]))

    def make() -> dict[str, np.ndarray]:
        axes = {"orientation": turns, "radius": np.array([0.75, 1.0, 1.33]) * radius}
        return {
            name: responses(study.model, "mixed3b", style, axes, size=side).curve("orientation")[:, units]
            for name, style in STYLES.items()
        }

    kept = study.page.kept("styles", make)
    study.page.section(
        "Colour, contrast, filling", "What a curve is drawn with matters less than that it is one, and where it bulges."
    )
    first = next(iter(curves.family.angles.values()))
    shown = [
        _images(replace(style, orientation=np.array([first]), radius=np.array([radius])), side)[0]
        for style in STYLES.values()
    ]
    study.page.figure(
        "styles",
        pictures.columns([shown, [plots.polar(kept[name][:, 0], first, 360.0, 104) for name in STYLES]], list(STYLES)),
        f"Curves that look otherwise, and how mixed3b:{units[0]} responds to them by orientation.",
        alt="Eight curves in various colours, and below them polar curves that point the same way",
    )
    reference = circular_mean(kept["line"], turns)
    rows, off = [], []
    for name in list(STYLES)[1:]:
        other = apart(circular_mean(kept[name], turns), reference)
        share = kept[name].max(0) / np.maximum(kept["line"].max(0), 1e-6)
        off.append(other)
        rows.append([name, float(np.nanmedian(other)), int(np.isnan(other).sum()), float(np.median(share))])
    header = ["curve", "degrees from the line's", "silent units", "response, over the line's"]
    study.page.table("styles", header, rows, f"Medians over {len(units)} units: where each style's circular mean is.")
    all_off = np.stack(off)
    near = float((all_off <= 30).mean())
    study.claim(
        "Curve detectors care little about colour, contrast and filling",
        "circular mean within 30 degrees of that for black lines, in nine of ten cases; silent units count against it",
        measured=f"{100 * near:.0f} % of {all_off.size}, median {np.nanmedian(all_off):.1f} degrees",
        holds=near >= 0.9, rows=(7,),
    )  # fmt: skip


def _images(stimulus: Stimulus, side: int) -> list[Image.Image]:
    return [pictures.icon(np.asarray(one)) for one in stimulus.image(side)]
