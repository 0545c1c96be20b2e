"""Sprites: all units of a layer in one picture, for pages that show a part of it wherever they show a unit.

- Command: python -m experiments sprites --layer mixed4a
- Time: six minutes of processor time for the 128 units of the bundled network's mixed4a
- Expect: sprites.png, all units of the layer edge to edge, in the layout of *The Building Blocks of Interpretability*,
  and sprites.json with the place of each
- Resume: Ctrl-C keeps the rows that are done, the same command goes on from there
"""

from dataclasses import dataclass

import numpy as np

import featvis
import inception_jax
from experiments import figures
from experiments.figures import Figures, finished
from experiments.options import usage_errors
from experiments.recipes.drawing import DrawingOptions, side
from featvis import recipes, shortform
from featvis.sheet import sprite_sheet

PICTURE, PLACES = "sprites.png", "sprites.json"

_PIECE = 16
"""Units that are drawn, and kept, together."""


@dataclass(frozen=True)
class Config(DrawingOptions):
    """Which layer, and how its sprites look."""

    layer: str = "mixed4a"
    """The layer, of those that `python -m inception_jax summary` shows."""
    units: str = "*"
    """Numbers of its units: 0-15, 1,5,9, or * for all."""
    steps: int = 256
    """Steps of optimisation."""
    tile: int = 110
    """Side of a sprite in pixels."""
    columns: int | None = None
    """Sprites in a row, by default the root of their number, rounded down."""
    alpha: bool = False
    """Make them transparent where the unit needs nothing."""


def run(config: Config) -> int:
    """Draw the units, write the sprites, their places and the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = f"The units of {config.layer}, each by an image optimised to raise its mean activation."

    def draw(page: Figures, model: inception_jax.Model) -> None:
        with usage_errors():
            units = shortform.units(f"{config.layer}:{config.units}", model.layers)
        numbers = [unit.number for unit in units]
        # So that a tile of 0 pixels or so is refused before anything is drawn.
        with usage_errors():
            sprite_sheet(np.zeros((1, 1, 1, 3)), config.tile, config.columns)
        param = featvis.param.image(side(config, model), alpha=config.alpha)
        images = []
        for first in range(0, len(numbers), _PIECE):
            some = numbers[first : first + _PIECE]
            drawn = page.kept(
                f"units-{first:04}",
                lambda some=some: finished(
                    recipes.sprites(model, config.layer, some, param=param, steps=config.steps, seed=config.seed).result
                ),
            )
            images.append(drawn["images"])
        picture, places = sprite_sheet(
            np.concatenate(images), config.tile, config.columns, [f"{config.layer}:{n}" for n in numbers]
        )
        page.directory.write_image(PICTURE, picture)
        page.directory.write_json(PLACES, places)
        page.numbers({"units": len(numbers), "columns": places["columns"]})
        text = f"{len(numbers)} units of {config.layer}, row by row; {PLACES} has the place of each."
        page.figure("sprites", PICTURE, text, alt=f"{len(numbers)} images, edge to edge")

    return figures.run("sprites", config, f"Sprites of {config.layer}", lede, draw)
