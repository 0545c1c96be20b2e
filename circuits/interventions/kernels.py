"""Edits of weights, which make a new model: kernels, single slices of them, and all that a unit passes on."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.ends import chosen_numbers
from inception_jax.graph import graph
from inception_jax.model import Model, check_layer
from inception_jax.nodes import Concat, Conv, Dense

Numbers = int | list[int] | tuple[int, ...] | range | np.ndarray | None
"""Unit numbers; `None` for all."""


def edit_kernel(
    model: Model,
    layer: str,
    change: Callable[[Float[np.ndarray, "out in row column"]], Float[np.ndarray | Array, "out in row column"]],
    *,
    units: Numbers = None,
    inputs: Numbers = None,
) -> Model:
    """A new model with other weights in one convolution: all of its kernel, or slices from some inputs to some units.

    Args:
        model: the network.
        layer: a convolution or fully connected layer, `"mixed3b_5x5"` say.
        change: from the weights between the chosen units, `[out, in, row, column]`, to those that take their place.
        units: units of the layer, by default all.
        inputs: units that the kernel reads, by default all. Where a layer has groups, or is fully connected to a map,
            inputs are counted as its kernel has them.

    Raises:
        ValueError: no such layer with weights, units that it does not have, weights of another shape or not finite.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> positive = edit_kernel(model, "conv2d2", lambda w: np.maximum(w, 0))
    >>> cut = edit_kernel(model, "mixed3b_5x5", lambda w: 0 * w, units=3, inputs=[0, 1])
    >>> float(abs(cut.weights["mixed3b_5x5"]["kernel"][:, :, :, 3]).max())
    0.0
    """
    if layer not in model.weights:
        check_layer(layer, model.weights)
    kernel = np.asarray(model.weights[layer]["kernel"])
    full = kernel if kernel.ndim == 4 else kernel[None, None]
    outs = chosen_numbers(units, full.shape[3], "units", layer)
    ins = chosen_numbers(inputs, full.shape[2], "inputs", layer)
    place = np.ix_(np.arange(full.shape[0]), np.arange(full.shape[1]), ins, outs)
    old = full[place].transpose(3, 2, 0, 1)
    new = np.asarray(change(old.copy()))
    if new.shape != old.shape or not np.isfinite(new).all():
        raise ValueError(
            f"the change of {layer!r} returned shape {new.shape}"
            f"{'' if np.isfinite(new).all() else ', not all finite'}; expected finite weights of shape {old.shape}"
        )
    edited = full.copy()
    edited[place] = new.transpose(2, 3, 1, 0)
    return _with_kernel(model, layer, edited.reshape(kernel.shape))


def scale_outgoing(model: Model, layer: str, units: Numbers, factor: float = 0.0) -> Model:
    """A new model in which the weights of all that read some units are scaled; with 0, nobody hears them.

    The same as scaling the activations with `scale`, except where normalisation lies between, which sees neighbouring
    units too, and for negative factors where a max-pool does.

    Args:
        model: the network.
        layer: any activation that is read by convolutions or fully connected layers, through pools and concatenations.
        units: its units, by default all.
        factor: what their weights are multiplied by.

    Raises:
        ValueError: no such layer, units that it does not have, a layer that no weights read.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> deaf = scale_outgoing(model, "mixed3a", [1, 2])
    >>> [name for name in model.weights if deaf.weights[name] is not model.weights[name]]
    ['mixed3b_3x3_bottleneck', 'mixed3b_5x5_bottleneck', 'mixed3b_1x1', 'mixed3b_pool_reduce']
    """
    check_layer(layer, model.layers)
    numbers = chosen_numbers(units, model.layers[layer], "units", layer)
    found = readers(model, layer)
    if not found:
        raise ValueError(f"no weights read {layer!r}; expected a layer that a convolution or the logits read")
    for op, first in found:
        factors = np.ones(op.inputs)
        factors[first + numbers] = factor
        kernel = np.asarray(model.weights[op.layer]["kernel"])
        groups = op.groups if isinstance(op, Conv) else 1
        per = op.inputs // groups
        # An input of a kernel with groups is another unit for each group of units.
        owner = np.arange(op.units) // (op.units // groups)
        table = factors[owner[None] * per + np.arange(per)[:, None]]
        scaled = kernel.reshape(-1, per, op.units) * table
        model = _with_kernel(model, op.layer, scaled.reshape(kernel.shape))
    return model


def readers(model: Model, layer: str) -> tuple[tuple[Conv | Dense, int], ...]:
    """The convolutions and fully connected layers that read an activation, and where its units begin in their inputs.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> [(op.layer, first) for op, first in readers(model, "conv2d0")]
    [('conv2d1', 0)]
    """
    network = graph(model.architecture)
    # Branches are not computed from the view of a block's pre-activation, but its units go where theirs go.
    offsets = {layer.removesuffix("_pre_relu") if network.parts(layer) else layer: 0}
    found: list[tuple[Conv | Dense, int]] = []
    for node in network.nodes:
        heard = [source for source in node.inputs if source in offsets]
        if not heard:
            continue
        if isinstance(node.op, Conv | Dense):
            found.append((node.op, offsets[heard[0]]))
        elif not (isinstance(node.op, Concat) and node.op.view):
            before = node.inputs[: node.inputs.index(heard[0])]
            offsets[node.name] = offsets[heard[0]] + sum(network[source].op.units for source in before)
    return tuple(found)


def _with_kernel(model: Model, layer: str, kernel: np.ndarray) -> Model:
    old = model.weights[layer]
    new = {**old, "kernel": jnp.asarray(kernel, jnp.asarray(old["kernel"]).dtype)}
    return Model(model.architecture, {**model.weights, layer: new}, {**model.provenance, "edited": True})
