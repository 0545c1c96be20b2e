"""Arrays as pictures, against exact values and a colour rule written out pixel by pixel."""

import math

import numpy as np
import pytest
from PIL import Image

from featvis import pixels

RED, YELLOW, GREEN, CYAN, BLUE, MAGENTA = (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1)


def test_every_level_comes_back():
    levels = np.arange(256)
    for shift in (-0.49, 0.0, 0.49):
        np.testing.assert_array_equal(pixels.eight_bit((levels + shift) / 255), levels)
    assert pixels.eight_bit(np.array([np.nan, -np.inf, np.inf])).tolist() == [0, 0, 255]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_pictures_have_the_pixels_of_the_array(channels, mode):
    levels = np.random.default_rng(0).integers(0, 256, (5, 7, channels))
    shown = pixels.picture(levels / 255)
    assert (shown.mode, shown.size) == (mode, (7, 5))
    np.testing.assert_array_equal(np.asarray(shown).reshape(5, 7, channels), levels)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(4, 4), (0, 4, 3), (1, 4, 4, 3)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(
        ValueError, match=r"^an image has shape \(.*\); expected \(height, width, channels\), none of t"
    ):
        pixels.picture(np.zeros(shape))


def test_transparent_images_show_what_is_below():
    image = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    board = np.asarray(pixels.opaque(image))
    for row, column, grey in [(0, 0, 255), (7, 7, 255), (0, 8, 204), (8, 7, 204), (8, 8, 255), (16, 16, 255)]:
        assert board[row, column].tolist() == [grey] * 3
    assert (np.asarray(pixels.opaque(image, "white")) == 255).all()
    image.putalpha(102)  # Two fifths.
    assert pixels.opaque(image).getpixel((0, 0)) == (255, 153, 153)
    image.putalpha(255)
    assert pixels.opaque(image).getpixel((8, 0)) == (255, 0, 0)


@pytest.mark.usefixtures("unchecked")
def test_unknown_background():
    with pytest.raises(ValueError, match=r"^background is 'plaid'; expected checkerboard or white$"):
        pixels.opaque(Image.new("RGB", (1, 1)), "plaid")  # type: ignore[arg-type]


def by_hand(vector):
    """The colour of one vector, step by step around the circle."""
    parts = [max(v, 0) for v in vector] + ([max(-v, 0) for v in vector] if min(vector) < 0 else [])
    circle = [np.array(c) / np.linalg.norm(c) for c in (RED, YELLOW, GREEN, CYAN, BLUE, MAGENTA, RED)]
    total = np.zeros(3)
    for i, part in enumerate(parts):
        sixth, along = divmod(6 * i / len(parts), 1)
        # Steps towards yellow, cyan and magenta are fast at first, those away from them slow.
        along = math.sin(along * math.pi / 2) if sixth % 2 == 0 else 1 - math.sin((1 - along) * math.pi / 2)
        hue = (1 - along) * circle[int(sixth)] + along * circle[int(sixth) + 1]
        total += part * hue / np.linalg.norm(hue)
    total += sum(parts) - max(parts)
    return np.linalg.norm(parts) * total / (np.linalg.norm(total) + 1e-4)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 7, 12])
@pytest.mark.parametrize("lowest", [0.0, -1.0])
def test_colours_of_many_channels(channels, lowest):
    vectors = np.random.default_rng(channels).uniform(lowest, 1, (20, channels))
    vectors[0] = 0
    if lowest < 0:  # One negative value anywhere gives negative parts their hues everywhere.
        vectors[:, 0] = -np.abs(vectors[:, 0]) - 1e-3
    # Float32 sums of a dozen numbers of size one.
    np.testing.assert_allclose(pixels.collapse_channels(vectors), [by_hand(v) for v in vectors], atol=1e-5)


@pytest.mark.parametrize(
    ("vector", "colour"),
    [
        # What Lucid's own code gives, to five digits.
        ([0.2, 0.7, 0.0, 0.1, 0.4], [0.59008, 0.44949, 0.38692]),
        ([0.9, 0.0, 0.0, 0.0, 0.05], [0.89668, 0.04556, 0.07888]),
        ([0.5, -0.25, 0.0], [0.44816, 0.14939, 0.29878]),
    ],
)
def test_colours_are_lucids(vector, colour):
    np.testing.assert_allclose(pixels.collapse_channels(np.array(vector)), colour, atol=1e-5)


def test_hues_are_spread_evenly_and_opposite_for_negatives():
    np.testing.assert_allclose(pixels.collapse_channels(np.eye(3)), np.eye(3), atol=2e-4)  # The constant 1e-4.
    cyan = np.array(CYAN) / math.sqrt(2)
    np.testing.assert_allclose(pixels.collapse_channels(np.eye(2)), [RED, cyan], atol=2e-4)
    np.testing.assert_allclose(pixels.collapse_channels(np.array([[-1.0]])), [cyan], atol=2e-4)
    grey = pixels.collapse_channels(np.full((1, 6), 0.2))
    np.testing.assert_allclose(grey, np.full((1, 3), grey[0, 0]), atol=1e-6)  # Rounding of float32.
