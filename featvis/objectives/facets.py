"""Steering by linear probes and attributions: which parts of a lower layer are wanted."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import jax
import numpy as np
from jaxtyping import Array, Float

from featvis.algebra import GRADIENT, Activations, Objective, Shapes
from featvis.objectives.base import OfLayer, array, digest

Attribution = Literal["none", "positive", "signed"]
"""What activations are multiplied by: nothing, the positive part of a gradient, or the gradient."""


@dataclass(frozen=True)
class _Facet(OfLayer):
    attribution: Attribution

    def __call__(self, acts: Activations, data: Any) -> Array:
        a = acts[self.layer]
        if self.attribution != "none":
            gradient = jax.lax.stop_gradient(acts[GRADIENT + self.layer])
            a = a * (jax.nn.relu(gradient) if self.attribution == "positive" else gradient)
        if data.ndim == 3 and data.shape != a.shape[1:]:
            data = jax.image.resize(data, a.shape[1:], "linear")
        return (a * data).sum()

    def check(self, shapes: Shapes, data: Any) -> None:
        units = shapes[self.layer][-1]
        if data.shape[-1] != units:
            raise ValueError(f"the facet has weights for {data.shape[-1]} units; {self.layer} has {units}")
        if data.ndim == 3:
            self.check_positions(shapes)
        if self.attribution != "none" and GRADIENT + self.layer not in shapes:
            raise ValueError(
                f"attribution {self.attribution!r} needs the gradient at {self.layer}, which is not computed here; "
                'expected attribution="none"'
            )


def facet(layer: str, weights: Float[Array | np.ndarray, "*hw units"], attribution: Attribution = "none") -> Objective:
    """Sum over a lower layer of `weights * activation`: added to a unit's objective, one facet of what it responds to.

    Args:
        layer: below the unit's.
        weights: for each unit, or for each position and unit, for instance those of a linear probe that tells images of
            the facet from others. A map of another size than the layer's is resized, linearly.
        attribution: with "positive" or "signed", activations count as far as they raise the unit's objective: they are
            multiplied by its gradient at the layer, or by the positive part of that, which counts as constant.

    Raises:
        ValueError: arrays with another number of axes, numbers that are not finite, another attribution.

    Source: Goh et al. 2021, *Multimodal Neurons in Artificial Neural Networks*: its formula is "signed", its published
    code "positive", like Captum's `FacetLoss`. With an attribution to each activation of a photograph for `weights`,
    Lucid's attribution caricature.

    >>> import jax.numpy as jnp
    >>> float(facet("a", jnp.array([1.0, -2.0]))({"a": jnp.ones((1, 3, 3, 2))}))
    -9.0
    """
    if attribution not in get_args(Attribution):
        raise ValueError(f"attribution is {attribution!r}; expected one of {', '.join(get_args(Attribution))}")
    axes = "units" if np.ndim(weights) == 1 else "height width units"
    values = array("the facet", weights, axes)
    layers = (layer,) if attribution == "none" else (layer, GRADIENT + layer)
    kind = "" if attribution == "none" else f"-{attribution}"
    return Objective(_Facet(layer, attribution), values, layers, f"{layer}:facet{kind}-{digest(values)}")
