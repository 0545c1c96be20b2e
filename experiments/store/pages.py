"""What pages of jobs have in common: tiles, small copies of images, the time it took."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from experiments import page
from experiments.figures import Figures
from experiments.rundir import RunDirectory
from experiments.store import units
from experiments.store.manifest import Entry


def by_layer(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Entries by layer, in order of appearance."""
    layers: dict[str, list[Entry]] = {}
    for entry in entries:
        layers.setdefault(entry.unit.layer, []).append(entry)
    return layers


def tiles(figures: Figures, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Tiles of units for a gallery, with label, score and curve."""
    found = []
    for entry in entries:
        record = entry.record
        name = f"{record.unit.layer}_{record.unit.number}{'_negative' if record.unit.negative else ''}"
        note = "" if np.isfinite(record.score) else "its objective did not end finite"
        score = f"{record.score:.3g}"
        found.append(
            figures.tile(name, units.file(record.unit), record.label, caption=score, note=note, curve=record.history)
        )
    return found


def small(directory: RunDirectory, entries: Sequence[Entry], side: int) -> Float[np.ndarray, "n h w 3"]:
    """The first image of each unit in [0, 1], at most `side` pixels wide.

    However large the images, of each only that much is kept in memory.
    """
    found = []
    for entry in entries:
        strip = directory.open_image(units.file(entry.unit))
        image = strip.crop((0, 0, strip.width // entry.record.images, strip.height))
        if image.width > side:
            image = image.resize((side, image.height * side // image.width), Image.Resampling.LANCZOS)
        found.append(np.asarray(image, np.float32) / 255)
    return np.stack(found)


def speed(directory: RunDirectory) -> str:
    """How long a job took, in words."""
    totals = directory.metrics["totals"]
    return f"{page.duration(totals['wall_seconds'])}, {totals['image_steps_per_second']:g} image-steps per second"
