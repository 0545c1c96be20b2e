"""The compiled program: many results at once, each optimised for its own objective."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int, Key

from featvis.algebra import GRADIENT, INPUT, STEP, Activations, Function
from featvis.devices import spread
from featvis.network import Bound, Network, activations, fast, rules_at
from featvis.param import Parameterization
from featvis.transforms import Transform, apply
from inception_jax.compilation import Compiled
from inception_jax.gradients import Rules

CHUNK = 16
"""Most steps between two looks of the host at the device."""

Share = Literal["image", "result", "all"]
"""What shares the random draws of the transforms: nothing beyond one image, the images of one result, or everything."""


@dataclass(frozen=True)
class Program:
    """Everything static about an optimisation; two equal programs are compiled once.

    `kinds` are the functions of all objectives that run in it, `layers` those that they read from the network, and
    `gradients` the layers at which they read the gradient of the objective itself.
    """

    kinds: tuple[Function, ...]
    layers: tuple[str, ...]
    gradients: tuple[str, ...]
    param: Parameterization
    transforms: tuple[Transform, ...]
    optimizer: optax.GradientTransformation
    rules: Rules
    mesh: Mesh
    share: Share = "image"
    stops: bool = False


@partial(jax.tree_util.register_dataclass, data_fields=["which", "data", "keys", "root", "targets"], meta_fields=[])
@dataclass
class Units:
    """What the results of a batch are optimised for, on their leading axis.

    `which` is the number of each one's kind; `data` holds for every kind what its function needs, for all results: for
    those of another kind it is there to fill the place. `root` is the key of draws that everything shares, the same for
    each.
    """

    which: Int[Array | np.ndarray, " n"]
    data: tuple[Any, ...]
    keys: Key[Array, " n"]
    root: Key[Array, " n"]
    targets: Float[Array | np.ndarray, " n"]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["params", "optimizer", "steps", "reached", "left_out"],
    meta_fields=[],
)
@dataclass
class State:
    """Parameters and optimiser state of each result, how many steps it had, and whether it reached its target.

    `left_out` counts those of the steps whose objective or outcome was not finite.
    """

    params: Any
    optimizer: Any
    steps: Int[Array, " n"]
    reached: Bool[Array, " n"]
    left_out: Int[Array, " n"]


@partial(Compiled, static_argnums=0)
def init(program: Program, keys: Key[Array, " n"], start: Float[Array, "n *shape"] | None = None) -> State:
    """The state before the first step: random, or that of the images `start`."""

    def begin(given: tuple[Array, Array | None], _: None) -> State:
        keys, start = given
        if start is None:
            params = jax.vmap(program.param.init)(jax.vmap(_init_key)(keys))
        else:
            params = jax.vmap(program.param.invert)(start)  # pyright: ignore[reportAttributeAccessIssue]
        none = jnp.zeros(len(keys), jnp.int32)
        return State(params, jax.vmap(program.optimizer.init)(params), none, none.astype(bool), none)

    return spread(program.mesh, begin)((keys, start), None)


@partial(Compiled, static_argnums=0)
def advance(
    program: Program, bound: Bound, units: Units, state: State, start: Int[Array, ""], stop: Int[Array, ""]
) -> tuple[State, Float[Array, "n chunk"]]:
    """Run steps `start` to `stop` (at most `CHUNK`); returns the new state and the objective at each step.

    The bounds are data, so one compiled program serves every number of steps. Where the program `stops`, results that
    have reached their target stay as they are. So does a result in a step whose objective or outcome is not finite:
    the step is left out, its objective is NaN, and the next one begins from sound parameters, with other transforms.
    """
    return spread(program.mesh, partial(_advance, program))((units, state), (bound, start, stop))


def _advance(
    program: Program, split: tuple[Units, State], shared: tuple[Bound, Array, Array]
) -> tuple[State, Float[Array, "n chunk"]]:
    units, state = split
    bound, start, stop = shared
    network = bound.network

    def body(step: Array, carry: tuple[State, Array]) -> tuple[State, Array]:
        state, history = carry

        def loss(params: Any) -> tuple[Array, Array]:
            values = _step_values(program, network, units, params, step)
            return -values.sum(), values

        grads, values = jax.grad(loss, has_aux=True)(state.params)
        updates, optimizer = _updates(program, network, units, state, grads, values, step)
        params = optax.apply_updates(state.params, updates)
        sound = jnp.isfinite(values) & _finite(params)
        history = _record(history, jnp.where(sound & ~state.reached, values, jnp.nan), step - start)
        reached = state.reached | (sound & (values >= units.targets)) if program.stops else state.reached
        params, optimizer = jax.tree.map(
            lambda old, new: jnp.where(_like(reached | ~sound, new), old, new),
            (state.params, state.optimizer),
            (params, optimizer),
        )
        left_out = state.left_out + (~sound & ~reached)
        return State(params, optimizer, state.steps + ~reached, reached, left_out), history

    history = jnp.full((len(units.keys), CHUNK), jnp.nan, jnp.float32)
    return jax.lax.fori_loop(start, stop, body, (state, history))


@partial(Compiled, static_argnums=0)
def images(program: Program, state: State) -> Float[Array, "n *shape"]:
    """The images as they are now."""
    return spread(program.mesh, lambda params, _: jax.vmap(program.param)(params))(state.params, None)


@partial(Compiled, static_argnums=0)
def finish(
    program: Program, bound: Bound, units: Units, state: State
) -> tuple[Float[Array, "n *shape"], Float[Array, " n"]]:
    """The images, and each result's objective without transforms; transparent ones lie on grey for that."""
    return spread(program.mesh, partial(_finish, program))((units, state), bound)


def _finish(
    program: Program, split: tuple[Units, State], bound: Bound
) -> tuple[Float[Array, "n *shape"], Float[Array, " n"]]:
    units, state = split
    shown = jax.vmap(program.param)(state.params)
    stacked = _stacked(program.param, shown)
    seen = stacked.reshape(-1, *stacked.shape[2:])
    if getattr(program.param, "alpha", False):
        opacity = seen[..., 3:]
        seen = seen[..., :3] * opacity + 0.5 * (1 - opacity)
    return shown, _objectives(program, bound.network, units, stacked, seen, fast(), state.steps.astype(jnp.float32))


def _step_values(program: Program, network: Network, units: Units, params: Any, step: Array) -> Float[Array, " n"]:
    """The objectives of all results at `step`, seen through the transforms."""
    images = _stacked(program.param, jax.vmap(program.param)(params))
    keys = jax.vmap(lambda key: jax.random.fold_in(_step_key(key), step))(units.keys)
    count, each = images.shape[:2]
    if program.share == "all":
        keys = jnp.broadcast_to(jax.random.fold_in(_step_key(units.root[0]), step), count)
    keys = jnp.repeat(keys, each)
    if program.share == "image" and each > 1:
        keys = jax.vmap(jax.random.fold_in)(keys, jnp.tile(jnp.arange(each), count))
    views = jax.vmap(partial(apply, program.transforms, step=step))(keys, images.reshape(-1, *images.shape[2:]))
    steps = jnp.full(count, step, jnp.float32)
    return _objectives(program, network, units, images, views, rules_at(program.rules, step), steps)


def _objectives(
    program: Program,
    network: Network,
    units: Units,
    images: Float[Array, "n each h w c"],
    views: Float[Array, "all_images h2 w2 c2"],
    rules: Rules,
    steps: Float[Array, " n"],
) -> Float[Array, " n"]:
    """The objectives of `images` as the network sees them, which is `views`."""
    if not program.gradients:
        return _values(program, units, images, activations(network, views, program.layers, rules), steps)

    def alone(added: dict[str, Array]) -> Array:
        # What multiplies gradients is nothing here, which leaves the objective that the gradients are of.
        acts = activations(network, views, program.layers, rules, added)
        nothing = {GRADIENT + name: jnp.zeros_like(more) for name, more in added.items()}
        return _values(program, units, images, acts | nothing, steps).sum()

    acts = activations(network, views, tuple({*program.layers, *program.gradients}), rules)
    gradients = jax.grad(alone)({name: jnp.zeros_like(acts[name]) for name in program.gradients})
    known = {GRADIENT + name: jax.lax.stop_gradient(gradient) for name, gradient in gradients.items()}
    return _values(program, units, images, acts | known, steps)


def _values(
    program: Program,
    units: Units,
    images: Float[Array, "n each h w c"],
    acts: dict[str, Array],
    steps: Float[Array, " n"],
) -> Float[Array, " n"]:
    count, each = images.shape[:2]
    named = {name: a.reshape(count, each, *a.shape[1:]) for name, a in acts.items()} | {INPUT: images, STEP: steps}
    if len(program.kinds) == 1:
        return jax.vmap(partial(_value, program.kinds[0]))(named, units.data[0])
    total = jnp.zeros(count, jnp.float32)
    for number, (fn, data) in enumerate(zip(program.kinds, units.data, strict=True)):
        mine = units.which == number
        # Selecting, before and after, keeps whatever one kind makes of the others' results (NaN, say) out of them.
        own = {name: jnp.where(_like(mine, a), a, jax.lax.stop_gradient(a)) for name, a in named.items()}
        total = jnp.where(mine, jax.vmap(partial(_value, fn))(own, data), total)
    return total


def _value(fn: Function, acts: Activations, data: Any) -> Float[Array, ""]:
    return fn(acts, data).astype(jnp.float32)


def _updates(
    program: Program, network: Network, units: Units, state: State, grads: Any, values: Array, step: Array
) -> tuple[Any, Any]:
    """What the optimiser makes of the gradients of each result, alone."""
    optimizer = program.optimizer
    if not isinstance(optimizer, optax.GradientTransformationExtraArgs):
        return jax.vmap(optimizer.update)(grads, state.optimizer, state.params)

    # Optimisers with a line search, such as L-BFGS, want to know the value elsewhere.
    def update(
        which: Array, data: Any, key: Array, target: Array, grad: Any, before: Any, params: Any, value: Array
    ) -> tuple[Any, Any]:
        alone = Units(which[None], jax.tree.map(lambda x: x[None], data), key[None], units.root[:1], target[None])

        def loss(params: Any) -> Array:
            return -_step_values(program, network, alone, jax.tree.map(lambda x: x[None], params), step)[0]

        return optimizer.update(grad, before, params, value=-value, grad=grad, value_fn=loss)

    each = jnp.asarray(units.which), units.data, units.keys, jnp.asarray(units.targets)
    return jax.vmap(update)(*each, grads, state.optimizer, state.params, values)


def _stacked(param: Parameterization, images: Array) -> Float[Array, "n each h w c"]:
    return images if len(param.shape) == 4 else images[:, None]


def _record(history: Array, values: Array, at: Array) -> Array:
    return jax.lax.dynamic_update_index_in_dim(history, values, at, axis=1)


def _finite(params: Any) -> Bool[Array, " n"]:
    """Which results have finite parameters."""
    finite = [jnp.isfinite(leaf).all(axis=tuple(range(1, leaf.ndim))) for leaf in jax.tree.leaves(params)]
    return jnp.stack(finite).all(axis=0)


def _like(mask: Array, other: Array) -> Array:
    return mask.reshape(-1, *[1] * (other.ndim - 1))


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
