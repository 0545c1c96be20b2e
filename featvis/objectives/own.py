"""Objectives of one's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Array, Float

from featvis.algebra import Activations, Objective
from featvis.objectives.base import hashable


@dataclass(frozen=True)
class _Plain:
    fn: Callable[[Activations], Array]

    def __call__(self, acts: Activations, data: Any) -> Array:
        del data
        return self.fn(acts)


def function(
    fn: Callable[[Activations], Float[Array, ""]], layers: Sequence[str], label: str | None = None
) -> Objective:
    """An objective of one's own: `fn` maps named activations to a number.

    Args:
        fn: hashable and pure. Keep one object for repeated calls; each new one is compiled anew.
        layers: what it reads: layers of the network, `"input"` for the image, `"step"` for the number of the step.
        label: how results name it, by default the function's name. Objectives of the same label in one call differ
            in their random numbers by their order.

    Raises:
        ValueError: `fn` is not hashable, or `layers` a single string.

    >>> import jax.numpy as jnp
    >>> corner = function(lambda acts: acts["mixed4a"][0, 0, 0].sum(), ["mixed4a"], "corner")
    >>> float(corner({"mixed4a": jnp.ones((1, 2, 2, 8))}))
    8.0
    """
    if isinstance(layers, str):
        raise ValueError(f"layers is the text {layers!r}; expected a list of layer names, such as [{layers!r}]")
    hashable(fn)
    return Objective(_Plain(fn), (), tuple(layers), label or getattr(fn, "__name__", "function"))
