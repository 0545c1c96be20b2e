"""Means and covariances of the units of two layers over the same samples, in a form that can be merged."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Array, Float, Shaped


@dataclass(frozen=True, eq=False, repr=False)
class JointMoments:
    """What is known of two layers' units together after any number of samples: see `joint_moments`.

    A sample is a position of an image, or a whole image. Covariances are those of the samples themselves, divided by
    their number and not by one less, in float64.

    Attributes:
        layers: names of the two layers, A and B.
        count: how many samples.
        mean_a: of each unit of A.
        mean_b: of each unit of B.
        cov_a: covariances within A.
        cov_b: covariances within B.
        cov_ab: covariances of each unit of A with each of B.

    Raises:
        ValueError: no samples, arrays that do not belong together.

    >>> found = moments_of(np.array([[1.0], [3.0]]), np.array([[2.0, 5.0], [-2.0, 5.0]]))
    >>> found, found.mean_a, found.cov_ab, found.correlation
    (<moments of A and B, 1 and 2 units, 2 samples>, array([2.]), array([[-2.,  0.]]), array([[-1.,  0.]]))
    """

    layers: tuple[str, str]
    count: int
    mean_a: Float[np.ndarray, " a"]
    mean_b: Float[np.ndarray, " b"]
    cov_a: Float[np.ndarray, "a a"]
    cov_b: Float[np.ndarray, "b b"]
    cov_ab: Float[np.ndarray, "a b"]

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count is {self.count}; expected 1 or more samples")
        a, b = len(self.mean_a), len(self.mean_b)
        for name, shape in (("cov_a", (a, a)), ("cov_b", (b, b)), ("cov_ab", (a, b))):
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"{name} has shape {getattr(self, name).shape}; expected {shape} for {a} and {b} units"
                )

    def __repr__(self) -> str:
        a, b = self.layers
        return f"<moments of {a} and {b}, {len(self.mean_a)} and {len(self.mean_b)} units, {self.count} samples>"

    @property
    def correlation(self) -> Float[np.ndarray, "a b"]:
        """Pearson's correlation of each unit of A with each of B; zero where one of them never changes."""
        a, b = np.sqrt(np.diag(self.cov_a)), np.sqrt(np.diag(self.cov_b))
        silent = (a == 0)[:, None] | (b == 0)
        # One after the other, since products of small deviations underflow.
        found = self.cov_ab / np.where(a > 0, a, 1)[:, None] / np.where(b > 0, b, 1)
        return np.where(silent, 0.0, np.clip(found, -1, 1))

    @property
    def swapped(self) -> "JointMoments":
        """The same with B in the place of A."""
        layers = (self.layers[1], self.layers[0])
        return JointMoments(layers, self.count, self.mean_b, self.mean_a, self.cov_b, self.cov_a, self.cov_ab.T)

    def merge(self, other: "JointMoments") -> "JointMoments":
        """What all the samples say that went into the two: of shards of a data set, or of several processes.

        In any order and grouping, up to rounding.

        Raises:
            ValueError: moments of other layers, or of other numbers of units.

        Source: Chan, Golub and LeVeque 1979, *Updating Formulae and a Pairwise Algorithm for Computing Sample
        Variances*.

        >>> a = np.array([[1.0], [3.0], [8.0]])
        >>> moments_of(a[:1], -a[:1]).merge(moments_of(a[1:], -a[1:])).mean_a
        array([4.])
        """
        if (own := (self.layers, self.cov_ab.shape)) != (given := (other.layers, other.cov_ab.shape)):
            raise ValueError(f"the other moments are of {_told(*given)}; expected {_told(*own)}")
        count = self.count + other.count
        share = other.count / count
        by_a, by_b = other.mean_a - self.mean_a, other.mean_b - self.mean_b

        def merged(one: np.ndarray, two: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
            # Of units that never change, differences are exactly zero.
            return one + share * (two - one) + share * (1 - share) * np.outer(left, right)

        return JointMoments(
            self.layers,
            count,
            self.mean_a + share * by_a,
            self.mean_b + share * by_b,
            merged(self.cov_a, other.cov_a, by_a, by_a),
            merged(self.cov_b, other.cov_b, by_b, by_b),
            merged(self.cov_ab, other.cov_ab, by_a, by_b),
        )

    def along(
        self, a: Float[np.ndarray, "m a"] | None = None, b: Float[np.ndarray, "k b"] | None = None
    ) -> "JointMoments":
        """Moments of directions in place of units: of `acts @ direction` for the activations of all the samples.

        Args:
            a: directions over the units of A as rows; without it, the units themselves. `np.eye(units)[[3, 5]]` takes
                two of them.
            b: as `a`, over those of B.

        Raises:
            ValueError: directions over another number of units, or not finite.

        >>> found = moments_of(np.array([[1.0, 1.0], [3.0, 0.0]]), np.array([[1.0], [2.0]]))
        >>> found.along(a=np.array([[0.5, 1.0]])).cov_ab
        array([[0.]])
        """
        made = self
        if a is not None:
            rows = directions(a, len(made.mean_a), made.layers[0])
            cov_a, cov_ab = rows @ made.cov_a @ rows.T, rows @ made.cov_ab
            # What cancels along a direction leaves rounding errors, which would have correlations.
            terms = np.square(np.abs(rows) @ np.sqrt(np.diag(made.cov_a)))
            varies = np.diag(cov_a) > 4 * len(made.mean_a) * np.finfo(np.float64).eps * terms
            cov_a, cov_ab = np.where(np.outer(varies, varies), cov_a, 0), np.where(varies[:, None], cov_ab, 0)
            made = replace(made, mean_a=rows @ made.mean_a, cov_a=cov_a, cov_ab=cov_ab)
        return made if b is None else made.swapped.along(a=b).swapped


def moments_of(
    a: Float[Array | np.ndarray, "samples a"],
    b: Float[Array | np.ndarray, "samples b"],
    layers: tuple[str, str] = ("A", "B"),
) -> JointMoments:
    """Moments of activations at hand: a row of each for every sample.

    Args:
        a: activations of one layer.
        b: activations of another, for the same samples in the same order.
        layers: their names.

    Raises:
        ValueError: no samples, other shapes, different numbers of samples, values that are not finite.

    >>> moments_of(np.eye(3), np.ones((3, 2)), ("mixed3a", "mixed3b"))
    <moments of mixed3a and mixed3b, 3 and 2 units, 3 samples>
    """
    left, right = (np.asarray(values, np.float64) for values in (a, b))
    if left.ndim != 2 or right.ndim != 2 or len(left) != len(right) or not left.size or not right.size:
        raise ValueError(
            f"activations have shapes {left.shape} and {right.shape}; expected [samples, units] twice, "
            "with as many samples, one or more"
        )
    for values, layer in ((left, layers[0]), (right, layers[1])):
        if not np.isfinite(values).all():
            raise ValueError(f"activations of {layer} are not all finite; expected numbers")
    # Counted from the first sample, large means cost no digits, and units that never change have no variance at all.
    first_a, first_b = left[0], right[0]
    left, right = left - first_a, right - first_b
    mean_a, mean_b = left.mean(0), right.mean(0)
    left, right, count = left - mean_a, right - mean_b, len(left)
    return JointMoments(
        layers,
        count,
        first_a + mean_a,
        first_b + mean_b,
        left.T @ left / count,
        right.T @ right / count,
        left.T @ right / count,
    )


def directions(given: Shaped[Array | np.ndarray, "..."], count: int, layer: str) -> Float[np.ndarray, "n units"]:
    """Directions over a layer's units as rows, in float64.

    Raises:
        ValueError: another shape, or values that are no finite numbers.

    >>> directions(np.ones((1, 2)), 3, "mixed3a")
    Traceback (most recent call last):
    ValueError: directions over mixed3a have shape (1, 2); expected [n, 3], all finite
    """
    rows = np.asarray(given)
    if rows.ndim != 2 or rows.shape[1] != count or not len(rows) or not np.isfinite(rows).all():
        raise ValueError(f"directions over {layer} have shape {rows.shape}; expected [n, {count}], all finite")
    return rows.astype(np.float64)


def _told(layers: tuple[str, str], shape: tuple[int, ...]) -> str:
    return f"{layers[0]} and {layers[1]} with {shape[0]} and {shape[1]} units"
