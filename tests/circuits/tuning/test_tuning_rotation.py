"""Turned images, and joint tuning of units whose orientation is known."""

import jax.numpy as jnp
import numpy as np
import pytest

from circuits.stimuli import Curve, Grating, Line
from circuits.tuning import Tuning, aligned, joint_tuning, rotated

SIZE = 41
ROUND = np.hypot(*(np.mgrid[:SIZE, :SIZE] - SIZE // 2)) < SIZE // 2 - 1
"""Pixels that turns do not bring in from outside."""


@pytest.mark.parametrize("size", [8, 9])
def test_quarter_turns_move_pixels(size):
    image = np.random.default_rng(0).random((1, size, size, 3), np.float32)
    for quarters in range(-4, 5):
        turned = rotated(image, np.array([90.0 * quarters], np.float32))
        np.testing.assert_allclose(turned, np.rot90(image, -quarters, axes=(1, 2)), atol=1e-6)


@pytest.mark.parametrize("stimulus", [Curve(0.0, 15.0, 4.0), Line(width=5.0), Grating(wavelength=10.0)])
def test_turned_stimuli_are_stimuli_turned(stimulus):
    image = np.asarray(stimulus.image(SIZE))[None]
    for angle in (10.0, 45.0, 133.0, 250.0):
        turned = np.asarray(rotated(image, np.array([angle], np.float32))[0])
        expected = np.asarray(type(stimulus)(**vars(stimulus) | {"orientation": angle}).image(SIZE))
        # What cubics miss of borders one pixel wide; bilinear interpolation misses about twice as much.
        assert np.abs(turned - expected)[ROUND].mean() < 0.01
        assert np.abs(turned - expected)[ROUND].max() < 0.2
        assert turned.min() >= 0
        assert turned.max() <= 1


def test_turned_images_keep_their_sharpness():
    """Variance of noise in the middle, which averages of neighbours would take away."""
    image = np.random.default_rng(0).random((1, SIZE, SIZE, 1), np.float32)
    plain = image[0, ROUND].var()
    for angle in (15.0, 45.0, 70.0):
        found = np.asarray(rotated(image, np.array([angle], np.float32)))[0, ROUND].var()
        # Of white noise a cubic keeps half to all; a bilinear mean keeps 4/9.
        assert 0.55 * plain < found <= plain


def slopes(images):
    """Units that respond to brightness that falls off in directions 0, 90 and 210."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    turns = np.deg2rad([0.0, 90.0, 210.0])[:, None, None]
    filters = np.exp(-(x**2 + y**2) / 50) * -(np.cos(turns) * x + np.sin(turns) * y) / 100
    return {"slopes": jnp.maximum(jnp.einsum("nhwc,uhw->nu", images, filters), 0)[:, None, None]}


def test_joint_tuning():
    examples = np.array([20.0, 300.0])
    # Dark towards these directions.
    grating = Grating(orientation=examples, wavelength=60.0, phase=90.0)
    angles = np.arange(0, 360, 5.0)
    found = joint_tuning(slopes, "slopes", np.asarray(grating.image(SIZE)), angles, batch=7)
    assert found.values.shape == (2, 72, 3)
    expected = (np.array([0.0, 90.0, 210.0]) - examples[:, None]) % 360
    np.testing.assert_array_equal(angles[found.values.argmax(1)], expected)
    # From the reference's best angle on, each unit's own orientation relative to the reference's.
    together = aligned(found, 1)
    np.testing.assert_array_equal(angles[together.values.argmax(0)], [270.0, 0.0, 120.0])


def test_examples_that_say_nothing_are_left_out():
    axes = {"example": np.arange(2.0), "angle": np.arange(0, 360, 90.0)}
    values = np.zeros((2, 4, 2))
    values[0, :, 0], values[1, :, 1] = [0, 1, 4, 2], 7
    np.testing.assert_array_equal(aligned(Tuning("a", axes, values), 0).values[:, 0], [4, 2, 0, 1])
    with pytest.raises(ValueError, match="unit 1 responds to no example; expected one that it responds to"):
        aligned(Tuning("a", axes, values * [1, 0]), 1)


@pytest.mark.usefixtures("unchecked")
def test_messages():
    image = np.zeros((1, 8, 8, 3), np.float32)
    with pytest.raises(ValueError, match="there are 2 angles for 1 images; expected one for each"):
        rotated(image, np.zeros(2, np.float32))
    with pytest.raises(ValueError, match="there are 0 images and 1 angles; expected one or more of both"):
        joint_tuning(slopes, "slopes", image[:0], np.zeros(1))
    values = np.ones((1, 4, 2))
    with pytest.raises(ValueError, match="the axes are radius, angle; expected example and angle"):
        aligned(Tuning("a", {"radius": np.ones(1), "angle": np.arange(4.0)}, values), 0)
    with pytest.raises(ValueError, match="angles go from 0 to 3; expected even steps around, from zero"):
        aligned(Tuning("a", {"example": np.ones(1), "angle": np.arange(4.0)}, values), 0)
    with pytest.raises(ValueError, match="unit is 2; expected 0 to 1"):
        aligned(Tuning("a", {"example": np.ones(1), "angle": np.arange(0, 360, 90.0)}, values), 2)
