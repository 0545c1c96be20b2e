import struct

import ml_dtypes
import numpy as np
import pytest
from weight_files import (
    INCEPTION5H,
    const,
    field,
    inception5h_nodes,
    layer_shapes,
    lrn,
    node,
    random_weights,
    shape_proto,
    tensor_proto,
    varint,
    zip_of,
)

from inception_jax import INCEPTION5H as ARCHITECTURE
from inception_jax.readers import graphdef
from inception_jax.readers.contents import WeightsError
from inception_jax.readers.stated import contradictions

VALUES = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)


def proto(kind, shape, *values):
    return field(1, kind) + field(2, shape_proto(shape)) + b"".join(values)


def read(*protos):
    return graphdef.parse(b"".join(const(f"layer{i}_w", tensor) for i, tensor in enumerate(protos))).arrays


def packed16(values):
    """half_val: each number's 16 bits as an integer."""
    return b"".join(varint(int(bits)) for bits in values.ravel().view(np.uint16))


def test_every_way_of_storing_a_tensor():
    half, brain, double = VALUES.astype(np.float16), VALUES.astype(ml_dtypes.bfloat16), VALUES.astype("<f8")
    arrays = read(
        tensor_proto(VALUES),
        proto(1, (2, 3), field(5, VALUES.tobytes())),
        proto(1, (2, 3), *(field(5, float(value)) for value in VALUES.ravel())),
        proto(2, (2, 3), field(6, double.tobytes())),
        proto(19, (2, 3), field(13, packed16(half))),
        proto(19, (2, 3), field(4, half.tobytes())),
        proto(14, (2, 3), field(13, packed16(brain))),
    )
    expected = [VALUES, VALUES, VALUES, VALUES, half, half, brain]
    for array, original in zip(arrays.values(), expected, strict=True):
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, original.astype(np.float32))


def test_the_last_value_is_repeated():
    (array,) = read(proto(1, (2, 3), field(5, struct.pack("<2f", 4.0, 5.0)))).values()
    assert array.tolist() == [[4, 5, 5], [5, 5, 5]]


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (proto(3, (2,), field(4, bytes(8))), "layer0_w has TensorFlow data type 3; expected float32"),
        (proto(1, (3,), field(4, bytes(8))), r"layer0_w of shape \(3,\) needs 12 bytes, but the file has 8 for it"),
        (proto(1, (3,), field(5, bytes(16))), r"layer0_w of shape \(3,\) has 4 values"),
        (proto(1, (3,)), r"layer0_w of shape \(3,\) has 0 values"),
        (proto(1, (-1,), field(5, bytes(4))), r"layer0_w has shape \(-1,\); expected an array"),
        (proto(1, (2**20, 2**20), field(5, bytes(4))), r"expected an array of at most 268435456 bytes"),
    ],
)
def test_tensors_must_be_what_they_declare(tensor, message):
    with pytest.raises(WeightsError, match=message):
        read(tensor)


def test_many_repeated_values_are_bounded_together(monkeypatch):
    monkeypatch.setattr(graphdef, "most_bytes", lambda _: 100)
    with pytest.raises(WeightsError, match="the constants take more than 100 bytes together"):
        read(*[proto(1, (10,), field(5, bytes(4)))] * 3)


def test_the_whole_graph_is_read_exactly():
    weights = random_weights(layer_shapes(INCEPTION5H, 1008))
    contents = graphdef.parse(b"".join(inception5h_nodes(layer_shapes(INCEPTION5H, 1008), weights)))
    assert contents.arrays.keys() == weights.keys()
    assert all(np.array_equal(contents.arrays[name], weights[name]) for name in weights)
    assert contents.stated["localresponsenorm0"] == {
        "operation": "local response normalisation",
        "radius": 5,
        "bias": 2.0,
        "alpha": float(np.float32(1e-4)),
        "beta": 0.5,
        "inputs": ["maxpool0"],
    }
    assert contents.stated["conv2d0_pre_relu"] == {
        "operation": "convolution",
        "stride": 2,
        "padding": "same",
        "dilation": 1,
        "weights": ["conv2d0_w"],
        "inputs": ["input"],
    }
    assert contents.stated["head1_pool"]["size"] == 5
    assert contents.stated["nn1_pre_relu"]["inputs"] == ["head1_bottleneck"]
    assert contradictions(ARCHITECTURE, contents.stated) == []


def test_a_graph_inside_a_zip():
    graph = lrn("localresponsenorm0", "maxpool0", radius=3)
    contents = graphdef.parse_zip(zip_of({"labels.txt": b"dummy\n", "graph.pb": graph, "LICENSE": b""}))
    assert contents.stated["localresponsenorm0"]["radius"] == 3


@pytest.mark.parametrize("members", [{"a.txt": b""}, {"a.pb": b"", "b.pb": b""}])
def test_a_zip_must_hold_one_graph(members):
    with pytest.raises(WeightsError, match=r"expected one \.pb file in the zip archive; it holds"):
        graphdef.parse_zip(zip_of(members))


def test_what_is_not_a_graph_is_refused(monkeypatch):
    with pytest.raises(WeightsError, match="no nodes: not a TensorFlow GraphDef"):
        graphdef.parse(field(2, b""))
    with pytest.raises(WeightsError, match="conv2d0_w is in the file twice"):
        graphdef.parse(const("conv2d0_w", tensor_proto(VALUES)) * 2)
    with pytest.raises(WeightsError, match="maxpool0 has data_format NCHW; only NHWC graphs are read"):
        graphdef.parse(node("maxpool0", "MaxPool", ["conv2d0"], data_format=field(2, "NCHW")))
    monkeypatch.setattr(graphdef, "MAX_NODES", 3)
    with pytest.raises(WeightsError, match="the graph has 4 nodes; at most 3 are read"):
        graphdef.parse(node("a", "NoOp") * 4)
