"""Weights between two layers with the names of the units at both ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Array, Float


@dataclass(frozen=True, eq=False, repr=False)
class CircuitWeights:
    """Weights between two layers, with the units at both ends; `np.asarray` gives the bare array.

    Attributes:
        array: row and column are positions of `lower` relative to the unit of `upper`.
        lower: the earlier layer.
        upper: the later layer.
        units: units of `upper`, along the first axis.
        inputs: units of `lower`, along the second axis.

    Raises:
        ValueError: as many units as the array has not.

    >>> w = CircuitWeights(np.ones((1, 2, 3, 3)), "mixed3a", "mixed3b", (379,), (145, 147))
    >>> w, w.labels, w.input_labels
    (<weights mixed3a -> mixed3b [1, 2, 3, 3]>, ('mixed3b:379',), ('mixed3a:145', 'mixed3a:147'))
    """

    array: Float[np.ndarray, "out in row column"]
    lower: str
    upper: str
    units: tuple[int, ...]
    inputs: tuple[int, ...]

    def __post_init__(self) -> None:
        if (ends := (len(self.units), len(self.inputs))) != self.array.shape[:2]:
            raise ValueError(
                f"the array has shape {self.array.shape} for {ends[0]} units and {ends[1]} inputs; "
                "expected [units, inputs, row, column]"
            )

    def __repr__(self) -> str:
        return f"<weights {self.lower} -> {self.upper} {list(self.array.shape)}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The bare array, so that NumPy's functions and this package's take the weights as they are."""
        return np.array(self.array, dtype, copy=copy)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the units of `upper`, in the field's short form."""
        return tuple(f"{self.upper}:{unit}" for unit in self.units)

    @property
    def input_labels(self) -> tuple[str, ...]:
        """Names of the units of `lower`."""
        return tuple(f"{self.lower}:{unit}" for unit in self.inputs)

    def tile(self, unit: int, of: int) -> Float[np.ndarray, "row column"]:
        """The weights of one unit of `upper` for the input unit `of`, by their numbers in the layers.

        Raises:
            ValueError: a unit that is not among these.

        >>> w = CircuitWeights(np.arange(2.0).reshape(1, 2, 1, 1), "conv2d0", "conv2d1", (30,), (22, 39))
        >>> w.tile(30, of=39).item()
        1.0
        """
        for number, units, layer in ((unit, self.units, self.upper), (of, self.inputs, self.lower)):
            if number not in units:
                raise ValueError(f"no weights of {layer}:{number} here; units are {_listed(units)}")
        return self.array[self.units.index(unit), self.inputs.index(of)]


Weights = Float[np.ndarray | Array, "out in row column"] | CircuitWeights
"""What the functions that read weights take."""


def tiles(weights: Weights) -> Float[np.ndarray, "out in row column"]:
    """The weights as a bare array, checked.

    Raises:
        ValueError: another shape, or values that are no numbers.

    >>> tiles(np.full((1, 1, 1, 1), np.inf))
    Traceback (most recent call last):
    ValueError: the weights are not all finite; expected numbers
    """
    values = np.asarray(weights)
    if values.ndim != 4 or not values.size:
        raise ValueError(f"the weights have shape {values.shape}; expected [out, in, row, column]")
    if not np.isfinite(values).all():
        raise ValueError("the weights are not all finite; expected numbers")
    return values


def _listed(units: Sequence[int]) -> str:
    return ", ".join(map(str, units[:8])) + (", ..." if len(units) > 8 else "")
