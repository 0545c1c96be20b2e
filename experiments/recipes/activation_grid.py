"""Activation grid: what a layer sees at each position of a photograph, drawn.

- Command: python -m experiments activation_grid --image ../shared/data/imagenet-samples.zip --number 323
- Time: about two minutes on two CPU cores with the bundled network, of which half is compiling
- Expect: a grid of icons, one for each position, each optimised for the direction of the activations there; the same
  with icons that share parts where positions are alike, which makes them coherent; and these as large and as opaque as
  the activations are strong. After Olah et al. 2018, "The Building Blocks of Interpretability"
- Resume: Ctrl-C keeps the rows that are done, the same command goes on from there
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image

import featvis
import inception_jax
from experiments import figures
from experiments.figures import Figures, finished
from experiments.options import usage_errors
from experiments.recipes.subject import Subject, SubjectOptions, icons, subject
from featvis import pixels, recipes
from featvis.recipes.grid import By

_WIDE = 560
"""Pixels, at least, of a grid on its page."""


@dataclass(frozen=True)
class Config(SubjectOptions):
    """Which photograph and layer, and how the icons are drawn."""

    icon: int = 40
    """Side of the icons in pixels."""
    steps: int = 128
    """Steps of optimisation of each icon."""
    cossim_pow: float = 0.0
    """How much the angle counts in drawing icons; 0 draws whatever lies far along the direction."""
    groups: int = 6
    """Neuron groups whose positions share parts of their icons, in a second grid; 0 for none. It takes the memory for
    all icons at once."""
    crop: int = 2
    """Pixels that are cut off each side of the icons."""


def run(config: Config) -> int:
    """Draw the icons, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "At each position of a photograph a layer has one number for each of its units: a vector. Here is an image for "
        "each position, optimised for the direction of its vector."
    )

    def drawn(page: Figures, model: inception_jax.Model) -> None:
        draw(page, subject(config, model), config)

    return figures.run("activation_grid", config, f"Activation grid of {config.layer}", lede, drawn)


def draw(
    page: Figures, about: Subject, config: Config
) -> tuple[recipes.ActivationGrid, Float[np.ndarray, "positions side side 3"]]:
    """Draw the grid, alone and coherent; returns it and the icons that were drawn alone.

    Raises:
        UsageError: the request cannot be met.
    """
    with usage_errors():
        grid = recipes.activation_grid(about.model, about.image, config.layer)
        alone = _by_rows(page, about.model, grid, config)
        together = _together(page, about.model, grid, config) if config.groups else alone

        def show(name: str, icons: np.ndarray, by: By | None, caption: str) -> None:
            picture = _enlarged(grid.picture(icons, by=by, crop=config.crop))
            page.figure(name, picture, caption, alt=f"{len(icons)} icons in {len(grid.vectors)} rows")

        page.figure(
            "photograph",
            about.row([about.image, about.spotlight(grid.magnitudes)]),
            f"{about.name.capitalize()}, and how strong the activations of {config.layer} are at each position.",
            alt=f"{about.name}, twice, the second time lit where activations are strong",
        )
        show("grid", alone, None, "An icon for each position, each optimised alone.")
        if config.groups:
            shared = f"parts that belong to {config.groups} neuron groups"
            show("coherent", together, None, f"The same, optimised together, with {shared} in common.")
        show("by-size", together, "size", "The same, icons as large as the activations are strong.")
        show("by-opacity", together, "opacity", "The same, icons as opaque as the activations are strong.")
    return grid, alone


def _by_rows(page: Figures, model: inception_jax.Model, grid: recipes.ActivationGrid, config: Config) -> np.ndarray:
    """Each icon alone; the rows are the pieces that are kept."""
    height, width, _ = grid.vectors.shape
    objectives = grid.objectives(config.cossim_pow)
    rows = [objectives[i * width : (i + 1) * width] for i in range(height)]
    return np.concatenate([icons(page, f"row{i:02d}", model, row, config)["images"] for i, row in enumerate(rows)])


def _together(page: Figures, model: inception_jax.Model, grid: recipes.ActivationGrid, config: Config) -> np.ndarray:
    """All icons at once, with shared parts."""
    images, objective = grid.coherent(config.icon, config.groups, config.cossim_pow, config.seed)
    drawn = page.kept(
        "together",
        lambda: finished(featvis.render(model, objective, steps=config.steps, seed=config.seed, param=images)),
    )
    return drawn["images"][0]


def _enlarged(picture: np.ndarray) -> Image.Image:
    image = pixels.picture(picture)
    zoom = -(-_WIDE // image.width)
    return image.resize((zoom * image.width, zoom * image.height), Image.Resampling.BICUBIC)
