"""`render`: images that drive chosen units, many at once."""

import logging
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float
from tqdm.auto import tqdm

from featvis import devices as spreading
from featvis import memory, plan, request
from featvis import param as parameterizations
from featvis import transforms as transformations
from featvis.engine import Program, Share
from featvis.network import Bound, Network, activation_bytes
from featvis.optimise import Attempt, Attempts, Course, best, optimise
from featvis.request import Objectives
from featvis.result import Origin, Result
from inception_jax.gradients import LUCID, Rules

_LOG = logging.getLogger(__name__)


def render(
    model: Network,
    objectives: Objectives,
    *,
    steps: int = 512,
    seed: int = 0,
    param: parameterizations.Parameterization | None = None,
    transforms: Sequence[transformations.Transform] = transformations.LUCID,
    share: Share = "image",
    start: Float[Array | np.ndarray, "..."] | None = None,
    optimizer: optax.GradientTransformation | None = None,
    restarts: int = 1,
    stop_at: float | Sequence[float] | None = None,
    snapshots: Sequence[int] = (),
    rules: Rules = LUCID,
    dtype: Any = jnp.float32,
    batch: int | None = None,
    devices: Sequence[Any] | None = None,
    only: Sequence[int] | None = None,
    origins: Sequence[Origin] | None = None,
    progress: bool | None = None,
    on_batch: Callable[[Result], None] | None = None,
) -> Result:
    """Optimise an image for each objective, many at once in one compiled program.

    Args:
        model: any callable from images `[n, height, width, 3]` in [0, 1] to a dict of named activations.
        objectives: an `Objective` or a short form (`"mixed4a:476"`), or several. Each unit has random numbers of
            its own, drawn from `seed` and its label, so it comes out the same whatever else is in the list; the
            same objective listed twice gives two different images. Objectives of several kinds share a program where
            they read the same layers.
        steps: updates of each image.
        seed: of all random numbers; the same call on the same device gives the same bits (on GPUs only with
            `XLA_FLAGS=--xla_gpu_deterministic_ops=true`).
        param: what is optimised, by default `featvis.param.image(128)`.
        transforms: drawn anew for every step; see `featvis.transforms`. An empty list for none. Transparent images
            that are still so after them are laid on a random background.
        share: what shares the draws of the transforms: nothing (`"image"`), the images of one result (`"result"`), or
            all images of the call (`"all"`, as in Lucid).
        start: begin with this image, or with one for each objective, in [0, 1], instead of noise.
        optimizer: any optax optimiser, line searches such as `optax.lbfgs()` included, by default Adam at 0.05. Keep
            one object for repeated calls: each new one is compiled anew.
        restarts: attempts per unit; the one with the highest final objective is kept.
        stop_at: leave an image as it is once its objective, seen through the transforms, is this high; one number, or
            one for each objective.
        snapshots: numbers of steps after which the images are kept as well, for `result.snapshots` and videos.
        rules: gradient rules of this project's models. `redirected_relu` among them, as in the default `LUCID`,
            redirects gradients in the first 17 steps.
        dtype: of the network's arithmetic, `jnp.float32` or `jnp.bfloat16`; parameters and optimiser stay float32.
            On recent GPUs JAX computes float32 convolutions with TF32 unless `jax.default_matmul_precision` says
            otherwise.
        batch: results per program, on all devices together; by default what suits the devices and their memory. Where
            the memory does not hold them, half as many, with a warning.
        devices: JAX devices that share the batches; by default all of this process.
        only: places in the list of objectives of those that are wanted now; by default all. They come out bit for bit
            as they would with all others, so a long list can be worked off in pieces.
        origins: make images of an earlier result again: one `result.origins[i]` for each objective, with the
            arguments of that call. Each comes out bit for bit on the same device, at the cost of a whole batch.
        progress: whether to draw a progress bar; by default only on terminals.
        on_batch: called with each batch of finished units as soon as it is there, to store it.

    Returns:
        Images, objective histories and final scores in the order of `objectives`. After Ctrl-C, of those units that
        had at least one chunk of steps.

    Raises:
        ValueError: an unknown layer or unit, an image too small for the layer, or an argument out of range.
        MemoryError: the memory of a device does not hold a single result.
        KeyboardInterrupt: if interrupted before anything was done.

    Source: Lucid, `render_vis` and its defaults; Olah et al. 2017, *Feature Visualization*.

    >>> import inception_jax, featvis
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> result = featvis.render(model, "conv2d0:0-1", steps=2, param=featvis.param.image(32))
    >>> result.images.shape, result.history.shape, result.labels
    ((2, 32, 32, 3), (2, 2), ('conv2d0:0', 'conv2d0:1'))
    """
    request.whole_numbers(steps=steps, restarts=restarts, batch=1 if batch is None else batch)
    kept = tuple(sorted(set(snapshots)))
    if kept and not 1 <= kept[0] <= kept[-1] <= steps:
        raise ValueError(f"snapshots are {list(snapshots)}; expected numbers of steps from 1 to {steps}")
    param = parameterizations.image() if param is None else param
    images = request.images_shape(param)
    network = request.cast(model, dtype, rules)
    transforms = request.opaque(param, transforms)
    view = request.view_shape(images, transforms)
    listed = request.resolve(network, objectives, view)
    request.check_objectives(network, listed, images, view)
    targets = request.per_unit("stop_at", stop_at, len(listed))
    course = Course(steps, kept, request.start_images(param, start, len(listed)))
    jobs = plan.jobs(listed, seed, restarts) if origins is None else plan.again(listed, origins, restarts)
    places = request.places(only, len(listed))
    wanted = {job for job in jobs if job.index in places}

    mesh = spreading.mesh(devices)
    bound = spreading.replicate(mesh, Bound.of(network))
    attempts, finished = defaultdict[int, list[Attempt]](list), list[Result]()
    try:
        with tqdm(total=len(wanted) * steps, unit="step", disable=None if progress is None else not progress) as bar:
            for group in plan.groups(jobs):
                program = request.hashable(
                    Program(
                        kinds=tuple(kind.fn for kind in group.kinds),
                        layers=group.layers,
                        gradients=group.gradients,
                        param=param,
                        transforms=transforms,
                        optimizer=optimizer or _adam(),
                        rules=rules,
                        mesh=mesh,
                        share=share,
                        stops=stop_at is not None,
                    )
                )

                def run(part: plan.Batch, group: plan.Group = group, program: Program = program) -> Attempts:
                    layers = ", ".join(group.layers)
                    _LOG.info("drawing %d of %d, %d steps, layers %s", len(part.places), len(jobs), steps, layers)
                    units = spreading.share(mesh, plan.units(group, part, seed, targets))
                    return optimise(program, bound, units, part, course, bar.update)

                each = memory.batch_size(activation_bytes(network, group.layers, view))
                limit = each * mesh.size if batch is None else -(-batch // mesh.size) * mesh.size
                if origins is None:
                    parts = _halving(run, group, limit, wanted, mesh.size)
                else:
                    parts = map(run, plan.in_old_places(group, origins, wanted))
                for done, interrupted in parts:
                    for attempt in done:
                        attempts[attempt.job.index].append(attempt)
                    complete = [i for i, tried in attempts.items() if interrupted or len(tried) == restarts]
                    if complete:
                        finished.append(best([attempts.pop(i) for i in complete], restarts, course, seed, interrupted))
                        if on_batch is not None:
                            on_batch(finished[-1])
                    if interrupted:
                        raise KeyboardInterrupt
    except KeyboardInterrupt:
        if not finished:
            raise
        return _told_of_flat(Result.merge(finished, interrupted=True))
    return _told_of_flat(Result.merge(finished))


def _told_of_flat(result: Result) -> Result:
    """The result, with a warning where objectives had no gradient all along."""
    still = ~np.nan_to_num(result.history).any(axis=1) & (result.scores == 0)
    if flat := [label for label, yes in zip(result.labels, still, strict=True) if yes]:
        some = ", ".join(flat[:3]) + (", ..." if len(flat) > 3 else "")
        warnings.warn(
            f"{len(flat)} of {len(result)} objectives stayed at 0 all along, as after a ReLU that lets nothing "
            f"through, where no gradient shows the way: {some}; draw what is before the ReLU, which this project's "
            "models call LAYER_pre_relu, or try another seed",
            stacklevel=3,
        )
    return result


def _halving(
    run: Callable[[plan.Batch], Attempts], group: plan.Group, limit: int, wanted: set[plan.Job], devices: int
) -> Iterator[Attempts]:
    """Run batches of at most `limit` jobs, and of half as many from where the devices' memory does not hold them."""
    left = {job for job in group.jobs if job in wanted}
    while left:
        part = None
        try:
            for part in plan.batches(group, limit, left, devices):
                yield run(part)
                left -= {part.padded[place] for place in part.places}
        except MemoryError as error:
            if part is None or len(part.padded) == devices:
                raise
            limit = max(1, len(part.padded) // devices // 2) * devices
            warnings.warn(f"{error}; going on with {limit}", stacklevel=3)


@cache
def _adam() -> optax.GradientTransformation:
    # One object, since programs are told apart by their optimiser's identity.
    return optax.adam(0.05)
