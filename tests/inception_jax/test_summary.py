"""Parameters and FLOPs."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

import inception_jax
from inception_jax import BVLC_GOOGLENET, INCEPTION5H
from inception_jax.summary import columns, summarise, table


def test_inception5h_costs() -> None:
    # GFLOP and parameters counted by hand from the channel table of the released network.
    rows = {row.layer: row for row in summarise(INCEPTION5H)}
    gflop = {
        "conv2d0": 0.2360,
        "conv2d2": 0.6936,
        "mixed3b": 0.6085,
        "mixed4a": 0.1459,
        "mixed5b": 0.1414,
        "maxpool4": 0,
    }
    assert {layer: round(rows[layer].flops / 1e9, 4) for layer in gflop} == gflop
    assert rows["mixed4a"].parameters == 372_716
    trunk = list(rows.values())[: list(rows).index("mixed5b") + 1]
    assert sum(row.parameters for row in trunk) == 6_033_180
    assert round(sum(row.flops for row in trunk) / 1e9, 4) == 3.1677


def test_smaller_images_cost_less_and_stop_earlier() -> None:
    # The 4x4 map of mixed5b is too small for the 7x7 average pool, and the 2x2 ones of the heads for their weights.
    rows = [row for row in summarise(INCEPTION5H, 128) if not row.layer.startswith("head")]
    assert rows[-1].layer == "mixed5b"
    assert round(sum(row.flops for row in rows) / 1e9, 4) == 1.0344


def test_bvlc_parameters() -> None:
    without_heads = dataclasses.replace(BVLC_GOOGLENET, heads=())
    assert sum(row.parameters for row in summarise(without_heads)) == 6_998_552


@pytest.mark.parametrize("blocks", [True, False])
def test_parameters_are_those_of_the_weights(narrow: inception_jax.Model, blocks: bool) -> None:
    rows = summarise(narrow.architecture, blocks=blocks)
    assert sum(row.parameters for row in rows) == sum(w.size for w in jax.tree.leaves(narrow.weights))


@pytest.mark.parametrize("size", [224, 97])
@pytest.mark.parametrize("model", ["narrow", "narrow_caffe"])
def test_shapes_are_those_of_the_forward_pass(model: str, size: int, request: pytest.FixtureRequest) -> None:
    network = request.getfixturevalue(model)
    images = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    rows = [
        row for row in summarise(network.architecture, size, blocks=False) if row.layer.startswith(("conv", "mixed"))
    ]
    acts = jax.eval_shape(lambda m, x: m(x, until="mixed5b"), network, images)
    assert {row.layer: (row.height, row.width, row.units) for row in rows} == {
        row.layer: acts[row.layer].shape[1:] for row in rows
    }
    assert {"conv2d0", "mixed3a_3x3_bottleneck", "mixed3a", "mixed5b"} <= {row.layer for row in rows}


def test_table_keeps_running_totals() -> None:
    lines = table(summarise(INCEPTION5H)).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[5].split() == ["conv2d2", "56", "x", "56", "x", "192", "110,784", "124,416", "0.6936", "0.9554"]


def test_columns_of_nothing() -> None:
    assert columns([], left=1) == ""


def test_size_must_be_positive() -> None:
    with pytest.raises(ValueError, match="size is 0; expected a number of pixels, 1 or more"):
        summarise(INCEPTION5H, 0)
