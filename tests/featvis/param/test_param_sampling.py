"""Noise, and textures read at given places."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from featvis import param


def test_samples_are_those_of_the_key():
    first, second = (param.sample(jax.random.key(i), (12, 9), sd=0.5) for i in (0, 1))
    assert first.shape == (12, 9, 3)
    assert np.array_equal(first, param.sample(jax.random.key(0), (12, 9), sd=0.5))
    assert float(jnp.abs(first - second).mean()) > 0.05


def test_a_sample_is_an_image_as_it_begins():
    p, key = param.image((12, 9), sd=0.5), jax.random.key(0)
    assert np.array_equal(param.sample(key, (12, 9), sd=0.5), p(p.init(key)))


def test_texture_at_lucids_nine_points():
    # Pixel (column, row) of a texture of 2x3 counted from below, with the value there.
    points = np.array(
        [
            [0, 0, 0],
            [1, 1, 4],
            [0.5, 0.5, 2],
            [0.5, 0.0, 0.5],
            [0.0, 0.5, 1.5],
            [-1.0, -1.0, 5.0],
            [3, 1, 3.0],
            [2.5, 1.5, 2.5],
            [5.5, 3.5, 2.5],
        ],
        np.float32,
    )
    texture = np.arange(6, dtype=np.float32).reshape(2, 3, 1)[::-1]
    uv = (points[:, :2] + 0.5) / np.array([3, 2], np.float32)
    np.testing.assert_allclose(param.bilinear_sample(texture, uv), points[:, 2:], rtol=0, atol=1e-8)


@pytest.mark.parametrize("shift", [(1, 0), (0, -2), (3, 5)])
def test_textures_repeat(shift):
    rng = np.random.default_rng(0)
    texture, uv = rng.random((4, 8, 2), np.float32), rng.random((5, 6, 2)).astype(np.float32)
    # Shifted coordinates keep fewer digits.
    np.testing.assert_allclose(
        param.bilinear_sample(texture, uv + np.array(shift, np.float32)), param.bilinear_sample(texture, uv), atol=2e-5
    )


def test_pixel_centres_give_the_texture():
    texture = np.random.default_rng(0).random((4, 8, 2), np.float32)
    u, v = np.meshgrid((np.arange(8) + 0.5) / 8, 1 - (np.arange(4) + 0.5) / 4)
    # Exact, since powers of two are.
    assert np.array_equal(param.bilinear_sample(texture, np.stack([u, v], -1).astype(np.float32)), texture)


def test_gradients_reach_the_pixels_that_were_read():
    texture = jnp.zeros((2, 2, 1))
    gradient = jax.grad(lambda t: param.bilinear_sample(t, jnp.array([[0.5, 0.75]])).sum())(texture)
    np.testing.assert_allclose(gradient[..., 0], [[0.5, 0.5], [0, 0]], atol=1e-7)
