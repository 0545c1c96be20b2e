"""Groups of units that are each other's copies, turned, mirrored, scaled or in another hue: from their weights."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from circuits.families.equivariance import PERMUTATIONS, PermutationTest
from circuits.families.turning import SYMMETRIES, Symmetry, exchange, hue_mix
from circuits.labelled import Weights, tiles


@dataclass(frozen=True, eq=False, repr=False)
class Relations:
    """How well each unit's weights become another one's under a symmetry: see `related`.

    Attributes:
        symmetry: its name.
        correlations: `[from, to]`, the best over all values that were tried.
        values: the value that is best, in degrees or as a factor.
    """

    symmetry: str
    correlations: Float[np.ndarray, "units units"]
    values: Float[np.ndarray, "units units"]

    def __repr__(self) -> str:
        return f"<relations of {len(self.values)} units by {self.symmetry}>"

    def groups(self, least: float = 0.8) -> list[tuple[Int[np.ndarray, " members"], Float[np.ndarray, " members"]]]:
        """Units that are copies of one, and by which value: the largest group first, units without a copy left out.

        The unit with most copies leads the first group; what is left makes the others.

        Args:
            least: the correlation from which on one is a copy.

        Returns:
            For each group its units, the leader first, and the values that lead from it to them.

        >>> same = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]])
        >>> Relations("rotation", same, 90.0 * np.arange(9).reshape(3, 3)).groups()
        [(array([0, 1]), array([ 0., 90.]))]
        """
        left, found = np.ones(len(self.values), bool), []
        while True:
            close = (self.correlations >= least) & left[:, None] & left[None]
            leader = close.sum(1).argmax()
            members = np.flatnonzero(close[leader])
            if len(members) < 2:
                return found
            order = members[np.argsort(-self.correlations[leader, members], kind="stable")]
            order = np.concatenate([[leader], order[order != leader]])
            found.append((order, self.values[leader, order]))
            left[order] = False

    def test(
        self, units: Int[np.ndarray, " members"], permutations: int = PERMUTATIONS, seed: int = 0
    ) -> PermutationTest:
        """Are units related more than others? The mean correlation of two of them, beside that of as many at random.

        It means something for a family that was found in another way, by tuning say, not for one of `groups`.

        Args:
            units: of the family.
            permutations: how many random families.
            seed: of these.

        Raises:
            ValueError: fewer than two units, or units that are not there.

        >>> same = np.kron(np.eye(2), np.ones((2, 2)))
        >>> Relations("rotation", same, same).test(np.array([2, 3]), permutations=99).score
        1.0
        """
        chosen, count = np.asarray(units), len(self.values)
        if len(chosen) < 2 or chosen.min() < 0 or chosen.max() >= count:
            raise ValueError(f"units are {chosen.tolist()}; expected two or more of 0 to {count - 1}")
        both = np.maximum(self.correlations, self.correlations.T)

        def mean(members: np.ndarray) -> float:
            inside = both[np.ix_(members, members)]
            return float((inside.sum() - np.trace(inside)) / (len(members) * (len(members) - 1)))

        rng = np.random.default_rng(seed)
        null = [mean(rng.choice(count, len(chosen), replace=False)) for _ in range(permutations)]
        return PermutationTest(mean(chosen), np.array(null))


def related(
    weights: Weights,
    symmetry: str | Symmetry,
    angles: Float[np.ndarray, " in"] | None = None,
    period: float | Float[np.ndarray, " in"] = 360.0,
) -> Relations:
    """Which units become which others under rotation, reflection, scale or hue, by their weights alone.

    Args:
        weights: `[out, in, row, column]`, direct or expanded. From the image itself (`"input"`) nothing need be known
            of the inputs: their hues turn about grey, and nothing else changes them.
        symmetry: a name of `SYMMETRIES`, or one of your own.
        angles: of the inputs, in degrees: their orientations, or their hues; NaN for inputs that do not change. They
            say which input takes the place of which.
        period: of these angles.

    Raises:
        ValueError: an unknown symmetry, not an angle for each input, hue without the hues of the inputs.

    >>> w = np.zeros((2, 3, 3, 3))
    >>> w[0, :, 0, 1] = w[1, :, 1, 2] = 1.0
    >>> found = related(w, "rotation")
    >>> round(float(found.correlations[0, 1]), 6), float(found.values[0, 1])
    (1.0, 90.0)
    """
    array = np.asarray(tiles(weights), float)
    if isinstance(symmetry, str):
        if symmetry not in SYMMETRIES:
            raise ValueError(f"no symmetry {symmetry!r}; expected one of {', '.join(SYMMETRIES)}")
        symmetry = SYMMETRIES[symmetry]
    inputs = array.shape[1]
    if angles is not None and np.shape(angles) != (inputs,):
        raise ValueError(f"there are {np.size(angles)} angles for {inputs} inputs; expected one for each, NaN for none")
    if angles is None and symmetry.name == "hue" and inputs != 3:
        raise ValueError(
            f"hue needs the hues of the {inputs} inputs; expected angles, or weights on red, green and blue"
        )
    target = _normed(array)
    found = []
    for value in symmetry.values:
        moved = symmetry.tiles(array, value)
        if angles is not None:
            given = np.asarray(angles, float)
            moved = np.einsum("tf,ofrc->otrc", exchange(given, symmetry.angle(given, value), period), moved)
        elif symmetry.name == "hue":
            moved = np.einsum("tf,ofrc->otrc", hue_mix(value), moved)
        found.append(_normed(moved) @ target.T)
    best = np.argmax(found, 0)
    return Relations(symmetry.name, np.max(found, 0), np.asarray(symmetry.values, float)[best])


def _normed(array: np.ndarray) -> np.ndarray:
    """Weights of each unit as a row of length one about its mean."""
    rows = array.reshape(len(array), -1)
    rows = rows - rows.mean(1, keepdims=True)
    sizes = np.sqrt(np.square(rows).sum(1, keepdims=True))
    return rows / np.where(sizes > 0, sizes, 1)
