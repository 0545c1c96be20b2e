"""The plane of an atlas: layouts keep like near like, coordinates are exact, every sample is in exactly one cell."""

import importlib.util
import sys
import types
from itertools import pairwise

import numpy as np
import pytest

from featvis.recipes import atlas
from featvis.recipes.atlas.layout import unit_vectors

RNG = np.random.default_rng(0)
KINDS = np.repeat(np.arange(3), 20)
VECTORS = (np.eye(3)[KINDS] * 5 @ RNG.random((3, 8)) + RNG.random((60, 8))).astype(np.float32)
POINTS = RNG.random((500, 2))

HAS_UMAP = importlib.util.find_spec("umap") is not None
METHODS = [
    "pca",
    "tsne",
    pytest.param("umap", marks=[pytest.mark.slow, pytest.mark.skipif(not HAS_UMAP, reason="needs the extra `atlas`")]),
]


@pytest.mark.parametrize("method", METHODS)
def test_like_is_near_like(method):
    points = atlas.lay_out(VECTORS, method, neighbors=10)
    assert points.shape == (60, 2)
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) + np.diag(np.full(60, np.inf))
    assert (KINDS[distances.argmin(1)] == KINDS).all()
    lengths = np.random.default_rng(1).uniform(0.5, 3, (60, 1)).astype(np.float32)
    again = atlas.lay_out(VECTORS * lengths, method, neighbors=10)
    distances = np.linalg.norm(again[:, None] - again[None], axis=-1) + np.diag(np.full(60, np.inf))
    assert (KINDS[distances.argmin(1)] == KINDS).all(), "whatever the lengths"


@pytest.mark.parametrize("method", METHODS)
def test_layouts_are_made_by_the_seed(method):
    first, again, other = (atlas.lay_out(VECTORS, method, neighbors=10, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    if method == "umap":
        assert np.abs(first - other).max() > 1e-3
    assert atlas.lay_out(VECTORS, method, dimensions=1, neighbors=10).shape == (60, 1)


def test_principal_components():
    rows = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    centred = rows - rows.mean(0)
    u, s, _ = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    # Up to the sign, which is a convention.
    np.testing.assert_allclose(np.abs(atlas.lay_out(VECTORS, "pca", dimensions=3)), np.abs(u * s)[:, :3], atol=1e-6)


def test_umap_has_the_settings_of_the_article(monkeypatch):
    given = {}

    class Stand:
        def __init__(self, **settings):
            given.update(settings)

        def fit_transform(self, rows):
            given["lengths"] = np.linalg.norm(rows, axis=1)
            return rows[:, :2]

    stand_in = types.ModuleType("umap")
    stand_in.UMAP = Stand
    monkeypatch.setitem(sys.modules, "umap", stand_in)
    points = atlas.lay_out(VECTORS, seed=7)
    assert points.shape == (60, 2)
    # One for each sample in Lucid; UMAP wants no more than there are others.
    expected = {"n_neighbors": 50, "min_dist": 0.05, "metric": "cosine", "n_components": 2, "random_state": 7}
    assert {name: given[name] for name in expected} == expected
    np.testing.assert_allclose(given["lengths"], 1, rtol=1e-6)
    atlas.lay_out(VECTORS[:12])
    assert given["n_neighbors"] == 11


def test_missing_umap_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r"needs umap-learn: pip install 'inception-jax\[atlas\]', or choose 'tsne'"):
        atlas.lay_out(VECTORS)


def test_percentiles_and_margin():
    points = RNG.standard_normal((1000, 2)) * (1, 50) + (3, -7)
    found = atlas.in_unit_square(points)
    for axis in range(2):
        low, high = np.percentile(points[:, axis], [1, 99])
        low, high = low - 0.1 * (high - low), high + 0.1 * (high - low)
        expected = [min(max((x - low) / (high - low), 0), 1) for x in points[:, axis]]
        np.testing.assert_allclose(found[:, axis], expected, rtol=1e-12, atol=1e-12)
    inside = (found > 0.1 / 1.2 - 1e-9) & (found < 1.1 / 1.2 + 1e-9)
    # By definition of the percentiles, 980 of 1,000.
    assert inside.sum(0).tolist() == [980, 980]


def test_coordinates_without_extent_lie_in_the_middle():
    found = atlas.in_unit_square(np.array([[1.0, 4.0], [2.0, 4.0]]), percentile=0, margin=0)
    np.testing.assert_array_equal(found, [[0, 0.5], [1, 0.5]])


def brute_force(points, rows, columns):
    """The cell of each point by comparison with all borders; the last cells include the far border."""
    found = []
    for x, y in points:
        inside = []
        for size, value in ((rows, y), (columns, x)):
            borders = [i / size for i in range(size + 1)]
            inside.append(
                [i for i, (a, b) in enumerate(pairwise(borders)) if a <= value < b or (i == size - 1 and value == b)]
            )
        assert [len(part) for part in inside] == [1, 1]
        found.append((inside[0][0], inside[1][0]))
    return found


@pytest.mark.parametrize("size", [(1, 1), (4, 8), (16, 2)])
def test_every_point_is_in_exactly_one_cell(size):
    # Multiples of a sixteenth, which are exact, lie on all the borders.
    borders = np.stack(np.meshgrid(np.arange(17) / 16, np.arange(17) / 16), -1).reshape(-1, 2)
    points = np.concatenate([POINTS, borders])
    expected = brute_force(points, *size)
    cells = atlas.gather(points, size, least=1)
    found = {}
    for place, members in zip(cells.places.tolist(), cells.members, strict=True):
        found |= dict.fromkeys(members.tolist(), tuple(place))
    assert cells.counts.sum() == len(found) == len(points)
    assert [found[i] for i in range(len(points))] == expected
    assert cells.places.tolist() == sorted(cells.places.tolist())


def test_cells_with_few_samples_are_left_out():
    everything, some = (atlas.gather(POINTS, (10, 10), least=n) for n in (1, 6))
    enough = everything.counts >= 6
    assert 0 < enough.sum() < len(everything)
    assert some.places.tolist() == everything.places[enough].tolist()
    assert some.counts.tolist() == everything.counts[enough].tolist()
    assert repr(some) == f"<{len(some)} cells of 10x10, {some.counts.sum()} samples in them>"


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_means(dtype):
    values = (RNG.random((500, 3)) * 1000).astype(dtype)
    cells = atlas.gather(POINTS, (5, 5), least=1)
    for mean, members in zip(cells.means(values), cells.members, strict=True):
        exact = [sum(float(values[i, k]) for i in members) / len(members) for k in range(3)]
        assert mean.dtype == np.float32
        # Rounded once to float32, after sums in double precision.
        np.testing.assert_allclose(mean, exact, rtol=1e-7)


def attributed(values):
    n = len(values)
    return atlas.Samples(
        "a", VECTORS[:n], np.arange(n), np.arange(n), np.full((n, 2), 0.5, np.float32), np.asarray(values, np.float16)
    )


def test_contrast_goes_from_one_class_to_the_other():
    values = np.zeros((60, 3))
    values[:, 0], values[:, 2] = np.linspace(1, 0, 60), np.linspace(0, 1, 60)
    values[10] = (0.25, 9, 0.25)
    points = atlas.contrast(attributed(values), 0, 2, "pca")
    across = points[:, 0]
    assert across[10] == 0.5
    assert (np.diff(np.delete(across, 10)) >= 0).all()
    assert (across[0], across[-1]) == (0, 1)
    back = atlas.contrast(attributed(values), 2, 0, "pca")
    np.testing.assert_allclose(back[:, 0], 1 - across)
    expected = atlas.in_unit_square(atlas.lay_out(VECTORS, "pca", dimensions=1))[:, 0]
    np.testing.assert_array_equal(points[:, 1], expected)


def test_contrast_of_equals():
    assert (atlas.contrast(attributed(np.ones((60, 2))), 0, 1, "pca")[:, 0] == 0.5).all()


def test_joint_vectors_count_all_layers_alike():
    first = attributed(np.zeros((60, 1)))
    second = atlas.Samples("b", 100 * RNG.random((60, 30)).astype(np.float32), first.images, first.labels, first.places)
    both = atlas.joint(first, second)
    assert both.shape == (60, 38)
    cosines = unit_vectors(both) @ unit_vectors(both).T
    each = [unit_vectors(part.vectors) @ unit_vectors(part.vectors).T for part in (first, second)]
    np.testing.assert_allclose(cosines, (each[0] + each[1]) / 2, atol=1e-6)


NAN = np.full((20, 2), np.nan)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: atlas.lay_out(VECTORS[:9]), r"have shape \(9, 8\); expected \(n, units\), ten vectors or more"),
        (lambda: atlas.lay_out(NAN), "the vectors hold numbers that are not finite"),
        (lambda: atlas.lay_out(VECTORS, "lle"), "method is 'lle'; expected 'umap', 'tsne', 'pca'"),
        (
            lambda: atlas.lay_out(VECTORS, dimensions=4),
            "dimensions is 4, neighbors 50 and min_dist 0.05; expected 1 to",
        ),
        (lambda: atlas.lay_out(VECTORS[:, :1], "pca"), "dimensions is 2"),
        (lambda: atlas.lay_out(VECTORS, neighbors=1), "neighbors 1"),
        (lambda: atlas.in_unit_square(NAN), "expected one row or more of finite numbers"),
        (lambda: atlas.in_unit_square(np.empty((0, 2))), r"the points have shape \(0, 2\); expected one row"),
        (lambda: atlas.in_unit_square(POINTS, percentile=50), "percentile is 50 and margin 0.1; expected 0 to 50"),
        (lambda: atlas.gather(POINTS, (0, 4)), "the grid is 0x4 with 6 samples a cell; expected at least 1 of each"),
        (lambda: atlas.gather(POINTS, (4, 4), least=0), "with 0 samples a cell"),
        (lambda: atlas.gather(POINTS * 2, (4, 4)), "points go from 0.0.* to 1.9.*; expected 0 to 1, as of in_unit_squ"),
        (lambda: atlas.gather(NAN, (4, 4)), "points go from nan to nan"),
        (lambda: atlas.gather(POINTS[:, :1], (4, 4)), r"the points have shape \(500, 1\)"),
        (
            lambda: atlas.gather(POINTS, (100, 100), least=20),
            r"no cell of 100x100 has 20 of the 500 samples, the fullest has \d; give a coarser grid, more samples",
        ),
        (
            lambda: atlas.contrast(attributed(np.zeros((60, 3))), 0, 3, "pca"),
            "there is no class 3; expected 0 to 2",
        ),
        (
            lambda: atlas.joint(attributed(np.zeros((60, 1))), attributed(np.zeros((50, 1)))),
            "are from other images than <60 samples of a from 60 images, attributed to 1 classes>; collect them with",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_laid_out_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
