"""Diversity: several images of one unit that differ as much as they can."""

from typing import Any

from featvis import objectives as obj
from featvis import param as parameterizations
from featvis.algebra import Objective
from featvis.network import Network
from featvis.param import Parameterization
from featvis.recipes.given import one
from featvis.render import render
from featvis.result import Result


def diversity(
    model: Network,
    objective: str | Objective,
    images: int = 4,
    *,
    weight: float = 1e2,
    layer: str | None = None,
    param: Parameterization | None = None,
    **options: Any,
) -> Result:
    """Draw several images for one objective that differ from each other, to see all that it answers to.

    Args:
        model: any callable from images to named activations.
        objective: an objective, or the short form of one unit.
        images: how many, 2 or more.
        weight: how much it counts that images differ, from 0. Too much of it brings in what the unit does not ask for.
        layer: where they should differ: in which of its units are active together. By default the layer that the
            objective reads.
        param: of one image, by default `featvis.param.image(128)`; or of several, such as `featvis.param.shared`.
        options: more arguments of `featvis.render`.

    Returns:
        One result of several images, `result.images[0]`.

    Raises:
        ValueError: what `featvis.render` refuses, too few images, a negative weight, or no `layer` for an objective
            that reads several.

    Source: Olah et al. 2017, *Feature Visualization*, "Diversity"; Lucid's notebook has the same weight, and takes the
    activations of mixed5a for a unit of mixed5a_pre_relu.

    >>> import featvis
    >>> def model(images):  # Any such function will do.
    ...     return {"rgb": images}
    >>> diversity(model, "rgb:1", 2, steps=1, param=featvis.param.image(8), transforms=()).images.shape
    (1, 2, 8, 8, 3)
    """
    if not weight >= 0:
        raise ValueError(f"weight is {weight}; expected a number from 0 up")
    param = parameterizations.image() if param is None else param
    several = parameterizations.stack(param, images) if len(param.shape) == 3 else param
    unit = one(model, objective, several)
    if layer is None:
        if len(unit.network_layers) != 1:
            raise ValueError(
                f"{unit.label} reads {list(unit.network_layers)}; say by `layer` where images should differ"
            )
        (layer,) = unit.network_layers
    return render(model, unit + -weight * obj.diversity(layer), param=several, **options)
