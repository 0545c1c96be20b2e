"""The size of whole layers, and of the image."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from featvis.algebra import INPUT, Activations, Objective, Shapes
from featvis.objectives.base import OfLayer, named, root, unless


@dataclass(frozen=True)
class _Mean(OfLayer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        del data
        return acts[self.layer].mean()


def layer_mean(layer: str) -> Objective:
    """Mean activation of a whole layer.

    Source: Xplique, `Objective.layer(reducer="mean")`; Captum, `LayerActivation`.

    >>> layer_mean("mixed4c").label
    'mean(mixed4c)'
    """
    return Objective(_Mean(layer), (), (layer,), f"mean({layer})")


@dataclass(frozen=True)
class _MeanSquare(OfLayer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        return jnp.square(acts[self.layer] - data).mean()


def deepdream(layer: str) -> Objective:
    """Mean squared activation of a whole layer.

    Source: Lucid, `deepdream`; Xplique, `Objective.layer(reducer="magnitude")`.

    >>> deepdream("mixed4c").label
    'deepdream(mixed4c)'
    """
    return Objective(_MeanSquare(layer), np.float32(0), (layer,), f"deepdream({layer})")


def mean_square(layer: str = INPUT, constant: float = 0.0) -> Objective:
    """Mean squared deviation from `constant`; subtract it to keep images near a grey.

    Source: Captum, `L2Mean`, for images between 0 and 1 with `constant=0.5`.

    >>> mean_square(constant=0.5).label
    'mean_square(input, 0.5)'
    """
    label = named("mean_square", layer, unless(constant, 0.0))
    return Objective(_MeanSquare(layer), np.float32(constant), (layer,), label)


@dataclass(frozen=True)
class _L1(OfLayer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        return jnp.abs(acts[self.layer] - data).sum()


def l1(layer: str = INPUT, constant: float = 0.0) -> Objective:
    """Sum of absolute deviations from `constant`; subtract it for values near it. Source: Lucid, `L1`.

    >>> import jax.numpy as jnp
    >>> float(l1(constant=0.5)({"input": jnp.ones((1, 2, 2, 3))}))
    6.0
    """
    return Objective(_L1(layer), np.float32(constant), (layer,), named("l1", layer, unless(constant, 0.0)))


@dataclass(frozen=True)
class _L2(OfLayer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        constant, epsilon = data
        return root(epsilon + jnp.square(acts[self.layer] - constant).sum())


def l2(layer: str = INPUT, constant: float = 0.0, epsilon: float = 1e-6) -> Objective:
    """Root of the summed squared deviations from `constant`, plus `epsilon` under the root.

    Args:
        layer: of any kind.
        constant: subtracted from every value.
        epsilon: from 0.

    Raises:
        ValueError: a negative `epsilon`.

    Source: Lucid, `L2`.

    >>> import jax.numpy as jnp
    >>> float(l2(epsilon=0.0)({"input": jnp.ones((1, 2, 2, 4))}))
    4.0
    """
    if not epsilon >= 0:
        raise ValueError(f"epsilon is {epsilon}; expected a number from 0 up")
    said = unless(epsilon, 1e-6)
    label = named("l2", layer, constant if said is not None else unless(constant, 0.0), said)
    return Objective(_L2(layer), (np.float32(constant), np.float32(epsilon)), (layer,), label)


@dataclass(frozen=True)
class _LInf(OfLayer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        return jnp.abs(acts[self.layer] - data).max()


def l_inf(layer: str = INPUT, constant: float = 0.0) -> Objective:
    """Largest absolute deviation from `constant`; where several are equal they share the gradient.

    Source: Xplique, `l_inf_reg`.

    >>> import jax.numpy as jnp
    >>> float(l_inf(constant=0.25)({"input": jnp.array([[[[0.0, 1.0]]]])}))
    0.75
    """
    return Objective(_LInf(layer), np.float32(constant), (layer,), named("l_inf", layer, unless(constant, 0.0)))


@dataclass(frozen=True)
class _TotalVariation(OfLayer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        del data
        a = acts[self.layer]
        return jnp.abs(jnp.diff(a, axis=1)).sum() + jnp.abs(jnp.diff(a, axis=2)).sum()

    def check(self, shapes: Shapes, data: Any) -> None:
        del data
        self.check_positions(shapes)


def total_variation(layer: str = INPUT) -> Objective:
    """Sum of absolute differences between neighbours; subtract it for smoother images.

    Source: Lucid, `total_variation`, which has one value for each image and not their sum.

    >>> total_variation().label
    'total_variation(input)'
    """
    return Objective(_TotalVariation(layer), (), (layer,), f"total_variation({layer})")
