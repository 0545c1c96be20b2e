"""Laws that every objective in the table obeys."""

from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import objective_table
import optax
import pytest
from objective_table import ACTS, SHAPES, SLOPE, TABLE

import inception_jax
from featvis import objectives as obj
from featvis.algebra import Objective, check
from featvis.engine import stack

EVERY = pytest.mark.parametrize("name", TABLE)


def made(name: str) -> list[Objective]:
    return [TABLE[name].make(value) for value in TABLE[name].values]


@cache
def program(fn):
    """Values and gradients of a kind of objective for several results at once, compiled once."""
    return jax.jit(jax.vmap(jax.value_and_grad(fn)))


def evaluate(objectives, acts):
    """Values, and gradients of the first, on the same activations; two results at once, as `render` has several."""
    data = [objective.data for objective in (objectives * 2)[:2]]
    values, gradients = program(objectives[0].fn)(jax.tree.map(lambda a: jnp.stack([a, a]), acts), stack(data))
    return values[: len(objectives)], jax.tree.map(lambda g: g[0], gradients)


@EVERY
def test_exact_values(name):
    """Of several data at once: the kind is vmapped over them."""
    expected = [TABLE[name].expected(value) for value in TABLE[name].values]
    # float32 sums of up to 11,520 numbers, in another order than NumPy's.
    np.testing.assert_allclose(evaluate(made(name), ACTS)[0], expected, rtol=5e-5, atol=1e-6)


@EVERY
def test_data_do_not_make_the_kind(name):
    """Objectives of one kind share a program: their functions are equal, and the forms of their data."""
    objectives = made(name) + made(name)
    assert len({objective.fn for objective in objectives}) == 1
    assert len({objective.layers for objective in objectives}) == 1
    forms = {str(jax.tree.map(lambda x: (np.shape(x), x.dtype), objective.data)) for objective in objectives}
    assert len(forms) == 1


@EVERY
def test_labels_tell_data_apart(name):
    """A unit's random numbers come from its label."""
    labels = [objective.label for objective in made(name)]
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 100
    assert labels == [objective.label for objective in made(name)]


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in TABLE for value in (0.0, 0.5, 1.0) if value or TABLE[name].dead]
)
def test_gradients_are_finite_on_constant_activations(name, value):
    """Dead layers, and black, grey and white images."""
    acts = {key: a if key == "step" else jnp.full_like(a, value) for key, a in ACTS.items()}
    values, gradient = evaluate(made(name), acts)
    assert np.isfinite(values).all()
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(gradient))


@EVERY
def test_fits_what_it_was_made_for(name):
    for objective in made(name):
        check(objective.fn, SHAPES, objective.data)
        assert set(objective.layers) <= SHAPES.keys()


def seen(model, params):
    """The table's activations, of a real network, for three transparent images."""
    images = jax.nn.sigmoid(params)
    rgb = images[..., :3] * images[..., 3:] + 0.5 * (1 - images[..., 3:])
    a = model(rgb, taps=("mixed3a_pre_relu",))["mixed3a_pre_relu"]
    logits = a[..., 9:19].mean((1, 2))
    return {"a": a[..., :6], "b": a[..., 6:9], "logits": logits, "input": images}


@jax.jit
def forward(model, params):
    return seen(model, params)


@jax.jit
def backward(model, params, slopes):
    return jax.vjp(lambda p: seen(model, p), params)[1](slopes)[0]


@EVERY
def test_rises_under_optimisation(name, narrow: inception_jax.Model):
    """What Lucid tests: three steps of Adam at 0.1, from noise, at 32 pixels. Penalties are to fall."""
    sign, objectives = TABLE[name].sign, made(name)
    params = jax.random.normal(jax.random.key(0), (3, 32, 40, 4))
    constant = {"gradient:a": jnp.asarray(SLOPE), "step": ACTS["step"]}
    optimizer = optax.adam(0.1)
    state = optimizer.init(params)
    history = []
    for _ in range(4):
        acts = forward(narrow, params)
        values, slopes = evaluate(objectives, acts | constant)
        history.append(sign * float(values[0]))
        gradient = backward(narrow, params, {key: slopes[key] for key in acts})
        updates, state = optimizer.update(-sign * gradient, state)
        params = optax.apply_updates(params, updates)
    assert history[-1] > history[0]


def test_the_table_is_complete():
    """Every public objective is in the table, under whatever name."""
    source = Path(objective_table.__file__).read_text(encoding="utf-8")
    assert [name for name in obj.__all__ if f"obj.{name}(" not in source] == []
