"""Style: the texture of one photograph, and another photograph in it.

- Command: python -m experiments style --image ../shared/data/imagenet-samples.zip --number 323
- Time: TODO
- Expect: textures that have the style up to one layer after another, ever larger patterns; and the photograph in that
  style, for three weights of its content. After Gatys et al. 2015, with the parameterisation and transforms of feature
  visualisation: Mordvintsev et al. 2018, "Differentiable Image Parameterizations"
- Resume: Ctrl-C keeps the images that are done, the same command goes on from there

The style is that of a drawn pattern unless --style names a photograph.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

import featvis
import inception_jax
from experiments import figures
from experiments.figures import Figures
from experiments.options import Options
from experiments.recipes.drawing import row
from experiments.recipes.subject import SubjectOptions, subject
from featvis import recipes
from featvis.recipes.style import CONTENT_LAYERS, STYLE_LAYERS


@dataclass(frozen=True)
class Config(Options):
    """Which photographs, which layers, and how much each counts."""

    image: Path | None = None
    """The content: a photograph, or a folder or zip file of photographs in class folders; without it, a drawn one."""
    number: int = 0
    """Which photograph of a folder or zip file, from 0, in the order of classes and names."""
    style: Path | None = None
    """The style, likewise; without it, a drawn pattern."""
    style_number: int = 0
    """Which photograph of a folder or zip file is the style."""
    style_layers: tuple[str, ...] = STYLE_LAYERS
    """Layers whose Gram matrices should be those of the style, the earliest first."""
    content_layers: tuple[str, ...] = CONTENT_LAYERS
    """Layers whose activations should be those of the content."""
    content_weights: tuple[float, ...] = (0.3, 1.0, 3.0)
    """How much differences in content count, where those in style count 1: an image for each."""
    steps: int = 512
    """Steps of optimisation."""


def run(config: Config) -> int:
    """Draw the textures and the photograph in the style, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "The style of an image is which units are active together, wherever that is. Textures have the style and "
        "nothing else; then a photograph is drawn in it."
    )

    def draw(page: Figures, model: inception_jax.Model) -> None:
        content = subject(SubjectOptions(image=config.image, number=config.number), model)
        style, name = _style(config, model)
        options: dict[str, Any] = {"steps": config.steps, "seed": config.seed}
        size = featvis.param.image(content.image.shape[:2])

        page.section("Textures")
        textures = []
        for i, layer in enumerate(config.style_layers):
            made = page.kept(
                f"texture-{i}",
                lambda i=i: recipes.texture(model, style, layers=config.style_layers[: i + 1], param=size, **options),
            )
            textures.append((f"to {layer}", made["images"][0]))
        page.figure(
            "textures",
            row([style, *(image for _, image in textures)]),
            f"{name.capitalize()}, and textures that have its style up to one layer after another.",
            alt=f"{name}, and {len(textures)} textures",
            rows=[["style", *(label for label, _ in textures)]],
        )

        page.section("In that style")
        drawn = []
        for i, weight in enumerate(config.content_weights):
            made = page.kept(
                f"transfer-{i}",
                lambda weight=weight: recipes.style_transfer(
                    model,
                    content.image,
                    style,
                    content_layers=config.content_layers,
                    style_layers=config.style_layers,
                    content_weight=weight,
                    **options,
                ),
            )
            drawn.append((f"weight {weight:g}", made["images"][0, 0]))
        page.figure(
            "transfer",
            row([content.image, *(image for _, image in drawn)]),
            f"{content.name.capitalize()}, and what it shows in the style of {name}, for several weights of content.",
            alt=f"{content.name}, and {len(drawn)} images of it in another style",
            rows=[["content", *(label for label, _ in drawn)]],
        )

    return figures.run("style", config, "Style", lede, draw)


def _style(config: Config, model: inception_jax.Model) -> tuple[np.ndarray, str]:
    if config.style is None:
        return waves(model.architecture.image_size), "a drawn pattern"
    about = subject(SubjectOptions(image=config.style, number=config.style_number), model)
    return about.image, about.name


def waves(size: int) -> Float[np.ndarray, "{size} {size} 3"]:
    """A pattern with a style of its own: wavy stripes in blue and yellow.

    >>> waves(32).shape
    (32, 32, 3)
    """
    down, across = (np.indices((size, size)) + 0.5) / size
    bend = down + 0.07 * np.sin(2 * np.pi * 2 * across) + 0.03 * np.sin(2 * np.pi * 5 * across + 1)
    stripe = 0.5 + 0.5 * np.sin(2 * np.pi * 7 * bend)
    shade = 0.5 + 0.5 * np.sin(2 * np.pi * 2 * bend)
    night, day = np.array([0.05, 0.15, 0.45]), np.array([0.95, 0.8, 0.25])
    sky = np.array([0.3, 0.6, 0.85])
    mixed = night + (sky - night) * shade[..., None] + (day - sky) * (stripe**2)[..., None] * shade[..., None]
    return np.clip(mixed, 0, 1).astype(np.float32)
