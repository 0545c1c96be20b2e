"""Random samples that do not depend on the order in which images come: each draws its numbers from a hash.

An image's number for a unit and a bucket is a hash of the seed, the unit, the bucket and the image's id; those with the
highest numbers are kept. That is a uniform sample, whichever images came first and whoever saw them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt

NOBODY = np.int32(2**31 - 1)
"""The id in a place that is empty."""

_GOLDEN = np.uint32(0x9E3779B9)


class Sample(NamedTuple):
    """Images with the highest numbers, in order, for each unit and bucket.

    Attributes:
        numbers: what the images drew; 0 in a place that is empty.
        ids: of the images.
        places: positions in the map, row by row.
        values: activations there.
    """

    numbers: UInt[Array, "*samples units buckets"]
    ids: Int[Array, "*samples units buckets"]
    places: Int[Array, "*samples units buckets"]
    values: Float[Array, "*samples units buckets"]


def empty(samples: int, units: int, buckets: int) -> Sample:
    """A sample of nothing.

    >>> empty(2, 3, 5).ids.shape
    (2, 3, 5)
    """
    shape = (samples, units, buckets)
    places = jnp.zeros(shape, jnp.int32)
    return Sample(jnp.zeros(shape, jnp.uint32), jnp.full(shape, NOBODY), places, jnp.zeros(shape, jnp.float32))


def insert(sample: Sample, new: Sample) -> Sample:
    """A sample with one more image for each unit and bucket, if it is among the highest. Of equals the lower id wins.

    Args:
        sample: with an axis of places.
        new: without it.

    >>> one = Sample(jnp.ones((1, 1), jnp.uint32), jnp.full((1, 1), 7), jnp.zeros((1, 1), jnp.int32), jnp.ones((1, 1)))
    >>> insert(empty(2, 1, 1), one).ids[0].item()
    7
    """
    # A loop, because XLA would compute the chain of comparisons anew for each of its results.
    return jax.lax.scan(_exchanged, new, sample)[1]


def merge(a: Sample, b: Sample) -> Sample:
    """The sample of two sets of images that have none in common.

    >>> merge(empty(2, 1, 1), empty(2, 1, 1)).numbers.max().item()
    0
    """
    return jax.lax.scan(lambda found, new: (insert(found, new), None), a, b)[0]


def mixed(*keys: UInt[Array, "..."]) -> UInt[Array, "..."]:
    """A hash of numbers of 32 bits, broadcast together: each bit depends on all of theirs.

    Source: Wellons, *Prospecting for Hash Functions*, lowbias32.

    >>> mixed(jnp.uint32(1), jnp.uint32(2)).item() != mixed(jnp.uint32(2), jnp.uint32(1)).item()
    True
    """
    found = _scrambled(keys[0] + _GOLDEN)
    for key in keys[1:]:
        found = _scrambled((found ^ key) + _GOLDEN)
    return found


def _scrambled(x: Array) -> Array:
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * np.uint32(0x846CA68B)
    return x ^ (x >> 16)


def _exchanged(new: Sample, old: Sample) -> tuple[Sample, Sample]:
    """Of two images for each unit and bucket, the one that goes on to the next place and the one that takes this."""
    better = (new.numbers > old.numbers) | ((new.numbers == old.numbers) & (new.ids < old.ids))
    loser = Sample(*(jnp.where(better, o, n) for n, o in zip(new, old, strict=True)))
    return loser, Sample(*(jnp.where(better, n, o) for n, o in zip(new, old, strict=True)))
