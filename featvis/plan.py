"""From a list of objectives to batches that one compiled program each can do."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from featvis.algebra import Objective

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Job:
    """One attempt at the objective at place `index` of the list, with a random key of its own."""

    index: int
    objective: Objective
    key: Key[Array, ""]


def jobs(objectives: Sequence[Objective], seed: int, restarts: int) -> list[Job]:
    """`restarts` jobs for each objective.

    A job's key comes from the seed, the objective's label, how often that label came before, and the attempt; so a
    unit looks the same whatever else is rendered with it.
    """
    root, seen, result = jax.random.key(seed), Counter[str](), list[Job]()
    for index, objective in enumerate(objectives):
        label = objective.label
        unit = jax.random.fold_in(jax.random.fold_in(root, zlib.crc32(label.encode())), seen[label])
        seen[label] += 1
        result += [Job(index, objective, jax.random.fold_in(unit, attempt)) for attempt in range(restarts)]
    return result


def groups(jobs: Iterable[Job]) -> list[list[Job]]:
    """The jobs by kind of objective (the function, its layers, the shapes of its data), in order of appearance."""
    result: dict[object, list[Job]] = defaultdict(list)
    for job in jobs:
        leaves, structure = jax.tree.flatten(job.objective.data)
        kind = tuple((np.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)
        result[job.objective.fn, job.objective.layers, structure, kind].append(job)
    return list(result.values())


def batches(jobs: Sequence[T], limit: int) -> Iterator[tuple[list[T], int]]:
    """Batches of at most `limit` jobs, and the width their program should have.

    The last batch's width is the next power of two, so that lists of all lengths need few programs.

    >>> [(len(part), width) for part, width in batches(list(range(9)), 4)]
    [(4, 4), (4, 4), (1, 1)]
    >>> [(len(part), width) for part, width in batches(list(range(300)), 256)]
    [(256, 256), (44, 64)]
    """
    for start in range(0, len(jobs), limit):
        part = list(jobs[start : start + limit])
        yield part, min(limit, 1 << (len(part) - 1).bit_length())
