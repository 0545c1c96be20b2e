"""The network as a graph of named activations, derived from an `Architecture`.

Each `Node` is one named activation: the operation that makes it and the names of its inputs. Everything that needs
to know the network's structure (the forward pass, weight readers, summaries, circuits) reads this list.
"""

import functools
from collections.abc import Iterable

from inception_jax.architecture import Architecture, Block, Plain
from inception_jax.nodes import (
    INPUT,
    AvgPool,
    Concat,
    Conv,
    Dense,
    L2Pool,
    MaxPool,
    Node,
    Normalise,
    Relu,
    Size,
    Softmax,
    map_sizes,
)


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
    """The graph of `arch`.

    Raises:
        ValueError: images of the architecture's size leave no map for a layer that is fully connected to one.
    """
    trunk = _trunk(arch)
    return Graph([*trunk, *_heads(arch, trunk)])


def weight_shapes(arch: Architecture) -> dict[str, dict[str, tuple[int, ...]]]:
    """Shapes of all weights: `{layer: {"kernel": HWIO or [in, out], "bias": [out]}}`.

    >>> from inception_jax.architecture import INCEPTION5H
    >>> weight_shapes(INCEPTION5H)["mixed3b_5x5"]
    {'kernel': (5, 5, 32, 96), 'bias': (96,)}
    """
    return {op.layer: {"kernel": op.weight_shape, "bias": (op.units,)} for op in graph(arch).weighted}


_POOLS = {"max": MaxPool, "l2": L2Pool}


def _trunk(arch: Architecture) -> list[Node]:
    average = arch.final_average
    nodes = _stem(arch, *arch.stem) if arch.stem else []
    for name, block in arch.blocks:
        if block.pool_before:
            nodes.append(_pool(arch, block.pool_before, *_end(nodes), stride=2))
        nodes += _block(arch, name, block, *_end(nodes))
    source, units = _end(nodes)
    if average == "xy":
        nodes.append(Node("avgpool0", AvgPool(units, arch.final_pool, squeeze=True), (source,)))
    elif average != "none":
        nodes.append(Node("avgpool0", AvgPool(units, None, axes=average), (source,)))
    grid = None if average == "xy" else _grid(arch, nodes)
    return nodes + _classifier("softmax2", *_end(nodes), arch.classes, grid)


def _stem(arch: Architecture, first: int, second: int, third: int) -> list[Node]:
    nodes = _conv("conv2d0", 7, INPUT, 3, first, stride=arch.strides[0])
    nodes.append(_pool(arch, "maxpool0", *_end(nodes), stride=arch.strides[1]))
    nodes += _normalise(arch, "localresponsenorm0", *_end(nodes))
    nodes += _conv("conv2d1", 1, *_end(nodes), second)
    nodes += _conv("conv2d2", 3, *_end(nodes), third)
    nodes += _normalise(arch, "localresponsenorm1", *_end(nodes))
    nodes.append(_pool(arch, "maxpool1", *_end(nodes), stride=arch.strides[2]))
    return nodes


def _block(arch: Architecture, name: str, block: Block | Plain, source: str, inputs: int) -> list[Node]:
    if isinstance(block, Plain):
        return _conv(name, block.kernel, source, inputs, block.units, groups=block.groups)
    three, five, pool = f"{name}_3x3_bottleneck", f"{name}_5x5_bottleneck", f"{name}_pool"
    bottlenecks = [
        *_conv(three, 1, source, inputs, block.conv3x3_bottleneck),
        *_conv(five, 1, source, inputs, block.conv5x5_bottleneck),
        _pool(arch, pool, source, inputs, stride=1),
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


def _heads(arch: Architecture, trunk: list[Node]) -> list[Node]:
    nodes: list[Node] = []
    blocks = dict(arch.blocks)
    for i, head in enumerate(arch.heads):
        pool, hidden, units = f"head{i}_pool", f"nn{i}", blocks[head.source].units
        nodes.append(Node(pool, AvgPool(units, 5, stride=3), (head.source,)))
        nodes += _conv(f"head{i}_bottleneck", 1, pool, units, head.bottleneck)
        dense = Dense(hidden, head.bottleneck, head.hidden, _grid(arch, [*trunk, *nodes]))
        nodes.append(Node(f"{hidden}_pre_relu", dense, (f"head{i}_bottleneck",)))
        nodes.append(Node(hidden, Relu(head.hidden), (f"{hidden}_pre_relu",)))
        nodes += _classifier(f"softmax{i}", hidden, head.hidden, arch.classes)
    return nodes


def _end(nodes: list[Node]) -> tuple[str, int]:
    # What the next layer sees: its name and units.
    return (nodes[-1].name, nodes[-1].op.units) if nodes else (INPUT, 3)


def _grid(arch: Architecture, nodes: list[Node]) -> Size:
    # The map that a layer after these is fully connected to.
    last = _end(nodes)[0]
    grid = map_sizes(nodes, (arch.image_size, arch.image_size), arch.padding)[last]
    if grid == (0, 0):
        raise ValueError(
            f"image_size is {arch.image_size}, but such images are too small for {last!r} of {arch.name}; "
            "expected a larger image_size, or fewer layers or heads"
        )
    return grid


def _conv(
    name: str, kernel: int, source: str, inputs: int, units: int, *, stride: int = 1, groups: int = 1
) -> list[Node]:
    pre = f"{name}_pre_relu"
    return [
        Node(pre, Conv(name, kernel, inputs, units, stride, groups), (source,)),
        Node(name, Relu(units), (pre,)),
    ]


def _pool(arch: Architecture, name: str, source: str, units: int, *, stride: int) -> Node:
    return Node(name, _POOLS[arch.pooling](units, stride), (source,))


def _normalise(arch: Architecture, name: str, source: str, units: int) -> list[Node]:
    return [Node(name, Normalise(units, arch.lrn), (source,))] if arch.lrn else []


def _classifier(name: str, source: str, inputs: int, classes: int, grid: Size | None = None) -> list[Node]:
    logits = f"{name}_pre_activation"
    return [
        Node(logits, Dense(name, inputs, classes, grid), (source,)),
        Node(name, Softmax(classes), (logits,)),
    ]
