"""Patterns: images that are small networks from coordinates to colours, and so of any resolution."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import Array, Float

from featvis import param as parameterizations
from featvis.network import Network
from featvis.param import Cppn
from featvis.param.base import Size
from featvis.render import render
from featvis.request import Objectives
from featvis.result import Result


@dataclass(frozen=True, repr=False, eq=False)
class Patterns:
    """Images that can be drawn at any size: see `patterns`.

    Attributes:
        param: the network from coordinates to colours, at the size at which it was optimised.
        result: of `featvis.render`.
    """

    param: Cppn
    result: Result

    def __repr__(self) -> str:
        return f"<patterns of {', '.join(self.result.labels)}>"

    def at(self, size: Size) -> Float[np.ndarray, "n h w c"]:
        """The images at another size: a side in pixels, or (height, width)."""
        larger = self.param.at(size)
        count = len(self.result)
        # One after another: the hidden layers of a large image are large.
        each = [jax.tree.map(lambda p, i=i: p[i], self.result.params) for i in range(count)]
        return np.stack([np.asarray(_draw(larger, params)) for params in each])


def patterns(
    model: Network,
    objectives: Objectives,
    *,
    param: Cppn | None = None,
    **options: Any,
) -> Patterns:
    """Draw images for objectives as compositional pattern-producing networks: smooth, and of any resolution.

    Args:
        model: any callable from images to named activations.
        objectives: objectives or short forms.
        param: by default `featvis.param.cppn(224)`; a smaller size takes less time.
        options: more arguments of `featvis.render`. By default there are no transforms, and the optimiser is Adam at
            0.005. These images do not come from everywhere: where the objective is flat to begin with, another `seed`
            may do.

    Raises:
        ValueError: what `featvis.render` refuses.

    Source: Mordvintsev et al. 2018, *Differentiable Image Parameterizations*, "Compositional Pattern Producing
    Networks"; Lucid's notebook `xy2rgb`.

    >>> import featvis
    >>> def model(images):  # Any such function will do.
    ...     return {"rgb": images}
    >>> found = patterns(model, "rgb:0", param=featvis.param.cppn(8, layers=2), steps=1)
    >>> found.result.images.shape, found.at((20, 40)).shape
    ((1, 8, 8, 3), (1, 20, 40, 3))
    """
    param = parameterizations.cppn(224) if param is None else param
    settings = {"transforms": (), "optimizer": _adam(), **options}
    return Patterns(param, render(model, objectives, param=param, **settings))


@partial(jax.jit, static_argnums=0)
def _draw(param: Cppn, params: Any) -> Float[Array, "h w c"]:
    return param(params)


@cache
def _adam() -> optax.GradientTransformation:
    # One object, since programs are told apart by their optimiser's identity.
    return optax.adam(0.005)
