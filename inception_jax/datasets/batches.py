"""Batches of prepared photographs, decoded ahead in parallel."""

import contextlib
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8

from inception_jax.datasets.dataset import Dataset, DatasetError
from inception_jax.datasets.preparation import Preparation
from inception_jax.images import ImageError

_REPLACEMENTS = 100
"""Examples that are tried in place of a damaged one, before the data set as a whole is called damaged."""


class Batch(NamedTuple):
    """Images stacked, RGB from 0 to 255, with the number of each one's class, and how many were damaged."""

    images: UInt8[np.ndarray, "n size size 3"]
    labels: Int32[np.ndarray, "n"]
    damaged: int


class _Item(NamedTuple):
    image: UInt8[np.ndarray, "size size 3"]
    label: int
    damaged: int


def train_batches(
    dataset: Dataset,
    preparation: Preparation,
    batch: int,
    *,
    seed: int,
    start: int = 0,
    shard: tuple[int, int] = (0, 1),
    workers: int | None = None,
    processes: bool = False,
) -> Generator[Batch, None, None]:
    """Endless batches for training, each epoch in a new random order.

    Batch k is a pure function of the data set, the preparation, `seed`, `shard` and k: a run that starts at batch k
    sees what a run from 0 sees from there on. Together, the k-th batches of all processes hold the same prepared
    images, whatever the number of processes, as long as their sizes add up to the same number.

    Args:
        dataset: where the examples come from.
        preparation: what happens to each photograph.
        batch: images in a batch of this process, 1 or more.
        seed: of the order and of the preparation, 0 or more.
        start: number of the batch to begin with.
        shard: number of this process, and number of processes. Every process reads another part of the data set.
        workers: how many threads prepare batches; by default one for each processor.
        processes: prepare them in as many processes instead. Python runs one thread at a time, which limits threads
            to some 2,000 images a second; Pillow decodes beside it, so that this matters for images of a few
            kilobytes, not for photographs of 100. The program must keep its own work under
            `if __name__ == "__main__":`, because every process imports it.

    Raises:
        ValueError: numbers out of these ranges.
        DatasetError: while iterating, `_REPLACEMENTS` damaged examples one after another. An example that is damaged
            is replaced by another one, drawn with the seed, and counted in the batch.

    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> from inception_jax.datasets import open_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for colour in ("blue", "red"):
    ...         pathlib.Path(folder, "photos", colour).mkdir(parents=True)
    ...         Image.new("RGB", (40, 30), colour).save(f"{folder}/photos/{colour}/a.png")
    ...     dataset = open_dataset(f"{folder}/photos", data_dir=folder)
    ...     batches = train_batches(dataset, Preparation(size=8), batch=6, seed=0)
    ...     images, labels, damaged = next(batches)
    ...     batches.close()
    >>> images.shape, sorted(labels.tolist()), damaged
    ((6, 8, 8, 3), [0, 0, 0, 1, 1, 1], 0)
    """
    import grain

    _check(batch, shard, workers)
    if seed < 0 or start < 0:
        raise ValueError(f"seed is {seed} and start is {start}; expected 0 or more")
    order, augmentation = (int(state) for state in np.random.SeedSequence(seed).generate_state(2))

    examples = grain.MapDataset.range(len(dataset)).shuffle(seed=order).repeat()
    items = examples.random_map(_ForTraining(dataset, preparation), seed=augmentation)[shard[0] :: shard[1]]
    return _ahead(items.batch(batch, drop_remainder=True, batch_fn=_stack)[start:], workers, processes)


def eval_batches(
    dataset: Dataset,
    preparation: Preparation,
    batch: int,
    *,
    shard: tuple[int, int] = (0, 1),
    workers: int | None = None,
    processes: bool = False,
) -> Generator[Batch, None, None]:
    """Every example once, in order, without random preparation; what fills the last batches has label -1.

    Examples that are damaged have label -1, too, and are counted. All processes get equally many batches.

    Args:
        dataset: where the examples come from.
        preparation: what happens to each photograph.
        batch: images in a batch of this process, 1 or more.
        shard: number of this process, and number of processes.
        workers: as for `train_batches`.
        processes: as for `train_batches`.

    Raises:
        ValueError: numbers out of these ranges.

    >>> import os, tempfile
    >>> from PIL import Image
    >>> from inception_jax.datasets import open_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("a", "b", "c"):
    ...         os.makedirs(f"{folder}/photos/{name}")
    ...         Image.new("RGB", (40, 30)).save(f"{folder}/photos/{name}/1.png")
    ...     dataset = open_dataset(f"{folder}/photos", data_dir=folder)
    ...     [(batch.labels >= 0).tolist() for batch in eval_batches(dataset, Preparation(size=8), batch=2)]
    [[True, True], [True, False]]
    """
    import grain

    _check(batch, shard, workers)
    together = batch * shard[1]
    examples = grain.MapDataset.range(-(-len(dataset) // together) * together)
    items = examples.map(_ForTesting(dataset, preparation))[shard[0] :: shard[1]]
    return _ahead(items.batch(batch, batch_fn=_stack), workers, processes)


# Classes, not functions inside of functions, since those cannot be sent to other processes.


@dataclass(frozen=True)
class _ForTraining:
    dataset: Dataset
    preparation: Preparation

    def __call__(self, index: int, rng: np.random.Generator) -> _Item:
        damaged = 0
        while True:
            try:
                example = self.dataset[index]
                image = self.preparation.train(example.image, f"{self.dataset.name}: example {index}", rng)
                return _Item(image, example.label, damaged)
            except ImageError as error:
                damaged += 1
                if damaged == _REPLACEMENTS:
                    raise DatasetError(
                        f"{damaged} examples of {self.dataset.name} one after another are damaged, the last: {error}"
                    ) from error
                index = int(rng.integers(len(self.dataset)))


@dataclass(frozen=True)
class _ForTesting:
    dataset: Dataset
    preparation: Preparation

    def __call__(self, index: int) -> _Item:
        blank = np.zeros((self.preparation.size, self.preparation.size, 3), np.uint8)
        if index >= len(self.dataset):
            return _Item(blank, -1, 0)
        try:
            example = self.dataset[index]
            image = self.preparation.test(example.image, f"{self.dataset.name}: example {index}")
        except ImageError:
            return _Item(blank, -1, 1)
        return _Item(image, example.label, 0)


def _check(batch: int, shard: tuple[int, int], workers: int | None) -> None:
    if batch < 1:
        raise ValueError(f"batch is {batch}; expected 1 or more images")
    if not 0 <= shard[0] < shard[1]:
        raise ValueError(f"shard is {shard}; expected (number of this process from 0, number of processes)")
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}; expected 1 or more threads")


def _stack(items: Sequence[_Item]) -> Batch:
    images, labels, damaged = zip(*items, strict=True)
    return Batch(np.stack(images), np.asarray(labels, np.int32), sum(damaged))


def _ahead(batches: Any, workers: int | None, processes: bool) -> Generator[Batch, None, None]:
    """The batches of a grain data set in order, each prepared by one of several threads or processes."""
    import grain

    workers = workers or _processors()
    threads = 1 if processes else workers
    ahead = batches.to_iter_dataset(grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads + 2))
    if processes:
        from absl import flags

        if not flags.FLAGS.is_parsed():  # grain's own, which only programs written with absl parse
            flags.FLAGS.mark_as_parsed()
        ahead = ahead.mp_prefetch(grain.MultiprocessingOptions(workers, per_worker_buffer_size=2))
    iterator = iter(ahead)
    with contextlib.closing(iterator):
        yield from iterator


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
