"""What high-low frequency detectors are made of: two groups of inputs, and where each excites."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

import circuits
from circuits.families import apart
from circuits.graphs import layers_below
from circuits.route import route, side
from circuits.stimuli import HighLow
from circuits.tuning import responses
from experiments.articles.high_low_frequency.tuning import LONGEST, SHORTEST, Tuned, claim_family, counted
from experiments.circuits import pictures
from experiments.circuits.icons import cropped, drawn
from experiments.circuits.units import read_at
from experiments.study import Study
from experiments.study.measures import correlation
from experiments.study.plots import courses
from experiments.study.unit_pictures import lean
from featvis import objectives as obj

STEADY = 0.7
"""Rank correlation with frequency from which on a factor rises, or falls. The published one of low frequencies, which
first rises a little, has -0.80, that of high ones 0.999."""

_TILE, _TOP, _SHOWN = 72, 5, 6


@dataclass(frozen=True)
class Factored:
    """The two factors of a family's weights from a layer, that of high frequencies first.

    Attributes:
        lower: the layer of the inputs.
        weights: of the units of the family, in its order.
        maps: where each factor excites and inhibits each unit.
        inputs: how much of each input a factor has.
        error: share of the weights' length that is left over.
        frequencies: relative to the lowest.
        seen: what each input does at each frequency: the mean over positions, orientations and phases.
    """

    lower: str
    weights: Float[np.ndarray, "units in row column"]
    maps: Float[np.ndarray, "units 2 row column"]
    inputs: Float[np.ndarray, "2 in"]
    error: float
    frequencies: Float[np.ndarray, " n"]
    seen: Float[np.ndarray, "n in"]

    @property
    def curves(self) -> Float[np.ndarray, "2 n"]:
        """What each factor does at each frequency."""
        return self.inputs @ self.seen.T


def factored(study: Study, tuned: Tuned, lower: str, size: int | None = None) -> Factored:
    """Two factors of the weights from a layer to a family, and what they respond to.

    Args:
        study: of an article.
        tuned: the family.
        lower: the layer of the inputs.
        size: positions to cut from the middle of what a unit sees.
    """
    quick, at = study.config.quick, read_at(study.model, lower, tuned.layer)
    frequencies = np.geomspace(1.0, LONGEST / SHORTEST, 15 if quick else 30)
    grid = {
        "wavelength": LONGEST / frequencies,
        "orientation": np.linspace(0.0, 45.0, 4 if quick else 7),
        "phase": np.array([0.0, 90.0]),
    }

    def make() -> dict[str, np.ndarray]:
        weights = study.weights(lower, tuned.layer, tuned.units, size=size)
        found = circuits.nmf(weights, 2, seed=study.config.seed)
        seen = responses(study.model, at, HighLow(ratio=1.0), grid, size=study.config.side, at="mean")
        order = high_first(found.inputs, seen.curve("wavelength"), frequencies)
        return {"weights": weights, "maps": found.maps[:, order], "inputs": found.inputs[order],
                "error": np.array(found.error), "seen": seen.curve("wavelength")}  # fmt: skip

    kept = study.common.kept(f"high-low-{tuned.layer}-from-{lower}", make)
    return Factored(lower, kept["weights"], kept["maps"], kept["inputs"], float(kept["error"]), frequencies,
                    kept["seen"])  # fmt: skip


def size_of(study: Study, lower: str, upper: str, wanted: int) -> int:
    """Positions to a side of the weights between two layers: those wanted, or as many as there are."""
    found = route(study.model.architecture, read_at(study.model, lower, upper), upper)
    return min(wanted, *side(found.field))


def high_first(
    inputs: Float[np.ndarray, "2 in"], seen: Float[np.ndarray, "n in"], frequencies: Float[np.ndarray, " n"]
) -> list[int]:
    """The order of two factors in which the one that responds to higher frequencies, on average, comes first.

    >>> high_first(np.eye(2), np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0, 10.0]))
    [1, 0]
    """
    curves = inputs @ seen.T
    means = curves @ np.log(frequencies) / np.maximum(curves.sum(1), 1e-30)
    return np.argsort(-means, kind="stable").tolist()


def steadiness(curve: Float[np.ndarray, " n"]) -> float:
    """Rank correlation of a curve with its order: 1 where it always rises, -1 where it always falls.

    >>> steadiness(np.array([0.0, 1.0, 5.0])), steadiness(np.zeros(3))
    (1.0, 0.0)
    """
    ranks = np.argsort(np.argsort(curve, kind="stable"), kind="stable").astype(float)
    return correlation(ranks, np.arange(float(len(curve)))) if np.ptp(curve) > 0 else 0.0


def direction_of(tile: Float[np.ndarray, "row column"]) -> float:
    """Towards which side a tile excites, in degrees clockwise from the right.

    >>> direction_of(np.array([[-1.0], [0.0], [1.0]]))
    90.0
    """
    down, right = lean(tile)
    return float(np.rad2deg(np.arctan2(down, right)) % 360)


def show_factors(study: Study, tuned: Tuned, found: Factored) -> None:
    """Each factor's icon with its strongest inputs, and what it responds to."""
    wanted = [obj.direction_neuron(found.lower, one.astype(np.float32)) for one in found.inputs]
    images = drawn(study.common, f"high-low-icons-{found.lower}", study.model, wanted, study.drawing)
    icons = cropped(study.model, found.lower, images)
    study.page.section(
        f"Two factors of the weights from {found.lower}",
        f"{counted(tuned.units)}, two groups of inputs in common: {found.error:.0%} of the weights' length is left.",
    )
    lines = []
    for image, amounts, name in zip(icons, found.inputs, ("high", "low"), strict=True):
        top = np.argsort(-amounts, kind="stable")[:_TOP].tolist()
        below = study.icons(found.lower, top)
        study.page.figure(
            f"factor-{name}-{found.lower}",
            pictures.beside(
                pictures.icon(image),
                f"{name} frequencies",
                [[pictures.icon(below[n]) for n in top]],
                [f"{found.lower}:{n}" for n in top],
                [f"{amounts[n]:.2f}" for n in top],
            ),
            f"The factor of {name} frequencies, and its {len(top)} strongest inputs, "
            f"{', '.join(f'{found.lower}:{n}' for n in top)}.",
            alt=f"An icon of {name} frequencies, and {len(top)} icons of its inputs",
        )
        lines += [[f"{name} frequencies", f"{found.lower}:{n}", float(amounts[n])] for n in top]
    study.page.table(f"factors-{found.lower}", ["factor", "input", "amount"], lines, "Factors have length 1.")


def show_responses(study: Study, tuned: Tuned, found: Factored) -> None:
    """What the factors respond to: stimuli of one frequency."""
    high, low = found.curves / np.maximum(found.curves.max(1, keepdims=True), 1e-30)
    rises, falls = (steadiness(one) for one in found.curves)
    study.page.figure(
        f"responses-{found.lower}",
        courses(
            {"high frequencies": (found.frequencies, high), "low frequencies": (found.frequencies, low)},
            f"frequency, waves in {LONGEST:.0f} pixels",
            "response, of the largest",
        ),
        "What the factors respond to: stimuli of one frequency, the mean over positions and orientations. Rank "
        f"correlations with frequency: {rises:.2f} for the factor of high frequencies, {falls:.2f} for the other.",
        alt=f"Two curves over frequency, with rank correlations of {rises:.2f} and {falls:.2f}",
    )
    near = found.lower == layers_below(study.model, tuned.layer)[0]
    claim_family(
        study,
        tuned,
        f"One of two factors of the weights from {found.lower} rises with frequency, the other falls",
        f"rank correlations of at least {STEADY} and at most -{STEADY}; the published factor of low frequencies, from "
        "one layer below, has -0.8, since it first rises a little",
        measured=f"{rises:.2f} and {falls:.2f}",
        published="1.00 and -0.80" if near else None,
        holds=rises >= STEADY and falls <= -STEADY,
        rows=(10,),
    )


def show_places(study: Study, tuned: Tuned, several: list[Factored]) -> None:
    """Where the factors excite each unit, and where they inhibit it."""
    units = tuned.units[:: -(-len(tuned.units) // study.few(_SHOWN))]
    icons = study.icons(tuned.layer, units)
    rows, heads = [[pictures.icon(icons[u], _TILE) for u in units]], ["looks for"]
    for one in several:
        for factor, name in enumerate(("high", "low")):
            maps = [one.maps[tuned.units.index(u), factor] for u in units]
            # As in the article, each tile has its own scale.
            rows.append(
                [pictures.tile(circuits.weights_to_rgb(tile, None, circuits.ORANGE_BLUE), _TILE) for tile in maps]
            )
            heads.append(f"{name}, {one.lower}")
    study.page.figure(
        "places",
        pictures.columns(rows, [f"{u} ({tuned.angles[u]:.0f}°)" for u in units], heads),
        f"Where the factors of high and of low frequencies excite {counted(units)} of {tuned.layer}, orange, and "
        f"inhibit them, blue: {', '.join(f'{tuned.layer}:{u}' for u in units)}.",
        alt=f"{len(units)} columns of tiles; high and low frequencies have opposite sides",
    )


def claim_places(study: Study, tuned: Tuned, found: Factored) -> None:
    """Whether the factors excite each unit on opposite sides, that of high frequencies where tuning says."""
    opposite = [opposed(*pair) for pair in found.maps]
    near = [
        apart(direction_of(pair[0]), tuned.angles[u]) <= 45 for u, pair in zip(tuned.units, found.maps, strict=True)
    ]
    count = sum(a and b for a, b in zip(opposite, near, strict=True))
    claim_family(
        study,
        tuned,
        f"From {found.lower}, high frequencies excite on the side that stimuli say and low ones on the other",
        "sides more than 90 degrees apart, and that of the high ones within 45 degrees of the unit's angle, for most "
        "units; one in eight would by chance",
        measured=f"{count} of {len(near)} units",
        published="6 of 6 units",
        holds=count > len(near) / 2,
        rows=(9,),
    )


def opposed(high: Float[np.ndarray, "row column"], low: Float[np.ndarray, "row column"]) -> bool:
    """Whether two tiles excite on opposite sides: more than a right angle apart.

    >>> opposed(np.array([[1.0, -1.0]]), np.array([[-1.0, 2.0]]))
    True
    """
    return apart(direction_of(high), direction_of(low)) > 90


def claim_alone(study: Study, tuned: Tuned, found: Factored) -> None:
    """Whether the weights of each unit by itself have the same two factors."""

    def make() -> dict[str, np.ndarray]:
        rows = []
        for weights in found.weights:
            own = circuits.nmf(weights[None], 2, seed=study.config.seed)
            order = high_first(own.inputs, found.seen, found.frequencies)
            curves, maps = own.inputs[order] @ found.seen.T, own.maps[0, order]
            peaks = found.frequencies[curves.argmax(1)]
            rows.append([*peaks, *map(steadiness, curves), float(opposed(*maps))])
        return {"rows": np.array(rows)}

    high, low, rises, falls, opposite = study.page.kept(f"factors-alone-{found.lower}", make)["rows"].T
    octave = high >= 2 * low
    count = int((octave & (opposite > 0)).sum())
    steady = int(((rises >= STEADY) & (falls <= -STEADY)).sum())
    claim_family(
        study,
        tuned,
        f"The weights of each unit alone, from {found.lower}, have a factor of high frequencies and one of low ones, "
        "on opposite sides",
        "responses that peak at least an octave apart, and sides more than 90 degrees apart, for most units",
        measured=f"{count} of {counted(tuned.units)}: {int(octave.sum())} by frequency, {int(opposite.sum())} by side; "
        f"{steady} by rank correlations of {STEADY} with frequency",
        holds=count > len(high) / 2,
        rows=(9,),
    )
