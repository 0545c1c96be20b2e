"""Interventions against edits by hand, edits of weights, and other images' activations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import featvis
import inception_jax
from circuits import (
    ablate,
    attribute,
    cut,
    edited,
    expanded_weights,
    mean_ablate,
    mean_activation,
    patch,
    resample_ablate,
    rewire,
    scale,
    scale_outgoing,
    weights,
)


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).random((3, 32, 32, 3), np.float32)


@pytest.fixture(scope="module")
def acts(narrow, photos):
    return narrow(photos, until="mixed4a")


@pytest.mark.parametrize("layer", ["mixed3a", "mixed3b", "maxpool1", "conv2d1", "mixed3b_5x5_bottleneck"])
def test_ablating_a_unit_equals_zeroing_its_outgoing_slices(layer, narrow, photos):
    units = [0, 3]
    without = edited(narrow, ablate(layer, units))(photos, until="mixed4a")
    deaf = scale_outgoing(narrow, layer, units)(photos, until="mixed4a")
    assert not np.asarray(without[layer][..., units]).any()
    # Zeros at other places of the same float32 sums.
    np.testing.assert_allclose(without["mixed4a"], deaf["mixed4a"], rtol=1e-4, atol=1e-4)
    assert np.abs(without["mixed4a"] - narrow(photos, until="mixed4a")["mixed4a"]).max() > 0.1


def test_patching_everything_gives_the_other_images_output(narrow, photos, acts):
    others = photos[[1, 2, 0]]
    for layer in ("mixed3a", "mixed3b_pre_relu"):
        patched = edited(narrow, patch(layer, None, narrow(others, taps=layer)[layer]))(photos, taps="mixed4a")
        # The same operations on the same numbers, compiled in other stretches.
        np.testing.assert_allclose(patched["mixed4a"], acts["mixed4a"][jnp.array([1, 2, 0])], rtol=1e-5, atol=1e-5)


def test_patched_units_have_the_other_values_and_no_others_change(narrow, photos, acts):
    new = np.random.default_rng(1).random(acts["mixed3a"].shape).astype(np.float32)
    found = edited(narrow, patch("mixed3a", [1, 4], new))(photos, taps="mixed3a")["mixed3a"]
    expected = np.array(acts["mixed3a"])
    expected[..., [1, 4]] = new[..., [1, 4]]
    np.testing.assert_array_equal(found, expected)


def test_directions(narrow, photos, acts):
    rng = np.random.default_rng(2)
    rows, count = rng.normal(size=(2, narrow.layers["mixed3a"])), narrow.layers["mixed3a"]
    removed = edited(narrow, ablate("mixed3a", rows))(photos, taps="mixed3a")["mixed3a"]
    scale_of = np.abs(acts["mixed3a"]).max()
    # Rounding of float32 sums over 32 units.
    np.testing.assert_allclose(np.einsum("nhwu,ku->nhwk", removed, rows), 0, atol=1e-4 * scale_of)
    projection = rows.T @ np.linalg.solve(rows @ rows.T, rows)
    np.testing.assert_allclose(removed, acts["mixed3a"] @ (np.eye(count) - projection), atol=1e-5 * scale_of)
    # The directions along axes are units, and a direction that depends on others adds nothing.
    axes = np.eye(count)[[2, 5]]
    for given in (axes, np.concatenate([axes, axes.sum(0, keepdims=True)])):
        along = scale("mixed3a", given, 3.0)(acts["mixed3a"])
        np.testing.assert_allclose(along, scale("mixed3a", [2, 5], 3.0)(acts["mixed3a"]), atol=1e-5 * scale_of)


def test_mean_and_resample(narrow, photos, acts):
    means = mean_activation(narrow, photos, "mixed3a")
    np.testing.assert_allclose(means, np.mean(acts["mixed3a"], (0, 1, 2)), rtol=1e-5)
    found = edited(narrow, mean_ablate(narrow, photos, "mixed3a", 7))(photos, taps="mixed3a")["mixed3a"]
    np.testing.assert_allclose(found[..., 7], means[7], rtol=1e-6)
    found = np.asarray(
        edited(narrow, resample_ablate(narrow, photos, "mixed3a", None))(photos, taps="mixed3a")["mixed3a"]
    )
    matches = np.array([[np.array_equal(row, other) for other in np.asarray(acts["mixed3a"])] for row in found])
    assert (matches.sum(0) == 1).all()
    assert (matches.sum(1) == 1).all()
    assert not matches.diagonal().any()


def test_interventions_compose_in_network_order(narrow, photos, acts):
    doubled = scale("conv2d2", 1, 2.0)
    later_first = edited(narrow, ablate("mixed3a", 0), doubled)
    assert [each.layer for each in later_first.interventions] == ["conv2d2", "mixed3a"]
    again = edited(edited(narrow, doubled), scale("conv2d2", 1, 0.5))
    np.testing.assert_allclose(again(photos, taps="mixed3a")["mixed3a"], acts["mixed3a"], rtol=1e-6)
    # At one layer in the order given; edits of the call come last.
    patched = edited(narrow, doubled, patch("conv2d2", 1, 5.0))
    assert (patched(photos, taps="conv2d2")["conv2d2"][..., 1] == 5.0).all()
    call = patched(photos, taps="conv2d2", edits={"conv2d2": lambda a: a + 1})["conv2d2"]
    assert (call[..., 1] == 6.0).all()


def test_layers_before_an_intervention_are_there_too(narrow, photos, acts):
    changed = edited(narrow, ablate("mixed4a", 0))
    np.testing.assert_array_equal(changed(photos, taps="conv2d1")["conv2d1"], acts["conv2d1"])
    assert list(changed(photos, until="mixed3a")) == list(narrow(photos, until="mixed3a"))
    # Nor do edges further on need their layers, which such small images do not have.
    tiny = edited(narrow, cut("mixed5a", "softmax2_pre_activation", [(0, 0)]))(photos[:, :16, :16], taps="conv2d1")
    np.testing.assert_allclose(tiny["conv2d1"], narrow(photos[:, :16, :16], taps="conv2d1")["conv2d1"])


def test_an_edited_model_is_an_argument_of_compiled_functions(narrow, photos):
    changed = edited(narrow, scale("mixed3a", [1, 2], 3.0), patch("conv2d1", 0, 1.0), until="mixed3b")
    compiled = jax.jit(lambda model, x: model(x))(changed, photos)
    assert set(compiled) == set(narrow(photos, until="mixed3b"))
    np.testing.assert_allclose(compiled["mixed3b"], changed(photos)["mixed3b"], rtol=1e-4, atol=1e-4)


def test_edited_models_are_drawn_as_edited(narrow):
    """What a unit answers to in the image drawn for it is measured in the edited model."""
    changed = edited(narrow, ablate("mixed3a", 5), until="mixed3a_pre_relu")
    tiny = featvis.param.image(24)
    result = featvis.render(changed, "mixed3a_pre_relu:4", steps=2, param=tiny, transforms=(), progress=False)
    value = changed(result.images)["mixed3a_pre_relu"][..., 4].mean()
    # The objective's own mean, in another program.
    np.testing.assert_allclose(result.scores[0], value, rtol=1e-3)


def test_expanded_weights_of_an_edited_network(narrow):
    image = np.zeros((1, 64, 64, 3), np.float32)
    edits = edited(narrow, ablate("mixed3a_5x5_bottleneck", None)).edits(image)
    # Unit 25 is of the 5x5 branch, 30 of the pool's.
    found = expanded_weights(narrow, "maxpool1", "mixed3a", units=[25, 30], edits=edits)
    plain = expanded_weights(narrow, "maxpool1", "mixed3a", units=[25, 30])
    assert plain[0].any()
    assert not found[0].any()
    # One in whole maps, the other in windows.
    np.testing.assert_allclose(found[1], plain[1], atol=1e-5)


class TestCut:
    def test_all_edges_into_a_unit_equal_a_patch_of_the_layer_below(self, narrow, photos):
        edges = [(source, 7) for source in range(narrow.layers["mixed3a"])]
        found = edited(narrow, cut("mixed3a", "mixed3b_pre_relu", edges))(photos, taps="mixed3b_pre_relu")
        dark = edited(narrow, ablate("mixed3a", None))(photos, taps="mixed3b_pre_relu")["mixed3b_pre_relu"]
        plain = narrow(photos, taps="mixed3b_pre_relu")["mixed3b_pre_relu"]
        np.testing.assert_allclose(found["mixed3b_pre_relu"][..., 7], dark[..., 7], rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(np.delete(found["mixed3b_pre_relu"], 7, -1), np.delete(plain, 7, -1))

    def test_one_edge_of_a_convolution_equals_zeroing_its_weight(self, narrow, photos):
        edges = [(3, 2), (4, 2), (3, 9)]
        found = edited(narrow, cut("conv2d1", "conv2d2", edges))(photos, taps="mixed3a")["mixed3a"]
        kernel = np.array(narrow.weights["conv2d2"]["kernel"])
        for source, target in edges:
            kernel[:, :, source, target] = 0
        changed = {**narrow.weights, "conv2d2": {**narrow.weights["conv2d2"], "kernel": jnp.asarray(kernel)}}
        expected = inception_jax.Model(narrow.architecture, changed)(photos, taps="mixed3a")["mixed3a"]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)

    def test_edges_see_what_interventions_before_them_leave(self, narrow, photos):
        both = edited(narrow, cut("conv2d1", "conv2d2", [(0, 2)], values=1.0), scale("conv2d1", None, 2.0))
        found = both(photos, taps="conv2d2")["conv2d2"][..., 2]
        twice = 2 * narrow(photos, taps="conv2d1")["conv2d1"]
        expected = narrow(photos, taps="conv2d2", edits={"conv2d1": lambda _: twice.at[..., 0].set(1.0)})["conv2d2"]
        np.testing.assert_allclose(found, expected[..., 2], rtol=1e-4, atol=1e-4)

    def test_compiled(self, narrow, photos):
        changed = edited(narrow, cut("mixed3a", "mixed3b_pre_relu", [(0, 1), (2, 3)]), until="mixed3b")
        compiled = jax.jit(lambda model, x: model(x)["mixed3b"])(changed, photos)
        np.testing.assert_allclose(compiled, changed(photos)["mixed3b"], rtol=1e-4, atol=1e-4)


class TestRewire:
    def test_a_convolutions_own_weights_change_nothing(self, narrow, photos):
        own, bias = weights(narrow, "conv2d1", "conv2d2", units=[1, 4]), narrow.weights["conv2d2"]["bias"]
        wired = rewire(own, upper="conv2d2_pre_relu", bias=np.asarray(bias)[[1, 4]])
        found = edited(narrow, wired)(photos, taps="conv2d2")["conv2d2"]
        np.testing.assert_allclose(found, narrow(photos, taps="conv2d2")["conv2d2"], rtol=1e-4, atol=1e-4)

    def test_positive_weights_alone(self, narrow, photos):
        tiles = expanded_weights(narrow, "mixed3a", "mixed3b", units=[30])
        wired = edited(narrow, rewire(np.maximum(tiles, 0), "mixed3a", "mixed3b_pre_relu", 30, bias=0.5))
        found = wired(photos, taps="mixed3b_pre_relu")["mixed3b_pre_relu"][0, 1, 2, 30]
        below = np.pad(narrow(photos, taps="mixed3a")["mixed3a"][0], ((2, 2), (2, 2), (0, 0)))
        expected = (np.maximum(tiles, 0)[0].transpose(1, 2, 0) * below[1:6, 2:7]).sum() + 0.5
        np.testing.assert_allclose(found, expected, rtol=1e-4)

    def test_maps_of_different_sizes(self, narrow, photos):
        wired = edited(narrow, rewire(np.ones((1, 24, 3, 3)), "conv2d2", "mixed3a", 0))
        with pytest.raises(ValueError, match="conv2d2 is 8x8 and mixed3a is 4x4; expected two layers of one size"):
            wired(photos, taps="mixed3a")


def test_any_model_that_takes_edits():
    def model(images, edits=None):
        below = (edits or {}).get("a", lambda a: a)(2 * images)
        return {"a": below, "b": below.sum(-1, keepdims=True)}

    images = jnp.ones((1, 2, 2, 3))
    changed = edited(model, ablate("a", 1), scale("a", 0, 5.0))
    assert float(changed(images)["b"][0, 0, 0, 0]) == 12.0
    assert float(jax.jit(lambda m, x: m(x)["b"])(changed, images)[0, 0, 0, 0]) == 12.0
    # Of the sum of four positions, gradient times activation.
    np.testing.assert_allclose(attribute(changed, np.asarray(images), "a", "b", 0).channels, [[[40, 0, 8]]])


def test_edits_of_a_call_are_as_strict_as_a_models(narrow, photos):
    changed = edited(narrow, ablate("mixed3a", 0))
    with pytest.raises(ValueError, match="no layer 'mixed3x'"):
        changed(photos, taps="mixed3a", edits={"mixed3x": abs})
    with pytest.raises(ValueError, match=r"edits of \['mixed3b'\] would have no effect"):
        changed(photos, taps="mixed3a", edits={"mixed3b": abs})


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: ablate("mixed3c", 0), "no layer 'mixed3c'; did you mean 'mixed4c' or 'mixed3b'"),
        (lambda: ablate("mixed3a", [1, 32, 40]), "mixed3a has no units 32, 40; expected 0 to 31"),
        (lambda: ablate("mixed3a", np.ones((1, 30))), "directions over 30 units do not fit mixed3a; expected 32 units"),
        (lambda: cut("mixed3b", "mixed3a", [(0, 0)]), "'mixed3b' comes after 'mixed3a'"),
        (lambda: cut("mixed3a_5x5", "mixed3a_3x3", [(0, 0)]), "nothing leads from 'mixed3a_5x5' to 'mixed3a_3x3'"),
        (lambda: cut("mixed3a", "mixed3b", [(32, 0)]), "mixed3a has no units 32; expected 0 to 31"),
        (lambda: cut("mixed3a", "mixed3b", [(0, 60)]), "mixed3b has no units 60; expected 0 to 59"),
        (
            lambda: rewire(np.ones((1, 3, 3, 3)), "mixed3a", "mixed3b", 0),
            "over 3 inputs; expected 32, the units of mix",
        ),
    ],
)
def test_what_does_not_fit_the_model(made, message, narrow):
    with pytest.raises(ValueError, match=message):
        edited(narrow, made())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ablate("mixed3a", []), "no units of 'mixed3a' are chosen; expected unit numbers from 0 on, or dir"),
        (lambda: ablate("mixed3a", -1), "units of 'mixed3a' are -1; expected unit numbers from 0 on"),
        (lambda: ablate("mixed3a", np.zeros((1, 32))), "directions of 'mixed3a' are not all finite and different from"),
        (lambda: ablate("mixed3a", np.ones((1, 2, 3))), r"have shape \(1, 2, 3\) and type float64; expected unit"),
        (lambda: cut("mixed3a", "mixed3a", [(0, 0)]), "both ends of the edges are 'mixed3a'"),
        (lambda: cut("mixed3a", "mixed3b", []), r"no edges are given; expected pairs \(unit of lower, unit of upper\)"),
        (lambda: rewire(np.ones((2, 3, 3, 3)), "a", "b", [1]), r"weights of 2 units are given for units \[1\]"),
        (lambda: rewire(np.ones((1, 3, 3, 3)), "a", "b"), "weights without names need the layers and units"),
    ],
)
def test_what_is_no_intervention(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_does_not_fit_the_images(narrow, photos):
    with pytest.raises(ValueError, match=r"the patch of 'mixed3a' has values of shape \(2, 4, 4, 32\); expected a num"):
        edited(narrow, patch("mixed3a", 0, np.zeros((2, 4, 4, 32))))(photos, taps="mixed3b")
    with pytest.raises(ValueError, match="there are 1 images; expected two or more"):
        resample_ablate(narrow, photos[:1], "mixed3a", 0)
    with pytest.raises(ValueError, match="there are no images; expected at least one"):
        mean_ablate(narrow, photos[:0], "mixed3a", 0)


def test_one_recomputation_of_a_unit(narrow):
    first, second = cut("mixed3a", "mixed3b", [(0, 4)]), cut("conv2d2", "mixed3b", [(0, 4), (1, 5)])
    with pytest.raises(ValueError, match="mixed3b:4 is recomputed by two interventions; expected one cut"):
        edited(narrow, first, second)
