"""Do weights turn with what units respond to? Scores, with what they would be by chance."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from circuits.families.turning import exchange, turned
from circuits.labelled import Weights, tiles

PERMUTATIONS = 9999
"""How many the null distributions have, if nothing else is asked for."""


@dataclass(frozen=True, eq=False, repr=False)
class PermutationTest:
    """A score and its permutation null distribution.

    Attributes:
        score: of the weights as they are.
        null: scores after the orientations have changed hands at random, among the units and among the inputs.
    """

    score: float
    null: Float[np.ndarray, " permutations"]

    def __repr__(self) -> str:
        return f"<score {self.score:.3f}, p {self.p:.2g} of {len(self.null)} permutations>"

    @property
    def p(self) -> float:
        """How likely such a score is by chance: `(1 + as large in the null) / (1 + permutations)`, never zero.

        Source: Phipson and Smyth 2010, *Permutation P-values Should Never Be Zero*.

        >>> PermutationTest(0.9, np.array([0.1, 0.95, 0.3])).p
        0.5
        """
        return (1 + int((self.null >= self.score).sum())) / (1 + len(self.null))


def sums_by_angle(
    weights: Weights,
    orientations: Float[np.ndarray, " out"],
    inputs: Float[np.ndarray, " in"],
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> PermutationTest:
    """Do units excite those that respond to the same orientation, and inhibit those that respond to the opposite one?

    The score is the correlation, over all pairs, between the sums of their weights and the cosine of the difference of
    their orientations.

    Args:
        weights: `[out, in, row, column]`, between units that all have an orientation with a period of 360 degrees.
        orientations: of the units, in degrees.
        inputs: of the input units, in degrees.
        permutations: how often orientations change hands at random, among units and among inputs.
        seed: of these.

    Raises:
        ValueError: not an orientation for each, fewer than three units or inputs, no permutations.

    Source: 0.728 for the 64 tiles from mixed3a to mixed3b that *Curve Circuits* (Distill, 2021) shows.

    >>> angles = np.arange(0.0, 360.0, 45.0)
    >>> w = np.cos(np.deg2rad(angles[:, None] - angles))[..., None, None]
    >>> found = sums_by_angle(w, angles, angles, permutations=999)
    >>> round(found.score, 6), found.p < 0.01
    (1.0, True)
    """
    array, out, into = checked(weights, orientations, inputs, permutations)
    sums = array.sum((2, 3))
    centred = sums - sums.mean()
    unit, lower = np.exp(1j * np.deg2rad(out)), np.exp(1j * np.deg2rad(into))

    def score(order: np.ndarray, other: np.ndarray) -> float:
        cosines = np.real(unit[order][:, None] * np.conj(lower[other]))
        cosines = cosines - cosines.mean()
        size = np.sqrt(np.square(centred).sum() * np.square(cosines).sum())
        return float((centred * cosines).sum() / size) if size > 0 else 0.0

    return _tested(score, len(out), len(into), permutations, seed)


def turn_together(
    weights: Weights,
    orientations: Float[np.ndarray, " out"],
    inputs: Float[np.ndarray, " in"],
    *,
    periods: float | Float[np.ndarray, " in"] = 360.0,
    steps: int = 24,
    permutations: int = 1999,
    seed: int = 0,
) -> PermutationTest:
    """Are the weights of all units the same, once each is turned upright: tiles rotated, inputs exchanged?

    Each unit is turned back by its orientation: its tiles about their middle, and the inputs' weights to the inputs
    whose orientations lie as much further back. The score is the mean correlation between the weights of two units so
    turned.

    Args:
        weights: `[out, in, row, column]`; tiles should be square.
        orientations: of the units, in degrees, with a period of 360.
        inputs: of the input units, in degrees; NaN for those without, which take nobody's place.
        periods: of the inputs' orientations: 360, or 180 for lines; one for all, or one for each.
        steps: in how many steps of a turn orientations are taken, which the permutations share.
        permutations: how often orientations change hands at random, among units and among inputs that have one.
        seed: of these.

    Raises:
        ValueError: not an orientation for each, fewer than three units or inputs, tiles that are not square, fewer than
            two steps, no permutations.

    >>> angles = np.arange(0.0, 360.0, 90.0)
    >>> tile = np.arange(9.0).reshape(3, 3)
    >>> w = np.stack([[np.rot90(tile * (1 + (j - i) % 4), -i) for j in range(4)] for i in range(4)])
    >>> round(turn_together(w, angles, angles, steps=4, permutations=99).score, 6)
    1.0
    """
    array, out, into = checked(weights, orientations, inputs, permutations, anywhere=True)
    if array.shape[2] != array.shape[3]:
        raise ValueError(f"tiles have {array.shape[2]}x{array.shape[3]} positions; expected square ones")
    if steps < 2:
        raise ValueError(f"steps is {steps}; expected 2 or more to a turn")
    period = np.broadcast_to(np.asarray(periods, float), into.shape)
    turn = 360.0 / steps
    # Every unit turned back by every step, before its inputs are exchanged.
    back = np.stack([turned(array, -turn * step) for step in range(steps)])
    back = back.reshape(steps, *array.shape[:2], -1)
    places = np.round(out / turn).astype(int) % steps
    known = np.flatnonzero(np.isfinite(into))

    def score(order: np.ndarray, other: np.ndarray) -> float:
        angles = into.copy()
        angles[known] = into[known][other]
        mixes = _mixes(angles, period, turn, steps)
        upright = np.stack([mixes[place] @ back[place, unit] for unit, place in enumerate(places[order])])
        return _alike(upright.reshape(len(upright), -1))

    return _tested(score, len(out), len(known), permutations, seed)


def checked(
    weights: Weights, orientations: np.ndarray, inputs: np.ndarray, permutations: int, anywhere: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights and angles as arrays of floating-point numbers.

    Raises:
        ValueError: as the tests.

    >>> checked(np.ones((3, 3, 1, 1)), np.zeros(3), np.zeros(2), 9)
    Traceback (most recent call last):
    ValueError: there are 2 orientations of inputs for weights of shape (3, 3, 1, 1); expected 3
    """
    array = np.asarray(tiles(weights), float)
    out, into = np.asarray(orientations, float), np.asarray(inputs, float)
    for name, given, count in (("units", out, len(array)), ("inputs", into, array.shape[1])):
        if given.shape != (count,):
            raise ValueError(
                f"there are {given.size} orientations of {name} for weights of shape {array.shape}; expected {count}"
            )
        wrong = np.flatnonzero(~np.isfinite(given))
        if len(wrong) and (name == "units" or not anywhere):
            raise ValueError(
                f"the orientation of number {wrong[0]} of the {name} is {given[wrong[0]]}; expected degrees"
            )
        if np.isfinite(given).sum() < 3:
            raise ValueError(f"{np.isfinite(given).sum()} {name} have an orientation; expected three or more")
    if permutations < 1:
        raise ValueError(f"permutations is {permutations}; expected 1 or more")
    return array, out, into


def _tested(
    score: Callable[[np.ndarray, np.ndarray], float], units: int, inputs: int, permutations: int, seed: int
) -> PermutationTest:
    rng = np.random.default_rng(seed)
    null = [score(rng.permutation(units), rng.permutation(inputs)) for _ in range(permutations)]
    return PermutationTest(score(np.arange(units), np.arange(inputs)), np.array(null))


def _mixes(angles: np.ndarray, period: np.ndarray, turn: float, steps: int) -> np.ndarray:
    return np.stack([exchange(angles, angles - turn * step, period) for step in range(steps)])


def _alike(rows: np.ndarray) -> float:
    """Mean correlation between two rows."""
    centred = rows - rows.mean(1, keepdims=True)
    sizes = np.sqrt(np.square(centred).sum(1, keepdims=True))
    normed = centred / np.where(sizes > 0, sizes, 1)
    products = normed @ normed.T
    count = len(rows)
    return float((products.sum() - np.trace(products)) / (count * (count - 1)))
