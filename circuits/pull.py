"""Gradients of positions of a layer with respect to an earlier layer, for many directions at once.

Two ways to the same numbers: along a `Route`, where only the windows that matter are computed, and through the whole
maps of a `Model`, which edits need, because an edit may be any function of a whole map.
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from circuits.route import Box, Route, overlap
from inception_jax import ops
from inception_jax.architecture import Architecture
from inception_jax.gradients import Rules
from inception_jax.graph import graph
from inception_jax.model import Edit, Model
from inception_jax.network import Weights, branches
from inception_jax.nodes import INPUT, AvgPool, Concat, Conv, Dense, L2Pool, MaxPool, Normalise, Op, Relu, Softmax

Given = dict[str, Array]
"""Values of one image by layer: in the windows of a route, or whole maps."""

Pull = Callable[[Given, Float[np.ndarray, "k h w units"], Box], Float[Array, "k rows columns inputs"]]
"""Gradients of what is asked of a window of the upper layer, in a part of the map of the lower layer."""


def evaluate(
    arch: Architecture, weights: Weights, given: Mapping[str, Array], route: Route, rules: Rules
) -> Float[Array, "n h w units"]:
    """The upper end of a route from the windows of its lower end and its sides.

    Args:
        arch: the network.
        weights: at least those of the layers on the way.
        given: for each of `route.windows` that part of the map, `[n, height, width, units]`.
        route: the route.
        rules: how ReLUs, pools and convolutions compute.
    """
    network, acts = graph(arch), dict(given)
    if route.lower != INPUT:
        acts |= branches(acts[route.lower], network, route.lower)
    for step in route.steps:
        inputs = [
            acts[source][:, top:bottom, left:right]
            for source, ((top, bottom), (left, right)) in zip(step.inputs, step.cuts, strict=True)
        ]
        acts[step.name] = _apply(network[step.name].op, weights, inputs, step.padding, rules)
    return acts[route.upper]


def _apply(op: Op, weights: Weights, inputs: list[Array], padding: ops.Padding, rules: Rules) -> Array:
    x = inputs[0]
    match op:
        case Conv():
            convolution = ops.grouped(rules.conv, op.groups)
            return convolution(x, weights[op.layer]["kernel"], op.stride, padding) + weights[op.layer]["bias"]
        case Dense():
            # Fully connected to a map is a convolution that fits once; to a vector, one of 1x1.
            kernel = weights[op.layer]["kernel"].reshape(*(op.grid or (1, 1)), op.inputs, op.units)
            return rules.conv(x, kernel, 1, padding) + weights[op.layer]["bias"]
        case Relu():
            return rules.relu(x)
        case MaxPool():
            return rules.max_pool(x, op, padding)
        case L2Pool():
            return rules.l2_pool(x, op, padding)
        case AvgPool():
            if op.size is None:
                return x.mean([axis for axis, name in ((1, "y"), (2, "x")) if name in op.axes], keepdims=True)
            return ops.average_windows(x, MaxPool(op.units, op.stride, op.size), padding)
        case Normalise():
            return ops.local_response_norm(x, op.lrn)
        case Concat():
            return jnp.concatenate(inputs, axis=-1)
        case Softmax():
            return jax.nn.softmax(x)


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def along_route(
    arch: Architecture,
    route: Route,
    rules: Rules,
    wanted: Box,
    weights: Weights,
    given: dict[str, Array],
    seeds: Float[Array, "k h w units"],
) -> Float[Array, "k rows columns inputs"]:
    """Gradients of what is asked of the window of the upper layer.

    Args:
        arch: the network.
        route: from the lower layer to the window.
        rules: how ReLUs, pools and convolutions compute.
        wanted: the part of the lower layer for which gradients are returned, in its coordinates; zero where nothing
            is seen.
        weights: those of the layers on the way.
        given: for each of `route.windows` the values there, of one image.
        seeds: how much each unit at each position of the window counts.
    """

    def upper(value: Array) -> Array:
        return evaluate(arch, weights, given | {route.lower: value}, route, rules)[0]

    _, pull = jax.vjp(upper, given[route.lower])
    return shown(jax.vmap(lambda seed: pull(seed)[0][0])(seeds), dict(route.windows)[route.lower], wanted)


def through_maps(
    model: Model, route: Route, rules: Rules, edits: Mapping[str, Edit], position: tuple[int, int]
) -> Pull:
    """The same by whole maps, for one position of the upper layer, in the edited network.

    What the values are given for are the lower layer and `"input"`. Sides that depend on the lower layer, but not along
    the way, are held where they are.
    """
    held = {name: partial(_held, edits.get(name, lambda a: a)) for name in route.sides}

    @partial(jax.jit, static_argnums=3)
    def gradients(weights: Weights, given: Given, seeds: Array, wanted: Box) -> Array:
        arch = model.architecture

        def upper(value: Array) -> Array:
            scaled = value if route.lower == INPUT else given[INPUT]
            images = (scaled + jnp.asarray(arch.input_mean, scaled.dtype)) / arch.input_scale
            changes = {**edits, **held} | ({} if route.lower == INPUT else {route.lower: lambda _: value})
            acts = Model(arch, weights)(images, taps=route.upper, edits=changes, rules=rules)
            row, column = position
            return as_maps(acts[route.upper])[0, row : row + 1, column : column + 1]

        _, pull = jax.vjp(upper, given[route.lower])
        pulled = jax.vmap(lambda seed: as_maps(pull(seed)[0])[0])(seeds)
        return shown(pulled, ((0, pulled.shape[1]), (0, pulled.shape[2])), wanted)

    return partial(gradients, model.weights)


def fast(rules: Rules) -> Rules:
    """`rules` with the convolution whose gradient is fastest on the default device.

    >>> from inception_jax import LINEAR
    >>> fast(LINEAR).relu is LINEAR.relu
    True
    """
    if rules.conv is ops.conv and jax.default_backend() == "cpu":
        return dataclasses.replace(rules, conv=ops.conv_fast_vjp)
    return rules


def as_maps(value: Float[Array, "n *position units"]) -> Float[Array, "n h w units"]:
    """Vectors as maps of one position.

    >>> as_maps(jnp.zeros((2, 5))).shape
    (2, 1, 1, 5)
    """
    return value[:, None, None] if value.ndim == 2 else value


def shown(maps: Float[Array, "k h w units"], window: Box, wanted: Box) -> Float[Array, "k rows columns units"]:
    """The wanted part of maps that cover a window; zero outside it.

    >>> shown(jnp.ones((1, 2, 1, 1)), ((0, 2), (0, 1)), ((-1, 2), (0, 1))).ravel()
    Array([0., 1., 1.], dtype=float32)
    """
    ((top, bottom), (left, right)), (rows, columns) = overlap(wanted, window)
    return jnp.pad(maps[:, top:bottom, left:right], ((0, 0), rows, columns, (0, 0)))


def _held(edit: Edit, value: Array) -> Array:
    return lax.stop_gradient(edit(value))
