"""The photographs that drive units most, as far as units see, and the orientations that lie in them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

import inception_jax
from circuits.examples import Fields, collect, read, receptive_fields
from circuits.families import READINGS, Family
from experiments.examples.photographs import batches, each
from experiments.examples.tiles import crop
from experiments.families.options import BATCH, Config
from experiments.figures import Figures
from experiments.recipes.sources import data_set

_READ = 16
"""Photographs that an orientation is read from, at most."""


@dataclass(frozen=True)
class Seen:
    """Crops of the photographs that drive units most, by layer and unit, and whether each is whole."""

    crops: dict[tuple[str, int], Float[np.ndarray, "n side side 3"]]
    inside: dict[tuple[str, int], Bool[np.ndarray, " n"]]


def photographs(page: Figures, model: inception_jax.Model, shown: list[Family], config: Config) -> Seen:
    """The photographs that drive the units of families most, cut to what the units see; none without a data set."""
    if config.images is None:
        return Seen({}, {})
    dataset, preparation = data_set(config, model)
    units = {layer: sorted({u for f in shown if f.layer == layer for u in f.units}) for layer in config.layers}
    layers = [layer for layer, numbers in units.items() if numbers]
    size = preparation.size, preparation.size
    fields = {layer: receptive_fields(model.architecture, layer, size) for layer in layers}

    def make() -> dict[str, np.ndarray]:
        numbers = range(min(len(dataset), max(config.photographs, 1)))
        given = (one.batch for one in batches(dataset, preparation, numbers, BATCH))
        found = read(collect(model, given, layers, count=_READ, samples=1))
        made = {}
        wanted = {int(n) for layer in layers for n in found[layer].top_images[units[layer]].ravel() if n >= 0}
        pixels = dict(each(dataset, preparation, wanted))
        for layer in layers:
            tops, places = found[layer].top_images[units[layer]], found[layer].top_positions[units[layer]]
            made[f"{layer}/crops"] = np.stack(
                [
                    [crop(pixels[max(int(n), 0)], fields[layer], *at) for n, at in zip(row, where, strict=True)]
                    for row, where in zip(tops, places.tolist(), strict=True)
                ]
            )
            made[f"{layer}/inside"] = np.array(
                [[n >= 0 and _inside(fields[layer], at, size) for n, at in zip(row, where, strict=True)]
                 for row, where in zip(tops, places.tolist(), strict=True)]
            )  # fmt: skip
        return made

    kept = page.kept("photographs", make) if layers else {}
    crops = {
        (layer, u): kept[f"{layer}/crops"][i] / np.float32(255) for layer in layers for i, u in enumerate(units[layer])
    }
    inside = {(layer, u): kept[f"{layer}/inside"][i] for layer in layers for i, u in enumerate(units[layer])}
    return Seen(crops, inside)


def _inside(fields: Fields, at: list[int], size: tuple[int, int]) -> bool:
    return all(first >= 0 and stop <= side for (first, stop), side in zip(fields.box(*at), size, strict=True))


def readings_of(shown: list[Family], seen: Seen) -> dict[tuple[str, int], float]:
    """Orientations read from photographs, of families for which there is a way; NaN where nothing can be read."""
    found = {}
    for family in shown:
        for unit in family.units:
            key = (family.layer, unit)
            if family.name in READINGS and key in seen.crops:
                # What lies outside of a photograph has a border of its own.
                inside = seen.crops[key][seen.inside[key]]
                found[key] = READINGS[family.name](inside) if len(inside) else float("nan")
    return found
