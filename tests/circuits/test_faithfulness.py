"""Faithfulness and completeness: of edges by brute force, of circuits by laws, of real units beside random ones."""

import numpy as np
import pytest

import inception_jax
from circuits import (
    Circuit,
    Edge,
    Unit,
    circuit,
    edge_curves,
    edge_strengths,
    exclude,
    expanded_weights,
    faithfulness,
    isolate,
    norms,
)

ENDS = ("mixed3a", "mixed3b_pre_relu")


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).random((3, 64, 64, 3), np.float32)


def test_edge_curves_agree_with_whole_maps(narrow, photos):
    """Branches with windows of every size, all inner positions in place of random ones."""
    units, ranking = [1, 20, 45, 57], np.random.default_rng(1).normal(size=(4, 32))
    # Of 4x4 inner positions, 400 draws per photograph find all, about equally often.
    found = edge_curves(narrow, photos, *ENDS, units, ranking, [4, 31], positions=400, draws=1)
    below = np.asarray(narrow(photos, taps="mixed3a")["mixed3a"])
    means = below.mean((0, 1, 2))

    def inner(kept):
        shown = np.where(kept, below, means).astype(np.float32)
        return np.asarray(narrow(photos, taps=ENDS[1], edits={"mixed3a": lambda _: shown})[ENDS[1]])[:, 2:6, 2:6]

    full, empty = inner(np.ones(32, bool)), inner(np.zeros(32, bool))
    for row, unit in enumerate(units):
        for place, count in enumerate((4, 31)):
            kept = np.argsort(np.argsort(-ranking[row])) < count
            for mask, value in ((kept, found.faithful), (~kept, found.without)):
                error = np.square(inner(mask) - full)[..., unit].sum()
                expected = 1 - error / np.square(empty - full)[..., unit].sum()
                # 1,200 draws of 48 places: a few percent of the squared errors.
                np.testing.assert_allclose(value[row, place], expected, atol=0.12)


def test_a_ranking_that_knows_beats_random(narrow, photos):
    """A unit that hears three inputs only, in a convolution without anything between."""
    kernel = np.array(narrow.weights["conv2d2"]["kernel"])
    kernel[:, :, [0, 2, 3, 5, 7], 4] = 0
    weights = {**narrow.weights, "conv2d2": {**narrow.weights["conv2d2"], "kernel": kernel}}
    model = inception_jax.Model(narrow.architecture, weights)
    ranking = np.zeros((1, 8))
    ranking[0, [1, 4, 6]] = 1
    found = edge_curves(model, photos, "conv2d1", "conv2d2_pre_relu", 4, ranking, [3, 8], draws=20)
    # float32.
    np.testing.assert_allclose(found.faithful, 1, atol=1e-4)
    np.testing.assert_allclose(found.without, 0, atol=1e-4)
    assert found.random_faithful[..., 0].mean() < 0.8
    np.testing.assert_allclose(found.random_faithful[..., 1], 1, atol=1e-4)
    assert found.labels == ("conv2d2_pre_relu:4",)
    assert found.table().splitlines()[1].split()[:2] == ["3", "1.000"]


def test_strides_between(narrow, photos):
    """Windows in a layer of twice the size lie where the unit looks."""
    found = edge_curves(narrow, photos, "conv2d2", "mixed3a_pre_relu", [0, 20], np.ones((2, 24)), [24], draws=1)
    np.testing.assert_allclose(found.faithful, 1, atol=1e-4)
    acts = narrow(photos, taps=["conv2d2", "mixed3a_pre_relu"])
    means = np.asarray(acts["conv2d2"]).mean((0, 1, 2))
    assert means.shape == (24,)


def test_edge_strengths_are_what_single_inputs_add(narrow, photos):
    """In a layer of one position a unit, where it is simply the weight times how much the input varies."""
    found = edge_strengths(narrow, photos, "localresponsenorm0", "conv2d1_pre_relu", [2, 5], positions=500)
    below = np.asarray(narrow(photos, taps="localresponsenorm0")["localresponsenorm0"])
    varies = np.sqrt(np.square(below - below.mean((0, 1, 2))).mean((0, 1, 2)))
    kernel = np.asarray(narrow.weights["conv2d1"]["kernel"])[0, 0]
    # 1,500 draws of 768 places.
    np.testing.assert_allclose(found, np.abs(kernel[:, [2, 5]].T) * varies, rtol=0.1)


@pytest.fixture(scope="module")
def pair(narrow):
    return circuit(narrow, "mixed3b_pre_relu", 30, 2, count=4, least=0.0, layers=["mixed3a", "conv2d2"])


def test_isolated_circuits_hear_nothing_else(narrow, photos, pair):
    """What is outside a circuit may be anything without a difference to its first unit."""
    from circuits import edited, patch

    means = {"mixed3a": 0.3, "conv2d2": 0.2}
    alone = edited(narrow, *isolate(narrow, pair, means))
    outside = [n for n in range(24) if n not in {unit.number for unit in pair.layer("conv2d2")}]
    shaken = edited(alone, patch("conv2d2", outside, 9.0))
    value, changed = (m(photos, taps=ENDS[1])[ENDS[1]][..., 30] for m in (alone, shaken))
    np.testing.assert_array_equal(value, changed)
    inside = edited(alone, patch("conv2d2", [pair.layer("conv2d2")[0].number], 9.0))
    assert np.abs(inside(photos, taps=ENDS[1])[ENDS[1]][..., 30] - value).max() > 0.1
    rest = edited(narrow, *exclude(pair, means))
    assert np.abs(rest(photos, taps=ENDS[1])[ENDS[1]][..., 30] - value).max() > 0.1


def test_everything_is_faithful_and_complete(narrow, photos):
    whole = circuit(narrow, "mixed3b_pre_relu", 30, 1, count=32, least=0.0, layers=["mixed3a"])
    found = faithfulness(narrow, photos, whole, draws=2)
    assert (found.faithful, found.random_faithful.tolist()) == (1.0, [1.0, 1.0])
    # float32.
    np.testing.assert_allclose([found.without, *found.random_without], 0, atol=1e-4)


def test_of_one_layer_circuits_agree_with_edges(narrow, photos):
    top = circuit(narrow, "mixed3b_pre_relu", 30, 1, count=4, least=0.0, layers=["mixed3a"])
    found = faithfulness(narrow, photos, top, draws=1)
    strength = norms(expanded_weights(narrow, *ENDS, units=[30]))
    kept = np.argsort(-strength[0])[:4]
    below = np.asarray(narrow(photos, taps="mixed3a")["mixed3a"])
    shown = below.mean((0, 1, 2)) + 0 * below
    empty = narrow(photos, taps=ENDS[1], edits={"mixed3a": lambda _: shown.copy()})[ENDS[1]][..., 30]
    shown[..., kept] = below[..., kept]
    alone = narrow(photos, taps=ENDS[1], edits={"mixed3a": lambda _: shown})[ENDS[1]][..., 30]
    full = narrow(photos, taps=ENDS[1])[ENDS[1]][..., 30]
    expected = 1 - np.square(alone - full).sum() / np.square(empty - full).sum()
    # float32 errors of squares.
    np.testing.assert_allclose(found.faithful, expected, rtol=1e-3)
    assert found.random_faithful.shape == (1,)


@pytest.mark.shared
def test_strongest_edges_of_real_units_beat_random_ones(bvlc, shared_dir):
    from inception_jax.photographs import photographs

    source = photographs(shared_dir / "data" / "imagenet-samples.zip")
    ranked, shown = (np.stack([shot.image for shot in source[first::125]]) for first in (0, 60))
    units = [130, 200, 330, 460]
    strength = edge_strengths(bvlc, ranked, *ENDS, units, positions=16)
    found = edge_curves(bvlc, shown, *ENDS, units, strength, [50, 100], positions=16, draws=3)
    # Half of the margins that benchmarks/faithfulness.py finds over more photographs.
    assert (found.faithful.mean(0) > found.random_faithful.mean((0, 1)) + 0.15).all()
    assert (found.without.mean(0) < found.random_without.mean((0, 1)) - 0.15).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"upper": "conv2d2"}, "'mixed3a' comes after 'conv2d2'"),
        ({"upper": "mixed3c"}, "no layer 'mixed3c'"),
        ({"units": []}, "units is empty; expected unit numbers of 'mixed3b_pre_relu'"),
        ({"units": [60]}, "units has 60; expected unit numbers of 'mixed3b_pre_relu', 0 to 59"),
        ({"ranking": np.ones((1, 31))}, r"the ranking has shape \(1, 31\); expected \(1, 32\), all finite"),
        ({"counts": [33]}, r"counts are \(33,\); expected some of 1 to 32, the units of mixed3a"),
        ({"counts": []}, r"counts are \(\); expected some of 1 to 32"),
        ({"draws": 0}, "draws is 0; expected 1 or more"),
        ({"positions": 0}, "there are 3 images and 0 positions; expected 1 or more of each"),
        ({"lower": "mixed3a_5x5", "ranking": np.ones((1, 4)), "counts": [1]}, "not computed from 'mixed3a_5x5' alone"),
        ({"images": np.zeros((1, 32, 32, 3), np.float32)}, "sees 5x5 positions of 'mixed3a', which has a map of 4x4"),
        ({"images": np.zeros((0, 64, 64, 3), np.float32)}, "there are 0 images and 4 positions"),
    ],
)
def test_curves_that_cannot_be(change, message, narrow, photos):
    given = {"images": photos, "lower": ENDS[0], "upper": ENDS[1], "units": [3], "counts": [2]}
    given |= {"ranking": np.ones((1, 32))} | change
    with pytest.raises(ValueError, match=message):
        edge_curves(narrow, **given)


def test_silent_units(narrow, photos):
    silent = {"kernel": narrow.weights["mixed3b_1x1"]["kernel"], "bias": np.full(16, -1e6, np.float32)}
    model = inception_jax.Model(narrow.architecture, {**narrow.weights, "mixed3b_1x1": silent})
    with pytest.raises(ValueError, match="mixed3b:3 has one value at all of these positions"):
        edge_curves(model, photos, "mixed3a", "mixed3b", [3], np.ones((1, 32)), [2])
    edge = Edge("mixed3a:0", "mixed3b:3", np.ones((1, 1)), 1.0, 1.0)
    one = Circuit((Unit("mixed3b", 3, 1.0), Unit("mixed3a", 0, 1.0)), (edge,))
    with pytest.raises(ValueError, match="mixed3b:3 has one value for all of these photographs"):
        faithfulness(model, photos, one)
    with pytest.raises(ValueError, match="the circuit has no edges; expected at least one"):
        faithfulness(model, photos, Circuit((Unit("mixed3b", 3, 1.0),), ()))
    with pytest.raises(ValueError, match="there are no images"):
        faithfulness(model, photos[:0], one)
