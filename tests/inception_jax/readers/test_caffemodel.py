import re

import numpy as np
import pytest
from weight_files import (
    GOOGLENET,
    blob,
    caffe_conv,
    caffe_dense,
    caffe_lrn,
    caffe_names,
    caffe_pool,
    caffe_weights,
    field,
    googlenet,
    layer,
    layer_shapes,
)

from inception_jax import BVLC_GOOGLENET
from inception_jax.readers import caffemodel
from inception_jax.readers.contents import WeightsError
from inception_jax.readers.stated import contradictions


@pytest.mark.parametrize("old", [False, True], ids=["LayerParameter", "V1LayerParameter"])
@pytest.mark.parametrize("how", [{}, {"packed": False}, {"double": True}], ids=["packed", "unpacked", "double"])
def test_arrays_of_every_message_format(old, how):
    rng = np.random.default_rng(0)
    first, fc = rng.standard_normal((4, 3, 7, 7)), rng.standard_normal((5, 2 * 16))
    weights = {"conv1/7x7_s2.weight": first, "conv1/7x7_s2.bias": rng.standard_normal(4)}
    weights |= {"loss1/fc.weight": fc, "loss1/fc.bias": rng.standard_normal(5)}
    weights = {name: array.astype(np.float32) for name, array in weights.items()}
    data = caffe_conv("conv1/7x7_s2", "data", weights, 7, 2, old=old, **how)
    data += caffe_dense("loss1/fc", "loss1/conv", weights, old=old)
    arrays = caffemodel.parse(data).arrays
    assert set(arrays) == {"conv2d0_w", "conv2d0_b", "nn0_w", "nn0_b"}
    assert all(array.dtype == np.float32 for array in arrays.values())
    np.testing.assert_array_equal(arrays["conv2d0_b"], weights["conv1/7x7_s2.bias"])
    np.testing.assert_array_equal(arrays["nn0_b"], weights["loss1/fc.bias"])
    for out, channel, row, column in np.ndindex(4, 3, 7, 7):
        # Channel 0 is blue in the file and red here.
        assert (
            arrays["conv2d0_w"][row, column, 2 - channel, out]
            == weights["conv1/7x7_s2.weight"][out, channel, row, column]
        )
    for out, channel, row, column in np.ndindex(5, 2, 4, 4):
        ours = (row * 4 + column) * 2 + channel
        assert arrays["nn0_w"][ours, out] == weights["loss1/fc.weight"][out, (channel * 4 + row) * 4 + column]


@pytest.mark.parametrize("old", [False, True], ids=["LayerParameter", "V1LayerParameter"])
@pytest.mark.parametrize("splits", [False, True], ids=["plain", "splits"])
def test_the_whole_network_has_our_names_and_shapes_and_contradicts_nothing(old, splits):
    shapes = layer_shapes(GOOGLENET, 1000)
    contents = caffemodel.parse(googlenet(caffe_weights(shapes), old, splits))
    expected = {f"{k}_w": s for k, s in shapes.items()} | {f"{k}_b": s[-1:] for k, s in shapes.items()}
    assert {name: array.shape for name, array in contents.arrays.items()} == expected
    assert contents.stated["input"] == {"scale": 255.0, "size": 224, "mean": (123.0, 117.0, 104.0)}
    assert contradictions(BVLC_GOOGLENET, contents.stated) == []
    # Every activation but the class probabilities and the concatenations of pre-activations is described.
    missing = {name for name in contents.stated if name.startswith("mixed")}
    assert len(missing) == 9 * (6 * 2 + 2)
    assert contents.stated["localresponsenorm1"]["alpha"] == pytest.approx(1e-4 / 5, rel=1e-6)
    assert contents.stated["localresponsenorm1"]["radius"] == 2
    assert set(caffe_names()) == set(shapes)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no layers: not a Caffe NetParameter"),
        (caffe_lrn("pool1/norm1", "data", size=4), "pool1/norm1 normalises over 4 channels; expected an odd number"),
        (layer("fc", "InnerProduct", [], [], [field(7, field(1, b"\x03")) + field(5, bytes(8))]), "fc_w of shape"),
        (layer("fc", "InnerProduct", [], [], [blob(np.zeros(2))]) * 2, "fc_w is in the file twice"),
    ],
)
def test_what_is_not_a_network_is_refused(data, message):
    with pytest.raises(WeightsError, match=message):
        caffemodel.parse(data)


def test_the_number_of_layers_is_bounded(monkeypatch):
    monkeypatch.setattr(caffemodel, "MAX_LAYERS", 2)
    with pytest.raises(WeightsError, match="the network has 3 layers; at most 2 are read"):
        caffemodel.parse(caffe_pool("pool1/3x3_s2", "data", 3, 2) * 3)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            caffe_pool("pool1/3x3_s2", "x", 3, 2, average=True),
            "maxpool0 has operation average pool in the file, max-pool",
        ),
        (caffe_pool("pool1/3x3_s2", "x", 3, 2, pad=1), "maxpool0 has padding 1 in the file, 0 in bvlc_googlenet"),
        (layer("pool1/3x3_s2", "Pooling", [], [], pool=field(13, 1)), "maxpool0 has rounding down in the file, up"),
        (layer("conv2/3x3", "Convolution", [], [], conv=field(5, 2)), "conv2d2_pre_relu has groups 2 in the file, 1"),
        (layer("conv2/3x3", "Convolution", [], [], conv=field(18, 2)), "conv2d2_pre_relu has dilation 2 in the file"),
        (
            layer("conv2/3x3", "Convolution", [], [], conv=field(13, 2) + field(14, 1)),
            r"conv2d2_pre_relu has stride \[2, 1\] in the file, 1 in bvlc_googlenet",
        ),
        (layer("conv2/norm2", "LRN", [], [], lrn=field(4, 1)), "localresponsenorm1 has operation normalisation within"),
    ],
)
def test_settings_that_contradict_the_graph_are_named(part, message):
    problems = contradictions(BVLC_GOOGLENET, caffemodel.parse(part).stated)
    assert any(re.search(message, problem) for problem in problems)
