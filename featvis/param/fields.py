"""Fields: what is optimised, before it has colours.

A field is like a parameterisation, but its values are unbounded: a hashable value with `shape`, `init(key)` and a call
that is linear in the parameters (but for `spectrum.Phases`). `invert` finds the parameters of given values, or of the
nearest that the field can take. `Image` gives a field its colours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from featvis.frozen import Frozen
from featvis.param.base import Parameterization


@runtime_checkable
class Field(Parameterization, Protocol):
    """Unbounded values on a grid, `[*images, height, width, channels]`."""

    @property
    def invert(self) -> Callable[[Float[Array, "*images h w c"]], Any]:
        """A method that finds the parameters of given values, or of the nearest that the field can take."""
        ...


@dataclass(frozen=True)
class Pixels:
    """Every value is a parameter, at first normal with standard deviation `sd`. Source: Lucid, `pixel_image`."""

    shape: tuple[int, int, int]
    sd: float

    def init(self, key: Key[Array, ""]) -> Float[Array, "h w c"]:
        """Normal numbers."""
        return self.sd * jax.random.normal(key, self.shape, jnp.float32)

    def __call__(self, params: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
        """The parameters themselves."""
        return params

    def invert(self, raw: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
        """The values themselves."""
        return raw


@dataclass(frozen=True)
class Fourier:
    """Fourier coefficients, scaled by `1 / frequency ** decay_power`, at first normal.

    Source: Lucid, `fft_image`, with its constants (the factor 1/4 included).
    """

    shape: tuple[int, int, int]
    sd: float
    decay_power: float

    @property
    def _scale(self) -> Float[np.ndarray, "h f"]:
        return spectrum_scale(*self.shape[:2], self.decay_power)

    def init(self, key: Key[Array, ""]) -> Float[Array, "2 c h f"]:
        """Real and imaginary parts of the coefficients."""
        height, width, channels = self.shape
        return self.sd * jax.random.normal(key, (2, channels, height, width // 2 + 1), jnp.float32)

    def __call__(self, params: Float[Array, "2 c h f"]) -> Float[Array, "h w c"]:
        """The real inverse transform."""
        scale = self._scale
        spectrum = jax.lax.complex(params[0] * scale, params[1] * scale)
        return jnp.moveaxis(jnp.fft.irfft2(spectrum, s=self.shape[:2]), 0, -1) / 4

    def invert(self, raw: Float[Array, "h w c"]) -> Float[Array, "2 c h f"]:
        """The real transform."""
        spectrum = jnp.fft.rfft2(jnp.moveaxis(raw, -1, 0))
        return 4 * jnp.stack([spectrum.real, spectrum.imag]) / self._scale


@dataclass(frozen=True)
class LowRes:
    """A smaller grid of parameters, interpolated bilinearly between its corners, which are those of the image.

    `offset` moves the content down and to the right by that many pixels, like a phase; what comes in at the edge is a
    mirror image. Source: Lucid, `lowres_tensor`, which puts the grid's lower right corner inside the image.
    """

    shape: tuple[int, int, int]
    underlying: tuple[int, int]
    sd: float
    offset: tuple[int, int] = (0, 0)

    @property
    def _matrices(self) -> tuple[np.ndarray, np.ndarray]:
        height, width, _ = self.shape
        rows, columns = (_enlarging(*args) for args in zip((height, width), self.underlying, self.offset, strict=True))
        return rows, columns

    def init(self, key: Key[Array, ""]) -> Float[Array, "h2 w2 c"]:
        """Normal numbers."""
        return self.sd * jax.random.normal(key, (*self.underlying, self.shape[2]), jnp.float32)

    def __call__(self, params: Float[Array, "h2 w2 c"]) -> Float[Array, "h w c"]:
        """The enlarged grid."""
        return _along_both(*self._matrices, params)

    def invert(self, raw: Float[Array, "h w c"]) -> Float[Array, "h2 w2 c"]:
        """The grid nearest to it, by least squares."""
        rows, columns = self._matrices
        return _along_both(np.linalg.pinv(rows), np.linalg.pinv(columns), raw)


@dataclass(frozen=True)
class Sum:
    """The sum of fields of one shape, from coarse to fine: in `invert`, each takes what those before it leave."""

    parts: tuple[Field, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the parts."""
        return self.parts[0].shape

    def init(self, key: Key[Array, ""]) -> tuple[Any, ...]:
        """The parameters of each part."""
        keys = jax.random.split(key, len(self.parts))
        return tuple(part.init(k) for part, k in zip(self.parts, keys, strict=True))

    def __call__(self, params: tuple[Any, ...]) -> Float[Array, "*images h w c"]:
        """The sum."""
        first, *others = (part(p) for part, p in zip(self.parts, params, strict=True))
        return sum(others, first)

    def invert(self, raw: Float[Array, "*images h w c"]) -> tuple[Any, ...]:
        """Parameters of each part."""
        params = []
        for part in self.parts:
            params.append(part.invert(raw))
            raw = raw - part(params[-1])
        return tuple(params)


@dataclass(frozen=True)
class Blend:
    """Weighted averages of the images of a field of several: one row of `weights` for each image."""

    part: Field
    weights: Frozen

    @property
    def shape(self) -> tuple[int, ...]:
        """As many images as there are rows of weights."""
        return (len(self.weights.array), *self.part.shape[1:])

    def init(self, key: Key[Array, ""]) -> Any:
        """Those of the blended field."""
        return self.part.init(key)

    def __call__(self, params: Any) -> Float[Array, "images h w c"]:
        """The averages."""
        return _along(0, self.weights.array, self.part(params))

    def invert(self, raw: Float[Array, "images h w c"]) -> Any:
        """By least squares, in which images that are one source alone decide, where there are such."""
        weights = self.weights.array
        trust = np.where(weights.max(1) == 1, 1, 1e-4)
        return self.part.invert(_along(0, np.linalg.pinv(trust[:, None] * weights) * trust, raw))


def spectrum_scale(height: int, width: int, decay_power: float) -> Float[np.ndarray, "h f"]:
    """Amplitude of each coefficient of a real 2-D Fourier transform: `sqrt(h w) / frequency ** decay_power`.

    The zero frequency counts as the lowest other one. Source: Lucid, `param/spatial.py`.

    >>> spectrum_scale(4, 4, 1.0)[0]
    array([16., 16.,  8.], dtype=float32)
    """
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    lowest = 1.0 / max(height, width)
    return (np.sqrt(height * width) / np.maximum(frequency, lowest) ** decay_power).astype(np.float32)


def linear_weights(at: Float[np.ndarray, " n"], points: Float[np.ndarray, " m"]) -> Float[np.ndarray, "n m"]:
    """The matrix that interpolates values at rising `points` linearly, to places `at`; constant beyond the ends.

    >>> linear_weights(np.array([0.0, 0.25, 2.0]), np.array([0.0, 1.0]))
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.  , 1.  ]])
    """
    return np.stack([np.interp(at, points, one) for one in np.eye(len(points))], axis=1)


def _enlarging(size: int, underlying: int, offset: int) -> np.ndarray:
    weights = linear_weights(np.linspace(0, 1, size), np.linspace(0, 1, underlying))
    mirrored = np.pad(weights, ((offset, 0), (0, 0)), mode="symmetric")
    return mirrored[:size]


def _along_both(rows: np.ndarray, columns: np.ndarray, grid: Array) -> Array:
    return _along(1, columns, _along(0, rows, grid))


def _along(axis: int, matrix: np.ndarray, grid: Array) -> Array:
    product = jnp.tensordot(matrix.astype(np.float32), grid, ([1], [axis]), precision=jax.lax.Precision.HIGHEST)
    return jnp.moveaxis(product, 0, axis)
