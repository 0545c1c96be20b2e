"""Hand-written curves beside those that a network learned: heat maps over orientation and radius."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from circuits.families import Family, apart
from circuits.handwritten_rules import CURVES, curve_angles
from circuits.tuning import Tuning, peak
from experiments.articles.curve_circuits.edits import WHOLE, Edits
from experiments.circuits import pictures
from experiments.study import Study
from experiments.study.measures import correlation
from experiments.study.plots import drawn

_LAYER = "mixed3b"
_NEAR = 22.5
"""Degrees: one and a half steps between the hand-written curves."""


def show_beside(study: Study, curves: Family, edits: Edits | None, tuning: Tuning) -> None:
    """Heat maps beside those of the network's own curve detectors, and the same question of these."""
    text = "Of all hand-written curves, the one that bulges its way responds most like each curve detector"
    expected = f"the heat map that correlates most is that of a curve within {_NEAR:g} degrees, for three of four"
    if edits is None:
        study.claim(text, expected, why="no curves were found in mixed3a and in mixed3b", rows=(15,))
        return
    whole = edits.tunings[WHOLE]
    columns = [int(apart(tuning.axes["orientation"], a).argmin()) for a in whole.axes["orientation"]]
    rows = [int(np.abs(tuning.axes["radius"] - r).argmin()) for r in whole.axes["radius"]]
    ours = tuning.values[columns][:, rows]
    angles = np.array([curves.angles[u] for u in edits.units])
    off, scores = _most_alike(ours, whole.values, angles)
    shown = list(range(0, len(edits.units), max(1, len(edits.units) // 3)))[:3]
    panels, labels = [], []
    for i in shown:
        for label, values in (
            (f"{_LAYER}:{edits.units[i]}", whole.values[..., i]),
            (
                f"hand-written, {curve_angles()[round(angles[i] / 15) % CURVES]:.0f}°",
                ours[..., round(angles[i] / 15) % CURVES],
            ),
        ):
            share = values.T / max(float(values.max()), 1e-30)
            panels.append(_heat(share, whole.axes["radius"]))
            labels.append(label)
    lines = [pictures.across(panels[i : i + 2], labels[i : i + 2]) for i in range(0, len(panels), 2)]
    paper = Image.new("RGB", (max(line.width for line in lines), sum(line.height for line in lines)), "white")
    for i, line in enumerate(lines):
        paper.paste(line, (0, sum(above.height for above in lines[:i])))
    study.page.figure(
        "heat-maps", paper,
        f"Responses to curves of all orientations and radii, each by its own largest: curve detectors of the network, "
        f"left, and the hand-written curves that bulge their way, right. The mean correlation is {scores.mean():.2f}.",
        alt=f"{len(lines)} pairs of heat maps, with one blob each at the same orientation",
    )  # fmt: skip
    study.claim(
        text, expected, measured=f"{int((off <= _NEAR).sum())} of {len(off)}, mean correlation {scores.mean():.2f}",
        holds=bool((off <= _NEAR).mean() >= 0.75), rows=(15,),
    )  # fmt: skip


def claim_heat_maps(study: Study, tuning: Tuning) -> None:
    """Whether published units respond like the hand-written curves that bulge their way.

    Args:
        study: of the article.
        tuning: of the hand-written curves.
    """
    known = {"basis": "published numbers", "rows": (15,)}
    text = "Of all hand-written curves, the one that bulges its way responds most like each published unit"
    expected = f"the heat map that correlates most is that of a curve within {_NEAR:g} degrees, for each of ten"
    numbers = study.numbers_of("synthetic_curve_heatmaps.npz")
    if numbers is None:
        study.claim(text, expected, why="the published heat maps are not at hand", **known)
        return
    off, scores = like_published(tuning, numbers)
    study.claim(
        text, expected, measured=f"{int((off <= _NEAR).sum())} of {len(off)}, mean correlation {scores.mean():.2f}",
        holds=bool((off <= _NEAR).all()), **known,
    )  # fmt: skip


def like_published(tuning: Tuning, numbers: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """For each published unit, how far off the hand-written curve is whose heat map is most like its own.

    Args:
        tuning: of the hand-written curves.
        numbers: of `synthetic_curve_heatmaps.npz`, whose angles count from curves that bulge to the left.

    Returns:
        Degrees between its peak and that curve's direction, and the correlation.
    """
    angles = (numbers["theta_deg"] + 180) % 360
    rows = [int(np.abs(numbers["radius_px"] - r).argmin()) for r in tuning.axes["radius"]]
    columns = [int(apart(angles, a).argmin()) for a in tuning.axes["orientation"]]
    theirs = numbers["responses_sigma"][:, rows][:, :, columns].transpose(2, 1, 0)
    peaks = peak(theirs.mean(1), tuning.axes["orientation"])
    return _most_alike(tuning.values, theirs, peaks)


def _most_alike(ours: np.ndarray, theirs: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    table = np.array([[correlation(ours[..., i], theirs[..., j]) for i in range(ours.shape[-1])]
                      for j in range(theirs.shape[-1])])  # fmt: skip
    return apart(curve_angles()[table.argmax(1)], angles), table.max(1)


def _heat(values: Float[np.ndarray, "radius angle"], radii: Float[np.ndarray, " radius"]) -> Image.Image:
    def draw(axes: Any) -> None:
        axes.imshow(values, extent=(0, 360, len(radii), 0), aspect="auto", cmap="turbo", interpolation="nearest")
        shown = range(0, len(radii), max(1, len(radii) // 5))
        axes.set_yticks([i + 0.5 for i in shown], [f"{radii[i]:.0f}" for i in shown])
        axes.set_xticks(range(0, 361, 90))

    return drawn(draw, "orientation of the curve", "radius", (3.6, 2.0))
