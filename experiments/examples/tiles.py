"""Pictures of examples: the part of a photograph that a position sees, and where it lies."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from circuits.examples import Fields

SIDE = 112
"""Pixels of an example on a page."""
SMALL = 40
"""Pixels of an example among those of all units."""

_LEAST = 40
"""Pixels of a photograph, at least, that are shown around a position that sees less."""
_ACCENT, _DARK, _PAPER = (255, 120, 60), (20, 20, 20), (251, 250, 247)


class Example(NamedTuple):
    """A photograph, and row and column of a position in a layer's map."""

    image: int
    row: int
    column: int


Pixels = UInt8[np.ndarray, "h w 3"]


def crop(pixels: Pixels, fields: Fields, row: int, column: int) -> UInt8[np.ndarray, "rows columns 3"]:
    """What a position sees, its receptive field: what lies outside the photograph is grey.

    >>> crop(np.zeros((8, 8, 3), np.uint8), Fields(((-1, 2), (-1, 2)), (2, 2)), 0, 1)[..., 0].tolist()
    [[128, 128, 128], [0, 0, 0], [0, 0, 0]]
    """
    (top, bottom), (left, right) = fields.box(row, column)
    found = np.full((bottom - top, right - left, 3), 128, np.uint8)
    inside = pixels[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    down, across = max(-top, 0), max(-left, 0)
    found[down : down + inside.shape[0], across : across + inside.shape[1]] = inside
    return found


def small(pixels: Pixels, fields: Fields, example: Example) -> Image.Image:
    """A receptive field, or the whole photograph where it sees that much, `SMALL` pixels wide."""
    found = pixels if _sees_most(pixels, fields) else crop(pixels, fields, example.row, example.column)
    return Image.fromarray(found).resize((SMALL, SMALL), Image.Resampling.BICUBIC)


def located(pixels: Pixels, fields: Fields, example: Example) -> Image.Image:
    """A part of a photograph, `SIDE` pixels wide, with a frame around what the position sees.

    Where it sees most of the photograph there is the whole of it, with a ring around the middle of the field.
    """
    (top, bottom), (left, right) = fields.box(example.row, example.column)
    height, width = pixels.shape[:2]
    shown = min(height, width, max(2 * max(bottom - top, right - left), _LEAST))
    first = [
        min(max(round((a + b - shown) / 2), 0), side - shown)
        for (a, b), side in (((top, bottom), height), ((left, right), width))
    ]
    part = pixels[first[0] : first[0] + shown, first[1] : first[1] + shown]
    tile = Image.fromarray(part).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    draw, scale = ImageDraw.Draw(tile), SIDE / shown

    def place(row: float, column: float) -> tuple[float, float]:
        return (column - first[1]) * scale, (row - first[0]) * scale

    if _sees_most(pixels, fields):
        x, y = place(min(max((top + bottom) / 2, 0), height), min(max((left + right) / 2, 0), width))
        for radius, colour, line in ((9, _DARK, 4), (8, _ACCENT, 2)):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=line)
    else:
        (x0, y0), (x1, y1) = place(top, left), place(bottom, right)
        draw.rectangle((x0 - 1, y0 - 1, x1, y1), outline=_DARK, width=3)
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=_ACCENT, width=1)
    return tile


def fill(
    wanted: Iterable[tuple[Image.Image, tuple[int, int], Fields, Example]],
    photographs: Callable[[Iterable[int]], Iterable[tuple[int, Pixels]]],
    draw: Callable[[Pixels, Fields, Example], Image.Image],
) -> None:
    """Paste examples into pictures. Each photograph is read once, however many examples it is.

    Args:
        wanted: a picture, the place in it, the layer's fields, and the example that belongs there.
        photographs: gives photographs by number.
        draw: makes a tile of a photograph.
    """
    by_image: dict[int, list[tuple[Image.Image, tuple[int, int], Fields, Example]]] = {}
    for one in wanted:
        by_image.setdefault(one[3].image, []).append(one)
    for number, pixels in photographs(by_image):
        for picture, place, fields, example in by_image[number]:
            picture.paste(draw(pixels, fields, example), place)


def blank(columns: int, rows: int, side: int, gap: int) -> Image.Image:
    """Paper for tiles."""
    return Image.new("RGB", (columns * (side + gap) - gap, rows * (side + gap) - gap), _PAPER)


def histogram(
    ends: Float[np.ndarray, " edges"], density: Float[np.ndarray, " bins"], marks: Mapping[str, float]
) -> Image.Image:
    """A histogram with a logarithmic scale, of which the part above zero is coloured.

    Args:
        ends: of the bins.
        density: share of all activations in each bin, over its width.
        marks: values to point out, by name.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.2), dpi=100, layout="constrained", facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    there = density > 0
    # The narrow bins beside zero would be needles: they join the first ones that can be seen.
    for sign, colour in ((-1, "#8a9099"), (1, "#c2512f")):
        side = (ends[:-1] >= 0) if sign > 0 else (ends[1:] <= 0)
        edges, heights = _joined(ends, density, side & (there | True), (ends[-1] - ends[0]) / 200)
        if len(heights):
            least = density[there].min() / 3
            axes.stairs(np.maximum(heights, least), edges, baseline=least, fill=True, color=colour, alpha=0.85)
    axes.set_yscale("log")
    axes.set_xlim(ends[0], ends[-1])
    axes.tick_params(axis="y", which="both", left=False, labelleft=False)
    axes.set_xlabel("activation")
    for name, value in marks.items():
        axes.axvline(value, color="#1f2328", lw=0.8, ls=":")
        axes.annotate(name, (value, 1), xycoords=("data", "axes fraction"), fontsize=8, ha="center", va="bottom")
    for spine in ("top", "left", "right"):
        axes.spines[spine].set_visible(False)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _joined(ends: np.ndarray, density: np.ndarray, chosen: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Bins of at least a width: narrower ones become one, whose density is their mean."""
    places = np.flatnonzero(chosen)
    if not len(places):
        return np.zeros(0), np.zeros(0)
    edges, masses, mass = [ends[places[0]]], [], 0.0
    for i in places:
        mass += density[i] * (ends[i + 1] - ends[i])
        if ends[i + 1] - edges[-1] >= least or i == places[-1]:
            edges.append(ends[i + 1])
            masses.append(mass)
            mass = 0.0
    return np.asarray(edges), np.asarray(masses) / np.diff(edges)


def _sees_most(pixels: Pixels, fields: Fields) -> bool:
    (top, bottom), (left, right) = fields.first
    return max(bottom - top, right - left) >= 0.75 * min(pixels.shape[:2])
