"""The pages of examples: all units of a layer by their strongest photographs, and some units at length."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from circuits.examples import Examples, Fields, bucket_name
from experiments.examples import tiles
from experiments.examples.album import Album
from experiments.examples.tiles import Example
from experiments.figures import INDEX, Figures
from experiments.page import percent
from featvis.shortform import Unit

ACROSS = 3
"""Examples of each unit on a layer's page: so many rows of so many."""
SHOWN = 9
"""Examples of a unit in a row."""

_AT_ONCE = 2048
"""Units whose pictures are in memory together."""
_ABOVE, _BELOW = 7, 3
"""Buckets of activations that are shown, above and below zero."""
_GAP = 4
_STRIP = 8


def layer_page(layer: str) -> str:
    """The file of a layer's page.

    >>> layer_page("mixed4a")
    'layer-mixed4a.html'
    """
    return f"layer-{layer}.html"


def write_layers(album: Album, title: str) -> None:
    """Write a picture of each unit's strongest examples, and a page for each layer with all of them."""
    units = [Unit(layer, number) for layer, found in album.found.items() for number in range(len(found.active))]
    for first in range(0, len(units), _AT_ONCE):
        _write_pictures(album, units[first : first + _AT_ONCE])
    for layer, found in album.found.items():
        lede = (
            f"The {len(found.active)} units of {layer}, each by what it sees in the {ACROSS**2} of {found.images:,} "
            "photographs in which it is strongest. Beside the name, the share of positions at which it is above zero."
        )
        figures = Figures(album.directory, f"{title}: {layer}", lede)
        names = _telling_classes(album, found)
        shares = map(percent, found.positive.tolist())
        figures.gallery(
            [
                figures.tile(f"unit-{unit}", _picture(layer, unit), f"{layer}:{unit}", caption=share, note=note)
                for unit, (share, note) in enumerate(zip(shares, names, strict=True))
            ]
        )
        figures.write(files=[INDEX], name=layer_page(layer))


def show_layers(figures: Figures, album: Album) -> None:
    """A strip of some units of each layer, which leads to its page."""
    figures.section("All units")
    for number, (layer, found) in enumerate(album.found.items(), 1):
        count = len(found.active)
        chosen = np.unique(np.linspace(0, count - 1, min(_STRIP, count)).round().astype(int)).tolist()
        strip = tiles.blank(len(chosen), 1, _side(), 12)
        for place, unit in enumerate(chosen):
            strip.paste(album.directory.open_image(_picture(layer, unit)), (place * (_side() + 12), 0))
        text = f"Some of the {count:,} units of {layer}."
        labels = [f"{layer}:{unit}" for unit in chosen]
        figures.figure(f"layer-{number}", strip, text, alt=text, rows=[labels], link=layer_page(layer))


def show_units(figures: Figures, album: Album, units: Sequence[Unit]) -> None:
    """Some units at length: their strongest examples, random ones by strength, the negative end, and how often."""
    pictures: list[tuple[str, Image.Image, Unit, str, list[str]]] = []
    wanted: list[tuple[Image.Image, tuple[int, int], Fields, Example]] = []
    step = tiles.SIDE + _GAP
    for unit in units:
        found, fields = album.found[unit.layer], album.fields[unit.layer]
        for name, examples, columns, labels, caption in _rows(found, unit.number):
            paper = tiles.blank(columns, -(-len(examples) // columns), tiles.SIDE, _GAP)
            for i, example in enumerate(examples):
                if example is not None:
                    wanted.append((paper, (i % columns * step, i // columns * step), fields, example))
            pictures.append((f"{unit.layer}-{unit.number}-{name}".lower(), paper, unit, caption, labels))
    tiles.fill(wanted, album.photographs, tiles.located)
    for unit in units:
        found = album.found[unit.layer]
        label = f"{unit.layer}:{unit.number}"
        figures.section(label, _sentence(album, found, unit.number))
        for name, picture, owner, caption, labels in pictures:
            if owner == unit:
                alt = f"Photographs for {label}, in which a frame or a ring shows what the unit sees"
                figures.figure(name, picture, caption, alt=alt, rows=[labels])
        median, high = found.quantiles(0.5, 0.99)[unit.number].tolist()
        marks = {"median": median, "99 %": high}
        caption = "How often the unit has which activation, over all positions, on a logarithmic scale."
        drawn = tiles.histogram(*found.density(unit.number), marks)
        figures.figure(f"{unit.layer}-{unit.number}-histogram".lower(), drawn, caption, alt=f"Histogram of {label}")


def _rows(found: Examples, unit: int) -> list[tuple[str, list[Example | None], int, list[str], str]]:
    """Pictures of a unit: name, examples row by row, columns, labels of the columns, caption."""
    rows = []
    top = examples_at(found.top_images[unit], found.top_positions[unit])[:SHOWN]
    values = [f"{value:.3g}" for value in found.top_values[unit, : len(top)]]
    rows.append(("top", top, len(top), values, "The strongest photographs, each at its strongest position."))
    buckets = buckets_shown(found, unit)
    if buckets:
        samples = found.sample_images.shape[2]
        columns = [examples_at(found.sample_images[unit, b], found.sample_positions[unit, b], samples) for b in buckets]
        quilt = [column[i] for i in range(samples) for column in columns]
        caption = "Random photographs, each at a random one of its positions with an activation in the range below."
        rows.append(("random", quilt, len(buckets), [bucket_name(b) for b in buckets], caption))
    bottom = examples_at(found.bottom_images[unit], found.bottom_positions[unit])[:SHOWN]
    values = [f"{value:.3g}" for value in found.bottom_values[unit, : len(bottom)]]
    if found.bottom_values[unit, 0] < 0:
        rows.append(("bottom", bottom, len(bottom), values, "The negative end: where the unit is suppressed most."))
    return rows


def examples_at(images: np.ndarray, positions: np.ndarray, count: int | None = None) -> list[Example | None]:
    """Examples from their photographs and positions.

    Args:
        images: numbers of photographs; those below zero are places that are empty, and left out.
        positions: row and column of each.
        count: fill up to so many with None.

    >>> examples_at(np.array([7, -1]), np.array([[1, 2], [0, 0]]), 2)
    [Example(image=7, row=1, column=2), None]
    """
    found: list[Example | None] = [
        Example(image, *place) for image, place in zip(images.tolist(), positions.tolist(), strict=True) if image >= 0
    ]
    return found + [None] * (0 if count is None else count - len(found))


def buckets_shown(found: Examples, unit: int) -> list[int]:
    """The buckets that are shown: those with anything in them that are furthest from zero, the highest first."""
    half = found.sample_images.shape[1] // 2
    filled = np.flatnonzero((found.sample_images[unit] >= 0).any(1)) if found.sample_images.shape[2] else []
    above = [int(b) for b in filled if b >= half][::-1][:_ABOVE]
    below = [int(b) for b in filled if b < half][:_BELOW][::-1]
    return above + below


def _sentence(album: Album, found: Examples, unit: int) -> str:
    mean, variance, _, kurtosis = found.moments[unit].tolist()
    text = (
        f"Above zero at {percent(found.positive[unit])} of positions, in {percent(found.active[unit])} of "
        f"photographs. Mean {mean:.3g}, standard deviation {variance**0.5:.3g}, kurtosis {kurtosis:.3g}."
    )
    if album.tells_classes(found.layer):
        selectivity = found.selectivity[unit]
        names = ", ".join(album.classes[i] for i in found.top_classes(4)[unit])
        text += f" Class selectivity {selectivity:.2f}; classes with the highest means: {names}."
    return text


def _telling_classes(album: Album, found: Examples) -> list[str]:
    """For each unit the class with the highest mean, where it tells much of it."""
    if not album.tells_classes(found.layer):
        return [""] * len(found.active)
    best = found.top_classes(1)[:, 0]
    clear = found.selectivity >= 0.9
    return [album.classes[i] if there else "" for i, there in zip(best.tolist(), clear.tolist(), strict=True)]


def _write_pictures(album: Album, units: Sequence[Unit]) -> None:
    step = tiles.SMALL + 2
    papers = [tiles.blank(ACROSS, ACROSS, tiles.SMALL, 2) for _ in units]
    wanted = []
    for paper, unit in zip(papers, units, strict=True):
        found = album.found[unit.layer]
        examples = examples_at(found.top_images[unit.number], found.top_positions[unit.number])[: ACROSS**2]
        for i, example in enumerate(examples):
            if example is not None:
                wanted.append((paper, (i % ACROSS * step, i // ACROSS * step), album.fields[unit.layer], example))
    tiles.fill(wanted, album.photographs, tiles.small)
    for paper, unit in zip(papers, units, strict=True):
        album.directory.write_image(_picture(unit.layer, unit.number), paper)


def _picture(layer: str, unit: int) -> str:
    return f"images/{layer}/{unit:04}.jpg"


def _side() -> int:
    return ACROSS * (tiles.SMALL + 2) - 2
