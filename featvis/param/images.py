"""One image: a field, its colours, and how they come to lie in [0, 1]."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from featvis import color
from featvis.color import AnyArray, Colors
from featvis.param.base import Size, check_count, check_shape, sides
from featvis.param.fields import Field, Fourier, Pixels
from featvis.param.spectrum import Phases, Spectrum, natural
from featvis.param.squash import Squash, clip, logit


@dataclass(frozen=True)
class Image:
    """A field with colours; see `image`.

    Attributes:
        field: what is optimised; its channels are colour components, and opacity last if there is any.
        colors: the basis of the components, None if they are the image's channels.
        squash: "sigmoid" or "clip".
        alpha: whether the last channel is opacity.
    """

    field: Field
    colors: Colors | None
    squash: Squash = "sigmoid"
    alpha: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels; number of images first, if the field has several."""
        *grid, channels = self.field.shape
        return (*grid, len(self.colors.matrix.array) + self.alpha if self.colors else channels)

    def init(self, key: Key[Array, ""]) -> Any:
        """Random parameters."""
        return self.field.init(key)

    def __call__(self, params: Any) -> Float[Array, "*images h w c"]:
        """The image, in [0, 1]."""
        raw = self.field(params)
        if self.colors:
            raw = self._components(color.to_rgb, raw)
        return jax.nn.sigmoid(raw) if self.squash == "sigmoid" else clip(raw + self._middle)

    def invert(self, image: Float[AnyArray, "*images h w c"]) -> Any:
        """Parameters of an image in [0, 1], or of the nearest that the field can take.

        With a sigmoid, values nearer to 0 or 1 than 1/512 come back as these, since 0 and 1 themselves are out of
        reach.

        Raises:
            ValueError: another shape.
        """
        check_shape(image, self.shape)
        raw = logit(image) if self.squash == "sigmoid" else jnp.asarray(image - self._middle)
        return self.field.invert(self._components(color.from_rgb, raw) if self.colors else raw)

    @property
    def _middle(self) -> Float[np.ndarray, " c"]:
        """What a value of zero stands for where values are clipped."""
        mean = self.colors.mean if self.colors else (0.5,) * (self.shape[-1] - self.alpha)
        return np.array([*mean, *[0.5] * self.alpha], np.float32)

    def _components(self, change: Any, raw: Float[Array, "*images h w c"]) -> Float[Array, "*images h w c2"]:
        if not self.alpha:
            return change(raw, self.colors)
        return jnp.concatenate([change(raw[..., :-1], self.colors), raw[..., -1:]], axis=-1)


def image(
    size: Size = 128,
    *,
    sd: float = 0.01,
    fft: bool = True,
    decorrelate: bool = True,
    decay_power: float = 1.0,
    alpha: bool = False,
    channels: int | None = None,
    colors: Colors = color.IMAGENET,
    squash: Squash = "sigmoid",
) -> Image:
    """An RGB image, by default in Fourier space and decorrelated colours.

    Args:
        size: side in pixels, or (height, width).
        sd: standard deviation of the initial parameters.
        fft: optimise Fourier coefficients, scaled by `1 / frequency ** decay_power`, rather than pixels.
        decorrelate: optimise in the colour basis `colors`.
        decay_power: steepness of the spectrum; natural images have about 1.
        alpha: add a fourth channel, opacity, with a sigmoid of its own.
        channels: number of channels of an image that is not RGB, which has no colour basis.
        colors: by default one in which the colours of natural images are independent; `featvis.color` has others, and
            estimates them from data sets.
        squash: how values come to lie in [0, 1]: by a "sigmoid", or by "clip" about the mean colour.

    Raises:
        ValueError: a side or number of channels below 1, `channels` with `alpha` or colours, or an unknown `squash`.

    Source: Lucid, `param.image` and `to_valid_rgb`, with its constants (the spectrum's factor 1/4 included). At odd
    widths the spectrum has the image's own width, where Lucid's is two pixels wider and cropped. Clipped images
    without a colour basis begin grey, where Lucid's begin black.

    >>> import jax
    >>> picture = image(32)
    >>> picture(picture.init(jax.random.key(0))).shape
    (32, 32, 3)
    >>> image(32, alpha=True).shape, image((20, 30), channels=7).shape
    ((32, 32, 4), (20, 30, 7))
    """

    def field(shape: tuple[int, int, int]) -> Field:
        return Fourier(shape, float(sd), float(decay_power)) if fft else Pixels(shape, float(sd))

    basis = colors if decorrelate else None
    if channels is None:
        return paint(field, size, basis, squash, alpha)
    if alpha or colors != color.IMAGENET:
        raise ValueError(f"channels is {channels}, besides alpha or colors; those are for images with colours")
    check_count("channels", channels, 1)
    return Image(field((*sides(size), operator.index(channels))), None, _known(squash))


def grey(size: Size = 128, *, sd: float = 0.01, fft: bool = True, decay_power: float = 1.0) -> Image:
    """A grey image: one channel is optimised and shown as three equal ones. Arguments as of `image`.

    Source: Lucid, `grayscale_image_rgb`.

    >>> grey(32).shape
    (32, 32, 3)
    """
    return image(size, sd=sd, fft=fft, decay_power=decay_power, colors=color.GREY)


def maco(
    size: Size = 128,
    spectrum: Spectrum | None = None,
    *,
    fading: bool = False,
    colors: Colors = color.IMAGENET,
) -> Image:
    """An image whose Fourier coefficients have fixed magnitudes: only their phases are optimised.

    Args:
        size: side in pixels, or (height, width).
        spectrum: the magnitudes, of any size, from `featvis.param.spectrum.estimate`; by default an analytic one like
            that of natural images.
        fading: optimise a factor of each magnitude too, at first 1, between 0 and 1.007.
        colors: the basis in which the spectrum was estimated.

    Raises:
        ValueError: a side below 1, or a spectrum of another number of channels.

    Source: Fel et al. 2023, *Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
    Optimization*; `fading` is faccent's `mag_alpha`. Phases and images are not standardised as in Xplique and Horama,
    so that a photograph's spectrum and phases give the photograph. `featvis.recipes.maco` has their many crops of the
    image and their learning rate of 1, for phases are angles.

    >>> maco(32).init(jax.random.key(0)).shape
    (3, 32, 17)
    """
    height, width = sides(size)
    components = colors.matrix.array.shape[1]
    spectrum = natural((height, width), components) if spectrum is None else spectrum.at((height, width))
    if spectrum.channels != components:
        raise ValueError(f"the spectrum has {spectrum.channels} channels; the colours have {components} components")
    return Image(Phases(spectrum, fading), colors)


def paint(
    field: Callable[[tuple[int, int, int]], Field], size: Size, colors: Colors | None, squash: Squash, alpha: bool
) -> Image:
    """An image of the field that `field` makes of a shape: with as many channels as `colors` has components.

    Raises:
        ValueError: a side below 1, or an unknown `squash`.
    """
    components = colors.matrix.array.shape[1] if colors else 3
    return Image(field((*sides(size), components + alpha)), colors, _known(squash), alpha)


def _known(squash: Squash) -> Squash:
    if squash not in ("sigmoid", "clip"):
        raise ValueError(f"squash is {squash!r}; expected 'sigmoid' or 'clip'")
    return squash
