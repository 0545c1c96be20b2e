"""Objectives of a part: one image, a window, a mask."""

import jax.numpy as jnp
import numpy as np
import pytest
from objective_table import ACTS, MAP, A, V

from featvis import objectives as obj

# float32 sums in different orders.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.mark.parametrize("size", [(4, 5), (5, 4), (1, 2), (7, 7)])
def test_the_centre_is_the_same_for_all(size):
    """Of even sizes, the position after the middle: Lucid's centre neuron."""
    acts = {"a": jnp.asarray(np.random.default_rng(0).standard_normal((1, *size, 6)), jnp.float32)}
    middle = acts["a"][0, size[0] // 2, size[1] // 2]
    np.testing.assert_allclose(obj.neuron("a", 2)(acts), middle[2], **TOLERANCE)
    np.testing.assert_allclose(obj.direction_neuron("a", V)(acts), middle @ V, **TOLERANCE)
    np.testing.assert_allclose(obj.tensor_direction("a", V[None, None])(acts), middle @ V, **TOLERANCE)


def test_a_window_as_large_as_the_layer_changes_nothing():
    whole = obj.direction("a", V, 2.0)
    np.testing.assert_allclose(obj.window(whole, height=4, width=5)(ACTS), whole(ACTS), **TOLERANCE)


def test_windows_nest():
    """The outer window is cut first."""
    nested = obj.window(obj.window(obj.deepdream("a"), 1, 0, 2, 2), 1, 2, 3, 3)
    np.testing.assert_allclose(nested(ACTS), (A[:, 2:4, 2:4] ** 2).mean(), **TOLERANCE)


def test_a_window_of_several_layers():
    difference = obj.window(obj.channel("a", 1) - obj.channel("b", 2), 3, 1)
    np.testing.assert_allclose(difference(ACTS), (A[:, 3, 1, 1] - ACTS["b"][:, 3, 1, 2]).mean(), **TOLERANCE)


def test_weights_over_a_group_of_positions():
    """Lucent's `localgroup_weight` is the mean over units too."""
    group = obj.window(obj.direction("a", V), 1, 2, height=2, width=3) / 6
    np.testing.assert_allclose(group(ACTS), (A[:, 1:3, 2:5] * V).mean(), **TOLERANCE)


def test_masks():
    one = obj.channel("a", 1)
    np.testing.assert_allclose(obj.masked(one, np.ones((4, 5)))(ACTS), one(ACTS), **TOLERANCE)
    single = np.zeros((4, 5))
    single[2, 3] = 20  # Positions: the mean is over all.
    np.testing.assert_allclose(obj.masked(one, single)(ACTS), obj.neuron("a", 1, 2, 3)(ACTS), **TOLERANCE)
    # The angle does not depend on the factor; 1e-4 of the length is added to it, for factors around 0.5.
    expected = ((A @ V) * MAP * np.maximum(0.1, obj_cosines()) ** 2).mean()
    np.testing.assert_allclose(obj.masked(obj.direction("a", V, 2.0), MAP)(ACTS), expected, rtol=1e-2)


def obj_cosines():
    return (A @ V) / (np.linalg.norm(A, axis=-1) * np.linalg.norm(V))


def test_views_of_one_image_compose():
    objective = obj.on(obj.window(obj.channel("a", 4), 1, 2), image=2) + obj.on(obj.channel("logits", 3), image=0)
    np.testing.assert_allclose(objective(ACTS), A[2, 1, 2, 4] + ACTS["logits"][0, 3], **TOLERANCE)


def test_one_reference_for_several_layers():
    """Lucid's caricatures of several layers in one batch: image 0 is the photograph."""
    pair = obj.on(obj.caricature("a", 0), image=(0, 2))
    np.testing.assert_allclose(pair(ACTS), (A[0] * A[2]).sum(), rtol=1e-4)  # float32 sum of 120 numbers.


@pytest.mark.parametrize(
    ("objective", "label"),
    [
        (obj.neuron("a", 3), "a:3@centre,centre"),
        (obj.neuron("a", 3, row=1), "a:3@1,centre"),
        (obj.window(obj.channel("a", 3), 1, 2, 3, 4), "a:3@1,2,3x4"),
        (obj.window(obj.channel("a", 3) + obj.channel("b", 3), 1, 2), "(a:3 + b:3)@1,2"),
        (obj.on(obj.channel("a", 3), 1), "a:3#1"),
        (obj.on(obj.diversity("a"), range(3)), "diversity(a)#0,1,2"),
    ],
)
def test_labels(objective, label):
    assert objective.label == label
