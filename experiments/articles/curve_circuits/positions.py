"""Which lines a curve detector wants at each position: its weights times what lines do to the units below."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from circuits.families import Family, apart
from experiments.circuits import pictures
from experiments.study import Study

_LOWER, _UPPER = "mixed3a", "mixed3b"
_MIDDLE = 15.0
"""Degrees off the tangent."""
_RADIUS = 6.0
"""Of the curves, in positions 8 pixels apart: published units respond to radii of 50 to 60 pixels most."""


def show_positions(study: Study, curves: Family, tuning: Float[np.ndarray, "angles in"] | None) -> None:
    """The lines that each curve detector wants, by position, and claims about them.

    Args:
        study: of the article.
        curves: the curve detectors.
        tuning: what lines add to the units of the lower layer; None without such a layer.
    """
    units = curves.by_orientation(study.few(10))
    if tuning is None or not units:
        study.page.section("", f"What curve detectors want cannot be shown: none were found in {_UPPER}.")
        texts = _texts()
        for text, expected in texts:
            study.claim(text, expected, why=f"no curves were found in {_UPPER}", rows=(23,))
        return
    weights = study.page.kept("weights-lines", lambda: {"weights": study.weights(_LOWER, _UPPER, units)})["weights"]
    wanted = np.einsum("nirc,ti->nrct", weights, tuning)
    angles = np.array([curves.angles[u] for u in units])
    icons = study.icons(_UPPER, units)
    most = 5
    lines = [range(i, min(i + most, len(units))) for i in range(0, len(units), most)]
    for part, chosen in enumerate(lines):
        study.page.figure(
            f"positions-{part}",
            pictures.columns(
                [
                    [pictures.icon(icons[units[i]], 168) for i in chosen],
                    [roses(wanted[i], 168) for i in chosen],
                ],
                [f"{_UPPER}:{units[i]} ({angles[i]:.0f}°)" for i in chosen],
            ),
            f"Which lines curve detectors want at each of {wanted.shape[1]}x{wanted.shape[2]} positions of {_LOWER}: "
            "lines drawn as they lie in the image, in red those that excite and in blue those that inhibit, the longer "
            f"the more, by weights times the responses of all units of {_LOWER}: "
            f"{', '.join(f'{_UPPER}:{units[i]}' for i in chosen)}.",
            alt=f"{len(chosen)} curves, and below each red strokes along its arc and blue ones across",
        )
    _claim_positions(study, wanted, angles)


def preferred(wanted: Float[np.ndarray, "*n angles"]) -> Float[np.ndarray, "*n"]:
    """Normals of the lines that are wanted most, in degrees from 0 to 180; NaN where no line excites.

    It is the circular mean of what excites, so that it lies between the lines that were tried.

    >>> preferred(np.array([[0.0, 1.0, 1.0, 0.0], [-1.0, -1.0, -1.0, -1.0]])).round(1).tolist()
    [67.5, nan]
    """
    excites = np.maximum(wanted, 0)
    turns = np.exp(2j * np.pi * np.arange(wanted.shape[-1]) / wanted.shape[-1])
    mean = (excites * turns).sum(-1)
    found = np.round(np.rad2deg(np.angle(mean)) / 2, 9) % 180
    return np.where(np.abs(mean) > 1e-9 * np.maximum(excites.sum(-1), 1e-30), found, np.nan)


def tolerance(wanted: Float[np.ndarray, " angles"]) -> float:
    """How far a line may be turned from the best one before it no longer excites, in degrees, the mean of both sides.

    >>> tolerance(np.array([3.0, 1.0, -1.0, -1.0, -1.0, 1.0]))
    45.0
    """
    step = 180 / len(wanted)
    best = int(wanted.argmax())
    around = np.roll(wanted, -best) <= 0
    if wanted[best] <= 0 or not around.any():
        return float("nan") if wanted[best] <= 0 else 90.0
    ends = []
    for course in (np.roll(wanted, -best), np.roll(wanted[::-1], best + 1)):
        first = int((course <= 0).argmax())
        above, below = course[first - 1], course[first]
        ends.append(step * (first - 1 + above / (above - below)))
    return float(np.mean(ends))


def along_arc(size: int, angle: float, radius: float = _RADIUS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each position around the middle of an arc: the arc's normal there, how far off the arc it lies, how far on.

    Args:
        size: side of the square of positions, odd.
        angle: direction in which the arc bulges.
        radius: of the arc, in positions.

    >>> normal, off, on = along_arc(5, 0.0)
    >>> float(normal[2, 2]), float(off[2, 2]), bool(normal[4, 2] > 0), float(on[4, 2])
    (0.0, 0.0, True, 2.0)
    """
    y, x = np.indices((size, size)) - (size - 1) / 2
    bulge = np.deg2rad(angle)
    right, down = x + radius * np.cos(bulge), y + radius * np.sin(bulge)
    on = y * np.cos(bulge) - x * np.sin(bulge)
    return np.rad2deg(np.arctan2(down, right)) % 360, np.hypot(right, down) - radius, on


def turned_with_arc(wanted: Float[np.ndarray, "n size size angles"], angles: Float[np.ndarray, " n"]) -> np.ndarray:
    """Whether, towards both ends of each arc, the preferred lines turn the way that the arc turns.

    Positions count that lie within one of the arc, and at least one and a half on from its middle, each by how strongly
    it wants lines.

    Returns:
        For each unit and each of its two ends, the mean turn in degrees, positive with the arc.
    """
    found = []
    for one, angle in zip(wanted, angles, strict=True):
        normal, off, on = along_arc(len(one), angle)
        best, strength = preferred(one), np.maximum(one, 0).max(-1)
        turned = (best - angle + 90) % 180 - 90
        for side in (-1, 1):
            chosen = (np.abs(off) <= 1) & (side * on >= 1.5) & np.isfinite(best)
            weight = np.where(chosen, strength, 0)
            away = (normal - angle + 180) % 360 - 180
            total = float(weight.sum())
            mean = float((weight * np.nan_to_num(turned) * np.sign(away)).sum())
            found.append(mean / total if total else np.nan)
    return np.array(found).reshape(-1, 2)


def roses(wanted: Float[np.ndarray, "row column angles"], side: int) -> Image.Image:
    """At each position, lines as they lie in the image, red where they excite and blue where they inhibit.

    >>> roses(np.ones((5, 5, 12)), 120).size
    (120, 120)
    """
    fine = 4
    rows, columns, count = wanted.shape
    cell = side * fine / max(rows, columns)
    paper = Image.new("RGB", (side * fine, side * fine), (250, 250, 248))
    draw = ImageDraw.Draw(paper)
    largest = float(np.abs(wanted).max()) or 1.0
    for r, c in np.ndindex(rows, columns):
        x, y = (c + 0.5) * cell, (r + 0.5) * cell
        for i in np.argsort(np.abs(wanted[r, c])):
            value = float(wanted[r, c, i]) / largest
            # A line lies across its normal.
            along = np.deg2rad(180 * i / count + 90)
            dx, dy = (0.48 * cell * abs(value) * f for f in (np.cos(along), np.sin(along)))
            ink = (202, 0, 32) if value > 0 else (5, 113, 176)
            if abs(value) > 0.05:
                draw.line((x - dx, y - dy, x + dx, y + dy), fill=ink, width=max(2, int(cell / 26)))
    return paper.resize((side, side), Image.Resampling.LANCZOS)


def _texts() -> tuple[tuple[str, str], ...]:
    return (
        ("In the middle, curve detectors want the line that touches the curve",
         f"preferred line within {_MIDDLE:g} degrees of the tangent, for three of four"),
        ("There, lines excite up to a turn of 10 to 45 degrees", "median tolerance from 10 to 45 degrees"),
        ("Away from the middle, the preferred line turns with the arc", "at three of four ends; by chance, at half"),
    )  # fmt: skip


def median(values: Sequence[float] | np.ndarray) -> float:
    """The median of those that are numbers; NaN without any."""
    known = np.asarray(values, float)[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _claim_positions(study: Study, wanted: np.ndarray, angles: np.ndarray) -> None:
    middle = wanted[:, wanted.shape[1] // 2, wanted.shape[2] // 2]
    off = apart(preferred(middle), angles, 180.0)
    near = int((off <= _MIDDLE).sum())
    wide = median([tolerance(one) for one in middle])
    turned = turned_with_arc(wanted, angles).ravel()
    ends = int((turned > 0).sum())
    found = (
        (f"{near} of {len(off)}, median {median(off):.1f} degrees", None, near >= 0.75 * len(off)),
        (f"{wide:.0f} degrees", "10 to 45 degrees", 10 <= wide <= 45),
        (f"{ends} of {len(turned)} ends, median turn {median(turned):.0f} degrees", None,
         ends >= 0.75 * len(turned)),
    )  # fmt: skip
    for (text, expected), (told, published, holds) in zip(_texts(), found, strict=True):
        study.claim(text, expected, measured=told, published=published, holds=bool(holds), rows=(23,))
