"""Patterns: images of any resolution."""

import numpy as np
import optax
import pytest

import featvis
from featvis.recipes import patterns


def sides(images):
    """Colours, positive on the left and negative on the right."""
    return {"sides": images * np.linspace(1, -1, images.shape[2])[:, None]}


@pytest.fixture(scope="module")
def found():
    param = featvis.param.cppn((9, 13), hidden=6, layers=3)
    return patterns(sides, "sides:0,2", param=param, steps=60, optimizer=optax.adam(0.05))


def test_patterns_are_images_of_their_objectives(found):
    assert repr(found) == "<patterns of sides:0, sides:2>"
    for image, unit in zip(found.result.images, (0, 2), strict=True):
        left, right = image[:, :4].mean((0, 1)), image[:, -4:].mean((0, 1))
        assert left[unit] > 0.8 > 0.2 > right[unit]


def test_patterns_at_their_own_size_are_the_images(found):
    # The same arithmetic, compiled once with other images and once alone.
    np.testing.assert_allclose(found.at((9, 13)), found.result.images, atol=1e-5)


def test_larger_patterns_agree_at_common_points(found):
    """Corners lie on corners, so every fourth point of a grid of 4 n + 1 is one of those of n + 1."""
    larger = found.at((33, 49))
    assert larger.shape == (2, 33, 49, 3)
    # The coordinates are rounded differently, by 1e-7, and grow by a few factors of the layers' size.
    np.testing.assert_allclose(larger[:, ::4, ::4], found.result.images, atol=1e-4)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"^no layer 'sidse'; did you mean 'sides'\?"):
        patterns(sides, "sidse:0", param=featvis.param.cppn(8))
