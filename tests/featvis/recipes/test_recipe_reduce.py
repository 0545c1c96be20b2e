"""Every decomposition: shapes, lengths, order, seeds; what NMF and PCA find on data whose factors are known."""

import numpy as np
import pytest
from sklearn.decomposition import NMF, MiniBatchNMF

from featvis.recipes import reduce

RNG = np.random.default_rng(0)
MAPS = RNG.random((6, 5, 3)) * (RNG.random((6, 5, 3)) < 0.5)
DIRECTIONS = np.kron(np.eye(3), RNG.uniform(0.2, 1, (1, 4)))
"""Three directions that share no units, so that their factorisation is unique up to scale and order."""
POSITIVE = MAPS @ DIRECTIONS
SIGNED = RNG.standard_normal((6, 5, 12))

METHODS = {
    "nmf": (POSITIVE, {}),
    "pca": (SIGNED, {"method": "pca"}),
    "ica": (SIGNED, {"method": "ica"}),
    "svd": (SIGNED, {"method": "svd"}),
    "estimator": (POSITIVE, {"method": MiniBatchNMF(init="nndsvda", max_iter=1000)}),
    "signed maps": (SIGNED, {"signed": "maps"}),
    "signed directions": (SIGNED, {"signed": "directions"}),
}


@pytest.mark.parametrize("name", METHODS)
def test_laws_of_every_method(name):
    data, options = METHODS[name]
    factors = reduce(data, 3, **options)
    assert factors.directions.shape == (3, 12)
    assert factors.maps.shape == (6, 5, 3)
    assert len(factors) == 3
    # Rounding of float32.
    np.testing.assert_allclose(np.linalg.norm(factors.directions, axis=1), 1, rtol=1e-5)
    strength = np.linalg.norm(factors.maps, axis=(0, 1))
    assert (np.diff(strength) <= 0).all()
    rebuilt = factors.maps @ factors.directions + factors.mean
    np.testing.assert_array_equal(factors.reconstruct(), rebuilt)
    assert factors.error == pytest.approx(np.linalg.norm(data - rebuilt) / np.linalg.norm(data), rel=1e-4, abs=1e-5)
    assert factors.error < 0.95
    again = reduce(data, 3, **options)
    np.testing.assert_array_equal(again.directions, factors.directions)
    np.testing.assert_array_equal(again.maps, factors.maps)


@pytest.mark.parametrize("name", METHODS)
def test_maps_of_the_same_activations_are_the_same(name):
    data, options = METHODS[name]
    factors = reduce(data, 3, **options)
    # NMF solves for the maps anew, iteratively, to its tolerance of 1e-4 on the loss.
    atol = {"nmf": 0.02, "estimator": 0.1, "signed maps": 0.02, "signed directions": 0.02}.get(name, 1e-5)
    np.testing.assert_allclose(factors.transform(data), factors.maps, atol=atol)
    # One image of several, as one would call it.
    assert factors.transform(data[:2]).shape == (2, 5, 3)


def matched(found, wanted):
    """Cosines of each wanted direction with the found one that is most like it, each found one used once."""
    cosines = found @ (wanted / np.linalg.norm(wanted, axis=1, keepdims=True)).T
    assert sorted(np.abs(cosines).argmax(0)) == list(range(len(wanted)))
    return cosines[np.abs(cosines).argmax(0), np.arange(len(wanted))]


def test_nmf_finds_the_factors_of_a_product():
    factors = reduce(POSITIVE, 3)
    # Coordinate descent stops at a relative change of 1e-4.
    assert factors.error < 1e-3
    np.testing.assert_allclose(matched(factors.directions, DIRECTIONS), 1, atol=1e-3)
    places = np.argmax(factors.directions @ DIRECTIONS.T, axis=1)
    # Maps are in units of activation: the length of what the direction contributes.
    lengths = np.linalg.norm(DIRECTIONS, axis=1)
    np.testing.assert_allclose(factors.maps, (MAPS * lengths)[..., places], atol=0.01)


def test_one_sided_nmf_finds_signed_maps():
    maps = np.random.default_rng(1).standard_normal((6, 5, 3))
    factors = reduce(maps @ DIRECTIONS, 3, signed="maps")
    assert (factors.directions >= 0).all()
    assert factors.maps.min() < 0
    assert factors.error < 1e-3
    np.testing.assert_allclose(matched(factors.directions, DIRECTIONS), 1, atol=1e-3)


def test_one_sided_nmf_finds_signed_directions():
    rng = np.random.default_rng(2)
    # At each position one direction only, so that positive and negative parts do not mix.
    maps = np.eye(3)[rng.integers(0, 3, (8, 8))] * rng.uniform(0.5, 2, (8, 8, 1))
    directions = rng.standard_normal((3, 12))
    factors = reduce(maps @ directions, 3, signed="directions")
    assert (factors.maps >= 0).all()
    assert factors.error < 1e-2
    np.testing.assert_allclose(matched(factors.directions, directions), 1, atol=1e-2)


def test_one_sided_nmf_is_nmf_of_both_signs():
    """As Captum's `posneg` has it, by scikit-learn alone."""
    rows = SIGNED.reshape(-1, 12)
    positive = np.concatenate([np.maximum(rows, 0), np.maximum(-rows, 0)])
    nmf = NMF(3, max_iter=1000, random_state=0)
    maps = nmf.fit_transform(positive)
    rebuilt = (maps[:30] - maps[30:]) @ nmf.components_
    np.testing.assert_allclose(reduce(SIGNED, 3, signed="maps").reconstruct().reshape(-1, 12), rebuilt, atol=1e-5)


def test_pca_finds_the_eigenvectors_of_the_covariance():
    factors = reduce(SIGNED, 2, "pca")
    rows = SIGNED.reshape(-1, 12)
    values, vectors = np.linalg.eigh(np.cov(rows.T, bias=True))
    np.testing.assert_allclose(np.abs(matched(factors.directions, vectors.T[[-1, -2]])), 1, atol=1e-5)
    np.testing.assert_allclose(np.square(factors.maps).mean((0, 1)), values[[-1, -2]], rtol=1e-4)
    np.testing.assert_allclose(factors.mean, rows.mean(0), atol=1e-6)


@pytest.mark.parametrize("method", ["pca", "ica", "svd"])
def test_signs_follow_one_convention(method):
    for data in (SIGNED, -SIGNED):
        directions = reduce(data, 3, method).directions
        assert (np.take_along_axis(directions, np.abs(directions).argmax(1)[:, None], 1) > 0).all()


def test_the_seed_is_that_of_the_decomposition():
    chance = {"method": NMF(init="random", max_iter=5, tol=1.0)}
    first, second, again = (reduce(POSITIVE, 3, seed=seed, **chance) for seed in (0, 1, 0))
    assert not np.allclose(first.directions, second.directions)
    np.testing.assert_array_equal(first.directions, again.directions)


def test_a_factor_too_many_is_empty_or_small():
    factors = reduce(np.outer([1.0, 2.0, 3.0], [1.0, 1.0, 2.0]), 2)
    assert factors.error < 1e-3
    assert np.isfinite(factors.directions).all()
    assert np.linalg.norm(factors.maps[..., 1]) < 0.01 * np.linalg.norm(factors.maps[..., 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SIGNED, 3), r'activations go down to -.*, and NMF takes none below 0; give signed="maps" or .*posneg.*"pca"'),
        ((POSITIVE, 0), "n is 0; 30 positions of 12 units have 1 to 12 directions"),
        ((POSITIVE, 13), "n is 13; 30 positions of 12 units have 1 to 12 directions"),
        ((POSITIVE[:1, :2], 3), "n is 3; 2 positions of 12 units have 1 to 2 directions"),
        ((POSITIVE, 2, "tsne"), "no method 'tsne'; expected 'nmf', 'pca', 'ica', 'svd', or a scikit-learn estimator"),
        ((POSITIVE, 2, 7), "7 is no decomposition; expected a scikit-learn estimator with fit_transform and inverse_t"),
        ((np.ones(4), 1), r"activations have shape \(4,\); expected positions and units"),
        ((np.ones((0, 4)), 1), r"activations have shape \(0, 4\); expected positions and units"),
        ((POSITIVE * np.nan, 1), "activations are not all finite; expected numbers"),
        ((POSITIVE * 0, 1), "the activations are zero everywhere; there is nothing to reduce"),
    ],
)
def test_what_cannot_be_reduced_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        reduce(*arguments)


@pytest.mark.usefixtures("unchecked")
def test_unknown_signs_are_refused():
    with pytest.raises(ValueError, match='signed is \'both\'; expected None, "maps" or "directions"'):
        reduce(SIGNED, 2, signed="both")


def test_other_activations_must_fit():
    factors = reduce(POSITIVE, 2)
    with pytest.raises(ValueError, match="the activations have 3 units; expected 12"):
        factors.transform(np.ones((2, 3)))
    with pytest.raises(ValueError, match="go down to -1, and NMF takes none below 0"):
        factors.transform(-np.ones((2, 12)))


def test_estimators_are_copied():
    estimator = MiniBatchNMF()
    reduce(POSITIVE, 2, estimator)
    assert not hasattr(estimator, "components_")


def test_what_has_not_settled_is_told():
    with pytest.warns(UserWarning, match="the decomposition stopped after 2 iterations, not settled yet"):
        reduce(POSITIVE + RNG.random((6, 5, 12)), 3, NMF(max_iter=2))


def test_repr_says_what_is_left():
    assert repr(reduce(POSITIVE, 3)).startswith("<3 directions of 12 units, 0.0")
