"""From a list of objectives to batches that one compiled program each can do."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, UInt32

from featvis import engine
from featvis.algebra import Objective
from featvis.result import Origin

MOST_KINDS = 8
"""Kinds of objectives in one program: each is computed for every result in it."""


@dataclass(frozen=True, eq=False)
class Job:
    """One attempt at the objective at place `index` of the list, with the words of a random key of its own."""

    index: int
    objective: Objective
    key: tuple[int, ...]


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
    places: list[int]


def jobs(objectives: Sequence[Objective], seed: int, restarts: int) -> list[Job]:
    """`restarts` jobs for each objective.

    A job's key comes from the seed, the objective's label, how often that label came before, and the attempt; so a
    unit looks the same whatever else is rendered with it.
    """
    seen, labels, again = Counter[str](), [], []
    for objective in objectives:
        labels.append(zlib.crc32(objective.label.encode()))
        again.append(seen[objective.label])
        seen[objective.label] += 1
    keys = _keys(jax.random.key(seed), np.array(labels, np.uint32), np.array(again, np.uint32), restarts)
    words = np.asarray(jax.random.key_data(keys)).reshape(len(labels), restarts, -1).tolist()
    return [
        Job(index, objective, tuple(key))
        for index, (objective, attempts) in enumerate(zip(objectives, words, strict=True))
        for key in attempts
    ]


@partial(jax.jit, static_argnums=3)
def _keys(
    root: Key[Array, ""],
    labels: UInt32[np.ndarray | Array, " n"],
    again: UInt32[np.ndarray | Array, " n"],
    restarts: int,
) -> Key[Array, "n restarts"]:
    fold = jax.random.fold_in
    units = jax.vmap(lambda label, number: fold(fold(root, label), number))(labels, again)
    return jax.vmap(lambda unit: jax.vmap(partial(fold, unit))(np.arange(restarts)))(units)


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
    return [Job(index, objective, origin.key) for index, (objective, origin) in enumerate(pairs)]


def groups(jobs: Iterable[Job]) -> list[Group]:
    """The jobs by the layers that they read, with at most `MOST_KINDS` kinds together, in order of appearance."""
    result: list[Group] = []
    places: dict[object, Group] = {}
    latest: dict[object, Group] = {}
    for job in jobs:
        kind = job.objective.kind
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


def batches(group: Group, limit: int, wanted: Container[Job], devices: int = 1) -> Iterator[Batch]:
    """Batches of at most `limit` jobs, as many on each of the devices, without those in which nothing is `wanted`.

    A job has its place whatever else is wanted, so what comes out is the same. The last batch is filled up to the next
    power of two, so that lists of all lengths need few programs.
    """
    for start in range(0, len(group.jobs), limit):
        part = group.jobs[start : start + limit]
        if places := [i for i, job in enumerate(part) if job in wanted]:
            yield Batch(part + [part[-1]] * (width(len(part), limit, devices) - len(part)), places)


def width(count: int, limit: int, devices: int = 1) -> int:
    """Width of the program for a batch of `count` jobs, of which each device has as many.

    >>> width(44, 256), width(3, 4), width(5, 6), width(9, 64, devices=8)
    (64, 4, 6, 16)
    """
    return devices * min(limit // devices, 1 << (-(-count // devices) - 1).bit_length())


def in_old_places(group: Group, origins: Sequence[Origin], wanted: Container[Job]) -> Iterator[Batch]:
    """Batches in which every job that is wanted has its old place in a program of its old width."""
    taken = Counter[tuple[int, int]]()
    packs = defaultdict[tuple[int, int], dict[int, Job]](dict)
    for job in (job for job in group.jobs if job in wanted):
        _, slot, wide = origins[job.index]
        packs[wide, taken[slot, wide]][slot] = job
        taken[slot, wide] += 1
    for (wide, _), pack in packs.items():
        filler = next(iter(pack.values()))
        yield Batch([pack.get(slot, filler) for slot in range(wide)], list(pack))


def units(group: Group, batch: Batch, seed: int, targets: Sequence[float]) -> engine.Units:
    """What the engine needs to know of a batch, with the target of each objective of the whole list."""
    kinds = [objective.kind for objective in group.kinds]
    which = np.array([kinds.index(job.objective.kind) for job in batch.padded], np.int32)
    data = []
    for number, example in enumerate(group.kinds):
        own = [job.objective if kind == number else example for job, kind in zip(batch.padded, which, strict=True)]
        data.append(engine.stack([objective.data for objective in own]))
    return engine.Units(
        which=which,
        data=tuple(data),
        keys=jax.random.wrap_key_data(jnp.array([job.key for job in batch.padded], jnp.uint32)),
        root=jnp.broadcast_to(jax.random.key(seed), len(batch.padded)),
        targets=np.array([targets[job.index] for job in batch.padded], np.float32),
    )


def _reads(objective: Objective) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(sorted(objective.network_layers)), tuple(sorted(objective.gradient_layers))
