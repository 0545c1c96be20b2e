"""Many images in one picture: contact sheets for people, sprite sheets for pages."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Array, Float
from PIL import Image, ImageDraw, ImageFont

from featvis.pixels import Background, grouped, opaque, picture, whole

_GAP, _CLOSE, _TEXT = 8, 2, 13
_INK, _PAPER = (60, 60, 60), (255, 255, 255)


def sheet(
    images: Float[Array | np.ndarray, "n ..."],
    labels: Sequence[str] | None = None,
    columns: int | None = None,
    *,
    zoom: int = 1,
    background: Background = "checkerboard",
) -> Image.Image:
    """All images on one sheet of paper, each with its label below.

    Args:
        images: `[n, height, width, channels]` in [0, 1], or `[n, images, height, width, channels]` where results have
            several images each, which then stand close together in a row; see `featvis.pixels.picture` for channels.
        labels: one for each result; shortened with an ellipsis where wider than it.
        columns: results in a row; by default as many as make the sheet about as wide as high.
        zoom: pixels of the sheet for each of the images', 1 or more.
        background: `"checkerboard"` or `"white"`, seen through transparent images.

    Raises:
        ValueError: an argument out of range, or not as many labels as results.

    >>> sheet(np.zeros((6, 64, 64, 3)), ["mixed4a:0"] * 6).size
    (224, 194)
    """
    results = grouped(images, labels=labels)
    columns = None if columns is None else whole("columns", columns)
    height, width = (side * whole("zoom", zoom) for side in results.shape[2:4])
    across = results.shape[1] * (width + _CLOSE) - _CLOSE
    down = height + (0 if labels is None else _TEXT + _GAP)
    # Twice the room around rows of images, so that one ends where it ends.
    gap = _GAP if results.shape[1] == 1 else 2 * _GAP
    columns = columns or max(1, round(math.sqrt(len(results) * down / across)))
    rows = math.ceil(len(results) / columns)
    paper = Image.new("RGB", (columns * (across + gap) + gap, rows * (down + gap) + gap), _PAPER)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(_TEXT)
    for i, result in enumerate(results):
        x, y = gap + i % columns * (across + gap), gap + i // columns * (down + gap)
        for j, image in enumerate(result):
            shown = opaque(picture(image), background).resize((width, height), Image.Resampling.NEAREST)
            paper.paste(shown, (x + j * (width + _CLOSE), y))
        if labels is not None:
            place = x + across / 2, y + height + 2
            draw.text(place, _fit(labels[i], font, across), fill=_INK, font=font, anchor="ma")
    return paper


def sprite_sheet(
    images: Float[Array | np.ndarray, "n h w c"],
    tile: int = 110,
    columns: int | None = None,
    labels: Sequence[str] | None = None,
) -> tuple[Image.Image, dict[str, Any]]:
    """All images edge to edge in one picture, for pages that show a part of it wherever they show an image.

    Args:
        images: in [0, 1], square; opacity is kept.
        tile: side of a sprite in pixels, to which images are scaled; that of Lucid's sprites is 110.
        columns: sprites in a row, by default the root of their number, rounded down: 16 for the 256 of mixed3a.
        labels: one for each image; by default their numbers.

    Returns:
        The picture, and what a page must know of it, in JSON's types: `tile`, `columns`, `rows`, and `sprites`, a list
        of `label`, `x` and `y` (pixels from the left and the top).

    Raises:
        ValueError: images that are not square, another number of labels, or an argument out of range.

    Source: the sprite maps of Lucid's notebooks (`sprite_mixed4a_channel_alpha.jpeg`), with their size and layout.

    >>> picture, places = sprite_sheet(np.zeros((5, 32, 32, 3)), labels=list("abcde"))
    >>> picture.size, places["sprites"][3]
    ((220, 330), {'label': 'd', 'x': 110, 'y': 110})
    """
    if np.ndim(images) != 4 or np.shape(images)[1] != np.shape(images)[2]:
        raise ValueError(
            f"sprites are square; images have shape {np.shape(images)}, expected (n, side, side, channels)"
        )
    sprites = [picture(image) for (image,) in grouped(images, labels=labels)]
    tile = whole("tile", tile)
    columns = math.isqrt(len(sprites)) if columns is None else whole("columns", columns)
    rows = math.ceil(len(sprites) / columns)
    mode, paper = ("RGBA", (0, 0, 0, 0)) if sprites[0].mode == "RGBA" else ("RGB", _PAPER)
    joined = Image.new(mode, (columns * tile, rows * tile), paper)
    names = range(len(sprites)) if labels is None else labels
    places = [{"label": str(n), "x": i % columns * tile, "y": i // columns * tile} for i, n in enumerate(names)]
    for sprite, place in zip(sprites, places, strict=True):
        scaled = sprite if sprite.size == (tile, tile) else sprite.resize((tile, tile), Image.Resampling.LANCZOS)
        joined.paste(scaled, (place["x"], place["y"]))
    return joined, {"tile": tile, "columns": columns, "rows": rows, "sprites": places}


def _fit(label: str, font: Any, width: int) -> str:
    label = " ".join(label.split())
    while len(label) > 1 and font.getlength(label) > width:
        label = label.removesuffix("…")[:-1] + "…"
    return label
