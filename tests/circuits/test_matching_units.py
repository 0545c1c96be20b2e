"""Matches, nulls, similarity and pushes: known answers, laws, and two networks that learned the same."""

import itertools

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

import inception_jax
from circuits.matching import (
    Matches,
    assignment,
    best_matches,
    cca,
    cka,
    joint_moments_of,
    moments_of,
    push,
    push_directions,
    random_matches,
    rotated,
    svcca,
)


@pytest.fixture(scope="module")
def rows():
    """Units of two layers that share some of what they do."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(400, 3))
    a = common @ rng.normal(size=(3, 6)) + rng.normal(size=(400, 6))
    return a, common @ rng.normal(size=(3, 4)) + rng.normal(size=(400, 4)) + 5


@pytest.fixture(scope="module")
def found(rows):
    return moments_of(*rows, ("mixed3a", "mixed3b"))


def orthonormal(size, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


# Matches.


@pytest.mark.parametrize("match", [best_matches, assignment])
def test_known_partners_are_recovered(rows, match):
    """In another order, in other units of measure, with an unrelated and a silent unit among them, upside down."""
    a, rng = rows[0], np.random.default_rng(1)
    order = rng.permutation(6)
    b = np.concatenate([a[:, order] * rng.uniform(0.1, 10, 6) + 3, rng.normal(size=(400, 1)), np.ones((400, 1))], 1)
    found = match(moments_of(a, b))
    np.testing.assert_array_equal(found.partners[order], np.arange(6))
    np.testing.assert_allclose(found.correlations, 1)
    assert found.mutual.all()
    down = match(moments_of(a, -b), absolute=True)
    np.testing.assert_array_equal(down.partners, found.partners)
    np.testing.assert_allclose(down.correlations, -1)
    assert down.mean == pytest.approx(1)
    assert (match(moments_of(a, -b)).partners != found.partners).all()
    # The other way: two of B's have nobody but by chance.
    back = match(moments_of(b, a))
    np.testing.assert_array_equal(back.partners[:6], order)
    assert back.partners[7] == -1
    assert (back.correlations[7], back.mutual[7]) == (0, False)


@pytest.mark.parametrize("absolute", [False, True])
def test_matches_by_brute_force(found, absolute):
    sizes = np.abs(found.correlation) if absolute else np.maximum(found.correlation, 0)
    best = best_matches(found, absolute)
    for unit, row in enumerate(sizes):
        assert abs(best.correlations[unit]) == row.max()
        partner = best.partners[unit]
        assert best.mutual[unit] == (sizes[:, partner].argmax() == unit)
    once = assignment(found, absolute)
    taken = once.partners[once.partners >= 0]
    assert len(taken) == len(set(taken.tolist())) <= 4
    totals = [sizes[list(units), range(4)].sum() for units in itertools.permutations(range(6), 4)]
    assert np.abs(once.correlations).sum() == pytest.approx(max(totals))
    assert once.pairs[0][0] == f"mixed3a:{np.abs(once.correlations).argmax()}"


def test_units_that_go_up_with_none():
    a = np.random.default_rng(0).normal(size=(100, 1))
    for match in (best_matches, assignment):
        assert match(moments_of(a, -a)).partners.tolist() == [-1]
        assert match(moments_of(0 * a, a)).partners.tolist() == [-1]


def test_above_chance():
    """1 % of matches between layers that have nothing in common are above 99 % of those of chance."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(200, 800))
    matches = [best_matches(moments_of(noise[:, :400], noise[:, 400:])), None]
    matches[1] = best_matches(moments_of(np.roll(noise[:, :400], 1, 0), noise[:, 400:]))
    # 400 units: 4 expected, with a standard error of 2.8, as the bound is uncertain, too.
    assert matches[0].above(matches[1]).sum() <= 14
    # Random pairs are no choice among 400: none comes near.
    assert matches[0].mean > 3 * random_matches(moments_of(noise[:, :400], noise[:, 400:])).mean
    real = best_matches(moments_of(noise[:, :400], noise[:, :400] + 2 * noise[:, 400:]))
    assert real.above(matches[1]).mean() > 0.9
    with pytest.raises(ValueError, match="share is 0; expected a number above 0 and at most 1"):
        real.above(matches[1], 0)


def test_random_matches(found):
    made = [random_matches(found, seed) for seed in range(300)]
    for each in made[:10]:
        taken = each.partners[each.partners >= 0]
        assert sorted(taken.tolist()) == list(range(4))
        np.testing.assert_array_equal(each.correlations[each.partners >= 0],
                                      found.correlation[each.partners >= 0, taken])  # fmt: skip
    # On average every pair comes as often: the mean of all, with 1,200 draws of standard deviation 0.2.
    total = np.mean([np.abs(each.correlations).sum() / 4 for each in made])
    assert total == pytest.approx(np.abs(found.correlation).mean(), abs=0.02)


def test_random_bases(rows, found):
    turned = rotated(found, seed=3)
    np.testing.assert_allclose(np.linalg.eigvalsh(turned.cov_b), np.linalg.eigvalsh(found.cov_b), rtol=1e-9)
    # What is computed from moments is what activations in that basis have.
    basis = np.linalg.lstsq(found.cov_ab, turned.cov_ab, rcond=None)[0]
    expected = np.corrcoef(rows[0].T, (rows[1] @ basis).T)[:6, 6:]
    np.testing.assert_allclose(turned.correlation, expected, atol=1e-9)
    assert cka(turned) == pytest.approx(cka(found))
    assert cca(turned).mean == pytest.approx(cca(found).mean)
    # Of a layer with itself, units match better than directions do.
    own = moments_of(rows[0], rows[0])
    assert best_matches(rotated(own)).mean < best_matches(own).mean == pytest.approx(1)
    # Uniform: the first unit is turned into either half of the space.
    signs = [np.sign(rotated(moments_of(np.eye(2), np.eye(2)), seed).cov_ab[0, 0]) for seed in range(40)]
    assert 8 <= signs.count(1.0) <= 32  # Four standard errors.


# Similarity.


def test_cka_by_gram_matrices(rows, found):
    """Kornblith's definition, over samples instead of units."""
    centred = np.eye(400) - 1 / 400
    one, two = (centred @ values @ values.T @ centred for values in rows)
    expected = (one * two).sum() / np.sqrt((one * one).sum() * (two * two).sum())
    assert cka(found) == pytest.approx(expected, rel=1e-9)


def test_cca_by_scikit_learn(rows, found):
    expected = CCA(4, max_iter=10_000, tol=1e-12).fit(*rows).transform(*rows)
    mine = cca(found)
    correlations = [np.corrcoef(*pair)[0, 1] for pair in zip(*(scores.T for scores in expected), strict=True)]
    # scikit-learn iterates, to 1e-12 of squares.
    np.testing.assert_allclose(mine.correlations, correlations, atol=1e-5)
    # Directions have the correlations that they are said to have, and no others.
    along = found.along(mine.a, mine.b)
    np.testing.assert_allclose(along.cov_a, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(along.cov_b, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(along.cov_ab, np.diag(mine.correlations), atol=1e-9)


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.99])
def test_svcca_by_singular_vectors(rows, found, kept):
    """Raghu's two steps on stored activations."""
    spaces = []
    for values in rows:
        left, sizes, _ = np.linalg.svd(values - values.mean(0), full_matrices=False)
        shares = np.cumsum(sizes**2) / (sizes**2).sum()
        spaces.append(left[:, : int((shares < kept).sum()) + 1])
    expected = np.linalg.svd(spaces[0].T @ spaces[1], compute_uv=False)
    np.testing.assert_allclose(cca(found, kept).correlations, expected, atol=1e-9)
    assert svcca(found, kept) == pytest.approx(expected.mean())


def test_what_similarities_do_not_see(rows, found):
    a, b = rows
    turned = moments_of(3 * a @ orthonormal(6, 1) + 2, b @ orthonormal(4, 2))
    assert cka(turned) == pytest.approx(cka(found), rel=1e-9)
    assert cka(found.swapped) == pytest.approx(cka(found), rel=1e-12)
    assert svcca(turned) == pytest.approx(svcca(found), rel=1e-9)
    # Any invertible map for CCA, which CKA does see.
    maps = [np.random.default_rng(seed).normal(size=(n, n)) for seed, n in ((1, 6), (2, 4))]
    mapped = moments_of(a @ maps[0], b @ maps[1])
    np.testing.assert_allclose(cca(mapped).correlations, cca(found).correlations, rtol=1e-8)
    assert abs(cka(mapped) - cka(found)) > 0.01
    np.testing.assert_allclose(cca(found.swapped).correlations, cca(found).correlations, rtol=1e-9)
    # Units twice over, and silent ones, make singular covariances.
    copied = moments_of(np.concatenate([a, a, np.ones((400, 2))], 1), b)
    np.testing.assert_allclose(cca(copied).correlations, cca(found).correlations, rtol=1e-8)


def test_similarities_of_layers_that_are_known():
    rng = np.random.default_rng(0)
    a = np.linalg.qr(rng.normal(size=(100, 7)) - 0.0)[0]
    a = np.linalg.qr(a - a.mean(0))[0]  # Seven units without a mean that do not correlate.
    for shared in range(4):
        both = moments_of(a[:, :3], a[:, 3 - shared : 6 - shared])
        # Of three dimensions each, so many in common.
        assert cka(both) == pytest.approx(shared / 3, abs=1e-9)
        assert cca(both).mean == pytest.approx(shared / 3, abs=1e-9)


# Pushes.


def test_lucid_pushes_so(rows, found):
    a, b = rows
    expected = a[:9] @ np.linalg.inv(a.T @ a / 400) @ (a.T @ b / 400)
    np.testing.assert_allclose(push(found, a[:9], ridge=0, through_origin=True), expected, rtol=1e-8)


def test_pushes_are_least_squares(rows, found):
    a, b = rows
    design = np.concatenate([a, np.ones((400, 1))], 1)
    expected = design @ np.linalg.lstsq(design, b, rcond=None)[0]
    np.testing.assert_allclose(push(found, a, ridge=0), expected, rtol=1e-8)
    # A ridge is rows of zeros that ask for small weights.
    weight = np.sqrt(0.3 * a.var(0).mean() * 400)
    centred = np.concatenate([a - a.mean(0), weight * np.eye(6)])
    slopes = np.linalg.lstsq(centred, np.concatenate([b - b.mean(0), np.zeros((6, 4))]), rcond=None)[0]
    np.testing.assert_allclose(push(found, a, ridge=0.3), b.mean(0) + (a - a.mean(0)) @ slopes, rtol=1e-8)


def test_linear_layers_are_pushed_exactly(rows):
    a = np.concatenate([rows[0], rows[0][:, :1], np.full((400, 1), 2.0)], 1)  # Twice the same, and a silent unit.
    b = a @ np.random.default_rng(1).normal(size=(8, 10)) - 4
    found = moments_of(a, b)
    maps = a[:12].reshape(3, 2, 2, 8)
    np.testing.assert_allclose(push(found, maps, ridge=0), b[:12].reshape(3, 2, 2, 10), atol=1e-8)
    # Directions of B that are A's units, whatever the direction that says so: ten for seven dimensions.
    made = push_directions(found, ridge=0)
    np.testing.assert_allclose(b @ made.T - (b @ made.T).mean(0), a - a.mean(0), atol=1e-8)
    np.testing.assert_allclose(push_directions(found, [2, 5], ridge=0), made[[2, 5]])
    family = np.array([[0.5, 0.0, -1.0, 0, 0, 0, 0, 0]])
    np.testing.assert_allclose(push_directions(found, family, ridge=0), family @ made, atol=1e-12)


def test_pushed_directions_follow_best(rows, found):
    made = push_directions(found, 3, ridge=0)
    best = found.along(np.eye(6)[[3]], made).correlation.item()
    others = found.along(np.eye(6)[[3]], made + 0.1 * np.random.default_rng(0).normal(size=(500, 4))).correlation
    assert best > others.max()
    assert best > found.correlation[3].max()
    # The multiple correlation of a regression.
    a, b = rows
    fitted = np.linalg.lstsq(b - b.mean(0), a[:, 3] - a[:, 3].mean(), rcond=None)[0]
    np.testing.assert_allclose(made[0], fitted, rtol=1e-8)
    assert best == pytest.approx(np.corrcoef(b @ fitted, a[:, 3])[0, 1])


FOUND = moments_of(np.eye(3), np.eye(3)[:, :2], ("mixed3a", "mixed3b"))
SILENT = moments_of(np.eye(3), np.ones((3, 2)), ("mixed3a", "mixed3b"))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cka(SILENT), "mixed3b never changes over 3 samples; expected images that it answers to"),
        (lambda: cca(SILENT.swapped), "mixed3b never changes over 3 samples"),
        (lambda: cca(FOUND, 0), "kept is 0; expected a share of the variance above 0 and at most 1"),
        (lambda: svcca(FOUND, 1.5), "kept is 1.5; expected a share"),
        (lambda: push(FOUND, np.ones((4, 2))), r"mixed3a have shape \(4, 2\); expected \[..., 3\], all finite"),
        (lambda: push(FOUND, np.full(3, np.nan)), r"mixed3a have shape \(3,\); expected \[..., 3\], all finite"),
        (lambda: push(FOUND, np.ones(3), ridge=-1), "ridge is -1; expected a share of the mean variance, 0 or more"),
        (lambda: push_directions(FOUND, [3]), "units has 3; expected unit numbers of 'mixed3a', 0 to 2, or directions"),
        (lambda: push_directions(FOUND, []), "units is empty; expected unit numbers of 'mixed3a'"),
        (lambda: push_directions(FOUND, np.ones((1, 2))), r"units has shape \(1, 2\) and type float64; expected unit"),
    ],
)
def test_what_cannot_be_compared(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.shared
def test_two_networks_have_units_in_common(shared_dir):
    """Trained from other seeds, the bundled networks see the same photographs with like units, early ones above all."""
    from inception_jax.photographs import photographs

    # Sorted by class, 25 of each: these 100 are all of different ones.
    every = photographs(shared_dir / "data" / "tiny-imagenet" / "val-0-of-1.zip", short_side=64, crop=64)[::50]
    images = [batch.images for batch in every.batches(25)]
    pairs = [(layer, layer) for layer in ("conv2d0", "conv2d2", "mixed3a", "mixed3b")]
    networks = [inception_jax.load(name) for name in ("mini", "mini-seed1")]
    real, chance = (joint_moments_of(*networks, images, pairs, per_image=16, shift=shift) for shift in (0, 1))
    for each, other in zip(real, chance, strict=True):
        matches = best_matches(each)
        # benchmarks/matching.py finds 0.5 to 0.74 and 0.02 to 0.14 over more photographs.
        assert matches.mean > best_matches(other).mean + 0.25
        assert matches.mean > best_matches(rotated(each)).mean
        assert isinstance(assignment(each), Matches)
        # 0.86 to 0.88, and up to 0.05.
        assert cka(each) > 0.8
        assert cka(other) < 0.1
