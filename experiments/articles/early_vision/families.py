"""Families of the layers after the first: icons of some units of each, how many there are, and whether icons win."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from circuits.families import RULES, Family, published
from experiments.circuits import pictures
from experiments.circuits.icons import canvas, seen
from experiments.circuits.seen import middle
from experiments.families.pictures import lines
from experiments.study import Study
from experiments.study.plots import points
from experiments.study.study import BATCH, EARLY, PUBLISHED
from featvis.recipes.given import activations

LAYERS = ("conv2d1", "conv2d2", "mixed3a", "mixed3b")
"""Layers of the article after the first."""

_SIDE = 72
_ICONS, _PUBLISHED_ICONS = 6, 3
"""Units of a family that are shown, of found and of published ones, of which there are many more."""


def show_families(study: Study) -> None:
    """A sheet of each layer's families, the table of their sizes, and icons beside photographs."""
    rows, sheets = [], {}
    for layer in study.layers(*LAYERS):
        families, size = families_of(study, layer), study.model.layers[layer]
        rows += [[layer, *row] for row in compared(layer, families, size)]
        if families:
            sheets[layer] = _show_layer(study, layer, families, size)
        else:
            study.page.section(layer, f"None of the families was found among the {size} units of {layer}.")
    study.page.section("How many of each", "Found by what units respond to; published by people who looked at them.")
    study.page.table(
        "families",
        ["layer", "family", "units", "per cent", "published units", "published per cent"],
        rows,
        f"Units of {study.model.name} in each family, and of inception5h, whose families are finer.",
    )
    _compare_icons(study, {layer: drawn for layer, drawn in sheets.items() if layer in study.examples})


def families_of(study: Study, layer: str) -> list[Family]:
    """The families of a layer with any units: the published ones of inception5h, those that were found of others."""
    if study.labelled:
        return [family for family in published(layer) if family.units]
    found = study.found if layer in EARLY else study.searched(f"responses-{layer}", study.model, [layer])
    return [family for name in RULES if (family := found.family(layer, name)).units]


def compared(layer: str, families: Sequence[Family], size: int) -> list[list[str | int | float]]:
    """Rows of the table: each family, its units, their share in per cent, and the same as published.

    Args:
        layer: of the families.
        families: found or published ones.
        size: units of the layer.

    >>> compared("conv2d2", [Family("lines", "conv2d2", (1, 2))], 32)
    [['lines', 2, 6.25, 33, 17.19]]
    >>> compared("conv2d2", [Family("of another kind", "conv2d2", (1,))], 32)
    [['of another kind', 1, 3.125, '', '']]
    """
    known = {family.name: family for family in published(layer)}
    rows = []
    for family in families:
        theirs = known.get(PUBLISHED.get(family.name, {}).get(layer, family.name))
        numbers = [len(theirs), round(100 * theirs.share(), 2)] if theirs else ["", ""]
        rows.append([family.name, len(family), round(100 * len(family) / size, 3), *numbers])
    return rows


def _show_layer(study: Study, layer: str, families: Sequence[Family], size: int) -> list[int]:
    """The sheet of a layer; returns the units that it shows."""
    count = study.few(_PUBLISHED_ICONS if study.labelled else _ICONS)
    shown = {family.name: list(family.units[:count]) for family in families}
    icons = study.icons(layer, [unit for units in shown.values() for unit in units])
    rows = []
    for family, (_, units, percent, *theirs) in zip(families, compared(layer, families, size), strict=True):
        text = f"{_broken(family.name)}\n{units} unit{'s' * (units != 1)}, {percent:.2g} %"
        if theirs[1] != "" and not study.labelled:
            text += f"\npublished {theirs[1]:.2g} %"
        rows.append((text, [pictures.icon(icons[unit], _SIDE) for unit in shown[family.name]]))
    members = sum(map(len, families))
    study.page.section(layer, f"{members} of {size} units are in a family; the others are in none of these.")
    listed = "; ".join(f"{name}: {', '.join(f'{layer}:{u}' for u in units)}" for name, units in shown.items())
    study.page.figure(
        f"families-{layer}",
        lines(rows, _SIDE),
        f"Families of {layer}, at most {count} units of each, those that fit best first. {listed}.",
        alt=f"A row of icons for each of {len(families)} families of {layer}",
    )
    return [unit for units in shown.values() for unit in units]


def _broken(name: str) -> str:
    """A name that is too long for its place, in two lines.

    >>> _broken("colour contrast"), _broken("Crosses / Diverging Lines")
    ('colour contrast', 'Crosses / Diverging\\nLines')
    """
    head, _, tail = name.rpartition(" ")
    return f"{head}\n{tail}" if len(name) > 20 and head else name


def _compare_icons(study: Study, drawn: dict[str, list[int]]) -> None:
    text = "Icons drive their units more than any photograph"
    expected = "every unit: an icon is optimised for it"
    if study.dataset is None or not drawn:
        why = "no photographs" if study.dataset is None else "no family was found whose icons could be compared"
        study.claim(text, expected, published="every unit", why=why, rows=(12,))
        return
    ratios, kinds, rows = [], [], []
    for layer, units in drawn.items():
        values = icon_values(study, layer, units)
        best = study.examples[layer].top_values[units, 0]
        for unit, value, most in zip(units, values.tolist(), best.tolist(), strict=True):
            ratio = value / most if most > 0 else float("inf")
            rows.append([f"{layer}:{unit}", value, most, ratio])
            if np.isfinite(ratio):
                ratios.append(ratio)
                kinds.append(layer)
    above = sum(row[3] > 1 for row in rows)
    study.claim(
        text,
        expected,
        measured=f"{above} of {len(rows)}, median {np.median([row[3] for row in rows]):.2g} times as much",
        published="every unit",
        holds=above == len(rows),
        rows=(12,),
    )
    study.page.section(
        "Icons and photographs",
        f"What units are for shows in icons only if these drive the units. Each icon is laid in the middle of an even "
        f"grey, and the unit there is read; beside it stands the same unit's largest activation anywhere in "
        f"{len(study.photographs):,} photographs.",
    )
    if ratios:
        order = np.argsort(ratios, kind="stable")
        study.page.figure(
            "icons-photographs",
            points(
                np.arange(len(ratios)), np.array(ratios)[order], "units, by their ratio",
                "icon / strongest photograph", kinds=[kinds[i] for i in order],
            ),
            f"Activation by the icon over activation by the strongest photograph, of {len(ratios)} units. Above 1 the "
            f"icon wins: {above} units of {len(rows)}.",
            alt=f"Points from {min(ratios):.2g} to {max(ratios):.2g}",
        )  # fmt: skip
    study.page.table("icons", ["unit", "icon", "strongest photograph", "ratio"], rows, "Activations after the ReLU.")


def icon_values(study: Study, layer: str, units: Sequence[int]) -> Float[np.ndarray, " units"]:
    """What icons do to their units: the activation in the middle of an even grey on which the icon lies."""
    size = canvas(study.drawing, study.model)
    rows, columns = seen(study.model, layer, size)
    icons, values = study.icons(layer, units), []
    for first in range(0, len(units), BATCH):
        some = units[first : first + BATCH]
        images = np.full((len(some), size, size, 3), 0.5, np.float32)
        images[:, slice(*rows), slice(*columns)] = np.stack([icons[unit] for unit in some])
        maps = activations(study.model, images, [layer])[layer]
        at = middle(study.model, layer, images[0])
        values.append(maps[(np.arange(len(some)), *at, list(some))])
    return np.concatenate(values).astype(float)
