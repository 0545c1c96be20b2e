"""What each unit is connected to: its strongest inputs and outputs, two layers back, groups of inputs, its like."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int
from tqdm.auto import tqdm

import circuits
import inception_jax
from circuits.graphs import layers_below
from experiments.circuits.units import read_at
from experiments.figures import Figures
from experiments.options import usage_errors

COUNT = 12
"""Neighbours of a unit on each side."""
BACK = 6
"""Neighbours two layers back."""
ALIKE = 8
"""Units of the same layer with the most similar inputs."""
GROUPS, MEMBERS = 3, 4
"""Groups of inputs of a unit; their strongest inputs that are shown."""
AMONG = 64
"""Inputs of a unit that are sorted into groups, the strongest: with all of them it takes twenty times as long."""

_AT_ONCE = 128


@dataclass(frozen=True, eq=False)
class Side:
    """The strongest neighbours of each unit of a layer in another layer, the strongest first.

    Attributes:
        layer: where the neighbours are.
        units: their numbers.
        norms: lengths of the weights between.
        nets: sums of these weights.
        tiles: the weights, at each relative position.
    """

    layer: str
    units: Int[np.ndarray, "units k"]
    norms: Float[np.ndarray, "units k"]
    nets: Float[np.ndarray, "units k"]
    tiles: Float[np.ndarray, "units k row column"]


@dataclass(frozen=True, eq=False)
class Connections:
    """What the weights say of the units of a layer.

    Attributes:
        inputs: in the layer below; None for the first.
        outputs: in the layer above; None for the last.
        back: two layers below, through all units between.
        group_maps: where groups of inputs of a unit lie, the most important first.
        group_units: the inputs with the largest share of each group.
        group_shares: these shares; negative where they inhibit.
        alike: units of the same layer with the most similar inputs.
        likeness: cosines between their weights.
        order: all units, like beside like.
    """

    inputs: Side | None = None
    outputs: Side | None = None
    back: Side | None = None
    group_maps: Float[np.ndarray, "units groups row column"] | None = None
    group_units: Int[np.ndarray, "units groups members"] | None = None
    group_shares: Float[np.ndarray, "units groups members"] | None = None
    alike: Int[np.ndarray, "units k"] | None = None
    likeness: Float[np.ndarray, "units k"] | None = None
    order: Int[np.ndarray, " units"] | None = None


def connected(page: Figures, model: inception_jax.Model, layers: Sequence[str]) -> dict[str, Connections]:
    """The connections of all units of some layers, computed once and kept with a run.

    Raises:
        UsageError: the weights cannot be computed.
    """
    # Layers that are not shown cannot be linked to.
    below = {layer: [name for name in layers_below(model, layer) if name in layers] for layer in layers}
    kept: dict[str, dict[str, np.ndarray]] = {}
    for layer in tqdm(layers, "weights", unit=" layers", disable=None):
        with usage_errors():
            kept[layer] = page.kept(f"weights-{layer}", partial(_own, model, below[layer], layer))
            if len(below[layer]) > 1:
                kept[layer] |= page.kept(f"back-{layer}", partial(_back, model, below[layer][1], layer))
    above = {below[layer][0]: layer for layer in reversed(layers) if below[layer]}
    found = {}
    for layer in layers:
        arrays, lower = kept[layer], below[layer]
        found[layer] = Connections(
            inputs=_side(arrays, "in", lower[0]) if lower else None,
            outputs=_side(kept[above[layer]], "out", above[layer]) if layer in above else None,
            back=_side(arrays, "back", lower[1]) if len(lower) > 1 else None,
            **{name: arrays.get(name) for name in ("group_maps", "group_units", "group_shares")},
            **{name: arrays[name] for name in ("alike", "likeness", "order")},
        )
    return found


def strongest(weights: Float[np.ndarray, "out in row column"], count: int) -> dict[str, np.ndarray]:
    """The neighbours of each unit along the first axis: `units`, `norms`, `nets` and `tiles`.

    >>> found = strongest(np.array([1.0, -3.0, 2.0]).reshape(1, 3, 1, 1), 2)
    >>> found["units"].tolist(), found["nets"].tolist()
    ([[1, 2]], [[-3.0, 2.0]])
    """
    lengths = circuits.norms(weights)
    units = np.argsort(-lengths, axis=1, kind="stable")[:, :count]
    tiles = np.take_along_axis(weights, units[..., None, None], 1)
    return {
        "units": units, "norms": np.take_along_axis(lengths, units, 1), "nets": tiles.sum((2, 3)), "tiles": tiles,
    }  # fmt: skip


def _own(model: inception_jax.Model, below: Sequence[str], upper: str) -> dict[str, np.ndarray]:
    """What the weights from the layer below say; in the first layer, only which filters are alike."""
    if not below:
        return _alike(circuits.expanded_weights(model, "input", upper))
    lower = below[0]
    weights = circuits.expanded_weights(model, read_at(model, lower, upper), upper)
    found = {f"in_{name}": values for name, values in strongest(weights, COUNT).items()}
    found |= {f"out_{name}": values for name, values in strongest(weights.swapaxes(0, 1), COUNT).items()}
    return found | _groups(weights) | _alike(weights)


def _back(model: inception_jax.Model, lower: str, upper: str) -> dict[str, np.ndarray]:
    at, count = read_at(model, lower, upper), model.layers[upper]
    parts = []
    for first in range(0, count, _AT_ONCE):
        units = range(first, min(first + _AT_ONCE, count))
        # The last, smaller part would be another program.
        whole = list(units) + [count - 1] * (min(_AT_ONCE, count) - len(units))
        weights = circuits.expanded_weights(model, at, upper, units=whole)[: len(units)]
        parts.append(strongest(weights, BACK))
    return {f"back_{name}": np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _groups(weights: Float[np.ndarray, "out in row column"]) -> dict[str, np.ndarray]:
    """Groups of inputs of each unit, by non-negative factorisation over positions."""
    count = min(GROUPS, weights.shape[1], weights.shape[2] * weights.shape[3])
    maps = np.zeros((len(weights), count, *weights.shape[2:]), np.float32)
    units = np.zeros((len(weights), count, min(MEMBERS, weights.shape[1])), int)
    shares = np.zeros(units.shape, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # That factors had not quite settled.
        for unit, own in enumerate(tqdm(weights, "groups of inputs", unit=" units", disable=None, leave=False)):
            if own.any():
                among = np.sort(circuits.in_neighbours(own[None], 0, AMONG).units)
                factors = circuits.nmf(own[None, among], count, signed="inputs")
                maps[unit] = factors.maps[0]
                order = np.argsort(-np.abs(factors.inputs), 1, kind="stable")[:, : units.shape[2]]
                units[unit], shares[unit] = among[order], np.take_along_axis(factors.inputs, order, 1)
    return {"group_maps": maps, "group_units": units, "group_shares": shares}


def _alike(weights: Float[np.ndarray, "out in row column"]) -> dict[str, np.ndarray]:
    """Units by the cosine between their weights, and an order in which like is beside like."""
    # Imported here: they take as long to import as everything else of a command together.
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    rows = weights.reshape(len(weights), -1)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    alike = np.argsort(-cosines, 1, kind="stable")[:, : min(ALIKE, len(weights) - 1)]
    likeness = np.take_along_axis(cosines, alike, 1)
    np.fill_diagonal(cosines, 1.0)
    apart = np.clip(1 - (cosines + cosines.T) / 2, 0, 2)
    np.fill_diagonal(apart, 0.0)
    order = leaves_list(linkage(squareform(apart), "average")) if len(weights) > 1 else np.arange(1)
    return {"alike": alike, "likeness": likeness, "order": np.asarray(order, int)}


def _side(arrays: dict[str, np.ndarray], name: str, layer: str) -> Side:
    return Side(layer, *(arrays[f"{name}_{part}"] for part in ("units", "norms", "nets", "tiles")))
