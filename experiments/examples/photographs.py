"""The photographs of a data set as batches with their numbers, from any of them on, and single ones again."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from circuits.examples import Batch
from inception_jax import datasets
from inception_jax.images import ImageError

_AHEAD = 3
"""Batches that are decoded ahead."""


class Read(NamedTuple):
    """A batch, and the numbers of those of its photographs that cannot be read, which do not count in it."""

    batch: Batch
    damaged: list[int]


def batches(
    dataset: datasets.Dataset, preparation: datasets.Preparation, numbers: Sequence[int], batch: int
) -> Iterator[Read]:
    """Photographs in batches of one size; the last one is filled up with images that do not count.

    Args:
        dataset: where they come from.
        preparation: how they become squares of pixels.
        numbers: which ones, and their ids.
        batch: images in a batch.
    """
    with ThreadPoolExecutor(_threads(), thread_name_prefix="reader") as pool:
        waiting: deque[list[Future[_Prepared]]] = deque()
        try:
            for first in range(0, len(numbers), batch):
                waiting.append(
                    [pool.submit(_prepared, dataset, preparation, n) for n in numbers[first : first + batch]]
                )
                if len(waiting) > _AHEAD:
                    yield _stacked([each.result() for each in waiting.popleft()], preparation.size, batch)
            while waiting:
                yield _stacked([each.result() for each in waiting.popleft()], preparation.size, batch)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def each(
    dataset: datasets.Dataset, preparation: datasets.Preparation, numbers: Iterable[int]
) -> Iterator[tuple[int, UInt8[np.ndarray, "h w 3"]]]:
    """Single photographs by number, as `batches` has them."""
    for read in batches(dataset, preparation, sorted(set(numbers)), 8):
        for image, number in zip(read.batch.images, read.batch.ids.tolist(), strict=True):
            if number >= 0:
                yield number, np.asarray(image)


class _Prepared(NamedTuple):
    number: int
    label: int
    image: np.ndarray | None


def _prepared(dataset: datasets.Dataset, preparation: datasets.Preparation, number: int) -> _Prepared:
    try:
        example = dataset[number]
        return _Prepared(number, example.label, preparation.test(example.image, f"{dataset.name}: example {number}"))
    except ImageError:
        return _Prepared(number, -1, None)


def _stacked(found: Sequence[_Prepared], size: int, batch: int) -> Read:
    images = np.zeros((batch, size, size, 3), np.uint8)
    ids, labels = np.full(batch, -1, np.int32), np.full(batch, -1, np.int32)
    for i, each in enumerate(found):
        if each.image is not None:
            images[i], ids[i], labels[i] = each.image, each.number, each.label
    return Read(Batch(images, ids, labels), [each.number for each in found if each.image is None])


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
