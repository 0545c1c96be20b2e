"""The forward pass: a Flax NNX module that walks the graph and names every activation it computes."""

from collections.abc import Iterable, Mapping

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from inception_jax import nodes, ops
from inception_jax.architecture import Architecture
from inception_jax.gradients import STANDARD, Rules
from inception_jax.graph import Graph, graph

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
            if hasattr(self, name):
                raise ValueError(f"no layer can be called {name!r}, which is a name of the network's own; rename it")
            setattr(self, name, Layer(layer["kernel"], layer["bias"]))

    def __call__(self, given: Mapping[str, Array], names: Iterable[str], rules: Rules = STANDARD) -> dict[str, Array]:
        """Activations `names`, computed in this order from those `given` (the scaled image is called `"input"`)."""
        network, acts = graph(self.architecture), dict(given)
        for name in names:
            node = network[name]
            acts[name] = self._apply(node.op, [acts[source] for source in node.inputs], rules)
        return {name: acts[name] for name in names}

    def _apply(self, op: nodes.Op, inputs: list[Array], rules: Rules) -> Array:
        x, padding = inputs[0], self.architecture.padding
        match op:
            case nodes.Conv():
                layer: Layer = getattr(self, op.layer)
                pads = ops.conv_padding(x.shape, op.kernel, op.stride, padding)
                convolution = ops.grouped(rules.conv, op.groups)
                return self._affine(op.layer, convolution(x, layer.kernel[...], op.stride, pads))
            case nodes.Dense():
                layer = getattr(self, op.layer)
                flat = x.reshape(x.shape[0], -1) if op.grid else x
                return flat @ layer.kernel[...] + layer.bias[...]
            case nodes.Relu():
                return rules.relu(x)
            case nodes.MaxPool():
                return rules.max_pool(x, op, ops.pool_padding(x.shape, op, padding))
            case nodes.L2Pool():
                return rules.l2_pool(x, op, ops.pool_padding(x.shape, op, padding))
            case nodes.AvgPool():
                return ops.avg_pool(x, op, padding)
            case nodes.Normalise():
                return ops.local_response_norm(x, op.lrn)
            case nodes.Concat():
                return jnp.concatenate(inputs, axis=-1)
            case nodes.Softmax():
                return jax.nn.softmax(x)

    def _affine(self, layer: str, y: Array) -> Array:
        # What follows the convolution `layer` before its ReLU; training normalises over the batch here instead.
        return y + getattr(self, layer).bias[...]


def branches(whole: Float[Array, "n *position c"], network: Graph, name: str) -> dict[str, Array]:
    """The parts of a block's pre-activation `whole`, by the names of its branches; empty for other activations."""
    parts, start = {}, 0
    for source in network.parts(name):
        units = network[source].op.units
        parts[source] = whole[..., start : start + units]
        start += units
    return parts
