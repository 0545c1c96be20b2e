"""What high-low frequency detectors are for: the units that read them, and the same family in other networks."""

from typing import Any

import numpy as np

import circuits
from circuits.families import Family, published_family
from experiments.articles.high_low_frequency.factors import opposed
from experiments.articles.high_low_frequency.tuning import LEAST, Tuned, claim_family
from experiments.circuits import pictures
from experiments.circuits.units import above
from experiments.study import Study
from experiments.study.study import EARLY

_COUNT, _TILE = 20, 84
_BOUNDARIES = ("Boundary", "Double Boundary", "Boundary Misc")
_TWENTY = "130, 150, 314, 246, 365, 318, 146, 276, 345, 167, 159, 206, 151, 264, 368, 288, 376, 281, 295, 372"
_CHANCE = 0.05


def boundaries(study: Study, layer: str) -> set[int]:
    """The boundary detectors of a layer: of mixed3b of inception5h all three published families."""
    if study.labelled and layer == "mixed3b":
        return {unit for name in _BOUNDARIES for unit in published_family(layer, name).units}
    return set(study.family(layer, "boundaries").units)


def show_downstream(study: Study, tuned: Tuned) -> None:
    """The units with the strongest weights from the family, and how many of them detect boundaries."""
    higher = [layer for layer in above(study.model, tuned.layer) if layer in EARLY]
    if not higher:
        return
    upper = higher[0]
    kept = study.page.kept(
        "downstream", lambda: {"weights": study.weights(tuned.layer, upper, size=5, inputs=tuned.units)}
    )
    weights, known = kept["weights"], boundaries(study, upper)
    top = circuits.out_neighbours(weights, range(len(tuned.units)), _COUNT)
    units, found = top.units.tolist(), sum(int(unit) in known for unit in top.units)
    study.page.section(
        "What they are for",
        f"The {len(units)} units of {upper} with the strongest weights from all {len(tuned.units)} detectors: {found} "
        f"are among its {len(known)} boundary detectors.",
    )
    icons = study.icons(upper, units[: study.few(_COUNT)])
    shown = list(icons)
    labels = [f"{u} boundary" if u in known else str(u) for u in shown]
    halves = [shown[:10], shown[10:]]
    for i, half in enumerate(half for half in halves if half):
        study.page.figure(
            f"downstream-{i + 1}",
            pictures.columns([[pictures.icon(icons[u], 96) for u in half]], labels[10 * i :][: len(half)]),
            f"Units of {upper} in the order of their weights' length: {', '.join(f'{upper}:{u}' for u in half)}.",
            alt=f"{len(half)} icons of {upper}",
        )
    _show_weights(study, tuned, upper, weights, [u for u in units if u in known][:4] or units[:4])
    rows = [
        [f"{upper}:{unit}", float(norm), "yes" if unit in known else ""]
        for unit, norm in zip(units, top.norms, strict=True)
    ]
    study.page.table("downstream", ["unit", "L2 norm", "boundary detector"], rows, "Over all tiles of a unit.")
    chance = circuits.enrichment(found, len(known), len(units), len(weights))
    claim_family(
        study,
        tuned,
        "Boundary detectors are among the units that read high-low frequency detectors most",
        f"more than by chance, p below {_CHANCE} in the tail of the hypergeometric distribution",
        measured=f"{found} of {len(units)}, p {chance:.2g}; {len(known)} in {len(weights)} units",
        published="8 of 20",
        holds=chance < _CHANCE,
        rows=(11,),
    )
    if study.labelled:
        study.claim(
            "The twenty units of mixed3b with the strongest weights from high-low frequency detectors",
            "the list as published, in its order, of which 8 detect boundaries",
            measured=f"{', '.join(map(str, units))}; {found}",
            published=f"{_TWENTY}; 8",
            holds=", ".join(map(str, units)) == _TWENTY and found == 8,
            rows=(11,),
        )


def _show_weights(study: Study, tuned: Tuned, upper: str, weights: np.ndarray, rows: list[int]) -> None:
    columns = tuned.units[:8]
    if study.labelled and upper == "mixed3b":
        rows, columns = [345, 276, 314, 365], [112, 110, 153, 106, 136, 180, 132, 186]
    tops, lefts = study.icons(tuned.layer, columns), study.icons(upper, rows)
    chosen = weights[np.ix_(rows, [tuned.units.index(u) for u in columns])]
    tiles = circuits.weights_to_rgb(chosen, float(np.abs(chosen).max()) or 1.0, circuits.ORANGE_BLUE)
    study.page.figure(
        "boundaries",
        pictures.matrix(
            [pictures.icon(lefts[u], _TILE) for u in rows],
            [pictures.icon(tops[u], _TILE) for u in columns],
            [[pictures.tile(one, _TILE) for one in row] for row in tiles],
            ([str(u) for u in rows], [f"{u} ({tuned.angles[u]:.0f}°)" for u in columns]),
        ),
        f"How {', '.join(f'{upper}:{u}' for u in rows)} (rows) read high-low frequency detectors, by orientation: "
        "orange excites, blue inhibits.",
        alt=f"{len(rows)} rows of {len(columns)} tiles",
    )


def claim_list(study: Study) -> None:
    """The published list: how many of it are boundary detectors, and whether that is more than by chance."""
    numbers, known = study.numbers_of("high_low_frequency.json"), {"basis": "published numbers", "rows": (11,)}
    text = "Of twenty published units that read high-low frequency detectors most, 8 are in families of boundaries"
    expected = f"8, and p below {_CHANCE} by chance"
    if numbers is None:
        study.claim(text, expected, published=8, why="the published list is not at hand", **known)
    else:
        listed = numbers["downstream_top20_mixed3b"]
        family = {unit for name in _BOUNDARIES for unit in published_family("mixed3b", name).units}
        found = len(family & set(listed))
        chance = circuits.enrichment(found, len(family), len(listed), 480)
        holds = found == 8 and chance < _CHANCE
        study.claim(text, expected, measured=f"{found}, p {chance:.2g}", published=8, holds=holds, **known)
    if not study.labelled:
        text = "The twenty units of mixed3b with the strongest weights from high-low frequency detectors"
        expected = "the list as published, in its order, of which 8 detect boundaries"
        study.claim(text, expected, published=f"{_TWENTY}; 8", why="needs the weights of inception5h", rows=(11,))


def show_universality(study: Study) -> None:
    """At which depth the family is found, by search whatever the network, beside the published networks."""
    found = [study.found.family(layer, "high-low frequency") for layer in study.found.verdicts]
    layers = study.model.architecture.main_layers
    deep = {family.layer: (layers.index(family.layer) + 1) / len(layers) for family in found}
    rows: list[list[Any]] = [
        [study.model.name, one.layer, f"{layers.index(one.layer) + 1} of {len(layers)}", f"{deep[one.layer]:.0%}",
         ", ".join(map(str, one.units))] for one in found if one.units
    ]  # fmt: skip
    numbers = study.numbers_of("high_low_frequency.json")
    for one in numbers["universality_similar_units"] if numbers else ():
        depth, of = one["depth"]
        units = ", ".join(map(str, one["units"]))
        rows.append([f"{one['model']} (published)", one["layer"], f"{depth} of {of}", f"{depth / of:.0%}", units])
    study.page.section("In other networks", "High-low frequency detectors were found at about a third of the depth.")
    if rows:
        study.page.table(
            "universality", ["network", "layer", "depth", "of all", "units"], rows, "By stimuli, or by hand."
        )
    enough = [family for family in found if family.distinct(20.0) >= LEAST]
    lowest = enough[0] if enough else Family("high-low frequency", "", ())
    study.claim(
        "High-low frequency detectors are found in this network, from about a third of the depth on",
        "the first of the layers searched with three or more orientations lies at 25 % to 40 %, exclusive of both; the "
        "four networks of the article have 29 % to 33 %",
        measured=f"{len(lowest)} in {lowest.layer}, {deep[lowest.layer]:.0%}" if enough else "none",
        published="29 % to 33 %",
        holds=bool(enough) and 0.25 < deep[lowest.layer] < 0.4,
        basis="found units",
        rows=(29,),
    )
    text, expected = "In three other networks published factors lie on opposite sides", "for most of 18 units"
    if numbers is None:
        why = "the published factors are not at hand"
        study.claim(text, expected, why=why, basis="published numbers", rows=(29,))
        return
    sides = [
        opposed(np.array(pair["HF"]), np.array(pair["LF"]))
        for one in numbers["universality_nmf"].values()
        for pair in one["spatial_factors"].values()
    ]
    study.claim(
        text, expected, measured=f"{sum(sides)} of {len(sides)}", holds=sum(sides) > len(sides) / 2,
        basis="published numbers", rows=(29,),
    )  # fmt: skip
