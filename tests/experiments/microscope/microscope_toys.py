"""What sites of a small network are made of: jobs with noise for pictures, an atlas, photographs."""

import json
from pathlib import Path
from typing import Any

import numpy as np

import inception_jax
from experiments import provenance
from experiments.__main__ import main
from experiments.rundir import RunDirectory
from experiments.store import units
from experiments.store.records import Record
from experiments.store.store import Store
from featvis.result import Origin
from featvis.shortform import Unit

LAYERS = ("conv2d0", "conv2d1", "conv2d2", "mixed3a", "mixed3b")
HISTORY = np.array([0.25, 0.5], np.float32)


def job(path: Path, model: inception_jax.Model, wanted: list[Unit], images: int = 1) -> Store:
    """A directory as jobs leave it, with noise for the units wanted."""
    directory = RunDirectory(path)
    settings = {
        "size": 16,
        "seed": 0,
        "objective": "channel",
        "arrays_sha256": provenance.weights_digest(model.weights),
    }
    about = {"identity": f"{images:02}" * 32, "settings": {"model": model.name, **settings}}
    command = "python -m experiments neurons --sign <both>"
    directory.write_json("config.json", {**about, "units": units.spelled(wanted), "command": command})
    store = Store(path, about["identity"])
    for unit in wanted:
        draw(store, unit, images)
    return store


def draw(store: Store, unit: Unit, images: int = 1) -> None:
    """Give a unit an image of noise."""
    pixels = np.random.default_rng(unit.number).integers(0, 256, (images, 16, 16, 3), np.uint8)
    origin, label = Origin((1, 2), 3, 4), f"{'-' * unit.negative}{unit.layer}:{unit.number}"
    record = Record(store.identity, unit, label, unit.number / 7, 2, 1.5, 0.25, origin, "cpu", images, HISTORY)
    store.write(pixels, record)


class Toy:
    """What a site is made of, and the command that makes it."""

    def __init__(self, folder: Path, weights: Path, photographs: Path) -> None:
        self.folder, self.weights, self.photographs = folder, weights, photographs
        self.model = inception_jax.load(weights)
        everything = [Unit(layer, n) for layer in LAYERS for n in range(self.model.layers[layer])]
        # Three units are not drawn, some are drawn in other ways as well.
        self.missing = [Unit("conv2d2", 1), Unit("mixed3b", 0), Unit("mixed3b", 5)]
        self.store = job(folder / "positive", self.model, [unit for unit in everything if unit not in self.missing])
        below = [Unit("mixed3a_pre_relu", n, negative=True) for n in range(4)]
        job(folder / "negative", self.model, below)
        job(folder / "several", self.model, [Unit("mixed3a", 2)], images=3)
        data = ["--images", str(photographs), "--data-dir", str(folder / "data")]
        tiny = ["--layer", "mixed3a", "--positions", "2", "--method", "pca", "--grid", "2", "--least", "1"]
        drawn = ["--size", "16", "--steps", "1"]
        atlas = ["atlas", "--model", str(weights), *data, *tiny, *drawn, "--out", str(folder / "atlas")]
        assert main(atlas) == 0
        self.out = folder / "site"
        self.options = [
            *("--model", str(weights), *data, "--out", str(self.out), "--work", str(folder / "work")),
            *("--stores", *(str(folder / name) for name in ("positive", "negative", "several"))),
            *("--atlas", str(folder / "atlas"), "--group-layer", "mixed3a", "--pictured", "3"),
        ]

    def make(self, *options: str) -> int:
        """Run the command."""
        return main(["microscope", *self.options, *options])

    def facts(self, layer: str) -> list[dict[str, Any]]:
        """What the site says of a layer's units."""
        return json.loads((self.out / "data" / "units" / f"{layer}.json").read_text())
