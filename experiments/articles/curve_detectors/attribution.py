"""Attribution to curve detectors: which units of mixed3a, and which places, make one fire or keep quiet."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image

import featvis
import inception_jax
from circuits import attribute, weights_to_rgb
from circuits.families import Family, apart
from circuits.route import position_in
from circuits.tuning import receptive_field
from experiments.articles.curve_detectors.radial import Tunings
from experiments.circuits import pictures
from experiments.circuits.icons import drawn
from experiments.study import Study
from experiments.study.measures import correlation
from experiments.study.windows import canvas, windows_at
from featvis import objectives as obj
from inception_jax import LINEAR
from inception_jax.graph import graph
from inception_jax.nodes import map_sizes

_LOWER, _UPPER = "mixed3a", "mixed3b_pre_relu"
_SHOWN = 4
"""Photographs from either end."""
_BETWEEN = 12
"""Photographs from all between."""
_LIKE, _OPPOSITE = 45.0, 135.0
"""Degrees up to which orientations count as one, and from which as opposite."""
_TEXTS = (
    "Attributions from mixed3a add up to the linearised unit",
    "They say how strongly the unit is driven, though they leave out what lies between",
    "Curves of mixed3a excite curve detectors of their orientation, and inhibit opposite ones, in photographs",
)
_EXPECTED = (
    "but for rounding: a difference of at most a thousandth of the sum of their sizes",
    "correlation with what the unit is before its ReLU at least 0.9, the median unit, over photographs of all degrees",
    "for nine of ten units: the former add in photographs that excite, the latter take away in those that inhibit",
)


class Attributed(NamedTuple):
    """Photographs by a unit's activations, and what of mixed3a they consist of there.

    Attributes:
        windows: first those that excite it most, then those that inhibit it most, then some from all between.
        excited: how many excite it.
        inhibited: how many inhibit it.
        values: attribution of all units of mixed3a, at all positions, to the middle position.
        scores: the unit before its ReLU.
        wrong: difference between the sums of attributions and the linearised unit, over the sum of their sizes.
        fine: attribution of the positions of conv2d2.
    """

    windows: Float[np.ndarray, "n side side 3"]
    excited: int
    inhibited: int
    values: Float[np.ndarray, "n row column inputs"]
    scores: Float[np.ndarray, " n"]
    wrong: Float[np.ndarray, " n"]
    fine: Float[np.ndarray, "n height width"]


def show_attribution(study: Study, tunings: Tunings) -> None:
    """Attribution of photographs at both ends of curve detectors' activations, and claims about it."""
    needed = "mixed3b" in tunings and bool(tunings["mixed3b"].family.angles)
    if study.dataset is None or not needed:
        why = "no photographs" if study.dataset is None else "no curve detectors were found in mixed3b"
        for text, expected in zip(_TEXTS, _EXPECTED, strict=True):
            study.claim(text, expected, why=why, rows=(17,))
        return
    family = tunings["mixed3b"].family
    units = family.by_orientation(study.few(10))
    found = {unit: attributed(study, unit, study.few(6)) for unit in units}
    study.page.section(
        "Why it fires",
        "A curve detector before its ReLU is a weighted sum of mixed3a, if one looks past the rectified bottleneck "
        "between them. Each summand says what one unit at one place adds. Drawn as an image, all summands show the "
        "curve and leave out the rest: curve detectors fire because of curves.",
    )
    for unit in list(family.angles)[: study.few(2)]:
        _show_unit(study, unit, found[unit] if unit in found else attributed(study, unit, study.few(6)))
    _claim(study, found, family)


def attributed(study: Study, unit: int, most: int) -> Attributed:
    """Attribute a unit of mixed3b in the photographs at both ends of its activations.

    Args:
        study: with photographs.
        unit: the number of the unit.
        most: photographs of each end, at most.
    """
    side = canvas(study.model, ["mixed3b"])
    middle = middle_of(study.model, "mixed3b", side)

    def make() -> dict[str, np.ndarray]:
        found = study.examples[_UPPER]
        between = _filled(found.sample_images[unit, :, 0])
        tops, bottoms, others = (
            windows_at(study, _UPPER, numbers, places, count)
            for numbers, places, count in (
                (found.top_images[unit], found.top_positions[unit], most),
                (found.bottom_images[unit], found.bottom_positions[unit], most),
                (found.sample_images[unit, between, 0], found.sample_positions[unit, between, 0], _BETWEEN),
            )
        )
        windows = np.concatenate([tops, bottoms, others])
        exact = attribute(study.model, windows, _LOWER, _UPPER, [unit], rules=LINEAR, position=middle)
        fine = attribute(study.model, windows, "conv2d2", _UPPER, [unit], position=middle)
        values = exact.values[0]
        sums, sizes = values.sum((1, 2, 3), dtype=np.float64), np.abs(values).sum((1, 2, 3), dtype=np.float64)
        linear = exact.scores[0] - exact.baseline_scores[0]
        wrong = np.abs(sums - linear) / np.maximum(sizes, 1e-9)
        return {
            "windows": np.round(255 * windows).astype(np.uint8),
            "ends": np.array([len(tops), len(bottoms)]),
            "values": values,
            "scores": fine.scores[0],
            "wrong": wrong,
            "fine": fine.positions[0],
        }

    kept = study.page.kept(f"attribution-{unit}", make)
    excited, inhibited = kept["ends"].tolist()
    windows = kept["windows"] / np.float32(255)
    return Attributed(windows, excited, inhibited, kept["values"], kept["scores"], kept["wrong"], kept["fine"])


def middle_of(model: inception_jax.Model, layer: str, side: int) -> tuple[int, int]:
    """The position in the middle of a layer's map for images of a side, of two the earlier.

    >>> middle_of(inception_jax.load("mini"), "mixed3b", 64)
    (7, 7)
    """
    arch = model.architecture
    return position_in(None, map_sizes(graph(arch).nodes, (side, side), arch.padding)[layer], layer)


def _show_unit(study: Study, unit: int, found: Attributed) -> None:
    """Photographs, the places in them, and the images that summands become."""
    most, last = study.few(_SHOWN), found.excited + found.inhibited
    chosen = [*range(found.excited)[:most], *range(found.excited, last)[:most]]
    side = found.windows.shape[1]
    objectives = [obj.tensor_direction(_LOWER, np.abs(found.values[i])) * (1 - obj.mean_alpha()) for i in chosen]
    param = featvis.param.image(side, alpha=True, colors=featvis.color.GREY)
    images = drawn(study.page, f"attribution-drawn-{unit}", study.model, objectives, study.drawing, param)
    rows, columns = receptive_field(study.model, "mixed3b", side).box
    part = slice(max(rows[0], 0), rows[1]), slice(max(columns[0], 0), columns[1])
    shown = [
        [pictures.icon(found.windows[i][part]) for i in chosen],
        [pictures.icon(_overlaid(found.windows[i], found.fine[i])[part]) for i in chosen],
        [pictures.icon(image[part]) for image in images],
    ]
    study.page.figure(
        f"attribution-{unit}",
        pictures.columns(
            shown,
            [f"{found.scores[i]:+,.0f}" for i in chosen],
            ["photograph", "conv2d2", "mixed3a"],
        ),
        f"Photographs that excite mixed3b:{unit} most and those that inhibit it most, with what it is before its ReLU; "
        "below them, which places of conv2d2 excite it (red) and inhibit it (blue), and what the summands from mixed3a "
        "look like, whatever their sign.",
        alt="Pieces of photographs, heat along the curves in them, and grey drawings of these curves",
    )


def _overlaid(
    window: Float[np.ndarray, "side side 3"], heat: Float[np.ndarray, "h w"]
) -> Float[np.ndarray, "side side 3"]:
    """Attribution in red and blue over a pale grey photograph."""
    side = window.shape[0]
    scale = float(np.quantile(np.abs(heat), 0.99)) or 1.0
    smooth = np.asarray(
        Image.fromarray((heat / scale).astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    )
    strength = np.clip(np.abs(smooth), 0, 1)[..., None]
    grey = 0.55 + 0.45 * window.mean(-1, keepdims=True)
    return np.clip(grey * (1 - strength) + weights_to_rgb(smooth, 1.0) * strength, 0, 1)


def _claim(study: Study, found: dict[int, Attributed], family: Family) -> None:
    wrong = max(float(one.wrong.max()) for one in found.values())
    study.claim(_TEXTS[0], _EXPECTED[0], measured=f"{wrong:.1e} at most", holds=wrong <= 1e-3, rows=(17,))
    between = [(one.values.sum((1, 2, 3)), one.scores, one.excited + one.inhibited) for one in found.values()]
    scores = [correlation(sums[first:], values[first:]) for sums, values, first in between]
    study.claim(
        _TEXTS[1], _EXPECTED[1], measured=f"{np.median(scores):.2f}, {min(scores):.2f} at least",
        holds=bool(np.median(scores) >= 0.9), rows=(17,),
    )  # fmt: skip
    below = study.family(_LOWER, "curves").angles
    kin = {unit: parts for unit, one in found.items() if (parts := by_kin(one, family.angles[unit], below)) is not None}
    if not kin:
        study.claim(_TEXTS[2], _EXPECTED[2], why="no curve detectors of mixed3a have these orientations", rows=(17,))
        return
    right = sum(like > 0 > opposite for like, opposite in kin.values())
    study.claim(
        _TEXTS[2], _EXPECTED[2],
        measured=f"{right} of {len(kin)}; medians {np.median([one[0] for one in kin.values()]):+.0f} and "
        f"{np.median([one[1] for one in kin.values()]):+.0f}",
        holds=right >= 0.9 * len(kin), rows=(17,),
    )  # fmt: skip


def by_kin(found: Attributed, angle: float, below: dict[int, float]) -> tuple[float, float] | None:
    """What curve detectors of the layer below add: those of the same orientation, and those of the opposite one.

    Args:
        found: attributions to a unit.
        angle: its orientation.
        below: orientations of the curve detectors of the layer below, by number.

    Returns:
        The means of the former over photographs that excite the unit, and of the latter over those that inhibit it;
        None where there are none of either.
    """
    like = [u for u, one in below.items() if apart(one, angle) <= _LIKE]
    opposite = [u for u, one in below.items() if apart(one, angle) >= _OPPOSITE]
    sums = found.values.sum((1, 2))
    if not like or not opposite or not found.excited or not found.inhibited:
        return None
    inhibiting = slice(found.excited, found.excited + found.inhibited)
    return float(sums[: found.excited, like].sum(1).mean()), float(sums[inhibiting, opposite].sum(1).mean())


def _filled(numbers: np.ndarray) -> np.ndarray:
    """Of ranges of activations those with an example, a few, evenly."""
    places = np.flatnonzero(numbers >= 0)
    return (
        places[np.linspace(0, len(places) - 1, min(len(places), _BETWEEN)).round().astype(int)]
        if len(places)
        else places
    )
