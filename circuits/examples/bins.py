"""Bins of activations that are fixed beforehand, for networks of any scale: eight to an octave, on both sides of zero.

A bin is the sign, the exponent and the first three bits of the mantissa of a float32, so that finding it costs a shift.
Values in a bin differ by at most an eighth. Counts of such bins add up exactly, in any order.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

LOWEST, HIGHEST = -12, 16
"""Bins lie between these powers of two; what is smaller goes beside zero, what is larger into the last."""

PER_OCTAVE = 8

_SIDE = (HIGHEST - LOWEST) * PER_OCTAVE + 1
BINS = 2 * _SIDE
"""Number of bins: below and above zero, each side with one for what is smaller than `2**LOWEST`."""

BUCKET_LOWEST, BUCKET_HIGHEST = -6, 12
"""Buckets are octaves between these powers of two; the rest is as for bins."""

_BUCKET_SIDE = BUCKET_HIGHEST - BUCKET_LOWEST + 1
BUCKETS = 2 * _BUCKET_SIDE
"""Number of buckets, on both sides of zero."""


def bin_of(values: Float[Array, "*shape"]) -> Int[Array, "*shape"]:
    """The bin of each value, counted from the most negative one. Zero counts as below zero, as a silent unit's.

    >>> bin_of(jnp.array([0.0, 1e-9, 1.0, 1.124, 1.125, -1.0])).tolist()
    [224, 225, 322, 322, 323, 127]
    """
    bits = jax.lax.bitcast_convert_type(jnp.abs(values.astype(jnp.float32)), jnp.int32)
    place = jnp.clip((bits >> 20) - ((127 + LOWEST) * PER_OCTAVE - 1), 0, _SIDE - 1)
    return jnp.where(values > 0, _SIDE + place, _SIDE - 1 - place)


def bucket_of(bins: Int[Array, "*shape"]) -> Int[Array, "*shape"]:
    """The bucket that bins lie in.

    >>> bucket_of(bin_of(jnp.array([-2.0, -1.0, 0.0, 1e-9, 1.0, 1.9, 2.0, 1e9]))).tolist()
    [10, 11, 18, 19, 26, 26, 27, 37]
    """
    beyond = jnp.where(bins >= _SIDE, bins - _SIDE, _SIDE - 1 - bins)  # Bins between the value's and zero.
    octave = (beyond + PER_OCTAVE - 1) // PER_OCTAVE - (BUCKET_LOWEST - LOWEST)
    octave = jnp.clip(octave, 0, _BUCKET_SIDE - 1)
    return jnp.where(bins >= _SIDE, _BUCKET_SIDE + octave, _BUCKET_SIDE - 1 - octave)


def edges() -> Float[np.ndarray, " edges"]:
    """Where bins begin and end, in order; the outermost are infinite.

    >>> found = edges()
    >>> len(found) == BINS + 1, found[322:324].tolist(), found[225].item()
    (True, [1.0, 1.125], 0.0)
    """
    steps = 1 + np.arange(PER_OCTAVE) / PER_OCTAVE
    octaves = 2.0 ** np.arange(LOWEST, HIGHEST)
    above = np.concatenate([(octaves[:, None] * steps).ravel(), [np.inf]])
    return np.concatenate([-above[::-1], [0.0], above])


def bucket_edges() -> Float[np.ndarray, " edges"]:
    """Where buckets begin and end, in order; the outermost are infinite.

    >>> len(bucket_edges()) == BUCKETS + 1, bucket_edges()[26:28].tolist()
    (True, [1.0, 2.0])
    """
    octaves = np.append(2.0 ** np.arange(BUCKET_LOWEST, BUCKET_HIGHEST), np.inf)
    return np.concatenate([-octaves[::-1], [0.0], octaves])


def quantiles(
    counts: Int[np.ndarray, "units bins"], shares: Float[np.ndarray, " q"]
) -> tuple[Float[np.ndarray, "units q"], Float[np.ndarray, "units q"]]:
    """The ends of the bins that hold quantiles: of the smallest value that at least such a share does not exceed.

    Args:
        counts: of the bins, at least one value for each unit.
        shares: in [0, 1].

    >>> lower, upper = quantiles(np.asarray([[0] * 322 + [3, 1] + [0] * 126]), np.array([0.5, 1.0]))
    >>> lower.tolist(), upper.tolist()
    ([[1.0, 1.125]], [[1.125, 1.25]])
    """
    up_to = np.cumsum(counts, 1)
    ranks = np.maximum(np.ceil(shares * up_to[:, -1:]), 1)
    place = (up_to[:, None, :] < ranks[..., None]).sum(-1)
    return edges()[place], edges()[place + 1]
