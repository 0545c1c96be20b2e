"""Worked circuits of early vision that are about weights of one sign or another: complex Gabors, black and white."""

import numpy as np
from jaxtyping import Float

from circuits.families import filter_features
from experiments.circuits import pictures
from experiments.page import filter_colours
from experiments.study import Study
from experiments.study.measures import correlation
from experiments.study.unit_pictures import inputs_of, show_inputs

STRONG = 0.3
"""Share of the largest weight from which on the article draws an input of a complex Gabor filter."""
PERMUTATIONS = 999
"""Of the tests beside chance."""

_GABORS = {30: {39, 22, 15, 54}, 55: {10, 0, 17, 62, 41, 28}, 52: {14, 49, 20, 27, 18, 41}}
_COLOUR = {43, 23, 77, 101, 45, 178, 36, 120, 124, 0, 62, 13}
_GREY = {29, 40, 21, 90}
_INPUTS = 16


def show_gabors(study: Study) -> None:
    """Complex Gabor filters: one orientation in several phases, which makes them indifferent to phase."""
    listed = "; ".join(f"{unit}: {', '.join(map(str, sorted(units)))}" for unit, units in _GABORS.items())
    text = "Complex Gabors of conv2d1 are made of the published filters"
    expected = f"the same inputs from {STRONG:.0%} of the largest weight on, for all three"
    units = gabor_units(study)
    if not study.labelled:
        study.claim(text, expected, published=listed, why="needs the weights of inception5h")
    if not units:
        why = "no Gabor-like units were found in conv2d1"
        study.claim(_ALIKE, _ALIKE_EXPECTED, why=why)
        study.claim(_PHASES, _PHASES_EXPECTED, why=why)
        return
    study.page.section(
        "Complex Gabor filters",
        "Units of conv2d1 that respond to a grating wherever its stripes lie: made of filters of conv2d0 that share an "
        "orientation and differ in phase. Shown are the inputs with at least 30 % of the largest weight.",
    )
    weights = study.weights("conv2d0", "conv2d1", units)[..., 0, 0]
    filters = _filters(study)
    found = {unit: strong_inputs(row) for unit, row in zip(units, weights, strict=True)}
    for unit, row in zip(units, weights, strict=True):
        numbers = found[unit][:8]
        notes = [f"{row[n] / np.abs(row).max():+.1f}" for n in numbers]
        if filters is not None:
            study.page.know({f"conv2d0:{n}": filters[n] for n in numbers})
        show_inputs(
            study, f"gabor-{unit}", "conv2d0", "conv2d1", unit, numbers, row[numbers][:, None, None],
            "Below each its weight, of 1 for the largest.", notes, icons=filters,
        )  # fmt: skip
    if study.labelled:
        same = sum(set(found[unit]) == theirs for unit, theirs in _GABORS.items())
        study.claim(text, expected, measured=f"{same} of 3", published=listed, holds=same == 3)
    _claim_gabors(study, found, weights)


def _filters(study: Study) -> dict[int, pictures.Icon] | None:
    """Filters of the first layer as icons, which say more than what would drive them; None where they are not RGB."""
    kernel = np.asarray(study.model.weights["conv2d0"]["kernel"], np.float32)
    if kernel.shape[2] != 3:
        return None
    return {n: np.kron(one, np.ones((16, 16, 1), np.float32)) for n, one in enumerate(filter_colours(kernel))}


_ALIKE = "Complex Gabor filters excite themselves from one orientation"
_ALIKE_EXPECTED = "orientations of exciting inputs closer than of random filters in 99 of 100 draws"
_PHASES = "Complex Gabor filters join opposite phases"
_PHASES_EXPECTED = "in more than half of the units two exciting inputs that correlate below -0.5"


def _claim_gabors(study: Study, found: dict[int, list[int]], weights: np.ndarray) -> None:
    kernel = np.asarray(study.model.weights["conv2d0"]["kernel"], np.float32)
    exciting = {u: [n for n in found[u] if row[n] > 0] for u, row in zip(found, weights, strict=True)}
    exciting = {unit: numbers for unit, numbers in exciting.items() if len(numbers) > 1}
    if kernel.shape[2] != 3 or min(kernel.shape[:2]) < 3 or not exciting:
        why = "no unit has two exciting inputs whose filters can be read"
        study.claim(_ALIKE, _ALIKE_EXPECTED, why=why)
        study.claim(_PHASES, _PHASES_EXPECTED, why=why)
        return
    angles, filters = filter_features(kernel).orientations, np.moveaxis(kernel, -1, 0).mean(-1)
    score = float(np.mean([alignment(angles[numbers]) for numbers in exciting.values()]))
    rng = np.random.default_rng(study.config.seed)
    null = [
        np.mean([alignment(angles[rng.choice(len(angles), len(n), replace=False)]) for n in exciting.values()])
        for _ in range(PERMUTATIONS)
    ]
    p = (1 + int(np.sum(np.array(null) >= score))) / (1 + PERMUTATIONS)
    study.claim(
        _ALIKE,
        _ALIKE_EXPECTED,
        measured=f"alignment {score:.2f} of 1, {np.mean(null):.2f} by chance, p {p:.2g}",
        holds=p < 0.01,
    )
    least = [
        min(correlation(filters[a], filters[b]) for i, a in enumerate(numbers) for b in numbers[:i])
        for numbers in exciting.values()
    ]
    opposite = sum(value < -0.5 for value in least)
    study.claim(
        _PHASES,
        _PHASES_EXPECTED,
        measured=f"{opposite} of {len(least)}, the most opposite {min(least):.2f}",
        holds=opposite > len(least) / 2,
    )


def gabor_units(study: Study) -> list[int]:
    """Complex Gabor filters: the published ones, or of those that were found the most indifferent to phase."""
    if study.labelled:
        return list(_GABORS)
    if "conv2d1" not in study.model.layers:
        return []
    found = study.searched("responses-conv2d1", study.model, ["conv2d1"])
    units = list(found.family("conv2d1", "gabors").units)
    if not units:
        return []
    seen = found.measured["conv2d1"]
    steady = indifference(seen.responses["grating"], list(seen.axes["grating"]).index("phase"))[units]
    return [units[i] for i in np.argsort(-steady, kind="stable")[: study.few(6)]]


def indifference(responses: Float[np.ndarray, "*grid units"], phase: int) -> Float[np.ndarray, " units"]:
    """How little units care about phase: at each unit's best grating the least response over the largest, over phases.

    Args:
        responses: to gratings.
        phase: which axis of the grid is the phase.

    >>> indifference(np.array([[2.0, 4.0], [2.0, 0.0]]), 0)
    array([1., 0.])
    """
    moved = np.moveaxis(responses, phase, 0).reshape(responses.shape[phase], -1, responses.shape[-1])
    best = moved.max(0).argmax(0)
    at = moved[:, best, np.arange(moved.shape[-1])]
    return at.min(0) / np.where(at.max(0) > 0, at.max(0), 1)


def strong_inputs(row: Float[np.ndarray, " inputs"]) -> list[int]:
    """Inputs with at least `STRONG` of the largest weight, whatever its sign, the strongest first.

    >>> strong_inputs(np.array([0.2, -1.0, 0.3]))
    [1, 2]
    """
    size = np.abs(row)
    order = np.argsort(-size, kind="stable")
    return [int(n) for n in order if size[n] > 0 and size[n] >= STRONG * size.max()]


def alignment(angles: Float[np.ndarray, " n"]) -> float:
    """How much orientations agree, which are the same after half a turn: 1 for one orientation, 0 for all alike.

    >>> alignment(np.array([10.0, 190.0])), round(alignment(np.array([0.0, 90.0])), 6)
    (1.0, 0.0)
    """
    return float(np.round(np.abs(np.exp(2j * np.deg2rad(angles)).mean()), 12))


def show_colour(study: Study) -> None:
    """A unit for black and white: inhibited by colour."""
    text, expected = "The black-and-white unit is made of the published units", "the same 16, of the same signs"
    family = study.family("mixed3a", "black and white")
    unit = 222 if study.labelled else family.units[0] if family.units else None
    if not study.labelled:
        published = "12 inhibit, 4 excite"
        study.claim(text, expected, published=published, why="needs the weights of inception5h")
    if unit is None:
        why = "no unit for black and white was found in mixed3a"
        study.claim(_INHIBITS, _INHIBITS_EXPECTED, why=why)
        return
    numbers, tiles = inputs_of(study, "conv2d2", "mixed3a", unit, _INPUTS)
    sums = tiles.sum((1, 2))
    inhibiting, exciting = ({n for n, s in zip(numbers, sums, strict=True) if (s < 0) == below} for below in (1, 0))
    study.page.section(
        "Black and white",
        "A unit that responds to patterns in grey, and to nothing in colour, can be made by switching it off wherever "
        "there is colour.",
    )
    redness = colour_of(study)
    order = sorted(range(len(numbers)), key=lambda i: sums[i])
    show_inputs(
        study, "black-and-white", "conv2d2", "mixed3a", unit, [numbers[i] for i in order], tiles[order],
        f"{len(inhibiting)} of the {len(numbers)} strongest inputs inhibit. Below each the share of colour in what it "
        "responds to.",
        [f"colour {redness[numbers[i]]:.2f}" for i in order],
    )  # fmt: skip
    if study.labelled:
        same = inhibiting == _COLOUR and exciting == _GREY
        study.claim(
            text, expected, measured=f"{len(inhibiting & _COLOUR)} inhibit, {len(exciting & _GREY)} excite",
            published="12 inhibit, 4 excite", holds=same,
        )  # fmt: skip
    if not inhibiting or not exciting:
        of = "excite" if exciting else "inhibit"
        study.claim(_INHIBITS, _INHIBITS_EXPECTED, why=f"all of its strongest inputs {of}, there is nothing to compare")
        return
    values, below = redness[numbers], sums < 0
    score, p = beyond_chance(values[below], redness, study.config.seed)
    study.claim(
        _INHIBITS,
        _INHIBITS_EXPECTED,
        measured=f"{score:.2f} of {len(inhibiting)} that inhibit, {values[~below].mean():.2f} of {len(exciting)} that "
        f"excite, {redness.mean():.2f} of the layer, p {p:.2g}",
        holds=p < 0.05,
    )


def beyond_chance(
    chosen: Float[np.ndarray, " n"], everything: Float[np.ndarray, " m"], seed: int = 0
) -> tuple[float, float]:
    """The mean of some values, and how often as many of all of them have as much.

    >>> beyond_chance(np.ones(4), np.repeat([1.0, 0.0], [4, 60]))
    (1.0, 0.001)
    """
    rng, own = np.random.default_rng(seed), float(chosen.mean())
    null = [float(rng.choice(everything, len(chosen), replace=False).mean()) for _ in range(PERMUTATIONS)]
    return own, (1 + sum(one >= own for one in null)) / (1 + PERMUTATIONS)


_INHIBITS = "The black-and-white unit is inhibited by units for colour"
_INHIBITS_EXPECTED = "more colour in what these respond to than in what units of the layer do, p below 0.05"


def colour_of(study: Study) -> Float[np.ndarray, " units"]:
    """The share of colour in what units of conv2d2 respond to: hues side by side, beside black and white."""
    seen = study.found.measured["conv2d2"]
    hues, greys = seen.best("hue_boundary"), seen.best("boundary")
    return hues / np.maximum(hues + greys, 1e-12)
