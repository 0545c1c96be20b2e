"""What recipes are given, and what objectives say of given images."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import featvis
from featvis import objectives as obj
from featvis.recipes import Beside
from featvis.recipes.given import activations, check_names, check_photograph, listed, objective_values, one

RNG = np.random.default_rng(0)
PHOTOS = RNG.random((9, 4, 6, 3)).astype(np.float32)


def toy(images):
    """Colours about grey, with positions, and their means, without."""
    return {"colours": images - 0.5, "means": images.mean((1, 2))}


def test_activations_of_several_layers():
    found = activations(toy, PHOTOS, ["means", "colours"])
    np.testing.assert_array_equal(found["colours"], PHOTOS - 0.5)
    # Sums of 24 numbers in another order.
    np.testing.assert_allclose(found["means"], PHOTOS.mean((1, 2)), rtol=1e-6)


def test_values_of_objectives_are_those_of_each_image_alone():
    objectives = [obj.channel("colours", 1), obj.neuron("colours", 2, row=1, column=3), obj.channel("means", 0)]
    # More images than fit one program on CPUs, and a last program with one left.
    values = objective_values(toy, objectives, PHOTOS)
    expected = [PHOTOS[..., 1].mean((1, 2)) - 0.5, PHOTOS[:, 1, 3, 2] - 0.5, PHOTOS[..., 0].mean((1, 2))]
    # Sums of 24 numbers in another order.
    np.testing.assert_allclose(values, expected, atol=1e-6)
    np.testing.assert_array_equal(objective_values(toy, "colours:1", PHOTOS), values[:1])


def test_values_of_objectives_that_relate_images():
    pairs = PHOTOS[:8].reshape(4, 2, 4, 6, 3)
    values = objective_values(toy, [obj.content("colours", 0), obj.input_difference(0)], pairs)
    difference = pairs[:, 1] - pairs[:, 0]
    expected = [np.abs(difference).mean((1, 2, 3)), np.sqrt(np.square(difference).mean((1, 2, 3)))]
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_photographs_beside_images():
    """They come out as they came in, have no gradient, and go through the transforms of the images."""
    own = featvis.param.stack(featvis.param.image((4, 6)), 2)
    both = Beside(own, photographs=2)
    start = both.start(PHOTOS[:2], PHOTOS[2:4])
    assert both.shape == start.shape == (4, 4, 6, 3)
    objective = obj.on(obj.inversion("colours", 0), (0, 2)) + obj.on(obj.inversion("colours", 1), (1, 3))
    options = {"param": both, "start": start, "transforms": [featvis.transforms.jitter(2)], "steps": 20}
    result = featvis.render(toy, objective, share="result", **options)
    np.testing.assert_array_equal(result.images[0, :2], PHOTOS[:2])
    alone = both.own(result)
    np.testing.assert_array_equal(alone.images, result.images[:, 2:])
    assert alone.snapshots.shape == (1, 0, 2, 4, 6, 3)
    # Images that begin as the photographs do not differ from them, wherever both are cropped.
    options |= {"start": both.start(PHOTOS[:2], PHOTOS[:2]), "optimizer": optax.sgd(0.0)}
    same = featvis.render(toy, objective, share="result", **options)
    # Photographs come in as they are, images through the inverse of a sigmoid: about 1e-6 of difference, squared.
    np.testing.assert_allclose(same.history, 0, atol=1e-9)
    apart = featvis.render(toy, objective, share="image", **options)
    assert apart.history.min() < -0.1


def test_noise_beside_photographs_depends_on_the_seed():
    both = Beside(featvis.param.stack(featvis.param.image(4), 2))
    first, again, other = (both.start(np.zeros((1, 4, 4, 3)), seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[1:] - other[1:]).min() > 0
    assert np.abs(first[1] - first[2]).max() > 0
    np.testing.assert_array_equal(first[0], 0)


def test_only_what_can_be_inverted_begins_with_images():
    assert hasattr(Beside(featvis.param.stack(featvis.param.image(4), 1)), "invert")
    assert not hasattr(Beside(featvis.param.stack(featvis.param.cppn(4), 1)), "invert")


PARAM = featvis.param.image(4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_photograph("content", PHOTOS), r"^content has shape \(9, 4, 6, 3\); expected one image"),
        (
            lambda: check_photograph("style", 2 * PHOTOS[0]),
            r"^style has type float32 and values from .* to .*; expected",
        ),
        (
            lambda: check_photograph("style", np.zeros((2, 2, 3), np.uint8)),
            "^style has type uint8 and values from 0 to 0",
        ),
        (lambda: check_photograph("style", np.full((2, 2, 3), np.nan)), "^style has type float64 and values from nan"),
        (lambda: check_names("layers", []), r"^layers are \[\]; expected at least one name, each once$"),
        (
            lambda: check_names("layers", ["a", "a"]),
            r"^layers are \['a', 'a'\]; expected at least one name, each once$",
        ),
        (lambda: one(toy, "colours:0-1", PARAM), "^'colours:0-1' stands for 2 objectives; expected one$"),
        (lambda: one(toy, "colors:0", PARAM), "^no layer 'colors'; did you mean 'colours'"),
        (lambda: listed(toy, [], PARAM), "^no objectives were given; expected at least one$"),
        (lambda: activations(toy, PHOTOS, ["a"]), r"^the network returns no \['a'\]; it returns"),
        (lambda: objective_values(toy, "means:0", PHOTOS[0]), r"^images have shape \(4, 6, 3\); expected \[n, height"),
        (lambda: objective_values(toy, "means:3", PHOTOS), "^means has no units '3'; it has units 0 to 2"),
        (
            lambda: objective_values(toy, obj.facet("colours", np.ones(3), "signed"), PHOTOS),
            r"^colours:facet-signed-.* needs gradients; expected objectives of activations and images$",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_step_is_step_0():
    step = featvis.Objective(_step, (), ("step", "input"), "step")
    np.testing.assert_array_equal(objective_values(toy, [step], PHOTOS[:2]), [[0, 0]])


def _step(acts, data):
    del data
    return acts["step"] + 0 * jnp.sum(acts["input"])
