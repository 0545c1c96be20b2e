"""Edits of weights against slices of the arrays."""

import numpy as np
import pytest

import inception_jax
from circuits import ablate, edit_kernel, edited, scale, scale_outgoing


def kernel(model, layer):
    return np.asarray(model.weights[layer]["kernel"])


def test_a_slice_and_nothing_else(narrow):
    found = edit_kernel(narrow, "mixed3b_5x5", lambda w: w * 0 + 7, units=[2, 5], inputs=1)
    expected = kernel(narrow, "mixed3b_5x5").copy()
    expected[:, :, 1, [2, 5]] = 7
    np.testing.assert_array_equal(kernel(found, "mixed3b_5x5"), expected)
    changed = [n for n in narrow.weights if found.weights[n]["kernel"] is not narrow.weights[n]["kernel"]]
    assert changed == ["mixed3b_5x5"]
    assert found.provenance["edited"]
    assert found.provenance["source"] == narrow.provenance["source"]


def test_edited_weights_are_saved_as_any_others(narrow, tmp_path):
    found = edit_kernel(narrow, "conv2d2", lambda w: -w)
    inception_jax.save(found, tmp_path / "edited.safetensors")
    again = inception_jax.load(tmp_path / "edited.safetensors")
    np.testing.assert_array_equal(kernel(again, "conv2d2"), -kernel(narrow, "conv2d2"))


def test_changes_see_weights_as_circuits_have_them(narrow):
    seen = []
    edit_kernel(narrow, "conv2d2", lambda w: seen.append(w) or w, units=[3], inputs=[1, 0])
    np.testing.assert_array_equal(seen[0], kernel(narrow, "conv2d2")[:, :, [1, 0]][..., [3]].transpose(3, 2, 0, 1))


def test_fully_connected_layers(narrow):
    found = edit_kernel(narrow, "softmax2", lambda w: -w, units=3)
    np.testing.assert_array_equal(kernel(found, "softmax2")[:, 3], -kernel(narrow, "softmax2")[:, 3])


@pytest.mark.parametrize(("layer", "until"), [("1a", "3b"), ("0a", "2a")])
def test_outgoing_weights_of_groups(layer, until):
    """In a network with groups, inputs of a kernel are other units for each group."""
    model = inception_jax.initialise(inception_jax.FOUR_BRANCHES.scaled(1 / 4), seed=0)
    photos = np.random.default_rng(0).random((1, 48, 48, 3), np.float32)
    units = [0, 5, 6]
    expected = edited(model, ablate(layer, units))(photos, until=until)[until]
    # float32 sums with zeros at other places.
    np.testing.assert_allclose(scale_outgoing(model, layer, units)(photos, until=until)[until], expected, atol=1e-4)


def test_outgoing_weights_scale_what_is_heard(narrow):
    photos = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    expected = edited(narrow, scale("mixed3b", range(10), 2.5))(photos, until="mixed4b")["mixed4b"]
    found = scale_outgoing(narrow, "mixed3b", range(10), 2.5)(photos, until="mixed4b")["mixed4b"]
    # float32 sums in another order.
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_logits_of_a_head_hear_through_a_pool_and_a_flattened_map(narrow):
    found = scale_outgoing(narrow, "head0_bottleneck", [3])
    flat = kernel(narrow, "nn0").reshape(16, 16, -1).copy()
    flat[:, 3] = 0
    np.testing.assert_array_equal(kernel(found, "nn0"), flat.reshape(256, -1))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m: edit_kernel(m, "mixed3b", lambda w: w), "no layer 'mixed3b'; did you mean 'mixed3b_"),
        (
            lambda m: edit_kernel(m, "conv2d2", lambda w: w, units=[]),
            "units is empty; expected unit numbers of 'conv2d2'",
        ),
        (
            lambda m: edit_kernel(m, "conv2d2", lambda w: w, inputs=8),
            "inputs has 8; expected unit numbers of 'conv2d2'",
        ),
        (
            lambda m: edit_kernel(m, "conv2d2", lambda w: w[:1]),
            r"returned shape \(1, 8, 3, 3\); expected finite weights",
        ),
        (lambda m: edit_kernel(m, "conv2d2", lambda w: w / 0), "not all finite; expected finite weights of shape"),
        (
            lambda m: edit_kernel(m, "conv2d2", lambda w: w, units=np.ones((1, 24))),
            "units are directions, which have no",
        ),
        (lambda m: scale_outgoing(m, "softmax2", 0), "no weights read 'softmax2'"),
        (lambda m: scale_outgoing(m, "mixed3a", 32), "units has 32; expected unit numbers of 'mixed3a', 0 to 31"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_cannot_be_edited(edit, message, narrow):
    with pytest.raises(ValueError, match=message):
        edit(narrow)
