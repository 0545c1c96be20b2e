"""What happens to a photograph on the host."""

import colorsys
import io
import math

import numpy as np
import pytest
from pictures import encoded, noise, plain
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from inception_jax.datasets import Preparation
from inception_jax.images import ImageError, decode_image

STILL = {"area": (1.0, 1.0), "aspect": (1.0, 1.0), "flip": False}


def ramps(width: int, height: int, form: str = "png", **options: object) -> bytes:
    """Red grows from left to right, green from top to bottom, both from 0 to 255: colours tell the place."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([x, y, np.full_like(x, 100)], -1).round().astype(np.uint8)
    return encoded(Image.fromarray(pixels), form, **options)


def train(preparation: Preparation, data: bytes, seed: int = 0) -> np.ndarray:
    return preparation.train(data, "x", np.random.default_rng(seed)).astype(float)


def box(pixels: np.ndarray, width: int, height: int) -> tuple[float, float]:
    """Width and height of the part of `ramps` that was cut out, in pixels."""
    size = len(pixels)
    x, y = pixels[size // 2, :, 0], pixels[:, size // 2, 1]
    # The middle part of the slope: at the edges, antialiasing flattens it.
    inner = slice(size // 4, 3 * size // 4 + 1)
    slopes = [np.polyfit(np.arange(size)[inner], line[inner], 1)[0] / 255 for line in (x, y)]
    return abs(slopes[0]) * size * (width - 1), abs(slopes[1]) * size * (height - 1)


def test_parts_are_cut_out_at_random():
    width, height = 400, 300
    data = ramps(width, height)
    preparation = Preparation(size=64, area=(0.2, 0.5), aspect=(0.5, 2.0), flip=False)
    sizes = np.array([box(train(preparation, data, seed), width, height) for seed in range(200)])
    areas, aspects = sizes.prod(-1) / (width * height), sizes[:, 0] / sizes[:, 1]
    # Slopes of colours rounded to 1/255 give lengths to about 2 %.
    assert 0.2 * 0.95 < areas.min() < 0.22
    assert 0.48 < areas.max() < 0.5 * 1.05
    assert 0.5 * 0.95 < aspects.min() < 0.6
    assert 1.7 < aspects.max() < 2.0 * 1.05
    assert 0.32 < areas.mean() < 0.38, "uniform"
    assert abs(np.log(aspects).mean()) < 0.1, "as often high as wide"
    centres = np.array([train(preparation, data, seed)[32, 32, :2] for seed in range(200)])
    # A part of about 0.6 of the sides has its centre from 0.3 to 0.7 of them, uniformly.
    assert np.abs(centres.mean(0) / 255 - 0.5).max() < 0.03
    assert (centres.std(0) / 255 > 0.08).all()


@pytest.mark.parametrize(("width", "height"), [(200, 20), (20, 200)])
def test_the_centre_of_very_long_photographs(width, height):
    preparation = Preparation(size=16, area=(0.9, 1.0), flip=False)
    pixels = train(preparation, ramps(width, height))
    aspect = 4 / 3 if width > height else 3 / 4
    long, short = (0, 1) if width > height else (1, 0)
    assert abs(pixels[8, 8, long] - 127.5) < 5
    found = box(pixels, width, height)
    assert found[0] / found[1] == pytest.approx(aspect, rel=0.1)
    assert found[short] == pytest.approx(20, rel=0.1)  # all of the short side


def test_the_whole_photograph():
    data = noise(1, (32, 32))
    expected = decode_image(data, "x") * 255
    assert (train(Preparation(size=32, **STILL), data) == expected.round()).all()


def test_flips():
    data = noise(1, (32, 32))
    still = train(Preparation(size=32, **STILL), data)
    mirrored = 0
    for seed in range(40):
        pixels = train(Preparation(size=32, area=(1, 1), aspect=(1, 1)), data, seed)
        assert (pixels == still).all() or (pixels == still[:, ::-1]).all()
        mirrored += int((pixels == still[:, ::-1]).all())
    assert 8 < mirrored < 32  # 20, with a standard deviation of 3.2


@pytest.mark.parametrize("turns", [-1, 0, 1, 2, 3, 4])
def test_quarter_turns_come_last(turns):
    data = noise(2, (40, 30))
    plain_one, turned = Preparation(size=16, brightness=0.3), Preparation(size=16, brightness=0.3, quarter_turns=turns)
    for seed in range(4):
        assert (train(turned, data, seed) == np.rot90(train(plain_one, data, seed), turns)).all()
    assert (turned.test(data, "x") == np.rot90(plain_one.test(data, "x"), turns)).all()


def test_brightness():
    factors = [train(Preparation(size=1, brightness=0.5), plain((100, 60, 20)), seed)[0, 0] for seed in range(100)]
    ratio = np.array(factors)[:, 0] / 100
    assert 0.49 < ratio.min() < 0.53
    assert 1.47 < ratio.max() < 1.51
    # 20 levels are rounded (down) to one: 5 %.
    assert np.allclose(np.array(factors) / (100, 60, 20), ratio[:, None], atol=0.06)


def test_contrast():
    two = encoded(Image.fromarray(np.array([[[80] * 3, [120] * 3]] * 2, np.uint8)))
    pixels = np.array([train(Preparation(size=2, contrast=0.5, **STILL), two, seed)[0, :, 0] for seed in range(100)])
    assert np.abs(pixels.mean(1) - 100).max() <= 1
    ratio = (pixels[:, 1] - pixels[:, 0]) / 40
    # Both levels are rounded down to one: 2 of 40.
    assert 0.45 < ratio.min() < 0.6
    assert 1.4 < ratio.max() < 1.55


def test_saturation():
    pixels = [
        train(Preparation(size=1, saturation=1.0), plain((150, 100, 50)), seed)[0, 0] / 255 for seed in range(100)
    ]
    hues, saturations, _ = zip(*(colorsys.rgb_to_hsv(*pixel) for pixel in pixels), strict=True)
    assert min(saturations) < 0.1
    assert max(saturations) > 0.85
    coloured = [hue for hue, saturation in zip(hues, saturations, strict=True) if saturation > 0.3]
    assert np.allclose(coloured, 30 / 360, atol=0.02)
    grey = np.array(pixels) @ (0.299, 0.587, 0.114)
    assert np.allclose(grey, grey[0], atol=0.01)  # rounding of three levels


def test_no_jitter_draws_nothing():
    """Turning an effect off does not change where others fall."""
    data = noise(3, (32, 32))
    one = train(Preparation(size=8), data)
    assert (one == train(Preparation(size=8, contrast=0.0), data)).all()


@pytest.mark.parametrize(("size", "short_side"), [(32, None), (28, 32), (64, 96), (20, 64)])
def test_the_centre_is_what_images_are_read_as(size, short_side):
    data = noise(4, (64, 64))
    expected = decode_image(data, "x", size, short_side=short_side or size) * 255
    found = Preparation(size=size, short_side=short_side).test(data, "x")
    # Resizing only what is cut out reads the edges otherwise, and rounds otherwise, once for each direction.
    assert np.abs(found - expected)[1:-1, 1:-1].max() <= 2.01


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_stand_upright(orientation):
    upright = Image.open(io.BytesIO(ramps(60, 40)))
    # How a picture lies in the file, by the Exif standard, for each value that says so.
    lies = dict(zip(range(2, 9), ["FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE"], strict=False))
    lies |= {6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270"}
    stored = upright.transpose(Image.Transpose[lies[orientation]]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, "jpeg", quality=95, exif=exif)
    expected = Preparation(size=16).test(encoded(upright, "jpeg", quality=95), "x").astype(int)
    # JPEG squares fall otherwise on a turned image.
    assert np.abs(Preparation(size=16).test(data, "x") - expected).max() <= 6
    same = {"area": (0.3, 0.6), "flip": False}
    expected = train(Preparation(size=16, **same), encoded(upright, "jpeg", quality=95), 7)
    assert np.abs(train(Preparation(size=16, **same), data, 7) - expected).max() <= 6


@pytest.mark.parametrize(("width", "height", "orientation"), [(1000, 700, 1), (700, 1000, 6), (513, 771, 1)])
def test_large_jpegs_are_decoded_small(width, height, orientation, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = ramps(width, height, "jpeg", quality=95, exif=exif)
    preparation = Preparation(size=64, area=(0.5, 1.0))
    small = [train(preparation, data, seed) for seed in range(5)]
    asked = []
    monkeypatch.setattr(JpegImageFile, "draft", lambda _, __, size: asked.append(size))
    whole = [train(preparation, data, seed) for seed in range(5)]
    assert len(asked) == 5, "each was decoded smaller before"
    # Two ways of averaging the same pixels: a smooth picture comes out the same, up to rounding.
    assert max(np.abs(a - b).max() for a, b in zip(small, whole, strict=True)) <= 4


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"<html>", "a.jpg is no image; expected one of BMP"), (noise(0, (90, 90))[:999], "a.jpg is damaged: ")],
)
def test_images_that_cannot_be_read(data, message):
    with pytest.raises(ImageError, match=message):
        Preparation().train(data, "a.jpg", np.random.default_rng(0))
    with pytest.raises(ImageError, match=message):
        Preparation().test(data, "a.jpg")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 0}, r"size is 0; expected a number of pixels, 1 or more"),
        (
            {"area": (0.0, 1.0)},
            r"area is \(0\.0, 1\.0\); expected \(least, largest\) part of the photograph, in",
        ),
        ({"area": (0.5, 0.4)}, r"area is \(0\.5, 0\.4\)"),
        ({"area": (0.5, 1.1)}, r"area is"),
        ({"aspect": (0.0, 1.0)}, r"aspect is \(0\.0, 1\.0\); expected \(least, largest\) ratio of width to height"),
        ({"aspect": (1.0, math.inf)}, r"aspect is"),
        ({"brightness": -0.1}, r"brightness is -0\.1; expected 0 \(off\) to 1"),
        ({"saturation": math.nan}, r"saturation is nan; expected 0 \(off\) to 1"),
        ({"size": 64, "short_side": 63}, r"short_side is 63, below size 64; the square must fit into it"),
    ],
)
def test_what_cannot_be(wrong, message):
    with pytest.raises(ValueError, match=message):
        Preparation(**wrong)
