"""Other frameworks' names and array layouts for InceptionV1, in this project's.

Sources: Caffe's `models/bvlc_googlenet/train_val.prototxt`; Captum's `captum/optim/models/_image/inception_v1.py`
(branch `optim-wip`); Lucent's `lucent/modelzoo/inceptionv1/InceptionV1.py`.
"""

import re

import numpy as np

_BRANCHES = {
    "1x1": "1x1",
    "3x3_reduce": "3x3_bottleneck",
    "3x3": "3x3",
    "5x5_reduce": "5x5_bottleneck",
    "5x5": "5x5",
    "pool": "pool",
    "pool_proj": "pool_reduce",
}
_CAFFE = {
    "conv1/7x7_s2": "conv2d0",
    "pool1/3x3_s2": "maxpool0",
    "pool1/norm1": "localresponsenorm0",
    "conv2/3x3_reduce": "conv2d1",
    "conv2/3x3": "conv2d2",
    "conv2/norm2": "localresponsenorm1",
    "pool2/3x3_s2": "maxpool1",
    "pool3/3x3_s2": "maxpool4",
    "pool4/3x3_s2": "maxpool10",
    "pool5/7x7_s1": "avgpool0",
    "loss3/classifier": "softmax2",
    "prob": "softmax2",
}
_CAPTUM = {"conv1": "conv2d0", "conv2": "conv2d1", "conv3": "conv2d2", "fc": "softmax2"}
_LUCENT = r"(conv2d[0-2]|mixed[345][a-e]_\w+)_pre_relu_conv|(softmax2)_pre_activation_matmul"
_HEADS = {"ave_pool": "head{}_pool", "conv": "head{}_bottleneck", "fc": "nn{}", "classifier": "softmax{}"}


def from_caffe(name: str) -> str | None:
    """Our name for a layer of Caffe's GoogLeNet; a dense layer's is its weights' name.

    >>> from_caffe("inception_3a/5x5_reduce"), from_caffe("inception_3a/output"), from_caffe("loss1/fc")
    ('mixed3a_5x5_bottleneck', 'mixed3a', 'nn0')
    """
    if match := re.fullmatch(r"inception_([345][a-e])/(\w+)", name):
        return f"mixed{match[1]}" if match[2] == "output" else _branch(match[1], match[2])
    if match := re.fullmatch(r"loss([12])/(\w+)", name):
        return _HEADS.get(match[2], "").format(int(match[1]) - 1) or None
    return _CAFFE.get(name)


def from_torch(name: str) -> str | None:
    """Our array name for a parameter of Lucent's or Captum's InceptionV1.

    >>> from_torch("mixed3a_1x1_pre_relu_conv.weight"), from_torch("mixed3a.conv_3x3_reduce.bias")
    ('mixed3a_1x1_w', 'mixed3a_3x3_bottleneck_b')
    """
    module, _, kind = name.rpartition(".")
    if kind not in ("weight", "bias"):
        return None
    layer = _CAPTUM.get(module)
    if match := re.fullmatch(_LUCENT, module):
        layer = match[1] or match[2]
    elif match := re.fullmatch(r"mixed([345][a-e])\.(?:conv_)?(\w+)", module):
        layer = _branch(match[1], match[2])
    elif match := re.fullmatch(r"aux([12])\.loss_(conv|fc|classifier)", module):
        layer = _HEADS[match[2]].format(int(match[1]) - 1)
    return f"{layer}_{kind[0]}" if layer else None


def _branch(block: str, theirs: str) -> str | None:
    return f"mixed{block}_{_BRANCHES[theirs]}" if theirs in _BRANCHES else None


def is_dense(layer: str) -> bool:
    """Whether a layer's weights are a matrix."""
    return re.fullmatch(r"(softmax|nn)\d", layer) is not None


def to_our_layout(layer: str, array: np.ndarray) -> np.ndarray:
    """Weights of Caffe and PyTorch, `[out, in, row, column]` or `[out, in]`, as HWIO or `[in, out]`.

    Their heads flatten maps as (channel, row, column), ours as (row, column, channel); heads see 4x4 maps.
    """
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    if array.ndim == 2 and layer.startswith("nn") and array.shape[1] % 16 == 0:
        out, inputs = array.shape
        return array.reshape(out, inputs // 16, 4, 4).transpose(2, 3, 1, 0).reshape(inputs, out)
    return array.T if array.ndim == 2 else array
