"""What one batch of activations says of each unit: maxima, counts, sums, random positions; no map is kept.

Each reduction reads the map on its own. Fused into one loop by XLA, they would be several times slower on CPUs than
one after another, since only simple loops become vector instructions there; barriers keep them apart.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt

from circuits.examples.bins import BINS, BUCKETS, bin_of, bucket_of
from circuits.examples.sampling import NOBODY, Sample, mixed

_Furthest = tuple[Float[Array, "units n"], Int[Array, "units n"], Int[Array, "units n"]]


class Seen(NamedTuple):
    """What a batch says of the units of a layer.

    Attributes:
        top: highest value of each image, its id, the position.
        bottom: the same of the lowest.
        active: in how many images units are above zero.
        counts: activations in each bin.
        powers: for each image, sums over positions of the first four powers.
        above: for each image, the mean over positions of what is above zero.
        sample: for each image, a random position in each bucket; None if none were asked for.
    """

    top: _Furthest
    bottom: _Furthest
    active: UInt[Array, " units"]
    counts: UInt[Array, "units bins"]
    powers: Float[Array, "n powers units"]
    above: Float[Array, "n units"]
    sample: Sample | None


def observe(
    activations: Float[Array, "n *position units"], ids: Int[Array, " n"], seed: UInt[Array, ""], sampled: bool
) -> Seen:
    """What a batch says of each unit.

    Args:
        activations: maps, or single numbers.
        ids: of the images; those with a negative one do not count.
        seed: of the random positions.
        sampled: whether to draw random positions.

    >>> maps = jnp.arange(8.0).reshape(1, 2, 2, 2)
    >>> seen = jax.jit(lambda maps: observe(maps, jnp.array([7]), jnp.uint32(0), True))(maps)
    >>> [field.ravel().tolist() for field in seen.top]
    [[6.0, 7.0], [7, 7], [3, 3]]
    >>> int(seen.counts.sum()), seen.powers[0, 0].tolist()
    (8, [12.0, 16.0])
    """
    maps = activations.astype(jnp.float32)
    maps = _apart(maps if maps.ndim == 4 else maps[:, None, None])
    counted = (ids >= 0)[:, None]
    bins = _apart(bin_of(maps).reshape(len(ids), -1, maps.shape[-1]))
    squares = maps * maps
    powers = jnp.stack([_sum(maps), _sum(squares), _sum(squares * maps), _sum(squares * squares)], 1)
    top, bottom = _highest(maps), _lowest(maps)
    return Seen(
        top=_of_images(*top, ids, -np.inf),
        bottom=_of_images(*bottom, ids, np.inf),
        active=((top[0] > 0) & counted).sum(0, dtype=jnp.uint32),
        counts=_counts(bins, ids),
        powers=jnp.where(counted[:, None], powers, 0),
        above=_sum(jnp.maximum(maps, 0)) / bins.shape[1],
        sample=_drawn(maps, bins, ids, seed) if sampled else None,
    )


def _apart(values: Array) -> Array:
    return jax.lax.optimization_barrier(values)


def _sum(maps: Array) -> Float[Array, "n units"]:
    # By rows first: rounding grows with the number of summands.
    return _apart(_apart(maps).sum(2)).sum(1)


def _highest(maps: Float[Array, "n h w units"]) -> tuple[Float[Array, "n units"], Int[Array, "n units"]]:
    """The highest value of each map and its first position: the row is found first, so that one pass is enough."""
    rows = _apart(maps.max(2))
    row = rows.argmax(1)
    within = jnp.take_along_axis(maps, row[:, None, None], 1)[:, 0]
    return rows.max(1), row * maps.shape[2] + within.argmax(1)


def _lowest(maps: Float[Array, "n h w units"]) -> tuple[Float[Array, "n units"], Int[Array, "n units"]]:
    rows = _apart(maps.min(2))
    row = rows.argmin(1)
    within = jnp.take_along_axis(maps, row[:, None, None], 1)[:, 0]
    return rows.min(1), row * maps.shape[2] + within.argmin(1)


def _of_images(values: Array, places: Array, ids: Array, nothing: float) -> _Furthest:
    counted = (ids >= 0)[:, None]
    numbers = jnp.broadcast_to(jnp.where(ids >= 0, ids, NOBODY)[:, None], values.shape)
    return jnp.where(counted, values, nothing).T, numbers.T, jnp.where(counted, places, 0).T.astype(jnp.int32)


def _counts(bins: Int[Array, "n positions units"], ids: Array) -> UInt[Array, "units bins"]:
    units = bins.shape[-1]
    flat = jnp.arange(units) * BINS + bins
    ones = jnp.broadcast_to((ids >= 0).astype(jnp.uint32)[:, None, None], bins.shape)
    found = jnp.zeros(units * BINS, jnp.uint32).at[flat.ravel()].add(ones.ravel(), mode="promise_in_bounds")
    return found.reshape(units, BINS)


def _drawn(maps: Array, bins: Int[Array, "n positions units"], ids: Array, seed: Array) -> Sample:
    """For each image, unit and bucket a random position of those that are in the bucket."""
    n, positions, units = bins.shape
    image = mixed(seed, jnp.arange(units, dtype=jnp.uint32), ids.astype(jnp.uint32)[:, None])  # [n, units]
    # The highest hash wins; its last bits make room for the position, and its first one says that there is a position.
    room = max(1, (positions - 1).bit_length())
    place = jnp.arange(positions, dtype=jnp.uint32)[:, None]
    draws = (mixed(image[:, None], place) | np.uint32(1 << 31)) >> room << room | place
    flat = (jnp.arange(n)[:, None, None] * units + jnp.arange(units)) * BUCKETS + bucket_of(bins)
    best = jnp.zeros(n * units * BUCKETS, jnp.uint32)
    best = best.at[flat.ravel()].max(draws.ravel(), mode="promise_in_bounds").reshape(n, units, BUCKETS)
    there = (best > 0) & (ids >= 0)[:, None, None]
    places = jnp.where(there, best & np.uint32((1 << room) - 1), 0).astype(jnp.int32)
    values = jnp.take_along_axis(maps.reshape(n, positions, units), places.swapaxes(1, 2), 1).swapaxes(1, 2)
    numbers = jnp.maximum(mixed(image[..., None], jnp.uint32(1), jnp.arange(BUCKETS, dtype=jnp.uint32)), 1)
    return Sample(
        numbers=jnp.where(there, numbers, 0),
        ids=jnp.where(there, ids[:, None, None], NOBODY),
        places=places,
        values=jnp.where(there, values, 0),
    )
