"""`render`: images that drive chosen units, many at once."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from tqdm.auto import tqdm

import inception_jax
from featvis import memory, plan, shortform
from featvis import param as parameterizations
from featvis import transforms as transformations
from featvis.algebra import INPUT, Objective, check
from featvis.engine import Program
from featvis.network import Bound, Network, activation_bytes, activation_shapes, unit_counts
from featvis.optimise import Attempt, best, optimise
from featvis.result import Result
from inception_jax.gradients import LUCID, Rules

Objectives = str | Objective | Iterable[str | Objective]


def render(
    model: Network,
    objectives: Objectives,
    *,
    steps: int = 512,
    seed: int = 0,
    param: parameterizations.Parameterization | None = None,
    transforms: Sequence[transformations.Transform] = transformations.LUCID,
    optimizer: optax.GradientTransformation | None = None,
    restarts: int = 1,
    rules: Rules = LUCID,
    dtype: Any = jnp.float32,
    batch: int | None = None,
    progress: bool | None = None,
    on_batch: Callable[[Result], None] | None = None,
) -> Result:
    """Optimise one image for each objective, many at once in one compiled program.

    Args:
        model: any callable from images `[n, height, width, 3]` in [0, 1] to a dict of named activations.
        objectives: an `Objective` or a short form (`"mixed4a:476"`), or several. Each unit has random numbers of
            its own, drawn from `seed` and its label, so it comes out the same whatever else is in the list; the
            same objective listed twice gives two different images.
        steps: updates of each image.
        seed: of all random numbers; the same call on the same device gives the same bits (on GPUs only with
            `XLA_FLAGS=--xla_gpu_deterministic_ops=true`).
        param: what is optimised, by default `featvis.param.image(128)`.
        transforms: drawn anew for every unit and step; see `featvis.transforms`. An empty list for none.
        optimizer: any optax optimiser that needs gradients only, by default Adam at 0.05. Keep one object for
            repeated calls: each new one is compiled anew.
        restarts: attempts per unit; the one with the highest final objective is kept.
        rules: gradient rules of this project's models. `redirected_relu` among them, as in the default `LUCID`,
            redirects gradients in the first 17 steps.
        dtype: of the network's arithmetic, `jnp.float32` or `jnp.bfloat16`; parameters and optimiser stay float32.
            On recent GPUs JAX computes float32 convolutions with TF32 unless `jax.default_matmul_precision` says
            otherwise.
        batch: images per program; by default what suits the device and its memory.
        progress: whether to draw a progress bar; by default only on terminals.
        on_batch: called with each batch of finished units as soon as it is there, to store it.

    Returns:
        Images, objective histories and final scores in the order of `objectives`. After Ctrl-C, of those units that
        had at least one chunk of steps.

    Raises:
        ValueError: an unknown layer or unit, an image too small for the layer, or an argument out of range.
        MemoryError: the device's memory does not hold a batch.
        KeyboardInterrupt: if interrupted before anything was done.

    Source: Lucid, `render_vis` and its defaults; Olah et al. 2017, *Feature Visualization*.

    >>> import inception_jax, featvis
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> result = featvis.render(model, "conv2d0:0-1", steps=2, param=featvis.param.image(32))
    >>> result.images.shape, result.history.shape, result.labels
    ((2, 32, 32, 3), (2, 2), ('conv2d0:0', 'conv2d0:1'))
    """
    for name, value in {"steps": steps, "restarts": restarts, "batch": 1 if batch is None else batch}.items():
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} is {value}; expected a whole number, at least 1")
    param = parameterizations.image() if param is None else param
    if not isinstance(param, parameterizations.Parameterization):
        raise ValueError(f"param is {param!r}; expected a parameterisation, such as featvis.param.image(128)")
    network = _cast(model, dtype, rules)
    size = (param.shape[0], param.shape[1])
    view = transformations.output_size(transforms, size)
    listed = _resolve(network, objectives, size)
    _check(network, listed, param.shape, (size, view))

    bound, attempts, finished = Bound.of(network), defaultdict[int, list[Attempt]](list), list[Result]()
    total = len(listed) * restarts * steps
    try:
        with tqdm(total=total, unit="step", disable=None if progress is None else not progress) as bar:
            for jobs in plan.groups(plan.jobs(listed, seed, restarts)):
                objective = jobs[0].objective
                program = Program(
                    objective.fn, objective.network_layers, param, tuple(transforms), optimizer or _adam(), rules
                )
                _check_hashable(program)
                limit = batch or memory.batch_size(activation_bytes(network, objective.network_layers, view))
                for part, width in plan.batches(jobs, limit):
                    done = optimise(program, bound, part, width, steps, bar.update)
                    interrupted = not done or done[0].steps_done < steps
                    for attempt in done:
                        attempts[attempt.job.index].append(attempt)
                    complete = [i for i, tried in attempts.items() if interrupted or len(tried) == restarts]
                    if complete:
                        finished.append(best([attempts.pop(i) for i in complete], restarts, seed, interrupted))
                        if on_batch is not None:
                            on_batch(finished[-1])
                    if interrupted:
                        raise KeyboardInterrupt
    except KeyboardInterrupt:
        if not finished:
            raise
        return Result.merge(finished, interrupted=True)
    return Result.merge(finished)


@cache
def _adam() -> optax.GradientTransformation:
    # One object, since programs are told apart by their optimiser's identity.
    return optax.adam(0.05)


def _cast(model: Network, dtype: Any, rules: Rules) -> Network:
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"dtype is {dtype}; expected a floating-point type such as jnp.float32 or jnp.bfloat16")
    if isinstance(model, inception_jax.Model):
        return model.astype(dtype)
    if dtype != jnp.float32:
        raise ValueError(f"dtype {jnp.dtype(dtype)} is for this project's models; cast {type(model).__name__} yourself")
    if rules != LUCID:
        raise ValueError(f"rules are for this project's models; {type(model).__name__} has gradients of its own")
    return model


def _resolve(model: Network, objectives: Objectives, size: tuple[int, int]) -> list[Objective]:
    items = [objectives] if isinstance(objectives, str | Objective) else list(objectives)
    layers = unit_counts(model, size) if any(isinstance(item, str) for item in items) else {}
    listed: list[Objective] = []
    for item in items:
        if not isinstance(item, str | Objective):
            raise ValueError(
                f"{item!r} is no objective; expected featvis.objectives or a short form: {shortform.FORMS}"
            )
        listed += shortform.parse(item, layers) if isinstance(item, str) else [item]
    if not listed:
        raise ValueError("no objectives were given; expected at least one")
    return listed


def _check_hashable(program: Program) -> None:
    for field in dataclasses.fields(program):
        try:
            hash(getattr(program, field.name))
        except TypeError as error:
            raise ValueError(
                f"{field.name} cannot be compiled once and reused ({error}); expected functions or frozen dataclasses "
                "of numbers and tuples, with arrays in an objective's data"
            ) from error


def _check(
    model: Network, objectives: Sequence[Objective], shape: tuple[int, ...], sizes: Sequence[tuple[int, int]]
) -> None:
    layers = tuple(dict.fromkeys(name for objective in objectives for name in objective.network_layers))
    for size in dict.fromkeys(sizes):
        shapes = activation_shapes(model, layers, size) | {INPUT: (1, *shape)}
        for objective in objectives:
            check(objective.fn, shapes, objective.data)
