"""Photographs of which a part is optimised."""

import jax
import numpy as np
import pytest
from param_table import photograph, random_params

from featvis import param

SIZE = (9, 12)
PHOTOGRAPH = photograph(SIZE)
MASK = np.zeros(SIZE, bool)
MASK[2:6, 3:9] = True


def test_pixels_outside_stay_as_they_are_and_those_inside_are_the_other_image():
    one = param.image(SIZE)
    p = param.masked(PHOTOGRAPH, MASK, one)
    params = random_params(p, 0)
    image = np.asarray(p(params))
    np.testing.assert_array_equal(image[~MASK], PHOTOGRAPH[~MASK])
    # Float32, compiled in another way.
    np.testing.assert_allclose(image[MASK], np.asarray(one(params))[MASK], atol=1e-6)


def test_between_0_and_1_both_are_seen():
    one = param.image(SIZE)
    p = param.masked(PHOTOGRAPH, 0.25 * MASK, one)
    params = random_params(p, 0)
    expected = 0.25 * np.asarray(one(params), np.float64) + 0.75 * PHOTOGRAPH
    np.testing.assert_allclose(p(params)[MASK], expected[MASK], atol=1e-6)


def test_only_pixels_inside_have_gradients():
    p = param.masked(PHOTOGRAPH, MASK, param.image(SIZE, fft=False, decorrelate=False))
    gradient = jax.grad(lambda params: p(params).sum())(random_params(p, 0))
    np.testing.assert_array_equal(np.any(gradient, axis=-1), MASK)


def test_only_what_has_an_inverse_is_masked_with_one():
    assert not hasattr(param.masked(PHOTOGRAPH, MASK, param.cppn(SIZE, hidden=8, layers=2)), "invert")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: param.masked(PHOTOGRAPH, MASK.T, param.image(SIZE)),
            r"the mask has shape \(12, 9\); expected \(9, 12\)",
        ),
        (
            lambda: param.masked(PHOTOGRAPH, 2.0 * MASK, param.image(SIZE)),
            "values from 0 to 2; expected 0 to 1, and not",
        ),
        (lambda: param.masked(PHOTOGRAPH, MASK - 1.0, param.image(SIZE)), "the mask has values from -1 to 0"),
        (lambda: param.masked(PHOTOGRAPH, 0 * MASK, param.image(SIZE)), "the mask has values from 0 to 0"),
        (
            lambda: param.masked(PHOTOGRAPH, MASK, param.image(9)),
            r"param makes images of shape \(9, 9, 3\); expected \(9, 12, 3\), that of the photograph",
        ),
        (lambda: param.masked(PHOTOGRAPH + 1, MASK, param.image(SIZE)), "expected 0 to 1"),
        (
            lambda: param.masked(PHOTOGRAPH, MASK, param.image(SIZE)).invert(PHOTOGRAPH[:-1]),
            r"the image has shape \(8, 12, 3\); expected \(9, 12, 3\)",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
