"""Blur, noise and colour: transforms of pixel values that leave every pixel in its place."""

from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from featvis.transforms.base import Drawn, Shape
from featvis.transforms.draws import Draw, Values, as_draw

Kind = Literal["normal", "uniform"]
Number = Float[Array, ""]

_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
"""RGB to luma and two chroma axes (FCC NTSC standard); chroma is 0 for greys."""


@dataclass(frozen=True)
class GaussianBlur(Drawn):
    """See `gaussian_blur`."""

    sigmas: Draw

    def draw(self, key: Key[Array, ""], shape: Shape) -> Number:
        """Standard deviation in pixels."""
        del shape
        return self.sigmas.sample(key)

    def act(self, image: Float[Array, "h w c"], draws: Number) -> Float[Array, "h w c"]:
        """One matrix product along rows, one along columns."""
        rows, columns = (_blur_matrix(side, draws) for side in image.shape[:2])
        # At the default precision, GPUs would round colours to ten bits.
        product = partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
        return product("ij,jkc->ikc", rows, product("kj,ijc->ikc", columns, image))


@dataclass(frozen=True)
class Noise(Drawn):
    """See `noise`."""

    sds: Draw
    kind: Kind
    colour: bool

    def draw(self, key: Key[Array, ""], shape: Shape) -> Float[Array, "h w c"]:
        """What is added."""
        sd_key, key = jax.random.split(key)
        shape = (1, 1, shape[2]) if self.colour else shape
        if self.kind == "normal":
            standard = jax.random.normal(key, shape, jnp.float32)
        else:
            standard = jax.random.uniform(key, shape, jnp.float32, -sqrt(3), sqrt(3))
        return self.sds.sample(sd_key) * standard

    def act(self, image: Float[Array, "h w c"], draws: Float[Array, "_ _ c"]) -> Float[Array, "h w c"]:
        """The noisy image."""
        return image + draws


@dataclass(frozen=True)
class ColourJitter(Drawn):
    """See `colour_jitter`."""

    brightness: Draw
    contrast: Draw
    saturation: Draw
    hue: Draw

    def draw(self, key: Key[Array, ""], shape: Shape) -> tuple[Number, Number, Number, Number]:
        """Factors of brightness, contrast and saturation, and the turn of the hue in radians."""
        del shape
        keys = jax.random.split(key, 4)
        factors = (self.brightness, self.contrast, self.saturation)
        brightness, contrast, saturation = (draw.sample(k) for draw, k in zip(factors, keys[:3], strict=True))
        return brightness, contrast, saturation, jnp.deg2rad(self.hue.sample(keys[3]))

    def act(self, image: Float[Array, "h w c"], draws: tuple[Number, Number, Number, Number]) -> Float[Array, "h w c"]:
        """Brightness, contrast, then saturation and hue; opacity stays as it is."""
        channels = image.shape[2]
        if self._chromatic and channels not in (3, 4):
            raise ValueError(
                f"saturation and hue need images of 3 channels, or 4 with opacity; given {channels}. "
                "Brightness and contrast take any number"
            )
        colours, opacity = (image[..., :3], image[..., 3:]) if channels == 4 else (image, image[..., :0])
        brightness, contrast, saturation, hue = draws
        mean = brightness * colours.mean((0, 1))
        colours = contrast * (brightness * colours - mean) + mean
        if self._chromatic:
            colours = jnp.matmul(colours, _chroma(saturation, hue).T, precision=jax.lax.Precision.HIGHEST)
        return jnp.concatenate([colours, opacity], axis=-1)

    @property
    def _chromatic(self) -> bool:
        return (self.saturation.bounds, self.hue.bounds) != ((1.0, 1.0), (0.0, 0.0))


@dataclass(frozen=True)
class NormalizeGradient(Drawn):
    """See `normalize_gradient`."""

    scale: float

    def act(self, image: Float[Array, "h w c"], draws: Any) -> Float[Array, "h w c"]:
        """The image itself."""
        del draws
        return _unit_gradient(image, self.scale)


def gaussian_blur(sigmas: Values) -> GaussianBlur:
    """Blur with a Gaussian of standard deviation `sigmas` pixels.

    Nothing lies beyond the edges: there, the average is over the pixels inside the image.

    Raises:
        ValueError: a standard deviation that is not above 0.

    Source: Xplique, `random_blur`, and Captum, `GaussianSmoothing`: with kernels of a given size, black beyond the
    edges or without the rows and columns close to them.

    >>> import jax, jax.numpy as jnp
    >>> dot = jnp.zeros((1, 3, 1)).at[0, 1].set(1.0)
    >>> [round(float(v), 3) for v in gaussian_blur(0.5)(jax.random.key(0), dot)[0, :, 0]]
    [0.119, 0.787, 0.119]
    """
    return GaussianBlur(as_draw(sigmas, "sigmas", above=0))


def noise(sds: Values = 0.02, kind: Kind = "normal", *, colour: bool = False) -> Noise:
    """Add noise of mean 0; values may leave [0, 1].

    Args:
        sds: standard deviation, whichever the kind; one is drawn for the whole image.
        kind: `"normal"` or `"uniform"`.
        colour: draw one number for each channel, not for each pixel too.

    Raises:
        ValueError: a negative standard deviation, an unknown kind.

    Source: faccent, `uniform_gaussian_noise(sd)` and `color_noise(sd)`: `noise(sd)` with
    `noise(sd / 12**0.5, "uniform")`; MaCo adds the same two.

    >>> noise(0.02)
    Noise(sds=Choice(values=(0.02,)), kind='normal', colour=False)
    """
    if kind not in get_args(Kind):
        raise ValueError(f"kind of noise is {kind!r}; expected one of {', '.join(map(repr, get_args(Kind)))}")
    return Noise(as_draw(sds, "standard deviations", least=0), kind, colour)


def colour_jitter(
    brightness: Values = 1.0, contrast: Values = 1.0, saturation: Values = 1.0, hue: Values = 0.0
) -> ColourJitter:
    """Change the colours of the whole image; values may leave [0, 1].

    Args:
        brightness: factor of all values, at least 0.
        contrast: factor of each channel's distance from its mean, at least 0.
        saturation: factor of the distance from grey of the same luma, at least 0.
        hue: degrees of a turn about the grey axis, in the YIQ colour space.

    Raises:
        ValueError: a negative factor; when applied, saturation or hue of images that are not RGB or RGBA.

    Source: Lucid's branch `new-transforms`, `contrast`, `saturation` and `hue`, whose matrices are transposed.

    >>> import jax, jax.numpy as jnp
    >>> red = jnp.array([[[1.0, 0.0, 0.0]]])
    >>> [round(float(v), 3) for v in colour_jitter(saturation=0)(jax.random.key(0), red)[0, 0]]
    [0.299, 0.299, 0.299]
    """
    return ColourJitter(
        as_draw(brightness, "brightnesses", least=0),
        as_draw(contrast, "contrasts", least=0),
        as_draw(saturation, "saturations", least=0),
        as_draw(hue, "hues"),
    )


def normalize_gradient(scale: float = 1.0) -> NormalizeGradient:
    """Leave the image alone, and scale its gradient at this place in the list to an L2 norm of `scale`.

    Each image has its own norm. A gradient of zero stays zero.

    Raises:
        ValueError: a scale that is not above 0.

    Source: Lucid, `transform.normalize_gradient`, where a gradient of zero becomes NaN.

    >>> import jax, jax.numpy as jnp
    >>> unit = normalize_gradient(2.0)
    >>> jax.grad(lambda x: (3 * unit(jax.random.key(0), x)).sum())(jnp.ones((2, 2, 1)))[0, 0]
    Array([1.], dtype=float32)
    """
    if not 0 < scale < float("inf"):
        raise ValueError(f"scale of the gradient is {scale}; expected a number above 0")
    return NormalizeGradient(float(scale))


def _blur_matrix(side: int, sigma: Array) -> Float[Array, "side side"]:
    distance = jnp.arange(side)[:, None] - jnp.arange(side)
    weights = jnp.exp(-0.5 * (distance / sigma) ** 2)
    return weights / weights.sum(1, keepdims=True)


def _chroma(saturation: Array, hue: Array) -> Float[Array, "3 3"]:
    c, s = saturation * jnp.cos(hue), saturation * jnp.sin(hue)
    in_yiq = jnp.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    product = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
    return product(product(np.linalg.inv(_YIQ).astype(np.float32), in_yiq), _YIQ.astype(np.float32))


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _unit_gradient(image: Array, scale: float) -> Array:
    del scale
    return image


def _unit_forward(image: Array, scale: float) -> tuple[Array, None]:
    del scale
    return image, None


def _unit_backward(scale: float, saved: None, g: Array) -> tuple[Array]:
    del saved
    norm = jnp.sqrt(jnp.sum(g**2))
    return (g * jnp.where(norm > 0, scale / jnp.where(norm > 0, norm, 1.0), 0.0),)


_unit_gradient.defvjp(_unit_forward, _unit_backward)
