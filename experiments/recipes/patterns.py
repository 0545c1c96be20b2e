"""Patterns: units drawn by small networks from coordinates to colours, at any resolution.

- Command: python -m experiments patterns
- Time: four and a half minutes of processor time with the bundled network
- Expect: smooth images like silk screens, optimised at a size that the network knows and then drawn at 800 pixels;
  after Mordvintsev et al. 2018, "Differentiable Image Parameterizations"
- Resume: Ctrl-C keeps the units that are done, the same command goes on from there
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import optax

import featvis
import inception_jax
from experiments import figures
from experiments.figures import Figures, finished
from experiments.options import usage_errors
from experiments.recipes.drawing import DrawingOptions, names, side
from featvis import recipes, shortform


@dataclass(frozen=True)
class Config(DrawingOptions):
    """Which units, and how large they are drawn."""

    units: str = "mixed4a_pre_relu:1,4,mixed4c_pre_relu:2,mixed4d_pre_relu:11"
    """Units, as for feature_vis."""
    large: int = 800
    """Side of the drawings in pixels."""
    layers: int = 8
    """Hidden layers of the network that draws."""
    rate: float = 0.005
    """Learning rate."""
    restarts: int = 2
    """Attempts at each unit, of which the best is kept: some find nothing but a colour."""


def run(config: Config) -> int:
    """Draw the units, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "Each image is a small network from coordinates to colours, optimised to drive one unit. It has no resolution "
        f"of its own: here it is drawn at {config.large} pixels."
    )

    def drawn(page: Figures, model: inception_jax.Model) -> None:
        draw(page, model, config)

    return figures.run("patterns", config, "Patterns", lede, drawn)


def draw(page: Figures, model: inception_jax.Model, config: Config) -> dict[str, dict[str, np.ndarray]]:
    """Draw the units; returns what is kept of each by its label, `large` among it.

    Raises:
        UsageError: units that are not there.
    """
    with usage_errors():
        units = shortform.parse(config.units, model.layers)
        param = featvis.param.cppn(side(config, model), layers=config.layers)
    options: dict[str, Any] = {"steps": config.steps, "seed": config.seed, "restarts": config.restarts}
    options["optimizer"] = optax.adam(config.rate)

    def piece(unit: featvis.Objective) -> dict[str, np.ndarray]:
        found = recipes.patterns(model, unit, param=param, **options)
        return finished(found.result) | {"large": found.at(config.large)[0]}

    tiles, found = [], {}
    for unit, name in zip(units, names([unit.label for unit in units]), strict=True):
        made = page.kept(name, lambda unit=unit: piece(unit))
        found[unit.label] = made
        caption = f"{made['scores'][0]:.3g}"
        tiles.append(page.tile(name, made["large"], unit.label, caption=caption, curve=made["history"][0]))
    page.gallery(tiles)
    return found
