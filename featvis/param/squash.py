"""From unbounded values to [0, 1], and back."""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from featvis.color import AnyArray

Squash = Literal["sigmoid", "clip"]

MARGIN = 1 / 512
"""`logit` takes values nearer to 0 or 1 than this for this: half a grey level of an 8-bit image."""


@jax.custom_vjp
def clip(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Values clipped to [0, 1], with a gradient that leads back inside.

    Where a value is clipped, the gradient passes if descending along it leads inside, and is zero if it leads further
    out. With the gradient of `jnp.clip`, what is once outside would stay there.

    Source: Lucid, `constrain_L_inf`, where the gradient passes if descent leads further out.

    >>> import jax
    >>> jax.vmap(jax.grad(clip))(jnp.array([-1.0, 0.5, 2.0]))
    Array([0., 1., 1.], dtype=float32)
    """
    return jnp.clip(x, 0, 1)


def _clip_forward(x: Array) -> tuple[Array, Array]:
    return clip(x), x


def _clip_backward(x: Array, g: Array) -> tuple[Array]:
    outward = ((x > 1) & (g < 0)) | ((x < 0) & (g > 0))
    return (jnp.where(outward, 0, g),)


clip.defvjp(_clip_forward, _clip_backward)


def logit(x: Float[AnyArray, "*shape"]) -> Float[Array, "*shape"]:
    """The inverse of the sigmoid, of values first clipped to `[MARGIN, 1 - MARGIN]`.

    >>> logit(jnp.array([0.0, 0.5, 1.0])).round(2)
    Array([-6.24,  0.  ,  6.24], dtype=float32)
    """
    x = jnp.clip(x, MARGIN, 1 - MARGIN)
    return jnp.log(x) - jnp.log1p(-x)
