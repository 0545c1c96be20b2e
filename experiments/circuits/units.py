"""Which units and layers an experiment on weights is about."""

import inception_jax
from circuits.graphs import layers_below
from circuits.route import between
from experiments.options import UsageError, usage_errors
from featvis import shortform
from inception_jax.graph import graph
from inception_jax.model import check_layer
from inception_jax.nodes import L2Pool, MaxPool, Normalise


def chosen(text: str, model: inception_jax.Model) -> tuple[str, list[int]]:
    """The layer of the units that a short form names, and their numbers, each once.

    Raises:
        UsageError: no such units, units of several layers, or negatives.

    >>> chosen("mixed3b:40,7,40", inception_jax.load("mini"))
    ('mixed3b', [40, 7])
    """
    with usage_errors():
        found = shortform.units(text, model.layers)
    layers = list(dict.fromkeys(unit.layer for unit in found))
    if len(layers) > 1:
        raise UsageError(f"--units are of {' and '.join(layers)}; expected units of one layer, such as mixed3b:40")
    if any(unit.negative for unit in found):
        raise UsageError(f"--units are {text!r}; expected units without a minus, whose weights have both signs")
    return layers[0], list(dict.fromkeys(unit.number for unit in found))


def above(model: inception_jax.Model, layer: str) -> list[str]:
    """The stem's convolutions and the blocks that a layer leads to, the lowest first.

    >>> above(inception_jax.load("mini"), "conv2d2")[:2]
    ['mixed3a', 'mixed3b']
    """
    return [name for name in model.architecture.main_layers if _leads(model, layer, name)]


def layer_below(model: inception_jax.Model, layer: str, given: str | None, steps: int = 1) -> str:
    """The layer that was asked for, or that many layers down.

    Raises:
        UsageError: no such layer, one that does not lead to `layer`, or none that does.

    >>> layer_below(inception_jax.load("mini"), "mixed3b", None)
    'mixed3a'
    """
    known = layers_below(model, layer)
    if given is not None:
        with usage_errors():
            check_layer(given, model.layers)
        if not _leads(model, given, layer):
            raise UsageError(f"{given} does not lead to {layer}; expected a layer below it, such as {_some(known)}")
        return given
    if len(known) < steps:
        raise UsageError(
            f"{layer} has {len(known)} layers below it, {steps} are needed; expected units of a later layer"
        )
    return known[steps - 1]


def read_at(model: inception_jax.Model, lower: str, upper: str) -> str:
    """Where the units of `lower` are read on the way to `upper`: after a pool that follows at once.

    The articles draw weights on the grid of that pool. Units keep their numbers in it.

    >>> model = inception_jax.load("mini")
    >>> read_at(model, "conv2d2", "mixed3b"), read_at(model, "mixed3a", "mixed3b")
    ('maxpool1', 'mixed3a')
    """
    network, at, pool = graph(model.architecture), lower, lower
    while len(readers := [node for node in network.nodes if at in node.inputs]) == 1:
        if not isinstance(readers[0].op, MaxPool | L2Pool | Normalise) or not _leads(model, readers[0].name, upper):
            break
        at = readers[0].name
        pool = at if isinstance(readers[0].op, MaxPool | L2Pool) else pool
    return pool


def _leads(model: inception_jax.Model, lower: str, upper: str) -> bool:
    return lower not in (upper, f"{upper}_pre_relu") and bool(between(graph(model.architecture), lower, upper))


def _some(layers: list[str]) -> str:
    return " or ".join(layers[:2]) or "none, since it is the first"
