"""The search on functions whose units are known, and on the hand-written network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circuits import handwritten_network
from circuits.families import (
    RULES,
    Measured,
    Probe,
    Rule,
    Verdict,
    apart,
    battery,
    find,
    measure,
    ramp,
    resultant,
    search,
)
from circuits.stimuli import Boundary, Curve, Grating, HighLow, Line

SIZE = 48
ANGLES = np.arange(0.0, 360.0, 30.0)


def correlated(templates):
    """A network whose unit `i` answers to images that are like template `i`, whatever their contrast and brightness."""

    def flat(images):
        rows = images.reshape(len(images), -1)
        rows = rows - rows.mean(1, keepdims=True)
        return rows / (jnp.linalg.norm(rows, axis=1, keepdims=True) + 1e-3)

    wanted = flat(jnp.asarray(templates))

    def network(images):
        # Squared, so that what is a little alike counts for little.
        fits = jnp.maximum(flat(images) @ wanted.T, 0.0) ** 2
        return {"units": jnp.broadcast_to(fits[:, None, None], (len(images), 3, 3, len(templates)))}

    return network


@pytest.fixture(scope="module")
def templates():
    """Units by family: what each is the template of, with its orientation."""
    grating = Grating(orientation=ANGLES[:6], wavelength=7.0).image(SIZE)
    opposites = Probe(Boundary(), {"hue": np.array([60.0]), "orientation": ANGLES}).images(SIZE)
    high_low = HighLow(orientation=ANGLES, wavelength=4.0, ratio=4.0).image(SIZE)
    line = Line(orientation=ANGLES[:6], width=5.0).image(SIZE)
    return {"gabors": grating, "colour contrast": opposites, "high-low frequency": high_low, "lines": line}


@pytest.mark.parametrize("name", ["gabors", "colour contrast", "lines"])
def test_templates_are_found_with_their_orientation(templates, name):
    images = np.asarray(templates[name])
    found = search(correlated(images), ["units"], size=SIZE).family("units", name)
    assert sorted(found.units) == list(range(len(images)))
    # The battery's orientations are 15 degrees apart, and the templates' are among them; corners pull by some degrees.
    for unit, angle in found.angles.items():
        assert apart(angle, ANGLES[unit], RULES[name].period or 360.0) < 7.5


def test_all_curves_of_the_hand_written_network():
    rules = {"curves": RULES["curves"]}
    probes = {name: probe for name, probe in battery().items() if name in ("curve", "shape", "line", "boundary")}
    found = search(handwritten_network(), ["mixed3b"], rules=rules, probes=probes, size=64)
    curves = found.family("mixed3b", "curves")
    # The first 24 units are curves, every 15 degrees, the others straight lines.
    assert sorted(curves.units) == list(range(24))
    off = {unit: apart(angle, 15.0 * unit) for unit, angle in curves.angles.items()}
    assert max(off.values()) < 5, off
    assert curves.distinct(12.0) == 24


def test_responses_against_the_network_itself():
    network = handwritten_network()
    probes = {"line": Probe(Line(), {"width": np.array([2.0, 5.0]), "orientation": np.arange(0.0, 180.0, 45.0)})}
    seen = measure(network, ["mixed3a"], probes, size=64, reach=0, batch=3)["mixed3a"]
    images = np.concatenate(
        [np.asarray(Line(orientation=np.arange(0.0, 180.0, 45.0), width=w).image(64)) for w in (2, 5)]
    )
    maps = np.asarray(jax.jit(lambda x: network(x, taps="mixed3a")["mixed3a"])(images))
    # Fields lie about pixels 8 i + 7; that of 3 is the nearest to the middle, 32. An even image drives nothing.
    np.testing.assert_allclose(seen.responses["line"].reshape(8, -1), maps[:, 3, 3], rtol=1e-4, atol=1e-5)
    assert seen.field == 43
    wide = measure(network, ["mixed3a"], probes, size=64, reach=1)["mixed3a"]
    np.testing.assert_allclose(
        wide.responses["line"].reshape(8, -1), maps[:, 2:5, 2:5].max((1, 2)), rtol=1e-4, atol=1e-5
    )


def test_what_an_even_image_does_is_taken_off():
    def bright(images):
        return {"a": images.mean((1, 2), keepdims=True)}

    probes = {"boundary": Probe(Boundary(), {"orientation": np.array([0.0])})}
    assert not measure(bright, ["a"], probes, size=8, reach=0)["a"].responses["boundary"].any()


def test_mean_keeps_axes_in_the_order_asked_for():
    values = np.arange(24.0).reshape(2, 3, 4, 1)
    axes = {"x": np.arange(2.0), "y": np.arange(3.0), "z": np.arange(4.0)}
    seen = Measured("a", {"s": values}, {"s": axes})
    np.testing.assert_array_equal(seen.mean("s", "z", "x"), values.mean(1).transpose(1, 0, 2))
    assert seen.best("s") == seen.overall == 23


def test_a_rule_of_ones_own_and_one_family_for_each_unit():
    def judge(value):
        return lambda _: Verdict({"all": np.array(value)}, np.full(3, np.nan), np.zeros((0, 3)))

    rules = {"a": Rule(judge([0.9, 0.6, 0.4]), None, "a"), "b": Rule(judge([0.8, 0.6, 0.7]), None, "b")}
    seen = {"l": Measured("l", {"s": np.zeros((1, 3))}, {"s": {"x": np.zeros(1)}})}
    found = find(seen, rules)
    # Of families that fit equally well, the first counts.
    assert [(f.name, f.units) for f in found.families] == [("a", (0, 1)), ("b", (2,))]
    assert [row[:3] for row in found.rows()] == [("l", 0, "a"), ("l", 1, "a"), ("l", 2, "b")]
    assert find(seen, rules, threshold=0.85).family("l", "b").units == ()


@pytest.mark.parametrize("step", [15.0, 45.0])
def test_resultant_of_a_cosine(step):
    angles = np.arange(0.0, 360.0, step)
    curve = 1 + 0.6 * np.cos(np.deg2rad(angles - 70.0))
    length, angle = resultant(curve[:, None], angles, 360.0)
    # The mean vector of 1 + a cos is a / 2 long.
    np.testing.assert_allclose([length[0], angle[0]], [0.3, 70.0], rtol=1e-9)
    silent = resultant(np.zeros((len(angles), 1)), angles, 360.0)
    assert silent[0][0] == 0
    assert np.isnan(silent[1][0])


def test_ramp():
    values = np.array([-1.0, 0.2, 0.3, 0.4, 9.0, np.nan, np.inf])
    np.testing.assert_allclose(ramp(values, 0.2, 0.4), [0, 0, 0.5, 1, 1, 0, 1])
    np.testing.assert_allclose(ramp(values, 0.4, 0.2), [1, 1, 0.5, 0, 0, 0, 0])


def test_every_rule_reads_the_battery_and_answers_in_range():
    rng = np.random.default_rng(0)
    axes = {name: probe.axes for name, probe in battery(45.0).items()}
    responses = {name: rng.random((*probe.shape, 5)) for name, probe in battery(45.0).items()}
    responses = {name: values * [1, 1, 1, 1, 0] for name, values in responses.items()}
    seen = Measured("a", responses, axes, 91)
    for name, rule in RULES.items():
        verdict = rule.judge(seen)
        assert all(((values >= 0) & (values <= 1)).all() for values in verdict.criteria.values()), name
        # A unit that does nothing belongs nowhere.
        assert verdict.scores[4] == 0, name
        assert verdict.orientations.shape == (5,)
        if rule.period is None:
            assert np.isnan(verdict.orientations).all()
        else:
            known = verdict.orientations[:4]
            assert ((known >= 0) & (known <= rule.period)).all(), name
            assert verdict.tuning.shape[1] == 5


def network(images):
    return {"map": images, "flat": images.mean((1, 2))}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: battery(20.0), "step is 20.0 degrees; expected 45 divided by a whole number"),
        (lambda: measure(network, []), "there are no layers; expected names of activations"),
        (lambda: measure(network, ["nothing"]), "the model returns no nothing; it returns flat, map"),
        (lambda: measure(network, ["flat"]), r"'flat' has the shape \(1, 3\); expected a map"),
        (
            lambda: measure(network, ["map"], size=2),
            "'map' has 2x2 positions for images of 2x2 pixels; expected larger",
        ),
        (lambda: find({}, {}), "there are no rules; expected a table of them, such as RULES"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_errors_of_names():
    seen = Measured("l", {"s": np.zeros((1, 1))}, {"s": {"x": np.zeros(1)}})
    judge = lambda _: Verdict({"all": np.ones(1)}, np.zeros(1), np.zeros((0, 1)))  # noqa: E731
    found = find({"l": seen}, {"a": Rule(judge, None, "")})
    with pytest.raises(ValueError, match="nobody looked for 'b' in 'l'; looked for were a, in l"):
        found.family("l", "b")


def test_curves_are_not_lines():
    """A unit for a curve and one for a straight line, each found as what it is."""
    curve = np.asarray(Curve(orientation=60.0, radius=16.0, width=3.0).image(SIZE))
    line = np.asarray(Line(orientation=60.0, width=5.0).image(SIZE))
    found = search(correlated(np.stack([curve, line])), ["units"], size=SIZE)
    scores = found.verdicts["units"]
    assert scores["curves"].criteria["tuned"][0] > scores["curves"].criteria["tuned"][1]
    assert scores["curves"].scores[1] == 0
    assert apart(scores["curves"].orientations[0], 60.0) < 5
