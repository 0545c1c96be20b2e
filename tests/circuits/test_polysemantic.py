"""Groups of images: known ones are found, one lump is one lump, and what cannot be grouped is refused."""

import numpy as np
import pytest

from circuits.polysemantic import facets_of, features_at


def lumps(count: int, each: int, spread: float, seed: int = 0) -> np.ndarray:
    """Vectors about as many directions at right angles."""
    rng = np.random.default_rng(seed)
    return np.repeat(np.eye(12)[:count], each, 0) + spread * rng.normal(size=(count * each, 12))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_known_groups_are_found(count: int) -> None:
    found = facets_of(lumps(count, 12, 0.05), draws=19)
    truth = np.repeat(np.arange(count), 12)
    assert len(found.directions) == count
    # The same up to names: each group of ours has one of theirs, whole.
    assert len({(a, b) for a, b in zip(found.labels, truth, strict=True)}) == count
    assert found.p == 1 / 20
    assert found.score > 0.7
    np.testing.assert_allclose(np.linalg.norm(found.directions, axis=1), 1)
    # A group's direction points to its own lump, away from the others.
    for group, direction in enumerate(found.directions):
        assert direction[:count].argmax() == truth[found.labels == group][0]


def test_lengths_do_not_count() -> None:
    vectors = lumps(2, 10, 0.05)
    longer = vectors * np.random.default_rng(1).uniform(0.1, 10, (20, 1))
    one, other = facets_of(vectors, draws=9), facets_of(longer, draws=9)
    np.testing.assert_array_equal(one.labels, other.labels)
    assert one.score == pytest.approx(other.score)


def test_one_lump_is_not_significant() -> None:
    """Over many lumps, p is spread evenly: about a tenth of them below 0.1."""
    small = [
        facets_of(1 + 0.1 * np.random.default_rng(seed).normal(size=(24, 3)), 3, draws=19, seed=seed).p <= 0.1
        for seed in range(20)
    ]
    # Of 20 draws at 0.1, more than 7 happen once in 2,000 times; seeds are fixed.
    assert sum(small) <= 7


def test_groups_are_in_order_of_their_size() -> None:
    vectors = np.concatenate([lumps(2, 4, 0.03)[:4], lumps(2, 12, 0.03, 1)[12:]])
    assert np.bincount(facets_of(vectors, 2, draws=1).labels).tolist() == [12, 4]


def test_same_seed_same_groups() -> None:
    one, other = (facets_of(lumps(3, 8, 0.4), draws=5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.null, other.null)


def test_vectors_that_are_all_alike_are_one_group() -> None:
    found = facets_of(np.ones((8, 3)), draws=3)
    assert (found.labels == 0).all()
    assert (found.score, found.p) == (0.0, 1.0)


def test_features_are_means_over_positions(narrow) -> None:
    images = np.random.default_rng(0).random((9, 32, 32, 3), np.float32)
    found = features_at(narrow, images, "conv2d2")
    # float32 sums in another order.
    np.testing.assert_allclose(found, np.asarray(narrow(images, taps="conv2d2")["conv2d2"]).mean((1, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"features": np.zeros((8, 3))},
            r"features have shape \(8, 3\); expected \[n, d\], finite, and no vector zero",
        ),
        ({"features": np.full((8, 3), np.nan)}, "finite, and no vector zero"),
        ({"features": np.ones((7, 3))}, "there are 7 vectors; expected 8 or more, for 4 groups"),
        ({"most": 1}, "most is 1, draws 99 and dimensions 8; expected 2 groups, 1 draw and 1 dimension or more"),
        ({"draws": 0}, "draws 0"),
    ],
)
def test_what_cannot_be_grouped(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        facets_of(**({"features": lumps(2, 4, 0.1)} | change))


def test_no_images(narrow) -> None:
    with pytest.raises(ValueError, match="there are no images; expected at least one"):
        features_at(narrow, np.zeros((0, 32, 32, 3), np.float32), "conv2d2")
