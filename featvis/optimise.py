"""Running one batch of jobs, and choosing among attempts."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from featvis import engine
from featvis.network import Bound
from featvis.plan import Job
from featvis.result import Result


@dataclass(frozen=True)
class Attempt:
    """What came of a job."""

    job: Job
    image: Float[np.ndarray, "h w c"]
    history: Float[np.ndarray, " steps"]
    score: float
    steps_done: int


def optimise(
    program: engine.Program,
    bound: Bound,
    jobs: Sequence[Job],
    width: int,
    steps: int,
    advanced: Callable[[int], object],
) -> list[Attempt]:
    """Run `jobs` for `steps` steps in a program of that width, calling `advanced(image_steps)` as it goes.

    Ctrl-C ends it early: the attempts then have as many steps as were finished, and there are none if none were.

    Raises:
        MemoryError: the device's memory does not hold `width` images.
    """
    padded = [*jobs, *[jobs[-1]] * (width - len(jobs))]
    data = engine.stack([job.objective.data for job in padded])
    keys = jnp.stack([job.key for job in padded])
    history = np.full((len(padded), steps), np.nan, np.float32)
    done, state = 0, None
    try:
        state = engine.init(program, keys)
        while done < steps:
            stop = min(done + engine.CHUNK, steps)
            newer, values = engine.advance(program, bound, data, keys, state, jnp.int32(done), jnp.int32(stop))
            history[:, done:stop] = np.asarray(values)[:, : stop - done]
            advanced(len(jobs) * (stop - done))
            state, done = newer, stop
    except KeyboardInterrupt:
        if not done:
            return []
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        message = f"the device's memory does not hold {width} images at once; give a smaller `batch`"
        raise MemoryError(message) from error
    history[:, done:] = np.nan
    images, scores = engine.finish(program, bound, data, state)
    images, scores = np.asarray(images), np.asarray(scores)
    return [Attempt(job, images[i], history[i], float(scores[i]), done) for i, job in enumerate(jobs)]


def best(units: Sequence[Sequence[Attempt]], restarts: int, seed: int, interrupted: bool) -> Result:
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
        seed=seed,
        interrupted=interrupted,
    )
