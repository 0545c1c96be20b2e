"""Single units: channels, neurons and classes."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from featvis.algebra import Activations, Objective, Shapes
from featvis.objectives.base import OfLayer, whole
from featvis.objectives.views import window


@dataclass(frozen=True)
class _Channel(OfLayer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        return jax.lax.dynamic_index_in_dim(acts[self.layer], data, axis=-1, keepdims=False).mean()

    def check(self, shapes: Shapes, data: Any) -> None:
        self.check_unit(shapes, data)


def channel(layer: str, unit: int) -> Objective:
    """Mean activation of one unit over all positions.

    Args:
        layer: of any kind, with positions or without.
        unit: its number, from 0.

    Raises:
        ValueError: `unit` is no whole number from 0 up.

    Source: Lucid, `channel`.

    >>> channel("mixed4a", 476).label
    'mixed4a:476'
    """
    unit = whole("unit", unit)
    return Objective(_Channel(layer), np.int32(unit), (layer,), f"{layer}:{unit}")


def neuron(layer: str, unit: int, row: int | None = None, column: int | None = None) -> Objective:
    """Activation of one unit at one position, the centre (`size // 2`) unless given.

    Args:
        layer: one with positions.
        unit: its number, from 0.
        row: from 0, at the top.
        column: from 0, at the left.

    Raises:
        ValueError: a number that is not whole, or negative.

    Source: Lucid, `neuron`, whose `x` is our `row` and `y` our `column`.

    >>> neuron("mixed4a", 476, row=3).label
    'mixed4a:476@3,centre'
    """
    return window(channel(layer, unit), row, column)


def class_logit(layer: str, label: int) -> Objective:
    """Score of a class before the softmax; `inception_jax.class_index` finds the number of a class name.

    Args:
        layer: `"softmax2_pre_activation"`, or that of an auxiliary head.
        label: number of the class, from 0.

    Raises:
        ValueError: `label` is no whole number from 0 up.

    Source: Lucid, `class_logit`, which reads names of classes too, and takes the sum over images, not the mean.

    >>> class_logit("softmax2_pre_activation", 1).label
    'softmax2_pre_activation:1'
    """
    return channel(layer, label)
