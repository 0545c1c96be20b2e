"""One pass over a share of a data set, saved every so many images, and what the shares are together.

A share is every n-th photograph. Its file holds the state after some batches and how many photographs that were: what
is killed goes on from there, and arrives at the same bits.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from tqdm.auto import tqdm

from circuits.examples import Collector, State, init, merge
from experiments.examples import photographs
from experiments.options import UsageError
from inception_jax import datasets
from inception_jax.bounded import read_arrays
from inception_jax.files import write_whole
from inception_jax.readers.contents import plain

FOLDER = "checkpoints"


class Share(NamedTuple):
    """Which share of how many, from 0."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


class Progress(NamedTuple):
    """A state, after how many photographs of its share it is that, and the numbers of some that cannot be read."""

    state: State
    done: int
    damaged: int
    such_as: list[int]


@dataclass(frozen=True)
class Pass:
    """What one pass needs.

    Attributes:
        model: the network.
        layers: the activations that are read, by the names they go under.
        dataset: the photographs.
        preparation: how they become what the network takes.
        count: examples at each end of each unit.
        samples: random ones in each bucket.
        seed: of these.
        batch: photographs at once.
        every: photographs after which the state is saved; a multiple of `batch`.
        folder: the run's directory.
    """

    model: Any
    layers: dict[str, str]
    dataset: datasets.Dataset
    preparation: datasets.Preparation
    count: int
    samples: int
    classes: int
    seed: int
    batch: int
    every: int
    folder: Path

    def file(self, share: Share) -> Path:
        """Where a share is kept."""
        return self.folder / FOLDER / f"share-{share.number}-of-{share.of}.npz"

    def numbers(self, share: Share) -> range:
        """The photographs of a share."""
        return range(share.number, len(self.dataset), share.of)

    def empty(self) -> State:
        """The state before the first photograph."""
        units = {name: self.model.layers[layer] for name, layer in self.layers.items()}
        return init(units, count=self.count, samples=self.samples, classes=self.classes, seed=self.seed)


def parse(text: str) -> Share:
    """A share as it is written on the command line.

    Raises:
        UsageError: something else.

    >>> parse("1/4")
    Share(number=1, of=4)
    """
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and int(number) < int(of)):
        raise UsageError(f"cannot read --shard {text!r}; expected number/of, such as 0/4, 1/4, 2/4 and 3/4")
    return Share(int(number), int(of))


def collect(work: Pass, share: Share) -> Progress:
    """Take a share through the network, going on where an earlier run of it stopped.

    Raises:
        UsageError: its file cannot be read or written, or holds something else.
    """
    numbers = work.numbers(share)
    progress = read(work, share) or Progress(work.empty(), 0, 0, [])
    if progress.done >= len(numbers):
        return progress
    collector = Collector(_Renamed(work.model, work.layers), tuple(work.layers), progress.state)
    done, damaged, such_as = progress[1:]
    bar = tqdm(total=len(numbers), initial=done, desc="collecting", unit=" images", disable=None, smoothing=0.1)
    with bar:
        for found in photographs.batches(work.dataset, work.preparation, numbers[done:], work.batch):
            collector.add(found.batch)
            taken = min(work.batch, len(numbers) - done)
            done, damaged, such_as = done + taken, damaged + len(found.damaged), (such_as + found.damaged)[:3]
            bar.update(taken)
            if done % work.every == 0 or done == len(numbers):
                progress = Progress(collector.state(), done, damaged, such_as)
                _write(work, share, progress)
    return progress


def together(work: Pass, of: int) -> tuple[Progress | None, list[Share]]:
    """All shares as one, and those that are not done; nothing while there are any, or once they are removed.

    Raises:
        UsageError: a file that cannot be read.
    """
    shares = [Share(number, of) for number in range(of)]
    missing = [share for share in shares if _done(work, share) < len(work.numbers(share))]
    if missing:
        return None, missing
    total: Progress | None = None
    # In order, so that it does not matter who finished last.
    for found in _all(work, shares):
        total = found if total is None else _both(total, found)
    if total is None or total.done < len(work.dataset):
        return None, []  # Another process has just made the result of them and removed them.
    return total, []


def _both(a: Progress, b: Progress) -> Progress:
    state = jax.tree.map(np.asarray, merge(a.state, b.state))
    return Progress(state, a.done + b.done, a.damaged + b.damaged, (a.such_as + b.such_as)[:3])


def discard(work: Pass, of: int) -> None:
    """Remove the files of shares, which are in the result now."""
    for number in range(of):
        work.file(Share(number, of)).unlink(missing_ok=True)


def read(work: Pass, share: Share) -> Progress | None:
    """What is kept of a share; nothing before its first file.

    Raises:
        UsageError: a file that cannot be read, or of something else.
    """
    path = work.file(share)
    if not path.exists():
        return None
    leaves, tree = jax.tree.flatten(work.empty())
    try:
        file = read_arrays(path, path.parent)
        found = [file[f"leaf-{i}"] for i in range(len(leaves))]
        done, damaged = int(file["done"]), int(file["damaged"])
        such_as = [int(number) for number in file["such_as"]]
    except (OSError, ValueError, TypeError, OverflowError) as error:
        raise _unreadable(path, error) from error
    if any(a.shape != b.shape or a.dtype != b.dtype for a, b in zip(leaves, found, strict=True)):
        raise UsageError(f"{path} holds the state of another run; remove it to begin this share again")
    return Progress(jax.tree.unflatten(tree, found), done, damaged, such_as)


def _all(work: Pass, shares: Sequence[Share]) -> Iterator[Progress]:
    for share in shares:
        if not work.numbers(share):
            continue  # There are fewer photographs than shares.
        if (found := read(work, share)) is not None:
            yield found


def _done(work: Pass, share: Share) -> int:
    path = work.file(share)
    if not path.exists():
        return 0
    try:
        return int(read_arrays(path, path.parent)["done"])
    except (OSError, ValueError, TypeError, OverflowError) as error:  # as above
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UsageError:
    return UsageError(f"cannot read {path}: {plain(error)}; remove it to begin this share again")


def _write(work: Pass, share: Share, progress: Progress) -> None:
    arrays = {f"leaf-{i}": leaf for i, leaf in enumerate(jax.tree.leaves(progress.state))}
    buffer = io.BytesIO()
    facts = {"done": progress.done, "damaged": progress.damaged, "such_as": np.asarray(progress.such_as, np.int64)}
    np.savez(buffer, **facts, **arrays)
    path = work.file(share)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, buffer.getvalue())
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


@jax.tree_util.register_pytree_node_class
class _Renamed:
    """A network whose activations go under other names: `mixed4a` for what `mixed4a_pre_relu` is."""

    def __init__(self, model: Any, layers: dict[str, str]) -> None:
        self.model, self.layers = model, layers

    def tree_flatten(self) -> tuple[tuple[Any], tuple[tuple[str, str], ...]]:
        return (self.model,), tuple(self.layers.items())

    @classmethod
    def tree_unflatten(cls, layers: tuple[tuple[str, str], ...], children: tuple[Any]) -> "_Renamed":
        return cls(children[0], dict(layers))

    def __call__(self, images: jax.Array) -> dict[str, jax.Array]:
        found = self.model(images, taps=tuple(self.layers.values()))
        return {name: found[layer] for name, layer in self.layers.items()}
