"""All of featvis on networks that are not this project's: one network, written in three ways, gives the same images."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import featvis
from featvis import engine, recipes
from featvis import objectives as obj
from featvis.network import Bound

RNG = np.random.default_rng(0)
FIRST, SECOND = (RNG.normal(0, 0.4, shape).astype(np.float32) for shape in ((3, 3, 3, 4), (1, 1, 4, 5)))
PHOTO = RNG.random((8, 8, 3)).astype(np.float32)


def conv(images: Any, kernel: Any) -> Any:
    return jax.lax.conv_general_dilated(images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def function(images: Any) -> dict[str, Any]:
    """A function with weights of its own, which become part of the program."""
    first = conv(images, FIRST)
    return {"first_pre_relu": first, "first": jax.nn.relu(first), "second": conv(jax.nn.relu(first), SECOND)}


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Module:
    """A callable pytree of weights, as those of Equinox are."""

    first: Any
    second: Any

    def __call__(self, images: Any) -> dict[str, Any]:
        first = conv(images, self.first)
        return {"first_pre_relu": first, "first": jax.nn.relu(first), "second": conv(jax.nn.relu(first), self.second)}


class Linen(nn.Module):
    """A Flax Linen module that returns what it computes on its way."""

    @nn.compact
    def __call__(self, images: Any) -> dict[str, Any]:
        first = nn.Conv(4, (3, 3), use_bias=False, name="first")(images)
        second = nn.Conv(5, (1, 1), use_bias=False, name="second")(nn.relu(first))
        return {"first_pre_relu": first, "first": nn.relu(first), "second": second}


LINEN = Linen()


def linen(first: Any = FIRST) -> Any:
    """With its variables: `Partial` makes them arguments of the program. Programs know a module by its identity."""
    variables = {"params": {"first": {"kernel": jnp.asarray(first)}, "second": {"kernel": jnp.asarray(SECOND)}}}
    return jax.tree_util.Partial(LINEN.apply, variables)


def pytree(first: Any = FIRST) -> Any:
    return Module(jnp.asarray(first), jnp.asarray(SECOND))


JITTER = (featvis.transforms.jitter(2),)
SMALL = {"steps": 3, "param": featvis.param.image(8), "transforms": (), "progress": False}
SIZED = {"steps": 3, "size": 8, "transforms": (), "progress": False}
PHOTOGRAPH = {"steps": 3, "transforms": (), "progress": False}
EVERYTHING: dict[str, Callable[[Any], Any]] = {
    "render": lambda net: featvis.render(net, ["first:1", obj.neuron("second", 2)], **SMALL).images,
    "render with transforms": lambda net: featvis.render(net, "first:*", **SMALL | {"transforms": JITTER}).images,
    "spectrum": lambda net: recipes.spectrum(net, "first_pre_relu:0", PHOTO[None], **SMALL).result.images,
    "diversity": lambda net: recipes.diversity(net, "second:0", 2, **SMALL).images,
    "directions": lambda net: recipes.directions(net, "first", np.eye(4)[:2], **SMALL).images,
    "interactions": lambda net: recipes.interactions(net, "first:0-1", **SMALL).images,
    "interpolation": lambda net: recipes.interpolation(net, "first:0", "second:1", 2, aligned=False, **SIZED).images,
    "sprites": lambda net: np.asarray(recipes.sprites(net, "second", tile=8, **SMALL).picture) / 255,
    "patterns": lambda net: recipes.patterns(net, "first:0", **SMALL | {"param": featvis.param.cppn(8)}).at(15),
    "caricature": lambda net: recipes.caricature(net, PHOTO, ["first", "second"], **PHOTOGRAPH).images,
    "inversion": lambda net: recipes.feature_inversion(net, PHOTO, "first", static=True, **PHOTOGRAPH).images,
    "texture": lambda net: recipes.texture(net, PHOTO, layers="first", **SMALL).images,
    "style transfer": lambda net: (
        recipes.style_transfer(
            net, PHOTO, PHOTO[::-1], content_layers="second", style_layers="first", **PHOTOGRAPH
        ).images
    ),
    "neuron groups": lambda net: recipes.neuron_groups(net, PHOTO[None], "first", 2).maps,
    "activation grid": lambda net: recipes.activation_grid(net, PHOTO, "second").vectors,
    "semantic dictionary": lambda net: recipes.semantic_dictionary(net, PHOTO, "first", 2).activations,
}
"""What is shown of a network."""


def check_same(found: Any, expected: Any) -> None:
    expected = np.asarray(expected)
    assert np.isfinite(expected).all()
    assert expected.std() > 0
    # The same convolutions, compiled with their weights and without: sums in another order, and Adam's first steps,
    # which are as long for the smallest gradients as for the largest.
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_linen_module_is_shown_as_a_function_is(name):
    check_same(EVERYTHING[name](linen()), EVERYTHING[name](function))


def test_a_pytree_is_shown_as_a_function_is():
    check_same(EVERYTHING["render"](pytree()), EVERYTHING["render"](function))


@pytest.mark.parametrize("make", [pytree, linen])
def test_other_weights_compile_nothing(make):
    first = featvis.render(make(), "first_pre_relu:1", **SMALL)
    compiled = engine.advance.jitted._cache_size()
    other = make(-FIRST)
    second = featvis.render(other, "first_pre_relu:1", **SMALL)
    assert engine.advance.jitted._cache_size() == compiled
    # What drove the unit up drives it down now; both have the same noise to begin with.
    before = recipes.given.objective_values(other, "first_pre_relu:1", first.images)
    assert second.scores[0] > before[0, 0] + 0.02


def test_weights_are_arguments_where_they_can_be():
    for make in (pytree, linen):
        assert [array.shape for array in Bound.of(make()).arrays] == [FIRST.shape, SECOND.shape]
    assert Bound.of(function).arrays == []


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        (
            lambda images: images,
            r"^the network wrong returns an array of shape \(1, 8, 8, 3\); expected a dict of named",
        ),
        (lambda images: (images, images), r"^the network wrong returns a tuple; expected a dict of named activations"),
        (lambda images: {"a": images, "b": [images]}, r"^the network wrong returns list for 'b'; expected a dict"),
        (
            lambda images: {"a": images.mean()},
            r"^the network's 'a' has shape \(\) for 1 images; expected one activation",
        ),
        (lambda images: {"a": images[0]}, r"^the network's 'a' has shape \(8, 8, 3\) for 1 images; expected one act"),
    ],
)
def test_what_is_no_dict_of_activations_is_refused(returned: Any, expected: str) -> None:
    def wrong(images: Any) -> Any:
        return returned(images)

    with pytest.raises(ValueError, match=expected):
        featvis.render(wrong, obj.channel("a", 0), steps=1, param=featvis.param.image(8))


def test_numbers_beside_the_activations_do_no_harm() -> None:
    def network(images: Any) -> dict[str, Any]:
        return function(images) | {"loss": images.sum()}

    assert featvis.render(network, "second:0-1", steps=1, param=featvis.param.image(8)).labels == (
        "second:0",
        "second:1",
    )


def test_units_that_a_relu_keeps_at_zero_are_told_of() -> None:
    def dark(images: Any) -> dict[str, Any]:
        return {"dark": jax.nn.relu(function(images)["second"] - 1000), "second": function(images)["second"]}

    with pytest.warns(UserWarning, match="stayed at 0 all along") as warned:
        featvis.render(dark, "dark:*,second:0", steps=2, param=featvis.param.image(8))
    assert [str(w.message) for w in warned] == [
        "5 of 6 objectives stayed at 0 all along, as after a ReLU that lets nothing through, where no gradient shows "
        "the way: dark:0, dark:1, dark:2, ...; draw what is before the ReLU, which this project's models call "
        "LAYER_pre_relu, or try another seed"
    ]
