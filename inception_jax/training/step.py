"""One step of training as a pure function of the state and a batch, compiled once per image size."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, UInt8

from inception_jax import ops
from inception_jax.architecture import Architecture
from inception_jax.compilation import Compiled
from inception_jax.gradients import STANDARD, Rules
from inception_jax.graph import INPUT, Softmax, graph
from inception_jax.network import Weights
from inception_jax.training.batchnorm import TrainingNetwork, batch_statistics, initial
from inception_jax.training.recipe import Recipe

LOGITS = "softmax2_pre_activation"
"""The activation that the network is judged by."""


class Sums(NamedTuple):
    """What is added up over steps, on the device, until somebody reads it."""

    loss: Float[Array, ""]
    correct: Int[Array, ""]
    images: Int[Array, ""]


class State(NamedTuple):
    """Everything that one step hands to the next; a checkpoint is this and nothing else."""

    step: Int[Array, ""]
    params: Weights
    statistics: Weights
    optimizer: Any
    sums: Sums


def begin(architecture: Architecture, recipe: Recipe, optimizer: optax.GradientTransformation, seed: int) -> State:
    """The state before the first step."""
    params, statistics = initial(architecture, seed, recipe.batch_norm)
    return State(jnp.zeros((), jnp.int32), params, statistics, optimizer.init(params), no_sums())


def no_sums() -> Sums:
    """Sums over no steps."""
    return Sums(jnp.zeros(()), jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))


def loss(
    architecture: Architecture,
    recipe: Recipe,
    params: Weights,
    images: UInt8[Array, "n h w 3"],
    labels: Int[Array, "n"],
) -> tuple[Float[Array, ""], tuple[Weights, Int[Array, ""]]]:
    """Cross-entropy with smoothed labels, auxiliary classifiers included; batch statistics; how many are right.

    The value has no weight decay in it: that belongs to the optimiser.
    """
    dtype = jnp.dtype(recipe.precision)
    # Scales and biases stay float32, since normalisation computes in it.
    lower = {
        name: {part: w.astype(dtype) if part == "kernel" or "scale" not in layer else w for part, w in layer.items()}
        for name, layer in params.items()
    }
    network = TrainingNetwork(architecture, lower)
    pixels = images.astype(jnp.float32) * (architecture.input_scale / 255.0) - jnp.asarray(architecture.input_mean)
    logits = logit_names(architecture)
    acts = network({INPUT: pixels.astype(dtype)}, graph(architecture).upto(logits), _rules())
    targets = optax.smooth_labels(jax.nn.one_hot(labels, architecture.classes), recipe.label_smoothing)
    total = jnp.zeros(())
    for name in logits:
        weight = 1.0 if name == LOGITS else recipe.head_weight
        total += weight * optax.softmax_cross_entropy(acts[name].astype(jnp.float32), targets).mean()
    correct = (acts[LOGITS].argmax(-1) == labels).sum()
    return total, (batch_statistics(network, lower), correct)


def step(
    architecture: Architecture,
    recipe: Recipe,
    optimizer: optax.GradientTransformation,
    state: State,
    images: UInt8[Array, "n h w 3"],
    labels: Int[Array, "n"],
) -> State:
    """The state after one step."""
    (value, (found, correct)), gradient = jax.value_and_grad(loss, argnums=2, has_aux=True)(
        architecture, recipe, state.params, images, labels
    )
    updates, after = optimizer.update(gradient, state.optimizer, state.params)
    # A plain average at first, so that short runs do not end with what statistics began with.
    keep = jnp.minimum(recipe.statistics_decay, state.step / (state.step + 1))
    return State(
        step=state.step + 1,
        params=cast(Weights, optax.apply_updates(state.params, updates)),
        statistics=jax.tree.map(lambda old, new: keep * old + (1 - keep) * new, state.statistics, found),
        optimizer=after,
        sums=Sums(state.sums.loss + value, state.sums.correct + correct, state.sums.images + labels.shape[0]),
    )


def compiled(
    architecture: Architecture,
    recipe: Recipe,
    optimizer: optax.GradientTransformation,
    replicated: jax.sharding.Sharding,
) -> Callable[[State, Array, Array], State]:
    """`step` as a compiled function of state, images and labels; the state that it is given is used up.

    With images and labels that are sharded over devices and a replicated state, this is data-parallel training:
    gradients and batch statistics are those of the whole batch.
    """
    function = partial(step, architecture, recipe, optimizer)
    return Compiled(function, donate_argnums=0, out_shardings=replicated)


def logit_names(architecture: Architecture) -> tuple[str, ...]:
    """The logits of all classifiers, auxiliary ones included.

    >>> from inception_jax import INCEPTION5H
    >>> logit_names(INCEPTION5H)
    ('softmax2_pre_activation', 'softmax0_pre_activation', 'softmax1_pre_activation')
    """
    return tuple(node.inputs[0] for node in graph(architecture).nodes if isinstance(node.op, Softmax))


def _rules() -> Rules:
    # The stock convolution's gradients are the slower ones on CPUs.
    return Rules(conv=ops.conv_fast_vjp) if jax.default_backend() == "cpu" else STANDARD
