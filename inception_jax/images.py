"""Photographs as the networks want them: image files to float32 RGB in [0, 1].

Images come from anywhere, so their size is bounded before anything is decoded, only common bitmap formats are opened
(Pillow hands some others to external programs), and a file that cannot be read raises one error that names it.
"""

import io
import warnings
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageOps

MAX_PIXELS = 64_000_000
"""Images of more pixels are refused before they are decoded."""

MAX_BYTES = 256_000_000
"""Image files of more bytes are refused before they are read."""

FORMATS = {
    ".bmp": "BMP",
    ".gif": "GIF",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".ppm": "PPM",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
"""Formats that are read, and the usual endings of their file names; the content decides which one a file has."""


class ImageError(ValueError):
    """An image, or a collection of images, that cannot be read; the message names the file."""


def load_image(
    path: str | PathLike[str], size: int | None = None, *, short_side: int | None = None
) -> Float32[np.ndarray, "h w 3"]:
    """Read an image file as RGB in [0, 1].

    The image is turned upright by its EXIF tag. CMYK, grey, palette and 16-bit images become 8-bit RGB, transparent
    parts become white, and of an animation the first frame is read.

    Args:
        path: a file of one of the `FORMATS`, at most `MAX_PIXELS` pixels.
        size: side of the central square to return, in pixels; by default the whole image.
        short_side: length to which the shorter side is resized first (bilinear, antialiased); by default `size`.
            The networks are tested with `size=224, short_side=256`.

    Raises:
        ImageError: naming the file: missing, no image, damaged, too large.
        ValueError: lengths below 1, or `size` above `short_side`.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "red.png")
    ...     Image.new("RGB", (40, 20), "red").save(path)
    ...     load_image(path).shape, load_image(path, 8)[0, 0].tolist()
    ((20, 40, 3), [1.0, 0.0, 0.0])
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror or error}") from error
    return decode_image(data, str(path), size, short_side=short_side)


def decode_image(
    data: bytes, name: str, size: int | None = None, *, short_side: int | None = None
) -> Float32[np.ndarray, "h w 3"]:
    """As `load_image`, of the bytes of a file; `name` is what errors call it.

    >>> decode_image(b"<html>", "photo.jpg")
    Traceback (most recent call last):
    inception_jax.images.ImageError: photo.jpg is no image; expected one of BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP
    """
    check_lengths(size, short_side)
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name} is larger than {MAX_BYTES:,} bytes, the most that is read")
    formats = sorted(set(FORMATS.values()))
    try:
        # Pillow warns about sizes that the check below refuses, and about harmless flaws in metadata.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=formats) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageError(
                    f"{name} has {image.width} x {image.height} pixels; at most {MAX_PIXELS:,} are decoded"
                )
            image.load()
            pixels = _crop(_resize(_rgb(ImageOps.exif_transpose(image)), name, short_side or size), size)
    except ImageError:
        raise
    except Image.UnidentifiedImageError as error:
        raise ImageError(f"{name} is no image; expected one of {', '.join(formats)}") from error
    except Exception as error:  # decoders fail in many ways: OSError, SyntaxError, struct.error, EOFError, ...
        raise ImageError(f"{name} is damaged: {error}") from error
    return np.asarray(pixels, np.float32) / 255


def check_lengths(size: int | None, short_side: int | None) -> None:
    """Raise `ValueError` unless a square of `size` can be cut from an image of that shorter side."""
    for label, value in (("size", size), ("short_side", short_side)):
        if value is not None and value < 1:
            raise ValueError(f"{label} is {value}; expected a number of pixels, 1 or more")
    if size and short_side and size > short_side:
        raise ValueError(f"size is {size}, above short_side {short_side}; the square must fit into the resized image")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip to 8
        grey = np.clip(np.asarray(image, np.float32) / 257, 0, 255)
        return Image.fromarray(grey.round().astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def _resize(image: Image.Image, name: str, short_side: int | None) -> Image.Image:
    if short_side is None or short_side == min(image.size):
        return image
    scale = short_side / min(image.size)
    width, height = (max(short_side, round(side * scale)) for side in image.size)
    if width * height > MAX_PIXELS:
        raise ImageError(f"{name} would become {width} x {height} pixels; at most {MAX_PIXELS:,} are made")
    return image.resize((width, height), Image.Resampling.BILINEAR)


def _crop(image: Image.Image, size: int | None) -> Image.Image:
    if size is None:
        return image
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))
