"""Rows of pictures of a family's units: what each looks for, its tuning, photographs and weights."""

import numpy as np

import circuits
import inception_jax
from circuits.families import RULES, Family, Search, apart
from experiments.circuits import pictures
from experiments.circuits.icons import unit_icons
from experiments.circuits.units import layer_below, read_at
from experiments.families import pictures as plots
from experiments.families.options import Config
from experiments.families.photographs import Seen
from experiments.figures import Figures
from experiments.recipes.drawing import names

_CELL, _CROPS, _TILES = 72, 6, 5
"""Side of a picture; photographs and inputs of a unit that are shown."""


def show_family(
    page: Figures,
    model: inception_jax.Model,
    found: Search,
    family: Family,
    seen: Seen,
    readings: dict[tuple[str, int], float],
    config: Config,
) -> None:
    """The section of a family: what it covers, and a row for each unit."""
    layer, rule = family.layer, RULES[family.name]
    units = list(family.units[: config.most])
    (name,) = names([f"{family.name}-{layer}"])
    text = f"{len(family)} of {found.measured[layer].units} units of {layer} respond to {rule.about}."
    if family.angles:
        text += f" Their orientations: {family.distinct(20.0)} that lie 20 degrees or more apart."
    differences = [
        apart(readings[layer, u], angle, family.period or 360.0)
        for u, angle in family.angles.items()
        if np.isfinite(readings.get((layer, u), np.nan))
    ]
    if differences:
        close = sum(d <= 20 for d in differences)
        text += f" In {close} of {len(differences)} the photographs say the same within 20 degrees."
        page.numbers_shown |= {
            f"{family.name} of {layer} read within 20 degrees": close,
            f"{family.name} of {layer} read": len(differences),
        }
    page.section(f"{family.name.capitalize()} in {layer}", text)
    if family.angles:
        page.figure(
            f"compass-{name}",
            plots.compass(list(family.angles.values()), family.period or 360.0, 220),
            f"Orientations of {len(family.angles)} units of {layer}.",
            alt=f"Arrows to {', '.join(f'{angle:.0f}' for angle in sorted(family.angles.values()))} degrees",
        )
    icons = unit_icons(page, model, layer, units, config, f"icons-{name}")
    tiles, inputs, below = _tiles(page, model, layer, units, name)
    tuning = found.verdicts[layer][family.name].tuning
    rows = []
    for i, unit in enumerate(units):
        drawn = [pictures.icon(icons[unit], _CELL)]
        if len(tuning):
            drawn.append(plots.polar(tuning[:, unit], family.orientations[i], family.period or 360.0, _CELL))
        drawn += [pictures.icon(one, _CELL) for one in seen.crops.get((layer, unit), np.zeros((0, 1, 1, 3)))[:_CROPS]]
        drawn += [pictures.tile(one, _CELL) for one in tiles[i]]
        rows.append((_about(family, i, readings), drawn))
    heads = [(0, "looks for"), (1, "tuning")] if len(tuning) else [(0, "looks for")]
    photos = _CROPS if seen.crops else 0
    heads += [(len(heads), "photographs")] if photos else []
    heads += [(1 + bool(len(tuning)) + photos, f"strongest inputs, {below}")]
    page.figure(
        name,
        plots.lines(rows, _CELL, heads),
        f"The {len(units)} best of {len(family)} units: what each looks for, how it is tuned"
        f"{', the photographs that drive it most, cut to what it sees' if photos else ''}, and the weights of its "
        f"strongest inputs from {below}, red where they excite.",
        alt=f"{len(units)} rows of pictures of units of {layer}",
    )
    lines = [
        [f"{layer}:{unit}", ", ".join(f"{below}:{n}" for n in numbers)]
        for unit, numbers in zip(units, inputs, strict=True)
    ]
    page.table(f"inputs-{name}", ["unit", "strongest inputs"], lines, "The inputs whose weights are shown, in order.")


def _about(family: Family, place: int, readings: dict[tuple[str, int], float]) -> str:
    unit, angle = family.units[place], family.orientations[place]
    text = f"{family.layer}:{unit}\nscore {family.scores[place]:.2f}"
    if np.isfinite(angle):
        text += f"\ntuned {angle:.0f}"
        if np.isfinite(read := readings.get((family.layer, unit), np.nan)):
            text += f", read {read:.0f}"
    return text


def _tiles(
    page: Figures, model: inception_jax.Model, layer: str, units: list[int], name: str
) -> tuple[list[np.ndarray], list[list[int]], str]:
    """Tiles of the strongest inputs of units, in colours, the inputs' numbers, and where they are."""
    below = layer_below(model, layer, None)
    at = read_at(model, below, layer)
    weights = page.kept(
        f"weights-{name}", lambda: {"weights": circuits.expanded_weights(model, at, layer, units=units)}
    )
    array = weights["weights"]
    inputs = [circuits.in_neighbours(array, i, _TILES).units.tolist() for i in range(len(units))]
    tiles = [circuits.weights_to_rgb(array[i, numbers]) for i, numbers in enumerate(inputs)]
    return tiles, inputs, below
