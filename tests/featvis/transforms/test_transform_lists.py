"""The field's lists of transforms, what is random in single ones, and the errors of all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from transform_references import picture

from featvis import transforms as t

KEY = jax.random.key(0)
LISTS = {
    "LUCID": (t.LUCID, 3, 1),
    "LUCID_ALPHA": (t.LUCID_ALPHA, 4, 1),
    "ATLAS": (t.ATLAS, 3, 1),
    "ATLAS_ALPHA": (t.ATLAS_ALPHA, 4, 1),
    "ROBUST": (t.ROBUST, 3, 2),
    "BOXES": (t.BOXES, 3, 0),
    "xplique": (t.xplique(48), 3, 2),
}


@pytest.mark.parametrize(("transforms", "channels", "samplings"), LISTS.values(), ids=LISTS)
def test_lists_keep_the_size_and_are_sampled_rarely(transforms, channels, samplings):
    assert t.output_shape(transforms, (48, 48, channels)) == (48, 48, 3)
    traced = jax.make_jaxpr(lambda image: t.apply(transforms, KEY, image))(picture(48, 48, channels))
    assert sum(e.primitive.name.startswith("custom_vjp_call") for e in traced.eqns) == samplings
    assert hash(transforms) == hash(tuple(transforms))


def scales_and_angles(transforms):
    scale = next(step for step in transforms if hasattr(step, "rows"))
    rotate = next(step for step in transforms if hasattr(step, "degrees"))
    return np.array(scale.rows.values), np.array(rotate.degrees.values)


def test_the_numbers_are_the_originals():
    scales, angles = scales_and_angles(t.ATLAS)
    np.testing.assert_allclose(scales, 0.998 ** np.arange(20, 40))
    # -20 to 19, -10 to 9, -5 to 4, and five times 0.
    assert len(angles) == 75
    assert angles.sum() == -20 - 10 - 5
    assert np.count_nonzero(angles == 0) == 8
    assert sum(step.pixels for step in t.ATLAS if hasattr(step, "pixels")) == 4 + 4 + 8 + 8 + 8 + 2

    scales, robust_angles = scales_and_angles(t.ROBUST)
    np.testing.assert_allclose(scales[:85], 0.995 ** np.arange(-5.0, 80))
    np.testing.assert_allclose(scales[85:], np.tile(0.998 ** np.arange(20, 40), 2))
    np.testing.assert_array_equal(robust_angles, angles)
    assert [step.pixels for step in t.ROBUST if hasattr(step, "pixels")] == [8] * 10 + [4]
    assert t.output_shape(t.xplique(128)[:-1], (128, 128, 3)) == (48, 48, 3)


@pytest.mark.parametrize("make", [lambda: t.noise(0.1), lambda: t.noise(0.1, "uniform")])
def test_noise_has_the_standard_deviation_asked_for(make):
    added = np.asarray(make().draw(KEY, (50, 50, 4)))
    # Of 10,000 numbers: five standard errors.
    assert abs(added.mean()) < 0.005
    assert abs(added.std() - 0.1) < 0.005
    kurtosis = (added**4).mean() / added.var() ** 2
    # 3 for a normal, 9/5 for a uniform distribution.
    assert abs(kurtosis - (3 if make().kind == "normal" else 1.8)) < 0.3


def test_colour_noise_is_one_colour():
    added = np.asarray(t.noise(0.1, colour=True)(KEY, jnp.zeros((4, 5, 3))))
    assert np.ptp(added, axis=(0, 1)).tolist() == [0, 0, 0]
    assert len(np.unique(added)) == 3


def test_boxes_lie_inside_the_image_and_everywhere():
    for transform, spread in ((t.box_crop(0.2), 0.8 / 12**0.5), (t.box_crop(0.2, t.normal(0.5, 0.1)), 0.088)):
        side, corner = jax.jit(jax.vmap(lambda key, b=transform: b.draw(key, (9, 9, 3))))(jax.random.split(KEY, 1000))
        corner = np.asarray(corner)
        np.testing.assert_allclose(side, 0.2, rtol=1e-6)
        assert corner.min() >= 0
        assert corner.max() <= 0.8 + 1e-6
        # Five standard errors of the mean and of the deviation of 2,000 numbers.
        assert abs(corner.mean() - 0.4) < 5 * spread / 2000**0.5
        assert abs(corner.std() - spread) < 5 * spread / 4000**0.5


# The third is composed, the fourth has a transform of its own inside.
CHANGING = [
    (lambda v: t.box_crop(v), 0.9, 0.4),
    (lambda v: t.pad(2, v), 0.2, 0.8),
    (lambda v: t.compose([t.jitter(2), t.random_scale(v)]), 0.8, 1.2),
    (lambda v: t.random_homography(0.1, shear=v), 0.0, 0.3),
]


@pytest.mark.parametrize(("make", "first", "last"), CHANGING)
def test_transforms_change_with_the_step(make, first, last):
    image, transform = jnp.asarray(picture(9, 9)), make(t.changing(first, last, 10))
    run = jax.jit(lambda step: t.apply([t.noise(0.0), transform], KEY, image, step))
    for step, value in ((0, first), (5, (first + last) / 2), (10, last), (99, last)):
        expected = t.apply([t.noise(0.0), make(value)], KEY, image)
        # Sampling positions are float32, on slopes of about 1.
        np.testing.assert_allclose(run(jnp.int32(step)), expected, atol=2e-5)
    np.testing.assert_array_equal(t.apply([transform], KEY, image), t.apply([transform], KEY, image, 0))


def test_one_plane_has_one_changing_colour():
    def shades(key, image):
        return t.apply([t.pad(1, grey), t.jitter(1), t.pad(1, grey)], key, image, jnp.int32(3))

    image = jnp.zeros((4, 4, 1))
    grey = t.changing(0.5, 1.0, 6)
    # Two samplings, since it is not the same at all steps; and the colour of the third.
    assert str(jax.make_jaxpr(shades)(KEY, image)).count("custom_vjp_call") == 2
    assert np.asarray(shades(KEY, image))[0].round(4).tolist() == [[0.75]] * 7


def test_boxes_in_a_corner_are_moved_inside():
    transform = t.box_crop(0.5, 2.0)
    assert np.asarray(transform.draw(KEY, (9, 9, 3))[1]).tolist() == [0.5, 0.5]


def test_flips_are_fair_and_independent():
    draws = np.asarray(
        jax.jit(jax.vmap(lambda key: t.flip(vertical=True).draw(key, (9, 9, 3))))(jax.random.split(KEY, 4000))
    )
    _, counts = np.unique(draws[:, 0] * 2 + draws[:, 1], return_counts=True)
    # Five standard deviations of a count.
    np.testing.assert_allclose(counts, 1000, atol=137)
    assert not np.asarray(t.flip(horizontal=False).draw(KEY, (9, 9, 3))).any()


def test_backgrounds_are_smooth_and_colourful():
    background = np.asarray(jax.jit(lambda key: t.collapse_alpha_random().draw(key, (32, 32, 4)))(KEY))
    assert background.shape == (32, 32, 3)
    assert 0 <= background.min() < 0.3 < 0.7 < background.max() <= 1
    neighbours = np.corrcoef(background[:, 1:].ravel(), background[:, :-1].ravel())[0, 1]
    white = np.asarray(t.blend_alpha().draw(KEY, (32, 32, 4)))
    assert neighbours > 0.5 > abs(np.corrcoef(white[:, 1:].ravel(), white[:, :-1].ravel())[0, 1]) + 0.4


def test_colours_that_jitter_leaves_alone():
    image = jnp.asarray(picture(4, 4, 4))
    # A product with a matrix and its inverse.
    np.testing.assert_allclose(t.colour_jitter(hue=360)(KEY, image), image, atol=1e-5)
    np.testing.assert_allclose(t.colour_jitter()(KEY, image), image, atol=1e-6)
    grey = jnp.broadcast_to(image[..., :1], (4, 4, 3))
    np.testing.assert_allclose(t.colour_jitter(saturation=1.7, hue=50)(KEY, grey), grey, atol=1e-5)
    np.testing.assert_array_equal(t.colour_jitter(0.5, 0.5, 0.5, 9)(KEY, image)[..., 3], image[..., 3])


def test_a_gradient_of_zero_stays_zero():
    transform = t.normalize_gradient(2.0)
    gradients = jax.vmap(jax.grad(lambda x, w: w * transform(KEY, x).sum()), in_axes=(None, 0))(
        jnp.ones((2, 2, 1)), jnp.array([0.0, 1e-6, -5.0])
    )
    # Each image's own norm: 2 over four pixels is 1 each.
    np.testing.assert_allclose(gradients[:, 0, 0, 0], [0, 1, -1], rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: t.pad(-1), "^pad width is -1; expected 0 or more pixels"),
        (lambda: t.pad(1, mode="wrap"), "^mode is 'wrap'; expected one of 'constant', 'reflect', 'symmetric', 'edge'$"),
        (
            lambda: t.pad(1, 0.3, mode="edge"),
            "^pad value is 0.3 and mode 'edge'; expected a value only with 'constant'$",
        ),
        (lambda: t.translate(1, mode="wrap"), "^mode is 'wrap'; expected one of"),
        (lambda: t.translate([]), r"^shifts are \(\); expected at least one, all finite$"),
        (lambda: t.jitter(-2), "^jitter is -2; expected 0 or more pixels"),
        (lambda: t.random_scale([]), r"^scales are \(\); expected at least one, all above 0"),
        (lambda: t.random_scale([0.5, 0]), r"^scales are \(0.5, 0.0\); expected at least one, all above 0"),
        (lambda: t.random_scale(1, -1), r"^scales are \(-1.0,\); expected at least one, all above 0"),
        (lambda: t.random_rotate([]), r"^degrees are \(\); expected at least one, all finite$"),
        (lambda: t.random_affine(scales=0), "^scales are .* all above 0$"),
        (lambda: t.random_homography(0.5), r"^perspectives are \(0.5,\); .* all at least -0.45 and at most 0.45$"),
        (lambda: t.crop_or_pad_to(0), r"^target size is \(0, 0\); expected at least 1 pixel a side"),
        (lambda: t.random_crop(7.5), r"^target size is \(7.5, 7.5\); .* at least 1 pixel a side, in whole numbers$"),
        (lambda: t.crop_or_pad_to(width=9), "^target has a width of 9 and no height; give both, or a height alone"),
        (lambda: t.jitter(2.5), "^jitter is 2.5; expected 0 or more pixels, in whole numbers$"),
        (lambda: t.resize_to(3, 0), r"^target size is \(3, 0\); expected at least 1 pixel a side"),
        (lambda: t.box_crop(1.5), r"^box sizes are \(1.5,\); expected at least one, all above 0 and at most 1$"),
        (lambda: t.gaussian_blur(0), r"^sigmas are \(0.0,\); expected at least one, all above 0$"),
        (lambda: t.noise(-0.1), r"^standard deviations are \(-0.1,\); expected at least one, all at least 0$"),
        (lambda: t.noise(0.1, "pink"), "^kind of noise is 'pink'; expected one of 'normal', 'uniform'$"),
        (lambda: t.colour_jitter(contrast=-1), r"^contrasts are \(-1.0,\); expected at least one, all at least 0$"),
        (lambda: t.normalize_gradient(0), "^scale of the gradient is 0; expected a number above 0$"),
        (lambda: t.collapse_alpha_random(-1), "^sd of the background is -1; expected a number of at least 0$"),
        (lambda: t.blend_alpha(2.0), r"^background values are \(2.0,\); .* all at least 0 and at most 1$"),
        (lambda: t.blend_alpha(np.full((2, 2, 3), 1.5)), "^images have values from 1.5 to 1.5; expected 0 to 1$"),
        (
            lambda: t.blend_alpha(np.zeros((4, 5, 1))),
            r"^the background has shape \(4, 5, 1\); expected \(height, width, 3\)$",
        ),
        (
            lambda: t.output_shape([t.jitter(1), t.blend_alpha(np.zeros((4, 5, 3)))], (4, 5, 4)),
            "^the background has 4x5 pixels; the image has 3x4 here$",
        ),
        (lambda: t.xplique(15), "^size is 15; expected at least 16 pixels$"),
        (lambda: t.output_shape([t.jitter(40)], (32, 32, 3)), "leaves an image of -8x-8 pixels; give a larger image"),
        (lambda: t.jitter(40)(KEY, jnp.zeros((32, 32, 3))), "leaves an image of -8x-8 pixels; give a larger image"),
        (
            lambda: t.output_shape([t.random_crop(40, 20)], (32, 32, 3)),
            "^cannot crop an image of 32x32 pixels to 40x20; crop_or_pad_to pads where the image is too small$",
        ),
        (
            lambda: t.output_shape([t.pad(3, mode="reflect")], (1, 5, 3)),
            "needs an image of at least 2x2 pixels; given 1x5$",
        ),
        (
            lambda: t.output_shape([t.colour_jitter(hue=9)], (8, 8, 1)),
            "^saturation and hue need images of 3 channels, or 4 with opacity; given 1. Brightness and contrast take",
        ),
        (
            lambda: t.output_shape([t.ignore_alpha()], (8, 8, 3)),
            r"^IgnoreAlpha\(\) needs images of 4 channels, RGB and",
        ),
        (lambda: t.output_shape([t.blend_alpha()], (8, 8, 1)), "needs images of 4 channels, .*; given 1$"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
