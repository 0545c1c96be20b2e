"""Objectives that look at a part of what there is: at one image, at a window of positions, through a mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from featvis.algebra import STEP, Activations, Function, Objective, Shapes, bracketed, check
from featvis.objectives.base import array, changed, check_positions, digest, whole


@dataclass(frozen=True)
class _View:
    """Base: a function, and the layers that it sees in part."""

    fn: Function
    layers: tuple[str, ...]

    def shapes(self, shapes: Shapes) -> Mapping[str, tuple[int, ...]]:
        """Shapes of those layers."""
        return {name: shapes[name] for name in self.layers if name != STEP and name in shapes}


@dataclass(frozen=True)
class _On(_View):
    def __call__(self, acts: Activations, data: Any) -> Array:
        inner, images = data
        return self.fn(changed(acts, self.layers, lambda a: jnp.take(a, images, axis=0, mode="clip")), inner)

    def check(self, shapes: Shapes, data: Any) -> None:
        inner, images = data
        seen = self.shapes(shapes)
        for name, (count, *_) in seen.items():
            if max(images) >= count:
                raise ValueError(f"image {max(images)} was asked for; {name} has images 0 to {count - 1} here")
        check(self.fn, {**shapes, **{name: (len(images), *shape[1:]) for name, shape in seen.items()}}, inner)


def on(objective: Objective, image: int | Sequence[int]) -> Objective:
    """An objective that sees one image of each result only, or some of them.

    Args:
        objective: any.
        image: number of the image, from 0, or several numbers.

    Raises:
        ValueError: no image, or a number that is not whole, or negative.

    Source: `batch` of all of Lucid's objectives; Captum, `batch_index`.

    >>> from featvis.objectives import channel
    >>> on(channel("mixed4a", 476), image=1).label
    'mixed4a:476#1'
    """
    listed = [image] if np.ndim(image) == 0 else list(image)  # pyright: ignore[reportArgumentType]
    images = np.array([whole("image", i) for i in listed], np.int32)
    if not len(images):
        raise ValueError("no images were given; expected the number of one, or several")
    label = f"{bracketed(objective)}#{','.join(map(str, images))}"
    return Objective(_On(objective.fn, objective.layers), (objective.data, images), objective.layers, label)


@dataclass(frozen=True)
class _Window(_View):
    height: int
    width: int

    def __call__(self, acts: Activations, data: Any) -> Array:
        inner, row, column = data

        def cut(a: Array) -> Array:
            images, rows, columns, units = a.shape
            top, left = _first(row, rows, self.height), _first(column, columns, self.width)
            return jax.lax.dynamic_slice(a, (0, top, left, 0), (images, self.height, self.width, units))

        return self.fn(changed(acts, self.layers, cut), inner)

    def check(self, shapes: Shapes, data: Any) -> None:
        inner, row, column = data
        seen = self.shapes(shapes)
        _check_one_size(seen)
        for name, (_, rows, columns, _) in seen.items():
            if self.height > rows or self.width > columns:
                raise ValueError(f"a window of {self.height}x{self.width} is larger than {name}, {rows}x{columns} here")
            for axis, first, length, size in (("row", row, self.height, rows), ("column", column, self.width, columns)):
                if first + length > size:
                    span = f"{axis} {first} lies" if length == 1 else f"{axis}s {first} to {first + length - 1} lie"
                    raise ValueError(f"{span} outside {name}, which is {rows}x{columns} here")
        check(self.fn, {**shapes, **{n: (s[0], self.height, self.width, s[3]) for n, s in seen.items()}}, inner)


def window(
    objective: Objective, row: int | None = None, column: int | None = None, height: int = 1, width: int = 1
) -> Objective:
    """An objective that sees a window of positions only, by default one position, in the centre.

    Args:
        objective: one that reads layers with positions, all of one size.
        row: first row of the window. Without it, the window's middle (`height // 2`) lies on the layer's (`size // 2`).
        column: first column, likewise.
        height: of the window, in positions, from 1.
        width: likewise.

    Raises:
        ValueError: a number that is not whole, or too small.

    Source: Lucid, `neuron` and others; Lucent, `localgroup_weight`, is `window(direction(...), ...)` divided by the
    number of units.

    >>> from featvis.objectives import channel
    >>> window(channel("mixed4a", 476), 3, 4, height=5, width=5).label
    'mixed4a:476@3,4,5x5'
    """
    row, column = (None if v is None else whole(name, v) for name, v in (("row", row), ("column", column)))
    height, width = whole("height", height), whole("width", width)
    if not height * width:
        raise ValueError(f"the window is {height}x{width}; expected sides of at least 1")
    place = ",".join("centre" if v is None else str(v) for v in (row, column))
    size = "" if height == width == 1 else f",{height}x{width}"
    # -1 stands for the centre, which depends on the size of the layer.
    first = [np.int32(-1 if v is None else v) for v in (row, column)]
    fn = _Window(objective.fn, objective.layers, height, width)
    return Objective(fn, (objective.data, *first), objective.layers, f"{bracketed(objective)}@{place}{size}")


@dataclass(frozen=True)
class _Masked(_View):
    def __call__(self, acts: Activations, data: Any) -> Array:
        inner, mask = data
        return self.fn(changed(acts, self.layers, lambda a: a * mask[:, :, None]), inner)

    def check(self, shapes: Shapes, data: Any) -> None:
        inner, mask = data
        for name, shape in self.shapes(shapes).items():
            check_positions(name, shape)
            if shape[1:3] != mask.shape:
                raise ValueError(f"the mask has shape {mask.shape}; {name} is {shape[1]}x{shape[2]} here")
        check(self.fn, shapes, inner)


def masked(objective: Objective, mask: Float[Array | np.ndarray, "h w"]) -> Objective:
    """An objective that sees activations multiplied by a map of positions.

    Args:
        objective: one that reads layers with positions, all of the mask's size.
        mask: a factor for each position. Means stay means over all positions, those where it is 0 included.

    Raises:
        ValueError: another number of axes, or numbers that are not finite.

    For a weight of each position and unit, as Xplique's masks are, see `tensor_direction`.

    >>> import jax.numpy as jnp
    >>> from featvis.objectives import channel
    >>> left = masked(channel("a", 0), jnp.array([[1.0, 0.0]]))
    >>> float(left({"a": jnp.array([[[[3.0], [5.0]]]])}))
    1.5
    """
    values = array("the mask", mask, "height width")
    fn = _Masked(objective.fn, objective.layers)
    label = f"{bracketed(objective)}@mask-{digest(values)}"
    return Objective(fn, (objective.data, values), objective.layers, label)


def _check_one_size(shapes: Shapes) -> None:
    for name, shape in shapes.items():
        check_positions(name, shape)
    if len({shape[1:3] for shape in shapes.values()}) > 1:
        sizes = ", ".join(f"{name} {shape[1]}x{shape[2]}" for name, shape in shapes.items())
        raise ValueError(f"a window lies on layers of one size, not on {sizes}; give each term a window of its own")


def _first(index: Any, size: int, length: int) -> Array:
    return jnp.where(jnp.asarray(index) < 0, size // 2 - length // 2, index)
