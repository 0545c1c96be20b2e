"""Magnitudes of Fourier coefficients: of natural images, or estimated from a data set."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from featvis import color
from featvis.color import Colors, Images
from featvis.frozen import Frozen
from featvis.param.base import Size, sides
from featvis.param.fields import linear_weights, spectrum_scale
from featvis.param.squash import MARGIN

_FADE = 5.0


@dataclass(frozen=True)
class Spectrum:
    """The magnitude of each coefficient of a real 2-D Fourier transform, `[channels, height, width // 2 + 1]`.

    The transform is that of colour components before the sigmoid; `width` is the image's.
    """

    magnitude: Frozen
    width: int

    @property
    def channels(self) -> int:
        """Number of colour components."""
        return len(self.magnitude.array)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.magnitude.array.shape[1], self.width

    def at(self, size: Size) -> "Spectrum":
        """The spectrum of images of another size, of the same contrast at each frequency (in cycles per pixel).

        What is interpolated is how far magnitudes lie above those of `1 / frequency`, so lower frequencies than there
        were go on like that. The zero frequency, the mean colour, is kept.

        >>> larger = natural(16).at((24, 20)).magnitude.array
        >>> bool(np.allclose(larger, natural((24, 20)).magnitude.array, rtol=1e-6))
        True
        """
        height, width = sides(size)
        if (height, width) == self.size:
            return self
        old = self.magnitude.array.astype(np.float64)
        relative = old / spectrum_scale(*self.size, 1.0)
        rows, columns = _frequency_weights((height, width), self.size)
        known = np.ones(old.shape[1:])
        known[0, 0] = 0  # The mean colour says nothing about its neighbours.
        near = np.maximum(rows @ known @ columns.T, 1e-12)
        new = spectrum_scale(height, width, 1.0) * (rows @ (relative * known) @ columns.T) / near
        new[:, 0, 0] = old[:, 0, 0] * (height * width) / np.prod(self.size)
        return Spectrum(Frozen(new.astype(np.float32)), width)


@dataclass(frozen=True)
class Phases:
    """A field of Fourier coefficients of given magnitudes; parameters are their phases in radians.

    The four coefficients that are real in any real image are `magnitude * cos(phase)`.
    """

    spectrum: Spectrum
    fading: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """That of the images whose spectrum it is."""
        return (*self.spectrum.size, self.spectrum.channels)

    def init(self, key: Key[Array, ""]) -> Any:
        """Phases from everywhere on the circle; and the logit of each magnitude's factor, if magnitudes may fade."""
        shape = self.spectrum.magnitude.array.shape
        phase = jax.random.uniform(key, shape, jnp.float32, -jnp.pi, jnp.pi)
        return (phase, jnp.full(shape, _FADE)) if self.fading else phase

    def __call__(self, params: Any) -> Float[Array, "h w c"]:
        """The real inverse transform."""
        phase, magnitude = params, self.spectrum.magnitude.array
        if self.fading:
            phase, fade = params
            magnitude = magnitude * jax.nn.sigmoid(fade) / jax.nn.sigmoid(_FADE)
        height, width = self.spectrum.size
        # A real image has each of these coefficients twice, conjugate; so the second one's own phase is not used.
        mirrored = jnp.take(phase, -np.arange(height) % height, axis=1)
        phase = jnp.where(_second_of_pair(height, width), -mirrored, phase)
        spectrum = jax.lax.complex(magnitude * jnp.cos(phase), magnitude * jnp.sin(phase))
        return jnp.moveaxis(jnp.fft.irfft2(spectrum, s=(height, width)), 0, -1)

    def invert(self, raw: Float[Array, "h w c"]) -> Any:
        """The phases of given values, which come back if they have the magnitudes of this field."""
        phase = jnp.angle(jnp.fft.rfft2(jnp.moveaxis(raw, -1, 0)))
        return (phase, jnp.full(phase.shape, _FADE)) if self.fading else phase


def natural(size: Size, channels: int = 3, *, contrast: float = 2.0, decay_power: float = 1.0) -> Spectrum:
    """The analytic spectrum of natural images: `1 / frequency ** decay_power`, and a mean of zero (grey).

    Args:
        size: side in pixels, or (height, width).
        channels: number of colour components, which all have this spectrum.
        contrast: standard deviation of each component of images of 224 pixels, before the sigmoid.
        decay_power: steepness of the spectrum.

    >>> natural(224).magnitude
    Frozen(float32[3, 224, 113])
    """
    height, width = sides(size)
    scale = spectrum_scale(height, width, decay_power).astype(np.float64)
    reference = np.hypot(np.fft.fftfreq(224)[:, None], np.fft.fftfreq(224)[None])
    power = np.square(reference[reference > 0] ** -decay_power).sum() / 224**2
    magnitude = contrast / np.sqrt(power) * scale
    magnitude[0, 0] = 0
    return Spectrum(Frozen(np.broadcast_to(magnitude, (channels, *magnitude.shape)).astype(np.float32)), width)


def estimate(images: Images, size: Size | None = None, *, colors: Colors = color.IMAGENET) -> Spectrum:
    """The mean magnitude of each Fourier coefficient over a data set, in decorrelated colours before the sigmoid.

    Sums are kept in float64, one batch in memory at a time.

    Args:
        images: `[n, height, width, channels]` in [0, 1], or batches of such, all of one size.
        size: of the images to be made, by default that of the data set's.
        colors: the basis of the components.

    Raises:
        ValueError: no images, values outside [0, 1], images of different sizes or other channels than the colours'.

    Source: Fel et al. 2023 (see `maco`), *Magnitude constraint*.

    >>> estimate(np.random.default_rng(0).random((2, 8, 8, 3))).magnitude
    Frozen(float32[3, 8, 5])
    """
    count, total, expected = 0, np.zeros(()), None
    for batch in color.batches(images):
        expected = expected or (*batch.shape[1:3], len(colors.matrix.array))
        if batch.shape[1:] != expected:
            raise ValueError(f"images have shape {batch.shape[1:]}; expected {expected}: of one size, in these colours")
        rgb = np.clip(batch.astype(np.float64), MARGIN, 1 - MARGIN)
        raw = np.log(rgb / (1 - rgb)) @ colors.inverse.T
        total = total + np.abs(np.fft.rfft2(raw, axes=(1, 2))).sum(0)
        count += len(batch)
    assert expected is not None
    spectrum = Spectrum(Frozen(np.moveaxis(total / count, -1, 0).astype(np.float32)), expected[1])
    return spectrum if size is None else spectrum.at(size)


def _frequency_weights(new: tuple[int, int], old: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Matrices that interpolate along vertical frequencies, which are periodic, and along horizontal ones."""
    period = np.concatenate([np.fft.fftfreq(old[0]) + shift for shift in (-1, 0, 1)])
    order = np.argsort(period)
    rows = linear_weights(np.fft.fftfreq(new[0]), period[order])[:, np.argsort(order)]
    rows = rows.reshape(new[0], 3, old[0]).sum(1)
    return rows, linear_weights(np.fft.rfftfreq(new[1]), np.fft.rfftfreq(old[1]))


def _second_of_pair(height: int, width: int) -> np.ndarray:
    """Which coefficients are the conjugates of others: half of the columns of frequency 0 and, if there is, 1/2."""
    mask = np.zeros((height, width // 2 + 1), bool)
    mask[height // 2 + 1 :, 0] = True
    if width % 2 == 0:
        mask[height // 2 + 1 :, -1] = True
    return mask
