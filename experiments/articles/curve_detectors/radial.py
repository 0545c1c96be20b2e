"""Radial tuning: how strongly curve detectors of four layers respond to curves of all orientations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from circuits.families import Family, apart
from circuits.stimuli import ThreadCurve, thread_orientations, thread_radii
from circuits.tuning import Tuning, circular_mean, echo, peak, responses
from experiments.circuits import pictures
from experiments.families import pictures as plots
from experiments.study import Study
from experiments.study.windows import canvas

LAYERS = ("conv2d2", "mixed3a", "mixed3b", "mixed4a")
"""Whose curve detectors the article measures."""
_SIDE = 84
_CLOSE = 15.0
"""Degrees: the step between the orientations by which families are found."""


@dataclass(frozen=True)
class Curves:
    """The curve detectors of a layer, and what synthetic curves do to them.

    Attributes:
        family: the units.
        tuning: over orientation and radius; its last axis has `units`.
        units: those that were measured.
    """

    family: Family
    tuning: Tuning
    units: tuple[int, ...]

    @property
    def orientations(self) -> Float[np.ndarray, " angles"]:
        """Of the stimuli, in degrees."""
        return self.tuning.axes["orientation"]

    @property
    def radial(self) -> Float[np.ndarray, "angles units"]:
        """The mean over all radii: the article's radial tuning curves."""
        return self.tuning.curve("orientation")

    def of(self, units: Sequence[int]) -> list[int]:
        """Where units are on the last axis."""
        return [self.units.index(unit) for unit in units]


Tunings = dict[str, Curves]
"""By layer; only those with curve detectors."""


def measured(study: Study) -> Tunings:
    """Responses to the article's curves, of the curve detectors of all layers that have some."""
    published = study.numbers_of("radial_tuning_curves.json") if study.labelled else None
    families, units = {}, {}
    for layer in study.layers(*LAYERS):
        family = study.family(layer, "curves")
        listed = [] if published is None else map(int, published["units_per_layer"].get(layer, {}))
        if known := tuple(dict.fromkeys([*family.angles, *listed])):
            families[layer], units[layer] = family, known
    tunings = {}
    # One pass for three layers; the fourth sees more, and its images are larger.
    for name, layers, steps in (("early", LAYERS[:3], (5, 3)), ("late", LAYERS[3:], (10, 5))):
        chosen = [layer for layer in layers if layer in families]
        if not chosen:
            continue
        turn, size = (3 * steps[0], 3 * steps[1]) if study.config.quick else steps
        axes = {"orientation": thread_orientations()[::turn], "radius": thread_radii()[size // 2 :: size]}

        def make(chosen: list[str] = chosen, axes: dict[str, np.ndarray] = axes) -> dict[str, np.ndarray]:
            side = canvas(study.model, chosen)
            found = responses(study.model, chosen, ThreadCurve(), axes, size=side)
            return {layer: found[layer].values[..., list(units[layer])] for layer in chosen}

        kept = study.page.kept(f"curves-{name}", make)
        for layer in chosen:
            tunings[layer] = Curves(families[layer], Tuning(layer, axes, kept[layer]), units[layer])
    return tunings


def largest_gap(angles: Float[np.ndarray, " n"]) -> float:
    """The largest part of the circle without any of some angles.

    >>> largest_gap(np.array([10.0, 350.0, 180.0]))
    170.0
    """
    around = np.sort(np.asarray(angles) % 360)
    return float(np.diff([*around, around[0] + 360]).max())


def show_radial(study: Study, tunings: Tunings) -> None:
    """Radial tuning curves layer by layer, and claims about them."""
    study.page.section(
        "Radial tuning over four layers",
        "Black curves on white, of all orientations and of radii from 12 to 287 pixels, through the middle of what a "
        "unit sees. How far the line is from the middle is the mean response over all radii, and the arrow is the "
        "unit's orientation. A second lobe opposite the first is an echo: early units cannot tell a curve from one "
        "that bulges the other way.",
    )
    rows = []
    for layer, curves in tunings.items():
        units = curves.family.by_orientation(study.few(10))
        echoes = echo(curves.radial, curves.orientations)
        if units:
            _show_layer(study, layer, curves, units)
        rows += [
            [f"{layer}:{unit}", *(float(value) for value in values)]
            for unit, *values in zip(
                curves.units,
                peak(curves.radial, curves.orientations),
                circular_mean(curves.radial, curves.orientations),
                curves.radial.max(0),
                echoes,
                strict=True,
            )
        ]
    if rows:
        header = ["unit", "peak", "circular mean", "response at the peak", "echo"]
        study.page.table("radial", header, rows, "Radial tuning: degrees, activations, and the echo over the peak.")
    _claim_found(study, tunings)
    _claim_published(study, tunings)


def _show_layer(study: Study, layer: str, curves: Curves, units: list[int]) -> None:
    icons, angles = study.icons(layer, units), curves.family.angles
    radial = curves.radial[:, curves.of(units)]
    study.page.figure(
        f"radial-{layer}",
        pictures.columns(
            [
                [pictures.icon(icons[u], _SIDE) for u in units],
                [plots.polar(radial[:, i], angles[u], 360.0, _SIDE) for i, u in enumerate(units)],
            ],
            [f"{layer}:{u}" for u in units],
        ),
        f"{len(units)} of {len(curves.units)} curve detectors of {layer}, and their radial tuning. The median echo is "
        f"{np.nanmedian(echo(curves.radial, curves.orientations)):.2f} of the peak.",
        alt=f"{len(units)} polar curves of {layer}, each with a lobe in its own direction",
    )


def _claim_found(study: Study, tunings: Tunings) -> None:
    """What the published curves show, asked of any network's curve detectors."""
    text = "Curve detectors of mixed3b respond to curves of the orientation by which they were found"
    expected = f"circular mean within {_CLOSE:g} degrees, the step of the search, for nine of ten"
    if "mixed3b" not in tunings:
        study.claim(text, expected, why="no curve detectors were found in mixed3b", rows=(6,))
        return
    curves = tunings["mixed3b"]
    units = list(curves.family.angles)
    means = circular_mean(curves.radial[:, curves.of(units)], curves.orientations)
    off = apart(means, np.array([curves.family.angles[u] for u in units]))
    near = int((off <= _CLOSE).sum())
    study.claim(
        text, expected, measured=f"{near} of {len(units)}, median {np.nanmedian(off):.1f} degrees",
        holds=near >= 0.9 * len(units), rows=(6,),
    )  # fmt: skip
    gap = largest_gap(np.array([curves.family.angles[u] for u in units]))
    study.claim(
        "Curve detectors of mixed3b go around the circle",
        "no gap of more than 90 degrees between neighbours",
        measured=round(gap, 1), published=68.0, holds=gap <= 90, rows=(6,),
    )  # fmt: skip
    echoes = {
        layer: float(np.nanmedian(echo(found.radial, found.orientations)))
        for layer, found in tunings.items()
        if layer in LAYERS[:3]
    }
    values = list(echoes.values())
    study.claim(
        "Early curve detectors echo, those of mixed3b do not",
        "the median echo is below 0.05 in mixed3b, and above it in all layers before",
        measured=", ".join(f"{value:.2f} in {layer}" for layer, value in echoes.items()),
        published="0.36 in conv2d2, 0.22 in mixed3a, 0.01 in mixed3b",
        holds=len(values) > 1 and values[-1] < 0.05 and min(values[:-1]) > 0.05, rows=(6,),
    )  # fmt: skip


def _claim_published(study: Study, tunings: Tunings) -> None:
    """Radial tuning of the published units beside the published curves."""
    text = "Radial tuning curves of the published units"
    expected = (
        "mean correlation at least 0.98, peaks within 5 degrees for 9 of 10 units of mixed3b, maxima within 15 %: the "
        "published stimulus is known up to its rendering"
    )
    numbers = study.numbers_of("radial_tuning_curves.json")
    if not study.labelled or numbers is None:
        why = "the published curves are not at hand" if study.labelled else "needs the weights of inception5h"
        study.claim(text, expected, why=why, basis="published units", rows=(6,))
        return
    scores, peaks, sizes = [], [], []
    for layer, curves in tunings.items():
        given = {int(unit): np.array(values) for unit, values in numbers["units_per_layer"].get(layer, {}).items()}
        step = 720 // len(curves.orientations)
        for unit, values in given.items():
            ours = curves.radial[:, curves.units.index(unit)]
            if ours.any():
                scores.append(float(np.corrcoef(ours, values[::step])[0, 1]))
            else:
                scores.append(0.0)
            if layer == "mixed3b":
                peaks.append(float(apart(peak(ours, curves.orientations), values.argmax() / 2)))
            sizes.append(float(ours.max() / values.max()))
    near, alike = sum(off <= 5 for off in peaks), sum(abs(size - 1) <= 0.15 for size in sizes)
    study.claim(
        text, expected,
        measured=f"mean correlation {np.mean(scores):.3f} of {len(scores)} units; peaks within 5 degrees for {near} of "
        f"{len(peaks)}; maxima within 15 % for {alike} of {len(sizes)}",
        published="46 units, 10 of mixed3b",
        holds=bool(np.mean(scores) >= 0.98 and near >= 0.9 * len(peaks) and alike == len(sizes)),
        basis="published units", rows=(6,),
    )  # fmt: skip
