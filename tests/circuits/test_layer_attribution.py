"""Attribution between layers and of edges: sums, products, brute force."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circuits import ablate, attribute, attribute_edges, cut, edited
from inception_jax import LINEAR, Model

ENDS = ("mixed3a", "mixed3b_pre_relu")


@pytest.fixture(scope="module")
def biased(narrow):
    """With biases too, so that scores at a baseline of zero are not zero."""
    rng = np.random.default_rng(3)
    weights = {
        layer: {"kernel": parts["kernel"], "bias": jnp.asarray(rng.normal(size=parts["bias"].shape), jnp.float32)}
        for layer, parts in narrow.weights.items()
    }
    return Model(narrow.architecture, weights)


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).random((3, 32, 32, 3), np.float32)


@pytest.mark.parametrize("position", [None, (1, 0)])
def test_linear_attribution_sums_to_the_output_but_for_the_biases(position, biased, photos):
    found = attribute(biased, photos, "mixed3a", "mixed4a_pre_relu", [0, 30, 55], position=position, rules=LINEAR)
    # Sums of tens of thousands of float32 products.
    close = {"rtol": 1e-4, "atol": 1e-4 * np.abs(found.scores).max()}
    np.testing.assert_allclose(found.channels.sum(-1), found.scores - found.baseline_scores, **close)
    acts = biased(photos, taps=["mixed3a", "mixed4a_pre_relu"])
    edits = {"mixed3a": lambda _: acts["mixed3a"]}
    above = np.asarray(biased(photos, taps="mixed4a_pre_relu", edits=edits, rules=LINEAR)["mixed4a_pre_relu"])
    read = above.sum((1, 2)) if position is None else above[:, position[0], position[1]]
    np.testing.assert_allclose(found.scores, read[:, [0, 30, 55]].T, **close)
    assert np.abs(found.baseline_scores).min() > 0


def test_integrated_attribution_sums_to_the_difference_in_score(biased, photos):
    found = attribute(biased, photos, *ENDS, [3, 40], method="integrated", steps=64, baseline=0.5)
    total = found.scores - found.baseline_scores
    # 64 middles of a piecewise linear path: its kinks are missed by a percent or so.
    np.testing.assert_allclose(found.values.sum((2, 3, 4)), total, rtol=0.02, atol=0.02 * np.abs(total).max())
    assert found.labels == ("mixed3b_pre_relu:3", "mixed3b_pre_relu:40")
    np.testing.assert_allclose(found.positions.sum((2, 3)), found.channels.sum(-1), rtol=1e-3)


def test_gradients_are_those_of_jax(biased, photos):
    found = attribute(biased, photos[:1], *ENDS, [5], position=(1, 1))
    acts = biased(photos[:1], taps="mixed3a")["mixed3a"]

    def score(value):
        return biased(photos[:1], taps=ENDS[1], edits={"mixed3a": lambda _: value})[ENDS[1]][0, 1, 1, 5]

    expected = np.asarray(jax.grad(score)(acts))
    # Two ways to take the gradient of a convolution.
    np.testing.assert_allclose(found.gradients[0], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_array_equal(found.change, acts)


def test_directions_are_sums_of_units(biased, photos):
    row = np.zeros((1, 60), np.float32)
    row[0, [5, 9]] = 2, -3
    whole, parts = attribute(biased, photos, *ENDS, row), attribute(biased, photos, *ENDS, [5, 9])
    expected = 2 * parts.channels[0] - 3 * parts.channels[1]
    # float32 sums in another order.
    np.testing.assert_allclose(whole.channels[0], expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    assert whole.labels == ("mixed3b_pre_relu, direction 0",)


def test_more_images_than_go_together(biased):
    many = np.random.default_rng(1).random((10, 16, 16, 3), np.float32)
    found = attribute(biased, many, *ENDS, [1])
    np.testing.assert_allclose(found.scores[:, 9:], attribute(biased, many[9:], *ENDS, [1]).scores, rtol=1e-4)
    assert found.values.shape == (1, 10, 2, 2, 32)


def test_an_edited_model_is_attributed_as_edited(biased, photos):
    changed = edited(biased, ablate("mixed3a", 4))
    found = attribute(changed, photos, *ENDS, [3])
    assert not found.channels[..., 4].any()
    plain = changed(photos, taps=ENDS[1])[ENDS[1]][..., 3].sum((1, 2))
    np.testing.assert_allclose(found.scores[0], plain, rtol=1e-3, atol=1e-3)


class TestEdges:
    def test_agree_with_attribution_from_the_other_end(self, biased, photos):
        units, inputs = [3, 40], [0, 7, 31]
        for settings in ({}, {"position": (1, 2)}, {"method": "integrated", "steps": 3, "baseline": 0.2}):
            found = attribute_edges(biased, photos, *ENDS, units=units, inputs=inputs, **settings)
            expected = attribute(biased, photos, *ENDS, units, **settings).channels[..., inputs].swapaxes(0, 1)
            # Forward and reverse derivatives of the same float32 sums.
            np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
        assert found.input_labels == ("mixed3a:0", "mixed3a:7", "mixed3a:31")

    def test_patching_is_what_is_lost(self, biased, photos):
        found = attribute_edges(biased, photos, *ENDS, units=[3, 40], inputs=[7], method="patching", baseline=0.25)
        plain = biased(photos, taps=ENDS[1])[ENDS[1]]
        without = biased(photos, taps=ENDS[1], edits={"mixed3a": lambda a: a.at[..., 7].set(0.25)})[ENDS[1]]
        expected = np.asarray(plain - without)[..., [3, 40]].sum((1, 2))
        # Differences of sums that are much larger.
        np.testing.assert_allclose(found.values[..., 0], expected, rtol=1e-2, atol=1e-2)

    def test_patching_an_edge_is_what_a_cut_does_further_on(self, biased, photos):
        further = ("mixed4a_pre_relu", 20)
        found = attribute_edges(biased, photos, *ENDS, units=[3], inputs=[7], to=further, method="patching")
        without = edited(biased, cut("mixed3a", ENDS[1], [(7, 3)]))(photos, taps=further[0])[further[0]]
        expected = (biased(photos, taps=further[0])[further[0]] - without)[..., 20].sum((1, 2))
        # Differences of sums that are much larger.
        np.testing.assert_allclose(found.values[:, 0, 0], expected, rtol=2e-2, atol=2e-2)

    def test_through_linear_layers_gradients_are_exact(self, biased, photos):
        further, some = ("mixed4a_pre_relu", 20), {"units": [3, 9], "inputs": [7, 8]}
        slopes = attribute_edges(biased, photos, *ENDS, **some, to=further, rules=LINEAR)
        exact = attribute_edges(biased, photos, *ENDS, **some, to=further, rules=LINEAR, method="patching")
        # Differences of sums that are much larger.
        np.testing.assert_allclose(slopes.values, exact.values, rtol=1e-2, atol=1e-2)

    def test_all_edges_to_a_unit_add_up_in_the_linear_network(self, biased, photos):
        """By way of all units of the layer between, which is all there is."""
        further = ("mixed4a_pre_relu", 20)
        found = attribute_edges(biased, photos[:1], *ENDS, inputs=[2], to=further, rules=LINEAR)
        whole = attribute(biased, photos[:1], "mixed3a", further[0], [20], rules=LINEAR).channels[0, :, 2]
        # Sums of tens of thousands of float32 products.
        np.testing.assert_allclose(found.values.sum((1, 2)), whole, rtol=1e-3)

    def test_strongest(self, biased, photos):
        found = attribute_edges(biased, photos, "conv2d1", "conv2d2", units=[0, 1], inputs=range(4))
        (source, target, value), *_ = found.strongest(3)
        mean = found.values.mean(0)
        assert value == mean[found.labels.index(target), found.input_labels.index(source)]
        assert np.abs(found.values).mean(0).max() == np.abs(found.values[:, *np.argwhere(mean == value)[0]]).mean()


def test_any_model_that_takes_edits():
    def model(images, edits=None):
        edits = edits or {}
        below = edits.get("a", lambda a: a)(2 * images)
        return {"a": below, "b": edits.get("b", lambda b: b)(below * jnp.array([1.0, -2.0, 0.5]))}

    found = attribute(model, np.ones((2, 2, 2, 3), np.float32), "a", "b", [1])
    np.testing.assert_allclose(found.channels[0], [[0, -16, 0]] * 2)
    edges = attribute_edges(model, np.ones((1, 2, 2, 3), np.float32), "a", "b")
    np.testing.assert_allclose(edges.values[0], np.diag([8, -16, 4]))


PHOTO = np.zeros((1, 32, 32, 3), np.float32)


@pytest.mark.parametrize(
    ("ends", "settings", "message"),
    [
        (("mixed3b", "mixed3a"), {}, "'mixed3b' comes after 'mixed3a'"),
        (("mixed3a", "mixed3a"), {}, "both ends are 'mixed3a'"),
        (("mixed3c", "mixed3b"), {}, "no layer 'mixed3c'"),
        (("input", "mixed3b"), {}, "no layer 'input'"),
        (("mixed3a", "mixed3b"), {"units": []}, "units is empty; expected unit numbers of 'mixed3b'"),
        (("mixed3a", "mixed3b"), {"units": 60}, "units has 60; expected unit numbers of 'mixed3b', 0 to 59"),
        (("mixed3a", "mixed3b"), {"position": (4, 0)}, r"position is \(4, 0\); 'mixed3b' has a map of 4x4"),
        (("mixed3a", "mixed3b"), {"baseline": np.zeros(7)}, r"baseline has shape \(7,\); expected one that broadcasts"),
        (("mixed3a", "mixed3b"), {"steps": 0, "method": "integrated"}, "steps is 0; expected 1 or more"),
    ],
)
@pytest.mark.parametrize("function", [attribute, attribute_edges])
def test_what_cannot_be_attributed(function, ends, settings, message, narrow):
    given = {"units": 0} | settings
    with pytest.raises(ValueError, match=message):
        function(narrow, PHOTO, *ends, **given)


def test_no_images_and_units_further_on(narrow):
    with pytest.raises(ValueError, match="there are no images; expected at least one"):
        attribute(narrow, PHOTO[:0], "mixed3a", "mixed3b", 0)
    with pytest.raises(ValueError, match="to has 64; expected unit numbers of 'mixed4a', 0 to 63"):
        attribute_edges(narrow, PHOTO, "mixed3a", "mixed3b", to=("mixed4a", 64))
    with pytest.raises(ValueError, match="'mixed3b' comes after 'mixed3a'"):
        attribute_edges(narrow, PHOTO, "mixed3a", "mixed3b", to=("mixed3a", 0))


@pytest.mark.usefixtures("unchecked")
def test_unknown_methods(narrow):
    with pytest.raises(ValueError, match='method is \'exact\'; expected "gradient" or "integrated"'):
        attribute(narrow, PHOTO, "mixed3a", "mixed3b", 0, method="exact")
    with pytest.raises(ValueError, match='expected "gradient", "integrated" or "patching"'):
        attribute_edges(narrow, PHOTO, "mixed3a", "mixed3b", method="exact")
