"""Diversity: several images of each unit that differ as much as they can.

- Command: python -m experiments diversity
- Time: 2.5 minutes on one CPU core for two units of bvlc_googlenet with --steps 160
- Expect: for each unit images that do not know of each other, which tend to be alike, and images that differ as much
  as they can, which show all that the unit answers to; after Olah et al. 2017, "Feature Visualization". diversity.csv
  has how strongly each row drives the unit, and how alike its images are
- Resume: Ctrl-C keeps the units that are done, the same command goes on from there
"""

from dataclasses import dataclass

import featvis
import inception_jax
from experiments import figures
from experiments.figures import Figures, finished
from experiments.options import usage_errors
from experiments.recipes.drawing import DrawingOptions, names, row, side
from featvis import objectives as obj
from featvis import recipes, shortform
from featvis.recipes.given import objective_values

Row = tuple[str, str, float, float]
"""Of four images or so: the label of the unit, what they are, its mean activation, and how alike they are."""


@dataclass(frozen=True)
class Config(DrawingOptions):
    """Which units, how many images, and how different."""

    units: str = "mixed5a:2,6,16,18"
    """Units, as for feature_vis."""
    images: int = 4
    """Images of each unit."""
    weight: float = 0.3
    """How much it counts that images differ, as a multiple of what the unit reaches alone."""
    layer: str | None = None
    """Layer whose units should be active together in different ways; by default the unit's own."""


def run(config: Config) -> int:
    """Draw each unit with and without diversity, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        f"{config.images} images of each unit, first optimised without knowing of each other, then together: each to "
        "drive the unit, and all of them to differ in which units of the layer are active together."
    )

    def drawn(page: Figures, model: inception_jax.Model) -> None:
        draw(page, model, config)

    return figures.run("diversity", config, "Diverse images of units", lede, drawn)


def draw(page: Figures, model: inception_jax.Model, config: Config) -> list[Row]:
    """Draw each unit with and without diversity; returns the rows of the table.

    Raises:
        UsageError: units that are not there.
    """
    with usage_errors():
        units = shortform.parse(config.units, model.layers)
    table: list[Row] = []
    for unit, name in zip(units, names([unit.label for unit in units]), strict=True):
        page.section(unit.label)
        weight = 0.0
        for kind, about in (("alone", "that do not know of each other"), ("diverse", "that differ")):
            made = page.kept(f"{name}-{kind}", lambda unit=unit, w=weight: finished(_drawn(model, unit, w, config)))
            measures = [unit, obj.diversity(config.layer or unit.network_layers[0])]
            driven, alike = objective_values(model, measures, made["images"])[:, 0].tolist()
            text = f"{config.images} images of {unit.label} {about}."
            page.figure(f"{name}-{kind}", row(made["images"][0]), text, alt=text)
            # The objective is a sum over all pairs, divided by the number of images.
            table.append((unit.label, about, driven, alike / (config.images - 1)))
            weight = config.weight * abs(driven)
    page.section("Numbers")
    header = ["unit", "images", "mean activation", "likeness"]
    page.table("diversity", header, table, "Likeness is the mean cosine between Gram matrices: 1 for the same.")
    return table


def _drawn(model: inception_jax.Model, unit: featvis.Objective, weight: float, config: Config) -> featvis.Result:
    return recipes.diversity(
        model,
        unit,
        config.images,
        weight=weight,
        layer=config.layer,
        param=featvis.param.image(side(config, model)),
        steps=config.steps,
        seed=config.seed,
    )
