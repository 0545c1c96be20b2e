"""Arrays as pictures: eight bits a channel, whatever the channels mean."""

from collections.abc import Sized
from typing import Literal, get_args

import numpy as np
from jaxtyping import Array, Float, UInt8
from PIL import Image

Background = Literal["checkerboard", "white"]
"""What is seen through transparent images."""

_SQUARE, _LIGHT, _DARK = 8, 255, 204


def eight_bit(values: Float[Array | np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """Values in [0, 1], rounded to the nearest of 256 levels. Those outside are clipped, NaN is 0.

    >>> eight_bit(np.array([-1.0, 0.0, 0.5, 1.0, np.nan])).tolist()
    [0, 0, 128, 255, 0]
    """
    clipped = np.clip(np.nan_to_num(np.asarray(values, np.float32), nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
    return (clipped * 255).round().astype(np.uint8)


def picture(image: Float[Array | np.ndarray, "height width channels"]) -> Image.Image:
    """An image as Pillow knows it.

    Args:
        image: in [0, 1]. One channel is grey, three are red, green and blue, a fourth is opacity; other numbers of
            channels become colours by `collapse_channels`.

    Raises:
        ValueError: an array of another shape, or with a side of 0.

    >>> [picture(np.zeros((2, 3, channels))).mode for channels in (1, 3, 4, 6)]
    ['L', 'RGB', 'RGBA', 'RGB']
    """
    if len(np.shape(image)) != 3 or 0 in np.shape(image):
        raise ValueError(f"an image has shape {np.shape(image)}; expected (height, width, channels), none of them 0")
    channels = np.shape(image)[-1]
    pixels = eight_bit(image if channels in (1, 3, 4) else collapse_channels(image))
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


def opaque(image: Image.Image, background: Background = "checkerboard") -> Image.Image:
    """An image in RGB; what is transparent shows `background`.

    Raises:
        ValueError: another background.

    >>> [opaque(Image.new("RGBA", (10, 1), (0, 0, 0, 0))).getpixel((x, 0)) for x in (7, 8)]
    [(255, 255, 255), (204, 204, 204)]
    """
    if background not in get_args(Background):
        raise ValueError(f"background is {background!r}; expected {' or '.join(get_args(Background))}")
    if image.mode != "RGBA":
        return image.convert("RGB")
    below = np.full((image.height, image.width), _LIGHT, np.uint8)
    if background == "checkerboard":
        rows, columns = np.indices(below.shape) // _SQUARE
        below[(rows + columns) % 2 == 1] = _DARK
    return Image.alpha_composite(Image.fromarray(below).convert("RGBA"), image).convert("RGB")


def grouped(images: Float[Array | np.ndarray, "n ..."], **texts: Sized | None) -> Float[np.ndarray, "n m h w c"]:
    """The images of several results, with one axis for the results and one for the images of each.

    Args:
        images: `[n, height, width, channels]`, one of each, or `[n, images, height, width, channels]`.
        texts: what goes with the results, such as `labels`; None, or one for each.

    Raises:
        ValueError: an array of another shape, no images, or another number of texts.

    >>> grouped(np.zeros((2, 32, 32, 3)), labels=["mixed4a:0", "mixed4a:1"]).shape
    (2, 1, 32, 32, 3)
    """
    array = np.asarray(images)
    if array.ndim not in (4, 5) or 0 in array.shape:
        raise ValueError(
            f"images have shape {array.shape}; expected (results, height, width, channels) or "
            "(results, images, height, width, channels), none of them 0"
        )
    for name, given in texts.items():
        if given is not None and len(given) != len(array):
            raise ValueError(f"{len(given)} {name} were given for {len(array)} results; expected one for each")
    return array if array.ndim == 5 else array[:, None]


def whole(name: str, value: int) -> int:
    """`value`, if it is a whole number of at least 1.

    Raises:
        ValueError: it is not.

    >>> whole("zoom", 0)
    Traceback (most recent call last):
    ValueError: zoom is 0; expected a whole number, at least 1
    """
    if not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} is {value}; expected a whole number, at least 1")
    return int(value)


def collapse_channels(image: Float[Array | np.ndarray, "*position channels"]) -> Float[np.ndarray, "*position 3"]:
    """Any number of channels as one colour: each has a hue, mixtures are paler, and brightness is the vector's length.

    Args:
        image: values of any size. Where any is negative, negative parts count as channels of their own, whose hues
            lie opposite to those of the positive parts.

    Returns:
        RGB, in [0, 1] where vectors are no longer than 1.

    Source: Lucid, `misc/io/collapse_channels.py`, which moves hues away from red, green and blue in the same way.

    >>> collapse_channels(np.eye(3)).round(3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    values = np.asarray(image, np.float32)
    if (values < 0).any():
        values = np.concatenate([np.maximum(values, 0), np.maximum(-values, 0)], -1)
    whiteness = values.sum(-1, keepdims=True) - values.max(-1, keepdims=True)
    colour = values @ _hues(values.shape[-1]) + whiteness
    # The constant, Lucid's, keeps black from dividing by 0.
    unit = colour / (np.linalg.norm(colour, axis=-1, keepdims=True) + 1e-4)
    return unit * np.linalg.norm(values, axis=-1, keepdims=True)


def _hues(count: int) -> Float[np.ndarray, "count 3"]:
    """Colours of length 1 around the colour circle, from red, drawn towards yellow, cyan and magenta."""
    turn = 3 * np.arange(count) / count  # Red is 0, green 1, blue 2.
    nearest = np.rint(turn)
    away = turn - nearest
    primary = np.eye(3)[nearest.astype(int) % 3]
    neighbour = np.eye(3)[(nearest + np.sign(away)).astype(int) % 3]
    share = np.sin(np.pi * np.abs(away))[:, None]
    mixed = (1 - share) * primary + share * (primary + neighbour) / np.sqrt(2)
    return (mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)).astype(np.float32)
