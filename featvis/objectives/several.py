"""Objectives over the images of one result: that they differ, that they agree, that they pass from one to another."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from featvis.algebra import STEP, Activations, Function, Objective, Shapes, check, number
from featvis.objectives.base import OfLayer, check_several, gram, named, unless

NEIGHBOURS = 4
"""How far apart images are at most that `alignment` compares. Source: Lucid."""


@dataclass(frozen=True)
class _Diversity(OfLayer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        del data
        a = acts[self.layer]
        grams = jax.vmap(gram)(a).reshape(len(a), -1)
        # The least length, Lucid's, keeps dead layers from dividing by 0.
        grams = grams / jnp.sqrt(jnp.maximum(jnp.square(grams).sum(1, keepdims=True), 1e-10))
        # The sum over all pairs, less those of an image with itself.
        return (jnp.square(grams.sum(0)).sum() - jnp.square(grams).sum()) / len(a)

    def check(self, shapes: Shapes, data: Any) -> None:
        del data
        self.check_several(shapes)


def diversity(layer: str) -> Objective:
    """How alike the images are, by the cosine between their Gram matrices; subtract it for images that differ.

    The sum over all pairs of different images, divided by the number of images.

    Source: Lucid, `diversity`, the same number; `channel(...) - 1e2 * diversity(...)` is usual.

    >>> import jax.numpy as jnp
    >>> round(float(diversity("a")({"a": jnp.ones((3, 2, 2, 4))})), 4)
    2.0
    """
    return Objective(_Diversity(layer), (), (layer,), f"diversity({layer})")


@dataclass(frozen=True)
class _Alignment(OfLayer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        a = acts[self.layer]
        total = jnp.float32(0)
        for apart in range(1, min(NEIGHBOURS, len(a) - 1) + 1):
            pairs = jnp.square(a[apart:] - a[:-apart]).reshape(len(a) - apart, -1)
            total += pairs.mean(1).sum() / data**apart
        return -total

    def check(self, shapes: Shapes, data: Any) -> None:
        del data
        self.check_several(shapes)


def alignment(layer: str, decay_ratio: float = 2.0) -> Objective:
    """Minus the mean squared differences between images up to four apart; add it so that images agree.

    Args:
        layer: of any kind, `"input"` for the images themselves.
        decay_ratio: above 0; how much less the next farther image counts.

    Raises:
        ValueError: `decay_ratio` is not above 0.

    Source: Lucid, `alignment`.

    >>> import jax.numpy as jnp
    >>> float(alignment("a")({"a": jnp.arange(3.0).reshape(3, 1, 1, 1)}))
    -2.0
    """
    if not decay_ratio > 0:
        raise ValueError(f"decay_ratio is {decay_ratio}; expected a number above 0")
    label = named("alignment", layer, unless(decay_ratio, 2.0))
    return Objective(_Alignment(layer), np.float32(decay_ratio), (layer,), label)


@dataclass(frozen=True)
class _Ramp:
    fn: Function
    layers: tuple[str, ...]

    def __call__(self, acts: Activations, data: Any) -> Array:
        inner, start, stop = data
        parted = {name: acts[name][:, None] for name in self.layers if name != STEP}
        values = jax.vmap(lambda alone: self.fn({**acts, **alone}, inner))(parted)
        last = len(values) - 1
        return (values * (start + (stop - start) * jnp.arange(last + 1) / last)).sum()

    def check(self, shapes: Shapes, data: Any) -> None:
        inner, _, _ = data
        seen = {name: shapes[name] for name in self.layers if name != STEP and name in shapes}
        for name, shape in seen.items():
            check_several(name, shape)
        check(self.fn, {**shapes, **{name: (1, *shape[1:]) for name, shape in seen.items()}}, inner)


def ramp(objective: Objective, start: float, stop: float) -> Objective:
    """The sum over images of an objective of each alone, whose weight goes evenly from `start` to `stop`.

    Args:
        objective: one that reads activations or the image.
        start: weight for the first image.
        stop: weight for the last.

    Raises:
        ValueError: an objective that reads neither, such as a number.

    Source: `strength` of Captum's `FacetLoss`; see `interpolate` for another use.

    >>> import jax.numpy as jnp
    >>> from featvis.objectives import channel
    >>> float(ramp(channel("a", 0), 1, 2)({"a": jnp.ones((3, 1))}))
    4.5
    """
    if not set(objective.layers) - {STEP}:
        raise ValueError(f"{objective.label} reads no images; expected an objective that does")
    data = (objective.data, np.float32(start), np.float32(stop))
    label = f"ramp({objective.label}, {number(start)}, {number(stop)})"
    return Objective(_Ramp(objective.fn, objective.layers), data, objective.layers, label)


def interpolate(first: Objective, second: Objective) -> Objective:
    """From one objective for the first image of a result to another for the last, evenly mixed between.

    Args:
        first: of each image alone.
        second: likewise.

    Raises:
        ValueError: an objective that reads no images.

    Source: Lucid, `channel_interpolate`, is `interpolate(channel(...), channel(...))`.

    >>> from featvis.objectives import channel
    >>> interpolate(channel("mixed4a", 1), channel("mixed4b", 2)).label
    'ramp(mixed4a:1, 1, 0) + ramp(mixed4b:2, 0, 1)'
    """
    return ramp(first, 1, 0) + ramp(second, 0, 1)
