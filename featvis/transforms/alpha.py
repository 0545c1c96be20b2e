"""From four channels to three: images with opacity, seen on a background."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from featvis import param
from featvis.color import batches
from featvis.frozen import Frozen
from featvis.transforms.base import Drawn, Shape
from featvis.transforms.draws import Draw, Values, as_draw, uniform

_ANY = uniform(0, 1)


@dataclass(frozen=True)
class CollapseAlphaRandom(Drawn):
    """See `collapse_alpha_random`."""

    sd: float

    def draw(self, key: Key[Array, ""], shape: Shape) -> Float[Array, "h w 3"]:
        """A background."""
        return param.sample(key, shape[:2], sd=self.sd)

    def act(self, image: Float[Array, "h w c"], draws: Float[Array, "h w 3"]) -> Float[Array, "h w 3"]:
        """The image on the background."""
        return _blend(self, image, draws)


@dataclass(frozen=True)
class BlendAlpha(Drawn):
    """See `blend_alpha`."""

    background: Draw | Frozen

    def draw(self, key: Key[Array, ""], shape: Shape) -> Float[Array, "h w 3"]:
        """A background."""
        if isinstance(self.background, Draw):
            return self.background.sample(key, (*shape[:2], 3))
        height, width, _ = self.background.array.shape
        if (height, width) not in (shape[:2], (1, 1)):
            raise ValueError(f"the background has {height}x{width} pixels; the image has {shape[0]}x{shape[1]} here")
        return jnp.broadcast_to(self.background.array, (*shape[:2], 3))

    def act(self, image: Float[Array, "h w c"], draws: Float[Array, "h w 3"]) -> Float[Array, "h w 3"]:
        """The image on the background."""
        return _blend(self, image, draws)


@dataclass(frozen=True)
class IgnoreAlpha(Drawn):
    """See `ignore_alpha`."""

    def act(self, image: Float[Array, "h w c"], draws: Any) -> Float[Array, "h w 3"]:
        """The colours."""
        del draws
        _check_channels(self, image)
        return image[..., :3]


def collapse_alpha_random(sd: float = 0.5) -> CollapseAlphaRandom:
    """Show an RGBA image on a new smooth background each time, which only opaque parts hide: 4 channels become 3.

    The background is a `featvis.param.sample` of that `sd`: it has the spectrum and the colours of natural images.

    Raises:
        ValueError: a negative `sd`; when applied, images of another number of channels.

    Source: Lucid, `transform.collapse_alpha_random`.

    >>> from featvis.transforms import output_shape
    >>> output_shape([collapse_alpha_random()], (64, 64, 4))
    (64, 64, 3)
    """
    if not 0 <= sd < float("inf"):
        raise ValueError(f"sd of the background is {sd}; expected a number of at least 0")
    return CollapseAlphaRandom(float(sd))


def blend_alpha(background: Values | Float[Array | np.ndarray, "h w 3"] = _ANY) -> BlendAlpha:
    """Show an RGBA image on a background: drawn for each pixel and channel on its own, of one colour, or a picture.

    Args:
        background: in [0, 1]; by default uniform noise. A number is a fixed grey, an array `[1, 1, 3]` a colour, an
            array of the image's size a picture. Those that come after this transform treat picture and image alike. A
            picture becomes part of the compiled program: another one is compiled anew.

    Raises:
        ValueError: values outside [0, 1], a picture that is not RGB; when applied, images that do not have 4 channels,
            or another size than the picture.

    Source: Captum, `BlendAlpha`.

    >>> import jax
    >>> nothing, red = jnp.zeros((1, 1, 4)), np.array([[[1.0, 0.0, 0.0]]])
    >>> [blend_alpha(seen)(jax.random.key(0), nothing)[0, 0].tolist() for seen in (0.25, red)]
    [[0.25, 0.25, 0.25], [1.0, 0.0, 0.0]]
    """
    if isinstance(background, Array | np.ndarray) and background.ndim == 3:
        (picture,) = next(batches(background))
        if picture.shape[-1] != 3:
            raise ValueError(f"the background has shape {picture.shape}; expected (height, width, 3)")
        return BlendAlpha(Frozen(picture.astype(np.float32)))
    return BlendAlpha(as_draw(background, "background values", least=0, most=1))


def ignore_alpha() -> IgnoreAlpha:
    """Drop the opacity of an RGBA image.

    Raises:
        ValueError: when applied, images that do not have 4 channels.

    Source: Captum, `IgnoreAlpha`.

    >>> from featvis.transforms import output_shape
    >>> output_shape([ignore_alpha()], (64, 64, 4))
    (64, 64, 3)
    """
    return IgnoreAlpha()


def _blend(transform: Drawn, image: Array, background: Array) -> Array:
    _check_channels(transform, image)
    opacity = image[..., 3:]
    return opacity * image[..., :3] + (1 - opacity) * background


def _check_channels(transform: Drawn, image: Array) -> None:
    if image.shape[2] != 4:
        raise ValueError(f"{transform} needs images of 4 channels, RGB and opacity; given {image.shape[2]}")
