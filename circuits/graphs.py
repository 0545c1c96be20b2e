"""The circuit of a unit: what it is made of, some layers down, without what contributes little."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from circuits.expanded import expanded_weights
from circuits.neighbours import norms
from circuits.route import between
from inception_jax.graph import graph
from inception_jax.model import Model, check_layer


@dataclass(frozen=True)
class Unit:
    """A unit of a circuit. `contribution` is its share in the unit at the top, over all ways between them."""

    layer: str
    number: int
    contribution: float

    @property
    def label(self) -> str:
        """The unit in the field's short form."""
        return f"{self.layer}:{self.number}"


@dataclass(frozen=True, eq=False)
class Edge:
    """What one unit does to another.

    Attributes:
        source: label of the unit of the earlier layer.
        target: label of the unit of the later layer.
        weights: expanded weights between them.
        share: of the squared weights into the target.
        contribution: that share times the target's contribution.
    """

    source: str
    target: str
    weights: Float[np.ndarray, "row column"]
    share: float
    contribution: float

    @property
    def net(self) -> float:
        """Sum of the weights: positive where the source excites more than it inhibits."""
        return float(self.weights.sum())


@dataclass(frozen=True, eq=False, repr=False)
class Circuit:
    """Units by layer, the top first and the strongest of a layer first, and the edges between them.

    >>> Circuit((Unit("b", 2, 1.0), Unit("a", 1, 1.0)), (Edge("a:1", "b:2", np.ones((1, 1)), 1.0, 1.0),))
    <circuit of b:2: 2 units, 1 edges>
    """

    units: tuple[Unit, ...]
    edges: tuple[Edge, ...]

    def __repr__(self) -> str:
        top = self.units[0].label if self.units else "nothing"
        return f"<circuit of {top}: {len(self.units)} units, {len(self.edges)} edges>"

    def layer(self, name: str) -> tuple[Unit, ...]:
        """The units of one layer."""
        return tuple(unit for unit in self.units if unit.layer == name)


def circuit(
    model: Model,
    layer: str,
    unit: int,
    depth: int = 2,
    *,
    count: int = 5,
    least: float = 0.01,
    layers: Sequence[str] | None = None,
) -> Circuit:
    """The units below a unit, down some layers, by expanded weights from each layer to the next.

    A unit's contribution to the unit above it is its share of the squared weights there, so that shares add up to 1
    and go in the order of the articles' L2 norms; further down, shares multiply along a way and add up over ways.

    Args:
        model: the network.
        layer: the layer of the unit at the top.
        unit: its number.
        depth: how many layers down.
        count: the most inputs that are kept of each unit, the strongest.
        least: the smallest contribution that is kept, as a share of the unit at the top.
        layers: those to go down, the highest first; by default the stem's convolutions and the blocks before `layer`.

    Raises:
        ValueError: unknown layers, a unit that is not there, a depth of more layers than there are, a count below 1, a
            share that is none.

    Source: the circuit figures of *Zoom In* and *An Overview of Early Vision in InceptionV1* (Distill, 2020).

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> found = circuit(model, "mixed3a", 3, depth=1, count=2)
    >>> [unit.layer for unit in found.units], len(found.edges)
    (['mixed3a', 'conv2d2', 'conv2d2'], 2)
    """
    check_layer(layer, model.layers)
    below = list(layers) if layers is not None else layers_below(model, layer)
    if not 1 <= (depth := operator.index(depth)) <= len(below):
        raise ValueError(f"depth is {depth}; below {layer!r} there are {len(below)} layers: expected 1 to {len(below)}")
    if operator.index(count) < 1 or not 0 <= least <= 1:
        raise ValueError(f"count is {count} and least is {least}; expected at least 1, and a share from 0 to 1")
    found: list[Unit] = [Unit(layer, unit, 1.0)]
    edges: list[Edge] = []
    above = [found[0]]
    for lower in below[:depth]:
        fresh = _edges(model, lower, above, count, least)
        totals: dict[str, float] = {}
        for edge in fresh:
            totals[edge.source] = totals.get(edge.source, 0.0) + edge.contribution
        above = [Unit(lower, int(label.rpartition(":")[2]), total) for label, total in totals.items()]
        above.sort(key=lambda unit: -unit.contribution)
        found, edges = found + above, edges + fresh
        if not above:
            break
    return Circuit(tuple(found), tuple(edges))


def layers_below(model: Model, layer: str) -> list[str]:
    """The stem's convolutions and the blocks that lead to a layer, the highest first.

    >>> import inception_jax
    >>> layers_below(inception_jax.load("mini"), "mixed3b_pre_relu")[:2]
    ['mixed3a', 'conv2d2']
    """
    network = graph(model.architecture)
    return [
        name for name in reversed(model.architecture.main_layers) if name != layer and between(network, name, layer)
    ]


def _edges(model: Model, lower: str, above: Sequence[Unit], count: int, least: float) -> list[Edge]:
    weights = expanded_weights(model, lower, above[0].layer, units=[unit.number for unit in above])
    energy = np.square(norms(weights))
    shares = energy / np.maximum(energy.sum(1, keepdims=True), np.finfo(energy.dtype).tiny)
    edges = []
    for row, unit in enumerate(above):
        for number in np.argsort(-shares[row], kind="stable")[:count]:
            share = float(shares[row, number])
            if share and share * unit.contribution >= least:
                tile = weights[row, number].copy()  # Of its own, so that the rest can be forgotten.
                edges.append(Edge(f"{lower}:{number}", unit.label, tile, share, share * unit.contribution))
    return edges
