"""Data-set examples: the photographs that each unit responds to, of all units in one pass over a data set.

- Command: python -m experiments examples --images ../shared/data/imagenet-samples.zip
- Time: with bvlc_googlenet and 1,000 photographs, four minutes of one CPU core, one of them for the pages, and 2.3 GB
- Expect: for each of the units of the twelve main layers of InceptionV1 its strongest photographs, the most negative
  ones, random ones by strength, a histogram, moments, sparsity and class selectivity. index.html shows some units at
  length and leads to a page for each layer with all of them; `circuits.examples.load` reads everything as arrays
- Resume: whatever stops it, the same command goes on from the last checkpoint and arrives at the same bits; with
  `--shard 0/4` to `--shard 3/4` several processes share the photographs, see docs/examples.md
"""

import dataclasses
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import tyro

import inception_jax
from circuits import examples
from experiments import page, provenance
from experiments.examples import shards
from experiments.examples.album import ARRAYS, album
from experiments.examples.pages import show_layers, show_units, write_layers
from experiments.examples.shards import Pass
from experiments.figures import INDEX, Figures
from experiments.neurons import MAIN
from experiments.options import UsageError, load_model, usage_errors
from experiments.recipes.sources import DataOptions, data_set
from experiments.rundir import CONFIG, METRICS, RunDirectory, identity, open_run
from experiments.stopwatch import Stopwatch
from featvis import shortform
from featvis.shortform import Unit
from inception_jax import datasets
from inception_jax.cache import locked
from inception_jax.model import check_layer

_MOST_CLASSES = 4096
_LEAST = {"count": 1, "samples": 0, "batch": 1, "every": 1, "seed": 0}


@dataclass(frozen=True)
class Config(DataOptions):
    """Which photographs, which layers, and how much is kept of them."""

    images: str = tyro.MISSING
    """Name of a tfds data set, or path of a folder or zip of photographs or class folders, or of a folder of zips."""
    layers: tuple[str, ...] = (MAIN,)
    """All units of these layers; `main` are the stem's convolutions and the blocks, twelve layers of InceptionV1. Units
    are measured before the ReLU, where there is one."""
    count: int = 16
    """Photographs to keep at each end of each unit."""
    samples: int = 4
    """Random photographs to keep in each bucket of activations, an octave wide; 0 for none."""
    units: str | None = None
    """Units to show at length and first, such as mixed4a:0-3,mixed5a:9; by default two of each layer, at the end."""
    shard: str = "0/1"
    """Which share of the photographs this process takes, of how many: 0/4, 1/4, 2/4, 3/4. The last one to finish makes
    the pages."""
    batch: int | None = None
    """Photographs that go through the network at once; by default 16 on CPUs, 128 elsewhere."""
    every: int | None = None
    """Photographs after which the state is saved; by default 256 on CPUs, 16,384 elsewhere."""


def run(config: Config) -> int:
    """Take the photographs through the network, then write arrays and pages; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    for name, least in _LEAST.items():
        if (value := getattr(config, name)) is not None and value < least:
            raise UsageError(f"--{name} is {value}; expected {least} or more")
    share = shards.parse(config.shard)
    if config.force and share.of > 1:
        raise UsageError("--force would discard what the other shares have done; give another directory with --out")
    model = load_model(config)
    layers = _layers(config, model)
    units = _units(config, model, layers)
    dataset, preparation = data_set(config, model)
    directory = _directory(config, model, layers, dataset)
    work = _pass(config, model, layers, dataset, preparation, directory)
    if directory.metrics.get("finished"):
        print("finished before, only the pages are made (--force starts over)")
    else:
        if not directory.metrics:  # From now on, the directory is not for runs with other settings.
            directory.write_json(METRICS, {"finished": False})
        with Stopwatch() as watch:
            shards.collect(work, share)
            seconds = round(watch.lap().wall, 1)
        together, missing = shards.together(work, share.of)
        if missing and not directory.metrics.get("finished"):
            print(f"share {share} is done; not done yet: {', '.join(map(str, missing))}")
            return 0
        if together is not None:
            _write(directory, work, together, seconds)
            shards.discard(work, share.of)
    _publish(directory, work, units, asked=config.units is not None)
    print(directory.path / INDEX)
    return 0


def _layers(config: Config, model: inception_jax.Model) -> dict[str, str]:
    """The layers asked for, each with the activation that is read: before the ReLU, where there is one."""
    names: dict[str, str] = {}
    for name in config.layers:
        for layer in model.architecture.main_layers if name == MAIN else [name]:
            with usage_errors():
                check_layer(layer, model.layers)
            below = f"{layer}_pre_relu"
            names[layer] = below if below in model.layers else layer
    if not names:
        raise UsageError("--layers names no layer; expected some, or main")
    return names


def _units(config: Config, model: inception_jax.Model, layers: dict[str, str]) -> list[Unit]:
    if config.units is None:
        counts = {layer: model.layers[layer] for layer in layers}
        return [Unit(layer, n) for layer, count in counts.items() for n in sorted({count // 3, 2 * count // 3})]
    with usage_errors():
        found = shortform.units(config.units, model.layers)
    for unit in found:
        if unit.layer not in layers or unit.negative:
            name = f"{'-' * unit.negative}{unit.layer}:{unit.number}"
            raise UsageError(f"--units names {name}; expected units of {', '.join(layers)}, without a minus")
    return found


def _directory(
    config: Config, model: inception_jax.Model, layers: dict[str, str], dataset: datasets.Dataset
) -> RunDirectory:
    known = provenance.model_facts(model)
    found = {"images": dataset.fingerprint, "layers": list(layers)}
    settings = provenance.settings("examples", config, known, **found)
    # What decides how the work is done, or what is shown of it.
    settings = {k: v for k, v in settings.items() if k not in ("shard", "every", "units", "data_dir")}
    path = config.out or Path("results", "examples", f"{model.name}-{identity(settings)[:8]}")
    # What is recorded is how to go on with one process.
    recorded = dataclasses.replace(config, shard="0/1")
    with usage_errors(), locked(path.parent):
        return open_run(path, settings, provenance.facts("examples", recorded, known), force=config.force)


def _pass(
    config: Config,
    model: inception_jax.Model,
    layers: dict[str, str],
    dataset: datasets.Dataset,
    preparation: datasets.Preparation,
    directory: RunDirectory,
) -> Pass:
    on_cpu = jax.default_backend() == "cpu"
    batch = config.batch or (16 if on_cpu else 128)
    every = config.every or (256 if on_cpu else 16384)
    classes = len(dataset.classes)
    if classes > _MOST_CLASSES:
        warnings.warn(
            f"{dataset.name} has {classes:,} classes; class means are kept of at most {_MOST_CLASSES:,}, so they are "
            "left out",
            stacklevel=2,
        )
        classes = 0
    return Pass(
        model=model,
        layers=layers,
        dataset=dataset,
        preparation=preparation,
        count=config.count,
        samples=config.samples,
        classes=classes,
        seed=config.seed,
        batch=batch,
        every=-(-every // batch) * batch,
        folder=directory.path,
    )


def _write(directory: RunDirectory, work: Pass, progress: shards.Progress, seconds: float) -> None:
    """Write arrays and numbers, and say what could not be read."""
    if progress.damaged:
        some = ", ".join(map(str, progress.such_as)) + (", ..." if progress.damaged > len(progress.such_as) else "")
        warnings.warn(
            f"skipped {progress.damaged} of {progress.done} photographs of {work.dataset.name} that cannot be read: "
            f"numbers {some}",
            stacklevel=2,
        )
    found = examples.read(progress.state)
    with usage_errors():
        examples.save(found, directory.path / ARRAYS)
    facts: dict[str, Any] = {"images": progress.done - progress.damaged, "damaged": progress.damaged}
    facts["layers"] = {
        name: {"units": len(one.active), "values": work.layers[name], "map": list(one.size)}
        for name, one in found.items()
    }
    facts["classes"] = list(work.dataset.classes)
    directory.write_json("examples.json", facts)
    directory.write_json(METRICS, {"finished": True, "seconds": {"collecting": seconds}})


def _publish(directory: RunDirectory, work: Pass, units: list[Unit], *, asked: bool) -> None:
    shown = album(directory, work.model, work.dataset, work.preparation)
    images = next(iter(shown.found.values())).images
    count = sum(len(one.active) for one in shown.found.values())
    title = f"What {work.model.name} responds to"
    lede = (
        f"The photographs, out of {images:,}, in which each of {count:,} units is strongest, and how it responds to "
        "all others. Frames show what a unit sees; a ring, where it looks, if it sees most of the photograph."
    )
    figures = Figures(directory, title, lede)
    figures.numbers({"photographs": images, "units": count})
    seconds = directory.metrics["seconds"]["collecting"]
    with usage_errors():
        write_layers(shown, title)
        if asked:
            show_units(figures, shown, units)
        show_layers(figures, shown)
        if not asked:
            show_units(figures, shown, units)
    figures.write(made={"Collected in": page.duration(seconds)}, files=[ARRAYS, "examples.json", METRICS, CONFIG])
