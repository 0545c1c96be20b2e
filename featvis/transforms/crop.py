"""Transforms whose output has a size of its own: crops and resizing."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from featvis.transforms.base import Drawn, Geometric, Shape, Size
from featvis.transforms.draws import Draw, Values, as_draw
from featvis.transforms.warp import shift


@dataclass(frozen=True)
class CropTo(Geometric):
    """See `random_crop` and `center_crop`."""

    target: Size
    random: bool

    def draw(self, key: Key[Array, ""], shape: Shape) -> Float[Array, "2"]:
        """The first row and column."""
        room = jnp.array([shape[0] - self.target[0], shape[1] - self.target[1]])
        offset = jax.random.randint(key, (2,), 0, room + 1) if self.random else room // 2
        return offset.astype(jnp.float32)

    def size(self, size: Size, original: Size) -> Size:
        """The target size."""
        del original
        if self.target[0] > size[0] or self.target[1] > size[1]:
            raise ValueError(
                f"cannot crop an image of {size[0]}x{size[1]} pixels to {self.target[0]}x{self.target[1]}; "
                "crop_or_pad_to pads where the image is too small"
            )
        return self.target

    def matrix(self, draws: Float[Array, "2"], size: Size, out: Size) -> Float[Array, "3 3"]:
        """A shift."""
        del size, out
        return shift(draws[0], draws[1])


@dataclass(frozen=True)
class CropOrPadTo(Geometric):
    """See `crop_or_pad_to`."""

    target: Size | None

    def size(self, size: Size, original: Size) -> Size:
        """The target size."""
        del size
        return self.target or original

    def matrix(self, draws: Any, size: Size, out: Size) -> Float[Array, "3 3"]:
        """A shift that keeps the centre."""
        del draws
        return shift((size[0] - out[0]) // 2, (size[1] - out[1]) // 2)


@dataclass(frozen=True)
class BoxCrop(Drawn):
    """See `box_crop`."""

    sizes: Draw
    centre: Draw | None
    target: Size | None

    def draw(self, key: Key[Array, ""], shape: Shape) -> tuple[Float[Array, ""], Float[Array, "2"]]:
        """The box's side and its upper left corner, in fractions of the image's sides."""
        del shape
        side_key, corner_key = jax.random.split(key)
        side = self.sizes.sample(side_key)
        if self.centre is None:
            return side, (1 - side) * jax.random.uniform(corner_key, (2,))
        return side, jnp.clip(self.centre.sample(corner_key, (2,)) - side / 2, 0, 1 - side)

    def act(
        self, image: Float[Array, "h w c"], draws: tuple[Float[Array, ""], Float[Array, "2"]]
    ) -> Float[Array, "h2 w2 c"]:
        """The box, resized."""
        side, corner = draws
        size, out = jnp.array(image.shape[:2], jnp.float32), self.target or image.shape[:2]
        scale = jnp.array(out, jnp.float32) / (side * size)
        return jax.image.scale_and_translate(
            image, (*out, image.shape[2]), (0, 1), scale, -corner * size * scale, "linear"
        )


@dataclass(frozen=True)
class ResizeTo(Drawn):
    """See `resize_to`."""

    target: Size

    def act(self, image: Float[Array, "h w c"], draws: Any) -> Float[Array, "h2 w2 c"]:
        """The resized image."""
        del draws
        return jax.image.resize(image, (*self.target, image.shape[2]), "linear", precision=jax.lax.Precision.HIGHEST)


def random_crop(height: int, width: int | None = None) -> CropTo:
    """Crop to a size in pixels, at a random whole offset. One number gives a square.

    Raises:
        ValueError: a side below 1; when applied, an image that is smaller.

    Source: Captum, `RandomCrop`.

    >>> random_crop(96)
    CropTo(target=(96, 96), random=True)
    """
    return CropTo(_target(height, width), random=True)


def center_crop(height: int, width: int | None = None) -> CropTo:
    """Crop about the centre to a size in pixels. One number gives a square.

    Raises:
        ValueError: a side below 1; when applied, an image that is smaller.

    Source: Captum, `CenterCrop`, which pads smaller images; `crop_or_pad_to` does that.

    >>> center_crop(96, 64)
    CropTo(target=(96, 64), random=False)
    """
    return CropTo(_target(height, width), random=False)


def crop_or_pad_to(height: int | None = None, width: int | None = None) -> CropOrPadTo:
    """Crop or pad about the centre to a size in pixels, by default to that of the image before all transforms.

    Where a side changes by an odd number, the odd row or column is cropped at the end and padded at the start.

    Raises:
        ValueError: a side below 1, a width without a height.

    Source: Lucid, `transform.crop_or_pad_to`, which pads with black and the odd row at the end.

    >>> from featvis.transforms import output_shape, pad
    >>> [output_shape([pad(12), back], (128, 128, 3)) for back in (crop_or_pad_to(100), crop_or_pad_to())]
    [(100, 100, 3), (128, 128, 3)]
    """
    return CropOrPadTo(_optional_target(height, width))


def box_crop(
    sizes: Values, centre: Values | None = None, *, height: int | None = None, width: int | None = None
) -> BoxCrop:
    """Resize a random box of the image, always wholly inside it, to a size in pixels.

    Args:
        sizes: sides of the box in fractions of the image's sides, above 0 and at most 1.
        centre: the box's centre, in fractions of the image's sides; row and column are drawn on their own, and moved
            until the box lies inside the image. By default all boxes inside the image are equally likely.
        height, width: of the output; one number gives a square, none the size of the image that comes in.

    Resampling is bilinear, and averages where it shrinks. It stands on its own, outside the common view of its
    neighbours.

    Raises:
        ValueError: fractions out of range, a side below 1 pixel, a width without a height.

    Source: MaCo (Fel et al. 2023; see `featvis.recipes.maco` for its numbers), whose boxes may reach beyond the image;
    faccent's `box_crop_2` is `box_crop(uniform(0.05, 0.99))`.

    >>> from featvis.transforms import output_shape
    >>> output_shape([box_crop(0.25, height=64)], (96, 128, 3))
    (64, 64, 3)
    """
    return BoxCrop(
        as_draw(sizes, "box sizes", above=0, most=1),
        None if centre is None else as_draw(centre, "box centres"),
        _optional_target(height, width),
    )


def resize_to(height: int, width: int | None = None) -> ResizeTo:
    """Resize to a size in pixels: bilinear, averaging where it shrinks. One number gives a square.

    Raises:
        ValueError: a side below 1.

    Source: Lucent's up-sampling of images below 224 pixels; Xplique's resizing to the size that a network expects.

    >>> from featvis.transforms import output_shape
    >>> output_shape([resize_to(224)], (96, 128, 3))
    (224, 224, 3)
    """
    return ResizeTo(_target(height, width))


def _target(height: int, width: int | None) -> Size:
    """The size in pixels that a height and perhaps a width mean."""
    target = (height, height if width is None else width)
    if any(not isinstance(side, int | np.integer) or side < 1 for side in target):
        raise ValueError(f"target size is {target}; expected at least 1 pixel a side, in whole numbers")
    return target


def _optional_target(height: int | None, width: int | None) -> Size | None:
    if height is None and width is not None:
        raise ValueError(f"target has a width of {width} and no height; give both, or a height alone for a square")
    return None if height is None else _target(height, width)
