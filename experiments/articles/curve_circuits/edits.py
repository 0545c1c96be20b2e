"""Edited circuits: curve detectors that keep only their weights from early curves, and of these the positive ones."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import circuits
import inception_jax
from circuits.families import Family
from circuits.stimuli import ThreadCurve, thread_orientations, thread_radii
from circuits.tuning import Tuning, echo, responses
from experiments.circuits import pictures
from experiments.families import pictures as plots
from experiments.study import Study
from experiments.study.plots import CYCLE, drawn
from experiments.study.windows import canvas
from inception_jax.gradients import LINEAR

_LOWER, _UPPER = "mixed3a", "mixed3b"
WHOLE, EARLY, POSITIVE = "whole", "early curves", "positive"
"""The network as it is; only the weights from early curves; of these only the positive ones."""
_SILENT, _LOUD = 0.05, 0.15
"""Echoes below the first are none; those above the second are plain."""
_SIDE = 76


@dataclass(frozen=True)
class Edits:
    """What synthetic curves do to curve detectors, whole and edited.

    Attributes:
        units: of mixed3b.
        early: of mixed3a, whose weights are kept.
        tunings: over orientation and radius, by edit; the last axis has the units.
    """

    units: tuple[int, ...]
    early: tuple[int, ...]
    tunings: Mapping[str, Tuning]

    def radial(self, name: str) -> Float[np.ndarray, "angles units"]:
        """The mean over radii."""
        return self.tunings[name].curve("orientation")

    @property
    def angles(self) -> Float[np.ndarray, " angles"]:
        """Orientations of the stimuli."""
        return self.tunings[WHOLE].axes["orientation"]

    def echoes(self, name: str) -> Float[np.ndarray, " units"]:
        """The largest response near the opposite of the peak, over the peak; NaN for silent units."""
        return echo(self.radial(name), self.angles)


def measured(study: Study, curves: Family) -> Edits | None:
    """Radial tuning of the best curve detectors under each edit; None without curves in both layers."""
    early = study.family(_LOWER, "curves") if _LOWER in study.model.layers else Family("curves", _LOWER, ())
    units = curves.by_orientation(10)
    if not units or not early.units:
        return None
    turn, size = (20, 10) if study.config.quick else (10, 5)
    axes = {"orientation": thread_orientations()[::turn], "radius": thread_radii()[size // 2 :: size]}

    def make() -> dict[str, np.ndarray]:
        side, found = canvas(study.model, [_UPPER]), {}
        for name, model in edited_models(study.model, units, early.units).items():
            found[name] = responses(model, _UPPER, ThreadCurve(), axes, size=side).values[..., units]
        return found

    kept = study.page.kept("edits", make)
    return Edits(tuple(units), early.units, {name: Tuning(_UPPER, axes, kept[name]) for name in kept})


def edited_models(
    model: inception_jax.Model, units: list[int], early: tuple[int, ...], lower: str = _LOWER, upper: str = _UPPER
) -> dict[str, inception_jax.Model | circuits.Edited]:
    """The network whole; with curve detectors computed from early curves alone; and by positive weights alone.

    The weights are the expanded ones, on the lower layer's map, and the constant is what units have before their ReLU
    where the lower layer is zero: for units without a ReLU between, the edit that changes nothing changes nothing.

    Args:
        model: the network.
        units: of `upper`, that are edited.
        early: of `lower`, whose weights are kept.
        lower: the earlier layer.
        upper: the layer of the curve detectors.
    """
    weights = circuits.expanded_weights(model, lower, upper, units=units)
    kept = np.zeros_like(weights)
    kept[:, list(early)] = weights[:, list(early)]
    bias = _constant(model, units, lower, upper)
    before = f"{upper}_pre_relu"
    return {
        WHOLE: model,
        EARLY: circuits.edited(model, circuits.rewire(kept, lower, before, units, bias)),
        POSITIVE: circuits.edited(model, circuits.rewire(np.maximum(kept, 0), lower, before, units, bias)),
    }


def _constant(model: inception_jax.Model, units: list[int], lower: str, upper: str) -> Float[np.ndarray, " units"]:
    before, side = f"{upper}_pre_relu", canvas(model, [upper])
    image = jnp.zeros((1, side, side, 3))
    found = model(image, taps=before, edits={lower: lambda value: 0 * value}, rules=LINEAR)[before]
    # In the middle, where no border is near.
    return np.asarray(found[0, (found.shape[1] - 1) // 2, (found.shape[2] - 1) // 2, np.array(units)])


def show_edits(study: Study, curves: Family, edits: Edits | None) -> None:
    """Radial tuning before and after, and echoes."""
    study.page.section(
        "Without negative weights, echoes",
        "Curve detectors do not answer to curves that bulge the other way, though the early curves that they are made "
        "of do. If their negative weights are the reason, an edited circuit without them must have echoes.",
    )
    if edits is None:
        study.page.section("", f"Nothing can be shown: no curves were found in {_LOWER} and in {_UPPER}.")
    else:
        _draw(study, curves, edits)
    _claim_found(study, edits)
    _claim_published(study)


def _draw(study: Study, curves: Family, edits: Edits) -> None:
    shown = list(edits.units)
    icons, names = study.icons(_UPPER, shown), list(edits.tunings)
    rows = [[pictures.icon(icons[u], _SIDE) for u in shown]]
    for name in names:
        radial = edits.radial(name)
        rows.append([plots.polar(radial[:, i], curves.angles[u], 360.0, _SIDE) for i, u in enumerate(shown)])
    study.page.figure(
        "edits",
        pictures.columns(rows, [f"{_UPPER}:{u}" for u in shown], ["looks for", *names]),
        f"Radial tuning of {len(shown)} curve detectors to synthetic curves: in the network as it is; when all they "
        f"hear of {_LOWER} is its {len(edits.early)} early curves; and when of these weights only the positive ones "
        "are left. The red arrow is the orientation of the unit. Lobes against the arrow are echoes.",
        alt="Three rows of polar curves: with one lobe, with one lobe, and with a second opposite the first",
    )
    values = {name: edits.echoes(name) for name in names}

    def draw(axes) -> None:
        for i, (name, ratio) in enumerate(values.items()):
            axes.plot(range(len(shown)), ratio, "os^"[i], color=CYCLE[i], label=name, markersize=6)
        axes.axhline(_LOUD, color="#9aa0a6", linewidth=0.8, linestyle=":")
        axes.set_xticks(range(len(shown)), [str(u) for u in shown])
        axes.legend(frameon=False, fontsize=9)

    study.page.figure(
        "echoes", drawn(draw, f"unit of {_UPPER}", "echo, a share of the peak"),
        f"The echo of each unit: its largest response within 30 degrees of the opposite of its peak, over the peak. "
        f"Dotted: {_LOUD}. Units without a mark are silent.",
        alt="Points near zero for the whole network, and higher ones for positive weights alone",
    )  # fmt: skip


def _claim_found(study: Study, edits: Edits | None) -> None:
    texts = _texts()
    if edits is None:
        for text, expected in texts:
            study.claim(text, expected, why=f"no curves were found in {_LOWER} and in {_UPPER}", rows=(8,))
        return
    values = {name: edits.echoes(name) for name in edits.tunings}
    published = ("10 of 10, at most 0.03", "8 of 10", "9 of 10")
    for (text, expected), (told, holds), said in zip(texts, judged(values), published, strict=True):
        study.claim(text, expected, measured=told, published=said, holds=holds, rows=(8,))


def _texts() -> tuple[tuple[str, str], ...]:
    return (
        ("Curve detectors have no echoes", f"below {_SILENT} for each of them"),
        ("With positive weights from early curves alone they have", f"above {_LOUD} for at least six of ten"),
        ("Echoes rise when negative weights are removed", "higher than with all weights from early curves, for most"),
    )


def judged(echoes: Mapping[str, Float[np.ndarray, " units"]]) -> tuple[tuple[str, bool], ...]:
    """What the echoes come to, and whether each of the three statements holds; silent units have no echo.

    >>> judged({"whole": np.zeros(3), "early curves": np.zeros(3), "positive": np.array([0.2, 0.3, np.nan])})
    (('3 of 3, median 0.00', True), ('2 of 3, median 0.20', True), ('2 of 3', True))
    """
    whole, early, positive = (np.nan_to_num(echoes[name]) for name in (WHOLE, EARLY, POSITIVE))
    count = len(whole)
    silent, loud, risen = int((whole < _SILENT).sum()), int((positive > _LOUD).sum()), int((positive > early).sum())
    return (
        (f"{silent} of {count}, median {np.median(whole):.2f}", silent == count),
        (f"{loud} of {count}, median {np.median(positive):.2f}", loud >= 0.6 * count),
        (f"{risen} of {count}", risen > count / 2),
    )


def published_echoes(numbers: Mapping) -> dict[str, Float[np.ndarray, " units"]]:
    """Echoes of the published tuning curves under each edit, for the same units in one order.

    Args:
        numbers: of `radial_tuning_circuit_edit.json`.
    """
    whole = next(one for one in numbers["unedited_all_layers"] if one["layer"] == _UPPER)
    given = {
        WHOLE: whole["responses"],
        EARLY: numbers["early_curves_only"]["responses"],
        POSITIVE: numbers["early_curves_positive_weights_only"]["responses"],
    }
    units = list(given[EARLY])
    return {
        name: echo(np.array([curves[unit] for unit in units]).T, thread_orientations())
        for name, curves in given.items()
    }


def _claim_published(study: Study) -> None:
    numbers = study.numbers_of("radial_tuning_circuit_edit.json")
    known = {"basis": "published numbers", "rows": (8,)}
    if numbers is None:
        for text, expected in _texts():
            study.claim(f"Published: {text}", expected, why="the published curves are not at hand", **known)
        return
    for (text, expected), (told, holds) in zip(_texts(), judged(published_echoes(numbers)), strict=True):
        study.claim(f"Published: {text[0].lower()}{text[1:]}", expected, measured=told, holds=holds, **known)
