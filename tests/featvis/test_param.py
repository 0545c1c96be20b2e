"""Image parameterisations against NumPy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from featvis import color, param

ALL = [
    pytest.param(param.image(16, fft=fft, decorrelate=decorrelate), id=f"fft={fft},decorrelate={decorrelate}")
    for fft in (False, True)
    for decorrelate in (False, True)
]
# The constants of Lucid's color.py, typed again.
COVARIANCE_ROOT = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])


def reference(p, params):
    """The image by the formulas of the article, with a Fourier sum written out."""
    params = np.asarray(params, np.float64)
    height, width, _ = p.shape
    if p.fft:
        fy, fx = np.fft.fftfreq(height), np.fft.rfftfreq(width)
        raw = np.zeros((height, width, 3))
        rows, columns = np.arange(height), np.arange(width)
        for i, y in enumerate(fy):
            for j, x in enumerate(fx):
                scale = np.sqrt(height * width) / max(np.hypot(y, x), 1 / max(height, width)) ** p.decay_power
                # A real transform stores one of each pair of conjugate columns.
                pair = 1 if j == 0 or 2 * j == width else 2
                wave = np.exp(2j * np.pi * (y * rows[:, None] + x * columns[None]))
                coefficient = params[0, :, i, j] + 1j * params[1, :, i, j]
                raw += pair * scale * np.real(wave[..., None] * coefficient) / (height * width)
        raw /= 4
    else:
        raw = params
    if p.decorrelate:
        norm = np.linalg.norm(COVARIANCE_ROOT, axis=0).max()
        raw = np.einsum("hwc,rc->hwr", raw, COVARIANCE_ROOT / norm)
    return 1 / (1 + np.exp(-raw))


@pytest.mark.parametrize("p", ALL)
@pytest.mark.parametrize("size", [(12, 12), (9, 12), (12, 9)])
def test_against_numpy(p, size):
    p = param.image(size, sd=0.5, fft=p.fft, decorrelate=p.decorrelate)
    params = p.init(jax.random.key(1))
    # Float32 transforms of a few hundred terms of size one.
    np.testing.assert_allclose(p(params), reference(p, params), atol=2e-5)


def test_decay_power_steepens_the_spectrum():
    flat, steep = (param.spectrum_scale(16, 16, power) for power in (0.0, 2.0))
    assert (flat == 16).all()
    assert steep[0, 1] / steep[0, 8] == 64


def test_initial_contrast_is_lucids():
    # The guide's computed standard deviation before colours, over images of 128 pixels.
    p = param.image(128)
    params = jax.vmap(p.init)(jax.random.split(jax.random.key(0), 16))
    assert float(jax.vmap(p._from_spectrum)(params).std()) == pytest.approx(0.0182, rel=0.05)


def test_colour_matrix_is_normalised_by_its_longest_column():
    assert np.linalg.norm(COVARIANCE_ROOT, axis=0).max() == pytest.approx(0.4619524)
    np.testing.assert_allclose(color.to_rgb(jnp.eye(3)[None])[0].T, COVARIANCE_ROOT / 0.4619524, rtol=1e-5)


@pytest.mark.parametrize("p", ALL)
def test_fits_a_picture(p):
    rows, columns = np.mgrid[:16, :16] / 15
    target = jnp.asarray(np.stack([rows, columns, (rows - columns) ** 2], -1).clip(0.05, 0.95), jnp.float32)
    optimizer = optax.adam(0.05)

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(jax.grad(lambda q: jnp.square(p(q) - target).sum())(params), state)
        return (optax.apply_updates(params, updates), state), None

    start = p.init(jax.random.key(0))
    (fitted, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), length=1000)
    # Lucid's tests ask the same of a photograph.
    assert float(jnp.abs(p(fitted) - target).mean()) < 0.01


def test_images_stay_in_range_and_keys_matter():
    p = param.image(8, sd=100.0)
    a, b = (p(p.init(jax.random.key(i))) for i in (0, 1))
    assert float(a.min()) >= 0
    assert float(a.max()) <= 1
    assert not np.array_equal(a, b)


def test_size_must_be_positive():
    with pytest.raises(ValueError, match=r"image size is \(0, 8\); expected sides of at least 1 pixel"):
        param.image((0, 8))
