"""What *Thread: Circuits* published about the weights of inception5h. Runs where these weights are."""

import json
from collections import defaultdict

import numpy as np
import pytest

import inception_jax
from circuits import banding, expanded_weights, in_neighbours, nmf, norms, out_neighbours, spatial_rgb, weights
from inception_jax import pretrained

START = {
    ("conv2d2", "mixed3a"): "maxpool1",
    ("conv2d2", "mixed3b"): "maxpool1",
    ("mixed3b", "mixed4a"): "maxpool4",
}
"""Where the articles start instead: on the grid of the pool in between."""


@pytest.fixture(scope="module")
def inception5h():
    if pretrained.find("inception5h") is None:
        pytest.skip("no weights of inception5h here; INCEPTION_JAX_WEIGHTS may name them")
    return inception_jax.load("inception5h")


@pytest.fixture(scope="module")
def rankings(thread):
    return {test["id"]: test for test in json.loads((thread / "ranking_tests.json").read_text())["tests"]}


@pytest.fixture(scope="module")
def high_low(thread):
    return json.loads((thread / "high_low_frequency.json").read_text())


def correlation(a, b):
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


def into(model, lower, upper, unit, size):
    return expanded_weights(model, START.get((lower, upper), lower), upper, size, units=unit)


def test_tiles(inception5h, tiles):
    pairs = defaultdict(list)
    for tile in tiles:
        # Others are factors, or tiles whose units are not known.
        if tile["from_unit"] is not None and tile["to_unit"] is not None:
            pairs[tile["from_layer"], tile["to_layer"], tile["size"]].append(tile)
    found, signs = [], []
    for (lower, upper, size), group in pairs.items():
        units = sorted({tile["to_unit"] for tile in group})
        whole = expanded_weights(inception5h, START.get((lower, upper), lower), upper, units=units)
        margin = max(0, (size - whole.shape[-1]) // 2)  # A 3x3 kernel is published with a border.
        whole = np.pad(whole, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
        cut = (whole.shape[-1] - size) // 2
        for tile in group:
            own = whole[units.index(tile["to_unit"]), tile["from_unit"], cut : cut + size, cut : cut + size]
            values = np.array(tile["values"])
            if np.abs(values).max() >= 0.1:  # Of fainter ones, eight bits of colour leave little.
                found.append(correlation(own, values))
            clear = np.abs(values) > 0.02
            signs.append(np.sign(own[clear]) == np.sign(values[clear]))
    assert len(found) == 698
    assert np.median(found) >= 0.999
    assert min(found) >= 0.98
    assert np.concatenate(signs).mean() >= 0.99


def test_two_layers(inception5h, thread):
    published = json.loads((thread / "expanded_conv2d2_to_mixed3b.json").read_text())
    units = published["downstream_order"]
    whole = into(inception5h, "conv2d2", "mixed3b", units, 9)
    assert len(published["weights"]) == 330
    for name, values in published["weights"].items():
        lower, upper = map(int, name.split("-"))
        assert correlation(whole[units.index(upper), lower], values) >= 0.99, name


def test_the_strongest_of_each_unit(inception5h, rankings):
    curve = into(inception5h, "mixed3a", "mixed3b", 379, 5)
    assert in_neighbours(curve, 0).units.tolist() == rankings["rank_3a_to_3b379_top10"]["expected_order"]
    assert np.unravel_index(curve[0].argmax(), curve[0].shape) == (147, 2, 1)
    for lower, upper, unit, size, test in (
        ("mixed3a", "mixed3b", 208, 5, "top5_3a_to_3b208"),
        ("conv2d2", "mixed3b", 208, 9, "top18_conv2d2_to_3b208"),
        ("conv2d2", "mixed3a", 222, 5, "top16_conv2d2_to_3a222"),
    ):
        expected = set(rankings[test]["expected_set"])
        found = in_neighbours(into(inception5h, lower, upper, unit, size), 0, len(expected))
        assert set(found.units.tolist()) == expected, test
    triangle = in_neighbours(into(inception5h, "conv2d2", "mixed3a", 188, 5), 0, 6)
    assert set(triangle.units.tolist()) <= set(rankings["top_conv2d2_to_3a188"]["expected_superset_of_top6"])
    circle = in_neighbours(into(inception5h, "conv2d2", "mixed3a", 175, 5), 0, 7)
    # The figure does not say that these are exactly the strongest.
    assert len(set(circle.units.tolist()) & set(rankings["top7_conv2d2_to_3a175"]["expected_set"])) >= 6


def test_black_and_white(inception5h, rankings):
    test = rankings["top16_conv2d2_to_3a222"]
    net = into(inception5h, "conv2d2", "mixed3a", 222, 5)[0].sum((1, 2))
    assert (net[test["expected_negative"]] < 0).all()
    assert (net[test["expected_positive"]] > 0).all()


def test_the_strongest_above(inception5h, rankings):
    test = rankings["rank_3b379_to_4a_top10"]
    found = out_neighbours(expanded_weights(inception5h, "maxpool4", "mixed4a", 5, inputs=379), 0)
    assert found.units.tolist() == test["expected_order"]
    test = rankings["top20_3b_from_high_low"]
    units = test["units_from"][1]
    whole = expanded_weights(inception5h, "mixed3a", "mixed3b", 5, inputs=units)
    assert out_neighbours(whole, range(len(units)), 20).units.tolist() == test["expected_order"]


def test_complex_gabors(inception5h, rankings):
    test = rankings["complex_gabor_30_percent"]
    direct = weights(inception5h, "conv2d0", "conv2d1").array[:, :, 0, 0]
    for unit, expected in test["expected"].items():
        own = direct[int(unit)]
        assert set(np.flatnonzero(np.abs(own) >= 0.3 * np.abs(own).max()).tolist()) == set(expected)
    assert (direct[52, test["negative"]["52"]] < 0).all()


def test_one_tile_in_numbers(inception5h, thread):
    published = json.loads((thread / "captum_reference.json").read_text())["w_3a147_to_3b379_over_max_of_3b379"]
    curve = into(inception5h, "mixed3a", "mixed3b", 379, 5)[0]
    # Printed to three digits, and quotients of such numbers.
    np.testing.assert_allclose(curve[147] / curve.max(), published, atol=2e-3)


@pytest.mark.parametrize(("layer", "size", "key"), [("maxpool1", 5, "conv2d2"), ("conv2d1", 9, "conv2d1")])
def test_factors_of_high_low_frequency_detectors(layer, size, key, inception5h, high_low):
    units = high_low["units_mixed3a"]
    found = nmf(expanded_weights(inception5h, layer, "mixed3a", size, units=units), 2)
    high, low = (high_low["nmf_components"][key][name] for name in ("HF", "LF"))
    first = int(found.inputs[:, high[0][0]].argmax())
    for factor, pairs in ((first, high), (1 - first, low)):
        channels, coefficients = zip(*pairs, strict=True)
        assert np.argsort(-found.inputs[factor])[:5].tolist() == list(channels)
        own = found.inputs[factor, list(channels)]
        np.testing.assert_allclose(own / own[0], np.array(coefficients) / coefficients[0], atol=0.05)
    if key == "conv2d2":
        for unit, published in high_low["nmf_spatial_factors"].items():
            for factor, name in ((first, "HF"), (1 - first, "LF")):
                maps = found.maps[units.index(int(unit)), factor]
                assert correlation(maps, published["conv2d2_at_maxpool1"][name]) >= 0.98


def test_bands(inception5h):
    direct = weights(inception5h, "mixed5b_5x5_bottleneck", "mixed5b_5x5")
    assert norms(direct).shape == (128, 48)
    assert banding(np.moveaxis(spatial_rgb(direct), -1, 1)).rows > 0.85
