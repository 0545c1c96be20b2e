"""Photographs as the networks want them: image files to float32 RGB in [0, 1].

Images come from anywhere, so their size is bounded before anything is decoded, only common bitmap formats are opened
(Pillow hands some others to external programs), and a file that cannot be read raises one error that names it.
"""

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from PIL import ExifTags, Image, ImageOps

from inception_jax.bounded import FileError, read_bytes
from inception_jax.readers.contents import plain

MAX_PIXELS = 50_000_000
"""Images of more pixels are refused before they are decoded: as floats these take 600 MB."""

MAX_BYTES = 256_000_000
"""Image files of more bytes are refused before they are read."""

MAX_SCANNED = 1_500_000_000
"""Most pixels of all scans of a JPEG file together: each goes over the whole image. Progressive ones have about ten."""

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

_LARGE = 16_000_000
"""Images of more pixels are decoded one at a time, whatever the threads: each takes half a gigabyte or so."""
_one_large = threading.Lock()
_ROWS = 256

_READ = tuple(sorted(set(FORMATS.values())))


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
    return decode_image(read_file(Path(path)), str(path), size, short_side=short_side)


def read_file(path: Path, within: Path | None = None) -> bytes:
    """The bytes of an image file, at most one more than `MAX_BYTES`.

    Args:
        path: of the file.
        within: folder that it must lie in, links followed.

    Raises:
        ImageError: naming the file: missing, no regular file, outside the folder.
    """
    try:
        return read_bytes(path, MAX_BYTES, within)
    except FileError as error:
        raise ImageError(str(error)) from None
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror or error}") from error


def decode_image(
    data: bytes, name: str, size: int | None = None, *, short_side: int | None = None
) -> Float32[np.ndarray, "h w 3"]:
    """As `load_image`, of the bytes of a file; `name` is what errors call it.

    >>> decode_image(b"<html>", "photo.jpg")
    Traceback (most recent call last):
    inception_jax.images.ImageError: photo.jpg is no image; expected one of BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP
    """
    check_lengths(size, short_side)
    # Pillow warns about sizes that are refused anyway, and about harmless flaws in metadata.
    with warnings.catch_warnings(action="ignore"):
        image = load_rgb(open_image(data, name), name)
    # Each step lets go of what it began with: large images take several times as much on the way.
    image = _crop(_resize(image, name, short_side or size), size)
    whole = np.asarray(image)
    del image
    pixels = whole.astype(np.float32)
    pixels /= 255
    return pixels


def open_image(data: bytes, name: str) -> Image.Image:
    """The image in the bytes of a file, its header read and its size checked; `name` is what errors call it.

    >>> open_image(b"<html>", "photo.jpg")
    Traceback (most recent call last):
    inception_jax.images.ImageError: photo.jpg is no image; expected one of BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP
    """
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name} is larger than {MAX_BYTES:,} bytes, the most that is read")
    with _named(name):
        image = Image.open(io.BytesIO(data), formats=_READ)
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(f"{name} has {image.width} x {image.height} pixels; at most {MAX_PIXELS:,} are decoded")
    if image.format == "JPEG" and (scans := data.count(b"\xff\xda")) * image.width * image.height > MAX_SCANNED:
        size = f"{image.width} x {image.height} pixels {scans} times"
        raise ImageError(f"{name} has {size}; at most {MAX_SCANNED:,} in all")
    return image


def decoded(data: bytes, name: str) -> Image.Image:
    """The image in the bytes of a file, decoded as it is; `name` is what errors call it.

    >>> decoded(b"<html>", "photo.jpg")
    Traceback (most recent call last):
    inception_jax.images.ImageError: photo.jpg is no image; expected one of BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP
    """
    image = open_image(data, name)
    with _named(name):
        image.load()
    return image


def upright_size(image: Image.Image, name: str) -> tuple[int, int]:
    """Width and height that an image of `open_image` will have when it is loaded."""
    with _named(name):
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    return (image.height, image.width) if turned else image.size


def load_rgb(image: Image.Image, name: str, reduce: int = 1) -> Image.Image:
    """Decode an image of `open_image`: upright, 8-bit RGB, transparent parts white.

    Args:
        image: what `open_image` returned.
        name: what errors call it.
        reduce: the width and height may come out smaller, by this factor or less, where that is faster (JPEG).
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_named(name))
        if reduce > 1:
            image.draft(None, (-(-image.width // reduce), -(-image.height // reduce)))
        if image.width * image.height > _LARGE:
            stack.enter_context(_one_large)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return _rgb(image)


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Turns what Pillow raises into an `ImageError` that names the file."""
    try:
        yield
    except Image.UnidentifiedImageError as error:
        raise ImageError(f"{name} is no image; expected one of {', '.join(_READ)}") from error
    except Exception as error:  # decoders fail in many ways: OSError, SyntaxError, struct.error, EOFError, ...
        raise ImageError(f"{name} is damaged: {plain(error)}") from error


def check_lengths(size: int | None, short_side: int | None) -> None:
    """Raise `ValueError` unless a square of `size` can be cut from an image of that shorter side."""
    for label, value in (("size", size), ("short_side", short_side)):
        if value is not None and value < 1:
            raise ValueError(f"{label} is {value}; expected a number of pixels, 1 or more")
    if size and short_side and size > short_side:
        raise ValueError(f"size is {size}, above short_side {short_side}; the square must fit into the resized image")


def _rgb(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I") and not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    # In strips, since what lies between takes several times as much memory.
    whole = Image.new("RGB", image.size)
    for top in range(0, image.height, _ROWS):
        strip = image.crop((0, top, image.width, min(top + _ROWS, image.height)))
        whole.paste(_opaque(strip), (0, top))
    return whole


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip to 8
        grey = np.clip(np.asarray(image, np.float32) / 257, 0, 255)
        return Image.fromarray(grey.round().astype(np.uint8)).convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


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
