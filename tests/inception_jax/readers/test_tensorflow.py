"""The released graph's nodes, built and run by TensorFlow, against the model read from its file."""

import os

import numpy as np
import pytest
from weight_files import BRANCHES, INCEPTION5H, layer_shapes, random_weights

import inception_jax
from inception_jax.files import read_model

pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module")
def tf():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("tensorflow").compat.v1


def build(tf, weights):
    """The graph of `inception5h.zip`: names, operations and attributes of its nodes."""
    graph = tf.Graph()
    with graph.as_default():
        constants = {name: tf.constant(array, name=name) for name, array in weights.items()}

        def conv(name, x, stride=1):
            kernel, bias = constants[f"{name}_w"], constants[f"{name}_b"]
            x = tf.nn.conv2d(x, kernel, [1, stride, stride, 1], "SAME", name=f"{name}_pre_relu/conv")
            return tf.nn.relu(tf.nn.bias_add(x, bias, name=f"{name}_pre_relu"), name=name)

        def dense(name, x, layer):
            x = tf.matmul(x, constants[f"{layer}_w"], name=f"{name}/matmul")
            return tf.nn.bias_add(x, constants[f"{layer}_b"], name=name)

        def max_pool(name, x, stride=2):
            return tf.nn.max_pool2d(x, 3, stride, "SAME", name=name)

        def rows(x, columns):
            shape = tf.constant([-1, columns], name=f"{x.op.name}/reshape/shape")
            return tf.reshape(x, shape, name=f"{x.op.name}/reshape")

        def lrn(name, x):
            return tf.nn.lrn(x, depth_radius=5, bias=2.0, alpha=1e-4, beta=0.5, name=name)

        x = tf.placeholder(tf.float32, [None, None, None, 3], name="input")
        x = lrn("localresponsenorm0", max_pool("maxpool0", conv("conv2d0", x, 2)))
        x = max_pool("maxpool1", lrn("localresponsenorm1", conv("conv2d2", conv("conv2d1", x))))
        blocks = {}
        for block in INCEPTION5H:
            name = f"mixed{block}"
            if block in ("4a", "5a"):
                x = max_pool({"4a": "maxpool4", "5a": "maxpool10"}[block], x)
            parts = [
                conv(f"{name}_1x1", x),
                conv(f"{name}_3x3", conv(f"{name}_3x3_bottleneck", x)),
                conv(f"{name}_5x5", conv(f"{name}_5x5_bottleneck", x)),
                conv(f"{name}_pool_reduce", max_pool(f"{name}_pool", x, 1)),
            ]
            axis = tf.constant(3, name=f"{name}/concat_dim")
            x = blocks[name] = tf.raw_ops.Concat(concat_dim=axis, values=parts, name=name)
        x = tf.nn.avg_pool2d(x, 7, 1, "VALID", name="avgpool0")
        heads = [tf.nn.softmax(dense("softmax2_pre_activation", rows(x, 1024), "softmax2"), name="softmax2")]
        for i, block in enumerate(("mixed4a", "mixed4d")):
            x = tf.nn.avg_pool2d(blocks[block], 5, 3, "VALID", name=f"head{i}_pool")
            x = rows(conv(f"head{i}_bottleneck", x), 2048)
            x = rows(tf.nn.relu(dense(f"nn{i}_pre_relu", x, f"nn{i}"), name=f"nn{i}"), 1024)
            heads.append(tf.nn.softmax(dense(f"softmax{i}_pre_activation", x, f"softmax{i}"), name=f"softmax{i}"))
        for name, head in zip(("output", "output1", "output2"), heads, strict=True):
            tf.identity(head, name=name)
    return graph


@pytest.fixture(scope="module")
def graph(tf):
    return build(tf, random_weights(layer_shapes(INCEPTION5H, 1008)))


@pytest.fixture(scope="module")
def model(graph, tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "tensorflow_inception_graph.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return read_model(path)


def test_the_file_is_the_known_architecture_with_exact_weights(model):
    assert model.architecture == inception_jax.INCEPTION5H
    weights = random_weights(layer_shapes(INCEPTION5H, 1008))
    assert len(weights) == 2 * len(model.weights)
    for name, array in weights.items():
        part = {"w": "kernel", "b": "bias"}[name[-1]]
        np.testing.assert_array_equal(np.asarray(model.weights[name[:-2]][part]), array)


@pytest.mark.parametrize("size", [(224, 224), (231, 225)])
def test_every_activation_agrees(size, tf, graph, model):
    images = np.random.default_rng(1).random((2, *size, 3), np.float32)
    ours = {name: np.asarray(value) for name, value in model(images).items()}
    blocks = [f"mixed{block}" for block in INCEPTION5H]
    wanted = [name for name in ours if name.removesuffix("_pre_relu") not in blocks or name in blocks]
    with tf.Session(graph=graph) as session:
        fetches = {name: f"{name}:0" for name in wanted}
        theirs = session.run(fetches, {"input:0": images * 255 - 117})
    for block in blocks:
        parts = [f"{block}_{branch}_pre_relu" for branch in BRANCHES if "bottleneck" not in branch]
        theirs[f"{block}_pre_relu"] = np.concatenate([theirs[part] for part in parts], axis=-1)
    assert theirs.keys() == ours.keys() == set(model.layers)
    if size == (224, 224):
        assert ours["avgpool0"].shape == (2, 1024)
    else:
        # A 7x7 window in an 8x8 map has four places, which the graph flattens into rows before the last layer.
        assert ours["avgpool0"].shape == (2, 2, 2, 1024)
        assert theirs["softmax2"].shape == (8, 1008)
    for name, value in ours.items():
        expected = theirs[name].reshape(value.shape)
        # float32 on both sides, summed in other orders: 1e-6 or less is usual after twenty layers.
        assert np.linalg.norm(value - expected) < 1e-4 * np.linalg.norm(expected), name
