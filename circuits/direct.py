"""The weights between adjacent layers, as the articles draw them: `[out, in, row, column]`, with the units' names."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Array, Shaped

from circuits.ends import check_ends, chosen_numbers
from circuits.expanded import linear_weights
from circuits.labelled import CircuitWeights
from circuits.route import between
from inception_jax import ops
from inception_jax.architecture import Architecture
from inception_jax.gradients import Rules, linear_relu
from inception_jax.graph import graph
from inception_jax.model import Model
from inception_jax.nodes import INPUT, AvgPool, Concat, Conv, Dense, L2Pool, MaxPool, Node, Normalise, Relu


def weights(
    model: Model,
    lower: str,
    upper: str,
    *,
    units: int | Sequence[int] | Shaped[np.ndarray, "..."] | None = None,
    inputs: int | Sequence[int] | Shaped[np.ndarray, "..."] | None = None,
) -> CircuitWeights:
    """Direct weights between adjacent layers, blocks seen through their branches.

    Kernels as they are, and nothing else: pools and normalisation between the layers are passed over, so that weights
    lie on the grid that the upper layer reads. Within a block, bottlenecks count by the product of their kernels with
    those that follow, and the pool by its window, in which every position has the weight: it is drawn nine times as
    strong as an average would make it. `expanded_weights` averages.

    Args:
        model: the network.
        lower: a layer, `"input"`, or part of a block: a branch, or a bottleneck of the block of `upper`.
        upper: the layer after it, or part of a block.
        units: numbers of units of `upper`, by default all.
        inputs: numbers of units of `lower`, by default all.

    Raises:
        ValueError: unknown layers, layers that are not adjacent, units that a layer does not have.

    Source: *An Overview of Early Vision in InceptionV1* (Distill, 2020), whose footnote on pools this follows.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> weights(model, "conv2d2", "mixed3a")
    <weights conv2d2 -> mixed3a [16, 12, 5, 5]>
    >>> kernel = model.weights["conv2d2"]["kernel"]
    >>> bool((weights(model, "conv2d1", "conv2d2").tile(3, of=1) == kernel[:, :, 1, 3]).all())
    True
    """
    check_ends(model, lower, upper, ())
    arch, counts = model.architecture, {**model.layers, INPUT: 3}
    source, first = _read_as(arch, lower, upper)
    _check_adjacent(arch, source, lower, upper)
    outs = chosen_numbers(units, counts[upper], "units", upper, _INSTEAD)
    ins = chosen_numbers(inputs, counts[lower], "inputs", lower, _INSTEAD)
    array = linear_weights(model, source, upper, _DRAWN, outs, ins + first)
    return CircuitWeights(array, lower, upper, tuple(map(int, outs)), tuple(map(int, ins)))


def _window_sums(x: Array, pool: ops.Pool, padding: ops.Padding) -> Array:
    return ops.average_windows(x, pool, padding) * pool.size**2


_DRAWN = Rules(relu=linear_relu, max_pool=_window_sums, l2_pool=_window_sums)


_INSTEAD = "no names; expected unit numbers, or use expanded_weights"


def _home(arch: Architecture, name: str) -> str:
    """The block or the convolution that an activation belongs to."""
    blocks = [block for block, _ in arch.blocks if name == block or name.startswith(f"{block}_")]
    return blocks[0] if blocks else name.removesuffix("_pre_relu")


def _read_as(arch: Architecture, lower: str, upper: str) -> tuple[str, int]:
    """The activation by which the units of `lower` are read on the way to `upper`, and the first of them in it."""
    network, first = graph(arch), 0
    lower = lower.removesuffix("_pre_relu") if lower != INPUT and network.parts(lower) else lower
    while readers := _readers(arch, lower, upper):
        if len(readers) > 1 or not _passed_over(readers[0], _home(arch, upper), arch):
            break
        for source in readers[0].inputs[: readers[0].inputs.index(lower)]:
            first += network[source].op.units
        lower = readers[0].name
    return lower, first


def _readers(arch: Architecture, lower: str, upper: str) -> list[Node]:
    network = graph(arch)
    return [network[name] for name in between(network, lower, upper) or () if lower in network[name].inputs]


def _passed_over(node: Node, home: str, arch: Architecture) -> bool:
    same = isinstance(node.op, Relu | Concat | Normalise | MaxPool | L2Pool | AvgPool)
    return same and _home(arch, node.name) != home


def _check_adjacent(arch: Architecture, source: str, lower: str, upper: str) -> None:
    network, home = graph(arch), _home(arch, upper)
    names = (between(network, source, upper) or ()) if source != upper else ()
    homes = [_home(arch, name) for name in names if isinstance(network[name].op, Conv | Dense)]
    if not homes:
        raise ValueError(f"no weights lie between {lower!r} and {upper!r}; expected a layer and one that convolves it")
    if others := [name for name in dict.fromkeys(homes) if name != home]:
        raise ValueError(
            f"{lower!r} and {upper!r} are not adjacent: {others[0]!r} lies between; "
            "expected layers next to each other, or use expanded_weights"
        )
