"""What matches look like where units have nothing to do with each other.

Three things may be taken away: with `shift`, `joint_moments` shows the layers different images; `rotated` keeps the
images and takes the units; `random_matches` keeps the units and takes the choice.
"""

import numpy as np

from circuits.matching.matches import Matches
from circuits.matching.moments import JointMoments


def rotated(moments: JointMoments, seed: int = 0) -> JointMoments:
    """The same layers with B in a random basis: directions at random, at right angles, in place of its units.

    What matches in it matches the layer's space, not its units: the excess over it is what units share. The moments
    are exact, those of `acts_b @ basis`; `cka` and `cca` do not change.

    Args:
        moments: of the two layers.
        seed: of the basis, uniform over all of them.

    Source: Gurnee et al. 2024, *Universal Neurons in GPT2 Language Models*, whose excess correlation has a Gaussian
    matrix for a basis.

    >>> from circuits.matching.moments import moments_of
    >>> a = np.random.default_rng(0).normal(size=(1000, 16))
    >>> bool(np.abs(rotated(moments_of(a, a)).correlation).max() < 0.9)
    True
    """
    units = len(moments.mean_b)
    basis, upper = np.linalg.qr(np.random.default_rng(seed).normal(size=(units, units)))
    # QR alone favours some rotations; with these signs none.
    return moments.along(b=(basis * np.sign(np.diag(upper))).T)


def random_matches(moments: JointMoments, seed: int = 0) -> Matches:
    """Partners at random, each taken once: how much two units have in common without being chosen for it.

    Args:
        moments: of the two layers. Of the larger one some units have no partner.
        seed: of the partners.

    >>> from circuits.matching.moments import moments_of
    >>> random_matches(moments_of(np.eye(4), np.eye(4)), seed=1).partners
    array([3, 0, 2, 1])
    """
    correlation, rng = moments.correlation, np.random.default_rng(seed)
    count = min(correlation.shape)
    units, others = rng.permutation(correlation.shape[0])[:count], rng.permutation(correlation.shape[1])[:count]
    partners = np.full(correlation.shape[0], -1)
    partners[units] = others
    correlations = np.zeros(len(partners))
    correlations[units] = correlation[units, others]
    return Matches(moments.layers, partners, correlations, np.zeros(len(partners), bool))
