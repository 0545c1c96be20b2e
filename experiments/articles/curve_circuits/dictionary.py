"""A semantic dictionary of weights: which families of earlier layers the weights of curve detectors come from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from circuits.families import Family, published, sort_filters
from experiments.study import Study
from experiments.study.plots import CYCLE, SOFT, drawn

_UPPER = "mixed3b"
_LAYERS = ("conv2d0", "conv2d1", "conv2d2", "mixed3a")
_POINTS = 5.0
"""Percentage points within which shares agree: the article does not say how it measured them."""
_ASKED = (("conv2d2", "lines"), ("mixed3a", "curves"), ("mixed3a", "lines"))
"""Families that the article says curve detectors are made of, as the search for families calls them."""
SETS = 1999
"""Random sets of units beside a family."""


def show_dictionary(study: Study, curves: Family) -> None:
    """Shares of the weights by family, layer by layer."""
    units = curves.by_orientation(study.few(10))
    shares: dict[str, np.ndarray] = {}
    for layer in study.layers(*_LAYERS) if units else []:

        def make(layer: str = layer) -> dict[str, np.ndarray]:
            return {"shares": strongest_shares(study.weights(layer, _UPPER, units))}

        shares[layer] = study.page.kept(f"dictionary-{layer}", make)["shares"]
    families = {layer: _families(study, layer) for layer in shares}
    families = {layer: named for layer, named in families.items() if named}
    if families:
        _draw(study, len(units), shares, families)
    _claim_shares(study, shares)
    _claim_more(study, shares)


def strongest_shares(weights: Float[np.ndarray, "out in row column"]) -> Float[np.ndarray, " in"]:
    """How much of the weights each input has at the position where they are longest, the mean over units; in all 1.

    Weights count by their size, whatever their sign.

    >>> strongest_shares(np.array([[[[0.1, 3.0]], [[5.0, -9.0]]]]))
    array([0.25, 0.75])
    """
    flat = np.abs(weights).reshape(*weights.shape[:2], -1)
    best = np.square(flat).sum(1).argmax(1)
    there = np.take_along_axis(flat, best[:, None, None], 2)[..., 0]
    return (there / np.maximum(there.sum(1, keepdims=True), 1e-30)).mean(0)


def by_chance(shares: Float[np.ndarray, " in"], units: Sequence[int], seed: int) -> tuple[float, float]:
    """The share of some units, and how often as many at random have as large a one.

    >>> share, p = by_chance(np.array([0.5, *[0.005] * 100]), [0], seed=0)
    >>> share, p < 0.05
    (0.5, True)
    """
    rng, size = np.random.default_rng(seed), len(units)
    found = float(shares[list(units)].sum())
    null = [shares[rng.choice(len(shares), size, replace=False)].sum() for _ in range(SETS)]
    return found, float((1 + (np.array(null) >= found - 1e-12).sum()) / (1 + SETS))


def _families(study: Study, layer: str) -> dict[str, tuple[int, ...]]:
    """Units of a layer by family: as published, or as they are found; nothing where nobody looked."""
    if study.labelled:
        listed = published(layer)
    elif layer == "conv2d0":
        kernel = np.asarray(study.model.weights[layer]["kernel"], np.float32)
        listed = sort_filters(kernel) if kernel.shape[2] == 3 else ()
    else:
        listed = tuple(family for family in study.found.families if family.layer == layer)
    return {family.name: family.units for family in listed if family.units}


def _draw(
    study: Study, count: int, shares: Mapping[str, np.ndarray], families: Mapping[str, Mapping[str, tuple[int, ...]]]
) -> None:
    layers = list(families)
    rows, stacks = [], []
    for layer in layers:
        sums = {name: float(shares[layer][list(units)].sum()) for name, units in families[layer].items()}
        ranked = sorted(sums, key=lambda name: -sums[name])
        rows += [
            [layer, name, len(families[layer][name]), len(families[layer][name]) / len(shares[layer]), sums[name]]
            for name in ranked
        ]
        stacks.append([(name, sums[name]) for name in ranked[:5]])

    named = list(dict.fromkeys(name for stack in stacks for name, _ in stack))

    def draw(axes: Any) -> None:
        for i, stack in enumerate(stacks):
            left = 0.0
            for name, share in stack:
                colour = CYCLE[named.index(name) % len(CYCLE)]
                axes.barh(i, share, left=left, height=0.62, color=colour, edgecolor="white")
                # Names that are wider than their bar would run into the next.
                text = "\n".join([*([name] if share > 0.012 * len(name) else []), f"{share:.0%}"])
                if share > 0.03:
                    axes.text(left + share / 2, i, text, ha="center", va="center", fontsize=7, color="white")
                left += share
            axes.barh(i, max(0.0, 1 - left), left=left, height=0.62, color=SOFT, alpha=0.35, edgecolor="white")
        axes.set_yticks(range(len(layers)), layers)
        axes.set_xlim(0, 1)
        axes.invert_yaxis()

    study.page.figure(
        "dictionary",
        drawn(draw, "share of the weights", "", (7.2, 0.5 + 0.75 * len(layers))),
        f"At the position where the weights of {count} curve detectors are longest, the share of each family of an "
        "earlier layer, by the sum of the sizes of its weights: the five largest, each family in one colour, and in "
        "grey all others. The table has their names.",
        alt="Bars of " + "; ".join(f"{layer}: {names}" for layer, names in zip(layers, _named(stacks), strict=True)),
    )
    header = ["layer", "family", "units", "share of the units", "share of the weights"]
    study.page.table("dictionary", header, rows, "Families by their share of the weights of curve detectors.")


def _named(stacks: Sequence[Sequence[tuple[str, float]]]) -> list[str]:
    return [", ".join(f"{name} {share:.0%}" for name, share in stack) for stack in stacks]


def _claim_shares(study: Study, shares: Mapping[str, np.ndarray]) -> None:
    """Shares beside the published ones, of units that go by their published numbers."""
    text, expected = "Shares of families in the weights of curve detectors", f"within {_POINTS:g} points of each"
    numbers = study.numbers_of("curve_circuit_facts.json") if study.labelled else None
    if numbers is None:
        why = "the published shares are not at hand" if study.labelled else "needs the weights of inception5h"
        said = "conv2d0 65, 21, 14; conv2d1 54, 23, 19; conv2d2 47, 19, 9; mixed3a 22, 16, 16 %"
        study.claim(text, expected, published=said, why=why, basis="published units", rows=(20,))
        return
    for layer, given in numbers["semantic_dictionary_percent"].items():
        families = {family.name: family.units for family in published(layer)}
        ours = {name: 100 * float(shares[layer][list(families[name])].sum()) for name in given}
        study.claim(
            f"{text}: {layer}", expected,
            measured=", ".join(f"{name} {value:.0f} %" for name, value in ours.items()),
            published=", ".join(f"{name} {value} %" for name, value in given.items()),
            holds=all(abs(ours[name] - given[name]) <= _POINTS for name in given), rows=(20,),
        )  # fmt: skip


def _claim_more(study: Study, shares: Mapping[str, np.ndarray]) -> None:
    """Whether the families that curve detectors should be made of have more of the weights than chance gives."""
    for layer, name in _ASKED:
        text = f"{name.capitalize()} of {layer} have more of the weights of curve detectors than other units"
        expected = f"p below 0.05 beside {SETS} random sets of as many units"
        family = study.family(layer, name) if layer in study.model.layers else Family(name, layer, ())
        if layer not in shares or not family.units:
            missing = f"no {name} were found in {layer}" if layer in shares else f"no curves were found in {_UPPER}"
            study.claim(text, expected, why=missing, rows=(20,))
            continue
        share, p = by_chance(shares[layer], family.units, study.config.seed)
        study.claim(
            text, expected,
            measured=f"{share:.0%} of the weights, {len(family) / len(shares[layer]):.0%} of the units, p {p:.2g}",
            published={"curves": "22 % of the weights, 4 % of the units"}.get(name)
            or {"conv2d2": "47 %, 17 %", "mixed3a": "16 %, 5 %"}[layer],
            holds=p < 0.05, rows=(20,),
        )  # fmt: skip
