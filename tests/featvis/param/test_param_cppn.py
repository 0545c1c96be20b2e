"""Networks from coordinates to colours."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from param_table import random_params, sigmoid

from featvis import param
from featvis.param.patterns import composite, normalized_relu, unbiased_composite


def by_numpy(params, coordinates, normalize):
    """The network, written out in float64 with the composite activation."""
    values = coordinates
    params = [(np.asarray(kernel, np.float64), np.asarray(bias, np.float64)) for kernel, bias in params]
    for kernel, bias in params[:-1]:
        values = values @ kernel
        if normalize:
            values = (values - values.mean((0, 1))) / np.sqrt(values.var((0, 1)) + 1e-6)
        a = np.arctan(values + bias)
        values = np.concatenate([a / 0.67, a**2 / 0.6], -1)
    kernel, bias = params[-1]
    return sigmoid(values @ kernel + bias)


@pytest.mark.parametrize("normalize", [False, True])
def test_against_numpy(normalize):
    p = param.cppn((6, 11), hidden=5, layers=3, normalize=normalize)
    params = random_params(p, 0)
    # Eleven columns span the coordinates; six rows take the same distance from each other.
    columns = np.linspace(-np.sqrt(3), np.sqrt(3), 11)
    rows = (np.arange(6) - 2.5) * (columns[1] - columns[0])
    x, y = np.meshgrid(columns, rows)
    # Float32 through four layers of sums of ten terms.
    np.testing.assert_allclose(p(params), by_numpy(params, np.stack([x, y], -1), normalize), atol=2e-5)


def test_layers_are_lucids():
    shapes = [(k.shape, b.shape) for k, b in jax.eval_shape(param.cppn(16).init, jax.random.key(0))]
    assert shapes == [((2, 24), (24,)), *[((48, 24), (24,))] * 7, ((48, 3), (3,))]


def test_the_first_image_has_one_colour():
    p = param.cppn(8, hidden=4, layers=1)
    image = p(p.init(jax.random.key(0)))
    np.testing.assert_array_equal(image, np.broadcast_to(image[0, 0], image.shape))


def test_larger_images_show_the_same_between():
    p = param.cppn((5, 9), hidden=6, layers=2)
    params = random_params(p, 0)
    fine = p.at((9, 17))
    assert fine.shape == (9, 17, 3)
    # Sums in another order.
    np.testing.assert_allclose(fine(params)[::2, ::2], p(params), atol=2e-6)


@pytest.mark.parametrize(
    ("activation", "mean", "square"),
    [(composite, None, 1), (unbiased_composite, 0, 1), (normalized_relu, 0, 1)],
)
def test_activations_keep_the_scale_of_normal_numbers(activation, mean, square):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(100_000, 1)), jnp.float32)
    found = np.asarray(activation(x))
    # Lucid rounds its constants to two or three digits.
    np.testing.assert_allclose(np.square(found).mean(0), square, atol=0.05)
    if mean is not None:
        np.testing.assert_allclose(found.mean(0), mean, atol=0.02)


def test_fits_exclusive_or():
    p = param.cppn(16, channels=1)
    wanted = np.array([[1.0, 0.0], [0.0, 1.0]])
    optimizer = optax.adam(0.01)

    def corners(params):
        return p(params)[::15, ::15, 0]

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(jax.grad(lambda q: jnp.square(corners(q) - wanted).sum())(params), state)
        return (optax.apply_updates(params, updates), state), jnp.abs(corners(params) - wanted).max()

    start = p.init(jax.random.key(0))
    _, worst = jax.lax.scan(step, (start, optimizer.init(start)), length=200)
    # Lucid's test: beyond 0.99 and 0.01 at some step.
    assert float(worst.min()) < 0.01


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: param.cppn(0), "image size is 0; expected sides"),
        (lambda: param.cppn(8).at(0), "image size is 0; expected sides"),
        (lambda: param.cppn(8, layers=0), "layers is 0; expected a whole number, at least 1"),
        (lambda: param.cppn(8, hidden=0), "hidden is 0; expected a whole number, at least 1"),
        (lambda: param.cppn(8, channels=0), "channels is 0; expected a whole number, at least 1"),
        (lambda: param.cppn(8, activation="sine"), "activation is 'sine'; expected one of .'composite', 'norm"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_any_function_is_an_activation():
    p = param.cppn(6, hidden=4, layers=2, activation=jnp.sin)
    assert [kernel.shape for kernel, _ in jax.eval_shape(p.init, jax.random.key(0))] == [(2, 4), (4, 4), (4, 3)]
