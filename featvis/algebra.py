"""`Objective`: a number to maximise, and the algebra of such numbers."""

import math
import zlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

INPUT, STEP, GRADIENT = "input", "step", "gradient:"
"""Names under which objectives see the image itself, the number of the step, and (before a layer's name) gradients."""
Activations = Mapping[str, Float[Array, "..."]]
Shapes = Mapping[str, tuple[int, ...]]
Function = Callable[[Activations, Any], Float[Array, ""]]

LONGEST_LABEL = 100


@dataclass(frozen=True, eq=False)
class Objective:
    """A number to maximise.

    Objectives add, subtract, multiply and divide, with numbers and with each other; `** number` and `abs` work too.
    Like the numbers they stand for, roots and inverses are infinite or undefined for some values; where an objective is
    exactly 0 their gradient is 0, so that dead activations stop an optimisation rather than spoil it.

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

    __array_ufunc__ = None  # So that NumPy leaves `number * objective` to the objective.

    @property
    def kind(self) -> Hashable:
        """The same for objectives that differ in the values of their data alone, so that one program computes them.

        >>> from featvis.objectives import channel, neuron
        >>> channel("mixed4a", 3).kind == channel("mixed4a", 476).kind, channel("a", 3).kind == neuron("a", 3).kind
        (True, False)
        """
        return self.fn, frozenset(self.layers), _form(self.data)

    @property
    def network_layers(self) -> tuple[str, ...]:
        """The layers that come from the network: all but the image itself, the step and gradients."""
        return tuple(name for name in self.layers if name not in (INPUT, STEP) and not name.startswith(GRADIENT))

    @property
    def gradient_layers(self) -> tuple[str, ...]:
        """The layers whose gradients it reads."""
        return tuple(name.removeprefix(GRADIENT) for name in self.layers if name.startswith(GRADIENT))

    def __add__(self, other: "Objective | float") -> "Objective":
        return _combine(_Sum, self, other)

    def __radd__(self, other: "Objective | float") -> "Objective":
        return _combine(_Sum, other, self)

    def __mul__(self, other: "Objective | float") -> "Objective":
        return _combine(_Product, self, other)

    def __rmul__(self, other: "Objective | float") -> "Objective":
        return _combine(_Product, other, self)

    def __sub__(self, other: "Objective | float") -> "Objective":
        return self + (-1.0 * other if isinstance(other, Objective) else -float(_finite(other)))

    def __rsub__(self, other: "Objective | float") -> "Objective":
        return other + -1.0 * self

    def __truediv__(self, other: "Objective | float") -> "Objective":
        return self * (other**-1.0 if isinstance(other, Objective) else 1.0 / other)

    def __rtruediv__(self, other: "Objective | float") -> "Objective":
        return other * self**-1.0

    def __neg__(self) -> "Objective":
        negative = -1.0 * self
        return Objective(negative.fn, negative.data, negative.layers, f"-{bracketed(self)}")

    def __pow__(self, exponent: float) -> "Objective":
        power = _finite(exponent)
        return Objective(_Power(self.fn), (self.data, power), self.layers, f"{bracketed(self)} ** {number(power)}")

    def __abs__(self) -> "Objective":
        return Objective(_Absolute(self.fn), self.data, self.layers, f"|{self.label}|")

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        """The objective's value on given activations.

        >>> import jax.numpy as jnp
        >>> from featvis.objectives import channel, deepdream
        >>> acts = {"mixed4a": jnp.ones((1, 2, 2, 8))}
        >>> float((channel("mixed4a", 3) - 0.5 * deepdream("mixed4a"))(acts))
        0.5
        """
        return self.fn(activations, self.data)


def sum_of(objectives: Iterable[Objective]) -> Objective:
    """The sum of any number of objectives.

    Terms of one kind (channels of one layer, say) are computed together, so that a thousand of them compile as fast as
    two.

    Raises:
        ValueError: no objectives.

    Source: Lucid, `Objective.sum`; Captum, `sum_loss_list`.

    >>> from featvis.objectives import channel
    >>> sum_of(channel("mixed4a", unit) for unit in (1, 2, 3)).label
    'mixed4a:1 + mixed4a:2 + mixed4a:3'
    """
    parts = tuple(objectives)
    if not parts:
        raise ValueError("sum_of was given no objectives; expected at least one")
    return _combine(_Sum, *parts)


def check(fn: Function, shapes: Shapes, data: Any) -> None:
    """Raise `ValueError` if `fn` knows that `data` do not fit activations of these shapes."""
    if (method := getattr(fn, "check", None)) is not None:
        method(shapes, data)


def number(value: float | np.floating) -> str:
    """A number in a label: as short as tells it from every other of 32 bits.

    >>> number(20000), number(0.1), number(1e-6)
    ('20000', '0.1', '1e-06')
    """
    return str(np.float32(value)).removesuffix(".0")


def bracketed(objective: Objective) -> str:
    """The label, in brackets where it is made of several."""
    composite = isinstance(objective.fn, _Sum | _Product | _Power)
    return f"({objective.label})" if composite else objective.label


class _Terms:
    """Base of what combines several objectives."""

    terms: tuple[Function, ...]
    symbol: ClassVar[str]

    def check(self, shapes: Shapes, data: Any) -> None:
        for fn, d in zip(self.terms, data, strict=True):
            check(fn, shapes, d)


@dataclass(frozen=True)
class _Sum(_Terms):
    terms: tuple[Function, ...]
    symbol = " + "

    def __call__(self, acts: Activations, data: Any) -> Array:
        kinds: dict[Any, list[Any]] = defaultdict(list)
        for fn, d in zip(self.terms, data, strict=True):
            kinds[fn, _form(d)].append(d)
        return jnp.asarray(sum(_total(fn, acts, alike) for (fn, _), alike in kinds.items()))


@dataclass(frozen=True)
class _Product(_Terms):
    terms: tuple[Function, ...]
    symbol = " * "

    def __call__(self, acts: Activations, data: Any) -> Array:
        return math.prod(fn(acts, d) for fn, d in zip(self.terms, data, strict=True))  # pyright: ignore[reportReturnType]


@dataclass(frozen=True)
class _Power:
    fn: Function

    def __call__(self, acts: Activations, data: Any) -> Array:
        inner, exponent = data
        base = self.fn(acts, inner)
        steep = (base == 0) & (exponent < 1)
        return jnp.where(steep, jnp.float32(0) ** exponent, jnp.where(steep, 1.0, base) ** exponent)

    def check(self, shapes: Shapes, data: Any) -> None:
        check(self.fn, shapes, data[0])


@dataclass(frozen=True)
class _Absolute:
    fn: Function

    def __call__(self, acts: Activations, data: Any) -> Array:
        return jnp.abs(self.fn(acts, data))

    def check(self, shapes: Shapes, data: Any) -> None:
        check(self.fn, shapes, data)


def _constant(acts: Activations, data: Any) -> Array:
    del acts
    return jnp.asarray(data)


def _lift(value: Objective | float) -> Objective:
    if isinstance(value, Objective):
        return value
    constant = _finite(value)
    return Objective(_constant, constant, (), number(constant))


def _finite(value: Any) -> np.float32:
    array = np.asarray(value)
    if array.ndim or array.dtype.kind not in "biuf" or not np.isfinite(array):
        raise TypeError(f"objectives combine with objectives and finite numbers, powers are numbers; got {value!r}")
    return np.float32(array)


def _combine(kind: type[_Sum] | type[_Product], *values: Objective | float) -> Objective:
    # Nested sums are flattened, so that long ones do not recurse.
    parts = [_lift(value) for value in values]
    fns: list[Function] = []
    data: list[Any] = []
    for part in parts:
        same = isinstance(part.fn, kind)
        fns += part.fn.terms if same else [part.fn]  # pyright: ignore[reportFunctionMemberAccess]
        data += part.data if same else [part.data]
    labels = [f"({part.label})" if kind is _Product and isinstance(part.fn, _Sum) else part.label for part in parts]
    layers = tuple(dict.fromkeys(name for part in parts for name in part.layers))
    return Objective(kind(tuple(fns)), tuple(data), layers, _short(kind.symbol.join(labels)))


def _short(label: str) -> str:
    if len(label) <= LONGEST_LABEL:
        return label
    return f"{label[: LONGEST_LABEL - 11]}...{zlib.crc32(label.encode()):08x}"


def _form(data: Any) -> Hashable:
    """Structure, shapes and types of data."""
    leaves, structure = jax.tree.flatten(data)
    return structure, tuple((np.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)


def _total(fn: Function, acts: Activations, data: Sequence[Any]) -> Array:
    """The sum of `fn` over several data of the same form."""
    if len(data) == 1:
        return fn(acts, data[0])
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *data)
    return jax.vmap(lambda d: fn(acts, d), axis_size=len(data))(stacked).sum()
