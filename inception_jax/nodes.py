"""Named activations, the operations that make them, and the sizes of the maps that come out."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from inception_jax.architecture import LRN

INPUT = "input"

Size = tuple[int, int]
"""Height and width of a map, in positions; (0, 0) where there is none."""


@dataclass(frozen=True)
class Conv:
    """Convolution with bias; weights are `<layer>_w` (HWIO) and `<layer>_b`.

    With `groups`, the input channels and the units are cut into as many equal parts, in order, and each part of the
    units sees its own part of the channels alone.
    """

    layer: str
    kernel: int
    inputs: int
    units: int
    stride: int = 1
    groups: int = 1

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.kernel, self.kernel, self.inputs // self.groups, self.units)


@dataclass(frozen=True)
class Dense:
    """Matrix product with bias: of vectors, or of maps of the size `grid`, flattened as (height, width, channel)."""

    layer: str
    inputs: int
    units: int
    grid: Size | None = None

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (math.prod(self.grid or (1,)) * self.inputs, self.units)


@dataclass(frozen=True)
class MaxPool:
    """3x3 max-pool with the architecture's padding."""

    units: int
    stride: int
    size: int = 3


@dataclass(frozen=True)
class L2Pool:
    """Root of the mean square over the windows of a max-pool."""

    units: int
    stride: int
    size: int = 3


@dataclass(frozen=True)
class AvgPool:
    """Average over `size` x `size` windows, of the pixels inside the image; `size=None` averages all along `axes`
    (x counts columns, y rows).

    With `squeeze`, a single position is left out of the shape; averages along one axis keep both.
    """

    units: int
    size: int | None
    stride: int = 1
    squeeze: bool = False
    axes: Literal["xy", "x", "y"] = "xy"


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


Op = Conv | Dense | MaxPool | L2Pool | AvgPool | Normalise | Relu | Concat | Softmax


@dataclass(frozen=True)
class Node:
    """One named activation."""

    name: str
    op: Op
    inputs: tuple[str, ...]


def output_size(size: int, op: Op, padding: str) -> int:
    """Side length that `op` makes of side length `size`; at least 0.

    Sources: TensorFlow's SAME rule `ceil(size / stride)`; Caffe's `conv_layer` (floor) and `pooling_layer` (ceil).
    """
    if isinstance(op, Conv | MaxPool | L2Pool):
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


def explicit_padding(op: Conv | MaxPool | L2Pool) -> int:
    """Caffe's padding on each side: half the kernel, but none for the stride-2 max-pools."""
    if isinstance(op, Conv):
        return op.kernel // 2
    return op.size // 2 if op.stride == 1 else 0


def map_sizes(nodes: Iterable[Node], size: Size, padding: str) -> dict[str, Size]:
    """Sizes of the maps of `nodes`, in network order, for images of `size`; vectors count as 1x1.

    >>> pool, whole = Node("pool", MaxPool(8, 2), (INPUT,)), Node("whole", AvgPool(8, 7), ("pool",))
    >>> map_sizes([pool, whole], (14, 12), "same")
    {'input': (14, 12), 'pool': (7, 6), 'whole': (0, 0)}
    """
    sizes = {INPUT: size}
    for node in nodes:
        sizes[node.name] = _map_size(sizes[node.inputs[0]], node.op, padding)
    return sizes


def _map_size(size: Size, op: Op, padding: str) -> Size:
    if isinstance(op, Dense) and op.grid:
        return (1, 1) if size == op.grid else (0, 0)
    height, width = (output_size(side, op, padding) for side in size)
    if isinstance(op, AvgPool) and op.axes != "xy":
        height, width = (size[0], 1) if op.axes == "x" else (1, size[1])
    return (height, width) if min(*size, height, width) > 0 else (0, 0)
