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
from jaxtyping import Float
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

    def drawn(page: Figures, model: inception_jax.Model) -> None:
        for draw in (together, passage, between):
            draw(page, model, config)

    return figures.run("interaction", config, "Interaction of units", lede, drawn)


def together(page: Figures, model: inception_jax.Model, config: Config) -> Float[np.ndarray, "n n h w 3"]:
    """Draw each unit and each sum of two.

    Raises:
        UsageError: units that are not there, or only one.
    """
    units, labels = _units(config, model)
    param = featvis.param.image(side(config, model))

    def sums() -> dict[str, np.ndarray]:
        grid = recipes.interactions(model, units, param=param, steps=config.steps, seed=config.seed)
        return finished(grid.result) | {"images": grid.images}

    page.section("Together", "Each image is for the sum of its row's unit and its column's, or for the one alone.")
    images = page.kept("together", sums)["images"]
    text = f"{', '.join(labels)}, alone from the upper left to the lower right, and in pairs elsewhere."
    page.figure("together", _grid(images), text, alt="A grid of images", rows=[labels])
    return images


def passage(
    page: Figures, model: inception_jax.Model, config: Config, *, aligned: bool = True
) -> Float[np.ndarray, "n h w 3"]:
    """Draw the row from the first unit to the second, and its animation.

    Args:
        page: to draw on.
        model: the network.
        config: which units, and how many images.
        aligned: whether the images share parts.

    Raises:
        UsageError: units that are not there, or only one.
    """
    units, labels = _units(config, model)
    options: dict[str, Any] = {"steps": config.steps, "seed": config.seed, "size": side(config, model)}
    options |= {"align": config.align, "aligned": aligned}
    images = page.kept(
        "interpolation",
        lambda: finished(recipes.interpolation(model, units[0], units[1], config.images, **options)),
    )["images"][0]
    animation = page.named(ANIMATION)
    with usage_errors():
        video(np.concatenate([images, images[-2:0:-1]]), page.directory.path / animation, 5, hold=0)
    page.section(f"From {labels[0]} to {labels[1]}")
    text = f"Images that {'share parts' if aligned else 'share nothing'}, from {labels[0]} to {labels[1]}. The picture "
    page.figure(
        "interpolation",
        row(images),
        text + "leads to its animation.",
        alt=f"A row of {len(images)} images",
        link=animation,
    )
    return images


def between(page: Figures, model: inception_jax.Model, config: Config) -> Float[np.ndarray, "n n steps h w 3"]:
    """Draw the rows between all pairs of units.

    Raises:
        UsageError: units that are not there, or only one.
    """
    units, labels = _units(config, model)
    options: dict[str, Any] = {"steps": config.steps, "seed": config.seed, "size": side(config, model)}

    def pairs() -> dict[str, np.ndarray]:
        grid = recipes.interpolation_grid(model, units, config.between, **options)
        return finished(grid.result) | {"images": grid.images}

    page.section("Between all pairs", "All of these images share parts, so that they can be compared.")
    images = page.kept("between", pairs)["images"]
    text = f"From each of {', '.join(labels)} (rows) to each (columns)."
    page.figure("between", _grid(images), text, alt="A grid of rows of images", rows=[labels])
    return images


def _units(config: Config, model: inception_jax.Model) -> tuple[list[featvis.Objective], list[str]]:
    """The units, and their labels."""
    with usage_errors():
        units = shortform.parse(config.units, model.layers)
    if len(units) < 2:
        raise UsageError(f"--units {config.units} is one unit; expected two or more")
    return units, [unit.label for unit in units]


def _grid(images: np.ndarray) -> Image.Image:
    flat = images.reshape(-1, *images.shape[2:])
    return sheet(flat, columns=images.shape[1])
