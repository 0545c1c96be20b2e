"""Style: the texture of one photograph, and another photograph in it.

- Command: python -m experiments style --image ../shared/data/imagenet-samples.zip --number 323
- Time: just over two minutes on one CPU core with bvlc_googlenet and --steps 128
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
from experiments.figures import Figures, finished
from experiments.recipes.drawing import DrawingOptions, row, side
from experiments.recipes.sources import photograph
from featvis import recipes
from featvis.recipes.style import CONTENT_LAYERS, STYLE_LAYERS


@dataclass(frozen=True)
class Config(DrawingOptions):
    """Which photographs, which layers, and how much each counts."""

    image: Path | None = None
    """The content: a photograph, or a folder or zip file of photographs or class folders; without it, a drawn one."""
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
    content_weights: tuple[float, ...] = (0.5, 1.0, 2.0)
    """How much differences in content count, where those in style count 1: an image for each."""


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
        size = side(config, model)
        content, what = photograph(config.image, config.number, size)
        style, which = waves(size), "a drawn pattern"
        if config.style is not None:
            style, which = photograph(config.style, config.style_number, size)
        options: dict[str, Any] = {"steps": config.steps, "seed": config.seed, "param": featvis.param.image(size)}

        page.section("Textures")
        textures = []
        for i, layer in enumerate(config.style_layers):
            made = page.kept(
                f"texture-{i}",
                lambda i=i: finished(recipes.texture(model, style, layers=config.style_layers[: i + 1], **options)),
            )
            textures.append((f"to {layer}", made["images"][0]))
        page.figure(
            "textures",
            row([style, *(image for _, image in textures)]),
            f"{which.capitalize()}, and textures that have its style up to one layer after another.",
            alt=f"{which}, and {len(textures)} textures",
            rows=[["style", *(label for label, _ in textures)]],
        )

        page.section("In that style")
        drawn = []
        for i, weight in enumerate(config.content_weights):
            made = transfer(page, f"transfer-{i}", model, (content, style), weight, config)
            drawn.append((f"weight {weight:g}", made["images"][0, 0]))
        page.figure(
            "transfer",
            row([content, *(image for _, image in drawn)]),
            f"{what.capitalize()}, and what it shows in the style of {which}, for several weights of content.",
            alt=f"{what}, and {len(drawn)} images of it in another style",
            rows=[["content", *(label for label, _ in drawn)]],
        )

    return figures.run("style", config, "Style", lede, draw)


def transfer(
    page: Figures,
    name: str,
    model: inception_jax.Model,
    pictures: tuple[Float[np.ndarray, "h w 3"], Float[np.ndarray, "h2 w2 3"]],
    weight: float,
    config: Config,
    param: featvis.param.Image | None = None,
) -> dict[str, np.ndarray]:
    """One image of the content in the style, drawn once and kept under a name.

    Args:
        page: of which it is a piece.
        name: of the piece.
        model: the network.
        pictures: the content and the style.
        weight: of the content.
        config: layers and steps.
        param: what is optimised, by default an image in Fourier space and decorrelated colours.
    """
    content, style = pictures
    return page.kept(
        name,
        lambda: finished(
            recipes.style_transfer(
                model,
                content,
                style,
                content_layers=config.content_layers,
                style_layers=config.style_layers,
                content_weight=weight,
                param=param,
                steps=config.steps,
                seed=config.seed,
            )
        ),
    )


def waves(size: int) -> Float[np.ndarray, "{size} {size} 3"]:
    """A pattern with a style of its own: wavy stripes in blue and yellow.

    >>> waves(32).shape
    (32, 32, 3)
    """
    down, across = (np.indices((size, size)) + 0.5) / size
    bend = down + 0.05 * np.sin(4 * np.pi * across) + 0.02 * np.sin(10 * np.pi * across + 1)
    crest = (0.5 + 0.5 * np.sin(18 * np.pi * bend)) ** 6
    shade = 0.5 + 0.5 * np.sin(6 * np.pi * bend + 2 * across)
    night, sky, gold = np.array([0.05, 0.1, 0.4]), np.array([0.25, 0.6, 0.9]), np.array([0.98, 0.8, 0.2])
    sea = night + (sky - night) * shade[..., None]
    return (sea + (gold - sea) * crest[..., None]).astype(np.float32)
