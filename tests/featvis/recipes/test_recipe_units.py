"""Spectrum, diversity, interaction, directions and sprites, on networks of which the right answer is known."""

import jax
import numpy as np
import optax
import pytest

import featvis
from featvis import objectives as obj
from featvis.recipes import (
    directions,
    diversity,
    interactions,
    interpolation,
    interpolation_grid,
    pair_directions,
    random_directions,
    reduce,
    spectrum,
    sprites,
)
from featvis.recipes.spectrum import parts

RNG = np.random.default_rng(0)
ANY_SIZE = {"transforms": (), "optimizer": optax.adam(1.0), "steps": 24}
FAST = ANY_SIZE | {"param": featvis.param.image(8, fft=False)}
"""Enough to make an image of one colour."""


def colours(images):
    """Red, green and blue: how much more there is of each than of all; how much above grey; how light it is."""
    light = images.mean(-1, keepdims=True)
    return {"rgb": images - light, "positive": jax.nn.relu(images - 0.5), "light": light}


def shade(images):
    """What `colours` makes of images, averaged: how much more red, green and blue there is in each than of all."""
    means = np.asarray(images).mean((-3, -2))
    return means - means.mean(-1, keepdims=True)


def test_both_ends_of_a_spectrum():
    found = spectrum(colours, "rgb:0", **FAST)
    low, high = found.values
    # Red alone would be 2/3, and all but red -2/3.
    assert low < -0.5 < 0.5 < high
    # The values are those of the images, up to the order of a sum.
    assert shade(found.negative)[0] == pytest.approx(low, abs=1e-5)
    assert shade(found.positive)[0] == pytest.approx(high, abs=1e-5)
    assert found.result.labels == ("-rgb:0", "rgb:0")
    assert found.activations.shape == (0,)
    assert [len(part) for part in found.examples] == [0, 0, 0, 0]
    assert repr(found).startswith("<spectrum of rgb:0, images from -0.")


def test_examples_are_chosen_from_all_photographs():
    photos = RNG.random((23, 4, 4, 3)).astype(np.float32)
    photos *= np.linspace(0, 1, 23, dtype=np.float32)[RNG.permutation(23), None, None, None]
    found = spectrum(colours, obj.channel("rgb", 2), photos, examples=3, **FAST | {"steps": 1})
    np.testing.assert_allclose(found.activations, shade(photos)[:, 2], atol=1e-6)
    for chosen, expected in zip(found.examples, parts(found.activations, 3), strict=True):
        np.testing.assert_array_equal(chosen, expected)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 3, 100])
def test_parts_of_a_range(seed, count):
    values = np.random.default_rng(seed).normal(seed - 2, 2, 40)
    values[::7] = 0
    negative, slightly_negative, slightly_positive, positive = (part.tolist() for part in parts(values, count))
    low, high = min(values.min(), 0), max(values.max(), 0)
    everything = list(enumerate(values.tolist()))
    by_value = sorted(range(40), key=lambda i: values[i])
    expected = {
        "negative": [i for i in by_value if values[i] < 0 and values[i] <= low / 2][:count],
        "positive": [i for i in by_value if values[i] > 0 and values[i] >= high / 2][-count:],
    }
    for name, middle, inside in (
        ("slightly negative", low / 4, [i for i, v in everything if low / 2 < v < 0]),
        ("slightly positive", high / 4, [i for i, v in everything if 0 < v < high / 2]),
    ):
        nearest = set(sorted(inside, key=lambda i, middle=middle: abs(values[i] - middle))[:count])
        expected[name] = [i for i in by_value if i in nearest]
    assert negative == expected["negative"]
    assert slightly_negative == expected["slightly negative"]
    assert slightly_positive == expected["slightly positive"]
    assert positive == expected["positive"]


def alikeness(images):
    """Mean cosine between the Gram matrices of what is above grey, of all pairs of different images."""
    above = np.maximum(images - 0.5, 0).reshape(len(images), -1, 3)
    grams = np.stack([(a.T @ a).ravel() for a in above])
    grams /= np.linalg.norm(grams, axis=1, keepdims=True)
    return ((grams @ grams.T).sum() - len(images)) / (len(images) * (len(images) - 1))


def test_diverse_images_differ_more():
    # Any colour is light; undiversified images become white, whose Gram matrices are all the same.
    same = diversity(colours, "light:0", 3, weight=0, layer="positive", **FAST)
    diverse = diversity(colours, "light:0", 3, weight=1, layer="positive", **FAST)
    assert same.images.shape == diverse.images.shape == (1, 3, 8, 8, 3)
    # Colours that share no unit are as different as can be.
    assert alikeness(diverse.images[0]) < 0.6 < 0.9 < alikeness(same.images[0])
    assert diverse.labels == ("light:0 + -1 * diversity(positive)",)


def test_diversity_takes_the_layer_of_the_objective_and_a_param_of_several():
    alike = featvis.param.shared(featvis.param.image(8), 2)
    result = diversity(colours, "rgb:0", **FAST | {"param": alike, "steps": 1})
    assert result.images.shape == (1, 2, 8, 8, 3)
    assert result.labels == ("rgb:0 + -100 * diversity(rgb)",)


@pytest.mark.parametrize("aligned", [True, False])
def test_interpolation_goes_from_one_to_the_other(aligned):
    result = interpolation(colours, "rgb:0", "rgb:2", 4, aligned=aligned, size=8, **ANY_SIZE)
    assert result.images.shape == (1, 4, 8, 8, 3)
    red, _, blue = shade(result.images[0]).T
    assert red[0] > 0.3 > 0 > blue[0]
    assert blue[-1] > 0.3 > 0 > red[-1]
    assert result.labels == ("ramp(rgb:0, 1, 0) + ramp(rgb:2, 0, 1)",)


def test_alignment_draws_neighbours_together():
    def apart(images):
        return float(np.square(np.diff(images[0], axis=0)).mean())

    def draw(**more):
        options = {"aligned": False, "size": 8, "transforms": (), "steps": 10, **more}
        # A network of patterns: whatever is there is exaggerated, so that what differs stays different.
        return interpolation(lambda x: {"rgb": x, "size": (x - 0.5) ** 2}, "size:0", "size:1", 3, **options).images

    assert apart(draw(align=["input"], align_weight=100.0)) < 0.1 * apart(draw())
    assert apart(draw(aligned=True)) < 0.5 * apart(draw())


def test_interactions_are_those_of_each_pair():
    grid = interactions(colours, "rgb:0-2", **FAST)
    assert grid.labels == ("rgb:0", "rgb:1", "rgb:2")
    assert grid.images.shape == (3, 3, 8, 8, 3)
    # Each image is of the colours that its row and its column ask for.
    wanted = np.eye(3)[:, None] + np.eye(3)[None]
    np.testing.assert_array_equal(shade(grid.images) > 0.1, wanted > 0)
    np.testing.assert_array_equal(grid.images, grid.images.swapaxes(0, 1))


def test_grids_of_interpolations():
    grid = interpolation_grid(colours, ["rgb:0", obj.channel("rgb", 1), "rgb:2"], 3, size=8, **ANY_SIZE)
    assert grid.images.shape == (3, 3, 3, 8, 8, 3)
    assert repr(grid) == "<grid of rgb:0, rgb:1, rgb:2>"
    for a, b in np.ndindex(3, 3):
        np.testing.assert_array_equal(grid.images[a, b], grid.images[b, a, ::-1])
        assert shade(grid.images[a, b, 0])[a] > 0.5
        assert shade(grid.images[a, b, -1])[b] > 0.5


def test_images_of_directions():
    vectors = np.array([[1, 0, -1], [-5, 0, 5]], np.float32)
    result = directions(colours, "rgb", vectors, labels=["warm", "cold"], **FAST)
    assert result.labels == ("warm", "cold")
    warm, cold = shade(result.images)
    assert warm[0] > 0.25 > -0.25 > warm[2]
    assert cold[2] > 0.25 > -0.25 > cold[0]
    # Scores are along directions of length 1, whatever the vectors' lengths.
    expected = shade(result.images) @ np.array([1, 0, -1]) / np.sqrt(2) * [1, -1]
    np.testing.assert_allclose(result.scores, expected, rtol=1e-5)


def test_factors_are_directions():
    acts = np.outer(RNG.random(20), [3, 4, 0]) + np.outer(RNG.random(20), [0, 0, 1])
    result = directions(colours, "rgb", reduce(acts, 2).directions, **FAST | {"steps": 1})
    assert result.labels == ("rgb:direction 0", "rgb:direction 1")


def test_random_directions_are_of_length_1_and_of_all_kinds():
    drawn = random_directions(2000, 3, seed=1)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1, rtol=1e-6)
    # The mean of 2000 numbers of variance 1/3 and of their products: four standard deviations are 0.05.
    np.testing.assert_allclose(drawn.mean(0), 0, atol=0.05)
    np.testing.assert_allclose(drawn.T @ drawn / 2000, np.eye(3) / 3, atol=0.05)
    np.testing.assert_array_equal(drawn, random_directions(2000, 3, seed=1))
    assert (drawn != random_directions(2000, 3, seed=2)).all()


def test_pairs_of_units_are_directions():
    root = np.sqrt(np.float32(0.5))
    np.testing.assert_array_equal(pair_directions([(0, 1), (3, 1)], 4), [[root, root, 0, 0], [0, root, 0, root]])


def test_sprites_are_in_their_places():
    sheet = sprites(colours, "rgb", [2, 0, 1], tile=8, columns=2, **FAST)
    assert sheet.picture.size == (16, 16)
    assert repr(sheet) == "<3 sprites of 8 pixels>"
    pixels = np.asarray(sheet.picture)
    for unit, place, image in zip([2, 0, 1], sheet.places["sprites"], sheet.result.images, strict=True):
        assert place["label"] == f"rgb:{unit}"
        found = pixels[place["y"] : place["y"] + 8, place["x"] : place["x"] + 8]
        np.testing.assert_array_equal(found, np.round(image * 255))
        assert shade(found)[unit] > 0.3 * 255


def test_transparent_sprites_show_what_is_needed():
    def centre(images):
        return {"centre": images[:, 2:6, 2:6]}

    options = FAST | {"param": featvis.param.image(8, alpha=True, fft=False)}
    sheet = sprites(centre, "centre", [1], tile=8, **options)
    assert sheet.picture.mode == "RGBA"
    opacity = sheet.result.images[0, ..., 3]
    assert opacity[2:6, 2:6].mean() > opacity[[0, -1]].mean() + 0.2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spectrum(colours, "rgb:0", examples=0), "^examples is 0; expected a whole number, at least 1$"),
        (lambda: spectrum(colours, "rgb:0-1"), "^'rgb:0-1' stands for 2 objectives; expected one$"),
        (
            lambda: spectrum(colours, "rgb:0", np.zeros((4, 4, 3))),
            r"^images have shape \(4, 4, 3\); expected \[n, height",
        ),
        (lambda: diversity(colours, "rgb:0", 1), "^rgb was computed from 1 image, but this objective relates several"),
        (lambda: diversity(colours, "rgb:0", weight=-1), "^weight is -1; expected a number from 0 up$"),
        (
            lambda: diversity(colours, obj.channel("rgb", 0) + obj.channel("light", 0)),
            r"^rgb:0 \+ light:0 reads \['rgb', 'light'\]; say by `layer` where images should differ$",
        ),
        (lambda: interactions(colours, "rgb:0"), "^only rgb:0 was given; expected at least two objectives$"),
        (
            lambda: interpolation_grid(colours, "rgb:0", size=8),
            "^only rgb:0 was given; expected at least two objectives$",
        ),
        (lambda: interpolation(colours, "rgb:0", "rgb:1", 1), "^images is 1; expected a whole number, at least 2$"),
        (
            lambda: interpolation_grid(colours, "rgb:0-1", 1),
            "^steps_between is 1; expected a whole number, at least 2$",
        ),
        (
            lambda: interpolation(colours, "rgb:0", "rgb:1", param=featvis.param.image(8)),
            "^param cannot be given here, for its parts are what aligns the images; expected a size$",
        ),
        (
            lambda: directions(colours, "rgb", np.zeros((2, 3))),
            r"^directions \[0, 1\] of 2 are zero; expected at least one",
        ),
        (lambda: directions(colours, "rgb", np.ones((2, 3)), labels=["a"]), "^1 labels were given for 2 directions"),
        (lambda: directions(colours, "rgb", np.ones((2, 4))), r"^the direction has shape \(4,\); rgb needs \(3,\)$"),
        (
            lambda: directions(colours, "rgb", np.ones(3)),
            r"^the array of directions has shape \(3,\); expected \(n, units\)$",
        ),
        (lambda: random_directions(0, 3), "^count is 0; expected a whole number, at least 1$"),
        (lambda: pair_directions([(0, 3)], 3), r"^pair \(0, 3\) is not of two different units from 0 to 2$"),
        (lambda: pair_directions([(1, 1)], 3), r"^pair \(1, 1\) is not of two different units from 0 to 2$"),
        (lambda: sprites(colours, "rbg"), "^no layer 'rbg'; did you mean 'rgb'"),
        (lambda: sprites(colours, "rgb", [3]), "^rgb has units 0 to 2; unit 3 was asked for$"),
        (lambda: sprites(colours, "rgb", tile=0), "^tile is 0; expected a whole number, at least 1$"),
        (
            lambda: sprites(colours, "rgb", param=featvis.param.image((8, 9))),
            r"^param makes images of shape \(8, 9, 3\); expected square ones, \(side, side, channels\)$",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
