"""Steps whose objective or gradient is not finite."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import featvis
from featvis import objectives as obj
from featvis import param
from featvis.algebra import STEP


def render(model, objectives, **options):
    return featvis.render(model, objectives, **({"param": param.image(48), "progress": False} | options))


def not_a_number(acts):
    return acts["conv2d0"].mean() * jnp.nan


def sometimes(acts):
    """Infinite at steps 3 to 7."""
    return acts["conv2d0"].mean() + jnp.where((acts[STEP] >= 3) & (acts[STEP] < 8), jnp.inf, 0.0)


def finite_with_infinite_slope(acts):
    """0, but the gradient is NaN."""
    return jnp.sqrt(0.0 * acts["conv2d0"].mean())


def test_an_objective_that_is_never_finite_leaves_its_image_and_the_others_alone(narrow):
    bad = obj.function(not_a_number, ["conv2d0"], "broken")
    with pytest.warns(UserWarning, match="the objective broken") as warned:
        result = render(narrow, ["conv2d0:1", bad], steps=20)
    assert [str(w.message) for w in warned] == [
        "the objective broken or its gradient was not finite in 16 of the steps 1 to 16; such steps are left out, and "
        "its image stays as it was before them",
        "the objective broken ended at nan",
    ]
    alone = render(narrow, ["conv2d0:1"], steps=20)
    # Two programs: the same arithmetic in another order.
    np.testing.assert_allclose(result.images[0], alone.images[0], atol=2e-3)
    assert np.isfinite(result.images).all()
    assert np.isnan(result.history[1]).all()


@pytest.mark.parametrize("optimizer", [None, optax.sgd(1.0), optax.lbfgs()], ids=["adam", "sgd", "lbfgs"])
def test_steps_that_are_not_finite_are_left_out_and_the_rest_goes_on(narrow, optimizer):
    bad = obj.function(sometimes, ["conv2d0", STEP], "rough")
    with pytest.warns(UserWarning, match="the objective rough or its gradient was not finite in 5 of the steps 4 to 8"):
        result = render(narrow, bad, steps=12, snapshots=[3, 8, 12], optimizer=optimizer, transforms=())
    assert np.isnan(result.history[0]).tolist() == [False] * 3 + [True] * 5 + [False] * 4
    np.testing.assert_array_equal(result.snapshots[0, 0], result.snapshots[0, 1])
    assert np.abs(result.snapshots[0, 2] - result.snapshots[0, 1]).max() > 0
    assert result.steps_done == 12
    assert np.isfinite(result.scores).all()


def test_a_gradient_that_is_not_finite_is_noticed_where_the_objective_is(narrow):
    bad = obj.function(finite_with_infinite_slope, ["conv2d0"], "steep")
    with pytest.warns(UserWarning, match="the objective steep or its gradient was not finite in 4 of the steps 1 to 4"):
        result = render(narrow, bad, steps=4)
    assert np.isfinite(result.images).all()
    assert result.scores == 0
