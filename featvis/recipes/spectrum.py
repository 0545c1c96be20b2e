"""Spectrum: what drives a unit down and up, and what photographs do between the ends."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from featvis import param as parameterizations
from featvis.algebra import Objective
from featvis.network import Network
from featvis.param import Parameterization
from featvis.recipes.given import Images, check_images, objective_values, one
from featvis.render import render
from featvis.request import whole_numbers
from featvis.result import Result

PARTS = ("negative", "slightly negative", "slightly positive", "positive")
"""Parts of a unit's range, from below to above."""


@dataclass(frozen=True, repr=False, eq=False)
class Spectrum:
    """Both ends of what a unit answers to, and photographs between them: see `spectrum`.

    Attributes:
        label: name of the objective.
        result: of `featvis.render`, for the negative of the objective and for the objective.
        activations: value of the objective for each photograph.
        examples: for each of the `PARTS` numbers of photographs, in the order of their values.
    """

    label: str
    result: Result
    activations: Float[np.ndarray, " photographs"]
    examples: tuple[Int[np.ndarray, " _"], ...]

    def __repr__(self) -> str:
        low, high = self.values
        seen = f", {len(self.activations)} photographs" if len(self.activations) else ""
        return f"<spectrum of {self.label}, images from {low:.3g} to {high:.3g}{seen}>"

    @property
    def negative(self) -> Float[np.ndarray, "h w c"]:
        """The image that drives the unit down."""
        return self.result.images[0]

    @property
    def positive(self) -> Float[np.ndarray, "h w c"]:
        """The image that drives the unit up."""
        return self.result.images[-1]

    @property
    def values(self) -> tuple[float, float]:
        """The objective for the negative image, and for the positive one."""
        down, up = self.result.scores[0], self.result.scores[-1]
        return -float(down), float(up)


def spectrum(
    model: Network,
    objective: str | Objective,
    photographs: Images | None = None,
    *,
    examples: int = 4,
    param: Parameterization | None = None,
    **options: Any,
) -> Spectrum:
    """Draw what drives a unit down and up, and choose photographs from all parts of its range.

    Args:
        model: any callable from images to named activations.
        objective: an objective, or the short form of one unit. Of a layer after its ReLU nothing is negative: take its
            `_pre_relu` form.
        photographs: to choose from, RGB in [0, 1]; the more, the better. Read a few at a time, so that a memory map
            in float32 will do.
        examples: photographs of each part, at most; see `parts`.
        param: of one image, by default `featvis.param.image(128)`.
        options: more arguments of `featvis.render`.

    Raises:
        ValueError: what `featvis.render` refuses, photographs of a wrong shape or too small for the layer, or
            `examples` below 1.

    Source: Olah et al. 2017, *Feature Visualization*, "The spectrum of activations"; Lucid's notebook on negative
    neurons.

    >>> import featvis
    >>> def model(images):  # Any such function will do.
    ...     return {"rgb": images - 0.5}
    >>> photos = np.broadcast_to(np.linspace(0, 1, 9)[:, None, None, None], (9, 8, 8, 3))
    >>> found = spectrum(model, "rgb:0", photos, examples=2, steps=1, param=featvis.param.image(8), transforms=())
    >>> [numbers.tolist() for numbers in found.examples]
    [[0, 1], [3], [5], [7, 8]]
    """
    whole_numbers(examples=examples)
    param = parameterizations.image() if param is None else param
    unit = one(model, objective, param)
    values = np.zeros(0, np.float32)
    if photographs is not None:
        values = objective_values(model, unit, check_images(photographs))[0]
    result = render(model, [-unit, unit], param=param, **options)
    return Spectrum(unit.label, result, values, parts(values, examples))


def parts(values: Float[np.ndarray, " n"], count: int) -> tuple[Int[np.ndarray, " _"], ...]:
    """At most `count` examples of each of the `PARTS`, in the order of their values.

    The range on each side of zero is cut in half. Of the outer halves come the most extreme values, of the inner ones
    those nearest to their middle, a quarter of the extreme. Zero is no example of anything.

    >>> [part.tolist() for part in parts(np.array([4.0, -1.0, 1.0, 0.0, 2.0, 3.0]), 2)]
    [[1], [], [2], [5, 0]]
    """
    found = []
    for side in (-1, 1):
        along = side * values
        extreme = max(float(along.max(initial=0.0)), 0.0)
        inner = np.flatnonzero((along > 0) & (along < extreme / 2))
        outer = np.flatnonzero((along > 0) & (along >= extreme / 2))
        slight = inner[np.argsort(np.abs(along[inner] - extreme / 4), kind="stable")[:count]]
        strong = outer[np.argsort(-along[outer], kind="stable")[:count]]
        found += [strong, slight] if side < 0 else [slight, strong]
    return tuple(part[np.argsort(values[part], kind="stable")] for part in found)
