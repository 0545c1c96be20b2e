import time

import jax
import jax.numpy as jnp

from experiments.stopwatch import Stopwatch


def test_compilation_counts_once_and_only_inside() -> None:
    def twice(x: jax.Array) -> jax.Array:
        return 2 * x

    compiled = jax.jit(twice)
    one = jnp.ones(3)
    with Stopwatch() as watch:
        compiled(one)
        first = watch.lap()
        compiled(one)
        time.sleep(0.01)
        second = watch.lap()
    jax.jit(lambda x: 3 * x)(one)
    assert 0 < first.compiling <= first.wall
    assert second.compiling == 0
    assert second.wall >= 0.01
    assert watch.lap().compiling == 0
