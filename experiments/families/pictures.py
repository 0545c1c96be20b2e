"""Pictures of families: tuning curves, compasses, rows of pictures, null distributions."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

_PAPER, _INK, _SOFT, _STRONG = (255, 255, 255), (31, 35, 40), (205, 209, 214), (207, 64, 50)
_FINE = 3
"""Times larger than it is shown is a plot drawn, so that its lines are smooth."""
_TEXT = 13


def polar(tuning: Float[np.ndarray, " angles"], angle: float, period: float, side: int) -> Image.Image:
    """A tuning curve around the circle, and an arrow to the unit's orientation; clockwise from the right.

    Args:
        tuning: responses at angles that are evenly spread over the period.
        angle: the orientation in degrees; NaN for none.
        period: 360, or 180 for what is drawn twice, with an arrow to both sides.
        side: of the picture in pixels.

    >>> polar(np.ones(24), 90.0, 360.0, 96).size
    (96, 96)
    """
    whole = np.tile(tuning, round(360 / period))
    paper, draw, middle, reach = _plot(side)
    for share in (0.5, 1.0):
        draw.ellipse(_about(middle, share * reach), outline=_SOFT, width=_FINE)
    if len(whole) and whole.max() > 0:
        turns = np.deg2rad(np.arange(len(whole)) * 360 / len(whole))
        lengths = reach * whole / whole.max()
        points = [(middle + r * np.cos(t), middle + r * np.sin(t)) for r, t in zip(lengths, turns, strict=True)]
        draw.line([*points, points[0]], fill=_INK, width=2 * _FINE, joint="curve")
    if np.isfinite(angle):
        for turn in np.deg2rad(angle + np.arange(0.0, 360.0, period)):
            _arrow(draw, middle, reach, turn)
    return paper.resize((side, side), Image.Resampling.LANCZOS)


def compass(angles: Sequence[float], period: float, side: int) -> Image.Image:
    """All orientations of a family, an arrow for each.

    >>> compass([0.0, 90.0], 360.0, 160).size
    (160, 160)
    """
    paper, draw, middle, reach = _plot(side)
    draw.ellipse(_about(middle, reach), outline=_SOFT, width=_FINE)
    for angle in angles:
        for turn in np.deg2rad(angle + np.arange(0.0, 360.0, period)):
            _arrow(draw, middle, reach, turn)
    return paper.resize((side, side), Image.Resampling.LANCZOS)


def histogram(
    null: Float[np.ndarray, " permutations"], score: float, size: tuple[int, int] = (520, 200)
) -> Image.Image:
    """A null distribution, and the score beside it, in red.

    >>> histogram(np.linspace(-0.2, 0.2, 50), 0.4).size
    (520, 200)
    """
    width, height = size
    low, high = min(null.min(), score, 0.0), max(null.max(), score)
    low, high = low - 0.05 * (high - low), high + 0.05 * (high - low) or 1.0
    counts, ends = np.histogram(null, 60, (low, high))
    paper = Image.new("RGB", size, _PAPER)
    draw, floor = ImageDraw.Draw(paper), height - 24

    def across(value: float) -> float:
        return 10 + (value - low) / (high - low) * (width - 20)

    for count, left, right in zip(counts, ends, ends[1:], strict=False):
        if count:
            draw.rectangle((across(left), floor - (floor - 30) * count / counts.max(), across(right) - 1, floor), _SOFT)
    draw.line((10, floor, width - 10, floor), _INK)
    draw.line((across(score), 24, across(score), floor), _STRONG, 3)
    font = ImageFont.load_default(_TEXT)
    draw.text((across(score), 6), f"{score:.2f}", _STRONG, font, anchor="ma")
    for value in (float(np.median(null)), float(null.max())):
        draw.text((across(value), floor + 5), f"{value:.2f}", _INK, font, anchor="ma")
    return paper


def lines(
    rows: Sequence[tuple[str, Sequence[Image.Image]]], side: int, heads: Sequence[tuple[int, str]] = ()
) -> Image.Image:
    """Rows of pictures, a text before each.

    Args:
        rows: the text, whose lines end in `\\n`, and the pictures, `side` pixels square.
        side: of all pictures.
        heads: a word over some columns, counted from 0.

    >>> dot = Image.new("RGB", (40, 40))
    >>> lines([("a", [dot, dot]), ("b", [dot])], 40).size
    (236, 92)
    """
    step, left, top = side + 4, 148, 20 if heads else 4
    columns = max(len(pictures) for _, pictures in rows)
    paper = Image.new("RGB", (left + columns * step, top + len(rows) * step), _PAPER)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(_TEXT)
    for column, head in heads:
        draw.text((left + column * step, 2), head, _INK, font)
    for i, (text, pictures) in enumerate(rows):
        draw.multiline_text((4, top + i * step + 2), text, _INK, font, spacing=3)
        for j, picture in enumerate(pictures):
            paper.paste(picture, (left + j * step, top + i * step))
    return paper


def _plot(side: int) -> tuple[Image.Image, ImageDraw.ImageDraw, float, float]:
    paper = Image.new("RGB", (side * _FINE, side * _FINE), _PAPER)
    return paper, ImageDraw.Draw(paper), side * _FINE / 2, 0.46 * side * _FINE


def _about(middle: float, reach: float) -> tuple[float, float, float, float]:
    return middle - reach, middle - reach, middle + reach, middle + reach


def _arrow(draw: ImageDraw.ImageDraw, middle: float, reach: float, turn: float) -> None:
    def at(share: float, aside: float = 0.0) -> tuple[float, float]:
        return middle + share * reach * np.cos(turn + aside), middle + share * reach * np.sin(turn + aside)

    draw.line([(middle, middle), at(0.9)], fill=_STRONG, width=2 * _FINE)
    draw.polygon([at(1.0), at(0.82, 0.12), at(0.82, -0.12)], fill=_STRONG)
