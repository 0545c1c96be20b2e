"""Running one batch of jobs, and choosing among attempts."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from featvis import engine
from featvis.network import Bound
from featvis.plan import Batch, Job
from featvis.result import Origin, Result


@dataclass(frozen=True)
class Course:
    """How long an optimisation takes, what is kept on the way, and the image each objective begins with, if any."""

    steps: int
    snapshots: tuple[int, ...] = ()
    starts: Float[np.ndarray, "..."] | None = None

    def stretches(self) -> list[tuple[int, int]]:
        """First and last step of each run of the device, which ends at snapshots.

        >>> Course(20, (3, 20)).stretches()
        [(0, 3), (3, 19), (19, 20)]
        """
        ends = sorted({*(step for step in self.snapshots if step < self.steps), self.steps})
        result, done = [], 0
        for end in ends:
            while done < end:
                stop = min(done + engine.CHUNK, end)
                result.append((done, stop))
                done = stop
        return result


@dataclass(frozen=True)
class Attempt:
    """What came of a job."""

    job: Job
    image: Float[np.ndarray, "..."]
    history: Float[np.ndarray, " steps"]
    score: float
    steps_done: int
    reached: bool
    snapshots: Float[np.ndarray, "..."]
    origin: Origin
    params: Any


Attempts = tuple[list[Attempt], bool]
"""What came of the jobs of a batch, and whether Ctrl-C ended it early."""


def optimise(
    program: engine.Program,
    bound: Bound,
    units: engine.Units,
    batch: Batch,
    course: Course,
    advanced: Callable[[int], object],
) -> Attempts:
    """Run a batch along `course`, calling `advanced(image_steps)` as it goes.

    Returns what came of the jobs, and whether Ctrl-C ended it early: they then have as many steps as were finished,
    and there are none if none were.

    Raises:
        MemoryError: the device's memory does not hold the batch.
    """
    width, wanted = len(batch.padded), len(batch.places)
    history = np.full((width, course.steps), np.nan, np.float32)
    kept = np.full((width, len(course.snapshots), *program.param.shape), np.nan, np.float32)
    done, state, interrupted, noticed = 0, None, False, set[int]()
    try:
        starts = None if course.starts is None else course.starts[[job.index for job in batch.padded]]
        state = engine.init(program, units.keys, starts)
        for begin, end in course.stretches():
            newer, values = engine.advance(program, bound, units, state, jnp.int32(begin), jnp.int32(end))
            history[:, begin:end] = np.asarray(values)[:, : end - begin]
            advanced(wanted * (end - begin))
            state, done = newer, end
            _notice(noticed, batch, np.asarray(state.left_out), begin, end)
            _keep(kept, course, program, state, done)
            if program.stops and np.asarray(state.reached).all():
                advanced(wanted * (course.steps - done))
                break
    except KeyboardInterrupt:
        if not done:
            return [], True
        interrupted = True
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise MemoryError(f"the device's memory does not hold {width} results at once") from error
    assert state is not None
    history[:, done:] = np.nan
    images, scores = (np.asarray(part) for part in engine.finish(program, bound, units, state))
    params = jax.tree.map(np.asarray, state.params)
    steps, reached = np.asarray(state.steps), np.asarray(state.reached)
    for place, step in enumerate(course.snapshots):
        if step > done:
            # What has reached its target does not change any more.
            kept[reached, place] = images[reached]
    attempts = [
        Attempt(
            job=batch.padded[i],
            image=images[i],
            history=history[i],
            score=float(scores[i]),
            steps_done=int(steps[i]),
            reached=bool(reached[i]),
            snapshots=kept[i],
            origin=Origin(batch.padded[i].key, i, width),
            params=jax.tree.map(lambda leaf, i=i: leaf[i], params),
        )
        for i in batch.places
    ]
    return attempts, interrupted


def _notice(noticed: set[int], batch: Batch, left_out: Int[np.ndarray, " n"], begin: int, end: int) -> None:
    """Warn of results that had steps left out for the first time."""
    new = [i for i in batch.places if left_out[i] and i not in noticed]
    noticed.update(new)
    for i in new:
        warnings.warn(
            f"the objective {batch.padded[i].objective.label} or its gradient was not finite in {left_out[i]} of the "
            f"steps {begin + 1} to {end}; such steps are left out, and its image stays as it was before them",
            stacklevel=3,
        )


def _keep(kept: np.ndarray, course: Course, program: engine.Program, state: engine.State, done: int) -> None:
    for place in (i for i, step in enumerate(course.snapshots) if step == done):
        kept[:, place] = np.asarray(engine.images(program, state))


def best(units: Sequence[Sequence[Attempt]], restarts: int, course: Course, seed: int, interrupted: bool) -> Result:
    """The attempt with the highest score of each unit, which has as many steps as its least advanced attempt."""
    chosen = [max(attempts, key=lambda a: (np.isfinite(a.score), a.score)) for attempts in units]
    for attempt in chosen:
        if not np.isfinite(attempt.score):
            warnings.warn(f"the objective {attempt.job.objective.label} ended at {attempt.score}", stacklevel=3)
    return Result(
        images=np.stack([a.image for a in chosen]),
        history=np.stack([a.history for a in chosen]),
        scores=np.array([a.score for a in chosen], np.float32),
        labels=tuple(a.job.objective.label for a in chosen),
        indices=np.array([a.job.index for a in chosen]),
        steps_done=np.array([min(a.steps_done for a in unit) if len(unit) == restarts else 0 for unit in units]),
        reached=np.array([a.reached for a in chosen]),
        snapshots=np.stack([a.snapshots for a in chosen]),
        snapshot_steps=course.snapshots,
        origins=tuple(a.origin for a in chosen),
        seed=seed,
        interrupted=interrupted,
        params=jax.tree.map(lambda *leaves: np.stack(leaves), *[a.params for a in chosen]),
    )
