"""Gradient rules: truth tables from Lucid's tests, and laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inception_jax import LINEAR, Rules, ops
from inception_jax.gradients import (
    max_pool_average_gradient,
    max_pool_l2_gradient,
    redirected_relu,
)
from inception_jax.nodes import MaxPool

PADDING = ((0, 1), (0, 1))


def pulled_back(x, g, active=True):
    return jax.vjp(lambda x: redirected_relu(x, active), jnp.asarray(x))[1](jnp.asarray(g))[0]


# Lucid, tests/misc/test_gradient_override.py: (incoming gradient, input, expected).
@pytest.mark.parametrize(("g", "x", "expected"), [(1, -1, 0), (-1, -1, -1), (1, 1, 1), (-1, 1, -1)])
def test_truth_table(g, x, expected):
    assert pulled_back([[float(x)]], [[float(g)]]) == expected


def test_later_steps_have_the_plain_gradient():
    assert pulled_back([[-1.0]], [[-1.0]], active=False) == 0
    x = jnp.array([[-1.0, 0.0, 2.0]])
    # For Lucid, zero is active.
    np.testing.assert_array_equal(pulled_back(x, jnp.ones((1, 3)), active=False), [[0, 1, 1]])


def test_each_image_is_judged_alone():
    x = jnp.array([[-1.0, -1.0], [-1.0, 1.0]])
    g = jnp.array([[-1.0, 1.0], [-1.0, -1.0]])
    # The first image is dead and is redirected, except where that would push an inactive unit down.
    np.testing.assert_array_equal(pulled_back(x, g), [[-1, 0], [0, -1]])


def test_the_forward_pass_is_a_relu_and_the_schedule_may_be_traced():
    x = jnp.linspace(-2, 2, 9).reshape(1, 9)
    np.testing.assert_array_equal(jax.jit(redirected_relu)(x, jnp.asarray(True)), jax.nn.relu(x))


@pytest.mark.parametrize("rule", [max_pool_average_gradient, max_pool_l2_gradient])
def test_smoothed_pools_leave_the_forward_pass(rule):
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    np.testing.assert_array_equal(rule(x, MaxPool(3, 2), PADDING), ops.max_pool(x, MaxPool(3, 2), PADDING))


def test_average_gradient_is_that_of_an_average_pool():
    x = jax.random.normal(jax.random.key(0), (1, 4, 4, 1))
    g = jax.grad(lambda x: max_pool_average_gradient(x, MaxPool(1, 2), PADDING).sum())(x)
    # The four windows start at 0 and 2, and hold 9, 6, 6 and 4 pixels of the image.
    expected = np.outer([1 / 3, 1 / 3, 1 / 3 + 1 / 2, 1 / 2], [1 / 3, 1 / 3, 1 / 3 + 1 / 2, 1 / 2])
    np.testing.assert_allclose(g[0, :, :, 0], expected, rtol=1e-6)


def test_l2_gradient_is_that_of_its_formula():
    x = jnp.array([1.0, 2.0, 0.5, 3.0]).reshape(1, 2, 2, 1)
    g = jax.grad(lambda x: max_pool_l2_gradient(x, MaxPool(1, 2), PADDING).sum())(x)
    a = np.array([1.0, 2.0, 0.5, 3.0])
    energy, size = (a**2).mean(), 0.01 + a.mean()
    expected = (2 * a / 4) / size - energy / size**2 / 4
    np.testing.assert_allclose(g.ravel(), expected, rtol=1e-5)


def test_the_linearised_network_is_affine(narrow):
    a, b = jax.random.uniform(jax.random.key(0), (2, 1, 64, 64, 3))
    layers = ["mixed4a"]
    # From the last normalisation on: LRN stays as it is in the articles' linearisation.
    middle = {n: narrow(x, taps=["maxpool1"])["maxpool1"] for n, x in (("a", a), ("b", b))}

    def above(value):
        return narrow(a, taps=layers, rules=LINEAR, edits={"maxpool1": lambda _: value})["mixed4a"]

    mean = above((middle["a"] + middle["b"]) / 2)
    np.testing.assert_allclose(mean, (above(middle["a"]) + above(middle["b"])) / 2, rtol=1e-4, atol=1e-3)
    assert bool((mean < 0).any())


def test_rules_are_functions_of_ones_own(narrow):
    images = jnp.full((1, 32, 32, 3), 0.25)
    acts = narrow(images, until="conv2d0", rules=Rules(relu=jnp.abs))
    np.testing.assert_array_equal(acts["conv2d0"], jnp.abs(acts["conv2d0_pre_relu"]))
