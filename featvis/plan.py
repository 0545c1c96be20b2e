"""From a list of objectives to batches that one compiled program each can do."""

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from featvis import engine
from featvis.algebra import Objective
from featvis.result import Origin

MOST_KINDS = 8
"""Kinds of objectives in one program: each is computed for every result in it."""


@dataclass(frozen=True, eq=False)
class Job:
    """One attempt at the objective at place `index` of the list, with a random key of its own."""

    index: int
    objective: Objective
    key: Key[Array, ""]


@dataclass(frozen=True)
class Group:
    """Jobs that one program can do: they read the same layers of the network, and the same layers' gradients.

    `kinds` are examples of each kind of objective among them.
    """

    layers: tuple[str, ...]
    gradients: tuple[str, ...] = ()
    kinds: list[Objective] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)


@dataclass(frozen=True)
class Batch:
    """Jobs to be done together: `padded` fill the program, and those at `places` of it are wanted."""

    padded: list[Job]
    places: range


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


def again(objectives: Sequence[Objective], origins: Sequence[Origin], restarts: int) -> list[Job]:
    """A job for each objective, with the key that it had before.

    Raises:
        ValueError: another number of origins than of objectives, or several attempts.
    """
    if len(origins) != len(objectives) or restarts != 1:
        raise ValueError(
            f"{len(origins)} origins for {len(objectives)} objectives and {restarts} restarts; expected one for each, "
            "and no restarts: an origin stands for one attempt"
        )
    pairs = zip(objectives, origins, strict=True)
    return [Job(index, objective, origin.random_key) for index, (objective, origin) in enumerate(pairs)]


def groups(jobs: Iterable[Job]) -> list[Group]:
    """The jobs by the layers that they read, with at most `MOST_KINDS` kinds together, in order of appearance.

    Two objectives are of one kind if they have the same function and data of the same shapes.
    """
    result: list[Group] = []
    places: dict[object, Group] = {}
    latest: dict[object, Group] = {}
    for job in jobs:
        kind = _kind(job.objective)
        if kind not in places:
            reads = _reads(job.objective)
            group = latest.get(reads)
            if group is None or len(group.kinds) == MOST_KINDS:
                group = latest[reads] = Group(*reads)
                result.append(group)
            places[kind] = group
            group.kinds.append(job.objective)
        places[kind].jobs.append(job)
    return result


def batches(group: Group, limit: int) -> Iterator[Batch]:
    """Batches of at most `limit` jobs; the last is filled up to the next power of two.

    So lists of all lengths need few programs.
    """
    for start in range(0, len(group.jobs), limit):
        part = group.jobs[start : start + limit]
        yield Batch(part + [part[-1]] * (width(len(part), limit) - len(part)), range(len(part)))


def width(count: int, limit: int) -> int:
    """Width of the program for a batch of `count` jobs.

    >>> width(44, 256), width(3, 4), width(5, 6)
    (64, 4, 6)
    """
    return min(limit, 1 << (count - 1).bit_length())


def alone(group: Group, origins: Sequence[Origin]) -> Iterator[Batch]:
    """A batch for each job, at its old place in a program of its old width."""
    for job in group.jobs:
        origin = origins[job.index]
        yield Batch([job] * origin.width, range(origin.slot, origin.slot + 1))


def units(group: Group, batch: Batch, root: Key[Array, ""], targets: Sequence[float]) -> engine.Units:
    """What the engine needs to know of a batch, with the target of each objective of the whole list."""
    kinds = [_kind(kind) for kind in group.kinds]
    which = np.array([kinds.index(_kind(job.objective)) for job in batch.padded], np.int32)
    data = []
    for number, example in enumerate(group.kinds):
        own = [job.objective if kind == number else example for job, kind in zip(batch.padded, which, strict=True)]
        data.append(engine.stack([objective.data for objective in own]))
    return engine.Units(
        which=which,
        data=tuple(data),
        keys=jnp.stack([job.key for job in batch.padded]),
        root=root,
        targets=np.array([targets[job.index] for job in batch.padded], np.float32),
    )


def _kind(objective: Objective) -> object:
    leaves, structure = jax.tree.flatten(objective.data)
    shapes = tuple((np.shape(leaf), str(jnp.result_type(leaf))) for leaf in leaves)
    return objective.fn, _reads(objective), structure, shapes


def _reads(objective: Objective) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(sorted(objective.network_layers)), tuple(sorted(objective.gradient_layers))
