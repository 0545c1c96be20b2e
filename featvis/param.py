"""Image parameterisations: what is optimised, and how it becomes an image.

A parameterisation is a hashable value with two pure functions: `init(key)` draws the parameters of one image, and
calling it turns parameters into an image `[height, width, 3]` in [0, 1]. Batches come from `vmap`.
"""

import operator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from featvis import color


@runtime_checkable
class Parameterization(Protocol):
    """What `render` needs: any hashable object with these members will do."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the image."""
        ...

    def init(self, key: Key[Array, ""]) -> Any:
        """Random parameters of one image."""
        ...

    def __call__(self, params: Any) -> Float[Array, "h w c"]:
        """The image, in [0, 1]."""
        ...


@dataclass(frozen=True)
class Image:
    """An RGB image made of pixels or of Fourier coefficients; see `image`."""

    shape: tuple[int, int, int]
    sd: float = 0.01
    fft: bool = True
    decorrelate: bool = True
    decay_power: float = 1.0

    def init(self, key: Key[Array, ""]) -> Float[Array, "..."]:
        """Normal numbers of standard deviation `sd`: pixels, or real and imaginary parts of the spectrum."""
        height, width, channels = self.shape
        shape = (2, channels, height, width // 2 + 1) if self.fft else self.shape
        return self.sd * jax.random.normal(key, shape, jnp.float32)

    def __call__(self, params: Float[Array, "..."]) -> Float[Array, "h w 3"]:
        """The image, in [0, 1]."""
        raw = self._from_spectrum(params) if self.fft else params
        return jax.nn.sigmoid(color.to_rgb(raw) if self.decorrelate else raw)

    def _from_spectrum(self, params: Float[Array, "2 c h f"]) -> Float[Array, "h w c"]:
        height, width, _ = self.shape
        scale = spectrum_scale(height, width, self.decay_power)
        spectrum = jax.lax.complex(params[0] * scale, params[1] * scale)
        return jnp.moveaxis(jnp.fft.irfft2(spectrum, s=(height, width)), 0, -1) / 4


def image(
    size: int | tuple[int, int] = 128,
    *,
    sd: float = 0.01,
    fft: bool = True,
    decorrelate: bool = True,
    decay_power: float = 1.0,
) -> Image:
    """An RGB image, by default in Fourier space and decorrelated colours.

    Args:
        size: side in pixels, or (height, width).
        sd: standard deviation of the initial parameters.
        fft: optimise Fourier coefficients, scaled by `1 / frequency ** decay_power`, rather than pixels.
        decorrelate: optimise in a colour basis in which natural images have independent components.
        decay_power: steepness of the spectrum; natural images have about 1.

    Raises:
        ValueError: a side below 1.

    Source: Lucid, `param.image`, with its constants (the spectrum's factor 1/4 included). At odd widths the
    spectrum has the image's own width, where Lucid's is two pixels wider and cropped.

    >>> import jax
    >>> picture = image(32)
    >>> picture(picture.init(jax.random.key(0))).shape
    (32, 32, 3)
    """
    height, width = (operator.index(side) for side in (size if isinstance(size, tuple | list) else (size, size)))
    if min(height, width) < 1:
        raise ValueError(f"image size is {size}; expected sides of at least 1 pixel")
    return Image((height, width, 3), float(sd), fft, decorrelate, float(decay_power))


def spectrum_scale(height: int, width: int, decay_power: float) -> Float[np.ndarray, "h f"]:
    """Amplitude of each coefficient of a real 2-D Fourier transform: `sqrt(h w) / frequency ** decay_power`.

    The zero frequency counts as the lowest other one. Source: Lucid, `param/spatial.py`.

    >>> spectrum_scale(4, 4, 1.0)[0]
    array([16., 16.,  8.], dtype=float32)
    """
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    lowest = 1.0 / max(height, width)
    return (np.sqrt(height * width) / np.maximum(frequency, lowest) ** decay_power).astype(np.float32)
