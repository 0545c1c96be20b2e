"""`Objective`: a number to maximise, and the algebra of such numbers."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

INPUT = "input"
Activations = Mapping[str, Float[Array, "images *position units"]]
Shapes = Mapping[str, tuple[int, ...]]
Function = Callable[[Activations, Any], Float[Array, ""]]


@dataclass(frozen=True, eq=False)
class Objective:
    """A number to maximise.

    Attributes:
        fn: hashable pure function `(activations, data) -> scalar`; it may have a method `check(shapes, data)` that
            raises `ValueError` when the data do not fit activations of those shapes.
        data: arrays and numbers for `fn`; they may differ between objectives rendered together.
        layers: the activations `fn` reads.
        label: how results name it.
    """

    fn: Function
    data: Any
    layers: tuple[str, ...]
    label: str

    @property
    def network_layers(self) -> tuple[str, ...]:
        """The layers that come from the network: all but the image itself."""
        return tuple(name for name in self.layers if name != INPUT)

    def __add__(self, other: "Objective | float") -> "Objective":
        return _combine(_Sum, self, _lift(other))

    def __radd__(self, other: "Objective | float") -> "Objective":
        return _combine(_Sum, _lift(other), self)

    def __mul__(self, other: "Objective | float") -> "Objective":
        return _combine(_Product, self, _lift(other))

    def __rmul__(self, other: "Objective | float") -> "Objective":
        return _combine(_Product, _lift(other), self)

    def __sub__(self, other: "Objective | float") -> "Objective":
        return self + -1.0 * _lift(other)

    def __rsub__(self, other: "Objective | float") -> "Objective":
        return _lift(other) + -1.0 * self

    def __truediv__(self, other: float) -> "Objective":
        return self * (1.0 / other)

    def __neg__(self) -> "Objective":
        negative = -1.0 * self
        return Objective(negative.fn, negative.data, negative.layers, f"-{_bracketed(self)}")

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        """The objective's value on given activations.

        >>> import jax.numpy as jnp
        >>> from featvis.objectives import channel, layer
        >>> acts = {"mixed4a": jnp.ones((1, 2, 2, 8))}
        >>> float((channel("mixed4a", 3) - 0.5 * layer("mixed4a"))(acts))
        0.5
        """
        return self.fn(activations, self.data)


@dataclass(frozen=True)
class _Sum:
    terms: tuple[Function, ...]
    combine = staticmethod(operator.add)
    symbol = " + "

    def __call__(self, acts: Activations, data: Any) -> Array:
        return reduce(self.combine, (fn(acts, d) for fn, d in zip(self.terms, data, strict=True)))

    def check(self, shapes: Shapes, data: Any) -> None:
        for fn, d in zip(self.terms, data, strict=True):
            check(fn, shapes, d)


@dataclass(frozen=True)
class _Product(_Sum):
    combine = staticmethod(operator.mul)
    symbol = " * "


def _constant(acts: Activations, data: Any) -> Array:
    del acts
    return jnp.asarray(data)


def _lift(value: "Objective | float") -> Objective:
    return (
        value
        if isinstance(value, Objective)
        else Objective(_constant, np.float32(value), (), repr(float(value)).removesuffix(".0"))
    )


def _combine(kind: type[_Sum], *parts: Objective) -> Objective:
    # Nested sums are flattened, so that long ones do not recurse.
    fns: list[Function] = []
    data: list[Any] = []
    for part in parts:
        same = type(part.fn) is kind
        fns += part.fn.terms if same else [part.fn]  # pyright: ignore[reportFunctionMemberAccess]
        data += part.data if same else [part.data]
    labels = [_bracketed(part) if kind is _Product else part.label for part in parts]
    layers = tuple(dict.fromkeys(name for part in parts for name in part.layers))
    return Objective(kind(tuple(fns)), tuple(data), layers, kind.symbol.join(labels))


def _bracketed(objective: Objective) -> str:
    return f"({objective.label})" if type(objective.fn) is _Sum else objective.label


def check(fn: Function, shapes: Shapes, data: Any) -> None:
    """Raise `ValueError` if `fn` knows that `data` do not fit activations of these shapes."""
    if (method := getattr(fn, "check", None)) is not None:
        method(shapes, data)
