"""Direct weights against the kernels themselves."""

import numpy as np
import pytest

import inception_jax
from circuits import CircuitWeights, weights


def kernel(model, layer):
    """`[out, in, row, column]`."""
    return np.asarray(model.weights[layer]["kernel"]).transpose(3, 2, 0, 1)


@pytest.mark.parametrize(
    ("lower", "upper", "layer"),
    [
        ("input", "conv2d0", "conv2d0"),
        ("conv2d0", "conv2d1", "conv2d1"),  # Over a pool and a normalisation.
        ("conv2d1", "conv2d2_pre_relu", "conv2d2"),
        ("conv2d2_pre_relu", "mixed3a_1x1", "mixed3a_1x1"),
        ("mixed3a_3x3_bottleneck", "mixed3a_3x3", "mixed3a_3x3"),
        ("mixed3a_pool", "mixed3a_pool_reduce", "mixed3a_pool_reduce"),
        ("mixed4a", "head0_bottleneck", "head0_bottleneck"),  # Over an average pool.
    ],
)
def test_kernels_as_they_are(lower, upper, layer, narrow):
    found = weights(narrow, lower, upper)
    np.testing.assert_array_equal(np.asarray(found), kernel(narrow, layer))
    assert (found.lower, found.upper) == (lower, upper)


def test_blocks_through_their_branches(narrow):
    found = weights(narrow, "mixed3b", "mixed4a").array
    assert found.shape == (64, 60, 5, 5)
    direct = {branch: kernel(narrow, f"mixed4a_{branch}") for branch in ("1x1", "3x3", "5x5", "pool_reduce")}
    # float32 products and sums of a dozen numbers.
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(found[:24, :, 2, 2], direct["1x1"][:, :, 0, 0], **close)
    assert not found[:24, :, [0, 1, 3, 4]].any()
    for branch, first in (("3x3", 24), ("5x5", 50)):
        outer, inner = direct[branch], kernel(narrow, f"mixed4a_{branch}_bottleneck")[..., 0, 0]
        margin = (5 - outer.shape[-1]) // 2
        expected = np.pad(np.einsum("obrc,bi->oirc", outer, inner), ((0, 0), (0, 0), *[(margin, margin)] * 2))
        np.testing.assert_allclose(found[first : first + len(outer)], expected, **close)
    # The pool's weight at each of the nine positions of its window.
    np.testing.assert_allclose(found[56:, :, 1:4, 1:4], direct["pool_reduce"].repeat(3, 2).repeat(3, 3), **close)
    assert not found[56:, :, 0].any()


def test_a_branch_is_a_part_of_the_block_below(narrow):
    whole = weights(narrow, "mixed3b", "mixed4a")
    part = weights(narrow, "mixed3b_3x3", "mixed4a", units=[30, 2], inputs=[5])
    np.testing.assert_array_equal(part.array, whole.array[[30, 2]][:, [16 + 5]])
    assert (part.labels, part.input_labels) == (("mixed4a:30", "mixed4a:2"), ("mixed3b_3x3:5",))
    np.testing.assert_array_equal(part.tile(2, of=5), whole.tile(2, of=21))


def test_logits(narrow):
    found = weights(narrow, "mixed5b", "softmax2_pre_activation", units=[3])
    np.testing.assert_array_equal(found.array[0, :, 0, 0], np.asarray(narrow.weights["softmax2"]["kernel"])[:, 3])
    found = weights(narrow, "head0_bottleneck", "nn0", units=[3])
    expected = np.asarray(narrow.weights["nn0"]["kernel"])[:, 3].reshape(4, 4, 16).transpose(2, 0, 1)
    np.testing.assert_allclose(found.array[0], expected, rtol=1e-6)


def test_networks_without_branches():
    model = inception_jax.initialise(inception_jax.SIMPLIFIED.scaled(1 / 16), seed=0)
    np.testing.assert_array_equal(weights(model, "0a", "1a").array, kernel(model, "1a"))


def test_as_a_plain_array(narrow):
    found = weights(narrow, "conv2d1", "conv2d2")
    assert np.abs(np.asarray(found, np.float64) - found.array).max() == 0
    assert repr(found) == "<weights conv2d1 -> conv2d2 [24, 8, 3, 3]>"


def test_what_is_not_there(narrow):
    found = weights(narrow, "conv2d1", "conv2d2", units=[4])
    with pytest.raises(ValueError, match="no weights of conv2d2:5 here; units are 4"):
        found.tile(5, of=0)
    with pytest.raises(ValueError, match="no weights of conv2d1:8 here; units are 0, 1, 2, 3, 4, 5, 6, 7"):
        found.tile(4, of=8)
    with pytest.raises(ValueError, match=r"shape \(1, 2, 1, 1\) for 2 units and 1 inputs; expected \[units, inputs"):
        CircuitWeights(np.zeros((1, 2, 1, 1)), "conv2d1", "conv2d2", (0, 1), (0,))
