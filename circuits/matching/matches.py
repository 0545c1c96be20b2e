"""Which unit of one layer goes with which of another."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from circuits.matching.moments import JointMoments


@dataclass(frozen=True, eq=False, repr=False)
class Matches:
    """A partner in layer B for each unit of layer A: see `best_matches` and `assignment`.

    Attributes:
        layers: names of A and B.
        partners: the unit of B that each unit of A goes with, -1 where there is none.
        correlations: with the partner, zero where there is none.
        mutual: whether each of the two is the other's best match.
    """

    layers: tuple[str, str]
    partners: Int[np.ndarray, " a"]
    correlations: Float[np.ndarray, " a"]
    mutual: Bool[np.ndarray, " a"]

    def __repr__(self) -> str:
        matched = int((self.partners >= 0).sum())
        return (
            f"<matches of {self.layers[0]} in {self.layers[1]}, {matched} of {len(self.partners)} units, "
            f"mean correlation {self.mean:.3f}>"
        )

    @property
    def mean(self) -> float:
        """The mean size of the correlations, over all units of A."""
        return float(np.abs(self.correlations).mean())

    @property
    def pairs(self) -> tuple[tuple[str, str, float], ...]:
        """Names of the partners with their correlation, the closest first.

        >>> found = Matches(("a", "b"), np.array([2, -1, 0]), np.array([0.5, 0.0, 0.9]), np.array([True, False, True]))
        >>> found.pairs
        (('a:2', 'b:0', 0.9), ('a:0', 'b:2', 0.5))
        """
        order = np.argsort(-np.abs(self.correlations), kind="stable")
        one, two = self.layers
        return tuple(
            (f"{one}:{unit}", f"{two}:{self.partners[unit]}", float(self.correlations[unit]))
            for unit in order
            if self.partners[unit] >= 0
        )

    def above(self, null: "Matches", share: float = 0.99) -> Bool[np.ndarray, " a"]:
        """Which units have a closer match than chance gives.

        Args:
            null: matches made in the same way where there is nothing to find: of moments with a `shift`, of `rotated`
                ones. Whatever is chosen among more units is closer by chance, and this is no different there.
            share: of the null's matches that a match has to exceed, above 0 and at most 1, which is all of them.

        Raises:
            ValueError: another share.

        >>> found = Matches(("a", "b"), np.array([0, 1]), np.array([0.2, 0.9]), np.array([True, True]))
        >>> chance = Matches(("a", "b"), np.array([1, 0]), np.array([0.3, 0.1]), np.array([True, True]))
        >>> found.above(chance)
        array([False,  True])
        """
        if not 0 < share <= 1:
            raise ValueError(f"share is {share}; expected a number above 0 and at most 1")
        # One of the null's own values: nothing is interpolated.
        bound = np.quantile(np.abs(null.correlations), share, method="higher")
        return np.abs(self.correlations) > bound


def best_matches(moments: JointMoments, absolute: bool = False) -> Matches:
    """For each unit of A the unit of B that it correlates with most; several may have the same.

    Args:
        moments: of the two layers.
        absolute: whether units that go in opposite directions match, too. Correlations keep their sign.

    Units that correlate with none have no partner: silent ones, and, without `absolute`, those that go up with none.

    Source: Li et al. 2015, *Convergent Learning*.

    >>> from circuits.matching.moments import moments_of
    >>> a = np.random.default_rng(0).normal(size=(100, 3))
    >>> best_matches(moments_of(a, -2 * a[:, [2, 0, 1]]), absolute=True).partners
    array([1, 2, 0])
    """
    forward, back = _best(moments.correlation, absolute)
    return _matches(moments, forward, forward, back)


def assignment(moments: JointMoments, absolute: bool = False) -> Matches:
    """Partners, each taken once, such that the sum of their correlations is as large as it can be.

    Args:
        moments: of the two layers, which need not have as many units: some of the larger one's have no partner.
        absolute: as in `best_matches`.

    Source: Li et al. 2015, *Convergent Learning*, whose bipartite matching this is, by SciPy's
    `linear_sum_assignment`. Here no pair counts that has a negative correlation.

    >>> from circuits.matching.moments import moments_of
    >>> a = np.random.default_rng(0).normal(size=(100, 3))
    >>> assignment(moments_of(a, a[:, [2, 0]])).partners
    array([ 1, -1,  0])
    """
    from scipy.optimize import linear_sum_assignment

    correlation = moments.correlation
    sizes = np.abs(correlation) if absolute else np.maximum(correlation, 0)
    rows, columns = linear_sum_assignment(sizes, maximize=True)
    partners = np.full(len(correlation), -1)
    partners[rows] = np.where(sizes[rows, columns] > 0, columns, -1)
    return _matches(moments, partners, *_best(correlation, absolute))


def _best(correlation: np.ndarray, absolute: bool) -> tuple[np.ndarray, np.ndarray]:
    """The best of B for each of A, and of A for each of B; -1 for none."""
    sizes = np.abs(correlation) if absolute else correlation
    forward, back = sizes.argmax(1), sizes.argmax(0)
    return np.where(sizes.max(1) > 0, forward, -1), np.where(sizes.max(0) > 0, back, -1)


def _matches(moments: JointMoments, partners: np.ndarray, forward: np.ndarray, back: np.ndarray) -> Matches:
    units = np.arange(len(partners))
    has = partners >= 0
    correlations = np.where(has, moments.correlation[units, partners], 0.0)
    return Matches(moments.layers, partners, correlations, has & (partners == forward) & (back[partners] == units))
