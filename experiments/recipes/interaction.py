"""Interaction of units: what two of them show together, and on the way from one to the other.

- Command: python -m experiments interaction
- Time: 3.5 minutes on one CPU core with bvlc_googlenet and --steps 128
- Expect: a grid with an image for each unit and each sum of two, a row of images from the first unit to the second
  whose parts stay in place, and a grid of such rows for all pairs; after Olah et al. 2017, "Feature Visualization", and
  Mordvintsev et al. 2018, "Differentiable Image Parameterizations". interpolation.webp plays the row
- Resume: Ctrl-C keeps the pieces that are done, the same command goes on from there
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

import featvis
import inception_jax
from experiments import figures
from experiments.figures import Figures, finished
from experiments.options import UsageError, usage_errors
from experiments.recipes.drawing import DrawingOptions, row, side
from featvis import recipes, shortform
from featvis.sheet import sheet
from featvis.video import video

ANIMATION = "interpolation.webp"


@dataclass(frozen=True)
class Config(DrawingOptions):
    """Which units, and how many images between two."""

    units: str = "mixed4e:5,13,17"
    """Units, as for feature_vis; two or more."""
    images: int = 6
    """Images from the first unit to the second."""
    between: int = 3
    """Images of each pair in the last grid, both ends included."""
    align: tuple[str, ...] = ()
    """Layers in which neighbouring images of the row should agree."""


def run(config: Config) -> int:
    """Draw the grids and the row, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = "What units show alone, what two show together, and what lies between them."

    def draw(page: Figures, model: inception_jax.Model) -> None:
        with usage_errors():
            units = shortform.parse(config.units, model.layers)
        if len(units) < 2:
            raise UsageError(f"--units {config.units} is one unit; expected two or more")
        labels, size = [unit.label for unit in units], side(config, model)
        options: dict[str, Any] = {"steps": config.steps, "seed": config.seed}

        def sums() -> dict[str, np.ndarray]:
            grid = recipes.interactions(model, units, param=featvis.param.image(size), **options)
            return finished(grid.result) | {"images": grid.images}

        page.section("Together", "Each image is for the sum of its row's unit and its column's, or for the one alone.")
        images = page.kept("together", sums)["images"]
        text = f"{', '.join(labels)}, alone from the upper left to the lower right, and in pairs elsewhere."
        page.figure("together", _grid(images), text, alt="A grid of images", rows=[labels])

        page.section(f"From {labels[0]} to {labels[1]}")
        passage = page.kept(
            "interpolation",
            lambda: finished(
                recipes.interpolation(
                    model, units[0], units[1], config.images, align=config.align, size=size, **options
                )
            ),
        )["images"][0]
        with usage_errors():
            video(np.concatenate([passage, passage[-2:0:-1]]), page.directory.path / ANIMATION, 5, hold=0)
        text = f"Images that share parts, from {labels[0]} to {labels[1]}. The picture leads to its animation."
        page.figure("interpolation", row(passage), text, alt=f"A row of {len(passage)} images", link=ANIMATION)

        def pairs() -> dict[str, np.ndarray]:
            grid = recipes.interpolation_grid(model, units, config.between, size=size, **options)
            return finished(grid.result) | {"images": grid.images}

        page.section("Between all pairs", "All of these images share parts, so that they can be compared.")
        images = page.kept("between", pairs)["images"]
        text = f"From each of {', '.join(labels)} (rows) to each (columns)."
        page.figure("between", _grid(images), text, alt="A grid of rows of images", rows=[labels])

    return figures.run("interaction", config, "Interaction of units", lede, draw)


def _grid(images: np.ndarray) -> Image.Image:
    flat = images.reshape(-1, *images.shape[2:])
    return sheet(flat, columns=images.shape[1])
