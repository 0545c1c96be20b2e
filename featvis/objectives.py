"""Objectives: what an image is optimised for. All are maximised.

An `Objective` is a static function of (named activations, data) with its data: which unit, which direction, how
strongly. Objectives of one kind share one compiled program, whatever their data. They add, subtract and multiply,
with numbers and with each other. Activations are those of the images of one result, `[images, height, width, units]`
or `[images, units]`; `"input"` is the image itself, before transforms.
"""

import operator
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

INPUT = "input"
Activations = Mapping[str, Float[Array, "images *position units"]]
Shapes = Mapping[str, tuple[int, ...]]
Function = Callable[[Activations, Any], Float[Array, ""]]


@dataclass(frozen=True)
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
        return Objective(negative.fn, negative.data, negative.layers, f"-{self.label}")

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        """The objective's value on given activations.

        >>> import jax.numpy as jnp
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
    return value if isinstance(value, Objective) else Objective(_constant, np.float32(value), (), f"{value:g}")


def _combine(kind: type[_Sum], *parts: Objective) -> Objective:
    # Nested sums are flattened, so that long ones do not recurse.
    fns: list[Function] = []
    data: list[Any] = []
    for part in parts:
        same = type(part.fn) is kind
        fns += part.fn.terms if same else [part.fn]  # pyright: ignore[reportFunctionMemberAccess]
        data += part.data if same else [part.data]
    labels = [f"({p.label})" if kind is _Product and type(p.fn) is _Sum else p.label for p in parts]
    layers = tuple(dict.fromkeys(name for part in parts for name in part.layers))
    return Objective(kind(tuple(fns)), tuple(data), layers, kind.symbol.join(labels))


def check(fn: Function, shapes: Shapes, data: Any) -> None:
    """Raise `ValueError` if `fn` knows that `data` do not fit activations of these shapes."""
    if (method := getattr(fn, "check", None)) is not None:
        method(shapes, data)


@dataclass(frozen=True)
class _Layer:
    """Base of the objectives that read one layer."""

    layer: str

    def units(self, shapes: Shapes) -> int:
        return shapes[self.layer][-1]

    def check_unit(self, shapes: Shapes, unit: Any) -> None:
        if not 0 <= int(unit) < self.units(shapes):
            raise ValueError(f"{self.layer} has units 0 to {self.units(shapes) - 1}; unit {int(unit)} was asked for")


@dataclass(frozen=True)
class _Channel(_Layer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        return _unit(acts[self.layer], data).mean()

    def check(self, shapes: Shapes, data: Any) -> None:
        self.check_unit(shapes, data)


def channel(layer: str, unit: int) -> Objective:
    """Mean activation of one unit over all positions. Source: Lucid, `channel`.

    >>> channel("mixed4a", 476).label
    'mixed4a:476'
    """
    return Objective(_Channel(layer), np.int32(unit), (layer,), f"{layer}:{unit}")


@dataclass(frozen=True)
class _Neuron(_Layer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        unit, row, column = data
        acts_of_unit = _unit(acts[self.layer], unit)
        return acts_of_unit[:, _position(row, acts_of_unit.shape[1]), _position(column, acts_of_unit.shape[2])].mean()

    def check(self, shapes: Shapes, data: Any) -> None:
        unit, *position = data
        self.check_unit(shapes, unit)
        if len(shapes[self.layer]) != 4:
            raise ValueError(f"{self.layer} has no positions: its shape is {shapes[self.layer]}; use `channel`")
        height, width = shapes[self.layer][1:3]
        for name, value, size in (("row", position[0], height), ("column", position[1], width)):
            if value >= size:
                raise ValueError(f"{name} {int(value)} lies outside {self.layer}, which is {height}x{width} here")


def neuron(layer: str, unit: int, row: int | None = None, column: int | None = None) -> Objective:
    """Activation of one unit at one position, the centre (`size // 2`) unless given.

    Source: Lucid, `neuron`, whose `x` is our `row` and `y` our `column`.

    >>> neuron("mixed4a", 476, row=3).label
    'mixed4a:476@3,centre'
    """
    for name, value in (("row", row), ("column", column)):
        if value is not None and value < 0:
            raise ValueError(f"{name} is {value}; expected 0 or more, or None for the centre")
    place = ",".join("centre" if v is None else str(v) for v in (row, column))
    data = (np.int32(unit), *(np.int32(-1 if v is None else v) for v in (row, column)))
    return Objective(_Neuron(layer), data, (layer,), f"{layer}:{unit}@{place}")


@dataclass(frozen=True)
class _DeepDream(_Layer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        del data
        return jnp.square(acts[self.layer]).mean()


def layer(name: str) -> Objective:
    """Mean squared activation of a whole layer: DeepDream. Source: Lucid, `deepdream`.

    >>> layer("mixed4c").label
    'mixed4c'
    """
    return Objective(_DeepDream(name), (), (name,), name)


@dataclass(frozen=True)
class _Direction(_Layer):
    cossim_power: float

    def __call__(self, acts: Activations, data: Any) -> Array:
        a = acts[self.layer]
        dot = a @ data
        if self.cossim_power == 0:
            return dot.mean()
        # The constant keeps the gradient of the norm finite where nothing is active.
        norm = jnp.sqrt(jnp.square(a).sum(-1) + 1e-12)
        cosine = dot / ((norm + 1e-4) * (jnp.linalg.norm(data) + 1e-4))
        return (dot * jnp.maximum(0.1, cosine) ** self.cossim_power).mean()

    def check(self, shapes: Shapes, data: Any) -> None:
        if data.shape != (self.units(shapes),):
            raise ValueError(f"the direction has shape {data.shape}; {self.layer} needs ({self.units(shapes)},)")


def direction(layer: str, vector: Float[Array | np.ndarray, "units"], cossim_power: float = 0.0) -> Objective:
    """Mean over positions of `dot * max(0.1, cosine) ** cossim_power` with a direction of the layer's units.

    Source: Lucid, `direction`.

    >>> import jax.numpy as jnp
    >>> float(direction("a", jnp.ones(2))({"a": jnp.ones((1, 3, 3, 2))}))
    2.0
    """
    vector = np.asarray(vector, np.float32)
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise ValueError(f"a direction is one finite number per unit; got shape {vector.shape}")
    # The label tells directions apart, since a unit's random key comes from it.
    label = f"{layer}:direction-{zlib.crc32(vector.tobytes()):08x}"
    return Objective(_Direction(layer, float(cossim_power)), vector, (layer,), label)


def class_logit(class_index: int, layer: str = "softmax2_pre_activation") -> Objective:
    """Pre-softmax score of a class; `inception_jax.labels.class_index` finds the number of a name.

    >>> class_logit(1).label
    'softmax2_pre_activation:1'
    """
    return channel(layer, class_index)


@dataclass(frozen=True)
class _TotalVariation(_Layer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        del data
        a = acts[self.layer]
        return jnp.abs(jnp.diff(a, axis=1)).sum() + jnp.abs(jnp.diff(a, axis=2)).sum()


def total_variation(layer: str = INPUT) -> Objective:
    """Sum of absolute differences between neighbours; subtract it for smoother images. Source: Lucid.

    >>> total_variation().label
    'total_variation(input)'
    """
    return Objective(_TotalVariation(layer), (), (layer,), f"total_variation({layer})")


@dataclass(frozen=True)
class _L1(_Layer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        return jnp.abs(acts[self.layer] - data).sum()


def l1(layer: str = INPUT, constant: float = 0.0) -> Objective:
    """Sum of absolute deviations from `constant`. Source: Lucid, `L1`."""
    return Objective(_L1(layer), np.float32(constant), (layer,), f"l1({layer})")


@dataclass(frozen=True)
class _L2(_Layer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        constant, epsilon = data
        return jnp.sqrt(epsilon + jnp.square(acts[self.layer] - constant).sum())


def l2(layer: str = INPUT, constant: float = 0.0, epsilon: float = 1e-6) -> Objective:
    """Root of the summed squared deviations from `constant` (plus `epsilon`). Source: Lucid, `L2`."""
    return Objective(_L2(layer), (np.float32(constant), np.float32(epsilon)), (layer,), f"l2({layer})")


def function(
    fn: Callable[[Activations], Float[Array, ""]], layers: Sequence[str], label: str | None = None
) -> Objective:
    """An objective of one's own: `fn` maps named activations to a number.

    Keep one `fn` object for repeated calls; each new one is compiled anew.

    >>> import jax.numpy as jnp
    >>> corner = function(lambda acts: acts["mixed4a"][0, 0, 0].sum(), ["mixed4a"], "corner")
    >>> float(corner({"mixed4a": jnp.ones((1, 2, 2, 8))}))
    8.0
    """
    return Objective(_Plain(fn), (), tuple(layers), label or getattr(fn, "__name__", "function"))


@dataclass(frozen=True)
class _Plain:
    fn: Callable[[Activations], Array]

    def __call__(self, acts: Activations, data: Any) -> Array:
        del data
        return self.fn(acts)


def _unit(a: Array, unit: Any) -> Array:
    return jax.lax.dynamic_index_in_dim(a, unit, axis=-1, keepdims=False)


def _position(index: Any, size: int) -> Array:
    return jnp.where(jnp.asarray(index) < 0, size // 2, index)
