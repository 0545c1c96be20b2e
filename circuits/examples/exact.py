"""Sums that stay exact over any number of images, on devices whose numbers have 32 bits.

Counts are pairs of words. Sums are pairs of floats of which the second holds what rounding took from the first: 48 bits
together, so that the order in which they are added does not matter in practice.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt


def add_counts(words: UInt[Array, "*shape 2"], more: UInt[Array, "*shape 2"]) -> UInt[Array, "*shape 2"]:
    """The sum of counts as words, the lower one first.

    >>> add_counts(jnp.array([2**32 - 1, 0], jnp.uint32), jnp.array([2, 0], jnp.uint32)).tolist()
    [1, 1]
    """
    low = words[..., 0] + more[..., 0]
    carry = (low < more[..., 0]).astype(jnp.uint32)
    return jnp.stack([low, words[..., 1] + more[..., 1] + carry], -1)


def read_counts(words: UInt[np.ndarray, "*shape 2"]) -> UInt[np.ndarray, "*shape"]:
    """Counts as numbers of 64 bits.

    >>> read_counts(np.array([1, 1], np.uint32)).item()
    4294967297
    """
    wide = np.asarray(words, np.uint64)
    return np.asarray(wide[..., 0] + (wide[..., 1] << np.uint64(32)))


def add_floats(pair: Float[Array, "*shape 2"], more: Float[Array, "*shape 2"]) -> Float[Array, "*shape 2"]:
    """The sum of pairs of floats.

    Source: Knuth, *The Art of Computer Programming* 2, 4.2.2, theorem B.

    >>> found = add_floats(jnp.array([1e8, 0.0]), jnp.array([1.0, 0.0]))
    >>> found.tolist()
    [100000000.0, 1.0]
    """
    high, low = _two_sum(pair[..., 0], more[..., 0])
    return jnp.stack(_two_sum(high, low + (pair[..., 1] + more[..., 1])), -1)


def _two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """The rounded sum, and what rounding took from it."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)
