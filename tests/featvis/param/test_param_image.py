"""Pixels, Fourier coefficients and ways into [0, 1], against NumPy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from param_table import random_params, sigmoid

from featvis import color, param
from featvis.param.squash import MARGIN, clip, logit

KINDS = [(fft, decorrelate) for fft in (False, True) for decorrelate in (False, True)]
# The constants of Lucid's color.py, typed again.
COVARIANCE_ROOT = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]) / 0.4619524


def fourier_sum(params, height, width, decay_power):
    """The image by the formula, with a Fourier sum written out."""
    fy, fx = np.fft.fftfreq(height), np.fft.rfftfreq(width)
    raw = np.zeros((height, width, params.shape[1]))
    rows, columns = np.arange(height), np.arange(width)
    for i, y in enumerate(fy):
        for j, x in enumerate(fx):
            scale = np.sqrt(height * width) / max(np.hypot(y, x), 1 / max(height, width)) ** decay_power
            # A real transform stores one of each pair of conjugate columns.
            pair = 1 if j == 0 or 2 * j == width else 2
            wave = np.exp(2j * np.pi * (y * rows[:, None] + x * columns[None]))
            coefficient = params[0, :, i, j] + 1j * params[1, :, i, j]
            raw += pair * scale * np.real(wave[..., None] * coefficient) / (height * width)
    return raw / 4


@pytest.mark.parametrize(("fft", "decorrelate"), KINDS)
@pytest.mark.parametrize("size", [(12, 12), (9, 12), (12, 9)])
def test_against_sums_written_out(fft, decorrelate, size):
    p = param.image(size, fft=fft, decorrelate=decorrelate, decay_power=1.5)
    params = 0.5 * random_params(p, 1)
    raw = fourier_sum(np.asarray(params, np.float64), *size, 1.5) if fft else params
    expected = sigmoid(raw @ COVARIANCE_ROOT.T if decorrelate else raw)
    # Float32 transforms of a few hundred terms of size one.
    np.testing.assert_allclose(p(params), expected, atol=2e-5)


@pytest.mark.parametrize("size", [(16, 16), (15, 18), (18, 15), (1, 1), (1, 4)])
def test_against_numpys_transform(size):
    p = param.image(size, decorrelate=False)
    params = random_params(p, 1)
    real, imaginary = np.asarray(params, np.float64)
    spectrum = (real + 1j * imaginary) * param.spectrum_scale(*size, 1.0)
    expected = np.moveaxis(np.fft.irfft2(spectrum, s=size), 0, -1) / 4
    # Float32 rounding of values of a few units.
    np.testing.assert_allclose(p.field(params), expected, atol=5e-6)


def test_decay_power_steepens_the_spectrum():
    flat, steep = (param.spectrum_scale(16, 16, power) for power in (0.0, 2.0))
    assert (flat == 16).all()
    assert steep[0, 1] / steep[0, 8] == 64


def test_initial_contrast_is_lucids():
    p = param.image(128)
    draws = jnp.stack([0.01 * random_params(p, seed) for seed in range(4)])
    # The standard deviation before colours that the constants imply at 128 pixels; four images are 5% from it.
    assert float(jax.vmap(p.field)(draws).std()) == pytest.approx(0.0182, rel=0.05)


def test_parameters_begin_as_small_as_asked_for():
    # Of 1,872 numbers, the standard deviation is within 5% of their distribution's but for one key in a thousand.
    assert float(param.image(24, sd=0.5).init(jax.random.key(0)).std()) == pytest.approx(0.5, rel=0.05)


def test_opacity_has_a_sigmoid_of_its_own():
    p, opaque = param.image(8, fft=False, alpha=True), param.image(8, fft=False)
    params = random_params(p, 0)
    np.testing.assert_allclose(p(params)[..., :3], opaque(params[..., :3]), atol=1e-7)
    np.testing.assert_allclose(p(params)[..., 3], sigmoid(params[..., 3]), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 7])
def test_channels_are_squashed_alone(channels):
    p = param.image((5, 6), fft=False, channels=channels)
    params = random_params(p, 0)
    np.testing.assert_allclose(p(params), sigmoid(params), atol=1e-6)


def test_grey_shows_one_channel_three_times():
    p, one = param.grey((5, 6)), param.image((5, 6), channels=1)
    params = random_params(p, 0)
    assert p(params).shape == (5, 6, 3)
    for channel in range(3):
        np.testing.assert_allclose(p(params)[..., channel], one(params)[..., 0], atol=1e-7)


def test_clipped_images_lie_about_the_mean_colour():
    p = param.image(8, fft=False, squash="clip", alpha=True)
    params = np.asarray(0.5 * random_params(p, 0))
    rgb = params[..., :3] @ COVARIANCE_ROOT.T + [0.48, 0.46, 0.41]
    expected = np.concatenate([rgb, params[..., 3:] + 0.5], -1).clip(0, 1)
    np.testing.assert_allclose(p(jnp.asarray(params)), expected, atol=1e-6)
    assert (expected == 0).any(), "nothing was clipped"


def test_clipping_lets_gradients_lead_inside():
    x = jnp.array([-0.5, -0.5, 0.0, 0.3, 1.0, 1.5, 1.5])
    g = jnp.array([1.0, -1.0, 1.0, 1.0, -1.0, 1.0, -1.0])
    # Descent goes against the gradient: what is below 0 may only rise, what is above 1 may only fall.
    assert jax.vjp(clip, x)[1](g)[0].tolist() == [0.0, -1.0, 1.0, 1.0, -1.0, 1.0, 0.0]


def test_what_was_clipped_comes_back():
    def step(x, _):
        return x - 0.1 * jax.grad(lambda v: jnp.square(clip(v) - 0.5).sum())(x), None

    ended, _ = jax.lax.scan(step, jnp.array([-0.3, 1.4]), length=100)
    # The distance shrinks by a fifth at each step inside.
    np.testing.assert_allclose(ended, 0.5, atol=1e-6)


def test_logit_stays_half_a_grey_level_inside():
    x = np.array([0, MARGIN / 2, MARGIN, 0.3, 0.5, 1 - MARGIN, 1], np.float32)
    # Float32 of numbers next to 1.
    np.testing.assert_allclose(jax.nn.sigmoid(logit(x)), x.clip(1 / 512, 511 / 512), atol=2e-7)


def test_an_optimisation_goes_on_from_black_and_white():
    # A sigmoid's gradient there is small, but Adam makes steps of any gradient that is not zero.
    p = param.image(8, fft=False, decorrelate=False)
    params = p.invert(jnp.concatenate([jnp.zeros((8, 4, 3)), jnp.ones((8, 4, 3))], 1))
    optimizer = optax.adam(0.05)

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(jax.grad(lambda q: jnp.square(p(q) - 0.5).sum())(params), state)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), length=200)
    assert float(jnp.abs(p(params) - 0.5).max()) < 0.1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: param.image((0, 8)), r"image size is \(0, 8\); expected sides of at least 1 pixel"),
        (lambda: param.image(3.5), "image size is 3.5; expected sides of at least 1 pixel: a whole number, or"),
        (lambda: param.image((8, 8, 3)), r"image size is \(8, 8, 3\); expected sides"),
        (lambda: param.image(8, channels=0), "channels is 0; expected a whole number, at least 1"),
        (lambda: param.image(8, channels=4, alpha=True), "channels is 4, besides alpha or colors"),
        (lambda: param.image(8, channels=3, colors=color.GREY), "channels is 3, besides alpha or colors"),
        (lambda: param.image(8, squash="tanh"), "squash is 'tanh'; expected 'sigmoid' or 'clip'"),
        (lambda: param.image(8, channels=2, squash="tanh"), "squash is 'tanh'; expected 'sigmoid' or 'clip'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
