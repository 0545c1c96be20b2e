"""Factors of weights: recovered where they are known, and those that were published."""

import json

import numpy as np
import pytest

from circuits import nmf, spatial_rgb, svd


def correlation(a, b):
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


def test_groups_of_inputs_are_recovered():
    rng = np.random.default_rng(0)
    groups = np.array([[2.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0]])
    maps = rng.normal(size=(6, 2, 3, 3)) * np.array([3.0, 1.0])[:, None, None]
    found = nmf(np.einsum("ofrc,fi->oirc", maps, groups), 2)
    assert found.error < 1e-3  # scikit-learn stops at 1e-4 of the first error.
    assert found.inputs.min() >= 0
    np.testing.assert_allclose(np.linalg.norm(found.inputs, axis=1), 1)
    for f in range(2):  # The strongest first.
        assert correlation(found.inputs[f], groups[f]) > 0.999
        assert correlation(found.maps[:, f], maps[:, f]) > 0.999
    np.testing.assert_allclose(found.reconstruct(), np.einsum("ofrc,fi->oirc", maps, groups), atol=0.02)


def test_places_are_recovered_with_signs_of_the_inputs():
    rng = np.random.default_rng(1)
    places = np.zeros((1, 3, 4, 4))
    places[0, 0, 0], places[0, 1, 2], places[0, 2, 3] = 3, 2, 1
    inputs = rng.normal(size=(3, 8))
    found = nmf(np.einsum("ofrc,fi->oirc", places, inputs), 3, "inputs")
    assert found.error < 1e-3
    assert found.maps.min() >= 0
    matched = [max(range(3), key=lambda f: correlation(found.maps[0, f], place)) for place in places[0]]
    assert sorted(matched) == [0, 1, 2]
    for f, own in zip(matched, inputs, strict=True):
        assert correlation(found.inputs[f], own) > 0.999


def test_pictures_of_bands():
    rng = np.random.default_rng(2)
    places = np.zeros((2, 3, 5, 5))
    places[:, 0, :2], places[:, 1, 2], places[:, 2, 3:] = 1, 3, 2
    weights = np.einsum("ofrc,ofi->oirc", places, rng.normal(size=(2, 3, 12)))
    expected = np.zeros((5, 5, 3))
    expected[:2, :, 0] = expected[2, :, 1] = expected[3:, :, 2] = 1  # Red above, blue below.
    np.testing.assert_allclose(spatial_rgb(weights), np.stack([expected, expected]), atol=0.02)


def test_singular_vectors():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(5, 7, 1, 1))
    found = svd(weights, 3)
    table = np.abs(weights[..., 0, 0])
    np.testing.assert_allclose(found.values**2, np.linalg.eigvalsh(table @ table.T)[::-1][:3])
    np.testing.assert_allclose(table.T @ found.units.T, found.inputs.T * found.values, atol=1e-12)
    assert (np.abs(found.units).max(1) == found.units.max(1)).all()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nmf(np.ones((2, 3, 1, 1)), 3), "factors is 3; 2 positions of 3 inputs have 1 to 2 factors"),
        (lambda: nmf(np.zeros((2, 3, 2, 2))), "the weights are zero everywhere; there is nothing to factor"),
        (lambda: nmf(np.ones((2, 3, 2, 2)), 1, "both"), 'signed is \'both\'; expected "maps" or "inputs"'),
        (lambda: nmf(np.ones((2, 3))), r"shape \(2, 3\); expected \[out, in, row, column\]"),
        (lambda: svd(np.ones((2, 3, 1, 1)), 3), "count is 3; 2 units and 3 inputs have 1 to 2"),
    ],
)
def test_what_cannot_be_factored(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.shared
def test_published_factors_of_high_low_frequency_detectors(thread, tiles):
    """From the published tiles of three detectors and eight inputs, the factors that were published beside them."""
    units, high, low = (110, 136, 112), (119, 102, 123, 90), (89, 163, 98, 188)
    figure = {
        (t["to_unit"], t["from_unit"]): np.array(t["values"])
        for t in tiles
        if t["figure"] == "High-Low Frequency fig 5"
    }
    found = nmf(np.array([[figure[unit, i] for i in high + low] for unit in units]), 2)
    published = json.loads((thread / "high_low_frequency.json").read_text())
    own_high = int(found.inputs[:, :4].sum(1).argmax())
    # Those of 112 are in another figure, that of the high frequencies before that of the low ones.
    other = [t["values"] for t in tiles if (t["figure"], t["to_unit"]) == ("Equivariance high-low", 112)]
    for place, (name, factor) in enumerate((("HF", own_high), ("LF", 1 - own_high))):
        expected = [published["nmf_spatial_factors"][str(u)]["conv2d2_at_maxpool1"][name] for u in (110, 136)]
        for maps, tile in zip(found.maps[:, factor], [*expected, other[place]], strict=True):
            assert correlation(maps, tile) >= 0.98
    for factor, inputs in ((own_high, slice(0, 4)), (1 - own_high, slice(4, 8))):
        strongest = np.argsort(-found.inputs[factor])[:4]
        assert sorted(strongest.tolist()) == list(range(8))[inputs]
