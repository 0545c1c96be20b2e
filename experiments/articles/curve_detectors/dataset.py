"""Activations of curve detectors over photographs: from inhibition to excitation, and how they are distributed."""

from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from circuits.examples import Examples, bucket_edges, bucket_name, edges
from experiments.articles.curve_detectors.fits import Tails, exponential_tails
from experiments.articles.curve_detectors.radial import Tunings
from experiments.circuits import pictures
from experiments.examples.tiles import crop
from experiments.study import Study
from experiments.study.plots import BLUE, RED, SOFT, drawn

_LAYER = "mixed3b_pre_relu"
_ROWS = 6
"""Photographs of each range of activations."""
_SIDE = 80
_COUNTS = 20
"""Activations in a bin of a histogram, more than which it must have to count in the fit of a tail."""
_TEXTS = (
    "Curve detectors fire at few positions",
    "Both tails of a curve detector's activations before the ReLU are exponential",
)
_PUBLISHED = 379
"""The unit that the article measured."""


def show_dataset(study: Study, tunings: Tunings) -> None:
    """Photographs by activation, histograms before the ReLU, and claims about their tails."""
    fires = "11 +- 2 % for mixed3b:379" if study.labelled else "from half to twice the published 11 %, the median unit"
    tails = "R2 of lines through the logarithm above 0.98, and above that of parabolas, which normal tails would be, "
    tails += "for it" if study.labelled else "the median unit"
    known = {"rows": (18,)}
    if study.dataset is None or "mixed3b" not in tunings or not tunings["mixed3b"].family.angles:
        why = "no photographs" if study.dataset is None else "no curve detectors were found in mixed3b"
        study.claim(_TEXTS[0], fires, published="11 %", why=why, **known)
        study.claim(_TEXTS[1], tails, why=why, **known)
        return
    found, units = study.examples[_LAYER], list(tunings["mixed3b"].family.angles)
    unit = _PUBLISHED if study.labelled else units[0]
    study.page.section(
        "What photographs do to a curve detector",
        "Photographs from all of its activations, not only the highest: what inhibits a unit says as much about it.",
    )
    _show_spectrum(study, found, unit)
    fits = {one: exponential_tails(edges(), found.counts[one], least=_COUNTS) for one in units}
    study.page.figure(
        "histogram",
        histogram(*found.density(unit), fits[unit]) if unit in fits else histogram(*found.density(unit), None),
        f"mixed3b:{unit} before its ReLU, over all positions of {found.images} photographs, on a logarithmic scale; "
        "lines are exponentials fitted to the outer tenth on either side.",
        alt="A histogram with one peak below zero and two sides that are nearly straight",
    )
    rows = [
        [f"mixed3b:{one}", 100 * float(found.positive[one]), float(found.moments[one, 0]),
         fits[one].below.r2, fits[one].above.r2]
        for one in units
    ]  # fmt: skip
    header = ["unit", "fires in %", "mean before the ReLU", "R2 below", "R2 above"]
    study.page.table("activations", header, rows, f"Over all positions of {found.images} photographs.")
    _claim(study, found, [unit] if study.labelled else units, fits, (fires, tails))


def _claim(study: Study, found: Examples, units: list[int], fits: dict[int, Tails], expected: tuple[str, str]) -> None:
    share = float(np.median(found.positive[units]))
    low, high = (0.09, 0.13) if study.labelled else (0.055, 0.22)
    study.claim(
        _TEXTS[0], expected[0],
        measured=f"{100 * share:.1f} %, from {100 * found.positive[units].min():.1f} to "
        f"{100 * found.positive[units].max():.1f}",
        published="11 %", holds=low <= share <= high, rows=(18,),
    )  # fmt: skip
    lines = np.array([[(side.r2, side.normal) for side in fits[u]] for u in units])
    if np.isnan(lines).any():
        study.claim(_TEXTS[1], expected[1], why="too few photographs for the tails of a histogram", rows=(18,))
        return
    middle = np.median(lines, 0)
    study.claim(
        _TEXTS[1], expected[1],
        measured="{:.3f} below, {:.3f} above; parabolas {:.3f} and {:.3f}".format(*middle[:, 0], *middle[:, 1]),
        holds=bool((middle[:, 0] > np.maximum(0.98, middle[:, 1])).all()), rows=(18,),
    )  # fmt: skip


def _show_spectrum(study: Study, found: Examples, unit: int) -> None:
    """Photographs of each range of activations, from the lowest to the highest."""
    reach, ends = float(np.sqrt(found.moments[unit, 1])), bucket_edges()
    filled = (found.sample_images[unit] >= 0).sum(1)
    chosen = [
        bucket
        for bucket in np.flatnonzero(filled).tolist()
        if max(abs(ends[bucket]), abs(ends[bucket + 1])) > reach / 4
    ]
    fields = study.fields("mixed3b")
    (top, bottom), _ = fields.first

    def make() -> dict[str, np.ndarray]:
        pixels = study.pixels(found.sample_images[unit, chosen].ravel().tolist())
        cut = np.full((len(chosen), _ROWS, bottom - top, bottom - top, 3), 255, np.uint8)
        for (i, j), number in np.ndenumerate(found.sample_images[unit, chosen, :_ROWS]):
            if number >= 0:
                cut[i, j] = crop(pixels[int(number)], fields, *found.sample_positions[unit, chosen[i], j].tolist())
        return {"crops": cut}

    crops = study.page.kept("spectrum", make)["crops"]
    if not chosen:
        return
    shown = [[Image.fromarray(one).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC) for one in row] for row in
             np.moveaxis(crops, 1, 0)[: int(filled[chosen].max())]]  # fmt: skip
    study.page.figure(
        "spectrum",
        pictures.columns(shown, [bucket_name(bucket) for bucket in chosen]),
        f"Random pieces of photographs by what mixed3b:{unit} is before its ReLU, a column for each range, from the "
        "strongest inhibition to the strongest excitation. At the right are curves of its orientation; at the left, "
        "curves that bulge the other way.",
        alt=f"{len(chosen)} columns of pieces of photographs, with curves in the outermost",
    )


def histogram(
    ends: Float[np.ndarray, " edges"], density: Float[np.ndarray, " bins"], tails: Tails | None
) -> Image.Image:
    """A distribution with a logarithmic scale, the part above zero in red, and the exponentials of its tails.

    >>> histogram(np.array([-1.0, 0.0, 1.0]), np.array([0.7, 0.3]), None).size
    (760, 320)
    """
    # Bins are narrow beside zero, where they would be needles.
    wide = (ends[-1] - ends[0]) / 400
    kept, masses = [0], []
    for i in range(1, len(ends)):
        if ends[i] - ends[kept[-1]] >= wide or i == len(ends) - 1 or ends[i] == 0:
            masses.append(float((density * np.diff(ends))[kept[-1] : i].sum()))
            kept.append(i)
    joined, heights = ends[kept], np.array(masses) / np.diff(ends[kept])
    least = heights[heights > 0].min() / 3

    def draw(axes: Any) -> None:
        for side, colour in ((joined[1:] <= 0, SOFT), (joined[:-1] >= 0, RED)):
            places = np.flatnonzero(side)
            if len(places):
                span = joined[places[0] : places[-1] + 2]
                axes.stairs(np.maximum(heights[places], least), span, baseline=least, fill=True, color=colour)
        for line in () if tails is None else tails:
            if np.isfinite(line.slope):
                along = np.array(line.span)
                axes.plot(along, np.exp(line.slope * along + line.offset), color=BLUE, linewidth=2,
                          label=f"exponential, R2 {line.r2:.3f}")  # fmt: skip
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=9)
        axes.set_yscale("log")

    return drawn(draw, "activation before the ReLU", "density", (7.6, 3.2))
