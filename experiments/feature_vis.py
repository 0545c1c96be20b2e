"""Feature visualisations of many units, layer by layer on one page.

- Command: python -m experiments feature_vis --units conv2d2:0-7,mixed4c:0-7,mixed5a:0-7
- Time: one to two minutes on two CPU cores with the bundled network, of which half is compiling
- Expect: for each unit an image that drives it harder than photographs do, after Olah et al. 2017, "Feature
  Visualization". index.html and sheet.png show all of them, images/ holds them, manifest.json and arrays.npz have the
  objective values, config.json says what made them
- Resume: Ctrl-C keeps what is done, the same command goes on from there; other units come to those that are there
"""

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.figures import Figures
from experiments.options import load_model, usage_errors
from experiments.rundir import CONFIG, METRICS
from experiments.store import pages
from experiments.store.manifest import ARRAYS, MANIFEST
from experiments.store.options import VALUES, UnitOptions, drawing, side
from experiments.store.running import Overview
from experiments.store.running import run as run_job
from featvis import shortform
from featvis.sheet import sheet

SHEET = "sheet.png"

_SIDE = 128
"""Pixels, at most, of an image on the sheet."""


@dataclass(frozen=True)
class Config(UnitOptions):
    """Which units, and how their images are optimised."""

    units: str = "conv2d2:0-7,mixed4c:0-7,mixed5a:0-7"
    """Units by layer: mixed4a:0-15, mixed4a:1,5,9, mixed4a:* and, for what a unit answers to most negatively, a minus
    (--units=-mixed3b_pre_relu:379); several of these separated by commas. Layers are all that `python -m inception_jax
    summary` shows, and their _pre_relu forms."""


def run(config: Config) -> int:
    """Draw what is missing from the run's directory, then its sheet and its page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    model = load_model(config)
    with usage_errors():
        wanted = shortform.units(config.units, model.layers)
    shortform.warn_of_negatives(wanted, model.layers)
    return run_job(
        "feature_vis",
        config,
        model,
        drawing(config, model),
        wanted,
        lambda overview: _publish(overview, side(config, model), config),
        batch=config.batch,
        size=side(config, model),
    )


def _publish(overview: Overview, size: int, config: Config) -> None:
    """The contact sheet and the page of all units drawn so far."""
    layers = pages.by_layer(overview.entries)
    shown = [entry for entries in layers.values() for entry in entries]
    images = pages.small(overview.directory, shown, _SIDE)
    columns = _columns([len(entries) for entries in layers.values()])
    overview.directory.write_image(SHEET, sheet(images, [entry.record.label for entry in shown], columns))
    figures = Figures(overview.directory, f"{overview.model}: {', '.join(layers)}", _lede(overview, size, config))
    for layer, entries in layers.items():
        if len(layers) > 1:
            figures.section(layer)
        figures.gallery(pages.tiles(figures, entries))
    made = {"Drawn in": pages.speed(overview.directory)}
    figures.write(overview.notice, made, files=[SHEET, MANIFEST, ARRAYS, METRICS, CONFIG])


def _columns(counts: Sequence[int]) -> int | None:
    """A row for each layer, where that makes a sheet of a sensible shape."""
    return counts[0] if len(counts) > 1 and len(set(counts)) == 1 and counts[0] <= 4 * len(counts) else None


def _lede(overview: Overview, size: int, config: Config) -> str:
    count = len(overview.entries)
    minus = " A minus marks units whose negative is shown." if any(e.unit.negative for e in overview.entries) else ""
    return (
        f"{count} {'unit' if count == 1 else 'units'}, each shown by an image optimised to raise it: "
        f"{config.steps} steps from noise at {size} x {size} pixels. The number is the objective for the image as "
        f"shown (the unit's {VALUES[config.objective]}), the curve its course under random transforms.{minus}"
    )
