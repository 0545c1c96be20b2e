"""Colour bases against NumPy's covariance."""

import jax.numpy as jnp
import numpy as np
import pytest

from featvis import color
from inception_jax.photographs import photographs

# The constants of Lucid's color.py, typed again.
COVARIANCE_ROOT = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])


def pictures(n, height, width, channels=3, seed=0):
    """Noise whose channels are related, in [0, 1]."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(channels, channels))
    return 1 / (1 + np.exp(-(rng.normal(size=(n, height, width, channels)) @ mix)))


def test_imagenet_is_normalised_by_its_longest_column():
    assert np.linalg.norm(COVARIANCE_ROOT, axis=0).max() == pytest.approx(0.4619524)
    np.testing.assert_allclose(color.to_rgb(jnp.eye(3)[None])[0].T, COVARIANCE_ROOT / 0.4619524, rtol=1e-5)


def test_i1i2i3_are_ohtas_components():
    rgb = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)
    red, green, blue = np.moveaxis(rgb, -1, 0)
    components = np.stack([(red + green + blue) / 3, (red - blue) / 2, (2 * green - red - blue) / 4], -1)
    # Our basis is scaled by its longest column, that of brightness: the square root of three.
    np.testing.assert_allclose(color.from_rgb(rgb, color.I1I2I3), components * np.sqrt(3), atol=1e-6)


def test_grey_is_one_component_and_back_the_mean():
    rgb = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)
    level = color.from_rgb(rgb, color.GREY)
    np.testing.assert_allclose(level[..., 0], rgb.mean(-1), atol=1e-6)
    assert np.array_equal(color.to_rgb(level, color.GREY), np.repeat(level, 3, axis=-1))


@pytest.mark.parametrize("colors", [color.IMAGENET, color.I1I2I3], ids=["imagenet", "i1i2i3"])
def test_from_rgb_inverts_to_rgb(colors):
    components = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
    # Float32, times the inverse's largest entry, about 8.
    np.testing.assert_allclose(color.from_rgb(color.to_rgb(components, colors), colors), components, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3, 7])
def test_estimate_is_a_root_of_the_covariance(channels):
    images = pictures(6, 5, 4, channels)
    estimated = color.estimate(images)
    covariance = np.cov(images.reshape(-1, channels).T, bias=True).reshape(channels, channels)
    matrix = estimated.matrix.array.astype(np.float64)
    # The longest column, scaled to 1, is as long as the largest standard deviation. Entries are float32.
    np.testing.assert_allclose(matrix @ matrix.T * np.linalg.eigvalsh(covariance)[-1], covariance, atol=1e-6)
    np.testing.assert_allclose(matrix.T @ matrix, np.diag(np.diag(matrix.T @ matrix)), atol=1e-6)
    assert (np.diff(np.linalg.norm(matrix, axis=0)) <= 0).all()
    assert (matrix[0] >= 0).all()
    np.testing.assert_allclose(estimated.mean, images.mean((0, 1, 2)))


def test_estimate_reads_batches_of_any_size():
    images = pictures(6, 5, 4)
    reshaped = iter([images[0], images[1:3], images[3:].reshape(1, 15, 4, 3)])
    whole, streamed = color.estimate(images), color.estimate(reshaped)
    # Sums in float64 in another order, then float32.
    np.testing.assert_allclose(streamed.matrix.array, whole.matrix.array, atol=1e-7)


def test_estimate_keeps_small_differences_of_bright_images():
    # In float32, a mean of 1 would leave nothing of a variance of 1e-10.
    images = (1 - 1e-4 * pictures(4, 8, 8)).astype(np.float64)
    spread = color.estimate(pictures(4, 8, 8))
    # The largest loss is that of float64 sums: 1e-16 against a variance of 1e-10.
    np.testing.assert_allclose(np.abs(color.estimate(images).matrix.array), np.abs(spread.matrix.array), atol=1e-4)


def test_equal_estimates_are_equal_values():
    images = pictures(2, 5, 4)
    assert color.estimate(images) == color.estimate(images)
    assert hash(color.estimate(images)) == hash(color.estimate(images))
    assert color.estimate(images) != color.IMAGENET


def test_components_are_uncorrelated():
    images = pictures(6, 5, 4).astype(np.float32)
    components = np.asarray(color.from_rgb(jnp.asarray(images), color.estimate(images))).reshape(-1, 3)
    covariance = np.cov(components.T)
    # Float32 pixels, divided by columns a few times shorter than 1.
    np.testing.assert_allclose(covariance / covariance[0, 0], np.eye(3), atol=1e-3)


@pytest.mark.shared
def test_photographs_have_imagenets_colours(shared_dir):
    source = photographs(shared_dir / "data" / "imagenet-samples.zip", short_side=64, crop=64)[::5]
    estimated = color.estimate(batch.images for batch in source.batches(50))
    ours, lucids = estimated.matrix.array, color.IMAGENET.matrix.array
    cosines = (ours * lucids).sum(0) / np.linalg.norm(ours, axis=0) / np.linalg.norm(lucids, axis=0)
    # 200 photographs against 1.2 million, whose matrix is rounded to two digits.
    assert (cosines > 0.99).all(), cosines
    np.testing.assert_allclose(estimated.mean, color.IMAGENET.mean, atol=0.03)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "there are no images"),
        (np.zeros((2, 3)), r"shape \(2, 3\); expected \[n, height, width, channels\]"),
        (np.full((1, 2, 2, 3), 255.0), "values from 255 to 255; expected 0 to 1"),
        (np.full((1, 2, 2, 3), np.nan), "values from nan to nan; expected 0 to 1"),
        (np.full((1, 2, 2, 3), 0.5), "all pixels have one colour"),
        ([np.zeros((1, 2, 2, 3)), np.zeros((1, 2, 2, 4))], "images have 3 and 4 channels"),
    ],
)
def test_bad_images_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        color.estimate(images)
