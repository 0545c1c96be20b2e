"""Expanded weights against brute force, products of kernels, and laws."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jacobian import jacobian, support

import inception_jax
from circuits import expanded_weights
from inception_jax import STANDARD, Model

# Lower layer, upper layer, side of the receptive field counted by hand: each kernel k adds k - 1, each stride doubles.
PAIRS = [
    ("mixed3a", "mixed3b", 5),
    ("conv2d2", "mixed3b", 19),
    ("mixed3b", "mixed4a", 11),
    ("conv2d0", "mixed3a", 27),
]


def close(actual, expected, tolerance):
    """Equal up to a part of the largest weight."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def kernel(model, layer):
    return np.asarray(model.weights[layer]["kernel"], np.float64)


def wide(model):
    """The model in float64."""
    cast = jax.device_put(jax.tree.map(lambda w: np.asarray(w, np.float64), model.weights))
    return Model(model.architecture, cast)


def random_images(count, size=64):
    return np.random.default_rng(0).random((count, size, size, 3), np.float32)


@pytest.fixture(scope="module")
def biased(narrow):
    """With biases too, so that ReLUs and normalisation are not where they would be by chance."""
    rng = np.random.default_rng(3)
    weights = {
        layer: {"kernel": parts["kernel"], "bias": jnp.asarray(rng.normal(size=parts["bias"].shape), jnp.float32)}
        for layer, parts in narrow.weights.items()
    }
    return Model(narrow.architecture, weights)


@pytest.mark.parametrize(("lower", "upper", "side"), PAIRS)
def test_agrees_with_the_jacobian_of_the_linearised_network(lower, upper, side, biased):
    with jax.enable_x64(True):
        model = wide(biased)
        found = expanded_weights(model, lower, upper)
        expected = support(jacobian(model, lower, upper))
    assert found.dtype == np.float64
    assert found.shape[2:] == (side, side)
    close(found, expected, 1e-6)


@pytest.mark.parametrize(("lower", "upper"), [("conv2d0", "mixed3a"), ("mixed3b_pre_relu", "mixed4a_pre_relu")])
def test_agrees_under_the_other_padding_rule(lower, upper, narrow_caffe):
    # Sums of a few thousand float32 products.
    close(expanded_weights(narrow_caffe, lower, upper), support(jacobian(narrow_caffe, lower, upper)), 1e-5)


def test_weights_are_what_an_impulse_does(biased):
    with jax.enable_x64(True):
        model = wide(biased)
        found = expanded_weights(model, "mixed3a", "mixed3b", inputs=[4])
        acts = model(np.zeros((1, 64, 64, 3)), taps=["mixed3a", "mixed3b"], rules=inception_jax.LINEAR)
        more = model(
            np.zeros((1, 64, 64, 3)),
            taps="mixed3b",
            rules=inception_jax.LINEAR,
            edits={"mixed3a": lambda a: a.at[0, 3, 4, 4].add(1.0)},
        )
        # The unit at (4, 4) sees the impulse one row up: row 1 of 5. float64 leaves 1e-12 of values up to 100.
        answer = (more["mixed3b"] - acts["mixed3b"])[0, 4, 4]
    np.testing.assert_allclose(found[:, 0, 1, 2], answer, atol=1e-10)


@pytest.mark.parametrize(
    ("branch", "side", "scale"), [("1x1", 1, 1), ("3x3", 3, 1), ("5x5", 5, 1), ("pool_reduce", 3, 9)]
)
def test_branches_are_products_of_kernels(branch, side, scale, narrow):
    found = expanded_weights(narrow, "mixed3a", "mixed3b", through=f"mixed3b_{branch}")
    outer = kernel(narrow, f"mixed3b_{branch}")
    if side == 1:
        product = outer.transpose(3, 2, 0, 1)
    elif branch == "pool_reduce":
        product = np.broadcast_to(outer.transpose(3, 2, 0, 1), (*outer.shape[:1:-1], 3, 3)) / scale
    else:
        product = np.einsum("rcbo,ib->oirc", outer, kernel(narrow, f"mixed3b_{branch}_bottleneck")[0, 0])
    assert found.shape[2:] == (side, side)
    first = {"1x1": 0, "3x3": 16, "5x5": 40, "pool_reduce": 52}[branch]
    # float32 sums of a dozen products.
    close(found[first : first + len(product)], product, 1e-6)
    assert not np.delete(found, np.s_[first : first + len(product)], 0).any()
    np.testing.assert_array_equal(
        expanded_weights(narrow, "mixed3a", f"mixed3b_{branch}"), found[first : first + len(product)]
    )


@pytest.mark.parametrize("settings", [{}, {"images": random_images(1)}, {"edits": {"mixed3a": lambda a: 2 * a}}])
def test_branches_add_up(settings, biased):
    # At real activations and with edits, what does not lie on the way must stay as it is.
    whole = expanded_weights(biased, "maxpool1", "mixed3b_3x3", **settings)
    ways = [("mixed3a_1x1",), ("mixed3a_3x3",), ("mixed3a_5x5", "mixed3a_5x5_bottleneck"), ("mixed3a_pool_reduce",)]
    parts = [expanded_weights(biased, "maxpool1", "mixed3b_3x3", through=way, **settings) for way in ways]
    margins = [(7 - part.shape[-1]) // 2 for part in parts]
    assert margins == [2, 1, 0, 1]
    total = sum(np.pad(part, ((0, 0), (0, 0), (m, m), (m, m))) for part, m in zip(parts, margins, strict=True))
    close(total, whole, 1e-5)  # Four float32 sums instead of one.
    assert all(np.abs(part).max() > 0.01 * np.abs(whole).max() for part in parts)


def test_a_concatenation_is_its_branches(narrow):
    whole = expanded_weights(narrow, "mixed3a", "mixed3b")
    np.testing.assert_array_equal(expanded_weights(narrow, "mixed3a_pre_relu", "mixed3b_pre_relu"), whole)
    np.testing.assert_array_equal(expanded_weights(narrow, "mixed3a_3x3", "mixed3b"), whole[:, 8:24])
    np.testing.assert_array_equal(
        expanded_weights(narrow, "mixed3b_3x3", "mixed3b")[:, :, 0, 0], np.eye(60, dtype=np.float32)[:, 16:40]
    )


def test_the_first_kernel(narrow):
    np.testing.assert_array_equal(
        expanded_weights(narrow, "input", "conv2d0"), kernel(narrow, "conv2d0").transpose(3, 2, 0, 1)
    )


def test_units_and_directions_at_both_ends(narrow):
    whole = expanded_weights(narrow, "mixed3a", "mixed3b")
    np.testing.assert_array_equal(
        expanded_weights(narrow, "mixed3a", "mixed3b", units=[50, 3, 50], inputs=range(7, 9)), whole[[50, 3, 50], 7:9]
    )
    np.testing.assert_array_equal(expanded_weights(narrow, "mixed3a", "mixed3b", units=17)[0], whole[17])
    rng = np.random.default_rng(0)
    up, down = rng.normal(size=(3, 60)), rng.normal(size=(2, 32))
    up[1] = 0
    up[2, 16:] = 0
    found = expanded_weights(narrow, "mixed3a", "mixed3b", units=up, inputs=down)
    # float32 sums over units.
    close(found, np.einsum("uo,oirc,di->udrc", up, whole, down), 1e-5)


def test_crops_lie_in_the_middle(narrow):
    whole = expanded_weights(narrow, "conv2d2", "mixed3a")
    np.testing.assert_array_equal(expanded_weights(narrow, "conv2d2", "mixed3a", 3), whole[:, :, 4:7, 4:7])
    np.testing.assert_array_equal(expanded_weights(narrow, "conv2d2", "mixed3a", 4), whole[:, :, 4:8, 4:8])


def test_streaming_is_the_same(narrow, tmp_path):
    whole = expanded_weights(narrow, "mixed3a", "mixed4a")
    out = np.memmap(tmp_path / "weights", np.float32, "w+", shape=whole.shape)
    out[:] = np.nan
    assert expanded_weights(narrow, "mixed3a", "mixed4a", batch=7, out=out) is out
    # The same sums, in batches of another size.
    close(out, whole, 1e-6)
    directions = np.random.default_rng(0).normal(size=(3, 64))
    out = np.full((3, *whole.shape[1:]), np.nan, np.float32)
    expanded_weights(narrow, "mixed3a", "mixed4a", units=directions, batch=2, out=out)
    close(out, np.einsum("uo,oirc->uirc", directions, whole), 1e-5)


@pytest.mark.parametrize("position", [None, (0, 0), (7, 3)])
def test_at_real_activations(position, biased):
    images = random_images(2)
    found = expanded_weights(biased, "mixed3a", "mixed3b", images=images, position=position, per_image=True)
    mean = expanded_weights(biased, "mixed3a", "mixed3b", images=images, position=position)
    row, column = position or (3, 3)
    for i in range(2):
        whole = jacobian(biased, "mixed3a", "mixed3b", (row, column), images[i : i + 1], STANDARD)
        around = np.pad(whole, ((0, 0), (0, 0), (2, 2), (2, 2)))[:, :, row : row + 5, column : column + 5]
        close(found[i], around, 1e-5)
    assert np.abs(found[0] - found[1]).max() > 0.1 * np.abs(found).max(), "ReLUs differ between images"
    close(mean, found.mean(0), 1e-6)


def test_at_real_activations_through_pools_and_normalisation(biased, narrow_caffe):
    images = random_images(1)
    for model in (biased, narrow_caffe):
        found = expanded_weights(model, "conv2d0", "mixed3a", images=images, position=(7, 7))
        whole = jacobian(model, "conv2d0", "mixed3a", (7, 7), images, STANDARD)
        # Position 7 of 8 sees rows 18 to 44 of 32 under both rules; what lies outside is zero.
        close(found[:, :, :14, :14], whole[:, :, 18:, 18:], 1e-5)
        assert not found[:, :, 14:].any()
        assert not found[:, :, :, 14:].any()


def test_borders_of_the_linearised_network(narrow):
    whole = jacobian(narrow, "mixed3b", "mixed4a", (0, 13), size=224)
    found = expanded_weights(narrow, "mixed3b", "mixed4a", position=(0, 13))
    # Row 0 sees rows -4 to 6, column 13 columns 22 to 32 of 28.
    close(found[:, :, 4:, :6], whole[:, :, :7, 22:], 1e-5)
    assert not found[:, :, :4].any()
    assert not found[:, :, :, 6:].any()


def test_ablation_is_the_network_without_the_outgoing_weights(biased):
    found = expanded_weights(biased, "conv2d2", "mixed3b", edits={"mixed3a": lambda a: a.at[..., 3].set(0.0)})
    layers = [f"mixed3b_{branch}" for branch in ("1x1", "3x3_bottleneck", "5x5_bottleneck", "pool_reduce")]
    without = {
        layer: parts | ({"kernel": parts["kernel"].at[:, :, 3].set(0.0)} if layer in layers else {})
        for layer, parts in biased.weights.items()
    }
    expected = expanded_weights(Model(biased.architecture, without), "conv2d2", "mixed3b")
    close(found, expected, 1e-5)
    assert np.abs(found - expanded_weights(biased, "conv2d2", "mixed3b")).max() > 0.01 * np.abs(expected).max()


def test_edits_see_whole_maps_and_real_activations(biased):
    images = random_images(2)
    # One position of the map, a part of a block's pre-activation, and the lower layer itself.
    edits = {
        "mixed3a": lambda a: 2 * a,
        "mixed3b_pre_relu": lambda a: a.at[..., 3].set(9.0),
        "mixed3b": lambda a: a.at[:, 3, 3, 7].multiply(4.0),
    }
    found = expanded_weights(biased, "mixed3a", "mixed3b", images=images, edits=edits, per_image=True)
    for i in range(2):
        whole = jacobian(biased, "mixed3a", "mixed3b", (3, 3), images[i : i + 1], STANDARD, edits)
        close(found[i], whole[:, :, 1:6, 1:6], 1e-5)
    assert not found[:, 3].any()


def test_edits_of_the_way_from_the_image(biased):
    edits = {"conv2d0_pre_relu": lambda a: a.at[..., 2].set(0.0)}
    found = expanded_weights(biased, "input", "conv2d0", edits=edits)
    expected = kernel(biased, "conv2d0").transpose(3, 2, 0, 1).copy()
    expected[2] = 0
    close(found, expected, 1e-6)


@pytest.fixture(scope="module")
def small():
    """The layout of `mini`, a quarter of its width; its maps end at 4x4."""
    return inception_jax.initialise(inception_jax.MINI.scaled(1 / 4), seed=1)


def test_logits_see_whole_maps(small):
    found = expanded_weights(small, "mixed5b", "softmax2_pre_activation")
    expected = kernel(small, "softmax2").T[:, :, None, None] / 16
    close(found, np.broadcast_to(expected, (200, 96, 4, 4)), 1e-6)
    further = expanded_weights(small, "mixed5a", "softmax2_pre_activation", units=range(5))
    # The map of mixed5a is 4x4; what its units' neighbours outside would do is zero.
    assert further.shape == (5, 78, 8, 8)
    close(further[:, :, 2:6, 2:6], jacobian(small, "mixed5a", "softmax2_pre_activation", size=64)[:5], 1e-5)


def test_probabilities_are_taken_at_a_black_image(small):
    found = expanded_weights(small, "softmax2_pre_activation", "softmax2")[:, :, 0, 0]
    black = small(np.zeros((1, 64, 64, 3), np.float32), taps="softmax2", rules=inception_jax.LINEAR)["softmax2"][0]
    close(found, np.diag(black) - np.outer(black, black), 1e-5)


@pytest.mark.parametrize("average", ["none", "x", "xy"])
def test_networks_of_other_shapes(average):
    arch = inception_jax.FOUR_BRANCHES.scaled(1 / 8)
    arch = dataclasses.replace(arch, final_average=average, image_size=64)
    model = inception_jax.initialise(arch, seed=0)
    sides = {"none": (2, 2), "x": (2, 1), "xy": (1, 1)}[average]
    dense = kernel(model, "softmax2").T.reshape(1001, *sides, 64).transpose(0, 3, 1, 2)
    found = expanded_weights(model, "5b", "softmax2_pre_activation")
    close(found, np.broadcast_to(dense, (1001, 64, 2, 2)) / {"none": 1, "x": 2, "xy": 4}[average], 1e-6)
    grouped = expanded_weights(model, "1a", "2a")
    # Two pixels of four pools, a 5x5 kernel between: 2 * 2 + 3.
    assert grouped.shape == (8, 8, 11, 11)
    close(grouped, support(jacobian(model, "1a", "2a", size=64)), 1e-5)
    assert not grouped[:2, 2:].any()


def test_half_precision_weights_are_summed_in_full(narrow):
    half = Model(narrow.architecture, jax.tree.map(lambda w: jnp.asarray(np.asarray(w, jnp.bfloat16)), narrow.weights))
    whole = Model(narrow.architecture, jax.tree.map(lambda w: jnp.asarray(np.asarray(w, np.float32)), half.weights))
    found = expanded_weights(half, "mixed3a", "mixed3b")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expanded_weights(whole, "mixed3a", "mixed3b"))
