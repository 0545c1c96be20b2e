"""Arrays as static values."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from featvis.frozen import Frozen

DIFFERENT = [
    np.zeros(4, np.float32),
    np.zeros((2, 2), np.float32),
    np.zeros(4, np.int32),
    np.zeros(4, np.float64),
    np.ones(4, np.float32),
    -np.zeros(4, np.float32),
]


@pytest.mark.parametrize("array", [*DIFFERENT, np.full(4, np.nan), np.asfortranarray(np.arange(6).reshape(2, 3))])
def test_equal_content_is_equal(array):
    assert Frozen(array) == Frozen(array.copy())
    assert hash(Frozen(array)) == hash(Frozen(array.copy()))


def test_shape_type_and_bits_tell_apart():
    assert len({Frozen(array) for array in DIFFERENT}) == len(DIFFERENT)
    assert Frozen(DIFFERENT[0]) != DIFFERENT[0].tobytes()


def test_content_does_not_change():
    source = np.zeros(3)
    frozen = Frozen(source)
    source[:] = 1
    assert frozen == Frozen(np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        frozen.array[0] = 1


def test_equal_arrays_are_compiled_once():
    traced = []

    @partial(jax.jit, static_argnums=0)
    def add(frozen: Frozen, x: jax.Array) -> jax.Array:
        traced.append(frozen)
        return x + frozen.array

    for value in (1.0, 1.0, 2.0):
        np.testing.assert_array_equal(add(Frozen([value]), jnp.ones(1)), [1 + value])
    assert len(traced) == 2


def test_jax_arrays_are_taken():
    assert Frozen(jnp.arange(3)) == Frozen(np.arange(3, dtype=np.int32))
    assert repr(Frozen(jnp.zeros((2, 3)))) == "Frozen(float32[2, 3])"
