"""What *Thread: Circuits* published about the weights of inception5h. Runs where these weights are."""

import json

import numpy as np
import pytest

import inception_jax
from circuits import banding, expanded_weights, nmf, norms, spatial_rgb, weights
from experiments.articles.high_low_frequency.factors import Factored
from experiments.articles.high_low_frequency.published import agreement
from experiments.articles.visualizing_weights.published import into, rankings, tile_agreement
from inception_jax import pretrained


@pytest.fixture(scope="module")
def inception5h():
    if pretrained.find("inception5h") is None:
        pytest.skip("no weights of inception5h here; INCEPTION_JAX_WEIGHTS may name them")
    return inception_jax.load("inception5h")


@pytest.fixture(scope="module")
def high_low(thread):
    return json.loads((thread / "high_low_frequency.json").read_text())


def correlation(a, b):
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


def test_tiles(inception5h, tiles):
    found = tile_agreement(inception5h, tiles)
    assert len(found.correlations) == 698
    assert np.median(found.correlations) >= 0.999
    assert found.correlations.min() >= 0.98
    assert found.signs.mean() >= 0.99


def test_two_layers(inception5h, thread):
    published = json.loads((thread / "expanded_conv2d2_to_mixed3b.json").read_text())
    units = published["downstream_order"]
    whole = into(inception5h, "conv2d2", "mixed3b", units, 9)
    assert len(published["weights"]) == 330
    for name, values in published["weights"].items():
        lower, upper = map(int, name.split("-"))
        assert correlation(whole[units.index(upper), lower], values) >= 0.99, name


def test_rankings(inception5h, thread):
    tests = {test["id"]: test for test in json.loads((thread / "ranking_tests.json").read_text())["tests"]}
    found = rankings(inception5h, tests)
    assert len(found) == 13
    assert [one for one in found if not one.holds] == []


def test_one_tile_in_numbers(inception5h, thread):
    published = json.loads((thread / "captum_reference.json").read_text())["w_3a147_to_3b379_over_max_of_3b379"]
    curve = into(inception5h, "mixed3a", "mixed3b", 379, 5)[0]
    # Printed to three digits, and quotients of such numbers.
    np.testing.assert_allclose(curve[147] / curve.max(), published, atol=2e-3)


@pytest.mark.parametrize(("layer", "size", "lower"), [("maxpool1", 5, "conv2d2"), ("conv2d1", 9, "conv2d1")])
def test_factors_of_high_low_frequency_detectors(layer, size, lower, inception5h, high_low):
    units = high_low["units_mixed3a"]
    weights = expanded_weights(inception5h, layer, "mixed3a", size, units=units)
    found = nmf(weights, 2)
    first = int(found.inputs[:, high_low["nmf_components"][lower]["HF"][0][0]].argmax())
    order, unused = [first, 1 - first], np.zeros((0, weights.shape[1]))
    factors = Factored(lower, weights, found.maps[:, order], found.inputs[order], found.error, unused[:, 0], unused)
    same = agreement(factors, units, high_low)
    assert same["lists"] == 2
    assert len(same["tiles"]) == (12 if lower == "conv2d2" else 0)
    assert min(same["tiles"], default=1.0) >= 0.98


def test_bands(inception5h):
    direct = weights(inception5h, "mixed5b_5x5_bottleneck", "mixed5b_5x5")
    assert norms(direct).shape == (128, 48)
    assert banding(np.moveaxis(spatial_rgb(direct), -1, 1)).rows > 0.85
