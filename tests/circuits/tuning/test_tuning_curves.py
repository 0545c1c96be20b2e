"""Numbers that describe tuning curves, against what is known of curves with formulae."""

import numpy as np
import pytest
from scipy.special import i0, i1

from circuits.tuning import Tuning, circular_mean, echo, invariance, peak, spread, width

STEPS = {360.0: np.arange(720) / 2, 180.0: np.arange(720) / 4}


def apart(a, b, period):
    return np.abs((a - b + period / 2) % period - period / 2)


@pytest.mark.parametrize("period", [360.0, 180.0])
@pytest.mark.parametrize("sharpness", [1.0, 4.0, 20.0])
def test_von_mises(period, sharpness):
    middles = np.array([0.0, 33.5, 90.0, 178.0])
    turns = 2 * np.pi / period * (STEPS[period][:, None] - middles)
    curves = 7 * np.exp(sharpness * (np.cos(turns) - 1))
    angles = STEPS[period]
    assert (apart(peak(curves, angles), middles, period) <= period / 720).all()
    # Sums over so many angles are as good as integrals.
    np.testing.assert_allclose(apart(circular_mean(curves, angles, period), middles, period), 0, atol=1e-6)
    length = i1(sharpness) / i0(sharpness)
    deviation = np.sqrt(-2 * np.log(length)) * period / (2 * np.pi)
    np.testing.assert_allclose(spread(curves, angles, period), deviation, rtol=1e-9)
    if sharpness > np.log(2) / 2:
        half = np.arccos(1 - np.log(2) / sharpness) * period / np.pi
        np.testing.assert_allclose(width(curves, angles, period), half, atol=2 * period / 720)
    opposite = np.exp(sharpness * (np.cos(np.pi - np.pi / 6) - 1))
    # The largest within 30 degrees of the opposite is that nearest to the peak; in turns that fit the period.
    found = echo(curves, angles, period, within=period / 12)
    np.testing.assert_allclose(found, opposite, rtol=0.06)


def test_two_peaks():
    angles = STEPS[360.0]
    one = np.maximum(0, 1 - apart(angles, 40, 360) / 20)
    both = one + 0.5 * np.maximum(0, 1 - apart(angles, 230, 360) / 20)
    assert float(peak(both, angles)) == 40
    assert float(echo(both, angles)) == pytest.approx(0.5)
    assert float(echo(both, angles, within=5.0)) == pytest.approx(0.5 * 0.75)
    # Both ends of the half count, and the lower peak touches it in one place.
    assert float(width(both, angles)) == 20 + 0.5 + 0.5
    assert float(echo(one, angles)) == 0


def test_silent_units_and_negative_responses():
    angles = np.arange(0, 360, 10.0)
    curves = np.stack([np.cos(np.deg2rad(angles)), np.zeros(36), -np.ones(36)], 1)
    assert peak(curves, angles)[0] == 0
    for describe in (peak, circular_mean, spread, width, echo):
        found = describe(curves, angles)
        assert np.isfinite(found[0])
        assert np.isnan(found[1:]).all()
    # Negative responses count as none: half of a cosine reaches its half within 60 degrees.
    assert width(curves, angles)[0] == 130
    assert echo(curves, angles)[0] == 0
    assert np.isnan(invariance(np.ones((3, 4, 2)), (0,))).all()


def test_shapes_of_units_are_kept():
    curves = np.random.default_rng(0).random((12, 2, 3))
    angles = np.arange(0, 360, 30.0)
    for describe in (peak, circular_mean, spread, width, echo):
        found = describe(curves, angles)
        assert found.shape == (2, 3)
        assert found[1, 2] == pytest.approx(float(describe(curves[:, 1, 2], angles)))


def test_invariance():
    rng = np.random.default_rng(0)
    tuned, nuisance = rng.normal(size=(8, 1, 1)), rng.normal(size=(1, 6, 1))
    sums, shares = np.broadcast_to(tuned + nuisance, (8, 6, 1)), (tuned.var(), nuisance.var())
    # Of effects that add up, each has its share of the variance.
    np.testing.assert_allclose(invariance(sums, (1,)), shares[0] / sum(shares))
    np.testing.assert_allclose(invariance(sums, (0,)), shares[1] / sum(shares))
    values = rng.random((4, 3, 5, 2))
    found = invariance(values, (0, 2))
    expected = values.mean((0, 2)).var(0) / values.reshape(-1, 2).var(0)
    np.testing.assert_allclose(found, expected)
    assert ((found >= 0) & (found <= 1)).all()
    axes = {name: np.arange(float(n)) for name, n in (("x", 4), ("orientation", 3), ("y", 5))}
    np.testing.assert_array_equal(Tuning("a", axes, values).invariance("x", "y"), found)


@pytest.mark.usefixtures("unchecked")
def test_messages():
    curves, angles = np.ones((4, 2)), np.arange(4.0)
    with pytest.raises(ValueError, match=r"curves have shape \(4, 2\) for angles of shape \(3,\); expected \[angles, "):
        peak(curves, angles[:3])
    with pytest.raises(ValueError, match="curves and angles are not all finite; expected numbers"):
        width(curves * np.nan, angles)
    with pytest.raises(ValueError, match=r"period is 0\.0; expected a positive number, 360 for a full turn in degrees"):
        circular_mean(curves, angles, 0.0)
    with pytest.raises(ValueError, match=r"no angle is within 30.0 of the opposite of a peak; expected a finer grid"):
        echo(curves, angles)
    with pytest.raises(ValueError, match=r"nuisances are \(2,\); expected some of the axes 0 to 1 of the grid"):
        invariance(np.ones((3, 4, 2)), (2,))
    with pytest.raises(ValueError, match=r"nuisances are \(0, 1\); expected some"):
        invariance(np.ones((3, 4, 2)), (0, 1))
