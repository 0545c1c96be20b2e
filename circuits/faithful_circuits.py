"""How much of a unit a whole circuit explains, over several layers, beside circuits of the same shape at random."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.graphs import Circuit, Unit
from circuits.interventions.edges import Cut, cut
from circuits.interventions.edited import Edited, edited
from circuits.interventions.references import IMAGES, mean_activation
from inception_jax.model import Model, check_layer

Values = Mapping[str, float | Float[np.ndarray, "..."]]
"""What edges outside a circuit carry, by the layer that they come from."""


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """How much of its unit remains with a circuit alone, and without it: see `faithfulness`.

    1 means the unit does what it did, 0 that it does no better than with none of its inputs, and below 0 worse.

    Attributes:
        faithful: what remains with the circuit's edges and no others into its units.
        without: what remains without these edges: 0 where the circuit is complete.
        random_faithful: as `faithful`, for circuits of the same shape with other units.
        random_without: as `without`, for these.
    """

    faithful: float
    without: float
    random_faithful: Float[np.ndarray, " draws"]
    random_without: Float[np.ndarray, " draws"]


def faithfulness(
    model: Model,
    images: Float[Array | np.ndarray, "n h w 3"],
    circuit: Circuit,
    *,
    means: Values | None = None,
    draws: int = 5,
    seed: int = 0,
) -> Faithfulness:
    """Whether a circuit does over photographs what its unit does in the whole network.

    Edges that are cut carry the mean of the unit that they come from. What remains is one minus the squared error, over
    photographs and positions, over that with all edges into the unit cut.

    Args:
        model: the network.
        images: photographs, RGB in [0, 1].
        circuit: units and edges, as `circuits.circuit` finds them; its first unit is explained.
        means: by layer, what cut edges carry; by default the means over these photographs.
        draws: random circuits, in which the units below the first are others of their layers, with the same edges.
        seed: of these.

    Raises:
        ValueError: no images, a circuit without edges, or one that does not fit the model, a unit that is silent.

    Source: faithfulness and completeness as in Marks et al. 2024, *Sparse Feature Circuits*, for errors in place of
    differences of a single score.

    >>> import inception_jax
    >>> from circuits import circuit
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    >>> everything = circuit(model, "mixed3a_pre_relu", 3, 1, count=12, least=0.0)
    >>> found = faithfulness(model, photos, everything, draws=1)
    >>> round(found.faithful, 4), round(found.without, 4)
    (1.0, 0.0)
    """
    if not len(images):
        raise ValueError("there are no images; expected at least one")
    pairs = _layers(circuit)
    if means is None:
        means = {lower: mean_activation(model, images, lower) for lower in dict.fromkeys(low for low, _ in pairs)}
    rng = np.random.default_rng(seed)
    others = [_relabelled(model, circuit, rng) for _ in range(draws)]
    top = circuit.units[0]
    full = _values(model, images, top, ())
    nothing = [
        cut(lower, upper, [(i, top.number) for i in range(model.layers[lower])], means[lower])
        for lower, upper in pairs
        if upper == top.layer
    ]
    error = np.square(_values(model, images, top, nothing) - full).sum()
    if not error:
        raise ValueError(
            f"{top.label} has one value for all of these photographs, with and without its inputs; expected a unit "
            "that is active, or the layer's _pre_relu"
        )

    def remains(interventions: tuple[Cut, ...]) -> float:
        left = np.square(_values(model, images, top, interventions) - full).sum()
        return float(1 - left / error)

    def both(one: Circuit) -> tuple[float, float]:
        return remains(isolate(model, one, means)), remains(exclude(one, means))

    (faithful, missing), drawn = both(circuit), np.array([both(one) for one in others]).reshape(-1, 2)
    return Faithfulness(faithful, missing, drawn[:, 0], drawn[:, 1])


def isolate(model: Model, circuit: Circuit, values: Values) -> tuple[Cut, ...]:
    """Interventions that leave the edges of a circuit alone: its units receive nothing else from the layers below.

    Args:
        model: the network.
        circuit: units and edges.
        values: what the other edges carry, by the layer that they come from.

    Raises:
        ValueError: a circuit without edges, layers that the model does not have.

    >>> import inception_jax
    >>> from circuits import circuit
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> found = circuit(model, "mixed3a", 3, depth=1, count=2)
    >>> [int(one.off.sum()) for one in isolate(model, found, {"conv2d2": 0.0})]
    [10]
    """
    cuts = []
    for (lower, upper), edges in _layers(circuit).items():
        check_layer(lower, model.layers)
        targets = dict.fromkeys(target for _, target in edges)
        rest = [(n, t) for t in targets for n in range(model.layers[lower]) if (n, t) not in edges]
        if rest:
            cuts.append(cut(lower, upper, rest, values[lower]))
    return tuple(cuts)


def exclude(circuit: Circuit, values: Values) -> tuple[Cut, ...]:
    """Interventions that cut the edges of a circuit and leave all others.

    Args:
        circuit: units and edges.
        values: what the cut edges carry, by the layer that they come from.

    Raises:
        ValueError: a circuit without edges.

    >>> from circuits import Edge, Unit
    >>> edge = Edge("a:1", "b:2", np.ones((1, 1)), 1.0, 1.0)
    >>> exclude(Circuit((Unit("b", 2, 1.0), Unit("a", 1, 1.0)), (edge,)), {"a": 0.0})[0].units
    array([2])
    """
    return tuple(cut(*ends, sorted(edges), values[ends[0]]) for ends, edges in _layers(circuit).items())


def _layers(circuit: Circuit) -> dict[tuple[str, str], set[tuple[int, int]]]:
    """The edges between each pair of layers."""
    if not circuit.edges:
        raise ValueError("the circuit has no edges; expected at least one into its first unit")
    found: dict[tuple[str, str], set[tuple[int, int]]] = defaultdict(set)
    for edge in circuit.edges:
        (lower, source), (upper, target) = (end.rsplit(":", 1) for end in (edge.source, edge.target))
        found[lower, upper].add((int(source), int(target)))
    return dict(found)


def _relabelled(model: Model, circuit: Circuit, rng: np.random.Generator) -> Circuit:
    """The circuit with other units in every layer but the first unit's."""
    top, fresh = circuit.units[0], {}
    for layer in dict.fromkeys(unit.layer for unit in circuit.units[1:]):
        order = rng.permutation(model.layers[layer])
        fresh |= {unit.label: f"{layer}:{order[unit.number]}" for unit in circuit.layer(layer) if unit != top}
    edges = [replace(e, source=fresh[e.source], target=fresh.get(e.target, e.target)) for e in circuit.edges]
    units = [replace(u, number=int(fresh[u.label].rsplit(":", 1)[1])) for u in circuit.units[1:]]
    return Circuit((top, *units), tuple(edges))


def _values(
    model: Model, images: Float[Array | np.ndarray, "n h w 3"], top: Unit, interventions: Iterable[Cut]
) -> Float[np.ndarray, "n *position"]:
    """The first unit of a circuit over photographs, with interventions."""
    # As wide as the layer, whichever units they are, so that circuits of one shape share a program.
    wide = [
        replace(one, off=np.pad(one.off, ((0, 0), (0, model.layers[one.lower] - one.off.shape[1]))))
        for one in interventions
    ]
    changed, found = edited(model, *wide), []
    for first in range(0, len(images), IMAGES):
        value = _top(top.layer, changed, np.int32(top.number), jnp.asarray(images[first : first + IMAGES]))
        found.append(np.asarray(value, np.float64))
    return np.concatenate(found)


@partial(jax.jit, static_argnums=0)
def _top(layer: str, model: Edited, unit: Array, images: Array) -> Array:
    return model(images, taps=layer)[layer][..., unit]
