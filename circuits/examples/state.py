"""What is known of the units of some layers after some images, and how more images are added to it.

A state is a pytree of fixed size. `merge(a, b)` of the states of two sets of images is the state of both, whichever the
sets: sharing work among devices and processes is merging, and so is going on after an interruption.
"""

import zlib
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt

from circuits.examples import sampling
from circuits.examples.bins import BINS, BUCKETS
from circuits.examples.exact import add_counts, add_floats
from circuits.examples.observing import observe
from circuits.examples.sampling import NOBODY, Sample

POWERS = 4
"""Sums of the activations to the first, second, third and fourth are kept."""


class Extreme(NamedTuple):
    """The images in which units reach furthest, the furthest first; of equal ones the lower id first.

    Attributes:
        values: the activation; in a place that is empty, infinite with the other sign.
        ids: of the images.
        places: the position in the map, row by row; of equal ones the first.
    """

    values: Float[Array, "units k"]
    ids: Int[Array, "units k"]
    places: Int[Array, "units k"]


class LayerState(NamedTuple):
    """What is known of a layer's units.

    Attributes:
        seed: of the sample, the layer's own.
        size: height and width of its map; 1 and 1 where it has no positions; zeros before the first image.
        images: how many there were.
        active: in how many of them each unit was above zero anywhere.
        counts: of activations at all positions in each of the `bins`, as words.
        sums: of the activations' first powers, as pairs.
        class_images: images of each class.
        class_sums: the sum over a class's images of the mean over positions of what is above zero, as pairs.
        top: the highest activations, one of each image.
        bottom: the lowest ones.
        sample: random images from each bucket of activations.
    """

    seed: UInt[Array, ""]
    size: Int[Array, "2"]
    images: UInt[Array, ""]
    active: UInt[Array, " units"]
    counts: UInt[Array, "units bins 2"]
    sums: Float[Array, "powers units 2"]
    class_images: UInt[Array, " classes"]
    class_sums: Float[Array, "classes units 2"]
    top: Extreme
    bottom: Extreme
    sample: Sample


State = dict[str, LayerState]
"""What is known of some layers."""


def init(layers: Mapping[str, int], *, count: int = 16, samples: int = 4, classes: int = 0, seed: int = 0) -> State:
    """The state after no images.

    Args:
        layers: names of activations with their numbers of units.
        count: images to keep at each end of each unit, 1 or more.
        samples: random images to keep in each bucket of activations of each unit; 0 for none.
        classes: number of classes of the images; 0 for none. The state has a number for each class and unit.
        seed: of the random images, 0 or more.

    Raises:
        ValueError: numbers out of these ranges, no layers.

    >>> state = init({"mixed4a": 508}, count=9)
    >>> state["mixed4a"].top.values.shape, int(state["mixed4a"].images)
    ((508, 9), 0)
    """
    if not layers:
        raise ValueError("there are no layers; expected names of activations with their numbers of units")
    for name, value, least in (
        ("count", count, 1),
        ("samples", samples, 0),
        ("classes", classes, 0),
        ("seed", seed, 0),
    ):
        if value < least:
            raise ValueError(f"{name} is {value}; expected {least} or more")

    def extreme(units: int, sign: float) -> Extreme:
        shape = (units, count)
        return Extreme(
            jnp.full(shape, -sign * np.inf, jnp.float32), jnp.full(shape, NOBODY), jnp.zeros(shape, jnp.int32)
        )

    def layer(name: str, units: int) -> LayerState:
        salt = np.uint32(zlib.crc32(f"{seed} {name}".encode()))
        return LayerState(
            seed=jnp.asarray(salt),
            size=jnp.zeros(2, jnp.int32),
            images=jnp.zeros((), jnp.uint32),
            active=jnp.zeros(units, jnp.uint32),
            counts=jnp.zeros((units, BINS, 2), jnp.uint32),
            sums=jnp.zeros((POWERS, units, 2), jnp.float32),
            class_images=jnp.zeros(classes, jnp.uint32),
            class_sums=jnp.zeros((classes, units, 2), jnp.float32),
            top=extreme(units, 1.0),
            bottom=extreme(units, -1.0),
            sample=sampling.empty(samples, units, BUCKETS),
        )

    return {name: layer(name, units) for name, units in layers.items()}


def update(
    state: State,
    activations: Mapping[str, Float[Array, "n *position units"]],
    ids: Int[Array | np.ndarray, " n"],
    labels: Int[Array | np.ndarray, " n"] | None = None,
) -> State:
    """The state with some more images. Pure, and made to be compiled together with what computes the activations.

    Args:
        state: of `init`, or of earlier images.
        activations: of these images; of layers that the state knows.
        ids: a number for each image, from 0, each but once in all images. Images with a negative id do not count:
            they fill up the last batch.
        labels: number of each image's class; those out of range count for no class.

    Raises:
        ValueError: missing layers, another number of units, images, ids or labels.

    >>> state = init({"a": 3}, count=1)
    >>> state = update(state, {"a": jnp.arange(24.0).reshape(2, 2, 2, 3)}, np.array([5, 6]))
    >>> state["a"].top.ids.ravel().tolist(), state["a"].top.values.ravel().tolist()
    ([6, 6, 6], [21.0, 22.0, 23.0])
    """
    labels = jnp.full(len(ids), -1, jnp.int32) if labels is None else jnp.asarray(labels, jnp.int32)
    if labels.shape != ids.shape:
        raise ValueError(f"there are {len(labels)} labels for {len(ids)} ids; expected one for each")
    if missing := [name for name in state if name not in activations]:
        raise ValueError(f"no activations of {', '.join(missing)}; there are those of {', '.join(activations)}")
    for name, layer in state.items():
        shape = activations[name].shape
        if len(shape) not in (2, 4) or shape[0] != len(ids) or shape[-1] != len(layer.active):
            raise ValueError(
                f"the activations of {name!r} have shape {shape}; expected [{len(ids)}, height, width, "
                f"{len(layer.active)}] or [{len(ids)}, {len(layer.active)}]"
            )
    return {name: _updated(layer, activations[name], jnp.asarray(ids), labels) for name, layer in state.items()}


def merge(a: State, b: State) -> State:
    """The state of the images of both, which have none in common. It does not matter which comes first.

    Raises:
        ValueError: states of other layers, units, counts or seeds.

    >>> one = update(init({"a": 1}), {"a": jnp.ones((1, 1))}, np.array([0]))
    >>> both = merge(one, update(init({"a": 1}), {"a": jnp.full((1, 1), 2.0)}, np.array([1])))
    >>> int(both["a"].images), both["a"].top.ids[0, :2].tolist()
    (2, [1, 0])
    """
    sizes = _sizes(a), _sizes(b)
    if differ := [
        f"{key} {sizes[0].get(key)} and {sizes[1].get(key)}"
        for key in sizes[0] | sizes[1]
        if sizes[0].get(key) != sizes[1].get(key)
    ]:
        raise ValueError(f"the states differ: {'; '.join(differ[:3])}; expected two of one `init`")
    for name in a:
        seeds = a[name].seed, b[name].seed
        if not any(isinstance(seed, jax.core.Tracer) for seed in seeds) and int(seeds[0]) != int(seeds[1]):
            raise ValueError(f"the states of {name!r} have different seeds; expected two of one `init`")
    return {name: _merged(a[name], b[name]) for name in a}


def _sizes(state: State) -> dict[str, tuple[int, ...]]:
    """What `init` was asked for, by layer."""
    found = {}
    for name, layer in state.items():
        parts = {"counts": layer.counts, "class_images": layer.class_images, "top": layer.top.ids}
        parts["sample"] = layer.sample.ids
        found |= {f"{name}.{part}": jnp.shape(array) for part, array in parts.items()}
    return found


@jax.jit
def _updated(layer: LayerState, acts: Array, ids: Array, labels: Array) -> LayerState:
    seen = observe(acts, ids, layer.seed, len(layer.sample.ids) > 0)
    classes = len(layer.class_images)
    # Out of range is dropped by the scatters below; negative numbers would count from the end.
    labels = jnp.where((ids >= 0) & (labels >= 0) & (labels < classes), labels, classes)

    def image(carry: tuple[Array, Array, Sample], one: tuple[Array, Array, Array, Sample | None]) -> tuple:
        sums, class_sums, sample = carry
        powers, above, label, new = one
        sums = add_floats(sums, jnp.stack([powers, jnp.zeros_like(powers)], -1))
        if classes:
            row = class_sums.at[label].get(mode="clip")
            row = add_floats(row, jnp.stack([above, jnp.zeros_like(above)], -1))
            class_sums = class_sums.at[label].set(row, mode="drop")
        if new is not None:
            sample = sampling.insert(sample, new)
        return (sums, class_sums, sample), None

    begin = (layer.sums, layer.class_sums, layer.sample)
    (sums, class_sums, sample), _ = jax.lax.scan(image, begin, (seen.powers, seen.above, labels, seen.sample))
    return layer._replace(
        size=jnp.asarray(acts.shape[1:-1] or (1, 1), jnp.int32),
        images=layer.images + (ids >= 0).sum(dtype=jnp.uint32),
        active=layer.active + seen.active,
        counts=add_counts(layer.counts, jnp.stack([seen.counts, jnp.zeros_like(seen.counts)], -1)),
        sums=sums,
        class_images=layer.class_images.at[labels].add(np.uint32(1), mode="drop"),
        class_sums=class_sums,
        **_ends(layer, Extreme(*seen.top), Extreme(*seen.bottom)),
        sample=sample,
    )


@jax.jit
def _merged(a: LayerState, b: LayerState) -> LayerState:
    return LayerState(
        seed=a.seed,
        size=jnp.maximum(a.size, b.size),
        images=a.images + b.images,
        active=a.active + b.active,
        counts=add_counts(a.counts, b.counts),
        sums=add_floats(a.sums, b.sums),
        class_images=a.class_images + b.class_images,
        class_sums=add_floats(a.class_sums, b.class_sums),
        **_ends(a, b.top, b.bottom),
        sample=sampling.merge(a.sample, b.sample),
    )


def _ends(layer: LayerState, top: Extreme, bottom: Extreme) -> dict[str, Extreme]:
    """Both ends with further candidates, in order."""
    signs = jnp.array([-1.0, 1.0], jnp.float32)[:, None, None]
    # In one sort, which takes long to compile.
    both = [
        jnp.concatenate([jnp.stack(old), jnp.stack(new)], 2)
        for old, new in zip(zip(layer.top, layer.bottom, strict=True), zip(top, bottom, strict=True), strict=True)
    ]
    keys, ids, places = jax.lax.sort((signs * both[0], both[1], both[2]), num_keys=2)
    count = layer.top.ids.shape[1]
    kept = [field[..., :count] for field in (signs * keys, ids, places)]
    return {"top": Extreme(*(field[0] for field in kept)), "bottom": Extreme(*(field[1] for field in kept))}
