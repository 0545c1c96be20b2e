"""Stimuli made of lines: curves, straight lines, angles, circles, and lines that diverge."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from circuits.stimuli.coverage import band, inside, length, straight, strip
from circuits.stimuli.stimulus import Parameter, Range, Share, Stimulus, Turn


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Curve(Stimulus):
    """A circle, or an arc of one, through the middle, where it bulges in the direction of `orientation`.

    Attributes:
        orientation: direction in which it bulges.
        radius: of the circle.
        width: of the line; 0 with `filled` draws the circle's border without a line.
        filled: how much ink the inside has, 0 to 1.
        arc: how much of the circle is drawn, about the middle, in degrees. The inside is filled whole.

    Source: *Curve Detectors* (Distill, 2020), where curves are drawn as lines, filled, and in colours.

    >>> Curve(orientation=90, radius=20, ink=(1.0, 0.0, 0.0)).image(64).shape
    (64, 64, 3)
    """

    orientation: Turn = 0.0
    radius: Annotated[Parameter, Range(6.0, 100.0)] = 60.0
    width: Annotated[Parameter, Range(1.0, 8.0)] = 2.0
    filled: Share = 0.0
    arc: Annotated[Parameter, Range(60.0, 360.0)] = 360.0

    name: ClassVar[str] = "curve"

    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has."""

        def ring(x: Array, y: Array) -> Array:
            u, v = along(x, y, self.orientation)
            return length(u + self.radius, v) - self.radius

        def behind(x: Array, y: Array) -> Array:
            u, v = along(x, y, self.orientation)
            # Not zero of zero in the middle of the circle.
            return jnp.arctan2(v, -(u + self.radius) + 1e-6)

        gap = jnp.deg2rad(180.0 - self.arc / 2)
        drawn = inside(lambda x, y: behind(x, y) - gap, x, y) - inside(lambda x, y: behind(x, y) + gap, x, y)
        return _outlined(ring, self.width, self.filled, x, y, 1 - drawn)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Line(Stimulus):
    """A straight line through the middle.

    Attributes:
        orientation: direction across the line, its normal: a line at 0 is vertical.
        width: of the line.
        length: of the line, with square ends.

    >>> Line(orientation=0.0, width=1.0).image(5)[2, :, 0].round(1)
    Array([1., 1., 0., 1., 1.], dtype=float32)
    """

    orientation: Annotated[Parameter, Range(0.0, 360.0, 180.0)] = 0.0
    width: Annotated[Parameter, Range(1.0, 8.0)] = 2.0
    length: Annotated[Parameter, Range(4.0, 100.0)] = 1000.0

    name: ClassVar[str] = "line"

    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has."""
        u, v = along(x, y, self.orientation)
        return strip(u, self.orientation, self.width) * strip(v, self.orientation + 90.0, self.length)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Angle(Stimulus):
    """A corner that points in the direction of `orientation`; rounded, it is a curve with straight ends.

    Attributes:
        orientation: direction in which it points.
        opening: between its sides, in degrees; 180 is a straight line.
        radius: of the circle that rounds the corner. From 0 upwards, angles become curves, which pass through the
            middle as `Curve` does.
        width: of the line.
        filled: how much ink the inside has, 0 to 1.

    Source: *Curve Detectors* (Distill, 2020); `rounded_corner` of Lucid.

    >>> Angle(opening=90, radius=jnp.array([0, 10, 30, 90])).image(64).shape
    (4, 64, 64, 3)
    """

    orientation: Turn = 0.0
    opening: Annotated[Parameter, Range(20.0, 180.0)] = 90.0
    radius: Annotated[Parameter, Range(0.0, 100.0)] = 0.0
    width: Annotated[Parameter, Range(1.0, 8.0)] = 2.0
    filled: Share = 0.0

    name: ClassVar[str] = "angle"

    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has."""
        half = jnp.deg2rad(self.opening / 2)

        def wedge(x: Array, y: Array) -> Array:
            """Distance from a sharp corner, by the radius farther in, and from its sides."""
            u, v = along(x, y, self.orientation)
            u, v = u + self.radius, jnp.abs(v)
            beyond = v * jnp.sin(half) - u * jnp.cos(half) < 0
            return jnp.where(beyond, length(u, v), u * jnp.sin(half) + v * jnp.cos(half)) - self.radius

        return _outlined(wedge, self.width, self.filled, x, y)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Circle(Stimulus):
    """A circle about the middle.

    Attributes:
        radius: of the circle.
        width: of the line; 0 with `filled` draws a disc.
        filled: how much ink the inside has, 0 to 1.

    >>> disc = Circle(radius=10.0, width=0.0, filled=1.0).image(32)
    >>> round(float((1 - disc[..., 0]).sum()))  # The area of a circle of radius 10
    314
    """

    radius: Annotated[Parameter, Range(4.0, 60.0)] = 20.0
    width: Annotated[Parameter, Range(1.0, 8.0)] = 2.0
    filled: Share = 0.0

    name: ClassVar[str] = "circle"

    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has."""
        return _outlined(lambda x, y: length(x, y) - self.radius, self.width, self.filled, x, y)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Divergence(Stimulus):
    """Lines that diverge from the middle.

    Attributes:
        orientation: direction of the one in their middle.
        spread: degrees between a line and the next.
        opening: between the outermost, in degrees. As it grows, the next two lines fade in.
        width: of the lines.

    Source: line divergence, a family of *An Overview of Early Vision in InceptionV1* (Distill, 2020).

    >>> Divergence(spread=30.0, opening=120.0).image(32).shape
    (32, 32, 3)
    """

    orientation: Turn = 0.0
    spread: Annotated[Parameter, Range(15.0, 90.0)] = 30.0
    opening: Annotated[Parameter, Range(0.0, 300.0)] = 120.0
    width: Annotated[Parameter, Range(1.0, 4.0)] = 2.0

    name: ClassVar[str] = "divergence"

    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has."""
        u, v = along(x, y, self.orientation)
        each_side = self.opening / (2 * self.spread)
        # A line too little must not come of rounding; rounding has no gradient.
        whole = jnp.floor(each_side + 1e-4)
        place = jax.lax.stop_gradient(jnp.rad2deg(jnp.arctan2(v, u)) / self.spread)
        nearest = jnp.clip(jnp.round(place), -whole, whole)
        other = jnp.clip(jnp.where(place > nearest, nearest + 1, nearest - 1), -whole, whole)
        faint = jnp.clip(each_side - whole, 0.0, 1.0)
        numbers = jnp.stack([nearest, other, jnp.full_like(u, -whole - 1), jnp.full_like(u, whole + 1)])
        ink = jax.vmap(lambda number: self._ray(x, y, number))(numbers)
        # Where lines meet in a pixel each covers a part of its own, but for those next to the middle.
        return jnp.minimum(ink[0] + (other != nearest) * ink[1] + faint * jnp.maximum(ink[2], ink[3]), 1.0)

    def _ray(self, x: Array, y: Array, number: Array) -> Array:
        turn = self.orientation + number * self.spread
        u, v = along(x, y, turn)
        return strip(v, turn + 90.0, self.width) * straight(-u, turn + 180.0)


def along(x: Array, y: Array, orientation: Parameter) -> tuple[Array, Array]:
    """Coordinates along a direction, and 90 degrees clockwise of it.

    Args:
        x: rightwards.
        y: downwards.
        orientation: degrees, clockwise from the right.

    >>> round(float(along(jnp.array(0.0), jnp.array(2.0), 90.0)[0]), 3)
    2.0
    """
    turn = jnp.deg2rad(orientation)
    return x * jnp.cos(turn) + y * jnp.sin(turn), y * jnp.cos(turn) - x * jnp.sin(turn)


def _outlined(
    shape: Callable[[Array, Array], Array],
    width: Parameter,
    filled: Parameter,
    x: Array,
    y: Array,
    drawn: Array | float = 1.0,
) -> Array:
    """A line along the border of a shape, of which a part is drawn, and the inside with it as far as it is filled."""
    whole = inside(lambda x, y: shape(x, y) - width / 2, x, y)
    return filled * whole + (1 - filled) * drawn * band(shape, width, x, y)
