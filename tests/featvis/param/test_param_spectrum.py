"""Magnitudes of Fourier coefficients, and images that keep them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from param_table import logit, own_spectrum, photograph, random_params

from featvis import color, param
from featvis.param import spectrum
from inception_jax.photographs import photographs

# The constants of Lucid's color.py, typed again.
COVARIANCE_ROOT = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]) / 0.4619524
SIZES = [(8, 8), (7, 10), (10, 7), (1, 6), (6, 1)]


def pictures(n, size):
    return np.stack([photograph(size, seed=seed) for seed in range(n)])


def test_estimate_is_the_mean_magnitude_in_decorrelated_colours():
    images = pictures(5, (8, 11))
    components = logit(images.astype(np.float64)) @ np.linalg.inv(COVARIANCE_ROOT).T
    expected = np.abs(np.fft.rfft2(components, axes=(1, 2))).mean(0)
    estimated = spectrum.estimate(iter([images[:1], images[1:]]))
    # Our matrix is rounded to float32; its inverse has entries of about 8.
    np.testing.assert_allclose(np.moveaxis(estimated.magnitude.array, 0, -1), expected, rtol=2e-5, atol=1e-4)
    assert estimated.size == (8, 11)
    assert estimated == spectrum.estimate(images)
    assert hash(estimated) == hash(spectrum.estimate(images))


@pytest.mark.parametrize("size", SIZES)
def test_images_have_the_magnitudes_they_were_given(size):
    p = param.maco(size, own_spectrum(size))
    raw = p.field(random_params(p, 0))
    found = np.abs(np.fft.rfft2(np.asarray(raw, np.float64), axes=(0, 1)))
    given = np.moveaxis(p.field.spectrum.magnitude.array, 0, -1)
    height, width = size
    # A real image's coefficients at frequencies 0 and 1/2 are real, so only some phases leave their magnitude.
    real = np.ix_([0, height // 2] if height % 2 == 0 else [0], [0, width // 2] if width % 2 == 0 else [0])
    assert (found[real] <= given[real] + 1e-3).all()
    found[real] = given[real]
    # Float32 transforms of numbers up to a hundred.
    np.testing.assert_allclose(found, given, atol=1e-3)


def test_phases_of_a_photograph_give_the_photograph_and_others_do_not():
    size = (24, 24)
    picture, p = photograph(size), param.maco(size, own_spectrum(size))
    np.testing.assert_allclose(p(p.invert(picture)), picture, atol=3e-5)
    assert float(jnp.abs(p(random_params(p, 0)) - picture).mean()) > 0.1


def test_another_spectrum_keeps_the_phases():
    p = param.maco(16)
    phase = np.angle(np.fft.rfft2(np.asarray(p.field(p.invert(photograph((16, 16)))), np.float64), axes=(0, 1)))
    components = color.from_rgb(logit(photograph((16, 16))))
    expected = np.angle(np.fft.rfft2(np.asarray(components, np.float64), axes=(0, 1)))
    difference = np.angle(np.exp(1j * (phase - expected)))[1:8, 1:8]
    # Float32, for coefficients a hundred times smaller than the largest.
    assert np.abs(difference).max() < 1e-3


def test_magnitudes_may_fade():
    p = param.maco(8, own_spectrum((8, 8)), fading=True)
    phase, fade = random_params(p, 0)
    full, none = jnp.full_like(fade, 5.0), jnp.full_like(fade, -100.0)
    # Computed in another order.
    np.testing.assert_allclose(p((phase, full)), param.maco(8, own_spectrum((8, 8)))(phase), atol=2e-6)
    np.testing.assert_allclose(p((phase, none)), 0.5, atol=1e-6)


def test_phases_begin_anywhere_on_the_circle():
    phase = np.asarray(param.maco(24).init(jax.random.key(0)))
    # A mean resultant of 936 uniform angles above 0.1 has a chance of exp(-9).
    assert np.abs(np.exp(1j * phase).mean()) < 0.1
    assert -np.pi <= phase.min() < -3 < 3 < phase.max() <= np.pi


def contrast(found):
    """Standard deviation of each component, by Parseval's identity."""
    height, width = found.size
    counts = np.full(width // 2 + 1, 2.0)
    counts[0] = 1
    if width % 2 == 0:
        counts[-1] = 1
    power = np.square(found.magnitude.array.astype(np.float64)) * counts
    power[:, 0, 0] = 0
    return np.sqrt(power.sum((1, 2))) / (height * width)


def test_the_natural_spectrum_has_the_contrast_asked_for():
    np.testing.assert_allclose(contrast(spectrum.natural(224, 2, contrast=3.0)), [3, 3], rtol=1e-6)
    magnitude = spectrum.natural((12, 18), decay_power=2.0).magnitude.array[0]
    assert magnitude[0, 0] == 0
    # Twice the frequency, a quarter of the magnitude.
    assert magnitude[0, 2] / magnitude[0, 4] == pytest.approx(4)
    assert magnitude[2, 0] / magnitude[4, 0] == pytest.approx(4)


@pytest.mark.parametrize("size", [*SIZES, (32, 32), (15, 15), (16, 31), (224, 128), (64, 65)])
def test_spectra_of_any_size_come_from_one(size):
    given = own_spectrum((16, 15))
    found = given.at(size)
    assert found.magnitude.array.shape == (3, size[0], size[1] // 2 + 1)
    assert np.isfinite(found.magnitude.array).all()
    assert (found.magnitude.array >= 0).all()
    mean = given.magnitude.array[:, 0, 0] / (16 * 15)
    np.testing.assert_allclose(found.magnitude.array[:, 0, 0] / np.prod(size), mean, rtol=1e-6)
    assert param.maco(size, given) == param.maco(size, found)


def test_a_spectrum_of_its_own_size_is_itself():
    given = own_spectrum((9, 8))
    assert given.at((9, 8)) is given


@pytest.mark.parametrize("size", [(40, 40), (12, 31), (31, 12)])
def test_resampling_follows_a_smooth_spectrum(size):
    def smooth(height, width):
        """Steeper than 1/f, and not the same in all directions."""
        y, x = np.abs(np.fft.fftfreq(height))[:, None], np.fft.rfftfreq(width)[None]
        magnitude = param.spectrum_scale(height, width, 1.0) * (1 + y) / (1 + 2 * x)
        return spectrum.Spectrum(spectrum.Frozen(magnitude[None].astype(np.float32)), width)

    found, expected = (s.magnitude.array[0].ravel() for s in (smooth(24, 25).at(size), smooth(*size)))
    # Below the lowest frequency, 1/25, and above the highest, 12/25, the factor goes on as it is there, and changes by
    # less than 2/25 in truth. The mean has a rule of its own.
    np.testing.assert_allclose(found[1:], expected[1:], rtol=0.03)


@pytest.mark.shared
def test_the_natural_spectrum_is_like_that_of_photographs(shared_dir):
    source = photographs(shared_dir / "data" / "imagenet-samples.zip", short_side=64, crop=64)[::10]
    estimated = spectrum.estimate(batch.images for batch in source.batches(50))
    # Photographs differ in contrast; the analytic spectrum is for want of better.
    np.testing.assert_allclose(contrast(estimated), contrast(spectrum.natural(64)), rtol=0.3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: spectrum.estimate([]), "there are no images"),
        (lambda: spectrum.estimate(np.full((1, 4, 4, 3), 2.0)), "values from 2 to 2; expected 0 to 1"),
        (lambda: spectrum.estimate(np.zeros((1, 4, 4, 1))), r"shape \(4, 4, 1\); expected \(4, 4, 3\): of one size"),
        (
            lambda: spectrum.estimate([np.zeros((1, 4, 4, 3)), np.zeros((1, 4, 5, 3))]),
            r"shape \(4, 5, 3\); expected \(4, 4, 3\): of one size",
        ),
        (lambda: spectrum.natural(0), "image size is 0; expected sides"),
        (lambda: spectrum.natural(8).at((0, 1)), r"image size is \(0, 1\); expected sides"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
