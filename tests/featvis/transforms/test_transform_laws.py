"""What every transform must do: one table lists them all, each law runs over the table."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
import transform_references as ref
from transform_references import picture

from featvis import transforms as t

SIZE = (9, 12)
SCENE = picture(*SIZE, 3, seed=20)
KEYS = jax.random.split(jax.random.key(0), 3)

# Sampling positions and sums are float32, on images with slopes up to 1.
CLOSE = {"atol": 2e-5}

# Numbers of channels that a transform takes; values are compared at the last.
ANY = (1, 3, 7, 4)
COLOURS = (3, 4)
RGBA = (4,)


class Row(NamedTuple):
    """A transform, and what it does to an image, given its draws, in NumPy."""

    name: str
    make: Callable[[], Any]
    reference: Callable[[np.ndarray, Any], np.ndarray]
    channels: tuple[int, ...] = ANY


def padding(pixels, mode):
    return lambda x, _: np.pad(x, ((pixels, pixels), (pixels, pixels), (0, 0)), mode)


def moving(to_input):
    """A view of the same size, given where a point comes from, relative to the centre."""
    return lambda x, d: ref.centred(x, lambda row, column: to_input(row, column, d))


TABLE = [
    Row("pad", lambda: t.pad(2, 0.25), lambda x, _: ref.crop_or_pad(x, (13, 16), 0.25)),
    Row("pad_random", lambda: t.pad(2, t.uniform(0, 1)), lambda x, d: ref.crop_or_pad(x, (13, 16), d)),
    Row("reflect", lambda: t.pad(3, mode="reflect"), padding(3, "reflect")),
    Row("symmetric", lambda: t.pad(3, mode="symmetric"), padding(3, "symmetric")),
    Row("edge", lambda: t.pad(3, mode="edge"), padding(3, "edge")),
    Row("jitter", lambda: t.jitter(4), lambda x, d: ref.crop(x, (5, 8), d)),
    Row("translate", lambda: t.translate(t.uniform(-2, 2), [-3, 1]), moving(lambda r, c, d: (r - d[0], c - d[1]))),
    Row(
        "translate_reflect",
        lambda: t.translate(2, -1, mode="reflect"),
        lambda x, _: np.pad(x, ((2, 0), (0, 1), (0, 0)), "reflect")[:9, 1:],
    ),
    Row("random_crop", lambda: t.random_crop(5, 7), lambda x, d: ref.crop(x, (5, 7), d)),
    Row("center_crop", lambda: t.center_crop(5, 7), lambda x, _: ref.crop_or_pad(x, (5, 7))),
    Row("crop_or_pad_to", lambda: t.crop_or_pad_to(5, 16), lambda x, _: ref.crop_or_pad(x, (5, 16))),
    Row("random_scale", lambda: t.random_scale([0.8, 1.25]), moving(lambda r, c, d: (r / d[0], c / d[0]))),
    Row(
        "random_scale_axes",
        lambda: t.random_scale(t.uniform(0.5, 1.5), t.uniform(0.5, 1.5)),
        moving(lambda r, c, d: (r / d[0], c / d[1])),
    ),
    Row("random_rotate", lambda: t.random_rotate(t.normal(0, 20)), moving(ref.turned)),
    Row("flip", lambda: t.flip(vertical=True), lambda x, d: x[:: -1 if d[0] else 1, :: -1 if d[1] else 1]),
    Row(
        "random_affine",
        lambda: t.random_affine(t.normal(0, 20), t.uniform(0.7, 1.4), t.normal(0, 0.2), t.normal(0, 1)),
        moving(ref.affine),
    ),
    Row(
        "random_homography",
        lambda: t.random_homography(t.uniform(-0.2, 0.2), t.normal(0, 10), t.uniform(0.8, 1.2), 0.1, t.normal(0, 1)),
        ref.homography,
    ),
    Row(
        "box_crop",
        lambda: t.box_crop(t.uniform(0.3, 0.9), t.normal(0.5, 0.2), height=5, width=7),
        lambda x, d: ref.box_crop(x, (5, 7), d),
    ),
    Row("box_anywhere", lambda: t.box_crop(t.uniform(0.1, 0.9)), lambda x, d: ref.box_crop(x, SIZE, d)),
    Row("resize_to", lambda: t.resize_to(4, 30), lambda x, _: ref.box(x, (4, 30), (0, 0), SIZE)),
    Row("gaussian_blur", lambda: t.gaussian_blur(t.uniform(0.5, 3)), ref.blur),
    Row("noise", lambda: t.noise(0.1), lambda x, d: x + d),
    Row("noise_colour", lambda: t.noise(0.1, "uniform", colour=True), lambda x, d: x + d[0, 0]),
    Row(
        "brightness",
        lambda: t.colour_jitter(t.uniform(0.5, 2), [0.8, 1.2]),
        lambda x, d: d[0] * (x.mean((0, 1)) + d[1] * (x - x.mean((0, 1)))),
        (1, 3, 7),
    ),
    Row(
        "colour_jitter",
        lambda: t.colour_jitter(t.uniform(0.5, 2), [0.8, 1.2], t.uniform(0, 2), t.normal(0, 30)),
        ref.colours,
        COLOURS,
    ),
    Row("normalize_gradient", lambda: t.normalize_gradient(3.0), lambda x, _: x),
    Row("collapse_alpha_random", lambda: t.collapse_alpha_random(), ref.blend, RGBA),
    Row("blend_alpha", lambda: t.blend_alpha(), ref.blend, RGBA),
    Row("blend_alpha_grey", lambda: t.blend_alpha([0.2, 0.8]), ref.blend, RGBA),
    Row("blend_alpha_colour", lambda: t.blend_alpha(SCENE[:1, :1]), lambda x, _: ref.blend(x, SCENE[0, 0]), RGBA),
    Row("blend_alpha_picture", lambda: t.blend_alpha(SCENE), lambda x, _: ref.blend(x, SCENE), RGBA),
    Row("ignore_alpha", lambda: t.ignore_alpha(), lambda x, _: x[..., :3], RGBA),
]
every = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


@functools.cache
def outcomes(row):
    """Image, draws, output, a direction of the output and the gradient along it, of a batch of images and keys."""
    transform, images = row.make(), np.stack([picture(*SIZE, row.channels[-1], seed) for seed in range(len(KEYS))])
    shape = t.output_shape([transform], images.shape[1:])
    directions = np.random.default_rng(0).standard_normal((len(KEYS), *shape)).astype(np.float32)

    def one(key, image, direction):
        draws = transform.draw(key, image.shape) if hasattr(transform, "draw") else None
        out, pull = jax.vjp(lambda x: transform(key, x), image)
        return image, draws, out, direction, pull(direction)[0]

    results = jax.jit(jax.vmap(one))(KEYS, images, directions)
    return [jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), results) for i in range(len(KEYS))]


@every
def test_a_compiled_batch_is_numpys_loop_over_images_and_draws(row):
    for image, draws, out, _, _ in outcomes(row):
        np.testing.assert_allclose(out, row.reference(image.astype(np.float64), draws), **CLOSE)


@every
def test_its_gradient_is_that_of_finite_differences(row):
    for seed, (image, draws, _, direction, gradient) in enumerate(outcomes(row)):
        if row.name == "normalize_gradient":
            np.testing.assert_allclose(gradient, 3 * direction / np.linalg.norm(direction), rtol=1e-5)
            continue
        step = picture(*image.shape, seed=seed + 10) - 0.5
        # All are at most quadratic in the image, so that a step as large as the image makes no error.
        ahead, behind = (row.reference((image + sign * step).astype(np.float64), draws) for sign in (0.5, -0.5))
        expected = np.vdot(direction, ahead - behind)
        # A sum of 400 terms of size 1, each off by 2e-5.
        np.testing.assert_allclose(np.vdot(gradient.astype(np.float64), step), expected, rtol=1e-4, atol=1e-3)


@every
def test_its_shape_is_known_before_it_runs(row):
    height, width = outcomes(row)[0][2].shape[:2]
    for count in row.channels:
        expected = (height, width, 3 if row.channels == RGBA else count)
        assert t.output_shape([row.make()], (*SIZE, count)) == expected
        assert jax.eval_shape(row.make(), KEYS[0], picture(*SIZE, count)).shape == expected


@every
def test_equal_ones_are_compiled_once_for_all_keys(row):
    traced = []

    @functools.partial(jax.jit, static_argnums=0)
    def run(transform, key, image):
        traced.append(transform)
        return transform(key, image)

    for key in KEYS:
        run.lower(row.make(), key, picture(*SIZE, row.channels[-1]))
    assert traced == [row.make()]


@every
def test_it_differs_from_all_others(row):
    assert [other.name for other in TABLE if other.make() == row.make()] == [row.name]


def test_every_transform_is_in_the_table():
    makers = {name for name in t.__all__ if callable(getattr(t, name)) and getattr(t, name).__module__ != "typing"}
    makers -= {"Draw", "Drawn", "Geometric", "changing", "uniform", "normal", "apply", "compose", "output_shape"}
    makers -= {"xplique", "Transform", "Values"}
    named = {name for row in TABLE for name in row.make.__code__.co_names}
    assert makers - named == set()
    assert len(makers) == 20
