"""Style: textures, and photographs in the style of others, by the Gram matrices of their activations."""

from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np

from featvis import objectives as obj
from featvis import param as parameterizations
from featvis import transforms
from featvis.algebra import Objective
from featvis.network import Network
from featvis.objectives.base import gram
from featvis.param import Parameterization
from featvis.recipes.beside import Beside
from featvis.recipes.caricature import Start
from featvis.recipes.given import Photograph, activations, check_names, check_photograph
from featvis.render import render
from featvis.result import Result

STYLE_LAYERS = ("conv2d0", "conv2d2", "mixed3a", "mixed4a", "mixed4b", "mixed4c")
CONTENT_LAYERS = ("mixed3b",)
"""The layers of Lucid's notebook on style transfer, and conv2d0, without which fine noise is left."""

TRANSFORMS = (transforms.jitter(8),)
"""Of this recipe. Transforms that show what lies outside of the image make that a part of its style."""


def texture(
    model: Network,
    style: Photograph,
    *,
    layers: str | Iterable[str] = STYLE_LAYERS,
    param: Parameterization | None = None,
    **options: Any,
) -> Result:
    """Draw an image with the texture of a photograph: the same units active together, wherever that is.

    Args:
        model: any callable from images to named activations.
        style: RGB in [0, 1], of any size.
        layers: with positions. Early ones have colours and strokes, later ones larger patterns.
        param: what is optimised, of any size, by default `featvis.param.image(128)`.
        options: more arguments of `featvis.render`; `transforms` are `TRANSFORMS` by default.

    Returns:
        One result. Its objective is minus the mean difference between Gram matrices, as a fraction of the photograph's
        and averaged over layers.

    Raises:
        ValueError: what `featvis.render` refuses, no photograph in [0, 1], or layers without positions.

    Source: Gatys et al. 2015, *Texture Synthesis Using Convolutional Neural Networks*; Mordvintsev et al. 2018,
    *Differentiable Image Parameterizations*, with the mean absolute differences of Lucid's notebooks.

    >>> import featvis
    >>> def model(images):  # Any such function will do.
    ...     return {"rgb": images}
    >>> photo = np.random.default_rng(0).random((12, 16, 3))
    >>> texture(model, photo, layers="rgb", steps=1, param=featvis.param.image(8), transforms=()).images.shape
    (1, 8, 8, 3)
    """
    photo = check_photograph("style", style)
    objective = -_style(model, photo, check_names("layers", layers))
    return render(model, objective, param=param, **{"transforms": TRANSFORMS, **options})


def style_transfer(
    model: Network,
    content: Photograph,
    style: Photograph,
    *,
    content_layers: str | Iterable[str] = CONTENT_LAYERS,
    style_layers: str | Iterable[str] = STYLE_LAYERS,
    content_weight: float = 1.0,
    start: Start = "noise",
    param: Parameterization | None = None,
    **options: Any,
) -> Result:
    """Draw what one photograph shows in the style of another.

    Args:
        model: any callable from images to named activations.
        content: RGB in [0, 1]; the image has its size.
        style: RGB in [0, 1], of any size.
        content_layers: in which the activations at each position should be those of `content`.
        style_layers: in which the Gram matrices should be those of `style`.
        content_weight: how much a difference in content counts, from 0; a difference in style counts 1. Both are
            fractions, of the mean size of the photograph's activations and of its Gram matrix, averaged over layers.
        start: begin with noise, or with the photograph `content`.
        param: of one image of the size of `content`, by default `featvis.param.image`.
        options: more arguments of `featvis.render`; `transforms` are `TRANSFORMS` by default. `content` goes through
            the same as the image.

    Returns:
        One result, `result.images[0]` is the image.

    Raises:
        ValueError: what `featvis.render` refuses, photographs that are not in [0, 1], a negative weight, or a
            parameterisation of another size.

    Source: Gatys et al. 2015, *A Neural Algorithm of Artistic Style*; Mordvintsev et al. 2018, *Differentiable Image
    Parameterizations*, and Lucid's notebook. That weighs absolute differences, 100 to 1, which suits the size of
    InceptionV1's activations; fractions suit all networks.

    >>> def model(images):  # Any such function will do.
    ...     return {"rgb": images}
    >>> content, style = np.random.default_rng(0).random((2, 8, 8, 3))
    >>> layers = {"content_layers": "rgb", "style_layers": "rgb"}
    >>> style_transfer(model, content, style, **layers, steps=1, transforms=()).images.shape
    (1, 1, 8, 8, 3)
    """
    photo, painting = check_photograph("content", content), check_photograph("style", style)
    names = check_names("content_layers", content_layers)
    if not content_weight >= 0:
        raise ValueError(f"content_weight is {content_weight}; expected a number from 0 up")
    param = parameterizations.image(photo.shape[:2]) if param is None else param
    if param.shape != photo.shape:
        raise ValueError(f"param makes images of shape {param.shape}; expected {photo.shape}, that of `content`")
    both = Beside(parameterizations.stack(param, 1))
    # Image 0 is the photograph, image 1 the one that is optimised.
    likeness = obj.on(_style(model, painting, check_names("style_layers", style_layers)), 1)
    seen = activations(model, photo[None], names)
    scene = _mean([obj.content(name, 0) * (1 / _size(seen[name])) for name in names])
    first = both.start(photo[None], photo[None] if start == "photograph" else None, options.get("seed", 0))
    options = {"share": "result", "transforms": TRANSFORMS, **options}
    return both.own(render(model, -likeness - content_weight * scene, param=both, start=first, **options))


def _style(model: Network, photo: np.ndarray, layers: tuple[str, ...]) -> Objective:
    """The difference in style, as a fraction."""
    seen = activations(model, photo[None], layers)
    for name in layers:
        if seen[name].ndim != 4:
            raise ValueError(f"{name} has no positions: its shape is {seen[name].shape}; style needs layers that have")
    grams = {name: np.asarray(gram(jnp.asarray(seen[name][0]))) for name in layers}
    return _mean([obj.style(name, seen[name][0]) * (1 / _size(grams[name])) for name in layers])


def _mean(objectives: list[Objective]) -> Objective:
    return obj.sum_of(objectives) * (1 / len(objectives))


def _size(values: np.ndarray) -> float:
    return max(float(np.abs(values).mean()), 1e-6)
