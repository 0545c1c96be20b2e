"""What follows a layer: targets as functions of its activations, and their gradients.

A model must say how to go on from given activations. This project's models do by `edits`, and so may others.
"""

import inspect
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import inception_jax
from featvis import engine, memory
from featvis.algebra import INPUT, STEP, Function, Objective, check
from featvis.network import Bound, Network, activation_bytes, activation_shapes, fast
from inception_jax.gradients import STANDARD, Rules


def takes_edits(model: Network) -> bool:
    """Whether a model says how to go on from given activations.

    >>> takes_edits(lambda images: {}), takes_edits(lambda images, edits: {})
    (False, True)
    """
    if isinstance(model, inception_jax.Model):
        return True
    try:
        return "edits" in inspect.signature(model).parameters
    except (TypeError, ValueError):
        return False


def forward(
    layers: tuple[str, ...], layer: str, rules: Rules, network: Network, images: Array, activations: Array
) -> dict[str, Array]:
    """The activations of `layers` as they follow from `activations` of `layer`, in float32.

    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> images, acts = jnp.zeros((1, 16, 16, 3)), jnp.zeros((1, 8, 8, 4))
    >>> forward(("conv2d1",), "conv2d0", STANDARD, model, images, acts)["conv2d1"].shape
    (1, 4, 4, 4)
    """
    edits = {layer: lambda _: activations}
    if isinstance(network, inception_jax.Model):
        acts = network(images, taps=layers, edits=edits, rules=rules)
    else:
        acts = network(images, edits=edits)  # pyright: ignore[reportCallIssue]
    return {name: acts[name].astype(jnp.float32) for name in layers}


def check_leads(
    model: Network, images: tuple[int, int, int, int], layer: str, targets: Sequence[Objective], rules: Rules = STANDARD
) -> None:
    """Raise `ValueError` where a target is no function of the activations of `layer`, for images of this shape.

    >>> from featvis.objectives import channel
    >>> check_leads(lambda images: {"a": images, "b": images}, (1, 8, 8, 3), "a", [channel("b", 0)])
    Traceback (most recent call last):
    ValueError: attribution goes on from the activations of a, and this function takes images only; expected a model \
with an argument `edits`, as this project's have: model(images, edits={'a': function}) goes on with \
function(activations)
    """
    if not isinstance(model, inception_jax.Model):
        if rules != STANDARD:
            raise ValueError(f"rules are for this project's models; {type(model).__name__} has gradients of its own")
        if not takes_edits(model):
            raise ValueError(
                f"attribution goes on from the activations of {layer}, and this {type(model).__name__} takes images "
                "only; expected a model with an argument `edits`, as this project's have: "
                f"model(images, edits={{{layer!r}: function}}) goes on with function(activations)"
            )
    layers = tuple(dict.fromkeys([layer, *(name for target in targets for name in target.network_layers)]))
    one_image = (1, *images[1:])
    shapes = activation_shapes(model, layers, one_image) | {INPUT: one_image, STEP: ()}
    for target in targets:
        if STEP in target.layers or not target.network_layers:
            raise ValueError(f"{target.label} reads {', '.join(target.layers)}; expected a target that reads a layer")
        check(target.fn, shapes, target.data)
    image, acts = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in (one_image, shapes[layer]))
    for read, label in {target.network_layers: target.label for target in targets}.items():
        try:
            jax.eval_shape(partial(forward, read, layer, rules, model), image, acts)
        except ValueError as error:
            raise ValueError(f"{layer} does not lead to {label}; expected a layer on the way to it") from error


def gradients(
    model: Network,
    images: Float[np.ndarray, "n h w 3"],
    layer: str,
    targets: Sequence[Objective],
    rules: Rules,
    line: tuple[Float[np.ndarray, "n *position units"], Float[np.ndarray, "n *position units"]],
    points: tuple[Float[np.ndarray, " points"], Float[np.ndarray, "points units"]],
) -> tuple[Float[np.ndarray, "targets n *position units"], Float[np.ndarray, "points targets n"]]:
    """Gradients of targets with respect to a layer's activations, summed over points, and the values there.

    Args:
        model: as in `attribute`.
        images: RGB in [0, 1].
        layer: the layer.
        targets: what `check_leads` accepts.
        rules: of what follows the layer.
        line: activations to start from, and their change.
        points: the weight of each point, and how much of the change each unit has had there.
    """
    start, change = line
    weights, factors = points
    sums = np.empty((len(targets), *start.shape), np.float32)
    values = np.empty((len(weights), len(targets), len(images)), np.float32)
    kinds: dict[Any, list[int]] = defaultdict(list)
    for place, target in enumerate(targets):
        kinds[target.kind].append(place)
    for places in kinds.values():
        example = targets[places[0]]
        at_once = memory.batch_size(activation_bytes(model, example.network_layers, images.shape))
        program = _Program(example.fn, example.network_layers, layer, fast(rules), min(at_once, len(places)))
        # The numbers are there for objectives without data.
        own = np.arange(len(places)), engine.stack([targets[place].data for place in places])
        found = _gradients(program, Bound.of(model), images, own, start, change, weights, factors)
        sums[places], values[:, places] = found
    return sums, values


@dataclass(frozen=True)
class _Program:
    """What is static; `at_once` is the number of targets whose gradients are computed together."""

    fn: Function
    layers: tuple[str, ...]
    layer: str
    rules: Rules
    at_once: int

    def values(self, images: Array, acts: Mapping[str, Array], data: Any) -> Float[Array, " n"]:
        """One target's value for each image."""
        # Objectives see the images of one result; here that is one image, hence the added axis.
        named = {name: a[:, None] for name, a in {**acts, INPUT: images}.items()}
        return jax.vmap(lambda a: self.fn(a, data).astype(jnp.float32))(named)


@partial(jax.jit, static_argnums=0)
def _gradients(
    program: _Program,
    bound: Bound,
    images: Array,
    targets: tuple[Array, Any],
    start: Array,
    change: Array,
    weights: Float[Array, " points"],
    factors: Float[Array, "points units"],
) -> tuple[Float[Array, "targets n *position units"], Float[Array, "points targets n"]]:
    """Weighted sum of the gradients at all points of a path, and the values there."""
    onward = partial(forward, program.layers, program.layer, program.rules, bound.network, images)

    def at_point(total: Array, point: tuple[Array, Array]) -> tuple[Array, Array]:
        weight, factor = point
        acts, pull = jax.vjp(onward, start + factor * change)

        def one(target: tuple[Array, Any]) -> tuple[Array, Array]:
            values, back = jax.vjp(lambda acts: program.values(images, acts, target[1]), acts)
            return pull(*back(jnp.ones_like(values)))[0], values

        gradients, values = jax.lax.map(one, targets, batch_size=program.at_once)
        return total + weight * gradients, values

    nothing = jnp.zeros((len(targets[0]), *start.shape), jnp.float32)
    return jax.lax.scan(at_point, nothing, (weights, factors))
