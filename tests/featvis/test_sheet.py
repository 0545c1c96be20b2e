"""Sheets, pixel by pixel."""

import json
import re

import numpy as np
import pytest

from featvis.pixels import eight_bit, opaque, picture
from featvis.sheet import sheet, sprite_sheet


def noise(*shape, seed=0):
    """Values that are whole levels, so that nothing is rounded."""
    return np.random.default_rng(seed).integers(0, 256, shape) / 255


@pytest.mark.parametrize("zoom", [1, 3])
@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize(("shape", "columns"), [((5, 6, 9, 3), 2), ((3, 4, 6, 9, 3), 1), ((4, 1, 6, 9, 3), 9)])
def test_every_image_is_in_its_place(shape, columns, labelled, zoom):
    images = noise(*shape)
    pixels = np.asarray(sheet(images, [""] * shape[0] if labelled else None, columns, zoom=zoom))
    results = eight_bit(images).reshape(shape[0], -1, 6, 9, 3).repeat(zoom, 2).repeat(zoom, 3)
    count, height, width = results.shape[1:4]
    block, line, gap = count * width + 2 * (count - 1), height + (21 if labelled else 0), 8 if count == 1 else 16
    rows = -(-shape[0] // columns)
    assert pixels.shape == (gap + rows * (line + gap), gap + columns * (block + gap), 3)
    rest = pixels.copy()
    for i, result in enumerate(results):
        for j, image in enumerate(result):
            y, x = gap + i // columns * (line + gap), gap + i % columns * (block + gap) + j * (width + 2)
            np.testing.assert_array_equal(pixels[y : y + height, x : x + width], image)
            rest[y : y + height, x : x + width] = 255
    assert (rest == 255).all(), "white between the images"


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("count", [1, 2, 5, 16, 40])
@pytest.mark.parametrize("images", [1, 3])
def test_sheets_are_about_as_wide_as_high(images, count, labelled):
    width, height = sheet(noise(count, images, 24, 24, 3), ["a"] * count if labelled else None).size
    # A single result, or two beside each other, keep their own shape: three images are three times as wide as high.
    assert max(width / height, height / width) < (3 if count < 3 else 2.5)


@pytest.mark.parametrize("channels", [1, 4, 6])
def test_all_numbers_of_channels_are_shown(channels):
    (image,) = images = noise(1, 16, 16, channels)
    for background in ("checkerboard", "white"):
        shown = np.asarray(sheet(images, background=background))[8:24, 8:24]
        np.testing.assert_array_equal(shown, np.asarray(opaque(picture(image), background)))


def test_labels_are_written_below():
    images = np.zeros((2, 60, 60, 3))
    labelled, bare = (np.asarray(sheet(images, labels, 2)) for labels in (["unit 1", "a\nb"], ["", ""]))
    changed = (labelled != bare).any(-1)
    assert changed[69:].any()
    assert not changed[:69].any(), "nothing on the images"
    for left, right in ((8, 68), (76, 136)):
        columns = np.flatnonzero(changed[:, left:right].any(0))
        # Centred: the ink of letters has up to two pixels of room on either side.
        assert abs(columns.mean() - 29.5) < 3


def test_long_labels_are_shortened():
    pixels = np.asarray(sheet(np.zeros((1, 40, 40, 3)), ["mixed4a_3x3_bottleneck_pre_relu:12"]))
    assert (pixels[:, :6] == 255).all()
    assert (pixels[:, -6:] == 255).all()
    assert (pixels[50:] < 255).any()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"images": np.zeros((0, 4, 4, 3))},
            "images have shape (0, 4, 4, 3); expected (results, height, width, channels)",
        ),
        (
            {"images": np.zeros((4, 4, 3))},
            "images have shape (4, 4, 3); expected (results, height, width, channels) or",
        ),
        ({"labels": ["a"]}, "1 labels were given for 2 results; expected one for each"),
        ({"columns": 0}, "columns is 0; expected a whole number, at least 1"),
        ({"zoom": 1.5}, "zoom is 1.5; expected a whole number, at least 1"),
        ({"background": "plaid"}, "background is 'plaid'; expected checkerboard or white"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        sheet(**{"images": np.zeros((2, 4, 4, 3)), **arguments})


# What Lucid's notebooks know of the sprite maps that were published: units of each layer, and sprites in a row.
LUCIDS = {
    "mixed3a": (256, 16),
    "mixed3b": (480, 21),
    "mixed4a": (508, 22),
    "mixed4b": (512, 22),
    "mixed4c": (512, 22),
    "mixed4d": (528, 22),
    "mixed4e": (832, 28),
    "mixed5a": (832, 28),
}


@pytest.mark.parametrize("layer", LUCIDS)
def test_sprites_are_laid_out_as_lucids(layer):
    count, columns = LUCIDS[layer]
    _, places = sprite_sheet(np.zeros((count, 1, 1, 3)), tile=1)
    assert places["columns"] == columns
    assert sprite_sheet(np.zeros((1, 2, 2, 3)))[1]["tile"] == 110


@pytest.mark.parametrize("channels", [1, 3, 4, 6])
def test_sprites_lie_edge_to_edge_where_the_mapping_says(channels):
    images = noise(5, 12, 12, channels)
    whole, places = sprite_sheet(images, 12, 3, labels=["a", "b", "c", "d", "d"])
    assert json.loads(json.dumps(places)) == places
    assert (whole.mode, whole.size) == ("RGBA" if channels == 4 else "RGB", (36, 24))
    assert (places["tile"], places["columns"], places["rows"]) == (12, 3, 2)
    assert [s["label"] for s in places["sprites"]] == ["a", "b", "c", "d", "d"]
    for image, sprite in zip(images, places["sprites"], strict=True):
        part = whole.crop((sprite["x"], sprite["y"], sprite["x"] + 12, sprite["y"] + 12))
        np.testing.assert_array_equal(np.asarray(part), np.asarray(picture(image).convert(whole.mode)))
    assert len({(s["x"], s["y"]) for s in places["sprites"]}) == 5
    assert np.asarray(whole)[12:, 24:, -1].max() == (0 if channels == 4 else 255), "the place left over is paper"


def test_sprites_are_scaled():
    halves = np.zeros((1, 64, 64, 3))
    halves[:, :, 32:] = 1
    pixels = np.asarray(sprite_sheet(halves)[0])
    assert pixels.shape == (110, 110, 3)
    # The filter reaches three pixels of the image, 3 * 110 / 64 of the sprite, to either side of the edge at 55.
    assert (pixels[:, :49] == 0).all()
    assert (pixels[:, 61:] == 255).all()
    assert (pixels[:, 54] < 128).all()
    assert (pixels[:, 55] > 127).all()


@pytest.mark.usefixtures("unchecked")
def test_sprites_that_cannot_be():
    with pytest.raises(
        ValueError, match=r"^sprites are square; images have shape \(1, 2, 3, 3\), expected \(n, side, "
    ):
        sprite_sheet(np.zeros((1, 2, 3, 3)))
    with pytest.raises(ValueError, match=r"^sprites are square; images have shape \(1, 2, 2, 2, 3\)"):
        sprite_sheet(np.zeros((1, 2, 2, 2, 3)))
    with pytest.raises(ValueError, match=r"^tile is 0; expected a whole number, at least 1$"):
        sprite_sheet(np.zeros((1, 2, 2, 3)), 0)
