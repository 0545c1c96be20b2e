"""The networks of *Weight Banding* and *Branch Specialization*, against float64 NumPy and against counts by hand."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inception_jax import ARCHITECTURES, INCEPTION5H, LINEAR, LRN, LUCID, Rules, initialise, load, ops, save
from inception_jax.architecture import FOUR_BRANCHES, SIMPLIFIED, Head, Plain
from inception_jax.graph import graph, weight_shapes
from inception_jax.summary import summarise

# Weight Banding, section "Simplified model": units and kernel of each convolution; a pool between the numbers.
ARTICLE = {"0a": (32, 7), "1a": (64, 5), "2a": (64, 5), "3a": (128, 5), "3b": (128, 5)}
ARTICLE |= dict.fromkeys(["4a", "4b", "4c", "4d", "4e"], (256, 5)) | dict.fromkeys(["5a", "5b"], (512, 5))

VARIANTS = {
    "simplified": SIMPLIFIED,
    "four_branches": FOUR_BRANCHES,
    "x": dataclasses.replace(SIMPLIFIED, final_average="x"),
    "y": dataclasses.replace(SIMPLIFIED, final_average="y"),
    "none": dataclasses.replace(SIMPLIFIED, final_average="none"),
    "max": dataclasses.replace(SIMPLIFIED, pooling="max"),
}
# Everything new at once around what the released networks are built of.
MIXED = dataclasses.replace(
    INCEPTION5H,
    blocks=(*INCEPTION5H.blocks[:1], ("last", Plain(64, kernel=3, groups=2, pool_before="maxpool4"))),
    heads=(),
    lrn=None,
    padding="caffe",
    pooling="l2",
    final_average="x",
)


def small(arch):
    """With a sixteenth of the units, for images of 64 pixels, which leave a map of 2x2 as 224 leave 7x7."""
    return dataclasses.replace(arch.scaled(1 / 16), image_size=64, classes=10)


def biased(model, by):
    """The model with biases of `by`, in units of the size of its input."""
    return jax.tree.map(lambda w: w + by * model.architecture.input_scale if w.ndim == 1 else w, model)


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request):
    return biased(initialise(small(VARIANTS[request.param]), seed=0), by=0.05)


@pytest.fixture(scope="module", params=[FOUR_BRANCHES, VARIANTS["none"], MIXED], ids=["branches", "dense", "mixed"])
def network(request):
    # Large biases, so that no layer is dead, however narrow it is.
    return biased(initialise(small(request.param), seed=0), by=1)


@pytest.fixture(scope="module")
def images():
    """Two unlike images: coloured blotches."""
    return jax.image.resize(jax.random.uniform(jax.random.key(0), (2, 7, 7, 3)), (2, 64, 64, 3), "cubic").clip(0, 1)


def windows(x, size, stride, fill):
    """Windows under TensorFlow's SAME rule: [n, h, w, c, size, size]."""
    pads = [(0, 0)]
    for side in x.shape[1:3]:
        total = max((math.ceil(side / stride) - 1) * stride + size - side, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x, [*pads, (0, 0)], constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(padded, (size, size), (1, 2))[:, ::stride, ::stride]


def reference(model, images):
    """Every layer after its ReLU, and the logits, written from the article's text in float64."""
    arch, acts = model.architecture, {}
    x = np.asarray(images, np.float64) * 2 - 1
    for name, (_, size) in ARTICLE.items():
        if acts and name.endswith("a"):
            around = windows(x, 3, 2, np.nan)
            x = np.sqrt(np.nanmean(around**2, (4, 5))) if arch.pooling == "l2" else np.nanmax(around, (4, 5))
            acts[f"pool{int(name[0]) - 1}"] = x
        kernel, bias = (np.asarray(model.weights[name][part], np.float64) for part in ("kernel", "bias"))
        groups = 4 if arch.name.startswith("four") and name in ("1a", "2a", "3a", "3b") else 1
        parts = zip(np.split(x, groups, -1), np.split(kernel, groups, -1), strict=True)
        x = np.concatenate([np.einsum("nhwiyx,yxio->nhwo", windows(a, size, 1, 0), k) for a, k in parts], -1)
        acts[name] = x = np.maximum(x + bias, 0)
    if arch.final_average != "none":
        axes = {"xy": (1, 2), "x": (2,), "y": (1,)}[arch.final_average]
        acts["avgpool0"] = x = x.mean(axes, keepdims=arch.final_average != "xy")
    dense = model.weights["softmax2"]
    acts["softmax2_pre_activation"] = x.reshape(len(x), -1) @ np.asarray(dense["kernel"]) + dense["bias"]
    return acts


def test_parity_with_the_reference(variant, images):
    expected, acts = reference(variant, images), variant(images)
    assert [name for name in acts if name in expected] == list(expected)
    for name, value in expected.items():
        # Float32 rounds each of twelve layers at 6e-8; an order of magnitude above what that adds up to.
        np.testing.assert_allclose(acts[name], value, rtol=1e-5, atol=1e-5 * np.abs(value).max(), err_msg=name)


def test_gradients_are_finite_and_reach_every_weight(network, images):
    def loss(model, images, rules):
        return jnp.square(model(images, taps="softmax2_pre_activation", rules=rules)["softmax2_pre_activation"]).sum()

    weights = jax.jit(jax.grad(loss), static_argnums=2)(network, images, Rules(conv=ops.conv_fast_vjp)).weights
    for layer, parts in weights.items():
        assert jnp.isfinite(parts["kernel"]).all(), layer
        assert jnp.abs(parts["kernel"]).max() > 0, layer


def test_gradients_are_finite_where_everything_is_dead():
    model = initialise(small(dataclasses.replace(SIMPLIFIED, blocks=SIMPLIFIED.blocks[:4])), seed=0)
    grey = jnp.full((1, 64, 64, 3), 0.5)

    def total(images):
        return model(images, until="3a", rules=LUCID)["3a"].sum()

    # The mean image is zero in the network, and so are all layers of a network without biases. Redirected ReLUs pass
    # on what plain ones would replace by zero.
    assert float(total(grey)) < 1e-3
    assert jnp.isfinite(jax.grad(total)(grey)).all()


def test_the_linear_rules_make_it_linear(network, images):
    def logits(x):
        return network(x, taps="softmax2_pre_activation", rules=LINEAR)["softmax2_pre_activation"]

    first, second, between = logits(jnp.concatenate([images, images.mean(0, keepdims=True)]))
    # Rounding of the biases' part, which all three share and which is a hundred times larger, stays below this.
    assert jnp.abs(between - (first + second) / 2).max() < 1e-3 * jnp.abs(first - second).max()


def test_every_layer_can_be_tapped_and_edited(network, images):
    names = list(network.layers)

    @jax.jit
    def shifted(model, shifts):
        return model(images[:1], edits={name: lambda a, s=s: a + s for name, s in shifts.items()})

    plain = network(images[:1])
    assert {name: a.shape[-1] for name, a in plain.items()} == dict(network.layers)
    # More than any activation, so that dead units come alive.
    shift = 10 * max(float(jnp.abs(a).max()) for a in plain.values())
    for name in names:
        acts = shifted(network, dict.fromkeys(names, 0.0) | {name: shift})
        np.testing.assert_allclose(acts[name], plain[name] + shift, rtol=1e-4)
        logits = acts["softmax2_pre_activation"] - plain["softmax2_pre_activation"]
        assert name == "softmax2" or float(jnp.abs(logits).max()) > 1e-3, name


def test_files_hold_every_variant(network, tmp_path):
    for ending in ("safetensors", "npz"):
        path = tmp_path / f"model.{ending}"
        save(network, path)
        back = load(path)
        assert back.architecture == network.architecture
        jax.tree.map(np.testing.assert_array_equal, back.weights, network.weights)


def test_simplified_is_the_articles_network():
    rows = summarise(SIMPLIFIED)
    convolutions = {row.layer: row for row in rows if row.layer in ARTICLE}
    assert {name: row.units for name, row in convolutions.items()} == {
        name: units for name, (units, _) in ARTICLE.items()
    }
    sides = {"0a": 224, "1a": 112, "2a": 56, "3b": 28, "4e": 14, "5b": 7}
    assert {name: convolutions[name].height for name in sides} == sides
    inputs, parameters = 3, 0
    for units, kernel in ARTICLE.values():
        inputs, parameters = units, parameters + kernel**2 * inputs * units + units
    assert sum(row.parameters for row in convolutions.values()) == parameters
    assert [(row.layer, row.height, row.units, row.parameters) for row in rows[-3:]] == [
        ("avgpool0", 1, 512, 0),
        ("softmax2_pre_activation", 1, 1001, 513 * 1001),
        ("softmax2", 1, 1001, 0),
    ]


@pytest.mark.parametrize(("average", "factor", "shape"), [("xy", 1, None), ("x", 7, (7, 1)), ("y", 7, (1, 7))])
def test_fewer_averages_make_more_logit_weights(average, factor, shape):
    arch = dataclasses.replace(SIMPLIFIED, final_average=average)
    assert weight_shapes(arch)["softmax2"]["kernel"] == (factor * 512, 1001)
    row = next(row for row in summarise(arch) if row.layer == "avgpool0")
    assert (row.height, row.width) == (shape or (1, 1))
    assert summarise(arch)[-2].flops == 2 * factor * 512 * 1001


def test_without_an_average_the_logits_have_49_times_the_weights():
    arch = dataclasses.replace(SIMPLIFIED, final_average="none")
    assert weight_shapes(arch)["softmax2"]["kernel"] == (49 * 512, 1001)
    assert "avgpool0" not in graph(arch)


def test_groups_cost_a_quarter():
    rows, dense = ({row.layer: row for row in summarise(arch)} for arch in (FOUR_BRANCHES, SIMPLIFIED))
    grouped = {name for name in rows if rows[name].parameters != dense[name].parameters}
    assert grouped == {"1a", "2a", "3a", "3b"}
    for name in grouped:
        assert rows[name].flops * 4 == dense[name].flops
        assert (rows[name].parameters - rows[name].units) * 4 == dense[name].parameters - dense[name].units


def test_branches_do_not_see_each_other_before_they_join(images):
    model = initialise(small(FOUR_BRANCHES), seed=0)
    units = model.layers["0a"] // 4
    cut = model(images, edits={"0a": lambda a: a.at[..., :units].set(0)})
    plain = model(images)
    for name in ("1a", "2a", "3a", "3b"):
        first = model.layers[name] // 4
        np.testing.assert_array_equal(cut[name][..., first:], plain[name][..., first:])
        assert not np.allclose(cut[name][..., :first], plain[name][..., :first])
    changed = jnp.abs(cut["4a"] - plain["4a"]).max((0, 1, 2))
    assert int((changed > 0).sum()) > model.layers["4a"] // 2


def test_initial_kernels_keep_the_variance_of_their_group():
    kernel = initialise(FOUR_BRANCHES, seed=0).weights["3b"]["kernel"]
    assert kernel.shape == (5, 5, 32, 128)
    # A hundred thousand draws: the deviation is known to 0.2 %.
    assert float(kernel.std()) == pytest.approx(math.sqrt(2 / (25 * 32)), rel=0.01)


def test_no_normalisation_is_normalisation_by_one(images):
    arch = dataclasses.replace(INCEPTION5H, lrn=None, blocks=INCEPTION5H.blocks[:1], heads=(), final_pool=None)
    model = initialise(small(arch), seed=0)
    one = dataclasses.replace(model.architecture, lrn=LRN(radius=1, alpha=0.0, beta=0.5, bias=1.0))
    expected = dataclasses.replace(model, architecture=one)(images, until="mixed3a")
    acts = model(images, until="mixed3a")
    assert set(expected) - set(acts) == {"localresponsenorm0", "localresponsenorm1"}
    np.testing.assert_allclose(acts["mixed3a"], expected["mixed3a"], rtol=1e-6)


def test_averages_along_one_axis_of_an_inception_block(images):
    model = initialise(small(dataclasses.replace(MIXED, blocks=INCEPTION5H.blocks[:1])), seed=0)
    acts = model(images, taps=["mixed3a", "softmax2_pre_activation"])
    rows, dense = np.asarray(acts["mixed3a"]).mean(2).reshape(2, -1), model.weights["softmax2"]
    # A hundred float32 products: rounding stays below a millionth of their size.
    np.testing.assert_allclose(acts["softmax2_pre_activation"], rows @ dense["kernel"], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("padding", ["same", "caffe"])
@pytest.mark.parametrize("strides", [(1, 1, 1), (1, 1, 2), (1, 2, 2), (2, 2, 2)])
def test_strides_of_the_stem(strides, padding):
    arch = dataclasses.replace(INCEPTION5H.scaled(1 / 16), strides=strides, padding=padding, heads=(), final_pool=None)
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    acts = jax.eval_shape(lambda model, x: model(x), initialise(arch, seed=0), image)
    assert acts["mixed3a"].shape[1] == 64 // math.prod(strides)
    rows = summarise(arch, 64, blocks=False)
    assert {row.layer: row.height for row in rows if acts[row.layer].ndim == 4} == {
        row.layer: acts[row.layer].shape[1] for row in rows if acts[row.layer].ndim == 4
    }
    assert acts["softmax2"].shape == (1, 1008)


def test_heads_follow_the_image_size():
    # 14x14 at mixed4a for 112 pixels at half the stride, as for 224 at the released one.
    arch = dataclasses.replace(INCEPTION5H.scaled(1 / 16), strides=(1, 2, 2), image_size=112)
    assert weight_shapes(arch) == weight_shapes(INCEPTION5H.scaled(1 / 16))
    assert weight_shapes(dataclasses.replace(arch, image_size=224))["nn0"]["kernel"] == (8 * 8 * 8, 64)


@pytest.mark.parametrize("arch", ARCHITECTURES.values(), ids=lambda arch: arch.name)
@pytest.mark.parametrize("width", [1 / 64, 0.1, 0.75, 1, 2])
def test_every_network_has_every_width(arch, width):
    scaled = arch.scaled(width)
    assert [name for name, _ in scaled.blocks] == [name for name, _ in arch.blocks]
    for (_, block), (_, released) in zip(scaled.blocks, arch.blocks, strict=True):
        # Rounding moves four branches by a half each, and groups of four units by two.
        assert abs(block.units - max(width * released.units, 4)) <= 4
        assert block.pool_before == released.pool_before
    assert graph(scaled).nodes


@pytest.mark.parametrize("name", ["simplified", "four_branches"])
def test_presets_are_listed(name):
    assert ARCHITECTURES[name].name == name


@pytest.mark.parametrize(
    ("average", "size", "message"),
    [
        (
            "none",
            (128, 128),
            r"128x128 pixels give 'softmax2_pre_activation' a map of 4x4, but it needs a 2x2 map; give ",
        ),
        ("x", (128, 64), r"128x64 pixels give 'softmax2_pre_activation' a map of 4x1, .* give images of 64x64 or stop"),
        ("y", (64, 128), r"64x128 pixels give 'softmax2_pre_activation' a map of 1x4, but it needs a 1x2 map"),
    ],
)
def test_logits_take_the_size_they_were_made_for(average, size, message):
    model = initialise(small(dataclasses.replace(SIMPLIFIED, final_average=average)), seed=0)
    image = jnp.zeros((1, *size, 3))
    with pytest.raises(ValueError, match=message):
        model(image)
    assert model(image, taps="5b")["5b"].shape[1:3] == (size[0] // 32, size[1] // 32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"blocks": (("a", Plain(8, groups=3)),)}, r"'a' has 3 groups, 3 inputs and 8 units; expected 1 to 64 groups"),
        ({"blocks": (("a", Plain(8)), ("b", Plain(6, groups=4)))}, "'b' has 4 groups, 8 inputs and 6 units"),
        ({"blocks": (("a", Plain(8, groups=0)),)}, "'a' has 0 groups"),
        ({"blocks": (("a", Plain(256)), ("b", Plain(256, groups=128)))}, "'b' has 128 groups"),
        ({"pooling": "mean"}, "pooling is 'mean'; expected 'max' or 'l2'"),
        ({"final_average": "z"}, "final_average is 'z'; expected 'xy' or 'x' or 'y' or 'none'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_impossible_networks(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SIMPLIFIED, **changes)


def test_images_too_small_for_a_head():
    arch = dataclasses.replace(SIMPLIFIED, image_size=64, heads=(Head("5a"),))
    message = "image_size is 64, but such images are too small for 'head0_bottleneck' of simplified; expected a larger"
    with pytest.raises(ValueError, match=message):
        graph(arch)


def test_layers_do_not_take_the_networks_own_names():
    model = initialise(dataclasses.replace(SIMPLIFIED, blocks=(("architecture", Plain(4)),)), seed=0)
    with pytest.raises(ValueError, match="no layer can be called 'architecture', which is a name of the network's own"):
        model(jnp.zeros((1, 8, 8, 3)))
