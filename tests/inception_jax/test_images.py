"""Reading image files: formats, sizes, and files that are not what they say."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from inception_jax.images import MAX_PIXELS, ImageError, decode_image, load_image

# One step of an 8-bit channel: what may be lost where Pillow rounds and the reference does not.
STEP = 1 / 255


@pytest.fixture
def photo(rng: np.random.Generator) -> Image.Image:
    """48 x 30 pixels of noise."""
    return Image.fromarray(rng.integers(0, 256, (30, 48, 3), np.uint8))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_lossless_formats_give_the_pixels(photo: Image.Image, tmp_path: Path) -> None:
    expected = np.asarray(photo, np.float32) / 255
    for name, options in {"a.png": {}, "a.bmp": {}, "a.tiff": {}, "a.ppm": {}, "a.webp": {"lossless": True}}.items():
        photo.save(tmp_path / name, **options)
        image = load_image(tmp_path / name)
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, expected)


def test_content_decides_the_format_not_the_name(photo: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(photo, "PNG"))
    np.testing.assert_array_equal(load_image(tmp_path / "photo.jpg"), np.asarray(photo, np.float32) / 255)


def test_resize_agrees_with_jax(photo: Image.Image) -> None:
    # Both filter with a triangle as wide as the reduction; Pillow keeps 8 bits between its two passes.
    resized = decode_image(encoded(photo), "photo", short_side=20)
    assert resized.shape == (20, 32, 3)
    reference = jax.image.resize(np.asarray(photo, np.float32) / 255, (20, 32, 3), "linear", antialias=True)
    np.testing.assert_allclose(resized, reference, atol=1.5 * STEP)


def test_crop_is_central(photo: Image.Image) -> None:
    pixels = np.asarray(photo, np.float32) / 255
    np.testing.assert_array_equal(decode_image(encoded(photo), "photo", 20, short_side=30), pixels[5:25, 14:34])
    assert decode_image(encoded(photo), "photo", 20).shape == (20, 20, 3)


def test_enlarges_small_images(photo: Image.Image) -> None:
    assert decode_image(encoded(photo), "photo", 224, short_side=256).shape == (224, 224, 3)


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 1, (1, 1, 1)),
        ("L", 51, (0.2, 0.2, 0.2)),
        ("I;16", 51 * 257, (0.2, 0.2, 0.2)),
        ("LA", (51, 255), (0.2, 0.2, 0.2)),
        ("RGBA", (255, 0, 0, 255), (1, 0, 0)),
        ("RGBA", (255, 0, 0, 0), (1, 1, 1)),
        ("RGBA", (255, 0, 0, 51), (1, 0.8, 0.8)),
    ],
)
def test_modes_of_png(mode: str, value: int | tuple[int, ...], expected: tuple[float, ...]) -> None:
    image = decode_image(encoded(Image.new(mode, (4, 3), value)), "flat")
    assert image.shape == (3, 4, 3)
    np.testing.assert_allclose(image[1, 2], expected, atol=STEP)


def test_sixteen_bits_keep_their_range(rng: np.random.Generator) -> None:
    grey = rng.integers(0, 2**16, (5, 6), np.uint16)
    image = decode_image(encoded(Image.fromarray(grey)), "grey16")
    np.testing.assert_allclose(image[..., 0], grey / 65535, atol=STEP)


def test_palette_with_a_transparent_colour() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 255, 255, 0, 0])
    image.putpixel((0, 0), 0)
    pixels = decode_image(encoded(image, "GIF", transparency=0), "palette")
    np.testing.assert_array_equal(pixels[0, 0], [1, 1, 1])
    np.testing.assert_array_equal(pixels[1, 1], [1, 0, 0])


def test_cmyk_jpeg() -> None:
    # No cyan, full magenta and yellow, no black: red, up to what JPEG loses on a flat colour.
    image = decode_image(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"), "print")
    np.testing.assert_allclose(image[8, 8], [1, 0, 0], atol=3 * STEP)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [(1, lambda a: a), (2, np.fliplr), (3, lambda a: np.rot90(a, 2)), (6, lambda a: np.rot90(a, -1)), (8, np.rot90)],
)
def test_exif_orientation(photo: Image.Image, orientation: int, upright: Callable[[np.ndarray], np.ndarray]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode_image(encoded(photo, "PNG", exif=exif), "phone")
    np.testing.assert_array_equal(image, upright(np.asarray(photo, np.float32) / 255))


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode_image(data, "moving")[0, 0], [1, 0, 0])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"cannot read .*none\.png: No such file"):
        load_image(tmp_path / "none.png")


@pytest.mark.parametrize("data", [b"", b"<html></html>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n"])
def test_no_image(data: bytes) -> None:
    # PostScript among them, which Pillow would hand to Ghostscript.
    with pytest.raises(ImageError, match=r"photo\.jpg is no image; expected one of BMP, GIF, JPEG, PNG"):
        decode_image(data, "photo.jpg")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "PPM"])
def test_cut_files_are_damaged(photo: Image.Image, kind: str) -> None:
    data = encoded(photo, kind)
    for length in (len(data) // 2, len(data) * 3 // 4):
        with pytest.raises(ImageError, match=r"^photo is (damaged: |no image)"):
            decode_image(data[:length], "photo")


def test_any_damage_is_an_image_error(photo: Image.Image, rng: np.random.Generator) -> None:
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"):
        data = encoded(photo, kind)
        for _ in range(50):
            broken = bytearray(data)
            for position in rng.integers(0, len(data), 4):
                broken[position] = rng.integers(256)
            try:
                image = decode_image(bytes(broken), "photo", 8)
            except ImageError:
                continue
            assert image.shape == (8, 8, 3)


@pytest.mark.parametrize("side", [8_001, 10_000, 60_000])
def test_bombs_are_refused_before_decoding(side: int) -> None:
    # Above our bound; above the size at which Pillow warns; above the size at which it refuses.
    assert side**2 > MAX_PIXELS
    with pytest.raises(ImageError, match=r"bomb .*at most|bomb is damaged: .*exceeds limit"):
        decode_image(png_header(side, side), "bomb")


def test_bounded_after_resizing() -> None:
    thin = encoded(Image.new("L", (1, 3000)))
    with pytest.raises(ImageError, match="thin would become 256 x 768000 pixels; at most 50,000,000 are made"):
        decode_image(thin, "thin", short_side=256)


def test_large_files_are_refused(monkeypatch: pytest.MonkeyPatch, photo: Image.Image, tmp_path: Path) -> None:
    monkeypatch.setattr("inception_jax.images.MAX_BYTES", 100)
    photo.save(tmp_path / "photo.png")
    with pytest.raises(ImageError, match=r"photo\.png is larger than 100 bytes, the most that is read"):
        load_image(tmp_path / "photo.png")


@pytest.mark.parametrize(
    ("size", "short_side", "message"),
    [
        (0, None, "size is 0; expected a number of pixels, 1 or more"),
        (None, -1, "short_side is -1; expected a number of pixels"),
        (224, 200, "size is 224, above short_side 200"),
    ],
)
def test_impossible_lengths(size: int | None, short_side: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_image(b"", "photo", size, short_side=short_side)
