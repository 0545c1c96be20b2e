"""Objectives: what an image is optimised for. All are maximised.

An `Objective` is a static function of (named activations, data) with its data: which unit, which direction, how
strongly. Objectives of one kind share one compiled program, whatever their data. They add, subtract and multiply,
with numbers and with each other. Activations are those of the images of one result, `[images, height, width, units]`
or `[images, units]`; `"input"` is the image itself, before transforms.
"""

import operator
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from featvis.algebra import INPUT, Activations, Objective, Shapes


@dataclass(frozen=True)
class _Layer:
    """Base of the objectives that read one layer."""

    layer: str

    def units(self, shapes: Shapes) -> int:
        return shapes[self.layer][-1]

    def check_unit(self, shapes: Shapes, unit: Any) -> None:
        if not 0 <= int(unit) < self.units(shapes):
            raise ValueError(f"{self.layer} has units 0 to {self.units(shapes) - 1}; unit {int(unit)} was asked for")

    def check_positions(self, shapes: Shapes) -> None:
        if len(shapes[self.layer]) != 4:
            raise ValueError(f"{self.layer} has no positions: its shape is {shapes[self.layer]}")


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
    unit = _whole("unit", unit)
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
        self.check_positions(shapes)
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
    unit = _whole("unit", unit)
    row = None if row is None else _whole("row", row)
    column = None if column is None else _whole("column", column)
    place = ",".join("centre" if v is None else str(v) for v in (row, column))
    # -1 stands for the centre, which depends on the size of the layer.
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
    cossim_pow: float

    def __call__(self, acts: Activations, data: Any) -> Array:
        a = acts[self.layer]
        dot = a @ data
        if self.cossim_pow == 0:
            return dot.mean()
        # The constant keeps the gradient of the norm finite where nothing is active.
        norm = jnp.sqrt(jnp.square(a).sum(-1) + 1e-12)
        cosine = dot / ((norm + 1e-4) * (jnp.linalg.norm(data) + 1e-4))
        return (dot * jnp.maximum(0.1, cosine) ** self.cossim_pow).mean()

    def check(self, shapes: Shapes, data: Any) -> None:
        if data.shape != (self.units(shapes),):
            raise ValueError(f"the direction has shape {data.shape}; {self.layer} needs ({self.units(shapes)},)")


def direction(layer: str, vector: Float[Array | np.ndarray, "units"], cossim_pow: float = 0.0) -> Objective:
    """Mean over positions of `dot * max(0.1, cosine) ** cossim_pow` with a direction of the layer's units.

    Source: Lucid, `direction`.

    >>> import jax.numpy as jnp
    >>> float(direction("a", jnp.ones(2))({"a": jnp.ones((1, 3, 3, 2))}))
    2.0
    """
    vector = np.asarray(vector, np.float32)
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise ValueError(f"a direction is one finite number per unit; got shape {vector.shape}")
    # The label tells directions apart, since a unit's random key comes from it.
    label = f"{layer}:direction-{zlib.crc32(vector.tobytes()):08x}" + (f"^{cossim_pow:g}" if cossim_pow else "")
    return Objective(_Direction(layer, float(cossim_pow)), vector, (layer,), label)


def class_logit(layer: str, label: int) -> Objective:
    """Score of a class before the softmax; `inception_jax.class_index` finds the number of a class name.

    Source: Lucid, `class_logit`. The layer is `"softmax2_pre_activation"`, or that of an auxiliary head.

    >>> class_logit("softmax2_pre_activation", 1).label
    'softmax2_pre_activation:1'
    """
    return channel(layer, label)


@dataclass(frozen=True)
class _TotalVariation(_Layer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        del data
        a = acts[self.layer]
        return jnp.abs(jnp.diff(a, axis=1)).sum() + jnp.abs(jnp.diff(a, axis=2)).sum()

    def check(self, shapes: Shapes, data: Any) -> None:
        del data
        self.check_positions(shapes)


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
    """Sum of absolute deviations from `constant`. Source: Lucid, `L1`.

    >>> import jax.numpy as jnp
    >>> float(l1(constant=0.5)({"input": jnp.ones((1, 2, 2, 3))}))
    6.0
    """
    return Objective(_L1(layer), np.float32(constant), (layer,), _named("l1", layer, constant, 0.0))


@dataclass(frozen=True)
class _L2(_Layer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        constant, epsilon = data
        return jnp.sqrt(epsilon + jnp.square(acts[self.layer] - constant).sum())


def l2(layer: str = INPUT, constant: float = 0.0, epsilon: float = 1e-6) -> Objective:
    """Root of the summed squared deviations from `constant`, plus `epsilon` under the root. Source: Lucid, `L2`.

    >>> import jax.numpy as jnp
    >>> float(l2(epsilon=0.0)({"input": jnp.ones((1, 2, 2, 4))}))
    4.0
    """
    return Objective(
        _L2(layer), (np.float32(constant), np.float32(epsilon)), (layer,), _named("l2", layer, constant, epsilon)
    )


def _named(name: str, layer: str, constant: float, epsilon: float) -> str:
    values = [f", {value:g}" for value, usual in ((constant, 0.0), (epsilon, 1e-6)) if value not in (0.0, usual)]
    return f"{name}({layer}{''.join(values)})"


def function(
    fn: Callable[[Activations], Float[Array, ""]], layers: Sequence[str], label: str | None = None
) -> Objective:
    """An objective of one's own: `fn` maps named activations to a number.

    Args:
        fn: hashable and pure. Keep one object for repeated calls; each new one is compiled anew.
        layers: the activations it reads.
        label: how results name it, by default the function's name. Objectives of the same label in one call differ
            in their random numbers by their order.

    Raises:
        ValueError: `fn` is not hashable, or `layers` a single string.

    >>> import jax.numpy as jnp
    >>> corner = function(lambda acts: acts["mixed4a"][0, 0, 0].sum(), ["mixed4a"], "corner")
    >>> float(corner({"mixed4a": jnp.ones((1, 2, 2, 8))}))
    8.0
    """
    if isinstance(layers, str):
        raise ValueError(f"layers is the text {layers!r}; expected a list of layer names, such as [{layers!r}]")
    if getattr(fn, "__hash__", None) is None:
        raise ValueError(f"{fn!r} is not hashable; expected a function or a frozen dataclass")
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


def _whole(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} is {value!r}; expected a whole number") from None
    if number < 0:
        raise ValueError(f"{name} is {number}; expected 0 or more")
    return number
