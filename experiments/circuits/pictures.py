"""Pictures of units beside their weights: icons, tiles in the articles' colours, labels."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from featvis.pixels import opaque, picture

Icon = Float[np.ndarray, "_ _ _"]

_CELL, _GAP, _TEXT, _LINE = 104, 10, 13, 17
_PAPER, _INK, _SOFT = (255, 255, 255), (31, 35, 40), (107, 112, 118)


def signed(value: float) -> str:
    """A number for a label, with its sign.

    >>> signed(0.123), signed(-12.3), signed(1234.5)
    ('+0.12', '-12', '+1,234')
    """
    return f"{value:+.2g}" if abs(value) < 99.5 else f"{value:+,.0f}"


def icon(image: Icon, side: int = _CELL) -> Image.Image:
    """An icon at another size, smoothly.

    >>> icon(np.zeros((15, 15, 3)), 104).size
    (104, 104)
    """
    return opaque(picture(image), "white").resize((side, side), Image.Resampling.BICUBIC)


def tile(colours: Float[np.ndarray, "row column 3"], side: int = _CELL) -> Image.Image:
    """A tile of weights at another size, in squares as even as they can be.

    >>> tile(np.zeros((5, 5, 3)), 104).size
    (104, 104)
    """
    return picture(colours).resize((side, side), Image.Resampling.NEAREST)


def beside(
    unit: Image.Image,
    label: str,
    rows: Sequence[Sequence[Image.Image]],
    labels: Sequence[str],
    notes: Sequence[str] = (),
    *,
    outward: bool = False,
    most: int = 8,
) -> Image.Image:
    """A unit, large, and beside it what it is connected to: a column for each neighbour, labels below.

    Args:
        unit: its icon.
        label: its name.
        rows: what is shown of all neighbours, the first on top, such as icons and below them tiles.
        labels: a name for each neighbour.
        notes: a second line for each.
        outward: the arrow leads from the unit to the neighbours.
        most: columns, after which another line of them begins.

    >>> dot = Image.new("RGB", (104, 104))
    >>> beside(dot, "mixed3b:0", [[dot] * 3, [dot] * 3], ["a", "b", "c"]).size
    (614, 263)
    """
    count, first = len(labels), rows[0][0]
    columns = min(count, most)
    lines = -(-count // columns)
    step = first.width + _GAP
    high = len(rows) * (first.height + 4) + _LINE * (2 if notes else 1) + _GAP
    large = max(unit.width, min(2 * _CELL + 4, lines * high - _LINE - _GAP))
    left = _GAP + large + 5 * _GAP
    size = left + columns * step, max(lines * high, large + _LINE) + 2 * _GAP
    paper = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(paper)
    top = _GAP
    paper.paste(unit.resize((large, large), Image.Resampling.BICUBIC), (_GAP, top))
    _text(draw, (_GAP + large / 2, top + large + 3), label, large)
    _arrow(draw, _GAP + large + _GAP, left - _GAP, top + large / 2, outward)
    for i in range(count):
        x, y = left + i % columns * step, top + i // columns * high
        for row in rows:
            paper.paste(row[i], (x, y))
            y += first.height + 4
        _text(draw, (x + first.width / 2, y), labels[i], step)
        if notes:
            _text(draw, (x + first.width / 2, y + _LINE), notes[i], step, _SOFT)
    return paper


def columns(rows: Sequence[Sequence[Image.Image]], labels: Sequence[str], heads: Sequence[str] = ()) -> Image.Image:
    """Rows of pictures of one size, with a label below each column and a head before each row.

    >>> dot = Image.new("RGB", (104, 104))
    >>> columns([[dot] * 3, [dot] * 3], ["a", "b", "c"]).size
    (352, 253)
    """
    side, step = rows[0][0].width, rows[0][0].width + _GAP
    left = _GAP + (_CELL + _GAP if heads else 0)
    size = left + len(labels) * step, len(rows) * step + _LINE + _GAP - 2
    paper = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(paper)
    for j, row in enumerate(rows):
        for i, shown in enumerate(row):
            paper.paste(shown, (left + i * step, _GAP + j * step))
        if heads:
            _text(draw, (_GAP + _CELL / 2, _GAP + j * step + side / 2 - _LINE / 2), heads[j], _CELL)
    for i, label in enumerate(labels):
        _text(draw, (left + i * step + side / 2, len(rows) * step + 4), label, step)
    return paper


def matrix(
    left: Sequence[Image.Image],
    top: Sequence[Image.Image],
    tiles: Sequence[Sequence[Image.Image]],
    labels: tuple[Sequence[str], Sequence[str]],
) -> Image.Image:
    """Weights between two lists of units: a tile where a row and a column meet, icons and labels at both ends.

    Args:
        left: icons of the upper units, a row each.
        top: icons of the lower units, a column each.
        tiles: of each row, one for each column; all pictures are squares of one size.
        labels: of the rows, and of the columns.

    >>> dot = Image.new("RGB", (40, 40))
    >>> matrix([dot] * 2, [dot] * 3, [[dot] * 3] * 2, (["a", "b"], ["c", "d", "e"])).size
    (262, 159)
    """
    side = top[0].width
    step, edge = side + 4, 78
    origin = edge + side + 12, side + 12 + _LINE
    paper = Image.new("RGB", (origin[0] + len(top) * step, origin[1] + len(left) * step + 2), _PAPER)
    draw = ImageDraw.Draw(paper)
    for j, (shown, label) in enumerate(zip(top, labels[1], strict=True)):
        x = origin[0] + j * step
        paper.paste(shown, (x, _LINE + 2))
        _text(draw, (x + side / 2, 1), label, step)
    for i, (shown, label) in enumerate(zip(left, labels[0], strict=True)):
        y = origin[1] + i * step
        paper.paste(shown, (edge, y))
        _text(draw, (edge / 2, y + side / 2 - _LINE / 2), label, edge - 4)
        for j, tile in enumerate(tiles[i]):
            paper.paste(tile, (origin[0] + j * step, y))
    return paper


def field(
    icons: Float[np.ndarray, "rows columns side side 3"], strength: Float[np.ndarray, "rows columns"], cell: int = 72
) -> Image.Image:
    """Icons in their places, each as opaque as it is strong.

    Args:
        icons: one for each position.
        strength: from 0, not seen, to 1.
        cell: side of each in pixels.

    >>> field(np.zeros((2, 3, 8, 8, 3)), np.ones((2, 3)), cell=10).size
    (34, 22)
    """
    height, width = strength.shape
    paper = Image.new("RGB", (width * (cell + 2) - 2, height * (cell + 2) - 2), _PAPER)
    for row, column in np.ndindex(height, width):
        faded = 1 - (1 - icons[row, column]) * strength[row, column]
        paper.paste(icon(faded, cell), (column * (cell + 2), row * (cell + 2)))
    return paper


def across(panels: Sequence[Image.Image], labels: Sequence[str], gap: int = 28) -> Image.Image:
    """Pictures of any sizes side by side, in the middle of the line, a label below each.

    >>> across([Image.new("RGB", (100, 60)), Image.new("RGB", (40, 40))], ["a", "b"]).size
    (188, 97)
    """
    height = max(panel.height for panel in panels)
    width = sum(panel.width for panel in panels) + gap * (len(panels) - 1)
    paper = Image.new("RGB", (width + 2 * _GAP, height + _LINE + 2 * _GAP), _PAPER)
    draw, x = ImageDraw.Draw(paper), _GAP
    for panel, label in zip(panels, labels, strict=True):
        paper.paste(panel, (x, _GAP + (height - panel.height) // 2))
        _text(draw, (x + panel.width / 2, _GAP + (height + panel.height) // 2 + 4), label, panel.width + gap)
        x += panel.width + gap
    return paper


def _text(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, width: float, ink: tuple = _INK) -> None:
    size = _TEXT
    while size > 8 and ImageFont.load_default(size).getlength(text) > width:
        size -= 1
    draw.text(place, text, fill=ink, font=ImageFont.load_default(size), anchor="ma")


def _arrow(draw: ImageDraw.ImageDraw, left: float, right: float, y: float, outward: bool) -> None:
    draw.line([(left, y), (right, y)], fill=_SOFT, width=2)
    tip, back = (right, right - 8) if outward else (left, left + 8)
    draw.polygon([(tip, y), (back, y - 5), (back, y + 5)], fill=_SOFT)
