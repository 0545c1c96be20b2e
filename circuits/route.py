"""The ways from one layer to a later one, and which part of each map they read: receptive fields from the graph.

A `Route` belongs to one position of the upper layer, or to a few. It holds what is needed to compute them from the
lower layer and nothing else: of each map on the way the window that matters, never the whole. A position far from the
map's borders has the same route everywhere; one near them has its paddings.
"""

import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inception_jax.architecture import Architecture
from inception_jax.graph import Graph, graph
from inception_jax.nodes import INPUT, AvgPool, Conv, Dense, L2Pool, MaxPool, Op, Size, map_sizes
from inception_jax.ops import Padding, conv_padding, pool_padding

Span = tuple[int, int]
"""The first position along an axis, and the one after the last."""

Box = tuple[Span, Span]
"""Rows and columns."""


@dataclass(frozen=True)
class Step:
    """One activation of a route: the inputs it is computed from, what it reads of their windows, and its padding."""

    name: str
    inputs: tuple[str, ...]
    cuts: tuple[Box, ...]
    padding: Padding


@dataclass(frozen=True)
class Route:
    """How a window of `upper` is computed from `lower`.

    Attributes:
        lower: the earlier layer.
        upper: the later layer.
        steps: the activations on the way, in network order; the last is that of `upper`.
        window: the window of `upper`, inside the map.
        field: what it sees of `lower`, its receptive field, which may reach past the map.
        windows: the part inside the map that is read, for `lower` and for each of `sides`.
        sides: activations that the way reads although they do not depend on `lower`, or not along the way.
        largest: numbers in the largest window on the way.
    """

    lower: str
    upper: str
    steps: tuple[Step, ...]
    window: Box
    field: Box
    windows: tuple[tuple[str, Box], ...]
    sides: tuple[str, ...]
    largest: int


def between(network: Graph, lower: str, upper: str, through: Iterable[str] = ()) -> tuple[str, ...] | None:
    """Activations on the ways from `lower` to `upper`, in network order, without the first and with the last.

    Args:
        network: the graph.
        lower: a layer, or `"input"`. From a block's pre-activation, ways begin at its branches.
        upper: a layer.
        through: only ways that pass each of these layers.

    Returns:
        `None` where there is no such way; nothing where `upper` is a branch of `lower`.

    >>> from inception_jax import INCEPTION5H
    >>> between(graph(INCEPTION5H), "mixed3a", "mixed3b_1x1")
    ('mixed3b_1x1_pre_relu', 'mixed3b_1x1')
    >>> between(graph(INCEPTION5H), "mixed3b", "mixed3a") is None
    True
    """
    starts = _starts(network, lower)
    after = set(starts)
    for node in network.nodes:
        if not after.isdisjoint(node.inputs):
            after.add(node.name)
    before = _before(network, upper)
    if upper not in after or any(name not in after or name not in before for name in through):
        return None
    way = [node.name for node in network.nodes if node.name in after & before and node.name not in starts]
    for gate in through:
        way = [name for name in way if name in _before(network, gate) or gate in _before(network, name)]
    return tuple(way)


def route(
    arch: Architecture,
    lower: str,
    upper: str,
    through: Iterable[str] = (),
    *,
    sizes: Mapping[str, Size] | None = None,
    box: Box = ((0, 1), (0, 1)),
) -> Route:
    """The route from `lower` to some positions of `upper`.

    Args:
        arch: the network.
        lower: a layer, or `"input"`.
        upper: a layer.
        through: only ways that pass each of these layers.
        sizes: of the maps, as `map_sizes` gives them; without it, maps have no borders. Layers that see a whole map
            need it.
        box: the positions, which may reach past the map.

    Raises:
        ValueError: there is no way.

    >>> from inception_jax import INCEPTION5H
    >>> found = route(INCEPTION5H, "conv2d0", "mixed4a")
    >>> found.field, len(found.steps)
    (((-41, 42), (-41, 42)), 51)
    """
    network = graph(arch)
    names = between(network, lower, upper, through)
    if names is None:
        raise ValueError(
            f"nothing leads from {lower!r} to {upper!r} through {tuple(through)}; expected layers in a row"
        )
    known = {name: sizes[name] if sizes else None for name in [INPUT, *(node.name for node in network.nodes)]}
    boxes = {upper: box}
    for name in reversed(names):
        for source in network[name].inputs:
            read = _read(network[name].op, boxes[name], known[source], arch.padding)
            boxes[source] = union(read, boxes.get(source, read))
    starts = [name for name in _starts(network, lower) if name in boxes]
    field = union(*(boxes[name] for name in starts))
    boxes |= dict.fromkeys([lower, *starts], field)
    windows = {name: _inside(box, known[name]) for name, box in boxes.items()}
    steps, sides = [], set()
    for name in names:
        node = network[name]
        sides |= set(node.inputs) - set(names) - set(_starts(network, lower))
        reads = [_read(node.op, windows[name], known[source], arch.padding) for source in node.inputs]
        inside = [_inside(read, known[s]) for read, s in zip(reads, node.inputs, strict=True)]
        cuts = tuple(_shifted(box, windows[source]) for box, source in zip(inside, node.inputs, strict=True))
        # Only operations with one input read outside the map.
        (rows, columns), (inner_rows, inner_columns) = reads[0], inside[0]
        padding = tuple((i[0] - o[0], o[1] - i[1]) for o, i in ((rows, inner_rows), (columns, inner_columns)))
        steps.append(Step(name, node.inputs, cuts, (padding[0], padding[1])))
    kept = (lower, *sorted(sides))
    largest = max(math.prod(side(windows[name])) * (3 if name == INPUT else network[name].op.units) for name in boxes)
    return Route(
        lower=lower,
        upper=upper,
        steps=tuple(steps),
        window=windows[upper],
        field=field,
        windows=tuple((name, windows[name]) for name in kept),
        sides=tuple(sorted(sides)),
        largest=largest,
    )


def field_at(arch: Architecture, lower: str, upper: str, position: Size, image: Size) -> Box:
    """What one position of `upper` sees of `lower`, for images of a size; it may reach past the map.

    Args:
        arch: the network.
        lower: a layer, or `"input"`.
        upper: a layer.
        position: row and column in the map of `upper`.
        image: height and width in pixels.

    Raises:
        ValueError: there is no way.

    >>> from inception_jax import INCEPTION5H
    >>> field_at(INCEPTION5H, "input", "conv2d0", (0, 1), (224, 224))
    ((-2, 5), (0, 7))
    """
    row, column = position
    sizes = map_sizes(graph(arch).nodes, image, arch.padding)
    return route(arch, lower, upper, sizes=sizes, box=((row, row + 1), (column, column + 1))).field


def position_in(position: tuple[int, int] | None, size: Size, layer: str, what: str = "position") -> Size:
    """A position in a map, by default the middle one, of two the earlier.

    Args:
        position: row and column.
        size: of the map.
        layer: whose map it is, for messages.
        what: the argument's name, for messages.

    Raises:
        ValueError: a position outside the map.

    >>> position_in(None, (14, 7), "mixed4a")
    (6, 3)
    """
    height, width = size
    if position is None:
        return (height - 1) // 2, (width - 1) // 2
    place = tuple(map(operator.index, position))
    if len(place) == 2 and 0 <= place[0] < height and 0 <= place[1] < width:
        return place
    raise ValueError(
        f"{what} is {position}; {layer!r} has a map of {height}x{width}: "
        f"expected a row, 0 to {height - 1}, and a column, 0 to {width - 1}"
    )


def waist(network: Graph, lower: str, uppers: Iterable[str], through: Iterable[str] = ()) -> str:
    """The last activation that all ways from `lower` to all of `uppers` pass; `lower` itself if there is no other.

    >>> from inception_jax import INCEPTION5H
    >>> branches = ["mixed4a_1x1", "mixed4a_5x5"]
    >>> waist(graph(INCEPTION5H), "conv2d0", branches), waist(graph(INCEPTION5H), "maxpool4", branches)
    ('maxpool4', 'maxpool4')
    """
    gates = tuple(through)
    ways = [way for upper in uppers if (way := between(network, lower, upper, gates)) is not None]
    for name in reversed(ways[0]):
        if all(between(network, lower, way[-1], (*gates, name)) == way for way in ways if way):
            return name
    return lower


def side(box: Box) -> Size:
    """Height and width of a box, in positions.

    >>> side(((-2, 3), (0, 2)))
    (5, 2)
    """
    (top, bottom), (left, right) = box
    return bottom - top, right - left


def centred(box: Box, size: Size) -> Box:
    """The middle of a box; of two middles the earlier one, as in the articles.

    >>> centred(((-4, 5), (0, 28)), (5, 4))
    ((-2, 3), (12, 16))
    """
    first = [start + (stop - start - 1) // 2 - (n - 1) // 2 for (start, stop), n in zip(box, size, strict=True)]
    return (first[0], first[0] + size[0]), (first[1], first[1] + size[1])


def union(*boxes: Box) -> Box:
    """The smallest box around boxes.

    >>> union(((0, 1), (0, 1)), ((-2, 3), (0, 2)))
    ((-2, 3), (0, 2))
    """
    rows, columns = zip(*boxes, strict=True)
    return (min(a for a, _ in rows), max(b for _, b in rows)), (min(a for a, _ in columns), max(b for _, b in columns))


def overlap(wanted: Box, window: Box) -> tuple[Box, Padding]:
    """What to cut from a window, and how to pad it with zeros, to get what is wanted, which may lie outside.

    >>> overlap(((-1, 2), (0, 3)), ((0, 8), (1, 8)))
    (((0, 2), (0, 2)), ((1, 0), (1, 0)))
    """
    cuts, pads = [], []
    for (first, stop), (start, end) in zip(wanted, window, strict=True):
        low, high = min(max(first, start), stop), max(min(stop, end), first)
        low, high = (low, high) if low < high else (first, first)
        cuts.append((low - start, high - start) if low < high else (0, 0))
        pads.append((low - first, stop - high))
    return (cuts[0], cuts[1]), (pads[0], pads[1])


def sees_whole_maps(arch: Architecture, names: Iterable[str]) -> bool:
    """Whether one of the activations reads a whole map, so that it matters how large the map is.

    >>> from inception_jax import INCEPTION5H, MINI
    >>> sees_whole_maps(INCEPTION5H, ["avgpool0"]), sees_whole_maps(MINI, ["avgpool0"])
    (False, True)
    """
    ops = [graph(arch)[name].op for name in names]
    return any((isinstance(op, Dense) and op.grid) or (isinstance(op, AvgPool) and op.size is None) for op in ops)


def _starts(network: Graph, lower: str) -> tuple[str, ...]:
    return (network.parts(lower) if lower != INPUT else ()) or (lower,)


def _before(network: Graph, name: str) -> set[str]:
    found = {name}
    for node in reversed(network.nodes):
        if node.name in found:
            found |= set(node.inputs)
    return found


def _read(op: Op, box: Box, size: Size | None, rule: str) -> Box:
    """What an operation reads of an input of `size` to compute `box`, paddings included."""
    match op:
        case Dense(grid=(height, width)):
            return (0, height), (0, width)
        case AvgPool(size=None):
            height, width = size or (0, 0)
            return (0, height) if "y" in op.axes else box[0], (0, width) if "x" in op.axes else box[1]
        case Conv():
            pads = size and conv_padding((1, *size, 1), op.kernel, op.stride, rule)
            kernel, stride = op.kernel, op.stride
        case MaxPool() | L2Pool():
            pads = size and pool_padding((1, *size, 1), op, rule)
            kernel, stride = op.size, op.stride
        case AvgPool(size=int(kernel)):
            pads, stride = size and ((0, 0), (0, 0)), op.stride
        case _:
            return box
    # Without borders a kernel lies around its middle, wherever the padding of a map would put it.
    lows = [(kernel - 1) // 2] * 2 if pads is None else [low for low, _ in pads]
    (top, bottom), (left, right) = box
    rows = top * stride - lows[0], (bottom - 1) * stride - lows[0] + kernel
    return rows, (left * stride - lows[1], (right - 1) * stride - lows[1] + kernel)


def _inside(box: Box, size: Size | None) -> Box:
    if size is None:
        return box
    (top, bottom), (left, right) = box
    return (max(top, 0), min(bottom, size[0])), (max(left, 0), min(right, size[1]))


def _shifted(box: Box, origin: Box) -> Box:
    (top, bottom), (left, right) = box
    return (top - origin[0][0], bottom - origin[0][0]), (left - origin[1][0], right - origin[1][0])
