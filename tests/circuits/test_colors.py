"""The colours of weights against the articles' anchors, and the layout of many tiles."""

import numpy as np
import pytest

from circuits import ORANGE_BLUE, mosaic, small_multiples, weights_to_rgb


def hexadecimal(rgb):
    return "".join(f"{int(255 * float(channel) + 0.4):02x}" for channel in rgb)


@pytest.mark.parametrize(
    ("value", "color"),
    [
        (-1.0, "0571b0"),
        (-0.5, "92c5de"),
        (0.0, "f7f7f7"),
        (0.5, "f4a582"),
        (1.0, "ca0020"),
        (-0.25, "c4deea"),  # Halfway, rounded down: (f7 + 92) / 2, (f7 + c5) / 2, (f7 + de) / 2.
    ],
)
def test_anchors(value, color):
    assert hexadecimal(weights_to_rgb(np.array(value), scale=1.0)) == color


def test_beyond_the_scale_colors_go_on_until_a_channel_ends():
    # From 0.5 to 1, red falls by 42, green by 165 and blue by 98; a quarter further by half of that, down to zero.
    assert hexadecimal(weights_to_rgb(np.array(1.25), scale=1.0)) == hexadecimal(np.array([181, 0, 0]) / 255)
    assert hexadecimal(weights_to_rgb(np.array(-9.0), scale=1.0)) == hexadecimal(np.array([0, 0, 0]) / 255)


def test_the_scale_is_the_largest_weight():
    weights = np.array([[0.0, -3.0], [1.5, 0.3]])
    np.testing.assert_array_equal(weights_to_rgb(weights), weights_to_rgb(weights / 3, scale=1.0))
    assert hexadecimal(weights_to_rgb(np.zeros(1))[0]) == "f7f7f7"


@pytest.mark.parametrize("value", [-1.0, -0.3, 0.0, 0.7, 1.0])
def test_orange_and_blue(value):
    # The formula of the article, in bytes; its 128 is 127 in the anchors.
    size = abs(value)
    expected = (255, 255 - 128 * size, 255 - 255 * size) if value > 0 else (255 - 255 * size, 255 - 128 * size, 255)
    np.testing.assert_allclose(weights_to_rgb(np.array(value), 1.0, ORANGE_BLUE) * 255, expected, atol=1e-4)


def test_small_multiples():
    weights = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
    image = small_multiples(weights, pixels=3, gap=2)
    assert image.shape == (2 * 15 + 2, 3 * 12 + 4, 3)
    colors = weights_to_rgb(weights)
    np.testing.assert_array_equal(image[17 + 4 * 3 + 1, 28 + 2 * 3], colors[1, 2, 4, 2])
    np.testing.assert_array_equal(image[0, 0], colors[0, 0, 0, 0])
    assert (image[15:17] == 1).all()
    assert (image[:, 12:14] == 1).all()


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match="the weights are not all finite; expected numbers"):
        weights_to_rgb(np.array([np.nan]))
    with pytest.raises(ValueError, match=r"scale is 0\.0; expected a positive number"):
        weights_to_rgb(np.ones(2), 0.0)
    with pytest.raises(ValueError, match=r"shape \(3, 5, 5, 3\); expected \[rows, columns, height, width, 3\]"):
        mosaic(np.ones((3, 5, 5, 3)))
    with pytest.raises(ValueError, match="pixels is 0 and gap is 2; expected at least 1 and at least 0"):
        small_multiples(np.ones((1, 1, 5, 5)), pixels=0)


@pytest.mark.shared
def test_published_pictures_of_a_tile(tiles):
    """Tiles were decoded from their colours: what is drawn of them decodes to the same numbers."""
    tile = next(t for t in tiles if (t["from_layer"], t["from_unit"], t["to_unit"]) == ("mixed3a", 147, 342))
    values = np.array(tile["values"])
    rgb = weights_to_rgb(values, scale=1.0) * 255
    at = np.linspace(-1, 1, 2001)
    palette = weights_to_rgb(at, scale=1.0) * 255
    nearest = at[np.abs(rgb[..., None, :] - palette).sum(-1).argmin(-1)]
    np.testing.assert_allclose(nearest, values, atol=5e-4)  # Half a step of the palette.
