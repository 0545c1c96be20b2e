"""How alike two layers are as spaces: CKA, and canonical correlations."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from circuits.matching.moments import JointMoments


@dataclass(frozen=True, eq=False, repr=False)
class Canonical:
    """Directions of two layers that correlate most, each with its partner alone: see `cca`.

    Attributes:
        layers: names of A and B.
        correlations: of each pair of directions, the highest first.
        a: directions over A's units, along which the samples have variance 1 and do not correlate.
        b: directions over B's units, each the partner of one of A.
    """

    layers: tuple[str, str]
    correlations: Float[np.ndarray, " k"]
    a: Float[np.ndarray, "k units_a"]
    b: Float[np.ndarray, "k units_b"]

    def __repr__(self) -> str:
        return f"<{len(self.correlations)} canonical correlations of {' and '.join(self.layers)}, mean {self.mean:.3f}>"

    @property
    def mean(self) -> float:
        """The mean correlation: the similarity of SVCCA, from 0 to 1."""
        return float(self.correlations.mean())


def cka(moments: JointMoments) -> float:
    """Linear centred kernel alignment of two layers, from 0 to 1.

    1 where one layer is the other in another orthonormal basis, in any unit of measure. It is that of all the samples
    that went into the moments, exactly, and biased as Kornblith's: layers that have nothing in common are above 0 with
    few samples, the more so the more units they have.

    Args:
        moments: of the two layers.

    Raises:
        ValueError: a layer that never changes.

    Source: Kornblith et al. 2019, *Similarity of Neural Network Representations Revisited*.

    >>> from circuits.matching.moments import moments_of
    >>> a = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> round(cka(moments_of(a, 3 * a[:, ::-1])), 6), round(cka(moments_of(a, a[:, :1])), 6)
    (1.0, 0.707107)
    """
    _check_alive(moments)

    def size(matrix: np.ndarray) -> float:
        return float(np.linalg.norm(matrix))

    return min(size(moments.cov_ab) / size(moments.cov_a) * (size(moments.cov_ab) / size(moments.cov_b)), 1.0)


def cca(moments: JointMoments, kept: float = 1.0) -> Canonical:
    """Canonical correlations of two layers, and the directions that have them.

    Whatever invertible linear map a layer goes through, the correlations stay. With fewer samples than units they are
    1 of anything: take many more, and count places of one image, which resemble each other, as less than one each.

    Args:
        moments: of the two layers.
        kept: share of each layer's variance whose principal directions take part, above 0 and at most 1, which is
            everything that is not zero but for rounding.

    Raises:
        ValueError: another share, a layer that never changes.

    Source: Hotelling 1936, *Relations Between Two Sets of Variates*; with a share of 0.99, SVCCA of Raghu et al. 2017.

    >>> from circuits.matching.moments import moments_of
    >>> a = np.random.default_rng(0).normal(size=(100, 3))
    >>> cca(moments_of(a, a @ [[2.0, 1.0], [0.0, 1.0], [5.0, 0.0]])).correlations.round(6)
    array([1., 1.])
    """
    if not 0 < kept <= 1:
        raise ValueError(f"kept is {kept}; expected a share of the variance above 0 and at most 1")
    _check_alive(moments)
    white_a, white_b = _whitening(moments.cov_a, kept), _whitening(moments.cov_b, kept)
    left, correlations, right = np.linalg.svd(white_a @ moments.cov_ab @ white_b.T, full_matrices=False)
    return Canonical(moments.layers, np.clip(correlations, 0, 1), left.T @ white_a, right @ white_b)


def svcca(moments: JointMoments, kept: float = 0.99) -> float:
    """Singular vector canonical correlation of two layers: the mean canonical correlation of what varies most.

    Args:
        moments: of the two layers.
        kept: as in `cca`.

    Raises:
        ValueError: as `cca`.

    Source: Raghu et al. 2017, *SVCCA*, with the positions of convolutional layers as samples.

    >>> from circuits.matching.moments import moments_of
    >>> a = np.random.default_rng(0).normal(size=(100, 2)) * [100.0, 0.1]
    >>> round(svcca(moments_of(a, a[:, ::-1] + 7)), 6)
    1.0
    """
    return cca(moments, kept).mean


def _whitening(covariance: np.ndarray, kept: float) -> np.ndarray:
    """Principal directions as rows, the strongest first, of a length that makes variances 1."""
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1], vectors[:, ::-1].T
    # Below this, eigenvalues are rounding errors of the largest.
    real = int((values > values[0] * len(values) * np.finfo(np.float64).eps).sum())
    shares = np.cumsum(values[:real]) / values[:real].sum()
    count = min(int(np.searchsorted(shares, kept)) + 1, real)
    return vectors[:count] / np.sqrt(values[:count])[:, None]


def _check_alive(moments: JointMoments) -> None:
    for covariance, layer in ((moments.cov_a, moments.layers[0]), (moments.cov_b, moments.layers[1])):
        if not covariance.any():
            raise ValueError(f"{layer} never changes over {moments.count} samples; expected images that it answers to")
