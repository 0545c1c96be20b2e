"""Curves traced in photographs by the curve detectors that fire there."""

import colorsys
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from circuits.examples import Fields
from circuits.families import apart
from circuits.stimuli import Circle
from experiments.articles.curve_detectors.heat import peak_radii
from experiments.articles.curve_detectors.radial import Curves, Tunings
from experiments.circuits import pictures
from experiments.study import Study
from featvis.recipes.given import activations

_FAINT = 0.2
"""Of a unit's response to the best synthetic curve, below which it does not count as firing."""
_SIDE = 448
_TEXT = "Curve detectors trace a drawn circle"
_EXPECTED = "the strongest at each place of it is within 22.5 degrees of the circle's direction there, the median"


class Arc(NamedTuple):
    """A piece of a curve that was found.

    Attributes:
        x: where it is, in pixels of the image.
        y: the same, downwards.
        angle: direction in which it bulges.
        radius: of its circle.
        strength: from 0 to 1.
    """

    x: float
    y: float
    angle: float
    radius: float
    strength: float


def arcs(
    maps: Float[np.ndarray, "rows columns units"],
    angles: Float[np.ndarray, " units"],
    radii: Float[np.ndarray, " units"],
    fields: Fields,
) -> list[Arc]:
    """At each position, the curve of the unit that fires most there; none where none does, or more so beside it.

    A curve is wider than a position: of positions across it, the one where a unit fires most has the curve.

    Args:
        maps: activations, as shares of the response to the best curve.
        angles: directions in which the units' curves bulge.
        radii: of the curves to which they respond most.
        fields: what positions see, whose middle is where the curve passes.

    >>> maps = np.zeros((1, 2, 2)); maps[0, 1, 1] = 0.5
    >>> arcs(maps, np.array([0.0, 90.0]), np.array([60.0, 50.0]), Fields(((-4, 5), (-4, 5)), (8, 8)))
    [Arc(x=8.5, y=0.5, angle=90.0, radius=50.0, strength=0.5)]
    """
    found = []
    best, most = maps.argmax(-1), maps.max(-1)
    for row, column in np.argwhere(most > _FAINT).tolist():
        (top, bottom), (left, right) = fields.box(row, column)
        unit = int(best[row, column])
        across = np.round([np.sin(np.deg2rad(angles[unit])), np.cos(np.deg2rad(angles[unit]))]).astype(int)
        sides = np.array([row, column]) + np.outer([-1, 1], across)
        sides = sides[((sides >= 0) & (sides < most.shape)).all(1)]
        if (most[sides[:, 0], sides[:, 1]] > most[row, column]).any():
            continue
        found.append(
            Arc((left + right) / 2, (top + bottom) / 2, float(angles[unit]), float(radii[unit]),
                float(min(most[row, column], 1.0)))
        )  # fmt: skip
    return found


def traced(
    found: list[Arc], size: int, side: int = _SIDE, under: Float[np.ndarray, "h w 3"] | None = None
) -> Image.Image:
    """Arcs as an image: as thick as they are strong, in a colour for each direction.

    Args:
        found: the arcs.
        size: side of the image in which they were found.
        side: of the picture.
        under: an image, which is shown pale below them; by default white.

    >>> traced([Arc(20.0, 20.0, 0.0, 10.0, 1.0)], 40, 80).size
    (80, 80)
    """
    fine = 2 * side
    paper = Image.new("RGB", (fine, fine), "white")
    if under is not None:
        grey = (255 * (0.6 + 0.4 * np.asarray(under).mean(-1))).astype(np.uint8)
        paper.paste(Image.fromarray(grey).convert("RGB").resize((fine, fine), Image.Resampling.BICUBIC))
    draw, scale = ImageDraw.Draw(paper), fine / size
    for x, y, angle, radius, strength in sorted(found, key=lambda arc: arc.strength):
        red, green, blue = colorsys.hsv_to_rgb(angle / 360 % 1, 0.85, 0.8)
        way, reach = np.deg2rad(angle), min(0.9, 7.0 / radius)
        along = way + np.linspace(-reach, reach, 12)
        middle = x - radius * np.cos(way), y - radius * np.sin(way)
        points = [(scale * (middle[0] + radius * np.cos(t)), scale * (middle[1] + radius * np.sin(t))) for t in along]
        colour = tuple(round(255 * (1 - (1 - part) * min(1.0, 0.25 + strength))) for part in (red, green, blue))
        draw.line(points, fill=colour, width=max(2, round(1.2 * scale * (0.4 + 2 * strength))), joint="curve")
    return paper.resize((side, side), Image.Resampling.LANCZOS)


def show_extraction(study: Study, tunings: Tunings) -> None:
    """Curves of photographs and of a drawn circle, as curve detectors see them."""
    if "mixed3b" not in tunings or len(tunings["mixed3b"].family.angles) < 2:
        study.claim(_TEXT, _EXPECTED, why="fewer than two curve detectors were found in mixed3b", rows=(17,))
        return
    curves = tunings["mixed3b"]
    study.page.section(
        "Curves, extracted",
        "Where curve detectors fire, and which, is a drawing of the curves in a photograph, though no unit was ever "
        "told what a curve is. Each piece is an arc of the unit that fires most there; its colour says which way it "
        "bulges, its thickness how much the unit fires.",
    )
    size = study.model.architecture.image_size
    radius = min(float(np.median(peak_radii(curves))), 0.35 * size)
    circle = np.asarray(Circle(radius=radius, width=2.0).image(size))
    found = extracted(study, curves, circle)
    study.page.figure(
        "extracted-circle",
        pictures.across([pictures.icon(circle, 300), traced(found, size, 300)], ["drawn", "traced"]),
        f"A circle of {radius:.0f} pixels, and what {len(curves.family.angles)} curve detectors make of it.",
        alt="A circle, and arcs in all colours that go around it",
    )
    _claim(study, found, size, radius)
    for i, (name, image) in enumerate(_photographs(study, curves).items()):
        traces = extracted(study, curves, image)
        study.page.figure(
            f"extracted-{i}",
            pictures.across(
                [pictures.icon(image, 300), traced(traces, size, 300, image), traced(traces, size, 300)],
                [f"photograph {name}", "both", "curves alone"],
            ),
            f"{len(traces)} pieces of curves.",
            alt="A photograph, the same with coloured arcs along its curves, and the arcs alone",
        )


def extracted(study: Study, curves: Curves, image: Float[np.ndarray, "h w 3"]) -> list[Arc]:
    """The arcs of an image, by a network's curve detectors of mixed3b."""
    units = list(curves.family.angles)
    at = curves.of(units)
    most = curves.tuning.values.max((0, 1))[at]
    maps = activations(study.model, image[None].astype(np.float32), ["mixed3b"])["mixed3b"][0][..., units]
    # A unit that hardly responds to drawn curves would be everywhere.
    shares = maps / np.maximum(np.maximum(most, np.median(most)), 1e-9)
    return arcs(shares, np.array(list(curves.family.angles.values())), peak_radii(curves)[at], study.fields("mixed3b"))


def _photographs(study: Study, curves: Curves) -> dict[str, np.ndarray]:
    """Those among the strongest examples of most curve detectors."""
    if study.dataset is None:
        return {}
    found = study.examples["mixed3b"]
    units = list(curves.family.angles)
    total: dict[int, float] = {}
    for unit in units:
        most = max(float(np.nan_to_num(found.top_values[unit]).max()), 1e-9)
        for number, value in zip(found.top_images[unit].tolist(), found.top_values[unit].tolist(), strict=True):
            if number >= 0:
                total[number] = total.get(number, 0.0) + value / most
    chosen = sorted(total, key=total.__getitem__, reverse=True)[: study.few(6)]
    pixels = study.pixels(chosen)
    return {str(number): pixels[number] / np.float32(255) for number in chosen}


def _claim(study: Study, found: list[Arc], size: int, radius: float) -> None:
    """Whether arcs on a drawn circle bulge away from its middle."""
    middle = size // 2 + 0.5
    off = []
    for arc in found:
        away = np.hypot(arc.x - middle, arc.y - middle)
        if abs(away - radius) <= 5:
            normal = np.rad2deg(np.arctan2(arc.y - middle, arc.x - middle))
            off.append(float(apart(arc.angle, normal)))
    if not off:
        study.claim(_TEXT, _EXPECTED, measured="no arc on it", holds=False, rows=(17,))
        return
    study.claim(
        _TEXT, _EXPECTED, measured=f"{np.median(off):.1f} degrees over {len(off)} places",
        holds=float(np.median(off)) <= 22.5, rows=(17,),
    )  # fmt: skip
