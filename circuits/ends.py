"""What a circuit begins and ends with: some units of a layer, or directions over them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from circuits.route import between
from inception_jax.graph import Graph, graph
from inception_jax.model import Model, check_layer
from inception_jax.nodes import INPUT, Concat

Units = int | Sequence[int] | range | np.ndarray
"""A unit, several, or directions over a layer's units as rows of floating-point numbers."""


class Part(NamedTuple):
    """A branch of a layer, and which of the layer's units it has."""

    name: str
    first: int
    stop: int


def check_ends(model: Model, lower: str, upper: str, through: Sequence[str]) -> None:
    """Raise `ValueError` unless there is a way from `lower` to `upper`, through all of `through`."""
    network = graph(model.architecture)
    for name in (upper, *through):
        check_layer(name, model.layers)
    check_layer(lower, [INPUT, *model.layers])
    if lower == upper:
        raise ValueError(f"both ends are {lower!r}; expected a layer and a later one")
    ways = between(network, lower, upper)
    if ways is None and lower != INPUT and between(network, upper, lower) is not None:
        raise ValueError(f"{lower!r} comes after {upper!r}; weights go from an earlier layer to a later one: swap them")
    if ways is None:
        raise ValueError(f"nothing leads from {lower!r} to {upper!r}; expected a layer that is computed from {lower!r}")
    for name in through:
        if name not in ways:
            raise ValueError(f"no way from {lower!r} to {upper!r} passes {name!r}; expected {_some(ways)}")
    if between(network, lower, upper, through) is None or not any(
        between(network, lower, part.name, through) is not None for part in parts(network, upper)
    ):
        raise ValueError(f"no way from {lower!r} to {upper!r} passes all of {list(through)}; expected layers in a row")


def parts(network: Graph, upper: str) -> tuple[Part, ...]:
    """The branches of a block, which are computed apart; other layers are their own only part.

    >>> from inception_jax import INCEPTION5H
    >>> parts(graph(INCEPTION5H), "mixed3a")[1]
    Part(name='mixed3a_3x3', first=64, stop=192)
    """
    node = network[upper]
    if not isinstance(node.op, Concat):
        return (Part(upper, 0, node.op.units),)
    found, first = [], 0
    for name in node.inputs:
        found.append(Part(name, first, first + network[name].op.units))
        first = found[-1].stop
    return tuple(found)


def chosen(given: Units | None, count: int, what: str, layer: str) -> np.ndarray | None:
    """Unit numbers `[n]`, directions `[n, count]`, or `None` for all units.

    Args:
        given: what the caller gave.
        count: units of the layer.
        what: the argument's name, for messages.
        layer: the layer's name, for messages.

    Raises:
        ValueError: no units, a unit that the layer does not have, directions over another number of units.

    >>> chosen(3, 8, "units", "mixed3a"), chosen(range(2), 8, "units", "mixed3a")
    (array([3]), array([0, 1]))
    """
    if given is None:
        return None
    array = np.asarray(given)
    wants = f"unit numbers of {layer!r}, 0 to {count - 1}, or directions [n, {count}] of floating-point numbers"
    if array.size == 0:
        raise ValueError(f"{what} is empty; expected {wants}")
    if array.dtype.kind in "iu" and array.ndim <= 1:
        numbers = array.reshape(-1).astype(np.int64)
        if wrong := sorted({int(n) for n in numbers if not 0 <= n < count}):
            raise ValueError(f"{what} has {', '.join(map(str, wrong))}; expected {wants}")
        return numbers
    if array.dtype.kind == "f" and array.ndim in (1, 2) and array.shape[-1] == count:
        if not np.isfinite(array).all():
            raise ValueError(f"{what} has directions that are not finite; expected numbers")
        return array.reshape(-1, count)
    raise ValueError(f"{what} has shape {array.shape} and type {array.dtype}; expected {wants}")


def chosen_numbers(
    given: Units | None,
    count: int,
    what: str,
    layer: str,
    instead: str = "no weights of their own; expected unit numbers",
) -> Int[np.ndarray, " n"]:
    """Unit numbers, all by default, where directions make no sense.

    Args:
        given: what the caller gave.
        count: units of the layer.
        what: the argument's name, for messages.
        layer: the layer's name, for messages.
        instead: what directions have, and what is expected, for messages.

    Raises:
        ValueError: no units, directions, units that the layer does not have.

    >>> chosen_numbers(None, 3, "units", "conv2d0")
    array([0, 1, 2])
    """
    numbers = chosen(given, count, what, layer)
    if numbers is None:
        return np.arange(count)
    if numbers.ndim == 2:
        raise ValueError(f"{what} are directions, which have {instead}")
    return numbers


def directions(given: np.ndarray | None, count: int, dtype: np.dtype) -> Float[np.ndarray, "n units"]:
    """What `chosen` returns as directions: a unit is the direction along its axis.

    >>> directions(np.array([2]), 3, np.dtype("float32"))
    array([[0., 0., 1.]], dtype=float32)
    """
    if given is not None and given.ndim == 2:
        return given.astype(dtype)
    numbers = np.arange(count) if given is None else given
    rows = np.zeros((len(numbers), count), dtype)
    rows[np.arange(len(numbers)), numbers] = 1
    return rows


def _some(names: Sequence[str]) -> str:
    shown = [name for name in names if not name.endswith("_pre_relu")] or list(names)
    return " or ".join(map(repr, shown[:6])) + (" or others" if len(shown) > 6 else "")
