"""Views of the plane on which the image lies, alone and composed, and the errors of all transforms."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from transform_references import apply, picture, turned, view

from featvis import transforms as t
from featvis.transforms.warp import reach_of, warp

# Sampling positions are float32, up to 150 pixels: 1e-5 of a pixel, on images with slopes up to 1.
CLOSE = {"atol": 5e-5}


def samplings(chain, shape=(32, 32, 3)):
    """How often `chain` resamples an image."""
    image = jax.ShapeDtypeStruct(shape, jnp.float32)
    traced = jax.make_jaxpr(lambda key, image: t.apply(chain, key, image))(jax.random.key(0), image)
    return sum(equation.primitive.name.startswith("custom_vjp_call") for equation in traced.eqns)


def test_pad():
    got = apply([t.pad(3, 0.25)], jax.random.key(0), jnp.asarray(picture()))
    np.testing.assert_allclose(got, np.pad(picture(), ((3, 3), (3, 3), (0, 0)), constant_values=0.25), **CLOSE)


def test_jitter_is_a_crop_at_every_offset():
    image, seen = picture(), set()
    for seed in range(40):
        got = np.asarray(apply([t.jitter(2)], jax.random.key(seed), jnp.asarray(image)))
        assert got.shape == (18, 22, 3)
        matches = [
            (r, c) for r in range(3) for c in range(3) if np.allclose(got, image[r : r + 18, c : c + 22], **CLOSE)
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) == 9


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.25])
def test_scale(scale):
    image = picture()
    got = apply([t.random_scale([scale])], jax.random.key(0), jnp.asarray(image))
    centre = np.array([9.5, 11.5])
    expected = view(image, (20, 24), lambda r, c: (np.array([r, c]) - centre) / scale + centre)
    np.testing.assert_allclose(got, expected, **CLOSE)


@pytest.mark.parametrize("degrees", [-30, 5, 45])
def test_rotate(degrees):
    image, angle = picture(), math.radians(degrees)
    got = apply([t.random_rotate([degrees])], jax.random.key(0), jnp.asarray(image))

    def to_input(r, c):
        # Counter-clockwise on a screen whose rows go down, so an output point comes from a clockwise one.
        x, y = c - 11.5, 9.5 - r
        x, y = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        return 9.5 - y, x + 11.5

    np.testing.assert_allclose(got, view(image, (20, 24), to_input), **CLOSE)


def test_a_quarter_turn_is_numpys():
    image = picture(15, 15)
    got = apply([t.random_rotate([90])], jax.random.key(0), jnp.asarray(image))
    np.testing.assert_allclose(got, np.rot90(image), **CLOSE)


@pytest.mark.parametrize("target", [(10, 12), (26, 30), (10, 30)])
def test_crop_or_pad_to(target):
    image = picture()
    got = apply([t.crop_or_pad_to(*target)], jax.random.key(0), jnp.asarray(image))
    big = np.pad(image, ((10, 10), (10, 10), (0, 0)), constant_values=0.5)
    top, left = (big.shape[0] - target[0]) // 2, (big.shape[1] - target[1]) // 2
    np.testing.assert_allclose(got, big[top : top + target[0], left : left + target[1]], **CLOSE)


def test_composition_is_one_view_after_another():
    image = picture()
    chain = [t.pad(4), t.random_scale([1.2]), t.random_rotate([20]), t.crop_or_pad_to()]
    got = apply(chain, jax.random.key(0), jnp.asarray(image))
    angle, (height, width) = math.radians(20), (28, 32)

    def to_input(r, c):
        r, c = r + 4, c + 4
        y, x = r - (height - 1) / 2, c - (width - 1) / 2
        y, x = turned(y, x, angle)
        return y / 1.2 + (height - 1) / 2 - 4, x / 1.2 + (width - 1) / 2 - 4

    np.testing.assert_allclose(got, view(image, (20, 24), to_input), **CLOSE)


def test_a_second_fill_value_starts_a_second_sampling():
    got = apply([t.pad(1, 0.0), t.pad(1, 1.0)], jax.random.key(0), jnp.asarray(picture()))
    expected = np.pad(picture(), ((1, 1), (1, 1), (0, 0)), constant_values=0.0)
    expected = np.pad(expected, ((1, 1), (1, 1), (0, 0)), constant_values=1.0)
    np.testing.assert_allclose(got, expected, **CLOSE)


def test_what_was_cropped_does_not_come_back():
    image = picture()
    got = apply([t.crop_or_pad_to(10, 12), t.pad(3, 0.25)], jax.random.key(0), jnp.asarray(image))
    expected = np.pad(image[5:15, 6:18], ((3, 3), (3, 3), (0, 0)), constant_values=0.25)
    np.testing.assert_allclose(got, expected, **CLOSE)


def test_functions_are_transforms():
    chain = [t.jitter(4), lambda key, image: 1 - image + 0 * jax.random.normal(key), t.pad(1)]
    got = apply(chain, jax.random.key(0), jnp.asarray(picture()))
    assert got.shape == (18, 22, 3)
    assert t.output_shape(chain, (20, 24, 3)) == (18, 22, 3)


def test_lucids_distribution():
    """The drawn scales, angles and offsets of the default list are those of Lucid's."""
    views = jax.jit(jax.vmap(lambda key: draw(t.LUCID[:5], key, (128, 128))))(jax.random.split(jax.random.key(0), 4000))
    linear = np.asarray(views)[:, :2, :2]
    scales = 1 / np.sqrt(np.linalg.det(linear))
    degrees = np.degrees(np.arctan2(linear[:, 0, 1], linear[:, 0, 0]))
    values, counts = np.unique(scales.round(4), return_counts=True)
    np.testing.assert_allclose(values, [0.9 + 0.02 * i for i in range(11)], atol=1e-3)
    # 4,000 draws over 11 values: five standard deviations of a count are 91.
    assert np.abs(counts - 4000 / 11).max() < 91
    values, counts = np.unique(degrees.round(2), return_counts=True)
    np.testing.assert_allclose(values, range(-10, 11), atol=0.01)
    assert abs(counts[10] / 4000 - 6 / 26) < 0.04


def draw(chain, key, size):
    matrix, original = jnp.eye(3), size
    for transform, subkey in zip(chain, jax.random.split(key, len(chain)), strict=True):
        out = transform.size(size, original)
        matrix, size = matrix @ transform.matrix(transform.draw(subkey, (*size, 3)), size, out), out
    return matrix


def test_units_are_transformed_independently():
    images = jnp.broadcast_to(jnp.asarray(picture(32, 32)), (8, 32, 32, 3))
    views = jax.jit(jax.vmap(lambda key, image: t.apply(t.LUCID, key, image)))(
        jax.random.split(jax.random.key(0), 8), images
    )
    assert len({np.asarray(v).tobytes() for v in views}) == 8


@pytest.mark.parametrize("chain", [t.LUCID, [t.random_scale([2.0]), t.random_rotate([45])], [t.random_scale([0.4])]])
def test_the_gathering_gradient_is_the_exact_one(chain):
    """The warp is linear in the image, so its gradient is the transposed matrix: <warp(a), b> = <a, gradient(b)>."""
    for seed in range(5):
        key, a = jax.random.key(seed), jnp.asarray(picture(seed=seed)) - 0.5
        b, pull = jax.vjp(lambda image, key=key: apply(chain, key, image), a)
        b = jnp.asarray(np.random.default_rng(seed).standard_normal(b.shape), jnp.float32)
        zero = apply(chain, key, jnp.zeros_like(a))
        forward = jnp.vdot(apply(chain, key, a) - zero, b)
        # Sums of a thousand float32 terms.
        np.testing.assert_allclose(forward, jnp.vdot(a, pull(b)[0]), rtol=1e-3, atol=2e-3)


def test_warp_gradient_matches_scatter():
    image, matrix = jnp.asarray(picture()), jnp.array([[0.9, 0.2, 1.3], [-0.2, 0.9, 2.1], [0, 0, 1.0]])
    g = jnp.asarray(picture(seed=1))
    got = jax.vjp(lambda x: warp(x, matrix, 0.5, (20, 24), reach_of(1.1 * 1.3)), image)[1](g)[0]
    expected = np.zeros(image.shape)
    for r in range(20):
        for c in range(24):
            row, column, _ = np.asarray(matrix) @ [r, c, 1]
            for i in (math.floor(row), math.floor(row) + 1):
                for j in (math.floor(column), math.floor(column) + 1):
                    if 0 <= i < 20 and 0 <= j < 24:
                        expected[i, j] += (1 - abs(row - i)) * (1 - abs(column - j)) * np.asarray(g[r, c])
    np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("affine", [True, False])
def test_warp_gradient_of_a_homography_matches_scatter(affine):
    # Without its third row the same matrix is affine; with it, the view's lower right corner is magnified 1.6 times.
    matrix = np.array([[0.8, 0.1, 1.3], [-0.15, 0.9, 2.1], [-0.008, -0.009, 1.0]])[: 2 if affine else 3]
    image, g = jnp.asarray(picture()), jnp.asarray(picture(18, 21, seed=1))
    out, pull = jax.vjp(lambda x: warp(x, jnp.asarray(matrix, jnp.float32), 0.5, (18, 21), 5), image)
    expected, seen = np.zeros(image.shape), np.zeros(out.shape)
    for r in range(18):
        for c in range(21):
            point = matrix @ [r, c, 1]
            row, column = point if affine else point[:2] / point[2]
            for i in (math.floor(row), math.floor(row) + 1):
                for j in (math.floor(column), math.floor(column) + 1):
                    weight, inside = (1 - abs(row - i)) * (1 - abs(column - j)), 0 <= i < 20 and 0 <= j < 24
                    seen[r, c] += weight * (np.asarray(image[i, j]) if inside else 0.5)
                    if inside:
                        expected[i, j] += weight * np.asarray(g[r, c])
    np.testing.assert_allclose(out, seen, **CLOSE)
    np.testing.assert_allclose(pull(g)[0], expected, atol=1e-4)


def test_a_view_is_sampled_as_rarely_as_it_can_be():
    assert samplings([t.translate(3), t.random_scale(2, 0.5), t.flip(), t.random_affine(shear=0.1), t.jitter(2)]) == 1
    assert samplings([t.random_rotate(5), t.noise(), t.random_rotate(5)]) == 2
    assert samplings([t.jitter(2), t.random_homography(0.1), t.jitter(2)]) == 3
    # A plane has one colour, the same colour twice is one, and two draws of it are two.
    assert samplings([t.pad(2, 0.0), t.jitter(2), t.pad(2, 0.0)]) == 2
    assert samplings([t.pad(2, 0.0), t.pad(2, 0.0)]) == 1
    assert samplings([t.pad(2, t.uniform(0, 1)), t.pad(2, t.uniform(0, 1))]) == 2


def test_padding_of_no_width_colours_the_plane():
    image = jnp.ones((3, 3, 1))
    got = apply([t.pad(0, 0.0), t.random_scale(0.5)], jax.random.key(0), image)
    assert got[:, :, 0].round(6).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_padding_by_the_image_leaves_the_plane_beyond_grey():
    image = picture()
    got = apply([t.pad(2, mode="edge"), t.translate(4, 0)], jax.random.key(0), jnp.asarray(image))
    np.testing.assert_allclose(got[4:], np.pad(image, ((2, 2), (2, 2), (0, 0)), "edge")[:-4], **CLOSE)
    np.testing.assert_allclose(got[:4], 0.5, **CLOSE)


def test_compose_is_its_transforms_and_has_an_original_of_its_own():
    image, key = jnp.asarray(picture()), jax.random.key(3)
    chain = [t.jitter(4), t.random_rotate(10)]
    np.testing.assert_array_equal(t.compose(chain)(key, image), t.apply(chain, key, image))
    assert t.output_shape([t.jitter(4), t.compose([t.pad(3), t.crop_or_pad_to()])], (20, 24, 3)) == (16, 20, 3)
    assert t.output_shape([t.jitter(4), t.pad(3), t.crop_or_pad_to()], (20, 24, 3)) == (20, 24, 3)


def test_large_magnifications_have_a_large_reach():
    """Every output pixel that an input pixel contributes to is found, at the bound of the draws."""
    image = jnp.asarray(picture(6, 5, 1))
    for chain in ([t.random_scale(4.0, 1.0), t.random_rotate(45)], [t.random_affine(30, 2.0, -0.9)]):
        key = jax.random.key(0)
        matrix = jax.jacobian(lambda x, chain=chain, key=key: apply(chain, key, x))(image).reshape(30, 30)
        pixels = jnp.eye(30).reshape(30, 6, 5, 1)
        zero = apply(chain, key, jnp.zeros_like(image))
        columns = [(apply(chain, key, pixel) - zero).ravel() for pixel in pixels]
        # Weights of samples, off by the float32 positions'.
        np.testing.assert_allclose(matrix, np.stack(columns, axis=1), atol=1e-5)


def test_perspective_magnifies_the_lower_edge():
    """A ramp along the other axis is less steep by 1.1 at the lower edge, half a pixel beyond the last row's middle."""
    ramp, tilt = jnp.tile(jnp.linspace(0, 1, 41)[None, :, None], (41, 1, 1)), t.random_homography(0.1)
    draws = tilt.affine.draw(jax.random.key(0), ramp.shape), jnp.array([0.1, 0.0])
    got = np.asarray(tilt.act(ramp, draws))[..., 0]
    depth = 1 + 0.1 * (np.arange(41) - 20) / 20.5
    # The first rows show what lies beyond the upper edge. Differences of float32 numbers below 1.
    np.testing.assert_allclose((got[:, 21] - got[:, 20])[3:], (0.025 / depth)[3:], atol=1e-6)
