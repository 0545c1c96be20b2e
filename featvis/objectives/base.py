"""What objectives share: reading one layer, and checking what they were given."""

import operator
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from featvis.algebra import STEP, Activations, Shapes, number


@dataclass(frozen=True)
class OfLayer:
    """Base of the functions that read one layer."""

    layer: str

    def check_unit(self, shapes: Shapes, unit: Any) -> None:
        """Raise `ValueError` unless the layer has this unit."""
        units = shapes[self.layer][-1]
        if not 0 <= int(unit) < units:
            raise ValueError(f"{self.layer} has units 0 to {units - 1}; unit {int(unit)} was asked for")

    def check_positions(self, shapes: Shapes) -> None:
        """Raise `ValueError` unless the layer has rows and columns."""
        check_positions(self.layer, shapes[self.layer])

    def check_several(self, shapes: Shapes) -> None:
        """Raise `ValueError` unless there are at least two images."""
        check_several(self.layer, shapes[self.layer])


def check_positions(layer: str, shape: tuple[int, ...]) -> None:
    """Raise `ValueError` unless the layer has rows and columns."""
    if len(shape) != 4:
        raise ValueError(f"{layer} has no positions: its shape is {shape}")


def check_several(layer: str, shape: tuple[int, ...]) -> None:
    """Raise `ValueError` unless there are at least two images."""
    if shape[0] < 2:
        raise ValueError(
            f"{layer} was computed from 1 image, but this objective relates several images of one result; "
            "give a parameterisation of several images"
        )


def changed(acts: Activations, layers: tuple[str, ...], change: Callable[[Array], Array]) -> Activations:
    """The activations, with `change` made to `layers`. The step is not changed."""
    return {**acts, **{name: change(acts[name]) for name in layers if name != STEP}}


def whole(name: str, value: Any) -> int:
    """A whole number from 0 up.

    >>> whole("unit", np.int64(3))
    3

    Raises:
        ValueError: something else.
    """
    try:
        integer = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} is {value!r}; expected a whole number") from None
    if integer < 0:
        raise ValueError(f"{name} is {integer}; expected 0 or more")
    return integer


def array(name: str, values: Any, axes: str) -> Float[np.ndarray, "..."]:
    """A finite float32 array with these axes, separated by spaces.

    >>> array("the vector", [1, 2], "units")
    array([1., 2.], dtype=float32)

    Raises:
        ValueError: another number of axes, or numbers that are not finite.
    """
    numbers = np.asarray(values, np.float32)
    if numbers.ndim != len(axes.split()):
        raise ValueError(f"{name} has shape {numbers.shape}; expected ({axes.replace(' ', ', ')})")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    return numbers


def digest(values: np.ndarray) -> str:
    """Eight digits that tell arrays apart in labels, since a unit's random key comes from its label.

    >>> digest(np.zeros(2))
    'ecbb4b55'
    """
    return f"{zlib.crc32(values.tobytes()):08x}"


def named(name: str, *parts: str | float | None) -> str:
    """A label like a call; parts that are `None` are left out.

    >>> named("l2", "input", None, 0.5)
    'l2(input, 0.5)'
    """
    said = [part if isinstance(part, str) else number(part) for part in parts if part is not None]
    return f"{name}({', '.join(said)})"


def unless(value: float, usual: float) -> float | None:
    """`value`, for labels that leave out the usual one."""
    return None if value == usual else value


def hashable(fn: Any) -> None:
    """Raise `ValueError` unless programs with this function can be told apart."""
    if getattr(fn, "__hash__", None) is None:
        raise ValueError(f"{fn!r} is not hashable; expected a function or a frozen dataclass")


def gram(a: Float[Array, "*position units"]) -> Float[Array, "units units"]:
    """The Gram matrix of one image's activations: means over positions of products of units.

    >>> gram(jnp.array([[1.0, 2.0], [1.0, 0.0]])).tolist()
    [[1.0, 1.0], [1.0, 2.0]]
    """
    flat = a.reshape(-1, a.shape[-1])
    # At the default precision, GPUs would round activations to ten bits.
    return jnp.matmul(flat.T, flat, precision=jax.lax.Precision.HIGHEST) / len(flat)


def root(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The square root, with slope 0 instead of infinity at 0.

    >>> import jax
    >>> float(root(jnp.float32(4.0))), float(jax.grad(root)(0.0))
    (2.0, 0.0)
    """
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)
