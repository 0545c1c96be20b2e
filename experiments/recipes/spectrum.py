"""Spectrum of units: what drives them down, what drives them up, and photographs between.

- Command: python -m experiments spectrum --images ../shared/data/imagenet-samples.zip
- Time: one minute on one CPU core for three units of bvlc_googlenet with --steps 128
- Expect: for each unit a row from the image that drives it furthest down, over photographs that it answers to from most
  negatively to most positively, to the image that drives it furthest up; after Olah et al. 2017, "Feature
  Visualization". The ends are often opposites of a kind: colours, or orientations. spectrum.csv has the numbers
- Resume: Ctrl-C keeps the units that are done, the same command goes on from there

Without --images there are only the two ends.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

import featvis
import inception_jax
from experiments import figures
from experiments.figures import Figures, finished
from experiments.options import usage_errors
from experiments.recipes.drawing import DrawingOptions, names, row, side
from experiments.recipes.sources import SampleOptions, sample
from featvis import recipes, shortform
from featvis.recipes.given import objective_values
from featvis.recipes.spectrum import PARTS, parts

Row = tuple[str, float, float, float, float]
"""Of a unit: its label, the lowest value by optimisation and in photographs, the highest in photographs and by
optimisation."""


@dataclass(frozen=True)
class Config(SampleOptions, DrawingOptions):
    """Which units, and how many photographs of each part of their range."""

    units: str = "mixed3b_pre_relu:0-3,mixed4a_pre_relu:0-3"
    """Units, as for feature_vis; of layers before their ReLU, where units are negative too."""
    examples: int = 2
    """Photographs of each part of the range."""


def run(config: Config) -> int:
    """Draw the ends, choose the photographs, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "Each row is about one unit. At its ends are images optimised to drive the unit down and up; between them lie "
        "photographs, in the order of what the unit makes of them."
    )

    def drawn(page: Figures, model: inception_jax.Model) -> None:
        draw(page, model, sample(config, model), config)

    return figures.run("spectrum", config, "The spectrum of units", lede, drawn)


def draw(page: Figures, model: inception_jax.Model, photos: Float[np.ndarray, "n h w 3"], config: Config) -> list[Row]:
    """Draw the ends, choose the photographs; returns the rows of the table.

    Raises:
        UsageError: units that are not there.
    """
    with usage_errors():
        units = shortform.parse(config.units, model.layers)
    labels, activations = [unit.label for unit in units], np.zeros((len(units), 0))
    table: list[Row] = []
    if len(photos):
        seen = page.kept("photographs", lambda: {"values": objective_values(model, units, photos)})
        activations = seen["values"]
        page.numbers({"photographs": len(photos)})
    for unit, name, values in zip(units, names(labels), activations, strict=True):
        ends = page.kept(name, lambda unit=unit: _ends(model, unit, config))
        low, high = map(float, ends["values"])
        chosen = parts(values, config.examples)
        shown = [(part, i, values[i]) for part, found in zip(PARTS, chosen, strict=True) for i in found.tolist()]
        page.section(unit.label)
        page.figure(
            name,
            row([ends["images"][0], *(photos[i] for _, i, _ in shown), ends["images"][1]]),
            f"What drives {unit.label} down and up.",
            alt=f"Two images of {unit.label}, with {len(shown)} photographs between them",
            rows=[
                ["optimised", *(part for part, _, _ in shown), "optimised"],
                [f"{value:.3g}" for value in (low, *(value for _, _, value in shown), high)],
            ],
        )
        table.append((unit.label, low, float(values.min(initial=0)), float(values.max(initial=0)), high))
    page.section("Numbers")
    header = ["unit", "optimised, lowest", "photographs, lowest", "photographs, highest", "optimised, highest"]
    page.table("spectrum", header, table, "Mean activation over all positions of an image.")
    return table


def _ends(model: inception_jax.Model, unit: featvis.Objective, config: Config) -> dict[str, np.ndarray]:
    param = featvis.param.image(side(config, model))
    spectrum = recipes.spectrum(model, unit, param=param, steps=config.steps, seed=config.seed)
    return finished(spectrum.result) | {"values": np.array(spectrum.values)}
