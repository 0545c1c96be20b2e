"""Colour decorrelation: a basis in which the colours of natural images are nearly independent."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_SQRT_COVARIANCE = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)

IMAGENET = _SQRT_COVARIANCE / np.linalg.norm(_SQRT_COVARIANCE, axis=0).max()
"""Square root of ImageNet's RGB covariance, scaled so that its longest column is 1. Source: Lucid, `param/color.py`."""


def to_rgb(image: Float[Array, "*b h w 3"]) -> Float[Array, "*b h w 3"]:
    """Decorrelated colours to RGB, unbounded on both sides.

    >>> [round(float(v), 4) for v in to_rgb(jnp.array([[[1.0, 0.0, 0.0]]]))[0, 0]]
    [0.5628, 0.5845, 0.5845]
    """
    # At the default precision, GPUs would round colours to ten bits.
    return jnp.matmul(image, IMAGENET.T, precision=jax.lax.Precision.HIGHEST)
