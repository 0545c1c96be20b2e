"""Which units are strongly connected, and whether they excite or inhibit."""

import operator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from circuits.labelled import Weights, tiles


class Neighbours(NamedTuple):
    """Units by the strength of their weights, the strongest first."""

    units: Int[np.ndarray, " n"]
    norms: Float[np.ndarray, " n"]


class Balance(NamedTuple):
    """How much of the weights between two units is positive and how much negative; `inhibition` counts upwards."""

    excitation: Float[np.ndarray, "out in"]
    inhibition: Float[np.ndarray, "out in"]

    @property
    def net(self) -> Float[np.ndarray, "out in"]:
        """Excitation less inhibition, the sum of the weights."""
        return self.excitation - self.inhibition


def norms(weights: Weights) -> Float[np.ndarray, "out in"]:
    """L2 norm of each tile, the strength of a connection in the articles.

    Args:
        weights: `[out, in, row, column]`.

    Raises:
        ValueError: another shape, or no numbers.

    >>> norms(np.array([[[[3.0, 4.0]]]]))
    array([[5.]])
    """
    return np.sqrt(np.square(tiles(weights)).sum((2, 3)))


def in_neighbours(weights: Weights, unit: int | Sequence[int], count: int = 10) -> Neighbours:
    """The units of the lower layer with the strongest weights into a unit of the upper layer.

    Args:
        weights: `[out, in, row, column]`, of any two layers.
        unit: position along the first axis; of several, weights into all of them count.
        count: how many at most.

    Raises:
        ValueError: a unit that is not there, no units, a count below 1.

    Source: the circuit figures of *An Overview of Early Vision in InceptionV1* (Distill, 2020).

    >>> in_neighbours(np.array([1.0, -3.0, 2.0]).reshape(1, 3, 1, 1), 0, count=2).units
    array([1, 2])
    """
    return _strongest(norms(weights), unit, count)


def out_neighbours(weights: Weights, unit: int | Sequence[int], count: int = 10) -> Neighbours:
    """The units of the upper layer with the strongest weights from a unit of the lower layer.

    Args:
        weights: `[out, in, row, column]`, of any two layers.
        unit: position along the second axis; of several, weights from all of them count.
        count: how many at most.

    Raises:
        ValueError: a unit that is not there, no units, a count below 1.

    >>> out_neighbours(np.array([1.0, -3.0, 2.0]).reshape(3, 1, 1, 1), 0, count=2).units
    array([1, 2])
    """
    return _strongest(norms(weights).T, unit, count)


def balance(weights: Weights) -> Balance:
    """Sums of the positive and of the negative weights of each pair of units.

    Args:
        weights: `[out, in, row, column]`.

    Raises:
        ValueError: another shape, or no numbers.

    >>> summary = balance(np.array([2.0, -3.0, 0.5]).reshape(1, 1, 1, 3))
    >>> summary.excitation.item(), summary.inhibition.item(), summary.net.item()
    (2.5, 3.0, -0.5)
    """
    values = tiles(weights)
    return Balance(np.maximum(values, 0).sum((2, 3)), np.maximum(-values, 0).sum((2, 3)))


def _strongest(table: np.ndarray, unit: int | Sequence[int], count: int) -> Neighbours:
    chosen = np.atleast_1d(np.asarray(unit))
    if not chosen.size or chosen.dtype.kind not in "iu" or not ((chosen >= 0) & (chosen < len(table))).all():
        raise ValueError(f"unit is {unit!r}; expected one or several of 0 to {len(table) - 1}")
    if (count := operator.index(count)) < 1:
        raise ValueError(f"count is {count}; expected 1 or more")
    strength = np.sqrt(np.square(table[chosen]).sum(0))
    order = np.argsort(-strength, kind="stable")[:count]
    return Neighbours(order, strength[order])
