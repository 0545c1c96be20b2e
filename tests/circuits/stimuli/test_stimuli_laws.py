"""What holds for every kind of stimulus: gradients, batches, turns, periods, colours, messages."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circuits.stimuli import KINDS, Angle, Curve, Grating, Line

SIZE, COUNT = 41, 12
"""Of all images here, so that each kind is compiled once."""


def weighted(stimulus):
    """A number that depends on all pixels, each in its own way."""
    images = stimulus.image(SIZE)
    return jnp.sum(images * np.random.default_rng(0).random(images.shape, np.float32))


def leaves(stimulus):
    return {field.name: getattr(stimulus, field.name) for field in dataclasses.fields(stimulus)}


def sampled(kind, **fixed):
    """Random stimuli, and three at places where lengths are zero, angles whole turns, and borders in middles."""
    plain, ranges = leaves(KINDS[kind]()), KINDS[kind].ranges()
    found = {}
    for name, leaf in leaves(KINDS[kind].sample(COUNT, seed=1)).items():
        edges = [ranges[name].low, ranges[name].high, plain[name]]
        found[name] = leaf if name in fixed else np.concatenate([leaf[3:], [np.full(leaf.shape[1:], e) for e in edges]])
    return KINDS[kind](**found | {name: np.full(COUNT, at, np.float32) for name, at in fixed.items()})


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind):
    """Finite everywhere, not always zero, and those that differences show."""
    stimulus, ranges = sampled(kind), KINDS[kind].ranges()
    for name, found in leaves(jax.jit(jax.grad(weighted))(stimulus)).items():
        gradient = np.asarray(found, np.float64)
        assert np.isfinite(gradient).all(), name
        assert np.abs(gradient).max() > 1e-3, name
        step = np.random.default_rng(2).uniform(-1, 1, gradient.shape) * (ranges[name].high - ranges[name].low) * 3e-4
        # The last three are where slopes change, and a difference belongs to neither side.
        step[-3:] = 0
        leaf = np.asarray(getattr(stimulus, name), np.float64)
        ahead, behind = (dataclasses.replace(stimulus, **{name: np.float32(leaf + h * step)}) for h in (1, -1))
        moved = np.asarray(getattr(ahead, name), np.float64) - getattr(behind, name)
        difference = np.asarray(ahead.image(SIZE), np.float64) - behind.image(SIZE)
        expected = (difference * np.random.default_rng(0).random(difference.shape, np.float32)).sum()
        # Differences of float32, and slopes that change within the step: more of them in the article's triangular line.
        share = 0.1 if kind == "thread_curve" else 0.02
        given = (gradient * moved).sum()
        assert given == pytest.approx(expected, abs=share * np.abs(gradient * moved).sum() + 2e-3), name


@pytest.mark.parametrize("kind", KINDS)
def test_images(kind):
    stimulus = sampled(kind)
    images = np.asarray(stimulus.image(SIZE))
    assert images.shape == (COUNT, SIZE, SIZE, 3)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    again = KINDS[kind].sample(4, seed=1)
    for name, leaf in leaves(KINDS[kind].sample(4, seed=1)).items():
        np.testing.assert_array_equal(leaf, getattr(again, name))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "orientation" in KINDS[kind].ranges()])
def test_a_quarter_turn_of_the_orientation_is_one_of_the_image(kind):
    stimulus = sampled(kind, x=0.0, y=0.0)
    turned = dataclasses.replace(stimulus, orientation=stimulus.orientation + 90)
    plain, turned = (np.array(s.image(SIZE)) for s in (stimulus, turned))
    # Where lines diverge from, all are equally near, and rounding chooses.
    for images in (plain, turned):
        images[:, SIZE // 2, SIZE // 2] = 0
    # Clockwise. float32 of angles and distances.
    np.testing.assert_allclose(turned, np.rot90(plain, -1, axes=(1, 2)), atol=2e-3)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in KINDS for name, each in KINDS[kind].ranges().items() if each.period]
)
def test_periods(kind, name):
    stimulus = sampled(kind)
    moved = {name: getattr(stimulus, name) + KINDS[kind].ranges()[name].period}
    again = dataclasses.replace(stimulus, **moved).image(SIZE)
    # float32 of angles and distances.
    np.testing.assert_allclose(again, stimulus.image(SIZE), atol=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_polarity_and_position(kind):
    stimulus = sampled(kind, polarity=1.0, x=2.0, y=-3.0)
    swapped = dataclasses.replace(stimulus, ink=stimulus.paper, paper=stimulus.ink)
    reverse = dataclasses.replace(stimulus, polarity=-stimulus.polarity)
    np.testing.assert_allclose(reverse.image(SIZE), swapped.image(SIZE), atol=1e-5)
    none = dataclasses.replace(stimulus, polarity=np.zeros(COUNT, np.float32)).image(SIZE)
    middle = (stimulus.ink + stimulus.paper)[:, None, None] / 2
    np.testing.assert_allclose(none, np.broadcast_to(middle, none.shape), atol=1e-6)
    moved = np.asarray(stimulus.image(SIZE))
    plain = np.asarray(sampled(kind, polarity=1.0, x=0.0, y=0.0).image(SIZE))
    # float32 of distances and of phases.
    np.testing.assert_allclose(moved[:, :-3, 2:], plain[:, 3:, :-2], atol=1e-3)


def test_broadcasting():
    grid = Grating(orientation=np.arange(6.0)[:, None], wavelength=np.arange(5.0, 10), ink=np.zeros((5, 3)))
    assert grid.batch_shape == (6, 5)
    images = grid.image((16, 12))
    assert images.shape == (6, 5, 16, 12, 3)
    one = Grating(3.0, 7.0)
    # float32, fused in other ways.
    np.testing.assert_allclose(images[3, 2], one.image((16, 12)), atol=1e-5)
    mapped = jax.jit(jax.vmap(lambda s: s.image((16, 12))))(jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], one))
    np.testing.assert_allclose(mapped, images[3, 2:3], atol=1e-5)


def test_an_angle_becomes_a_curve():
    """Rounded with the radius of a curve, it is that curve as far as its sides are bent."""
    curve, rounded = Curve(radius=20.0).image(25), Angle(opening=60.0, radius=20.0).image(25)
    np.testing.assert_allclose(rounded, curve, atol=1e-4)
    straight = Angle(orientation=30.0, opening=180.0).image(25)
    np.testing.assert_allclose(straight, Line(orientation=30.0).image(25), atol=1e-4)


def test_messages():
    with pytest.raises(ValueError, match=r"size is 0; expected a side in pixels, 1 or more, or height and width"):
        Curve().image(0)
    with pytest.raises(ValueError, match=r"ink has shape \(4,\); expected RGB in \[0, 1\], \[3\] or \[\*batch, 3\]"):
        Curve(ink=np.zeros(4)).image(8)
    with pytest.raises(ValueError, match=r"not broadcast: orientation \[3\], radius \[4\]; expected NumPy's"):
        Curve(orientation=np.zeros(3), radius=np.ones(4)).image(8)
    with pytest.raises(ValueError, match="count is 0; expected 1 or more stimuli"):
        Curve.sample(0)


def test_whole_numbers_have_gradients_and_tuples_are_arrays():
    waves = Grating(orientation=30, wavelength=[10, 20], phase=np.array([2, 3]), ink=(0, 0, 1))
    assert waves.batch_shape == (2,)
    assert len(jax.tree.leaves(waves)) == len(Grating.ranges())
    found = jax.jit(jax.grad(lambda stimulus: stimulus.image(16).mean()))(waves)
    assert (found.phase.shape, found.ink.shape) == ((2,), (3,))
