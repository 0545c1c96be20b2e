"""What *Thread: Circuits* published of its units' tuning."""

import json

import numpy as np
import pytest

import inception_jax
from circuits.stimuli import ThreadCurve, thread_orientations, thread_radii
from circuits.tuning import Tuning, circular_mean, echo, peak, responses, width
from inception_jax import pretrained

LAYERS = ["conv2d2", "mixed3a", "mixed3b", "mixed4a"]


@pytest.fixture(scope="module")
def published(thread):
    return json.loads((thread / "radial_tuning_curves.json").read_text())["units_per_layer"]


def curves_of(published, layer):
    units = [int(unit) for unit in published[layer]]
    return units, np.array([published[layer][str(unit)] for unit in units]).T


@pytest.mark.shared
@pytest.mark.parametrize(("layer", "count"), list(zip(LAYERS, [11, 11, 10, 14], strict=True)))
def test_numbers_of_published_curves(layer, count, published, thread):
    units, curves = curves_of(published, layer)
    listed = {unit["unit"]: unit for unit in json.loads((thread / "curve_units.json").read_text())["layers"][layer]}
    assert len(units) == len(listed) == count
    angles = thread_orientations()
    for name, found, digits in (
        ("peak_deg", peak(curves, angles), 0),
        ("half_max_width_deg", width(curves, angles), 0),
        ("circular_mean_deg", circular_mean(curves, angles), 0.006),
        ("echo_ratio", echo(curves, angles), 6e-5),
    ):
        # Rounded to two and to four digits; the others are multiples of half a degree.
        np.testing.assert_allclose(
            found, [listed[unit][name] for unit in units], rtol=0, atol=digits + 1e-9, err_msg=name
        )


@pytest.mark.shared
def test_echoes_vanish_from_layer_to_layer(published):
    angles = thread_orientations()
    echoes = {layer: echo(curves_of(published, layer)[1], angles) for layer in LAYERS[:3]}
    assert echoes["mixed3b"].max() <= 0.0285 < echoes["mixed3a"].min()
    assert np.median(echoes["mixed3a"]) < np.median(echoes["conv2d2"])


@pytest.mark.shared
def test_peaks_of_lines(thread):
    lines = json.loads((thread / "radial_tuning_mixed3a_lines.json").read_text())
    units = [unit for unit in lines["curves"] if max(lines["curves"][unit]) > 0]
    assert len(units) > 200
    found = peak(np.array([lines["curves"][unit] for unit in units]).T, np.arange(360) / 2)
    np.testing.assert_array_equal(found, [lines["peak_deg"][unit] for unit in units])


@pytest.fixture(scope="module")
def heat_maps(thread):
    stored = np.load(thread / "synthetic_curve_heatmaps.npz")
    # Theta counts from curves that bulge to the left, phi from those that bulge to the right.
    axes = {"radius": stored["radius_px"], "orientation": (stored["theta_deg"] + 180) % 360}
    values = np.moveaxis(stored["responses_sigma"], 0, -1)
    return stored["units"].tolist(), Tuning("mixed3b", axes, values)


@pytest.mark.shared
def test_radial_curves_are_means_over_radii(heat_maps, published):
    units, maps = heat_maps
    np.testing.assert_allclose(maps.axes["radius"], thread_radii(), rtol=1e-6)
    radial = maps.mean("radius")
    order = np.argsort(radial.axes["orientation"])
    np.testing.assert_array_equal(radial.axes["orientation"][order], thread_orientations())
    for number, unit in enumerate(units):
        # The maps were read from pictures of eight bits.
        assert np.corrcoef(radial.values[order, number], published["mixed3b"][str(unit)])[0, 1] >= 0.9999
    np.testing.assert_array_equal(radial.values, maps.curve("orientation"))


@pytest.mark.shared
def test_peaks_of_heat_maps(heat_maps, thread):
    units, maps = heat_maps
    listed = json.loads((thread / "synthetic_curve_heatmaps_summary.json").read_text())["units"]
    best = maps.best()
    np.testing.assert_array_equal(best["orientation"], [listed[str(unit)]["peak_phi_deg"] for unit in units])
    # Rounded to a tenth of a pixel.
    np.testing.assert_allclose(best["radius"], [listed[str(unit)]["peak_radius_px"] for unit in units], atol=0.06)
    assert max(units, key=lambda unit: maps.max("radius", "orientation").values[units.index(unit)]) == 349
    # "Curves of about 60 pixels".
    assert ((best["radius"] > 45) & (best["radius"] < 80)).all()


@pytest.mark.slow
def test_radial_tuning_of_inception5h(published):
    if pretrained.find("inception5h") is None:
        pytest.skip("no weights of inception5h here; INCEPTION_JAX_WEIGHTS may name them")
    model = inception_jax.load("inception5h")
    # Every tenth orientation and every fourth radius: tuning is wider than that.
    grid = {"orientation": thread_orientations()[::10], "radius": thread_radii()[::4]}
    found = responses(model, LAYERS[:3], ThreadCurve(), grid)
    correlations = []
    for layer in LAYERS[:3]:
        units, curves = curves_of(published, layer)
        ours = found[layer].mean("radius").values[:, units]
        correlations += [np.corrcoef(a, b)[0, 1] for a, b in zip(ours.T, curves[::10].T, strict=True)]
        if layer == "mixed3b":
            away = np.abs((peak(ours, grid["orientation"]) - peak(curves, thread_orientations()) + 180) % 360 - 180)
            assert (away <= 5).sum() >= 9
            # In activation units.
            assert np.median(np.abs(ours.max(0) / curves.max(0) - 1)) < 0.15
    assert np.mean(correlations) >= 0.98
