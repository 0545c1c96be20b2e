"""Stimuli that fill the image or a patch of it: gratings, Gabors, high-low frequency, checkerboards, hatches."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from circuits.stimuli.coverage import damping, strip
from circuits.stimuli.lines import along
from circuits.stimuli.stimulus import Parameter, Range, Share, Stimulus, Turn


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Grating(Stimulus):
    """A sinusoidal grating.

    Attributes:
        orientation: direction of the wave, across the stripes.
        wavelength: in pixels; under 2 the pixels cannot show it.
        phase: in degrees; at 0 a stripe of ink has its middle in the middle, at 90 a quarter of a wave further along.

    >>> Grating(orientation=45.0, wavelength=8.0).image(32).shape
    (32, 32, 3)
    """

    orientation: Turn = 0.0
    wavelength: Annotated[Parameter, Range(3.0, 40.0)] = 12.0
    phase: Turn = 0.0

    name: ClassVar[str] = "grating"

    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has."""
        return 0.5 + 0.5 * _wave(x, y, self.orientation, 1 / self.wavelength, self.phase)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Gabor(Stimulus):
    """A grating under a Gaussian, between ink and paper on a ground half way between.

    Attributes:
        orientation: direction of the wave.
        wavelength: in pixels.
        phase: in degrees, as in `Grating`.
        sigma: standard deviation of the Gaussian along the wave, in pixels.
        aspect: how many times longer than wide the patch is, along its stripes.

    >>> Gabor(phase=90.0).image(32).shape
    (32, 32, 3)
    """

    orientation: Turn = 0.0
    wavelength: Annotated[Parameter, Range(3.0, 40.0)] = 12.0
    phase: Turn = 0.0
    sigma: Annotated[Parameter, Range(2.0, 20.0)] = 6.0
    aspect: Annotated[Parameter, Range(0.5, 2.0)] = 1.0

    name: ClassVar[str] = "gabor"

    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has."""
        u, v = along(x, y, self.orientation)
        envelope = jnp.exp(-(u**2 + (v / self.aspect) ** 2) / (2 * self.sigma**2))
        return 0.5 + 0.5 * envelope * _wave(x, y, self.orientation, 1 / self.wavelength, self.phase)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class HighLow(Stimulus):
    """High frequencies on one side of a boundary and low ones on the other: products of two waves that cross.

    Attributes:
        orientation: direction from the boundary to the high frequencies.
        wavelength: of the high frequencies, in pixels.
        ratio: how many times longer the waves on the other side are.
        phase: of all waves, in degrees.
        blend: width of the strip in which one side fades into the other, in pixels.

    Source: *High-Low Frequency Detectors* (Distill, 2021), figure 3.

    >>> HighLow(ratio=4.0).image(32).shape
    (32, 32, 3)
    """

    orientation: Turn = 0.0
    wavelength: Annotated[Parameter, Range(4.0, 12.0)] = 6.0
    ratio: Annotated[Parameter, Range(1.0, 10.0)] = 4.0
    phase: Turn = 0.0
    blend: Annotated[Parameter, Range(2.0, 16.0)] = 4.0

    name: ClassVar[str] = "high_low"

    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has."""
        across, _ = along(x, y, self.orientation)
        high = jnp.clip(across / self.blend + 0.5, 0.0, 1.0)
        fine = self._texture(x, y, 1 / self.wavelength)
        coarse = self._texture(x, y, 1 / (self.wavelength * self.ratio))
        return 0.5 + 0.5 * (high * fine + (1 - high) * coarse)

    def _texture(self, x: Array, y: Array, frequency: Array) -> Array:
        # The product of two waves is a sum of two, whose means over pixels are known.
        diagonal = frequency * jnp.sqrt(2.0)
        both = _wave(x, y, self.orientation + 45.0, diagonal, 2 * self.phase)
        return (both + _wave(x, y, self.orientation - 45.0, diagonal, 0.0)) / 2


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Checkerboard(Stimulus):
    """A checkerboard; the middle is the middle of a square of ink.

    Attributes:
        orientation: direction of its rows.
        side: of its squares, in pixels.

    >>> Checkerboard(side=4.0).image(16)[::4, 8, 0].round(4)
    Array([0., 1., 0., 1.], dtype=float32)
    """

    orientation: Annotated[Parameter, Range(0.0, 360.0, 90.0)] = 0.0
    side: Annotated[Parameter, Range(4.0, 32.0)] = 8.0

    name: ClassVar[str] = "checkerboard"

    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has."""
        rows, columns = _crossing(x, y, self.orientation, 2 * self.side, self.side)
        return rows * columns + (1 - rows) * (1 - columns)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Hatch(Stimulus):
    """Parallel lines, or two sets of them that cross at right angles. One line goes through the middle.

    Attributes:
        orientation: direction across the lines.
        spacing: from a line to the next, in pixels.
        width: of the lines.
        crossed: how much ink the crossing lines have, 0 to 1.

    >>> Hatch(spacing=8.0, crossed=1.0).image(32).shape
    (32, 32, 3)
    """

    orientation: Annotated[Parameter, Range(0.0, 360.0, 180.0)] = 0.0
    spacing: Annotated[Parameter, Range(6.0, 32.0)] = 10.0
    width: Annotated[Parameter, Range(1.0, 4.0)] = 2.0
    crossed: Share = 0.0

    name: ClassVar[str] = "hatch"

    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has."""
        lines, crossing = _crossing(x, y, self.orientation, self.spacing, self.width)
        return lines + self.crossed * crossing * (1 - lines)


def _wave(x: Array, y: Array, orientation: Parameter, frequency: Parameter, phase: Parameter) -> Array:
    """The mean of a cosine over each pixel; `frequency` in cycles per pixel."""
    along_x, along_y = (frequency * way(jnp.deg2rad(orientation)) for way in (jnp.cos, jnp.sin))
    turns = along_x * x + along_y * y - phase / 360
    return damping(along_x, along_y) * jnp.cos(2 * jnp.pi * turns)


def _crossing(x: Array, y: Array, orientation: Parameter, period: Parameter, width: Parameter) -> Array:
    """Strips that repeat along a direction, and those that cross them."""

    def strips(turn: Array) -> Array:
        u, _ = along(x, y, turn)
        nearest = jax.lax.stop_gradient(jnp.round(u / period))
        return strip(u - period * nearest, turn, width)

    return jax.vmap(strips)(orientation + jnp.array([0.0, 90.0]))
