"""Interaction: what two units show together, and on the way from one to the other."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from featvis import objectives as obj
from featvis import param as parameterizations
from featvis.algebra import Objective
from featvis.network import Network
from featvis.param import Parameterization
from featvis.param.base import Size, check_count
from featvis.recipes.given import listed, one
from featvis.render import render
from featvis.request import Objectives
from featvis.result import Result


@dataclass(frozen=True, repr=False, eq=False)
class Grid:
    """Images for each pair of several objectives: see `interactions` and `interpolation_grid`.

    Attributes:
        labels: names of the objectives.
        images: for each pair, `[from, to, height, width, channels]`, or with the steps between them
            `[from, to, steps, height, width, channels]`.
        result: of `featvis.render`.
    """

    labels: tuple[str, ...]
    images: Float[np.ndarray, "n n ..."]
    result: Result

    def __repr__(self) -> str:
        return f"<grid of {', '.join(self.labels)}>"


def interactions(
    model: Network, objectives: Objectives, *, param: Parameterization | None = None, **options: Any
) -> Grid:
    """Draw an image for each of several objectives, and one for the sum of each two.

    Each image is drawn alone; `interpolation_grid` makes images that are alike where their objectives are.

    Args:
        model: any callable from images to named activations.
        objectives: two or more, or short forms.
        param: of one image, by default `featvis.param.image(128)`.
        options: more arguments of `featvis.render`.

    Returns:
        The images, each objective's own on the diagonal.

    Raises:
        ValueError: what `featvis.render` refuses, or fewer than two objectives.

    Source: Olah et al. 2017, *Feature Visualization*, "Interaction between neurons"; Lucid's notebooks
    `neuron_interaction` and `neuron_interaction_grids`.

    >>> import featvis
    >>> def model(images):  # Any such function will do.
    ...     return {"rgb": images}
    >>> grid = interactions(model, "rgb:0-1", steps=1, param=featvis.param.image(8), transforms=())
    >>> grid.images.shape, grid.result.labels
    ((2, 2, 8, 8, 3), ('rgb:0', 'rgb:0 + rgb:1', 'rgb:1'))
    """
    param = parameterizations.image() if param is None else param
    units = _at_least_two(listed(model, objectives, param))
    pairs = list(itertools.combinations_with_replacement(range(len(units)), 2))
    result = render(model, [units[a] if a == b else units[a] + units[b] for a, b in pairs], param=param, **options)
    images = np.full((len(units), len(units), *result.images.shape[1:]), np.nan, np.float32)
    for index, image in zip(result.indices, result.images, strict=True):
        a, b = pairs[index]
        images[a, b] = images[b, a] = image
    return Grid(tuple(unit.label for unit in units), images, result)


def interpolation(
    model: Network,
    first: str | Objective,
    second: str | Objective,
    images: int = 6,
    *,
    aligned: bool = True,
    align: Sequence[str] = (),
    align_weight: float = 0.1,
    size: Size = 128,
    **options: Any,
) -> Result:
    """Draw images that pass from one objective to another.

    Args:
        model: any callable from images to named activations.
        first: of the first image: an objective, or the short form of one unit.
        second: of the last.
        images: how many, both ends included, 2 or more.
        aligned: whether images share parts, so that what they show stays in its place.
        align: layers in which neighbouring images should agree, too. This makes the passage smoother, and is at the
            cost of what the objectives ask for.
        align_weight: how much that counts.
        size: side of the images in pixels, or (height, width).
        options: more arguments of `featvis.render`. Images grow more saturated with more steps, as in the article,
            which took 2560.

    Returns:
        One result of several images, `result.images[0]`.

    Raises:
        ValueError: what `featvis.render` refuses, a number of images below 2, or a parameterisation: `size` and
            `aligned` decide it.

    Source: Mordvintsev et al. 2018, *Differentiable Image Parameterizations*, "Aligned neuron interpolation"; Lucid's
    notebook, with its weight of `objectives.alignment` and its decay ratio of 5.

    >>> def model(images):  # Any such function will do.
    ...     return {"rgb": images}
    >>> interpolation(model, "rgb:0", "rgb:1", 3, aligned=False, size=8, steps=1, transforms=()).images.shape
    (1, 3, 8, 8, 3)
    """
    check_count("images", images, 2)
    _no_param(options)
    several = (
        parameterizations.aligned(size, images)
        if aligned
        else parameterizations.stack(parameterizations.image(size), images)
    )
    objective = obj.interpolate(one(model, first, several), one(model, second, several))
    if align:
        objective += align_weight * obj.sum_of(obj.alignment(layer, decay_ratio=5) for layer in align)
    return render(model, objective, param=several, **options)


def interpolation_grid(
    model: Network, objectives: Objectives, steps_between: int = 5, *, size: Size = 128, **options: Any
) -> Grid:
    """Draw images that pass from each of several objectives to each other, all of them aligned.

    All images are those of one result, so they are in memory together: `n * (n - 1) / 2 * steps_between` of them.

    Args:
        model: any callable from images to named activations.
        objectives: two or more, or short forms.
        steps_between: images of each pair, both ends included, 2 or more. With 3, the one in the middle shows what
            two objectives show together.
        size: side of the images in pixels, or (height, width).
        options: more arguments of `featvis.render`.

    Raises:
        ValueError: what `featvis.render` refuses, a number out of range, or a parameterisation: `size` decides it.

    Source: Lucid, `recipes/image_interpolation_params.py`; see `featvis.param.interpolation_basis`.

    >>> def model(images):  # Any such function will do.
    ...     return {"rgb": images}
    >>> interpolation_grid(model, "rgb:0-2", 3, size=8, steps=1, transforms=()).images.shape
    (3, 3, 3, 8, 8, 3)
    """
    check_count("steps_between", steps_between, 2)
    _no_param(options)
    units = _at_least_two(listed(model, objectives, parameterizations.image(size)))
    basis = parameterizations.interpolation_basis(len(units), steps_between, size)
    objective = obj.sum_of(
        obj.on(obj.interpolate(units[a], units[b]), range(i * steps_between, (i + 1) * steps_between))
        for i, (a, b) in enumerate(basis.pairs)
    )
    result = render(model, objective, param=basis, **options)
    return Grid(tuple(unit.label for unit in units), basis.grid(result.images[0]), result)


def _at_least_two(units: list[Objective]) -> list[Objective]:
    if len(units) < 2:
        raise ValueError(f"only {units[0].label} was given; expected at least two objectives")
    return units


def _no_param(options: dict[str, Any]) -> None:
    if "param" in options:
        raise ValueError("param cannot be given here, for its parts are what aligns the images; expected a size")
