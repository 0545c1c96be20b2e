"""Scaling, turning and mirroring about the centre of the image."""

from dataclasses import dataclass
from math import cos, pi, radians, sin

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from featvis.transforms.base import Geometric, Shape, Size
from featvis.transforms.draws import Draw, Values, as_draw
from featvis.transforms.warp import about_centre

Number = Float[Array, ""]


@dataclass(frozen=True)
class RandomScale(Geometric):
    """See `random_scale`."""

    rows: Draw
    columns: Draw | None

    @property
    def magnification(self) -> float:
        """Largest scale."""
        return max(draw.bounds[1] for draw in (self.rows, self.columns) if draw is not None)

    def draw(self, key: Key[Array, ""], shape: Shape) -> tuple[Number, Number]:
        """The scales of rows and columns."""
        del shape
        if self.columns is None:
            scale = self.rows.sample(key)
            return scale, scale
        row_key, column_key = jax.random.split(key)
        return self.rows.sample(row_key), self.columns.sample(column_key)

    def matrix(self, draws: tuple[Number, Number], size: Size, out: Size) -> Float[Array, "3 3"]:
        """Scaling about the centre."""
        del out
        zero = jnp.zeros_like(draws[0])
        return about_centre(size, 1 / draws[0], zero, zero, 1 / draws[1])


@dataclass(frozen=True)
class RandomRotate(Geometric):
    """See `random_rotate`."""

    degrees: Draw

    @property
    def magnification(self) -> float:
        """That of the largest angle."""
        return turned(self.degrees)

    def draw(self, key: Key[Array, ""], shape: Shape) -> Number:
        """The angle in radians."""
        del shape
        return jnp.deg2rad(self.degrees.sample(key))

    def matrix(self, draws: Number, size: Size, out: Size) -> Float[Array, "3 3"]:
        """Rotation about the centre."""
        del out
        c, s = jnp.cos(draws), jnp.sin(draws)
        return about_centre(size, c, s, -s, c)


@dataclass(frozen=True)
class Flip(Geometric):
    """See `flip`."""

    horizontal: bool
    vertical: bool

    def draw(self, key: Key[Array, ""], shape: Shape) -> Bool[Array, "2"]:
        """Whether rows and columns are reversed."""
        del shape
        return jax.random.bernoulli(key, shape=(2,)) & jnp.array([self.vertical, self.horizontal])

    def matrix(self, draws: Bool[Array, "2"], size: Size, out: Size) -> Float[Array, "3 3"]:
        """Mirroring at the centre."""
        del out
        row, column = jnp.where(draws, -1.0, 1.0)
        zero = jnp.zeros_like(row)
        return about_centre(size, row, zero, zero, column)


def random_scale(scales: Values, columns: Values | None = None) -> RandomScale:
    """Scale the content about the centre, on the same canvas.

    Args:
        scales: above 0; 2 doubles the content's size.
        columns: scales of the columns, if they are drawn on their own; `scales` are then those of the rows.

    Raises:
        ValueError: no scale, or one that is not above 0.

    Source: Lucid, `transform.random_scale`, which changes the size of the image; Captum, `RandomScaleAffine`, whose
    numbers are the inverse of these.

    >>> random_scale([0.9, 1, 1.1]).rows
    Choice(values=(0.9, 1.0, 1.1))
    """
    rows = as_draw(scales, "scales", above=0)
    return RandomScale(rows, None if columns is None else as_draw(columns, "scales", above=0))


def random_rotate(degrees: Values) -> RandomRotate:
    """Rotate the content counter-clockwise about the centre, on the same canvas.

    Raises:
        ValueError: no angle, or one that is not finite.

    Source: Lucid, `transform.random_rotate`.

    >>> random_rotate(range(-5, 6, 5))
    RandomRotate(degrees=Choice(values=(-5.0, 0.0, 5.0)))
    """
    return RandomRotate(as_draw(degrees, "degrees"))


def flip(horizontal: bool = True, vertical: bool = False) -> Flip:
    """Mirror the image half of the time: left and right (`horizontal`), top and bottom (`vertical`), or each.

    Source: Xplique, `random_flip`.

    >>> flip()
    Flip(horizontal=True, vertical=False)
    """
    return Flip(horizontal, vertical)


def turned(degrees: Draw) -> float:
    """|cos| + |sin| of the largest angle, or of 45 degrees, where it is largest, if that is less."""
    angle = min(radians(degrees.largest), pi / 4)
    return cos(angle) + sin(angle)
