"""The two released networks, against published counts."""

import dataclasses

import pytest

from inception_jax import BVLC_GOOGLENET, INCEPTION5H, Head
from inception_jax.graph import graph, weight_shapes

# Lucid, modelzoo/other_models/InceptionV1.py.
LUCID_DEPTHS = {
    "conv2d0": 64,
    "conv2d1": 64,
    "conv2d2": 192,
    "mixed3a": 256,
    "mixed3b": 480,
    "mixed4a": 508,
    "mixed4b": 512,
    "mixed4c": 512,
    "mixed4d": 528,
    "mixed4e": 832,
    "mixed5a": 832,
    "mixed5b": 1024,
    "head0_bottleneck": 128,
    "nn0": 1024,
    "softmax0": 1008,
    "head1_bottleneck": 128,
    "nn1": 1024,
    "softmax1": 1008,
    "softmax2": 1008,
}

DESIGN_NAMES = """
conv2d0 maxpool0 localresponsenorm0 conv2d1 conv2d2 localresponsenorm1 maxpool1 mixed3a mixed3b maxpool4
mixed4a mixed4b mixed4c mixed4d mixed4e maxpool10 mixed5a mixed5b avgpool0 softmax2_pre_activation softmax2
head0_pool head0_bottleneck nn0 softmax0_pre_activation softmax0 head1_pool head1_bottleneck nn1 softmax1_pre_activation
softmax1
""".split()  # noqa: SIM905


def parameters(arch):
    total = 0
    for shapes in weight_shapes(arch).values():
        height_width_inputs, (units,) = shapes["kernel"][:-1], shapes["bias"]
        product = units
        for n in height_width_inputs:
            product *= n
        total += product + units
    return total


def test_units_are_lucids():
    network = graph(INCEPTION5H)
    assert {name: network[name].op.units for name in LUCID_DEPTHS} == LUCID_DEPTHS


def test_names_come_in_network_order():
    names = [node.name for node in graph(INCEPTION5H).nodes]
    assert [name for name in names if name in DESIGN_NAMES] == DESIGN_NAMES


@pytest.mark.parametrize(
    "name", ["conv2d0", "mixed3a", "mixed4a_3x3", "mixed5b_5x5_bottleneck", "head1_bottleneck", "nn0"]
)
def test_everything_with_a_relu_has_a_pre_relu(name):
    assert f"{name}_pre_relu" in graph(INCEPTION5H)


def test_bvlc_has_the_released_number_of_parameters():
    # The released file has 6,998,552 parameters without the auxiliary heads.
    assert parameters(dataclasses.replace(BVLC_GOOGLENET, heads=())) == 6_998_552


def test_the_two_networks_differ_where_the_releases_do():
    ours, theirs = weight_shapes(INCEPTION5H), weight_shapes(BVLC_GOOGLENET)
    widths = {k for k in ours if ours[k]["kernel"][-1] != theirs[k]["kernel"][-1]} - {
        "softmax0",
        "softmax1",
        "softmax2",
    }
    assert widths == {"mixed4a_3x3", "mixed5a_5x5_bottleneck"}


def test_a_head_needs_a_block():
    with pytest.raises(ValueError, match=r"head source 'mixed9z' is not a block; blocks are \['mixed3a'"):
        dataclasses.replace(INCEPTION5H, heads=(Head("mixed9z"),))


@pytest.mark.usefixtures("unchecked")
def test_padding_is_one_of_two_rules():
    with pytest.raises(ValueError, match="padding is 'valid'; expected 'same' or 'caffe'"):
        dataclasses.replace(INCEPTION5H, padding="valid")
