"""Expanded weights: what a unit of one layer does to a unit of a later one, at every relative position.

Without its ReLUs and with pools that average, the network between two layers is linear, and its weights are the
gradients of one position of the upper layer. They are taken backward, for many units in one program, along the windows
that matter, and apart for each branch of a block. Forward, with an impulse for each unit of the lower layer and each
phase of the strides between, costs more for every pair of blocks of the family whose units are all asked for.
"""

import operator
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.ends import Units, check_ends, chosen, directions
from circuits.linearised import Linearised
from circuits.route import Box, between, centred, position_in, sees_whole_maps, side
from inception_jax.gradients import LINEAR, STANDARD, Rules
from inception_jax.graph import graph
from inception_jax.model import Edit, Model
from inception_jax.nodes import INPUT, Softmax, map_sizes


def expanded_weights(
    model: Model,
    lower: str,
    upper: str,
    size: int | None = None,
    *,
    units: Units | None = None,
    inputs: Units | None = None,
    through: str | Iterable[str] = (),
    images: Float[Array | np.ndarray, "n h w 3"] | None = None,
    position: tuple[int, int] | None = None,
    per_image: bool = False,
    edits: Mapping[str, Edit] | None = None,
    rules: Rules | None = None,
    batch: int | None = None,
    out: Float[np.ndarray, "*image out in row column"] | None = None,
) -> Float[np.ndarray, "*image out in row column"]:
    """Weights between any two layers, `[out, in, row, column]`, row and column relative to the unit's position.

    Without `images` the network is linearised as in the articles: ReLUs are left out, max pools average, and
    normalisation, which has no linear form, is taken at a black image. The weights are those of a unit far from the
    borders, whatever the size of the maps. Layers that see a whole map have no such units: their weights are those for
    images of the architecture's `image_size`. With `images` they are the true gradients at those images' activations.

    Args:
        model: the network.
        lower: the earlier layer: any named activation, or `"input"`, the image as the network scales it. The weights
            are those of its values, so what comes before a pool is left out by starting at the pool.
        upper: the later layer.
        size: side of the result in positions of `lower`, cut from the middle; an even one has one position more after
            the middle than before. By default the receptive field.
        units: of `upper`: numbers, or directions `[n, units]` of floating-point numbers. By default all.
        inputs: of `lower`, in the same way.
        through: only the ways that pass these layers: `"mixed3a_5x5"` for the exact product along that branch.
        images: RGB in [0, 1]; the weights are the mean of the gradients, by default without linearising.
        position: row and column in the map of `upper`, by default the middle (of two, the earlier). With it, as with
            `images`, maps have borders.
        per_image: return `[image, out, in, row, column]` instead of the mean.
        edits: interventions, as a model takes them, for the weights of the edited network. Whole maps are computed
            then, which takes longer.
        rules: how ReLUs and pools pass gradients; by default `LINEAR` without images, `STANDARD` with them.
        batch: most units at a time; by default what takes some hundred megabytes.
        out: where to put the result, for weights that do not fit in memory: an array of the result's shape, such as a
            `np.memmap`. It is filled in pieces and returned.

    Raises:
        ValueError: unknown layers, layers in the wrong order or not connected, no units, a size over the receptive
            field, a position outside the map, images or edits that the model refuses, an `out` of another shape.

    Source: *Visualizing Weights* (Distill, 2021); Captum, `extract_expanded_weights`, which has borders, as with
    `position`, and asks its caller for a linearised network.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> expanded_weights(model, "mixed3a", "mixed3b", size=3, units=[3, 5], inputs=2).shape
    (2, 1, 3, 3)
    """
    gates = (through,) if isinstance(through, str) else tuple(through)
    check_ends(model, lower, upper, gates)
    if batch is not None and batch < 1:
        raise ValueError(f"batch is {batch}; expected 1 or more units at a time")
    work = _linearised(_wide(model), lower, upper, gates, images, position, edits or {}, rules)
    return _filled(work, size, units, inputs, batch, per_image, out)


def linear_weights(
    model: Model, lower: str, upper: str, rules: Rules, units: Units | None = None, inputs: Units | None = None
) -> Float[np.ndarray, "out in row column"]:
    """Expanded weights under rules that are linear, though they are not `LINEAR`; of layers known to be connected.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> linear_weights(model, "maxpool1", "mixed3a", inception_jax.LINEAR).shape
    (16, 12, 5, 5)
    """
    names = between(graph(model.architecture), lower, upper) or ()
    images = _black(model) if sees_whole_maps(model.architecture, names) else None
    work = Linearised(_wide(model), lower, upper, rules=rules, images=images)
    return _filled(work, None, units, inputs, None, False, None)


def _linearised(
    model: Model,
    lower: str,
    upper: str,
    gates: tuple[str, ...],
    images: Any,
    position: tuple[int, int] | None,
    edits: Mapping[str, Edit],
    rules: Rules | None,
) -> Linearised:
    arch, network = model.architecture, graph(model.architecture)
    rules = rules or (LINEAR if images is None else STANDARD)
    names = between(network, lower, upper, gates) or ()
    linear = rules == LINEAR and not any(isinstance(network[name].op, Softmax) for name in names)
    if linear and images is None and position is None and not edits and not sees_whole_maps(arch, names):
        return Linearised(model, lower, upper, gates)
    given = _black(model) if images is None else np.asarray(images)
    if given.shape[:1] == (0,):
        raise ValueError("images has none; expected at least one")
    # The model knows best what it refuses; nothing is computed.
    jax.eval_shape(lambda x: model(x, taps=[upper], edits=edits), jax.ShapeDtypeStruct(given.shape, given.dtype))
    size = map_sizes(network.nodes, given.shape[1:3], arch.padding)[upper]
    return Linearised(model, lower, upper, gates, rules, given, edits, position_in(position, size, upper))


def _filled(
    work: Linearised,
    size: int | None,
    units: Units | None,
    inputs: Units | None,
    batch: int | None,
    per_image: bool,
    out: np.ndarray | None,
) -> np.ndarray:
    counts = {**work.model.layers, INPUT: 3}
    wanted = _wanted(work, size)
    columns = chosen(inputs, counts[work.lower], "inputs", work.lower)
    weights = jax.tree.leaves(work.model.weights)[0].dtype
    seeds = directions(chosen(units, counts[work.upper], "units", work.upper), counts[work.upper], weights)
    ins = counts[work.lower] if columns is None else len(columns)
    count = 1 if work.images is None else len(work.images)
    result = _target(out, (*(count,) * per_image, len(seeds), ins, *side(wanted)), weights)
    shown = None if columns is None else jnp.asarray(columns, weights if columns.ndim == 2 else None)
    # On recent GPUs, convolutions would be rounded to ten bits.
    with jax.default_matmul_precision("highest"):
        for number, rows, block in work.gradients(seeds, wanted, batch):
            tiles = np.asarray(_tiles(block, shown))
            if per_image:
                result[number, rows] = tiles
            elif number == 0:
                result[rows] = tiles
            else:
                result[rows] += tiles
    if not per_image and count > 1:
        result /= count
    return result


@jax.jit
def _tiles(
    gradients: Float[Array | np.ndarray, "k rows columns units"], inputs: Array | None
) -> Float[Array, "k n rows columns"]:
    """Gradients for units of the lower layer, or for directions over them, before positions."""
    if inputs is None:
        chosen = gradients
    elif inputs.ndim == 1:
        chosen = gradients[..., inputs]
    else:
        chosen = jnp.einsum("krcu,nu->krcn", gradients, inputs)
    return jnp.moveaxis(chosen, -1, 1)


def _wide(model: Model) -> Model:
    """The model with weights of at least 32 bits, since halves would lose in long sums what weights themselves have."""
    dtype = jnp.promote_types(jnp.result_type(*jax.tree.leaves(model.weights)), jnp.float32)
    if all(weight.dtype == dtype for weight in jax.tree.leaves(model.weights)):
        return model
    # By NumPy, which compiles nothing.
    cast = jax.device_put(jax.tree.map(lambda weight: np.asarray(weight).astype(dtype), model.weights))
    return Model(model.architecture, cast, model.provenance)


def _black(model: Model) -> np.ndarray:
    return np.zeros((1, model.architecture.image_size, model.architecture.image_size, 3), np.float32)


def _wanted(work: Linearised, size: int | None) -> Box:
    if size is None:
        return work.field
    (height, width), n = side(work.field), operator.index(size)
    if not 1 <= n <= min(height, width):
        raise ValueError(
            f"size is {n}; {work.upper!r} sees {height}x{width} positions of {work.lower!r}: "
            f"expected 1 to {min(height, width)}"
        )
    return centred(work.field, (n, n))


def _target(out: np.ndarray | None, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if out is None:
        return np.empty(shape, dtype)
    if out.shape != shape or out.dtype.kind != "f":
        raise ValueError(f"out has shape {out.shape} and type {out.dtype}; expected {shape} of floating-point numbers")
    return out
