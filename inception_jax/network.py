"""The forward pass: a Flax NNX module that walks the graph and names every activation it computes."""

from collections.abc import Iterable, Mapping

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from inception_jax import graph as g
from inception_jax import ops
from inception_jax.architecture import Architecture
from inception_jax.gradients import STANDARD, Rules

Weights = dict[str, dict[str, Array]]


class Layer(nnx.Module):
    """The kernel and bias of one convolution or dense layer."""

    def __init__(self, kernel: Array, bias: Array) -> None:
        self.kernel = nnx.Param(kernel)
        self.bias = nnx.Param(bias)


class Network(nnx.Module):
    """InceptionV1 as an NNX module; one attribute per layer with weights, named as in the field.

    Constructing it from a dict of arrays allocates nothing, so a pure function may build it at trace time; training
    code may hold one and use `nnx.state`.
    """

    def __init__(self, architecture: Architecture, weights: Weights) -> None:
        self.architecture = architecture
        for name, layer in weights.items():
            setattr(self, name, Layer(layer["kernel"], layer["bias"]))

    def __call__(self, given: Mapping[str, Array], names: Iterable[str], rules: Rules = STANDARD) -> dict[str, Array]:
        """Activations `names`, computed in this order from those `given` (the scaled image is called `"input"`)."""
        network, acts = g.graph(self.architecture), dict(given)
        for name in names:
            node = network[name]
            acts[name] = self._apply(node.op, [acts[source] for source in node.inputs], rules)
        return {name: acts[name] for name in names}

    def _apply(self, op: g.Op, inputs: list[Array], rules: Rules) -> Array:
        x, padding = inputs[0], self.architecture.padding
        match op:
            case g.Conv():
                layer: Layer = getattr(self, op.layer)
                pads = ops.conv_padding(x.shape, op.kernel, op.stride, padding)
                return rules.conv(x, layer.kernel[...], op.stride, pads) + layer.bias[...]
            case g.Dense():
                layer = getattr(self, op.layer)
                flat = x.reshape(x.shape[0], -1) if op.flatten else x
                return flat @ layer.kernel[...] + layer.bias[...]
            case g.Relu():
                return rules.relu(x)
            case g.MaxPool():
                return rules.max_pool(x, op, ops.pool_padding(x.shape, op, padding))
            case g.AvgPool():
                return ops.avg_pool(x, op, padding)
            case g.Normalise():
                return ops.local_response_norm(x, op.lrn)
            case g.Concat():
                return jnp.concatenate(inputs, axis=-1)
            case g.Softmax():
                return jax.nn.softmax(x)


def branches(whole: Float[Array, "n *position c"], network: g.Graph, name: str) -> dict[str, Array]:
    """The parts of a block's pre-activation `whole`, by the names of its branches; empty for other activations."""
    parts, start = {}, 0
    for source in network.parts(name):
        units = network[source].op.units
        parts[source] = whole[..., start : start + units]
        start += units
    return parts
