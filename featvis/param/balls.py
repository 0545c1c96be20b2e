"""Bounded perturbations of an image."""

import math
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from featvis.color import AnyArray, batches
from featvis.frozen import Frozen
from featvis.param.base import check_shape
from featvis.param.squash import clip

Norm = Literal["l2", "linf"]

_FULL = 1 - 1e-5
"""Length of what `unit_ball_l2` shortens: norms of large arrays in float32 are right to about this."""


@jax.custom_vjp
def unit_ball_l2(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`x`, shortened where its Euclidean norm is above 1.

    The gradient is that of `x` itself; for an `x` outside, without the part that leads further out if descended along.

    Source: Lucid, `unit_ball_L2`, which lets that part pass and holds back the one that leads inside.

    >>> unit_ball_l2(jnp.array([3.0, 4.0])).round(3)
    Array([0.6, 0.8], dtype=float32)
    """
    return x * _shrink(x)


def _l2_forward(x: Array) -> tuple[Array, Array]:
    return unit_ball_l2(x), x


def _l2_backward(x: Array, g: Array) -> tuple[Array]:
    # The same length as in the forward pass, so that the direction is a unit vector to rounding.
    shrink = _shrink(x)
    direction = x * shrink
    along = jnp.sum(direction * g)
    return (g - jnp.where((shrink < 1) & (along < 0), along, 0) * direction,)


unit_ball_l2.defvjp(_l2_forward, _l2_backward)


def unit_ball_linf(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`x`, each value clipped to [-1, 1].

    The gradient is that of `x` itself, but zero where descending along it would lead a clipped value further out.

    Source: Lucid, `unit_ball_L_inf`, which holds back the other direction. Its `precondition` is the optimiser's here:
    `optax.sign_sgd`.

    >>> unit_ball_linf(jnp.array([-3.0, 0.5]))
    Array([-1. ,  0.5], dtype=float32)
    """
    return 2 * clip((x + 1) / 2) - 1


@dataclass(frozen=True)
class Perturbed:
    """An image near a photograph; see `perturbed`."""

    photograph: Frozen
    radius: float
    norm: Norm

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the photograph."""
        return self.photograph.array.shape

    @property
    def _unit(self) -> float:
        """Norm of a perturbation whose every value is 1."""
        return math.sqrt(math.prod(self.shape)) if self.norm == "l2" else 1.0

    @property
    def reach(self) -> float:
        """The radius without what rounding, half a unit of the last place in every pixel, may add to it."""
        return self.radius - 2**-24 * self._unit

    def init(self, key: Key[Array, ""]) -> Float[Array, "h w c"]:
        """Small normal numbers: about a hundredth of the radius."""
        return 0.01 * jax.random.normal(key, self.shape, jnp.float32)

    def __call__(self, params: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
        """The photograph with the perturbation, in [0, 1]."""
        inside = unit_ball_l2 if self.norm == "l2" else unit_ball_linf
        return clip(self.photograph.array + self.reach * inside(params / self._unit))

    def invert(self, image: Float[AnyArray, "h w c"]) -> Float[Array, "h w c"]:
        """The perturbation that leads to an image, if it lies in the ball, or towards it.

        Raises:
            ValueError: an image of another shape.
        """
        check_shape(image, self.shape)
        return jnp.asarray(image - self.photograph.array) / self.reach * self._unit


def perturbed(photograph: Float[AnyArray, "h w c"], radius: float, norm: Norm = "l2") -> Perturbed:
    """A photograph with a perturbation whose norm is never above `radius`, clipped to [0, 1].

    Parameters are in units of the radius: a perturbation of values of size 1 lies on the border, for both norms. The
    photograph becomes part of the compiled program: another one is compiled anew.

    Args:
        photograph: the image, in [0, 1].
        radius: largest norm of (image - photograph), above 0: over all values for "l2", of each for "linf".
        norm: "l2" or "linf".

    Raises:
        ValueError: no image in [0, 1], an unknown norm, or a radius that is not above the rounding of images.

    Source: Lucid, `unit_balls.py`; faccent, `pgd_alpha`.

    >>> near = perturbed(np.full((8, 8, 3), 0.5), 8 / 255, "linf")
    >>> bool(jnp.abs(near(jnp.full((8, 8, 3), 100.0)) - 0.5).max() <= 8 / 255)
    True
    """
    (array,) = next(batches(photograph))
    if norm not in ("l2", "linf"):
        raise ValueError(f"norm is {norm!r}; expected 'l2' or 'linf'")
    result = Perturbed(Frozen(array.astype(np.float32)), float(radius), norm)
    if not result.reach > 0:
        least = result.radius - result.reach
        raise ValueError(f"radius is {radius}; expected more than {least:.2g}, the rounding of such an image")
    return result


def _shrink(x: Array) -> Float[Array, ""]:
    return jnp.minimum(1, _FULL / jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(x)), 1e-30)))
