"""Numbers that depend on the step, as factors of other objectives: `channel(...) * decay(100)`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from featvis.algebra import STEP, Activations, Objective, number
from featvis.objectives.base import hashable


@dataclass(frozen=True)
class _Schedule:
    fn: Callable[[Array], Array | float]

    def __call__(self, acts: Activations, data: Any) -> Array:
        del data
        return jnp.asarray(self.fn(acts[STEP]), jnp.float32)


def schedule(fn: Callable[[Float[Array, ""]], Float[Array, ""] | float], label: str | None = None) -> Objective:
    """A number of one's own for each step.

    Args:
        fn: hashable and pure; maps the number of the step, from 0, to a number. Keep one object for repeated calls;
            each new one is compiled anew.
        label: how results name it, by default the function's name.

    Raises:
        ValueError: `fn` is not hashable.

    >>> import jax.numpy as jnp
    >>> float(schedule(jnp.sqrt)({"step": jnp.float32(9)}))
    3.0
    """
    hashable(fn)
    return Objective(_Schedule(fn), (), (STEP,), label or getattr(fn, "__name__", "schedule"))


@dataclass(frozen=True)
class _Decay:
    def __call__(self, acts: Activations, data: Any) -> Array:
        return jnp.maximum(0.0, 1 - acts[STEP] / data)


def decay(steps: float) -> Objective:
    """From 1 at step 0 evenly down to 0 at step `steps`, and 0 from there on.

    Args:
        steps: above 0.

    Raises:
        ValueError: `steps` is not above 0.

    Source: `decay` of Lucid's notebook on transparency, which goes on below 0.

    >>> import jax.numpy as jnp
    >>> float(decay(100)({"step": jnp.float32(25)}))
    0.75
    """
    if not steps > 0:
        raise ValueError(f"steps is {steps}; expected a number above 0")
    return Objective(_Decay(), np.float32(steps), (STEP,), f"decay({number(steps)})")


@dataclass(frozen=True)
class _OnlyAfter:
    def __call__(self, acts: Activations, data: Any) -> Array:
        return (acts[STEP] >= data).astype(jnp.float32)


def only_after(step: float) -> Objective:
    """0 before step `step`, 1 from there on. Source: `only_after` of Lucid's notebook on transparency.

    >>> import jax.numpy as jnp
    >>> [float(only_after(10)({"step": jnp.float32(step)})) for step in (9, 10)]
    [0.0, 1.0]
    """
    return Objective(_OnlyAfter(), np.float32(step), (STEP,), f"only_after({number(step)})")
