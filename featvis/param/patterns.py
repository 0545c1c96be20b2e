"""Compositional pattern-producing networks: images as small networks from coordinates to colours."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from featvis.param.base import Size, check_count, sides

Layers = tuple[tuple[Float[Array, "_ _"], Float[Array, " _"]], ...]


def composite(x: Float[Array, "... c"]) -> Float[Array, "... 2*c"]:
    """Arc tangent and its square, side by side, each scaled to a root mean square of 1 for normal `x`."""
    a = jnp.arctan(x)
    return jnp.concatenate([a / 0.67, a * a / 0.6], axis=-1)


def unbiased_composite(x: Float[Array, "... c"]) -> Float[Array, "... 2*c"]:
    """Arc tangent and its square, side by side, each scaled to mean 0 and variance 1 for normal `x`."""
    a = jnp.arctan(x)
    return jnp.concatenate([a / 0.67, (a * a - 0.45) / 0.396], axis=-1)


def normalized_relu(x: Float[Array, "... c"]) -> Float[Array, "... c"]:
    """ReLU, scaled to mean 0 and variance 1 for normal `x`."""
    return (jax.nn.relu(x) - 0.4) / 0.58


ACTIVATIONS = {
    "composite": composite,
    "unbiased_composite": unbiased_composite,
    "normalized_relu": normalized_relu,
}


@dataclass(frozen=True)
class Cppn:
    """A network from coordinates to colours; see `cppn`."""

    shape: tuple[int, int, int]
    hidden: int
    layers: int
    activation: Callable[[Array], Array]
    normalize: bool

    def at(self, size: Size) -> "Cppn":
        """The same network for an image of another size: it takes the same parameters.

        >>> small = cppn(8)
        >>> small.at((20, 40))(small.init(jax.random.key(0))).shape
        (20, 40, 3)
        """
        return replace(self, shape=(*sides(size), self.shape[2]))

    def init(self, key: Key[Array, ""]) -> Layers:
        """Kernel and bias of each layer. The last kernel is zero, so the first image has one colour."""
        draw = jax.nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")
        inputs, layers = 2, list[tuple[Array, Array]]()
        for layer_key in jax.random.split(key, self.layers + 1):
            kernel_key, bias_key = jax.random.split(layer_key)
            last = len(layers) == self.layers
            outputs = self.shape[2] if last else self.hidden
            kernel = jnp.zeros((inputs, outputs)) if last else draw(kernel_key, (inputs, outputs), jnp.float32)
            layers.append((kernel, 0.1 * jax.random.normal(bias_key, (outputs,))))
            inputs = jax.eval_shape(self.activation, jax.ShapeDtypeStruct((1, outputs), jnp.float32)).shape[-1]
        return tuple(layers)

    def __call__(self, params: Layers) -> Float[Array, "h w c"]:
        """The image, in [0, 1]."""
        *hidden, (last_kernel, last_bias) = params
        values = jnp.asarray(_coordinates(*self.shape[:2]))
        for kernel, bias in hidden:
            values = _dense(values, kernel)
            if self.normalize:
                values = jax.nn.standardize(values, axis=(0, 1), epsilon=1e-6)
            values = self.activation(values + bias)
        return jax.nn.sigmoid(_dense(values, last_kernel) + last_bias)


def cppn(
    size: Size = 128,
    *,
    hidden: int = 24,
    layers: int = 8,
    activation: str | Callable[[Array], Array] = "composite",
    normalize: bool = False,
    channels: int = 3,
) -> Cppn:
    """An image that is a network from coordinates to colours: smooth, and of any resolution, for `Cppn.at` changes it.

    Args:
        size: side in pixels, or (height, width). Coordinates run from -sqrt(3) to sqrt(3) along the longer side.
        hidden: units of each hidden layer.
        layers: number of hidden layers.
        activation: "composite", "unbiased_composite", "normalized_relu", or a function of `[..., units]`. Keep one
            object for repeated calls: each new one is compiled anew.
        normalize: standardise each hidden unit over the image, before its bias.
        channels: of the image.

    Raises:
        ValueError: a number out of range, or an unknown activation.

    Source: Lucid, `param/cppn.py`, whose images are square and whose normalisation has a learned scale too;
    Mordvintsev et al. 2018, *Differentiable Image Parameterizations*.

    >>> cppn(16).shape
    (16, 16, 3)
    """
    counts = {"hidden": hidden, "layers": layers, "channels": channels}
    hidden, layers, channels = (check_count(name, value, 1) for name, value in counts.items())
    function = ACTIVATIONS.get(activation) if isinstance(activation, str) else activation
    if function is None:
        raise ValueError(f"activation is {activation!r}; expected one of {sorted(ACTIVATIONS)}, or a function")
    return Cppn((*sides(size), channels), hidden, layers, function, normalize)


def _coordinates(height: int, width: int) -> Float[np.ndarray, "h w 2"]:
    """Horizontal and vertical coordinate of each pixel, with zero in the centre."""
    half = max(height, width, 2) - 1
    x, y = (math.sqrt(3) * (2 * np.arange(n) - (n - 1)) / half for n in (width, height))
    return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)


def _dense(values: Array, kernel: Array) -> Array:
    return jnp.matmul(values, kernel, precision=jax.lax.Precision.HIGHEST)
