"""What was found out about the units of a layer, as NumPy arrays."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from circuits.examples.bins import BINS, HIGHEST, bucket_edges, edges, quantiles
from circuits.examples.exact import read_counts
from circuits.examples.sampling import NOBODY
from circuits.examples.state import Extreme, LayerState

Images = Int[np.ndarray, "*shape"]
"""Ids of images; -1 in a place that is empty."""


@dataclass(frozen=True, eq=False, repr=False)
class Examples:
    """What a layer's units respond to. See `read`.

    Attributes:
        layer: its name.
        size: height and width of its map.
        images: how many images there were.
        top_values: the highest activations, each of another image; NaN in a place that is empty.
        top_images: the images that they are of.
        top_positions: row and column in the map.
        bottom_values: the lowest activations, the lowest first.
        bottom_images: the images that they are of.
        bottom_positions: row and column in the map.
        sample_values: activations of random images in each bucket of `bucket_edges`, each at a random one of the
            image's positions that are in the bucket.
        sample_images: the images that they are of.
        sample_positions: row and column in the map.
        counts: activations at all positions of all images, in the bins between `bins.edges`; exact.
        moments: mean, variance, skewness and kurtosis (3 for a normal distribution) over positions and images; NaN
            where a unit never changes. From sums in floating point: a relative error of about 1e-6 of the raw moments.
        active: share of images in which the unit is above zero anywhere; exact.
        class_images: images of each class.
        class_means: mean of what is above zero, over the positions and images of each class; NaN without images.
    """

    layer: str
    size: tuple[int, int]
    images: int
    top_values: Float[np.ndarray, "units k"]
    top_images: Int[np.ndarray, "units k"]
    top_positions: Int[np.ndarray, "units k 2"]
    bottom_values: Float[np.ndarray, "units k"]
    bottom_images: Int[np.ndarray, "units k"]
    bottom_positions: Int[np.ndarray, "units k 2"]
    sample_values: Float[np.ndarray, "units buckets samples"]
    sample_images: Int[np.ndarray, "units buckets samples"]
    sample_positions: Int[np.ndarray, "units buckets samples 2"]
    counts: Int[np.ndarray, "units bins"]
    moments: Float[np.ndarray, "units 4"]
    active: Float[np.ndarray, " units"]
    class_images: Int[np.ndarray, " classes"]
    class_means: Float[np.ndarray, "classes units"]

    def __repr__(self) -> str:
        return f"<examples of {len(self.active)} units of {self.layer}, {self.images} images>"

    @property
    def positive(self) -> Float[np.ndarray, " units"]:
        """Share of positions at which the unit is above zero; exact."""
        return self.counts[:, BINS // 2 :].sum(1) / np.maximum(self.counts.sum(1), 1)

    def density(self, unit: int) -> tuple[Float[np.ndarray, " edges"], Float[np.ndarray, " bins"]]:
        """Histogram of a unit: where bins begin and end, and the share of activations in each over its width.

        Args:
            unit: its number.

        Returns:
            The bins from the first to the last with anything in it, and their densities.

        Raises:
            ValueError: no such unit, or no images.

        >>> import jax.numpy as jnp
        >>> from circuits.examples.state import init, update
        >>> acts = {"a": jnp.array([[1.0], [1.5], [1.5], [-1.0]])}
        >>> found = read(update(init({"a": 1}), acts, np.arange(4)))["a"]
        >>> ends, density = found.density(0)
        >>> float((density * np.diff(ends)).sum())
        1.0
        """
        self._check(unit)
        filled = np.flatnonzero(self.counts[unit])
        first, last = filled[0], filled[-1]
        ends = edges()[first : last + 2]
        # The outermost bins have no end.
        most = 2.0**HIGHEST
        ends = np.clip(ends, min(-most, self.bottom_values[unit, 0]), max(most, self.top_values[unit, 0]))
        counts = self.counts[unit, first : last + 1]
        return ends, counts / counts.sum() / np.diff(ends)

    def quantiles(self, *shares: float) -> Float[np.ndarray, "units q"]:
        """The values that such shares of activations do not exceed, over positions and images.

        The exact value lies in the same bin as this one, of which the ends differ by an eighth; what is closer to
        zero than 2**-12 is given as zero.

        Args:
            shares: in [0, 1]. 0 is the minimum and 1 the maximum, exactly.

        Raises:
            ValueError: shares out of this range, no images.

        >>> import jax.numpy as jnp
        >>> from circuits.examples.state import init, update
        >>> acts = {"a": jnp.linspace(0.0, 100.0, 101)[:, None]}
        >>> read(update(init({"a": 1}), acts, np.arange(101)))["a"].quantiles(0.0, 0.5, 1.0).tolist()
        [[0.0, 50.0, 100.0]]
        """
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"the shares are {shares}; expected numbers from 0 to 1")
        self._check(0)
        lower, upper = quantiles(self.counts, np.asarray(shares, np.float64))
        least, most = self.bottom_values[:, :1], self.top_values[:, :1]
        middle = (np.maximum(lower, least) + np.minimum(upper, most)) / 2
        middle = np.where((lower == 0) | (upper == 0), 0.0, middle)
        ends = np.asarray(shares)
        return np.clip(np.where(ends == 0, least, np.where(ends == 1, most, middle)), least, most)

    @property
    def selectivity(self) -> Float[np.ndarray, " units"]:
        """Class selectivity: the highest class mean less the mean of the others, over their sum; in [0, 1].

        0 is a unit that does not tell classes apart, or never is above zero; 1 one that is above zero for one class
        only. NaN with images of fewer than two classes.

        Source: Morcos et al. 2018, *On the importance of single directions for generalization*, equation 1.
        """
        means = self.class_means[self.class_images > 0]
        if len(means) < 2:
            return np.full(len(self.active), np.nan)
        highest = means.max(0)
        others = (means.sum(0) - highest) / (len(means) - 1)
        total = highest + others
        return np.where(total > 0, (highest - others) / np.where(total > 0, total, 1), 0.0)

    def top_classes(self, count: int = 5) -> Int[np.ndarray, "units k"]:
        """The classes with the highest means for each unit, the highest first; fewer where there are fewer."""
        order = np.argsort(-np.where(np.isnan(self.class_means), -np.inf, self.class_means), axis=0, kind="stable")
        return order[: min(count, int((self.class_images > 0).sum()))].T

    def _check(self, unit: int) -> None:
        if not self.images:
            raise ValueError(f"there are no images in the examples of {self.layer}; expected at least one")
        if not 0 <= unit < len(self.active):
            raise ValueError(f"no unit {unit} in {self.layer}; it has units 0 to {len(self.active) - 1}")


def read(state: dict[str, LayerState]) -> dict[str, Examples]:
    """A state as arrays for people, by layer.

    >>> from circuits.examples.state import init
    >>> read(init({"a": 3}))
    {'a': <examples of 3 units of a, 0 images>}
    """
    return {name: _read(name, layer) for name, layer in state.items()}


def _read(name: str, layer: LayerState) -> Examples:
    width = max(int(layer.size[1]), 1)
    images = int(layer.images)
    counts = read_counts(np.asarray(layer.counts)).astype(np.int64)
    class_images = np.asarray(layer.class_images, np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        class_means = _float(np.asarray(layer.class_sums)) / class_images[:, None]
    top, bottom = _extreme(layer.top, width), _extreme(layer.bottom, width)
    sample = [np.moveaxis(np.asarray(field), 0, -1) for field in layer.sample[1:]]
    ids, places, values = sample
    nobody = ids == NOBODY
    return Examples(
        layer=name,
        size=(int(layer.size[0]), int(layer.size[1])),
        images=images,
        top_values=top[0],
        top_images=top[1],
        top_positions=top[2],
        bottom_values=bottom[0],
        bottom_images=bottom[1],
        bottom_positions=bottom[2],
        sample_values=np.where(nobody, np.nan, values),
        sample_images=np.where(nobody, -1, ids),
        sample_positions=_positions(places, width),
        counts=counts,
        moments=_moments(_float(np.asarray(layer.sums)), counts.sum(1)),
        active=np.asarray(layer.active) / max(images, 1),
        class_images=class_images,
        class_means=class_means,
    )


def _float(pairs: np.ndarray) -> np.ndarray:
    wide = np.asarray(pairs, np.float64)
    return wide[..., 0] + wide[..., 1]


def _extreme(found: Extreme, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    ids = np.asarray(found.ids)
    nobody = ids == NOBODY
    values = np.where(nobody, np.nan, np.asarray(found.values))
    return values, np.where(nobody, -1, ids), _positions(np.asarray(found.places), width)


def _positions(places: np.ndarray, width: int) -> np.ndarray:
    return np.stack([places // width, places % width], -1).astype(np.int32)


def _moments(sums: Float[np.ndarray, "4 units"], counts: Int[np.ndarray, " units"]) -> Float[np.ndarray, "units 4"]:
    with np.errstate(invalid="ignore", divide="ignore"):
        m1, m2, m3, m4 = sums / counts
        # What rounding leaves of a unit that never changes.
        variance = np.where((spread := m2 - m1**2) > 1e-6 * m2, spread, 0.0)
        third = m3 - 3 * m1 * m2 + 2 * m1**3
        fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
        changes = variance > 0
        skewness = np.where(changes, third / variance**1.5, np.nan)
        kurtosis = np.where(changes, fourth / variance**2, np.nan)
    return np.stack([m1, np.where(counts > 0, variance, np.nan), skewness, kurtosis], 1)


def bucket_name(bucket: int) -> str:
    """What a bucket is called: its range of activations.

    >>> bucket_name(26), bucket_name(0), bucket_name(37), bucket_name(18)
    ('1 to 2', 'below -2048', 'above 2048', '-1/64 to 0')
    """
    low, high = bucket_edges()[bucket : bucket + 2].tolist()
    if np.isinf(low):
        return f"below {_short(high)}"
    if np.isinf(high):
        return f"above {_short(low)}"
    return f"{_short(low)} to {_short(high)}"


def _short(value: float) -> str:
    return f"{value:g}" if value == 0 or abs(value) >= 1 else f"{'-' if value < 0 else ''}1/{1 / abs(value):g}"
