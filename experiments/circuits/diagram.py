"""A circuit as a picture: icons layer by layer, the unit at the top, and the weights on the lines between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

import circuits
from circuits import Circuit, Edge
from experiments.circuits.pictures import Icon, icon, tile

RED, BLUE = (202, 0, 32), (5, 113, 176)
"""The colours of full positive and negative weights in the articles."""

_TOP, _NODE, _TILE, _GAP = 160, 104, 44, 14
_LINE, _LANE, _MARGIN = 20, 170, 16
_WIDEST = 10.0
_FINE = 2
"""The picture is drawn this much larger, and reduced, for smooth lines."""


@dataclass(frozen=True)
class Place:
    """Where something is drawn: the middle of its upper edge, and its side, in pixels."""

    x: float
    y: float
    side: float


def draw(circuit: Circuit, icons: Mapping[str, Icon]) -> Image.Image:
    """The circuit, its units as icons, its edges as lines through tiles of their weights.

    Lines are red where a unit excites more than it inhibits, blue where it inhibits more, and as wide as the edge
    contributes. Tiles between two layers have one scale.

    Args:
        circuit: as `circuits.circuit` finds it.
        icons: an icon for each unit, by its label.

    >>> edge = Edge("a:1", "b:2", np.ones((3, 3)), 1.0, 1.0)
    >>> pair = Circuit((circuits.Unit("b", 2, 1.0), circuits.Unit("a", 1, 1.0)), (edge,))
    >>> draw(pair, dict.fromkeys(["a:1", "b:2"], np.zeros((8, 8, 3)))).size
    (192, 506)
    """
    layers = ordered(circuit)
    lanes = [_between(circuit, above, below) for above, below in pairwise(layers)]
    wide = max(*(len(layer) * (_NODE + _GAP) for layer in layers), *(len(lane) * (_TILE + 6) for lane in lanes), _TOP)
    nodes: dict[str, Place] = {}
    y = float(_MARGIN)
    for i, layer in enumerate(layers):
        side = _NODE if i else _TOP
        step = min((wide - side) / max(len(layer) - 1, 1), 2.2 * side)
        left = _MARGIN + wide / 2 - step * (len(layer) - 1) / 2
        nodes |= {label: Place(left + step * j, y, side) for j, label in enumerate(layer)}
        y += side + _LINE + _LANE
    high = y - _LANE + _MARGIN
    paper = Image.new("RGB", (round((wide + 2 * _MARGIN) * _FINE), round(high * _FINE)), "white")
    pen = ImageDraw.Draw(paper)
    tiles = [(edge, place) for lane in lanes for edge, place in _lane(lane, nodes, wide)]
    largest = max(edge.contribution for edge in circuit.edges)
    # The widest lines first, so that none is hidden.
    for edge, place in sorted(tiles, key=lambda pair: -pair[0].contribution):
        width = max(1.2, _WIDEST * (edge.contribution / largest) ** 0.5)
        source, target = nodes[edge.source], nodes[edge.target]
        colour = RED if edge.net >= 0 else BLUE
        _curve(pen, (source.x, source.y), (place.x, place.y + place.side), width, colour)
        _curve(pen, (place.x, place.y), (target.x, target.y + target.side + _LINE + 3), width, colour)
    for lane in lanes:
        full = max((float(np.abs(edge.weights).max()) for edge in lane), default=0.0) or 1.0
        for edge, place in tiles:
            if any(edge is one for one in lane):
                _paste(paper, tile(circuits.weights_to_rgb(edge.weights, full), _TILE * _FINE), place)
                _frame(pen, place, RED if edge.net >= 0 else BLUE)
    for label, place in nodes.items():
        _paste(paper, icon(icons[label], round(place.side * _FINE)), place)
        font = ImageFont.load_default(12 * _FINE)
        pen.text(
            (place.x * _FINE, (place.y + place.side + 2) * _FINE), label, fill=(31, 35, 40), font=font, anchor="ma"
        )
    return paper.resize((paper.width // _FINE, paper.height // _FINE), Image.Resampling.LANCZOS)


def ordered(circuit: Circuit) -> list[list[str]]:
    """Labels of the units of each layer from left to right, the top first: below what they lead to.

    >>> edges = (Edge("a:1", "c:0", np.ones((1, 1)), 0.6, 0.6), Edge("a:2", "c:0", np.ones((1, 1)), 0.4, 0.4))
    >>> units = (circuits.Unit("c", 0, 1.0), circuits.Unit("a", 1, 0.6), circuits.Unit("a", 2, 0.4))
    >>> ordered(Circuit(units, edges))
    [['c:0'], ['a:1', 'a:2']]
    """
    layers = [
        [unit.label for unit in circuit.layer(name)] for name in dict.fromkeys(unit.layer for unit in circuit.units)
    ]
    for above, below in pairwise(layers):
        place = {label: i / max(len(above) - 1, 1) for i, label in enumerate(above)}
        pulls = {
            label: [(place[e.target], e.contribution) for e in circuit.edges if e.source == label] for label in below
        }
        below.sort(key=lambda label: _middle(pulls[label]))
    return layers


def _middle(pulls: Sequence[tuple[float, float]]) -> float:
    return sum(at * weight for at, weight in pulls) / sum(weight for _, weight in pulls)


def _between(circuit: Circuit, above: Sequence[str], below: Sequence[str]) -> list[Edge]:
    return [edge for edge in circuit.edges if edge.target in above and edge.source in below]


def _lane(lane: Sequence[Edge], nodes: Mapping[str, Place], wide: float) -> list[tuple[Edge, Place]]:
    """Places for the tiles of the edges between two layers: near their lines, none over another."""
    middle = {id(edge): (2 * nodes[edge.source].x + nodes[edge.target].x) / 3 for edge in lane}
    line = sorted(lane, key=lambda edge: (middle[id(edge)], nodes[edge.source].x))
    wanted = np.array([middle[id(edge)] for edge in line])
    at = _spread(wanted, _TILE + 6, _MARGIN + _TILE / 2, _MARGIN + wide - _TILE / 2)
    y = nodes[line[0].source].y - 0.42 * _LANE - _TILE / 2 if line else 0.0
    return [(edge, Place(x, y, _TILE)) for edge, x in zip(line, at.tolist(), strict=True)]


def _spread(wanted: Float[np.ndarray, " n"], step: float, first: float, last: float) -> Float[np.ndarray, " n"]:
    """Places in the order of those wanted, near them, at least `step` apart, from `first` to `last`."""
    steps = step * np.arange(len(wanted))
    # Halfway between giving way to the right only and to the left only.
    right = np.maximum.accumulate(wanted - steps)
    left = np.minimum.accumulate((wanted - steps)[::-1])[::-1]
    return np.clip((right + left) / 2, first, last - step * (len(wanted) - 1)) + steps


def _curve(
    pen: ImageDraw.ImageDraw, low: tuple[float, float], high: tuple[float, float], width: float, colour: tuple
) -> None:
    """A line that leaves upwards and arrives from below."""
    t = np.linspace(0, 1, 2 + int(2 * _FINE * np.hypot(high[0] - low[0], high[1] - low[1])))[:, None]
    bend = (low[1] - high[1]) * 0.5
    points: Float[np.ndarray, "4 2"] = np.array(
        [low, (low[0], low[1] - bend), (high[0], high[1] + bend), high], np.float64
    )
    basis = np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], 1)
    # Discs close to each other, since Pillow's joints of wide lines have notches.
    half = width * _FINE / 2
    for x, y in basis @ points * _FINE:
        pen.ellipse((x - half, y - half, x + half, y + half), fill=colour)


def _paste(paper: Image.Image, shown: Image.Image, place: Place) -> None:
    paper.paste(shown, (round((place.x - place.side / 2) * _FINE), round(place.y * _FINE)))


def _frame(pen: ImageDraw.ImageDraw, place: Place, colour: tuple) -> None:
    left, top = (place.x - place.side / 2) * _FINE, place.y * _FINE
    pen.rectangle(
        (left - 2, top - 2, left + place.side * _FINE + 1, top + place.side * _FINE + 1), outline=colour, width=2
    )
