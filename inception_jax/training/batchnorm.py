"""The network as it is trained: convolutions normalised over the batch, which later fold into plain ones.

Batch normalisation (Ioffe and Szegedy 2015) stands between each convolution and its ReLU. In the finished network
mean and variance are constants, so that scale and offset are part of the kernel and the bias.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from inception_jax.architecture import Architecture
from inception_jax.graph import Conv, graph
from inception_jax.model import initialise
from inception_jax.network import Network, Weights

EPSILON = 1e-3
"""Added to variances, as in TensorFlow's InceptionV1."""


class TrainingNetwork(Network):
    """InceptionV1 whose convolutions have a `scale` and the batch's `mean` and `variance` besides kernel and bias.

    Layers without a `scale` in `params` have a plain bias. After a call, the statistics of its batch are the
    network's `nnx.BatchStat` variables; see `batch_statistics`.
    """

    def __init__(self, architecture: Architecture, params: Weights) -> None:
        super().__init__(architecture, params)
        for name, layer in params.items():
            if "scale" in layer:
                getattr(self, name).scale = nnx.Param(layer["scale"])

    def _affine(self, layer: str, y: Array) -> Array:
        part = getattr(self, layer)
        if not hasattr(part, "scale"):
            return super()._affine(layer, y)
        wide = y.astype(jnp.float32)
        # Two sums in one pass over the data; inputs to a ReLU are not so far from zero that the difference is lost.
        mean = wide.mean((0, 1, 2))
        variance = jnp.maximum((wide * wide).mean((0, 1, 2)) - mean * mean, 0)
        part.mean, part.variance = nnx.BatchStat(mean), nnx.BatchStat(variance)
        scale = part.scale[...] * jax.lax.rsqrt(variance + EPSILON)
        return (wide * scale + (part.bias[...] - mean * scale)).astype(y.dtype)


def batch_statistics(network: TrainingNetwork, params: Weights) -> Weights:
    """Mean and variance of each normalised convolution over the batch that `network` was called with last."""
    return {
        name: {"mean": getattr(network, name).mean[...], "variance": getattr(network, name).variance[...]}
        for name, layer in params.items()
        if "scale" in layer
    }


def initial(architecture: Architecture, seed: int, batch_norm: bool) -> tuple[Weights, Weights]:
    """Random parameters, and running statistics, with which training begins.

    Kernels are those of `initialise`. The last layer of each classifier begins at zero, so that all classes begin
    equally likely, whatever the size of the activations.

    >>> from inception_jax import INCEPTION5H
    >>> params, statistics = initial(INCEPTION5H.scaled(1 / 16), seed=0, batch_norm=True)
    >>> sorted(params["conv2d0"]), sorted(statistics["conv2d0"])
    (['bias', 'kernel', 'scale'], ['mean', 'variance'])
    """
    weights = {name: dict(layer) for name, layer in initialise(architecture, seed).weights.items()}
    statistics: Weights = {}
    for name, layer in weights.items():
        if name.startswith("softmax"):
            layer["kernel"] = jnp.zeros_like(layer["kernel"])
    if batch_norm:
        for op in graph(architecture).weighted:
            if isinstance(op, Conv):
                weights[op.layer]["scale"] = jnp.ones(op.units)
                statistics[op.layer] = {"mean": jnp.zeros(op.units), "variance": jnp.ones(op.units)}
    return weights, statistics


def fold(params: Weights, statistics: Weights) -> dict[str, dict[str, Float[np.ndarray, "..."]]]:
    """Plain kernels and biases that compute what the normalised network computes with these running statistics.

    >>> params = {"conv": {"kernel": jnp.ones((1, 1, 2, 1)), "bias": jnp.ones(1), "scale": jnp.full(1, 3.0)}}
    >>> plain = fold(params, {"conv": {"mean": jnp.full(1, 2.0), "variance": jnp.full(1, 9.0 - EPSILON)}})
    >>> plain["conv"]["kernel"].ravel(), plain["conv"]["bias"]
    (array([1., 1.], dtype=float32), array([-1.], dtype=float32))
    """
    folded = {}
    for name, layer in params.items():
        # In float64, so that only the result is rounded.
        kernel, bias = (np.asarray(layer[part], np.float64) for part in ("kernel", "bias"))
        if "scale" in layer:
            mean, variance = (np.asarray(statistics[name][part], np.float64) for part in ("mean", "variance"))
            scale = np.asarray(layer["scale"], np.float64) / np.sqrt(variance + EPSILON)
            kernel, bias = kernel * scale, bias - mean * scale
        folded[name] = {"kernel": kernel.astype(np.float32), "bias": bias.astype(np.float32)}
    return folded
