"""The pages of `neurons`: a sheet for each layer on the first, and a page for each layer with all of its units."""

from collections.abc import Sequence

from experiments.figures import INDEX, Figures
from experiments.rundir import CONFIG, METRICS, RunDirectory
from experiments.store import pages, units
from experiments.store.manifest import ARRAYS, MANIFEST, Entry
from experiments.store.options import VALUES
from experiments.store.running import Overview
from featvis.sheet import sprite_sheet

TILE = 110
"""Pixels of an image on a sheet, those of Lucid's sprites."""


def publish(overview: Overview, size: int, steps: int, objective: str, images: int) -> None:
    """Write the sheets and pages of all units drawn so far; those of layers with nothing new stay as they are.

    Args:
        overview: what is there.
        size: side of the images in pixels.
        steps: of the optimisation.
        objective: that of the units, `"channel"` or `"neuron"`.
        images: of each unit.
    """
    layers = pages.by_layer(overview.entries)
    for layer, entries in layers.items():
        if not _up_to_date(overview.directory, layer, entries):
            _write_sheet(overview.directory, layer, entries)
            _write_layer(overview, layer, entries, objective)
    count = len(overview.entries)
    several = f" {images} images of each stand side by side in its file." if images > 1 else ""
    lede = (
        f"{count:,} {'unit' if count == 1 else 'units'}, each shown by an image optimised to raise it: {steps} steps "
        f"from noise at {size} x {size} pixels.{several} A sheet leads to the page of its layer."
    )
    figures = Figures(overview.directory, f"The neurons of {overview.model}", lede)
    for number, (layer, entries) in enumerate(layers.items(), 1):
        figures.section(layer)
        text = f"{len(entries):,} {'unit' if len(entries) == 1 else 'units'} of {layer}, row by row."
        figures.figure(f"layer-{number}", _sheet(layer), text, alt=f"{text} Images, edge to edge", link=_page(layer))
    made = {"Drawn in": pages.speed(overview.directory)}
    figures.write(overview.notice, made, files=[MANIFEST, ARRAYS, METRICS, CONFIG])


def _sheet(layer: str) -> str:
    return f"sheets/{layer}.jpg"


def _places(layer: str) -> str:
    return f"sheets/{layer}.json"


def _page(layer: str) -> str:
    return f"layer-{layer}.html"


def _up_to_date(directory: RunDirectory, layer: str, entries: Sequence[Entry]) -> bool:
    """Whether page and sheet of a layer have these units, as they are now."""
    sprites = directory.read_json(_places(layer)).get("sprites")
    labels = [one.get("label") for one in sprites if isinstance(one, dict)] if isinstance(sprites, list) else []
    if labels != [entry.record.label for entry in entries]:
        return False
    return all(directory.newer(_page(layer), units.file(entry.unit)) for entry in entries)


def _write_sheet(directory: RunDirectory, layer: str, entries: Sequence[Entry]) -> None:
    labels = [entry.record.label for entry in entries]
    picture, places = sprite_sheet(pages.small(directory, entries, TILE), TILE, labels=labels)
    directory.write_image(_sheet(layer), picture)
    directory.write_json(_places(layer), places)


def _write_layer(overview: Overview, layer: str, entries: Sequence[Entry], objective: str) -> None:
    lede = (
        f"The units of {layer}. The number is the objective for the image as shown (the unit's {VALUES[objective]}), "
        "the curve its course under random transforms. A minus marks units whose negative is shown."
    )
    figures = Figures(overview.directory, f"{overview.model}: {layer}", lede)
    figures.gallery(pages.tiles(figures, entries))
    figures.write(files=[INDEX, _sheet(layer), _places(layer)], name=_page(layer))
