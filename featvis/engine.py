"""The compiled program: many images at once, each optimised for its own objective."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key

from featvis.algebra import INPUT, Function
from featvis.network import Bound, activations, fast, rules_at
from featvis.param import Parameterization
from featvis.transforms import Transform, apply
from inception_jax.gradients import Rules

CHUNK = 16
"""Steps between two looks of the host at the device."""


@dataclass(frozen=True)
class Program:
    """Everything static about an optimisation; two equal programs are compiled once.

    `layers` are those that `fn` reads from the network.
    """

    fn: Function
    layers: tuple[str, ...]
    param: Parameterization
    transforms: tuple[Transform, ...]
    optimizer: optax.GradientTransformation
    rules: Rules


@partial(jax.tree_util.register_dataclass, data_fields=["params", "optimizer"], meta_fields=[])
@dataclass
class State:
    """Parameters and optimiser state of each unit, on their leading axis."""

    params: Any
    optimizer: Any


@partial(jax.jit, static_argnums=0)
def init(program: Program, keys: Key[Array, " n"]) -> State:
    """The state of each unit before the first step."""
    params = jax.vmap(program.param.init)(jax.vmap(_init_key)(keys))
    return State(params, jax.vmap(program.optimizer.init)(params))


@partial(jax.jit, static_argnums=0)
def advance(
    program: Program,
    bound: Bound,
    data: Any,
    keys: Key[Array, " n"],
    state: State,
    start: Int[Array, ""],
    stop: Int[Array, ""],
) -> tuple[State, Float[Array, "n chunk"]]:
    """Run steps `start` to `stop` (at most `CHUNK`); returns the new state and the objective at each step.

    The bounds are data, so one compiled program serves every number of steps.
    """
    network = bound.network

    def loss(params: Any, step: Array) -> tuple[Array, Array]:
        images = jax.vmap(program.param)(params)
        step_keys = jax.vmap(lambda key: jax.random.fold_in(_step_key(key), step))(keys)
        views = jax.vmap(partial(apply, program.transforms))(step_keys, images)
        acts = activations(network, views, program.layers, rules_at(program.rules, step))
        values = _values(program, data, images, acts)
        return -values.sum(), values

    def body(step: Array, carry: tuple[State, Array]) -> tuple[State, Array]:
        state, history = carry
        grads, values = jax.grad(loss, has_aux=True)(state.params, step)
        updates, optimizer = jax.vmap(program.optimizer.update)(grads, state.optimizer, state.params)
        state = State(optax.apply_updates(state.params, updates), optimizer)
        return state, jax.lax.dynamic_update_index_in_dim(history, values, step - start, axis=1)

    history = jnp.full((len(keys), CHUNK), jnp.nan, jnp.float32)
    return jax.lax.fori_loop(start, stop, body, (state, history))


@partial(jax.jit, static_argnums=0)
def finish(
    program: Program, bound: Bound, data: Any, state: State
) -> tuple[Float[Array, "n h w c"], Float[Array, " n"]]:
    """The images, and each one's objective without transforms."""
    images = jax.vmap(program.param)(state.params)
    acts = activations(bound.network, images, program.layers, fast())
    return images, _values(program, data, images, acts)


def _values(program: Program, data: Any, images: Array, acts: dict[str, Array]) -> Float[Array, " n"]:
    # Objectives see the images of one result; here that is one image, hence the added axis.
    named = {name: a[:, None] for name, a in (acts | {INPUT: images}).items()}
    return jax.vmap(lambda a, d: program.fn(a, d).astype(jnp.float32))(named, data)


def _init_key(key: Key[Array, ""]) -> Key[Array, ""]:
    return jax.random.fold_in(key, 0)


def _step_key(key: Key[Array, ""]) -> Key[Array, ""]:
    return jax.random.fold_in(key, 1)


def stack(data: Sequence[Any]) -> Any:
    """The data of several objectives of one kind, stacked along a leading axis.

    >>> stack([(1, [2.0, 0.5]), (3, [4.0, 0.5])])
    (array([1, 3]), [array([2., 4.]), array([0.5, 0.5])])
    """
    return jax.tree.map(lambda *leaves: np.stack(leaves), *data)
