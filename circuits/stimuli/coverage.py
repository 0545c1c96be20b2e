"""How much of each pixel lies inside a shape: antialiasing from signed fields.

A field is a function of the plane that is negative inside a shape. Where its border crosses a pixel it is taken for a
straight one, and the share of the pixel inside is that of a half-plane, a ramp about one pixel wide whose form depends
on the border's direction. It is the exact area for straight borders, and differentiable.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from circuits.stimuli.stimulus import Parameter

Field = Callable[[Array, Array], Array]
"""A function of x and y in pixels, applied to each point on its own, negative inside."""

_FLAT = 1e-6
"""Slopes under which a field has no direction: in the middle of a circle."""

_NARROW = 0.01
"""Least width of the shorter box, of two that make the ramp: what float32 can divide by."""


def inside(field: Field, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
    """Share of each pixel in which a field is negative, in [0, 1].

    Args:
        field: need not be a distance; its value over its slope is.
        x: of the middles of the pixels, rightwards.
        y: downwards.

    >>> y, x = jnp.mgrid[:1, :4] * 1.0
    >>> inside(lambda x, y: x - 1.75, x, y)[0].round(3)
    Array([1.  , 1.  , 0.25, 0.  ], dtype=float32)
    """
    return _half_plane(*_value_and_slopes(field, x, y))


def band(
    field: Field, width: Float[Array, ""] | float, x: Float[Array, "h w"], y: Float[Array, "h w"]
) -> Float[Array, "h w"]:
    """Share of each pixel within half of `width` of where a field is zero: a line, which may be thinner than a pixel.

    Args:
        field: as in `inside`, with a slope of one: a signed distance.
        width: of the line, in pixels.
        x: of the middles of the pixels.
        y: of the middles of the pixels.

    >>> y, x = jnp.mgrid[:1, :4] * 1.0
    >>> [abs(round(float(ink), 3)) for ink in band(lambda x, y: x - 2, 0.5, x, y)[0]]
    [0.0, 0.0, 0.5, 0.0]
    """
    value, *slopes = _value_and_slopes(field, x, y)
    return _half_plane(value - width / 2, *slopes) - _half_plane(value + width / 2, *slopes)


def strip(distance: Array, orientation: Parameter, width: Parameter) -> Array:
    """Share of each pixel in a straight strip: `band`, of a field whose slope is known.

    Args:
        distance: of each pixel's middle from the strip's, along `orientation`.
        orientation: direction across the strip, in degrees, clockwise from the right.
        width: of the strip, in pixels.

    >>> [abs(round(float(ink), 3)) for ink in strip(jnp.arange(-1.0, 2.0), 0.0, 0.5)]
    [0.0, 0.5, 0.0]
    """
    return straight(distance - width / 2, orientation) - straight(distance + width / 2, orientation)


def straight(distance: Array, orientation: Parameter) -> Array:
    """Share of each pixel on the negative side of a straight border: `inside`, of a field whose slope is known.

    Args:
        distance: of each pixel's middle from the border, along `orientation`.
        orientation: direction across the border, in degrees, clockwise from the right.

    >>> [round(float(ink), 3) for ink in straight(jnp.array([-1.0, -0.25, 0.0, 1.0]), 90.0)]
    [1.0, 0.75, 0.5, 0.0]
    """
    turn = jnp.deg2rad(orientation)
    return _half_plane(distance, jnp.cos(turn), jnp.sin(turn))


def length(x: Array, y: Array) -> Array:
    """Length of vectors, with a derivative of zero at zero.

    >>> float(length(jnp.array(3.0), jnp.array(4.0))), float(jax.grad(length)(jnp.array(0.0), jnp.array(0.0)))
    (5.0, 0.0)
    """
    return jnp.sqrt(x**2 + y**2 + 1e-12)


def damping(x: Array, y: Array) -> Array:
    """What is left of a wave's amplitude in its mean over a pixel.

    Args:
        x: cycles per pixel, rightwards.
        y: cycles per pixel, downwards.

    >>> [round(float(damping(jnp.array(cycles), jnp.array(0.0))), 2) for cycles in (0.0, 0.25, 0.5)]
    [1.0, 0.9, 0.64]
    """
    return jnp.sinc(x) * jnp.sinc(y)


def _value_and_slopes(field: Field, x: Array, y: Array) -> tuple[Array, Array, Array]:
    value, right = jax.jvp(lambda at: field(at, y), (x,), (jnp.ones_like(x),))
    _, down = jax.jvp(lambda at: field(x, at), (y,), (jnp.ones_like(y),))
    return value, right, down


def _half_plane(value: Array, right: Array, down: Array) -> Array:
    """The area of a unit square on the negative side of a line."""
    slope = jnp.sqrt(jnp.maximum(right**2 + down**2, _FLAT**2))
    # A pixel reaches less than one pixel from its middle.
    depth = jnp.clip(-value / slope, -1.0, 1.0)
    right, down = jnp.abs(right) / slope, jnp.abs(down) / slope
    wide, narrow = jnp.maximum(jnp.maximum(right, down), 0.5), jnp.maximum(jnp.minimum(right, down), _NARROW)
    # Two boxes convolved are a trapezoid, whose integral is a sum of four squares.
    outer, inner = (wide + narrow) / 2, (wide - narrow) / 2
    squares = [sign * jnp.maximum(depth + at, 0.0) ** 2 for sign, at in _corners(outer, inner)]
    return jnp.clip(sum(squares[1:], squares[0]) / (2 * wide * narrow), 0.0, 1.0)


def _corners(outer: Array, inner: Array) -> tuple[tuple[int, Array], ...]:
    return (1, outer), (-1, inner), (-1, -inner), (1, -outer)
