"""What the tests of Lucid, Lucent and Captum ask of their transforms, with the numbers that they expect."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from transform_references import apply

from featvis import transforms as t

KEY = jax.random.key(0)


def black(*transforms):
    """On a black plane, as in PyTorch."""
    return [t.pad(0, 0.0), *transforms]


def run(transforms, rows):
    """What becomes of a grey image given as rows of numbers."""
    return np.asarray(apply(transforms, KEY, jnp.asarray(rows, jnp.float32)[..., None]))[..., 0]


@pytest.mark.parametrize(
    "transform",
    [
        t.random_rotate(range(-10, 10)),
        t.random_scale([0.95, 1.05]),
        t.jitter(3),
        t.random_homography(t.normal(0, 0.0064), t.normal(0, 2.5), shear=t.normal(0, 0.01), shifts=t.normal(0, 3.6)),
    ],
)
def test_lucid_a_dot_moves_a_little(transform):
    image = jnp.full((128, 128, 1), 0.5).at[32, 32].set(1.0)
    for key in jax.random.split(KEY, 3):
        moved = np.asarray(apply([transform], key, image))[..., 0] - 0.5
        # All values are sums of rounded float32 numbers.
        rows, columns = np.nonzero(moved > 1e-3)
        assert max(np.ptp(rows), np.ptp(columns)) < 3
        weights = moved[rows, columns]
        where = np.array([weights @ rows, weights @ columns]) / weights.sum()
        assert np.hypot(*(where - 32)) < 15


def test_lucid_sizes():
    assert t.output_shape([t.pad(4)], (4, 6, 3)) == (12, 14, 3)
    for target in ((128, 128), (224, 224), (224, 196), (64, 64), (64, 32)):
        assert t.output_shape([t.crop_or_pad_to(*target)], (128, 128, 4)) == (*target, 4)


def test_lucid_collapsed_images_are_opaque():
    assert t.output_shape([t.collapse_alpha_random()], (8, 8, 4)) == (8, 8, 3)
    with pytest.raises(ValueError, match="needs images of 4 channels, RGB and opacity; given 3"):
        t.output_shape([t.collapse_alpha_random()], (8, 8, 3))


def test_lucent_padding():
    assert run([t.pad(1, mode="reflect")], np.ones((2, 2))).tolist() == np.ones((4, 4)).tolist()
    grey = [[0.5, 0.5, 0.5, 0.5], [0.5, 1, 1, 0.5], [0.5, 1, 1, 0.5], [0.5, 0.5, 0.5, 0.5]]
    assert run([t.pad(1)], np.ones((2, 2))).tolist() == grey


def test_lucent_scaling_down():
    got = run(black(t.random_scale([0.33])), np.ones((3, 3)))
    np.testing.assert_allclose(got, [[0, 0, 0], [0, 1, 0], [0, 0, 0]], atol=1e-6)


def test_lucent_quarter_turns():
    # The cosine of a quarter turn is 4e-8 in float32.
    got = run(black(t.random_rotate([90])), [[0, 1], [0, 1]])
    np.testing.assert_allclose(got, [[1, 1], [0, 0]], atol=1e-6)
    got = run(black(t.random_rotate([90])), [[0, 0, 1]] * 3)
    np.testing.assert_allclose(got, [[1, 1, 1], [0, 0, 0], [0, 0, 0]], atol=1e-6)


def test_captum_affine_scale():
    # Its numbers are inverse: 1.5 makes the content smaller.
    got = run(black(t.random_scale(1 / 1.5)), np.ones((3, 3)))
    np.testing.assert_allclose(got, [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]], atol=1e-6)
    np.testing.assert_allclose(run(black(t.random_scale(2)), np.ones((3, 3))), np.ones((3, 3)), atol=1e-6)


def test_captum_rotation():
    expected = [[0.1143, 0, 0, 0], [0.5258, 0.6198, 0.2157, 0], [0, 0.2157, 0.6198, 0.5258], [0, 0, 0, 0.1143]]
    # Given with four digits.
    np.testing.assert_allclose(run(black(t.random_rotate([25.0])), np.eye(4)), expected, atol=1e-4)


@pytest.mark.parametrize(("down", "right"), [(-1, -1), (3, 0), (0, 3)])
def test_captum_jitter_reflects(down, right):
    image = np.arange(16.0).reshape(4, 4)
    big = np.pad(image, 3, "reflect")
    expected = big[3 - down : 7 - down, 3 - right : 7 - right]
    np.testing.assert_allclose(run([t.translate(down, right, mode="reflect")], image), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (5, 5, [[1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 0, 1, 1, 0], [1, 0, 1, 1, 0], [1, 0, 0, 0, 0]]),
        (4, 2, [[0, 0], [1, 1], [1, 1], [0, 0]]),
        (3, 3, [[0, 0, 0], [0, 1, 1], [0, 1, 1]]),
    ],
)
def test_captum_center_crop(height, width, expected):
    image = np.pad(np.pad(np.ones((2, 2)), 1), 1, constant_values=1)
    assert run([t.center_crop(height, width)], image).tolist() == expected


def test_captum_crops_pad_what_is_too_small():
    got = run([t.pad(0, 0.0), t.crop_or_pad_to(3, 4)], np.ones((2, 2)))
    assert got.tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0]]


def test_captum_alpha():
    opacity = (np.eye(3) + np.eye(3)[::-1]) / 2
    image = jnp.asarray(np.concatenate([np.ones((3, 3, 3)), opacity[..., None]], axis=-1), jnp.float32)
    expected = [[0.625, 0.25, 0.625], [0.25, 1, 0.25], [0.625, 0.25, 0.625]]
    for channel in np.moveaxis(np.asarray(t.blend_alpha(0.25)(KEY, image)), -1, 0):
        np.testing.assert_allclose(channel, expected, atol=1e-6)
    np.testing.assert_array_equal(t.ignore_alpha()(KEY, image), np.ones((3, 3, 3)))


def test_captum_smoothing():
    # Of a checkered row the frequency is a half: a Gaussian leaves exp(-2 (pi sd / 2)^2) of it, far from the edges.
    row = np.tile([1.0, 5.0], (1, 20))
    got = run([t.gaussian_blur(0.6)], row)[0, 18:22]
    left = 2 * sum((-1) ** k * np.exp(-0.5 * (k / 0.6) ** 2) for k in range(-9, 10))
    left /= sum(np.exp(-0.5 * (k / 0.6) ** 2) for k in range(-9, 10))
    np.testing.assert_allclose(got, [3 - left, 3 + left] * 2, atol=1e-5)


def test_captum_symmetric_padding_is_differentiated_exactly():
    # Captum's gradient leaves the padding out; each pixel of the border is shown more than once.
    gradient = jax.grad(lambda x: t.pad(1, mode="symmetric")(KEY, x).sum())(jnp.ones((3, 3, 1)))
    assert gradient[..., 0].tolist() == [[4, 2, 4], [2, 1, 2], [4, 2, 4]]


def test_captum_crops_anywhere():
    offsets = jax.jit(jax.vmap(lambda key: t.random_crop(2, 4).draw(key, (4, 5, 1))))(jax.random.split(KEY, 100))
    assert {tuple(offset) for offset in np.asarray(offsets).tolist()} == {(r, c) for r in range(3) for c in range(2)}
