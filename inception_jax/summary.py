"""What each layer costs: output shape, parameters and multiply-adds, computed from the graph alone."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from inception_jax.architecture import Architecture
from inception_jax.graph import graph
from inception_jax.nodes import Conv, Dense, map_sizes


@dataclass(frozen=True)
class Row:
    """One layer: height and width of its output in positions (1 for vectors), units, parameters and FLOPs.

    `flops` counts two for every multiply-add of convolutions and matrix products, for one image, forward; pooling,
    normalisation and biases are left out.
    """

    layer: str
    height: int
    width: int
    units: int
    parameters: int = 0
    flops: int = 0


def summarise(architecture: Architecture, size: int | None = None, *, blocks: bool = True) -> tuple[Row, ...]:
    """The layers of `architecture` in network order, auxiliary heads last.

    Args:
        architecture: the network.
        size: side of the input in pixels, by default that of the images the network was trained on. Layers that
            images of this size do not reach (the average pool and classifiers, for small ones) are left out.
        blocks: show each inception block as one row; otherwise every convolution has its own.

    Raises:
        ValueError: a size below 1.

    >>> from inception_jax import INCEPTION5H
    >>> summarise(INCEPTION5H)[0]
    Row(layer='conv2d0', height=112, width=112, units=64, parameters=9472, flops=236027904)
    """
    size = architecture.image_size if size is None else size
    if size < 1:
        raise ValueError(f"size is {size}; expected a number of pixels, 1 or more")
    names = [name for name, _ in architecture.blocks] if blocks else []
    nodes = graph(architecture).nodes
    sizes = map_sizes(nodes, (size, size), architecture.padding)
    rows: dict[str, Row] = {}
    for node in nodes:
        height, width = sizes[node.name]
        if (height, width) == (0, 0):
            continue
        layer = node.name.removesuffix("_pre_relu")
        layer = next((name for name in names if layer.startswith(f"{name}_")), layer)
        row = replace(rows.get(layer, Row(layer, 0, 0, 0)), height=height, width=width, units=node.op.units)
        if isinstance(node.op, Conv | Dense):
            kernel = math.prod(node.op.weight_shape)
            parameters, flops = row.parameters + kernel + node.op.units, row.flops + 2 * height * width * kernel
            row = replace(row, parameters=parameters, flops=flops)
        rows[layer] = row
    return tuple(rows.values())


def table(rows: Iterable[Row]) -> str:
    """`rows` as text, with running totals of parameters and GFLOPs.

    >>> from inception_jax import INCEPTION5H
    >>> print(table(summarise(INCEPTION5H)[:2]))
    layer     height x width x units  parameters  in total   GFLOP  in total
    conv2d0           112 x 112 x 64       9,472     9,472  0.2360    0.2360
    maxpool0            56 x 56 x 64           0     9,472  0.0000    0.2360
    """
    lines = [("layer", "height x width x units", "parameters", "in total", "GFLOP", "in total")]
    parameters = flops = 0
    for row in rows:
        parameters, flops = parameters + row.parameters, flops + row.flops
        shape = f"{row.height} x {row.width} x {row.units}"
        costs = (f"{row.parameters:,}", f"{parameters:,}", f"{row.flops / 1e9:.4f}", f"{flops / 1e9:.4f}")
        lines.append((row.layer, shape, *costs))
    return columns(lines, left=1)


def columns(lines: Iterable[tuple[str, ...]], left: int) -> str:
    """Cells aligned in columns, the first `left` of them to the left, the others to the right.

    >>> columns([("a", "1"), ("bcd", "10")], left=1)
    'a     1\\nbcd  10'
    """
    lines = list(lines)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        [cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))]
        for line in lines
    ]
    return "\n".join("  ".join(line).rstrip() for line in padded)
