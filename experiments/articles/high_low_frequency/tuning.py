"""How high-low frequency detectors are tuned: responses over orientation and the ratio of two frequencies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from circuits.examples import receptive_fields
from circuits.families import Family, apart, high_low_reading
from circuits.stimuli import HighLow
from circuits.tuning import circular_mean, responses
from experiments.circuits import pictures
from experiments.families import pictures as plots
from experiments.study import Study
from experiments.study.plots import drawn
from experiments.study.unit_pictures import crops
from inception_jax.graph import graph
from inception_jax.nodes import map_sizes

LEAST = 3
"""Units of which something can be said of a family."""
LONGEST, SHORTEST = 60.0, 6.0
"""Pixels of the waves: those of one frequency to ten, of which the highest is the side of high frequencies."""

_SHOWN = 6
_ALONE = 0.25
"""Of its largest response a unit may have without any difference in frequency, less than which tells that it needs one:
the six published units have 0.09 at most."""
_NEAR = 30.0
"""Degrees within which photographs and stimuli agree; one in six would by chance."""


@dataclass(frozen=True)
class Tuned:
    """The family, by orientation, and how it responds.

    Attributes:
        layer: of the units.
        units: their numbers, in the order of `angles`.
        angles: towards the high frequencies, in degrees clockwise from the right, by unit.
        orientations: of the stimuli.
        ratios: of their two wavelengths.
        values: responses, the mean over phases.
    """

    layer: str
    units: list[int]
    angles: dict[int, float]
    orientations: Float[np.ndarray, " orientations"]
    ratios: Float[np.ndarray, " ratios"]
    values: Float[np.ndarray, "orientations ratios units"]


def family_of(study: Study) -> Family:
    """The detectors of mixed3a, where inception5h has them, or where there are none of the layer that has most."""
    found = [study.family(layer, "high-low frequency") for layer in ("mixed3a", "mixed3b", "conv2d2", "mixed4a")]
    return found[0] if found[0].units else max(found, key=len)


def measured(study: Study, family: Family) -> Tuned:
    """Responses of the units of a family to high beside low frequencies, at all orientations and ratios."""
    side, units, quick = study.config.side, list(family.units), study.config.quick
    grid = {
        "orientation": np.arange(0.0, 360.0, 15.0 if quick else 5.0),
        "ratio": np.linspace(1.0, LONGEST / SHORTEST, 10 if quick else 19),
        "phase": np.array([0.0, 90.0]),
    }

    def make() -> dict[str, np.ndarray]:
        x, y = _middle(study, family.layer, side)
        stimulus = HighLow(wavelength=SHORTEST, x=x, y=y)
        found = responses(study.model, family.layer, stimulus, grid, size=side)
        return {"values": found.mean("phase").values[..., units]}

    values = study.common.kept("high-low-tuning", make)["values"]
    turns = circular_mean(values.mean(1), grid["orientation"])
    # A unit that no stimulus drives goes last.
    order = sorted(range(len(units)), key=lambda i: turns[i] if np.isfinite(turns[i]) else 361.0)
    angles = {units[i]: float(turns[i]) for i in order}
    return Tuned(family.layer, list(angles), angles, grid["orientation"], grid["ratio"], values[..., order])


def _middle(study: Study, layer: str, side: int) -> tuple[float, float]:
    """How far right of the middle of an image, and below, lies the middle of what the middle unit of a layer sees."""
    arch = study.model.architecture
    rows, columns = map_sizes(graph(arch).nodes, (side, side), arch.padding)[layer]
    seen = receptive_fields(arch, layer, (side, side)).box((rows - 1) // 2, (columns - 1) // 2)
    down, across = ((first + stop - 1) / 2 - side // 2 for first, stop in seen)
    return across, down


def claim_family(study: Study, tuned: Tuned, text: str, expected: str, **known: Any) -> None:
    """A claim about the family, which cannot be asked of one or two units."""
    if len(tuned.units) < LEAST:
        why = f"only {counted(tuned.units)} found"
        study.claim(text, expected, why=why, rows=known["rows"], published=known.get("published"))
    else:
        study.claim(text, expected, **known)


def counted(units: Sequence[Any]) -> str:
    """How many, in words.

    >>> counted([1]), counted([1, 2])
    ('1 unit', '2 units')
    """
    return f"{len(units)} unit{'' if len(units) == 1 else 's'}"


def show_tuning(study: Study, tuned: Tuned) -> None:
    """Heat maps over orientation and ratio, and whether a unit needs both frequencies."""
    study.page.section(
        "Tuning",
        "Stimuli have waves of 6 pixels on one side and waves that are one to ten times longer on the other, and are "
        "turned around.",
    )
    extent = (0.0, 360.0, float(tuned.ratios[-1]), 1.0)
    shown = tuned.units[:: -(-len(tuned.units) // study.few(_SHOWN))]
    maps = [heat(tuned.values[..., tuned.units.index(u)].T, extent) for u in shown]
    study.page.figure(
        "tuning",
        pictures.columns([maps], [f"{tuned.layer}:{u} ({tuned.angles[u]:.0f}°)" for u in shown]),
        "Responses by orientation, the direction to the high frequencies, and by the ratio of the two wavelengths, "
        "from 1 on top. Each unit has one orientation, and nothing on top, where both sides are alike. In brackets "
        "the circular mean.",
        alt=f"{len(shown)} heat maps, each with one bright column",
    )
    most = tuned.values.max((0, 1))
    alone = tuned.values[:, 0].max(0) / np.where(most > 0, most, 1)
    needs = int(((alone < _ALONE) & (most > 0)).sum())
    claim_family(
        study,
        tuned,
        "High-low frequency detectors need a difference: with one frequency on both sides they are nearly silent",
        f"less than {_ALONE:.0%} of the largest response, for most units; the six published ones have 9 % at most",
        measured=f"{needs} of {len(most)} units, median {np.median(alone):.0%}",
        published="6 of 6 units, median 3 %",
        holds=needs > len(most) / 2,
        rows=(10,),
    )


def heat(values: Float[np.ndarray, "ratios orientations"], extent: tuple[float, float, float, float]) -> Image.Image:
    """One unit's responses, dark to bright.

    >>> heat(np.eye(4), (0.0, 360.0, 10.0, 1.0)).size
    (230, 230)
    """

    def draw(axes: Any) -> None:
        axes.imshow(values, extent=extent, aspect="auto", cmap="viridis", interpolation="nearest")
        axes.set_xticks([0, 90, 180, 270, 360])

    return drawn(draw, "orientation", "ratio", (2.3, 2.3))


def show_photographs(study: Study, tuned: Tuned) -> None:
    """What drives each unit in photographs, and on which side high frequencies lie there."""
    text = "In photographs that drive a unit most, high frequencies lie on the side that stimuli say"
    expected = f"within {_NEAR:.0f} degrees for more than half of the units; by chance for one in six"
    if tuned.layer not in study.examples:
        study.claim(text, expected, why="no photographs", rows=(10,))
        return
    study.page.section("Photographs", "What each unit sees of the photographs in which it is most active.")
    # Those that reach over the border of a photograph have an edge of their own there.
    seen = {u: crops(study, tuned.layer, u, 16) for u in tuned.units}
    whole = {u: [seen[u][i] for i in _inside(study, tuned.layer, u, len(seen[u]))] for u in tuned.units}
    read = {
        u: high_low_reading(np.stack([np.asarray(one) for one in whole[u]]) / np.float32(255))
        for u in tuned.units
        if whole[u]
    }
    side, icons, rows = 72, study.icons(tuned.layer, tuned.units), []
    for i, u in enumerate(tuned.units):
        shown = [pictures.icon(icons[u], side)]
        shown.append(plots.polar(tuned.values[..., i].mean(1), tuned.angles[u], 360.0, side))
        shown += [one.resize((side, side), Image.Resampling.BICUBIC) for one in seen[u][:9]]
        about = f"{tuned.layer}:{u}\ntuned {tuned.angles[u]:.0f}" + (f"\nread {read[u]:.0f}" if u in read else "")
        rows.append((about, shown))
    study.page.figure(
        "photographs",
        plots.lines(rows, side, [(0, "looks for"), (1, "tuning"), (2, "photographs")]),
        "Each unit with its tuning, an arrow to the high frequencies, and what it sees of the photographs that drive "
        "it most: often an object in front of a background that is out of focus.",
        alt=f"{len(rows)} rows of crops of photographs, textured on one side and smooth on the other",
    )
    differences = [apart(read[u], tuned.angles[u]) for u in read]
    if not differences:
        study.claim(text, expected, why="no photograph has all that a unit sees", rows=(10,))
        return
    near = sum(one <= _NEAR for one in differences)
    measured = f"{near} of {counted(differences)}, median difference {np.median(differences):.0f} degrees"
    claim_family(study, tuned, text, expected, measured=measured, holds=near > len(differences) / 2, rows=(10,))


def _inside(study: Study, layer: str, unit: int, count: int) -> list[int]:
    """Which of a unit's strongest photographs have all that it sees, by their places."""
    fields, size = study.fields(layer), study.model.architecture.image_size
    boxes = [fields.box(*at) for at in study.examples[layer].top_positions[unit, :count].tolist()]
    return [i for i, box in enumerate(boxes) if all(first >= 0 and stop <= size for first, stop in box)]
