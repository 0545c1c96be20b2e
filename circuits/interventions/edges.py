"""Interventions on what a unit receives: single edges cut, and units rewired by weights of one's own."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.ends import check_ends
from circuits.interventions.values import Upstream, check_units, selected
from circuits.labelled import CircuitWeights, Weights, tiles
from inception_jax import ops
from inception_jax.model import Model, check_layer


@partial(jax.tree_util.register_dataclass, data_fields=["units", "off", "values"], meta_fields=["lower", "layer"])
@dataclass(frozen=True, eq=False)
class Cut:
    """Edges that carry something else: see `cut`.

    Attributes:
        lower: the layer that the edges come from.
        layer: the layer that they go to.
        units: of `layer`, those whose edges are cut.
        off: for each of them a row that is true at the inputs whose edges are cut.
        values: what cut edges carry.
    """

    lower: str
    layer: str
    units: Any
    off: Any
    values: Any

    @property
    def recomputed(self) -> Any:
        """The units whose values do not depend on what they were."""
        return self.units

    def __call__(self, value: Array, upstream: Upstream) -> Array:
        """The changed activation: each unit computed anew, from a lower layer of its own."""
        below = upstream.activations((self.lower,), {})[self.lower]
        values = jnp.broadcast_to(jnp.asarray(self.values, below.dtype), below.shape)

        def received(unit: Array, off: Array) -> Array:
            shown = jnp.where(_padded(off, below.shape[-1]), values, below)
            return upstream.activations((self.layer,), {self.lower: lambda _: shown})[self.layer][..., unit]

        rows = jax.lax.map(lambda row: received(*row), (jnp.asarray(self.units), jnp.asarray(self.off)))
        return value.at[..., self.units].set(jnp.moveaxis(rows, 0, -1))

    def check(self, model: Model) -> None:
        """Raise `ValueError` for layers that are not in this order, and units that they do not have."""
        _check_order(model, self.lower, self.layer)
        check_units(self.units, model.layers[self.layer], self.layer)
        check_units(np.flatnonzero(self.off.any(0)), model.layers[self.lower], self.lower)


@partial(jax.tree_util.register_dataclass, data_fields=["units", "kernel", "bias"], meta_fields=["lower", "layer"])
@dataclass(frozen=True, eq=False)
class Rewiring:
    """Units computed from a lower layer by weights of one's own: see `rewire`."""

    lower: str
    layer: str
    units: Any
    kernel: Any
    bias: Any

    @property
    def recomputed(self) -> Any:
        """The units whose values do not depend on what they were."""
        return self.units

    def __call__(self, value: Array, upstream: Upstream) -> Array:
        """The changed activation."""
        below = upstream.activations((self.lower,), {})[self.lower]
        if value.shape[1:3] != below.shape[1:3]:
            raise ValueError(
                f"{self.lower} is {_size(below)} and {self.layer} is {_size(value)}; expected two layers of one size, "
                "so that weights have one position for each"
            )
        # Rounded down before the middle, as tiles of an even side are cut.
        pads = [((side - 1) // 2, side // 2) for side in self.kernel.shape[:2]]
        new = ops.conv(below, jnp.asarray(self.kernel, below.dtype), 1, (pads[0], pads[1])) + self.bias
        return value.at[..., self.units].set(new.astype(value.dtype))

    def check(self, model: Model) -> None:
        """Raise `ValueError` for layers that are not in this order, and units and weights that do not fit them."""
        _check_order(model, self.lower, self.layer)
        check_units(self.units, model.layers[self.layer], self.layer)
        if (inputs := self.kernel.shape[2]) != (count := model.layers[self.lower]):
            raise ValueError(f"the weights are over {inputs} inputs; expected {count}, the units of {self.lower}")


def cut(
    lower: str,
    upper: str,
    edges: Iterable[tuple[int, int]],
    values: float | Float[Array | np.ndarray, "..."] = 0.0,
) -> Cut:
    """Let units receive something else from single units of an earlier layer; all others receive what they did.

    Exact, whatever lies between: each unit with cut edges is computed anew from a lower layer that is changed for it
    alone. A convolution's own weight from one unit to another can be zeroed more cheaply, by `edit_kernel`.

    Args:
        lower: the earlier layer.
        upper: the later layer; its `_pre_relu`, where edges should end before the ReLU.
        edges: pairs `(unit of lower, unit of upper)`.
        values: what cut edges carry instead: a number, one for each unit of `lower` (their means, say), or
            activations of `lower`.

    Raises:
        ValueError: no edges, numbers below 0, layers in the wrong order.

    Source: path patching, as in Goldowsky-Dill et al. 2023, *Localizing Model Behavior with Path Patching*.

    >>> cut("mixed3a", "mixed3b", [(147, 379), (145, 379), (81, 385)]).units
    array([379, 385])
    """
    if lower == upper:
        raise ValueError(f"both ends of the edges are {lower!r}; expected a layer and a later one")
    into: dict[int, list[int]] = defaultdict(list)
    for source, target in edges:
        into[int(target)].append(int(source))
    if not into:
        raise ValueError("no edges are given; expected pairs (unit of lower, unit of upper)")
    units = selected(sorted(into), upper)
    sources = [selected(into[unit], lower) for unit in sorted(into)]
    off = np.zeros((len(sources), 1 + max(int(row.max()) for row in sources if row is not None)), bool)
    for row, numbers in zip(off, sources, strict=True):
        row[numbers] = True
    return Cut(lower, upper, units, off, values)


def rewire(
    weights: Weights,
    lower: str | None = None,
    upper: str | None = None,
    units: int | Iterable[int] | None = None,
    bias: float | Float[np.ndarray, " out"] = 0.0,
) -> Rewiring:
    """Compute units from an earlier layer by given weights, in place of all that lies between.

    With `expanded_weights` and changes of one's own, this asks what single weights between two blocks do, which no
    kernel holds because bottlenecks lie between.

    Args:
        weights: `[out, in, row, column]`, over all units of `lower`. `CircuitWeights` know their layers and units.
        lower: the earlier layer, on whose map the weights lie.
        upper: the layer of the units, of the same size; its `_pre_relu`, where they should have a ReLU.
        units: of `upper`, one for each row of the weights.
        bias: added to the sums, a number for each unit.

    Raises:
        ValueError: weights of another shape, as many units as there are no rows, or no names for the layers.

    Source: *Curve Circuits* (Distill, 2021), which keeps some of a unit's weights, or the positive ones alone.

    >>> rewire(np.ones((1, 8, 3, 3)), "mixed3a", "mixed3b_pre_relu", 5).units
    array([5])
    """
    if isinstance(weights, CircuitWeights):
        lower, upper = lower or weights.lower, upper or weights.upper
        units = weights.units if units is None else units
    array = tiles(weights)
    if lower is None or upper is None or units is None:
        raise ValueError("weights without names need the layers and units that they connect: lower, upper, units")
    numbers = np.atleast_1d(np.asarray(units if isinstance(units, int) else list(units)))
    if len(numbers) != len(array) or len(np.unique(numbers)) != len(numbers):
        raise ValueError(f"weights of {len(array)} units are given for units {numbers.tolist()}; expected one for each")
    selected(numbers, upper)
    return Rewiring(lower, upper, numbers, np.moveaxis(array, (0, 1), (3, 2)), np.asarray(bias, array.dtype))


def _check_order(model: Model, lower: str, upper: str) -> None:
    check_layer(lower, model.layers)
    check_ends(model, lower, upper, ())


def _padded(off: Array, count: int) -> Array:
    return jnp.pad(off, (0, count - off.shape[0]))


def _size(value: Array) -> str:
    return "x".join(map(str, value.shape[1:3])) or "a vector"
