import dataclasses
import re
import warnings

import numpy as np
import pytest
from weight_files import (
    GOOGLENET,
    INCEPTION5H,
    caffe_lrn,
    caffe_names,
    caffe_pool,
    caffe_weights,
    field,
    googlenet,
    inception5h_nodes,
    layer,
    layer_shapes,
    lrn,
    node,
    pool,
    simple_checkpoint,
)

import inception_jax
from inception_jax import LRN, readers
from inception_jax.architecture import FOUR_BRANCHES
from inception_jax.readers.contents import Contents, WeightsError
from inception_jax.readers.recognise import flat_shapes, recognise
from inception_jax.readers.serialise import to_json
from inception_jax.readers.stated import adopt, contradictions

SHAPES = layer_shapes(INCEPTION5H, 1008)


def zeros(shapes):
    """Arrays of zeros that take no memory."""
    flat = {f"{k}_w": s for k, s in shapes.items()} | {f"{k}_b": s[-1:] for k, s in shapes.items()}
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in flat.items()}


def graph(shapes=SHAPES, **replaced):
    """The released graph with some of its nodes replaced, or left out where the replacement is empty."""
    nodes = inception5h_nodes(shapes)
    names = [re.search(rb"[\w/]+", part[part.index(b"\n") + 2 :])[0].decode() for part in nodes]
    assert set(replaced) <= set(names)
    return readers.parse("a.pb", b"".join(replaced.get(n, part) for n, part in zip(names, nodes, strict=True)))


@pytest.mark.parametrize(
    ("widths", "classes", "heads", "name"),
    [
        (INCEPTION5H, 1008, True, "inception5h"),
        (INCEPTION5H, 1008, False, "inception5h"),
        (INCEPTION5H, 10, False, "inception5h"),
        (GOOGLENET, 1000, True, "bvlc_googlenet"),
        (GOOGLENET, 365, False, "bvlc_googlenet"),
    ],
)
def test_architecture_classes_and_heads_follow_from_the_shapes(widths, classes, heads, name):
    arch = recognise(Contents(zeros(layer_shapes(widths, classes, heads)), "npz"))
    known = inception_jax.ARCHITECTURES[name]
    assert (arch.name, arch.classes, arch.heads) == (name, classes, known.heads if heads else ())
    assert (arch.lrn, arch.padding, arch.input_mean) == (known.lrn, known.padding, known.input_mean)


def test_only_the_first_head():
    arrays = {k: v for k, v in zeros(SHAPES).items() if not re.match("head1|nn1|softmax1", k)}
    assert recognise(Contents(arrays, "npz")).heads == inception_jax.INCEPTION5H.heads[:1]


def test_the_released_graph_is_the_known_architecture():
    # Its alpha is 9.999999747e-05, which is how float32 stores 1e-4: no warning, and the table's number.
    assert recognise(graph()) == inception_jax.INCEPTION5H


def test_constants_of_the_file_are_used_with_a_warning():
    contents = graph(
        localresponsenorm0=lrn("localresponsenorm0", "maxpool0", 2, 1.0, 2e-5, 0.75),
        localresponsenorm1=lrn("localresponsenorm1", "conv2d2", 2, 1.0, 2e-5, 0.75),
    )
    message = "the file's own constants are used instead of those known of inception5h: lrn is LRN"
    with pytest.warns(UserWarning, match=message):
        arch = recognise(contents)
    assert arch.lrn == LRN(2, float(np.float32(2e-5)), 0.75, 1.0)


def test_lrn_attributes_that_a_graph_leaves_out_have_tensorflows_defaults():
    contents = graph(
        localresponsenorm0=node("localresponsenorm0", "LRN", ["maxpool0"]),
        localresponsenorm1=node("localresponsenorm1", "LRN", ["conv2d2"]),
    )
    with pytest.warns(UserWarning, match="lrn is"):
        assert recognise(contents).lrn == LRN(radius=5, alpha=1.0, beta=0.5, bias=1.0)


def test_every_contradiction_is_named_at_once():
    contents = graph(
        maxpool1=pool("maxpool1", "MaxPool", "localresponsenorm1", 2, 3, "VALID"),
        maxpool4=pool("maxpool4", "AvgPool", "mixed3b", 3, 2, "SAME"),
        localresponsenorm1=lrn("localresponsenorm1", "conv2d2", beta=0.75),
        mixed5b=node("mixed5b", "Concat", ["d", "mixed5b_3x3", "mixed5b_1x1", "mixed5b_5x5", "mixed5b_pool_reduce"]),
        conv2d1=node("conv2d1", "Relu6", ["conv2d1_pre_relu"]),
        avgpool0=pool("avgpool0", "AvgPool", "mixed5b", 7, 1, "SAME"),
    )
    with pytest.raises(WeightsError) as error:
        recognise(contents)
    for problem in (
        "the file describes another network than inception5h: ",
        "maxpool1 has size 2 in the file, 3 in inception5h",
        "maxpool1 has stride 3 in the file, 2 in inception5h",
        "maxpool1 has padding 0 in the file, same in inception5h",
        "maxpool4 has operation average pool in the file, max-pool in inception5h",
        "localresponsenorm1 has beta 0.75 in the file, 0.5 in inception5h",
        "mixed5b has inputs ['mixed5b_3x3', 'mixed5b_1x1', 'mixed5b_5x5', 'mixed5b_pool_reduce'] in the file",
        "conv2d1 has operation Relu6 in the file, ReLU in inception5h",
        "avgpool0 has padding same in the file, 0 in inception5h",
    ):
        assert problem in str(error.value)
    assert str(error.value).count(" in the file") == 8


def test_normalisation_before_the_pool_is_another_network():
    weights = caffe_weights(layer_shapes(GOOGLENET, 1000, heads=False))
    data = googlenet(weights)
    before = caffe_lrn("pool1/norm1", "pool1/3x3_s2")
    assert data.count(before) == 1
    contents = readers.parse("a.caffemodel", data.replace(before, caffe_lrn("pool1/norm1", "conv1/7x7_s2")))
    with pytest.raises(WeightsError, match=r"localresponsenorm0 has inputs \['conv2d0'\] in the file, \['maxpool0'\]"):
        recognise(contents)


def test_caffes_training_settings_are_the_table():
    contents = readers.parse("a.caffemodel", googlenet(caffe_weights(layer_shapes(GOOGLENET, 1000))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert recognise(contents) == inception_jax.BVLC_GOOGLENET
    assert len(caffe_names()) == 64


def test_caffes_other_training_settings_are_used_with_a_warning():
    parts = googlenet(caffe_weights(layer_shapes(GOOGLENET, 10, heads=False)))
    pooled = caffe_pool("pool5/7x7_s1", "inception_5b/output", 7, 1, average=True)
    whole = layer("pool5/7x7_s1", "Pooling", ["inception_5b/output"], ["pool5/7x7_s1"], pool=field(1, 1) + field(12, 1))
    data = layer("data", "Data", [], ["data"], transform=field(1, 0.5) + field(3, 299) + field(5, 128.0))
    contents = readers.parse("a.caffemodel", parts.replace(pooled, whole) + data)
    with pytest.warns(UserWarning, match=r"input_mean is \(64\.0, 64\.0, 64\.0\), not \(123\.0, 117\.0, 104\.0\)"):
        arch = recognise(contents)
    assert (arch.final_pool, arch.image_size, arch.input_scale, arch.classes) == (None, 299, 127.5, 10)


def test_every_misfit_is_listed_by_its_name_in_the_file():
    arrays = zeros(SHAPES)
    del arrays["mixed4c_5x5_b"], arrays["nn1_w"]
    arrays["conv2d1_w"] = np.zeros((1, 1, 64, 65), np.float32)
    arrays["mixed6a_1x1_w"] = np.zeros((1, 1, 2, 3), np.float32)
    with pytest.raises(WeightsError) as error:
        recognise(Contents(arrays, "npz"))
    assert str(error.value) == (
        "the weights do not fit inception5h: missing mixed4c_5x5_b (64,); missing nn1_w (2048, 1024); "
        "unexpected mixed6a_1x1_w (1, 1, 2, 3); conv2d1_w has shape (1, 1, 64, 65), expected (1, 1, 64, 64)"
    )


def test_the_nearest_architecture_is_the_one_that_errors_speak_of():
    arrays = zeros(layer_shapes(GOOGLENET, 1000, heads=False))
    del arrays["conv2d0_w"]
    with pytest.raises(
        WeightsError, match=r"the weights do not fit bvlc_googlenet: missing conv2d0_w \(7, 7, 3, 64\)$"
    ):
        recognise(Contents(arrays, "npz"))


def test_a_graphs_missing_and_misshapen_constants_are_listed():
    shapes = SHAPES | {"mixed3a_1x1": (1, 1, 192, 65)}
    contents = graph(shapes, conv2d0_b=b"")
    with pytest.raises(WeightsError) as error:
        recognise(contents)
    assert str(error.value) == (
        "the weights do not fit inception5h: missing conv2d0_b (64,); "
        "mixed3a_1x1_w has shape (1, 1, 192, 65), expected (1, 1, 192, 64); "
        "mixed3a_1x1_b has shape (65,), expected (64,)"
    )


def test_misfits_in_caffes_and_pytorchs_files():
    weights = caffe_weights(layer_shapes(GOOGLENET, 1000, heads=False))
    data = googlenet(weights | {"conv2/3x3.bias": np.zeros(5, np.float32)})
    with pytest.raises(
        WeightsError, match=r"do not fit bvlc_googlenet: conv2d2_b has shape \(5,\), expected \(192,\)$"
    ):
        recognise(readers.parse("a.caffemodel", data))
    state = {f"{layer}_pre_relu_conv.bias": np.zeros(shape[-1:], np.float32) for layer, shape in SHAPES.items()}
    state |= {"mixed4a_3x3_pre_relu_conv.weight": np.zeros((204, 96, 1, 1), np.float32)}
    with pytest.raises(WeightsError) as error:
        recognise(readers.parse("a.pth", simple_checkpoint(state)))
    for problem in (
        "missing conv2d0_w (7, 7, 3, 64)",
        "mixed4a_3x3_w has shape (1, 1, 96, 204), expected (3, 3, 96, 204)",
    ):
        assert problem in str(error.value)


def test_other_networks_are_refused_by_their_names():
    arrays = {"layer1.0.conv1.weight": np.zeros(3, np.float32), "layer1.0.bn1.weight": np.zeros(3, np.float32)}
    message = (
        "no array is named as in an InceptionV1 that can be read; the file has layer1.0.conv1.weight, layer1.0.bn1"
    )
    with pytest.raises(WeightsError, match=message):
        recognise(Contents(arrays, "PyTorch checkpoint"))
    with pytest.raises(WeightsError, match="the file has no arrays"):
        recognise(Contents({}, "npz"))


def test_the_architecture_in_the_metadata_comes_first():
    arch = inception_jax.INCEPTION5H.scaled(1 / 8)
    model = inception_jax.initialise(arch, seed=0)
    arrays = {f"{k}_{p[0].replace('k', 'w')}": np.asarray(a) for k, v in model.weights.items() for p, a in v.items()}
    assert recognise(Contents(arrays, "npz", metadata={"architecture": to_json(arch)})) == arch
    with pytest.raises(WeightsError, match="the file does not describe a valid network: architecture has"):
        recognise(Contents(arrays, "npz", metadata={"architecture": "{}"}))


def test_only_released_networks_are_known_by_their_arrays():
    # Our own are saved with their architecture; these have fewer arrays to miss than the released ones.
    with pytest.raises(WeightsError, match="no array is named as in an InceptionV1"):
        recognise(Contents({"0a_w": np.zeros((7, 7, 3, 32), np.float32)}, "npz"))
    with pytest.raises(WeightsError, match="the weights do not fit inception5h: missing conv2d0_b"):
        recognise(Contents({"conv2d0_w": np.zeros((7, 7, 3, 64), np.float32)}, "npz"))


def test_variants_come_from_the_metadata():
    arch = dataclasses.replace(FOUR_BRANCHES.scaled(1 / 16), final_average="none")
    arrays = {name: np.zeros(shape, np.float32) for name, shape in flat_shapes(arch).items()}
    metadata = {"architecture": to_json(arch)}
    assert recognise(Contents(arrays, "npz", metadata=metadata)) == arch
    ungrouped = arrays | {"1a_w": np.zeros((5, 5, 4, 4), np.float32)}
    with pytest.raises(WeightsError, match=r"1a_w has shape \(5, 5, 4, 4\), expected \(5, 5, 1, 4\)"):
        recognise(Contents(ungrouped, "npz", metadata=metadata))


def test_stated_operations_of_variants():
    assert contradictions(FOUR_BRANCHES, {"3b_pre_relu": {"groups": 4}, "pool1": {"operation": "L2 pool"}}) == []
    assert contradictions(FOUR_BRANCHES, {"3b_pre_relu": {"groups": 1}, "pool1": {"operation": "max-pool"}}) == [
        "pool1 has operation max-pool in the file, L2 pool in four_branches",
        "3b_pre_relu has groups 1 in the file, 4 in four_branches",
    ]
    assert adopt(FOUR_BRANCHES, {"localresponsenorm0": {"beta": 0.75}}) == FOUR_BRANCHES


def test_constants_that_make_no_sense_are_an_error():
    contents = graph(localresponsenorm0=lrn("localresponsenorm0", "maxpool0", alpha=float("nan")))
    with pytest.raises(WeightsError, match=r"does not describe a valid network: architecture\.lrn\.alpha is nan"):
        recognise(contents)
