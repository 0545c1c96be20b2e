"""Perturbations never leave their ball."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from param_table import photograph, random_params

from featvis import param

SHAPES = [(3,), (2, 5, 5), (40, 40, 3)]
BALLS = {"l2": param.unit_ball_l2, "linf": param.unit_ball_linf}


def norm(x, kind):
    x = np.asarray(x, np.float64)
    return np.abs(x).max() if kind == "linf" else np.sqrt(np.square(x).sum())


@pytest.mark.parametrize("kind", BALLS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1e-20, 0.01, 0.9999, 1.0, 1.0001, 50.0, 1e15])
def test_points_outside_come_to_the_border(shape, scale, kind):
    direction = np.random.default_rng(0).normal(size=shape)
    x = (scale * direction / norm(direction, kind)).astype(np.float32)
    found = BALLS[kind](jnp.asarray(x))
    assert norm(found, kind) <= 1
    expected = x.astype(np.float64) / max(1, norm(x, "l2")) if kind == "l2" else x.clip(-1, 1)
    # The border of the one is 1e-5 inside; the other rounds off what is far below 1.
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=0 if kind == "l2" else 2e-7)


@pytest.mark.parametrize(
    ("x", "g", "expected"),
    [
        ([0.3, 0.4], [1.0, -2.0], [1.0, -2.0]),  # Inside, all pass.
        ([3.0, 4.0], [0.6, 0.8], [0.6, 0.8]),  # Descent leads inside.
        ([3.0, 4.0], [-0.6, -0.8], [0.0, 0.0]),  # Descent leads outside.
        ([3.0, 4.0], [-1.4, -0.2], [-0.8, 0.6]),  # Along the border as well: that part passes.
        ([0.0, 0.0], [1.0, -2.0], [1.0, -2.0]),
    ],
)
def test_l2_gradients_do_not_lead_outside(x, g, expected):
    found = jax.vjp(param.unit_ball_l2, jnp.array(x))[1](jnp.array(g))[0]
    # Directions are shortened by 1e-5, so that norms stay below 1.
    np.testing.assert_allclose(found, expected, atol=5e-5)


def test_linf_gradients_do_not_lead_outside():
    x, g = jnp.array([0.5, 2.0, 2.0, -2.0, -2.0]), jnp.array([-1.0, 1.0, -1.0, 1.0, -1.0])
    assert jax.vjp(param.unit_ball_linf, x)[1](g)[0].tolist() == [-1.0, 1.0, 0.0, 0.0, -1.0]


@pytest.mark.parametrize("kind", BALLS)
@pytest.mark.parametrize("shape", SHAPES)
def test_descent_finds_the_point_that_is_farthest_along_a_direction(shape, kind):
    rng, ball = np.random.default_rng(1), BALLS[kind]
    direction = (rng.uniform(0.5, 1, shape) * rng.choice([-1, 1], shape)).astype(np.float32)
    farthest = np.sign(direction) if kind == "linf" else direction / norm(direction, "l2")

    def step(x, _):
        # Twenty steps lead to the border.
        moved = x - 0.1 * jax.grad(lambda v: -(ball(v) * farthest).sum())(x)
        return moved, ball(moved)

    _, path = jax.lax.scan(step, jnp.zeros(shape), length=50)
    # The border is 1e-5 inside.
    np.testing.assert_allclose(path[-1], farthest, atol=2e-5)
    # As in Lucid's test, the norm never falls on the way; in float32, nearly so.
    assert (np.diff([norm(point, kind) for point in path]) >= -1e-6).all()


@pytest.mark.parametrize("kind", BALLS)
@pytest.mark.parametrize("radius", [2e-4, 8 / 255, 0.3, 5.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 1e6])
def test_images_stay_within_the_radius(kind, radius, scale):
    picture = photograph((20, 21))
    picture[:4], picture[4:8] = 0, 1
    p = param.perturbed(picture, radius, kind)
    params = scale * random_params(p, 0)
    image = np.asarray(p(params), np.float64)
    assert norm(image - picture, kind) <= radius
    assert image.min() >= 0
    assert image.max() <= 1


@pytest.mark.parametrize("kind", BALLS)
def test_the_border_is_reached(kind):
    picture = np.full((20, 21, 3), 0.5, np.float32)
    p = param.perturbed(picture, 0.4, kind)
    image = p(100 * random_params(p, 0))
    assert norm(image - picture, kind) == pytest.approx(0.4, rel=1e-3)


def test_begins_next_to_the_photograph():
    picture = photograph((12, 12))
    for kind, radius in (("l2", 2.0), ("linf", 0.1)):
        p = param.perturbed(picture, radius, kind)
        # A hundredth of the radius, as a standard deviation; 432 draws stay below five of them.
        assert norm(p(p.init(jax.random.key(0))) - picture, kind) < 0.05 * radius


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: param.perturbed(np.zeros((4, 4, 3)), 0.0), "radius is 0.0; expected more than"),
        (lambda: param.perturbed(np.zeros((4, 4, 3)), 1e-8, "linf"), "radius is 1e-08; expected more than 6e-08"),
        (lambda: param.perturbed(np.zeros((4, 4, 3)), float("nan")), "radius is nan; expected more than"),
        (lambda: param.perturbed(np.full((4, 4, 3), 2.0), 1.0), "values from 2 to 2; expected 0 to 1"),
        (lambda: param.perturbed(np.zeros((4, 4)), 1.0), r"shape \(4, 4\); expected \[n, height, width, channels\]"),
        (lambda: param.perturbed(np.zeros((4, 4, 3)), 1.0, "l1"), "norm is 'l1'; expected 'l2' or 'linf'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
