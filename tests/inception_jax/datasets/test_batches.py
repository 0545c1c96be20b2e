"""Batches for training and testing."""

import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from itertools import islice, pairwise

import numpy as np
import pytest
from pictures import in_memory, noise, plain

from inception_jax.datasets import Batch, Dataset, DatasetError, Preparation, eval_batches, train_batches

PREPARATION = Preparation(size=8, brightness=0.2)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """37 different pictures, each a class of its own."""
    return in_memory([noise(i, (12, 10)) for i in range(37)], list(range(37)), 37)


def train(dataset: Dataset, n: int, batch: int = 10, seed: int = 0, **options: object) -> list[Batch]:
    with closing(train_batches(dataset, PREPARATION, batch, seed=seed, **options)) as batches:  # type: ignore[arg-type]
        return list(islice(batches, n))


def same(a: Iterable[Batch], b: Iterable[Batch]) -> bool:
    return all(
        (x.images == y.images).all() and (x.labels == y.labels).all() and x.damaged == y.damaged
        for x, y in zip(a, b, strict=True)
    )


def content(batches: Iterable[Batch]) -> Counter[tuple[bytes, int]]:
    """Every image with its label, without regard to the order."""
    return Counter(
        (image.tobytes(), int(label))
        for batch in batches
        for image, label in zip(batch.images, batch.labels, strict=True)
    )


def labels(batches: Iterable[Batch]) -> list[int]:
    return [int(label) for batch in batches for label in batch.labels]


def test_each_epoch_has_every_example_once_in_a_new_order(dataset):
    seen = labels(train(dataset, 37, batch=10))
    epochs = [seen[start : start + 37] for start in range(0, 370, 37)]
    assert all(sorted(epoch) == list(range(37)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 10
    # How far an example moves from one epoch to the next is that of random orders: 37 / 3, with a deviation of 0.5.
    moves = [abs(a.index(i) - b.index(i)) for a, b in pairwise(epochs) for i in range(37)]
    assert 10.3 < np.mean(moves) < 14.3


def test_images_belong_to_their_labels():
    colours = np.random.default_rng(0).integers(0, 256, (20, 3))
    dataset = in_memory([plain(tuple(colour.tolist())) for colour in colours], list(range(20)), 20)
    for batch in islice(train_batches(dataset, Preparation(size=4), 7, seed=0), 10):
        assert batch.images.shape == (7, 4, 4, 3)
        assert (batch.images.dtype, batch.labels.dtype) == (np.uint8, np.int32)
        assert (batch.images == colours[batch.labels][:, None, None]).all()
    for batch in eval_batches(dataset, Preparation(size=4), 5):
        assert (batch.images == colours[batch.labels][:, None, None]).all()


def test_each_image_is_prepared_anew(dataset):
    """Over the epochs, and of the same example in the same place."""
    counts = content(train(dataset, 37, batch=10))
    # Two of 370 may be equal by chance where a large part was cut out; most are not.
    assert len(counts) > 360


def test_batch_k_does_not_depend_on_the_start(dataset):
    batches = train(dataset, 12)
    for start in (0, 1, 5, 11):
        assert same(batches[start:], train(dataset, 12 - start, start=start))


def test_far_batches_come_at_once(dataset):
    begin = time.perf_counter()
    assert train(dataset, 1, start=10**9)[0].images.shape == (10, 8, 8, 3)
    assert time.perf_counter() - begin < 5  # two milliseconds, on an idle machine


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_batches_do_not_depend_on_the_workers(dataset, workers):
    assert same(train(dataset, 9), train(dataset, 9, workers=workers))
    assert same(eval_batches(dataset, PREPARATION, 5), eval_batches(dataset, PREPARATION, 5, workers=workers))


def test_processes_give_the_same_batches(dataset):
    assert same(train(dataset, 3, start=2), train(dataset, 3, start=2, workers=1, processes=True))


def test_seeds_differ(dataset):
    zero, one = train(dataset, 8, seed=0), train(dataset, 8, seed=1)
    assert labels(zero) != labels(one)
    # Nor is one seed's epoch the next one of another.
    assert labels(zero)[37:74] != labels(one)[:37]
    assert len(content(zero) & content(one)) < 5
    assert same(zero, train(dataset, 8, seed=0))
    assert len(train(dataset, 1, seed=2**70)) == 1


@pytest.mark.parametrize("count", [1, 2, 5])
def test_processes_share_a_batch_among_them(dataset, count):
    whole = train(dataset, 8, batch=10)
    parts = [train(dataset, 8, batch=10 // count, shard=(i, count)) for i in range(count)]
    for k, batch in enumerate(whole):
        assert content([batch]) == content(part[k] for part in parts)


def test_evaluation_has_every_example_once_in_order(dataset):
    batches = list(eval_batches(dataset, PREPARATION, 10))
    assert labels(batches) == [*range(37), -1, -1, -1]
    images = np.concatenate([batch.images for batch in batches])
    expected = [PREPARATION.test(dataset[i].image, "x") for i in range(37)]
    assert (images[:37] == expected).all()
    assert not images[37:].any()
    assert not any(batch.damaged for batch in batches)


@pytest.mark.parametrize(("batch", "count"), [(5, 2), (10, 3), (37, 2), (100, 2), (1, 37)])
def test_evaluation_by_several_processes(dataset, batch, count):
    parts = [list(eval_batches(dataset, PREPARATION, batch, shard=(i, count))) for i in range(count)]
    assert len({len(part) for part in parts}) == 1, "processes that wait for each other need equally many batches"
    assert sorted(label for part in parts for label in labels(part) if label >= 0) == list(range(37))
    assert all(len(each.labels) == batch for part in parts for each in part)


def test_small_data_sets():
    dataset = in_memory([plain("red"), plain("blue")], [0, 1], 2)
    (batch,) = train(dataset, 1, batch=7)
    assert sorted(batch.labels[:2]) == sorted(batch.labels[2:4]) == [0, 1]
    one = in_memory([plain("red")], [0], 2)
    assert labels(train(one, 2, batch=2)) == [0] * 4


def damaged(n: int, bad: Iterable[int]) -> Dataset:
    images = [b"<html>" if i in set(bad) else noise(i) for i in range(n)]
    return in_memory(images, list(range(n)), n)


def test_another_example_takes_the_place_of_a_damaged_one():
    bad = [3, 11, 12]
    batches = train(damaged(20, bad), 20, batch=10)  # ten epochs
    assert same(batches, train(damaged(20, bad), 20, batch=10, workers=1))
    assert not set(labels(batches)) & set(bad)
    # Thirty at their turn, and one in twenty of those that took their places, a few times over.
    assert 30 <= sum(batch.damaged for batch in batches) <= 45
    whole = labels(train(damaged(20, []), 20, batch=10))
    assert [a for a, b in zip(labels(batches), whole, strict=True) if b not in bad] == [
        i for i in whole if i not in bad
    ]


def test_damage_everywhere_is_an_error():
    message = "100 examples of memory one after another are damaged, the last: memory: example . is no image"
    with pytest.raises(DatasetError, match=message):
        train(damaged(5, range(5)), 1)


def test_labels_that_are_no_class_count_as_damage():
    dataset = in_memory([noise(0), noise(1)], [-1, 1], 2)
    assert set(labels(train(dataset, 3))) == {1}
    with pytest.raises(DatasetError, match=r"has label -1, expected 0 to 1; some data sets have splits without labels"):
        train(in_memory([noise(0)] * 3, [-1] * 3, 2), 1)


def test_damage_in_evaluation_is_counted():
    batches = list(eval_batches(damaged(10, [0, 7]), PREPARATION, 4))
    assert labels(batches) == [-1, 1, 2, 3, 4, 5, 6, -1, 8, 9, -1, -1]
    assert [batch.damaged for batch in batches] == [1, 1, 0]


def test_what_is_no_damage_is_not_hidden(dataset, monkeypatch):
    def fail(*_):
        raise RuntimeError("a mistake")

    monkeypatch.setattr(Preparation, "train", fail)
    with pytest.raises(RuntimeError, match="a mistake"):
        train(dataset, 1)


def test_threads_end_with_the_iteration(dataset):
    def threads() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread not in before}

    before = set(threading.enumerate())
    batches = train_batches(dataset, PREPARATION, 10, seed=0, workers=5)
    next(batches)
    assert threads()
    batches.close()
    deadline = time.monotonic() + 10
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not threads()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, r"batch is 0; expected 1 or more images"),
        ({"seed": -1}, r"seed is -1 and start is 0; expected 0 or more"),
        ({"start": -1}, r"seed is 0 and start is -1; expected 0 or more"),
        ({"shard": (2, 2)}, r"shard is \(2, 2\); expected \(number of this process from 0, number of processes\)"),
        ({"shard": (-1, 2)}, r"shard is \(-1, 2\)"),
        ({"workers": 0}, r"workers is 0; expected 1 or more"),
    ],
)
def test_numbers_out_of_range(dataset, options, message):
    with pytest.raises(ValueError, match=message):
        train_batches(dataset, PREPARATION, **({"batch": 4, "seed": 0} | options))
