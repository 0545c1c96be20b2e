"""Padding, jitter and translation: the frame moves over the plane by pixels."""

from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from featvis.transforms.base import Compose, Drawn, Geometric, Shape, Size
from featvis.transforms.crop import CropOrPadTo
from featvis.transforms.draws import Draw, Values, as_draw
from featvis.transforms.warp import shift

Mode = Literal["constant", "reflect", "symmetric", "edge"]


@dataclass(frozen=True)
class Pad(Geometric):
    """See `pad`."""

    width: int
    value: Draw

    @property
    def plane(self) -> Draw:
        """The value."""
        return self.value

    def draw(self, key: Key[Array, ""], shape: Shape) -> Float[Array, ""]:
        """The value."""
        del shape
        return self.value.sample(key)

    def size(self, size: Size, original: Size) -> Size:
        """Larger by the padding."""
        del original
        return size[0] + 2 * self.width, size[1] + 2 * self.width

    def matrix(self, draws: Any, size: Size, out: Size) -> Float[Array, "3 3"]:
        """A shift."""
        del draws, size, out
        return shift(-self.width, -self.width)


@dataclass(frozen=True)
class PadByImage(Drawn):
    """See `pad`."""

    width: int
    mode: Mode

    def act(self, image: Float[Array, "h w c"], draws: None) -> Float[Array, "h2 w2 c"]:
        """The image and its continuation."""
        del draws
        if self.mode == "reflect" and min(image.shape[:2]) < 2:
            raise ValueError(f"{self} needs an image of at least 2x2 pixels; given {image.shape[0]}x{image.shape[1]}")
        return jnp.pad(image, ((self.width, self.width), (self.width, self.width), (0, 0)), self.mode)


@dataclass(frozen=True)
class Jitter(Geometric):
    """See `jitter`."""

    pixels: int

    def draw(self, key: Key[Array, ""], shape: Shape) -> Float[Array, "2"]:
        """A whole number of pixels along each axis."""
        del shape
        return jax.random.randint(key, (2,), 0, self.pixels + 1).astype(jnp.float32)

    def size(self, size: Size, original: Size) -> Size:
        """Smaller by the jitter."""
        del original
        return size[0] - self.pixels, size[1] - self.pixels

    def matrix(self, draws: Float[Array, "2"], size: Size, out: Size) -> Float[Array, "3 3"]:
        """A shift."""
        del size, out
        return shift(draws[0], draws[1])


@dataclass(frozen=True)
class Translate(Geometric):
    """See `translate`."""

    rows: Draw
    columns: Draw

    def draw(self, key: Key[Array, ""], shape: Shape) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """How far the content moves down and to the right."""
        del shape
        down, right = jax.random.split(key)
        return self.rows.sample(down), self.columns.sample(right)

    def matrix(self, draws: tuple[Float[Array, ""], Float[Array, ""]], size: Size, out: Size) -> Float[Array, "3 3"]:
        """A shift the other way."""
        del size, out
        return shift(-draws[0], -draws[1])


def pad(width: int, value: Values = 0.5, mode: Mode = "constant") -> Pad | PadByImage:
    """Add `width` pixels on each side.

    Args:
        width: pixels on each side.
        value: of the padding and of the plane beyond, for the transforms that are sampled together with this one;
            `uniform(0, 1)` draws a new grey each time. `pad(0, value)` only colours the plane.
        mode: what the padding shows: `"constant"` is `value`; the others continue the image itself by the width of
            the padding, as in `numpy.pad`, and leave the plane beyond grey.

    Raises:
        ValueError: a negative or fractional width, an unknown mode, a `value` with another mode than `"constant"`.

    Source: Lucid, `transform.pad`, whose default mode is `"reflect"`; Captum, `SymmetricPadding`.

    >>> pad(2), pad(2, mode="reflect")
    (Pad(width=2, value=Choice(values=(0.5,))), PadByImage(width=2, mode='reflect'))
    """
    _check_pixels(width, "pad width")
    _check_mode(mode)
    plane = as_draw(value, "pad values")
    if mode == "constant":
        return Pad(int(width), plane)
    if plane != as_draw(0.5, "pad values"):
        raise ValueError(f"pad value is {value} and mode {mode!r}; expected a value only with 'constant'")
    return PadByImage(int(width), mode)


def jitter(pixels: int) -> Jitter:
    """Crop `pixels` rows and columns at a random whole offset, so the output is that much smaller.

    Raises:
        ValueError: a negative or fractional number.

    Source: Lucid, `transform.jitter`.

    >>> from featvis.transforms import output_shape
    >>> output_shape([jitter(8)], (128, 128, 3))
    (120, 120, 3)
    """
    _check_pixels(pixels, "jitter")
    return Jitter(int(pixels))


def translate(rows: Values, columns: Values | None = None, mode: Mode = "constant") -> Translate | Compose:
    """Move the content, on the same canvas.

    Args:
        rows: pixels down; `range(-4, 5)` gives whole pixels, `uniform(-2, 2)` fractions too.
        columns: pixels to the right, by default drawn from the same numbers as `rows`, on their own.
        mode: what moves in from outside, as in `pad`.

    Raises:
        ValueError: no numbers, or some that are not finite; an unknown mode.

    Source: Lucent, `transform.jitter`; with `mode="reflect"` Captum, `RandomSpatialJitter`, whose whole pixels leave
    the largest shift out.

    >>> translate(range(-4, 5)).rows.bounds
    (-4.0, 4.0)
    """
    down = as_draw(rows, "shifts")
    right = down if columns is None else as_draw(columns, "shifts")
    _check_mode(mode)
    moved = Translate(down, right)
    if mode == "constant":
        return moved
    margin = ceil(max(down.largest, right.largest))
    return Compose((PadByImage(margin, mode), moved, CropOrPadTo(None)))


def _check_mode(mode: str) -> None:
    """Raise `ValueError` for a mode that `pad` does not know."""
    if mode not in get_args(Mode):
        raise ValueError(f"mode is {mode!r}; expected one of {', '.join(map(repr, get_args(Mode)))}")


def _check_pixels(pixels: int, name: str) -> None:
    if not isinstance(pixels, int | np.integer) or pixels < 0:
        raise ValueError(f"{name} is {pixels}; expected 0 or more pixels, in whole numbers")
