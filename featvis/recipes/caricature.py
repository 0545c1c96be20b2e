"""Caricatures: what each layer makes of a photograph, exaggerated or as exact as can be."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float

from featvis import objectives as obj
from featvis import param as parameterizations
from featvis.algebra import Objective
from featvis.network import Network
from featvis.param import Parameterization
from featvis.recipes.beside import Beside
from featvis.recipes.given import Photograph, activations, check_names, check_photograph, objective_values
from featvis.render import render
from featvis.result import Result

Start = Literal["noise", "photograph"]


@dataclass(frozen=True, repr=False, eq=False)
class Caricatures:
    """An image for each of several layers of what it makes of a photograph: see `caricature` and `feature_inversion`.

    Attributes:
        layers: their names.
        photograph: what they saw.
        images: one for each layer.
        scores: the objective of each image, without transforms.
        result: of `featvis.render`: one result of all images, whose objective is the sum of theirs.
    """

    layers: tuple[str, ...]
    photograph: Float[np.ndarray, "h w 3"]
    images: Float[np.ndarray, "layers h w 3"]
    scores: Float[np.ndarray, " layers"]
    result: Result

    def __repr__(self) -> str:
        height, width, _ = self.photograph.shape
        return f"<a photograph of {height}x{width} pixels as seen by {', '.join(self.layers)}>"


def caricature(
    model: Network,
    photograph: Photograph,
    layers: str | Iterable[str],
    *,
    cossim_pow: float = 0.0,
    static: bool = False,
    start: Start = "noise",
    param: Parameterization | None = None,
    **options: Any,
) -> Caricatures:
    """Exaggerate what layers see in a photograph: maximise the dot product with its activations.

    Args:
        model: any callable from images to named activations.
        photograph: RGB in [0, 1], of any size that the layers take.
        layers: one or several, with positions or without. There is an image for each; all are drawn at once.
        cossim_pow: from 0. The higher, the more the angle counts and the closer the image keeps to the photograph; see
            `featvis.objectives.caricature`.
        static: compare with the photograph as it is. By default it goes through the same transforms as the images, so
            that every place is compared with its own; without transforms there is no difference.
        start: begin with noise, or with the photograph.
        param: of one image of the photograph's size, by default `featvis.param.image`.
        options: more arguments of `featvis.render`.

    Raises:
        ValueError: what `featvis.render` refuses, no photograph in [0, 1], a parameterisation of another size, or one
            that cannot begin with an image where that is needed (all but static ones from noise).

    Source: Lucid, `recipes/caricature.py` and its notebook; see `featvis.objectives.caricature`.

    >>> def model(images):  # Any such function will do.
    ...     return {"rgb": images}
    >>> photo = np.random.default_rng(0).random((8, 8, 3))
    >>> caricature(model, photo, "rgb", steps=1, transforms=()).images.shape
    (1, 8, 8, 3)
    """
    measure = partial(obj.caricature, cossim_pow=cossim_pow)
    return _seen(model, photograph, layers, measure, static, start, param, options)


def feature_inversion(
    model: Network,
    photograph: Photograph,
    layers: str | Iterable[str],
    *,
    static: bool = False,
    start: Start = "noise",
    param: Parameterization | None = None,
    **options: Any,
) -> Caricatures:
    """Find images that layers cannot tell from a photograph: minimise the distance to its activations.

    What such an image has lost, the layer does not see. Scores are minus the squared distance, as a fraction of the
    squared length of the photograph's activations. Arguments are those of `caricature`.

    Source: Mahendran and Vedaldi 2015, *Understanding Deep Image Representations by Inverting Them*, with the
    parameterisation and transforms of feature visualisation in place of its priors. What Lucid calls feature inversion
    is `caricature`.

    >>> def model(images):  # Any such function will do.
    ...     return {"rgb": images}
    >>> photo = np.random.default_rng(0).random((8, 8, 3))
    >>> bool(feature_inversion(model, photo, "rgb", steps=1, transforms=()).scores[0] < 0)
    True
    """
    return _seen(model, photograph, layers, obj.inversion, static, start, param, options)


def _seen(
    model: Network,
    photograph: Photograph,
    layers: str | Iterable[str],
    measure: Callable[[str, Any], Objective],
    static: bool,
    start: Start,
    param: Parameterization | None,
    options: dict[str, Any],
) -> Caricatures:
    photo, names = check_photograph("the photograph", photograph), check_names("layers", layers)
    if start not in get_args(Start):
        raise ValueError(f"start is {start!r}; expected {' or '.join(map(repr, get_args(Start)))}")
    param = parameterizations.image(photo.shape[:2]) if param is None else param
    if param.shape != photo.shape:
        raise ValueError(f"param makes images of shape {param.shape}; expected {photo.shape}, that of the photograph")
    own = parameterizations.stack(param, len(names))
    begin = np.broadcast_to(photo, own.shape) if start == "photograph" else None
    if static:
        seen = activations(model, photo[None], names)
        objective = obj.sum_of(obj.on(measure(name, seen[name][0]), i) for i, name in enumerate(names))
        result = render(model, objective, param=own, start=begin, **options)
    else:
        both = Beside(own)
        # On the photograph, which is image 0, and the layer's own image.
        objective = obj.sum_of(obj.on(measure(name, 0), (0, 1 + i)) for i, name in enumerate(names))
        first = both.start(photo[None], begin, options.get("seed", 0))
        result = both.own(render(model, objective, param=both, start=first, **{"share": "result", **options}))
    images = result.images[0]
    pairs = np.stack([np.broadcast_to(photo, images.shape), images], axis=1)
    scores = np.diagonal(objective_values(model, [measure(name, 0) for name in names], pairs))
    return Caricatures(names, photo, images, scores, result)
