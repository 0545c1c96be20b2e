"""The model as its users call it: parity with the reference, edits, truncation, errors."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import inception_jax
from inception_jax import INCEPTION5H, Model, initialise
from inception_jax.graph import graph
from inception_jax.nodes import output_size


@pytest.fixture(scope="module")
def images():
    """Two unlike images: coloured blotches."""
    return jax.image.resize(jax.random.uniform(jax.random.key(0), (2, 7, 7, 3)), (2, 224, 224, 3), "cubic").clip(0, 1)


@pytest.fixture(scope="module")
def acts(narrow, images):
    return narrow(images)


@pytest.mark.shared
def test_parity_with_the_float64_reference(bvlc, shared_dir):
    with np.load(shared_dir / "reference" / "bvlc_googlenet_activations.npz") as reference:
        expected = {name: reference[name] for name in reference.files}
    images = (expected.pop("input_rgb_minus_mean") + np.float32(bvlc.architecture.input_mean)) / np.float32(255)
    del expected["files"]
    acts = bvlc(images)
    errors = {
        name: np.linalg.norm(np.asarray(acts[name]) - value) / np.linalg.norm(value) for name, value in expected.items()
    }
    assert len(errors) == 18
    # Float32 rounds each of some twenty layers at 6e-8; an order of magnitude above what that adds up to.
    assert max(errors.values()) <= 1e-5, errors


def test_every_name_is_returned_in_order(narrow, acts):
    assert list(acts) == list(narrow.layers)
    assert {name: a.shape[-1] for name, a in acts.items()} == dict(narrow.layers)


@pytest.mark.parametrize("until", ["conv2d0", "mixed3a", "mixed4a_3x3_bottleneck", "mixed4d_pre_relu", "softmax1"])
def test_a_truncated_run_equals_the_full_one(narrow, images, acts, until):
    part = narrow(images, until=until)
    assert list(part)[-1] == until
    for name, value in part.items():
        # The same operations in another program: only fused multiply-adds may differ.
        np.testing.assert_allclose(value, acts[name], rtol=1e-5, atol=1e-5)
    assert all(name in part for name in graph(narrow.architecture).upto([until]))


def test_taps_return_only_what_was_asked_for(narrow, images, acts):
    taps = narrow(images, taps=["softmax0", "mixed3a"])
    assert list(taps) == ["mixed3a", "softmax0"]
    np.testing.assert_allclose(taps["softmax0"], acts["softmax0"], rtol=1e-4)


def test_edits_that_change_nothing_change_nothing(narrow, images, acts):
    names = ["conv2d0_pre_relu", "maxpool0", "mixed3a_pre_relu", "mixed4b_5x5", "mixed4d", "nn0", "softmax2"]
    same = narrow(images, edits={name: lambda a: a for name in names})
    for name, value in acts.items():
        np.testing.assert_allclose(same[name], value, rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("layer", ["localresponsenorm0", "mixed3b", "mixed4c_pre_relu", "maxpool10"])
def test_replacing_a_layer_gives_the_other_images_output(narrow, images, layer):
    a, b = images[:1], images[1:]
    there = narrow(b)
    patched = narrow(a, edits={layer: lambda _: there[layer]})
    np.testing.assert_allclose(patched["softmax2"], there["softmax2"], rtol=1e-5)
    assert not np.allclose(narrow(a)["softmax2"], there["softmax2"], rtol=1e-2)


def test_ablating_a_channel_equals_zeroing_its_outgoing_weights(narrow, images):
    unit = int(narrow(images, taps=["mixed4b"])["mixed4b"].sum((0, 1, 2)).argmax())
    ablated = narrow(images, edits={"mixed4b": lambda a: a.at[..., unit].set(0)}, until="mixed4c")["mixed4c"]
    weights = {layer: dict(parts) for layer, parts in narrow.weights.items()}
    for branch in ("1x1", "3x3_bottleneck", "5x5_bottleneck", "pool_reduce"):
        layer = weights[f"mixed4c_{branch}"]
        layer["kernel"] = layer["kernel"].at[:, :, unit].set(0)
    cut = Model(narrow.architecture, weights)(images, until="mixed4c")["mixed4c"]
    np.testing.assert_allclose(ablated, cut, rtol=1e-5, atol=1e-5)
    assert float(jnp.abs(ablated - narrow(images, until="mixed4c")["mixed4c"]).max()) > 0


def test_an_edit_of_a_blocks_pre_relu_reaches_every_branch(narrow, images):
    acts = narrow(images, edits={"mixed3a_pre_relu": lambda a: a + 1}, until="mixed3a")
    np.testing.assert_array_equal(acts["mixed3a"], jax.nn.relu(acts["mixed3a_pre_relu"]))
    width = narrow.layers["mixed3a_1x1"]
    np.testing.assert_array_equal(acts["mixed3a_1x1_pre_relu"], acts["mixed3a_pre_relu"][..., :width])


def test_an_edit_of_a_view_reaches_a_branch_that_is_asked_for_alone(narrow, images):
    acts = narrow(images, until="mixed3a_1x1", edits={"mixed3a_pre_relu": lambda a: 0 * a + 2})
    assert float(acts["mixed3a_1x1"].min()) == 2


def test_eager_gradients_are_compiled_ones(narrow, images):
    def mean(x):
        return narrow(x, taps="mixed3a")["mixed3a"].mean()

    # Another program: sums in another order.
    np.testing.assert_allclose(jax.grad(mean)(images), jax.jit(jax.grad(mean))(images), rtol=1e-3, atol=1e-6)


def test_edits_work_under_jit_and_grad(narrow, images):
    @jax.jit
    def logit(model, images, delta):
        return model(images, edits={"mixed4a": lambda a: a + delta}, taps=["softmax2_pre_activation"])[
            "softmax2_pre_activation"
        ][:, 3].sum()

    gradient = jax.grad(logit, 2)(narrow, images, 0.0)
    step = 1e-2
    finite = (logit(narrow, images, step) - logit(narrow, images, -step)) / (2 * step)
    # A central difference over a piecewise linear function: a few kinks within the step.
    np.testing.assert_allclose(gradient, finite, rtol=2e-2)


def test_weights_are_arguments_of_a_jitted_program(narrow):
    images = jnp.zeros((1, 32, 32, 3))
    as_argument = jax.jit(lambda m, x: m(x, until="mixed3a")).lower(narrow, images).as_text()
    compiled_in = jax.jit(lambda x: narrow(x, until="mixed3a")).lower(images).as_text()
    assert 2 * len(as_argument) < len(compiled_in)


def test_bfloat16(narrow, images, acts):
    half = narrow.astype(jnp.bfloat16)(images, until="mixed4a")["mixed4a"]
    assert half.dtype == jnp.bfloat16
    error = jnp.linalg.norm(half.astype(jnp.float32) - acts["mixed4a"]) / jnp.linalg.norm(acts["mixed4a"])
    # 8 bits of mantissa, 10 layers: about 2 ** -8 a layer, adding up like a random walk.
    assert float(error) < 0.03


@pytest.mark.parametrize("size", [(231, 225), (225, 224), (256, 224)])
@pytest.mark.parametrize("model", ["narrow", "narrow_caffe"])
def test_odd_sizes(size, model, request):
    model = request.getfixturevalue(model)
    acts = jax.eval_shape(lambda x: model(x, until="softmax2"), jnp.zeros((1, *size, 3)))
    for node in graph(model.architecture).nodes:
        if node.name in acts and acts[node.name].ndim == 4 and node.inputs[0] in acts:
            before, after = acts[node.inputs[0]].shape[1:3], acts[node.name].shape[1:3]
            assert after == tuple(output_size(s, node.op, model.architecture.padding) for s in before), node.name
    assert acts["softmax2"].shape[-1] == model.architecture.classes


ERRORS = [
    ({"until": "mixed4f"}, r"no layer 'mixed4f'; did you mean 'mixed4"),
    ({"taps": ["zzz"]}, r"no layer 'zzz'; there are conv2d0_pre_relu, conv2d0, \.\.\., "),
    ({"edits": {"mixed9a": abs}}, "no layer 'mixed9a'"),
    ({"until": "mixed3a", "edits": {"mixed4a": abs}}, r"edits of \['mixed4a'\] would have no effect"),
    ({"until": "mixed3a", "edits": {"mixed3a": lambda a: a[..., :2]}}, r"returned shape \(1, 28, 28, 2\); expected"),
]


@pytest.mark.parametrize(("arguments", "message"), ERRORS)
def test_errors_name_what_was_given_and_expected(narrow, arguments, message):
    with pytest.raises(ValueError, match=message):
        narrow(jnp.zeros((1, 224, 224, 3)), **arguments)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((224, 224, 3), np.float32), r"shape \(224, 224, 3\); expected \[n, height, width, 3\] \(add a batch"),
        (np.zeros((1, 3, 224, 224), np.float32), r"shape \(1, 3, 224, 224\); expected"),
        (np.zeros((1, 224, 224, 3), np.uint8), r"type uint8; expected floating point RGB in \[0, 1\]"),
        (np.zeros((1, 128, 128, 3), np.float32), r"128x128 pixels give 'avgpool0' a map of 4x4, .* at least 7x7"),
        (np.zeros((1, 299, 299, 3), np.float32), r"'nn0_pre_relu' a map of 5x5, but it needs a 4x4 map"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_images(narrow, images, message):
    with pytest.raises(ValueError, match=message):
        narrow(images)


def test_wrong_weights_are_all_reported_at_once(narrow):
    weights = {layer: dict(parts) for layer, parts in narrow.weights.items()}
    del weights["mixed3a_1x1"]
    weights["conv2d0"]["bias"] = jnp.zeros(7)
    weights["extra"] = {"kernel": jnp.zeros(1)}
    with pytest.raises(ValueError, match="weights do not fit") as error:
        Model(narrow.architecture, weights)
    for part in ("missing mixed3a_1x1/kernel", "conv2d0/bias has shape (7,), expected (8,)", "unexpected extra/kernel"):
        assert part in str(error.value)


def test_models_are_immutable_pytrees(narrow):
    with pytest.raises(dataclasses.FrozenInstanceError):
        narrow.architecture = INCEPTION5H
    doubled = jax.tree.map(lambda w: 2 * w, narrow)
    assert doubled.architecture == narrow.architecture
    assert inception_jax.initialise(narrow.architecture, seed=0).provenance["source"] == "random weights, seed 0"


def test_models_are_shown_in_a_line(narrow):
    assert repr(narrow) == "<inception5h-x0.125, 554,172 parameters from random weights, seed 0>"


def test_initialisation_depends_on_the_seed_alone():
    arch = INCEPTION5H.scaled(1 / 16)
    first, again, other = (initialise(arch, seed).weights["mixed3a_3x3"]["kernel"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
