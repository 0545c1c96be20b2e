"""Statistics over a data set against brute force in NumPy, and the laws of adding and merging."""

import functools
import itertools
import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circuits.examples import LayerState, State, bucket_edges, edges, init, merge, read, update
from circuits.examples.exact import add_floats
from circuits.examples.sampling import NOBODY

IMAGES, HEIGHT, WIDTH, UNITS, CLASSES = 12, 3, 4, 5, 3
COUNT, SAMPLES = 4, 2
LABELS = np.array([0, 1, 2, 0, 1, 0, 0, 1, 7, -1, 0, 1], np.int32)  # 7 and -1 are no classes of three.


def maps() -> np.ndarray:
    """Activations of many sizes, with ties between images and within them, zeros, and a unit that is always silent."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(IMAGES, HEIGHT, WIDTH, UNITS)) * 10.0 ** rng.integers(-6, 6, (1, 1, 1, UNITS))
    values[..., 1] = np.round(rng.normal(size=values.shape[:-1]))
    values[..., 2] = 0
    values[:4] = values[3]
    return values.astype(np.float32)


def added(acts: np.ndarray, ids: Sequence[int], size: int = 6, seed: int = 0) -> State:
    """The state of some images, in batches of one size of which the last may be filled up."""
    state = init({"a": acts.shape[-1]}, count=COUNT, samples=SAMPLES, classes=CLASSES, seed=seed)
    for first in range(0, len(ids), size):
        part = list(ids[first : first + size])
        # What fills up a batch is large, so that it would be seen.
        batch = np.full((size, *acts.shape[1:]), 1e9, np.float32)
        batch[: len(part)] = acts[part]
        numbers = np.array(part + [-1] * (size - len(part)), np.int32)
        labels = np.where(numbers >= 0, LABELS[numbers], 0).astype(np.int32)
        state = update(state, {"a": jnp.asarray(batch)}, numbers, labels)
    return state


@pytest.fixture(scope="module")
def acts() -> np.ndarray:
    return maps()


@pytest.fixture(scope="module")
def state(acts: np.ndarray) -> State:
    return added(acts, range(IMAGES))


def same(a: State, b: State) -> None:
    """Fail unless two states are one and the same, their sums up to the last bits of 48."""
    for field in LayerState._fields:
        one, other = getattr(a["a"], field), getattr(b["a"], field)
        if field in ("sums", "class_sums"):
            sums = [np.asarray(x, np.float64).sum(-1) for x in (one, other)]
            # Each addition of pairs is exact to 2**-44 or better of the largest sum; there are a dozen.
            np.testing.assert_allclose(*sums, rtol=1e-11, atol=1e-11 * max(np.abs(sums[0]).max(), 1e-30))
        else:
            jax.tree.map(np.testing.assert_array_equal, one, other)


def furthest(acts: np.ndarray, unit: int, sign: int) -> list[tuple[float, int, int]]:
    """Value, image and position of the furthest images, by sorting all of them."""
    found = []
    for image, one in enumerate(acts[..., unit].reshape(len(acts), -1)):
        place = int((sign * one).argmax())
        found.append((float(one[place]), image, place))
    return sorted(found, key=lambda each: (-sign * each[0], each[1]))[:COUNT]


@pytest.mark.parametrize("unit", range(UNITS))
def test_both_ends_are_those_of_sorting_all(acts: np.ndarray, state: State, unit: int) -> None:
    for part, sign in (("top", 1), ("bottom", -1)):
        extreme = getattr(state["a"], part)
        kept = [field[unit].tolist() for field in extreme]
        assert list(zip(*kept, strict=True)) == furthest(acts, unit, sign)


def test_counts_are_those_of_a_histogram(acts: np.ndarray, state: State) -> None:
    found = read(state)["a"]
    ends = edges()
    for unit in range(UNITS):
        values = acts[..., unit].ravel().astype(np.float64)
        # Above zero bins have their lower end, below zero (and at zero) their upper one.
        place = np.where(values > 0, np.searchsorted(ends, values, "right"), np.searchsorted(ends, values, "left")) - 1
        np.testing.assert_array_equal(found.counts[unit], np.bincount(place, minlength=len(ends) - 1))
    np.testing.assert_array_equal(found.positive, (acts > 0).mean((0, 1, 2)))
    np.testing.assert_array_equal(found.active, (acts > 0).any((1, 2)).mean(0))
    assert found.images == IMAGES
    assert found.size == (HEIGHT, WIDTH)


def test_sums_and_class_means(acts: np.ndarray, state: State) -> None:
    wide = acts.astype(np.float64)
    sums = np.asarray(state["a"].sums, np.float64).sum(-1)
    for power in range(4):
        terms = wide ** (power + 1)
        # Float32 within an image: a few roundings of 6e-8 of each term, of which there are twelve.
        assert np.all(np.abs(sums[power] - terms.sum((0, 1, 2))) <= 1e-6 * np.abs(terms).sum((0, 1, 2)))
    found = read(state)["a"]
    assert found.class_images.tolist() == [np.sum(np.equal(LABELS, label)) for label in range(CLASSES)]
    for label in range(CLASSES):
        expected = np.maximum(wide[label == LABELS], 0).mean((0, 1, 2))
        np.testing.assert_allclose(found.class_means[label], expected, rtol=1e-6, atol=1e-30)


def test_samples_are_of_their_buckets(acts: np.ndarray, state: State) -> None:
    found, ends = read(state)["a"], bucket_edges()
    for unit, bucket in itertools.product(range(UNITS), range(len(ends) - 1)):
        values = acts[..., unit]
        above = ends[bucket] >= 0
        low, high = ends[bucket], ends[bucket + 1]
        inside = (values > 0) & (values >= low) & (values < high) if above else (values <= 0) & (values > low)
        inside &= values <= high
        there = [image for image in found.sample_images[unit, bucket].tolist() if image >= 0]
        # As many as there is room for, of those images that have such a position, each once.
        candidates = set(np.flatnonzero(inside.any((1, 2))).tolist())
        assert len(there) == len(set(there)) == min(SAMPLES, len(candidates))
        assert set(there) <= candidates
        for place, image in enumerate(there):
            row, column = found.sample_positions[unit, bucket, place]
            assert inside[image, row, column]
            assert found.sample_values[unit, bucket, place] == values[image, row, column]


def test_samples_are_uniform_and_change_with_the_seed() -> None:
    # 3,000 units that all see the same: whose image, and which of its 16 positions, is sampled is up to the hash.
    units, images = 3000, 8
    acts = np.full((images, 4, 4, units), 1.5, np.float32)
    step = jax.jit(lambda state, acts: update(state, {"a": acts}, np.arange(images)))
    samples = [step(init({"a": units}, count=1, samples=1, seed=seed), acts)["a"].sample for seed in (0, 1)]
    bucket = int(np.searchsorted(bucket_edges(), 1.5) - 1)
    chosen = [(np.asarray(s.ids[0, :, bucket]), np.asarray(s.places[0, :, bucket])) for s in samples]
    for ids, places in chosen:
        for values, kinds in ((ids, images), (places, 16), (places * images + ids, 16 * images)):
            counts = np.bincount(values, minlength=kinds)
            expected = units / kinds
            # Chi-squared with kinds - 1 degrees of freedom: five standard deviations above its mean.
            assert np.sum((counts - expected) ** 2 / expected) < kinds - 1 + 5 * np.sqrt(2 * (kinds - 1))
    # Independent draws agree for one unit in eight, give or take 18 of 375.
    assert 275 < np.sum(chosen[0][0] == chosen[1][0]) < 475


@pytest.mark.parametrize("order", ["in order", "backwards", "shuffled"])
@pytest.mark.parametrize("size", [1, 4, 5])
def test_neither_batches_nor_order_matter(acts: np.ndarray, state: State, size: int, order: str) -> None:
    ids = {"in order": np.arange(IMAGES), "backwards": np.arange(IMAGES)[::-1]}.get(
        order, np.random.default_rng(1).permutation(IMAGES)
    )
    same(added(acts, ids.tolist(), size), state)


def test_laws_of_merging(acts: np.ndarray, state: State) -> None:
    a, b, c = (added(acts, ids) for ids in ([0, 5, 11], [1, 2, 3, 4, 6], [7, 8, 9, 10]))
    nothing = init({"a": UNITS}, count=COUNT, samples=SAMPLES, classes=CLASSES)
    same(merge(a, b), merge(b, a))
    same(merge(merge(a, b), c), merge(a, merge(b, c)))
    same(merge(a, nothing), a)
    same(merge(nothing, a), a)
    same(merge(merge(c, a), b), state)
    assert merge(a, nothing)["a"].size.tolist() == [HEIGHT, WIDTH]


def test_activations_without_positions() -> None:
    values = np.random.default_rng(2).normal(size=(IMAGES, UNITS)).astype(np.float32)
    found = added(values, range(IMAGES))
    same(found, added(values[:, None, None], range(IMAGES)))
    np.testing.assert_array_equal(found["a"].top.values, -np.sort(-values.T)[:, :COUNT])
    assert read(found)["a"].size == (1, 1)


def test_fewer_images_than_there_is_room_for(acts: np.ndarray) -> None:
    found = read(added(acts, [3, 8]))["a"]
    assert set(found.top_images[0, :2].tolist()) == {3, 8}
    assert found.top_images[0, 2:].tolist() == [-1, -1]
    assert np.isnan(found.top_values[0, 2:]).all()
    assert np.isnan(found.bottom_values[0, 2:]).all()


def test_counts_go_beyond_32_bits(acts: np.ndarray, state: State) -> None:
    full = state["a"].counts.at[..., 0].set(2**32 - 1)
    large = {"a": state["a"]._replace(counts=full)}
    once = added(acts, range(6))
    doubled = merge(large, merge(large, once))
    expected = 2 * (2**32 - 1) + read(once)["a"].counts
    np.testing.assert_array_equal(read(doubled)["a"].counts, expected)


def test_sums_of_pairs_keep_what_float32_loses() -> None:
    terms = np.random.default_rng(3).random(20_000, np.float32)

    def add(total: Any, term: Any) -> tuple[Any, None]:
        return add_floats(total, jnp.stack([term, jnp.zeros_like(term)])), None

    total, _ = jax.jit(lambda terms: jax.lax.scan(add, jnp.zeros(2), terms))(terms)
    exact = np.sum(terms, dtype=np.float64)
    # 20,000 roundings of 2**-48, if they all went one way; float32 alone is off by about 1e-5.
    assert abs(np.asarray(total, np.float64).sum() / exact - 1) < 1e-10
    assert abs(functools.reduce(np.add, terms) / exact - 1) > 1e-8


def test_a_state_has_no_more_room_than_before(state: State) -> None:
    begin = init({"a": UNITS}, count=COUNT, samples=SAMPLES, classes=CLASSES)
    assert jax.tree.map(jnp.shape, begin) == jax.tree.map(jnp.shape, state)
    assert begin["a"].top.ids.min() == NOBODY


MAPS: Any = np.zeros((2, 3, 3, 4), np.float32)
ERRORS = {
    "no layers": (lambda: init({}), "there are no layers; expected names of activations with their numbers of units"),
    "count": (lambda: init({"a": 1}, count=0), "count is 0; expected 1 or more"),
    "samples": (lambda: init({"a": 1}, samples=-1), "samples is -1; expected 0 or more"),
    "classes": (lambda: init({"a": 1}, classes=-2), "classes is -2; expected 0 or more"),
    "seed": (lambda: init({"a": 1}, seed=-1), "seed is -1; expected 0 or more"),
    "missing": (
        lambda: update(init({"a": 4, "b": 4}), {"a": MAPS}, np.arange(2)),
        "no activations of b; there are those of a",
    ),
    "units": (
        lambda: update(init({"a": 3}), {"a": MAPS}, np.arange(2)),
        "the activations of 'a' have shape (2, 3, 3, 4); expected [2, height, width, 3] or [2, 3]",
    ),
    "ids": (
        lambda: update(init({"a": 4}), {"a": MAPS}, np.arange(3)),
        "the activations of 'a' have shape (2, 3, 3, 4); expected [3, height, width, 4] or [3, 4]",
    ),
    "labels": (
        lambda: update(init({"a": 4}), {"a": MAPS}, np.arange(2), np.arange(3)),
        "there are 3 labels for 2 ids; expected one for each",
    ),
    "merged counts": (
        lambda: merge(init({"a": 4}, count=1), init({"a": 4}, count=2)),
        "the states differ: a.top (4, 1) and (4, 2); expected two of one `init`",
    ),
    "merged layers": (
        lambda: merge(init({"a": 4}), init({"b": 4})),
        "the states differ: a.counts (4, 450, 2) and None; ",
    ),
    "merged seeds": (
        lambda: merge(init({"a": 4}), init({"a": 4}, seed=1)),
        "the states of 'a' have different seeds; expected two of one `init`",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.usefixtures("unchecked")
def test_errors(case: str) -> None:
    call, text = ERRORS[case]
    with pytest.raises(ValueError, match=re.escape(text)):
        call()
