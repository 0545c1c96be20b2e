"""The network as a graph of named activations, derived from an `Architecture`.

Each `Node` is one named activation: the operation that makes it and the names of its inputs. Everything that needs
to know the network's structure (the forward pass, weight readers, summaries, circuits) reads this list.
"""

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass

from inception_jax.architecture import LRN, Architecture, Block

INPUT = "input"


@dataclass(frozen=True)
class Conv:
    """Convolution with bias; weights are `<layer>_w` (HWIO) and `<layer>_b`."""

    layer: str
    kernel: int
    inputs: int
    units: int
    stride: int = 1

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.kernel, self.kernel, self.inputs, self.units)


@dataclass(frozen=True)
class Dense:
    """Matrix product with bias over the flattened (height, width, channel) input; weights `[inputs, units]`."""

    layer: str
    inputs: int
    units: int
    flatten: bool = False

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.inputs, self.units)


@dataclass(frozen=True)
class MaxPool:
    """3x3 max-pool with the architecture's padding."""

    units: int
    stride: int
    size: int = 3


@dataclass(frozen=True)
class AvgPool:
    """Average over `size` x `size` windows, of the pixels inside the image; `size=None` averages everything."""

    units: int
    size: int | None
    stride: int = 1
    squeeze: bool = False


@dataclass(frozen=True)
class Normalise:
    """Local response normalisation."""

    units: int
    lrn: LRN


@dataclass(frozen=True)
class Relu:
    """max(x, 0)."""

    units: int


@dataclass(frozen=True)
class Concat:
    """Channel concatenation. With `view`, an edit of the whole also edits the parts."""

    units: int
    view: bool = False


@dataclass(frozen=True)
class Softmax:
    """Class probabilities."""

    units: int


Op = Conv | Dense | MaxPool | AvgPool | Normalise | Relu | Concat | Softmax


@dataclass(frozen=True)
class Node:
    """One named activation."""

    name: str
    op: Op
    inputs: tuple[str, ...]


class Graph:
    """The nodes of a network in network order: trunk first, then auxiliary heads.

    >>> from inception_jax.architecture import INCEPTION5H
    >>> network = graph(INCEPTION5H)
    >>> network["mixed4a"].op.units
    508
    >>> network.upto(["maxpool0"])
    ('conv2d0_pre_relu', 'conv2d0', 'maxpool0')
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = tuple(nodes)
        self._by_name = {node.name: node for node in self.nodes}

    def __getitem__(self, name: str) -> Node:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @property
    def weighted(self) -> tuple[Conv | Dense, ...]:
        """The operations that have weights, in network order."""
        return tuple(node.op for node in self.nodes if isinstance(node.op, Conv | Dense))

    def parts(self, name: str) -> tuple[str, ...]:
        """The branches that a view, a block's pre-activation, consists of; none for other activations."""
        node = self[name]
        return node.inputs if isinstance(node.op, Concat) and node.op.view else ()

    def upto(self, names: Iterable[str]) -> tuple[str, ...]:
        """Everything needed to compute `names`, with the blocks' `_pre_relu` views on the way; network order."""
        needed: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name == INPUT or name in needed:
                continue
            needed.add(name)
            pending.extend(self[name].inputs)
            if f"{name}_pre_relu" in self:
                pending.append(f"{name}_pre_relu")
        return tuple(node.name for node in self.nodes if node.name in needed)


@functools.cache
def graph(arch: Architecture) -> Graph:
    """The graph of `arch`."""
    return Graph([*_trunk(arch), *_heads(arch)])


def weight_shapes(arch: Architecture) -> dict[str, dict[str, tuple[int, ...]]]:
    """Shapes of all weights: `{layer: {"kernel": HWIO or [in, out], "bias": [out]}}`.

    >>> from inception_jax.architecture import INCEPTION5H
    >>> weight_shapes(INCEPTION5H)["mixed3b_5x5"]
    {'kernel': (5, 5, 32, 96), 'bias': (96,)}
    """
    return {op.layer: {"kernel": op.weight_shape, "bias": (op.units,)} for op in graph(arch).weighted}


def output_size(size: int, op: Op, padding: str) -> int:
    """Side length that `op` makes of side length `size`; at least 0.

    Sources: TensorFlow's SAME rule `ceil(size / stride)`; Caffe's `conv_layer` (floor) and `pooling_layer` (ceil).
    """
    if isinstance(op, Conv | MaxPool):
        if padding == "same":
            return math.ceil(size / op.stride)
        kernel = op.kernel if isinstance(op, Conv) else op.size
        low = explicit_padding(op)
        if isinstance(op, Conv):
            return (size + 2 * low - kernel) // op.stride + 1
        out = math.ceil((size + 2 * low - kernel) / op.stride) + 1
        return out - 1 if low and (out - 1) * op.stride >= size + low else max(out, 0)
    if isinstance(op, AvgPool):
        if op.size is None or size < op.size:
            return int(op.size is None)
        return (math.ceil if padding == "caffe" else math.floor)((size - op.size) / op.stride) + 1
    return size


def explicit_padding(op: Conv | MaxPool) -> int:
    """Caffe's padding on each side: half the kernel, but none for the stride-2 max-pools."""
    if isinstance(op, Conv):
        return op.kernel // 2
    return op.size // 2 if op.stride == 1 else 0


def _conv(name: str, kernel: int, source: str, inputs: int, units: int, stride: int = 1) -> list[Node]:
    pre = f"{name}_pre_relu"
    return [
        Node(pre, Conv(name, kernel, inputs, units, stride), (source,)),
        Node(name, Relu(units), (pre,)),
    ]


def _trunk(arch: Architecture) -> list[Node]:
    first, second, third = arch.stem
    nodes = [
        *_conv("conv2d0", 7, INPUT, 3, first, stride=2),
        Node("maxpool0", MaxPool(first, 2), ("conv2d0",)),
        Node("localresponsenorm0", Normalise(first, arch.lrn), ("maxpool0",)),
        *_conv("conv2d1", 1, "localresponsenorm0", first, second),
        *_conv("conv2d2", 3, "conv2d1", second, third),
        Node("localresponsenorm1", Normalise(third, arch.lrn), ("conv2d2",)),
        Node("maxpool1", MaxPool(third, 2), ("localresponsenorm1",)),
    ]
    source, units = "maxpool1", third
    for name, block in arch.blocks:
        if block.pool_before:
            nodes.append(Node(block.pool_before, MaxPool(units, 2), (source,)))
            source = block.pool_before
        nodes.extend(_block(name, block, source, units))
        source, units = name, block.units
    return [
        *nodes,
        Node("avgpool0", AvgPool(units, arch.final_pool, squeeze=True), (source,)),
        Node("softmax2_pre_activation", Dense("softmax2", units, arch.classes), ("avgpool0",)),
        Node("softmax2", Softmax(arch.classes), ("softmax2_pre_activation",)),
    ]


def _block(name: str, block: Block, source: str, inputs: int) -> list[Node]:
    three, five, pool = f"{name}_3x3_bottleneck", f"{name}_5x5_bottleneck", f"{name}_pool"
    bottlenecks = [
        *_conv(three, 1, source, inputs, block.conv3x3_bottleneck),
        *_conv(five, 1, source, inputs, block.conv5x5_bottleneck),
        Node(pool, MaxPool(inputs, 1), (source,)),
    ]
    branches = [
        *_conv(f"{name}_1x1", 1, source, inputs, block.conv1x1),
        *_conv(f"{name}_3x3", 3, three, block.conv3x3_bottleneck, block.conv3x3),
        *_conv(f"{name}_5x5", 5, five, block.conv5x5_bottleneck, block.conv5x5),
        *_conv(f"{name}_pool_reduce", 1, pool, inputs, block.pool_reduce),
    ]
    pre_relus, relus = branches[0::2], branches[1::2]
    # All pre-activations come before their ReLUs, so that editing the block's pre-activation reaches every branch.
    return [
        *bottlenecks,
        *pre_relus,
        Node(f"{name}_pre_relu", Concat(block.units, view=True), tuple(node.name for node in pre_relus)),
        *relus,
        Node(name, Concat(block.units), tuple(node.name for node in relus)),
    ]


def _heads(arch: Architecture) -> list[Node]:
    nodes: list[Node] = []
    blocks = dict(arch.blocks)
    for i, head in enumerate(arch.heads):
        pool, bottleneck, hidden, out = f"head{i}_pool", f"head{i}_bottleneck", f"nn{i}", f"softmax{i}"
        # The released heads are fully connected to a 4x4 map, which is what 224-pixel images give.
        nodes += [
            Node(pool, AvgPool(blocks[head.source].units, 5, stride=3), (head.source,)),
            *_conv(bottleneck, 1, pool, blocks[head.source].units, head.bottleneck),
            Node(f"{hidden}_pre_relu", Dense(hidden, 16 * head.bottleneck, head.hidden, flatten=True), (bottleneck,)),
            Node(hidden, Relu(head.hidden), (f"{hidden}_pre_relu",)),
            Node(f"{out}_pre_activation", Dense(out, head.hidden, arch.classes), (hidden,)),
            Node(out, Softmax(arch.classes), (f"{out}_pre_activation",)),
        ]
    return nodes
