"""Train a network of the InceptionV1 family on labelled photographs.

- Command: python -m experiments train --data ../shared/data/tiny-imagenet --architecture mini --sizes 40 48 48 56
- Time: an hour and a half to two hours on two CPU cores
- Expect: a model.safetensors that loads everywhere in this project, about 38 % top-1 accuracy for this command (it is
  how the bundled `mini` was made; another `--seed` makes a twin); index.html shows curves and first-layer filters,
  log.csv has the figures
- Resume: Ctrl-C or a kill keeps the last checkpoint, the same command goes on from there to the same weights

The data are any tfds data set by name (imagenette, cifar10, imagenet2012), or a folder or zip of class folders.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jax.experimental import multihost_utils

import inception_jax
from experiments import page, provenance
from experiments.figures import INDEX, Figures
from experiments.options import RunOptions, UsageError, command, usage_errors
from experiments.rundir import CONFIG, METRICS, RunDirectory, identity, open_run
from inception_jax import Architecture, datasets, training
from inception_jax.architecture import ARCHITECTURES
from inception_jax.graph import Conv, graph
from inception_jax.readers.serialise import to_json

MODEL, FILTERS = "model.safetensors", "filters.png"


@dataclass(frozen=True)
class Config(RunOptions):
    """What is trained, on what, and how."""

    data: str = tyro.MISSING
    """Name of a tfds data set, or path of a folder or zip of class folders, or of a folder of such zips."""
    train_split: str = "train"
    """Part of the data to learn from; `train[:90%]` takes a part of a split."""
    validation_split: str = "validation"
    """Part of the data to judge by, such as `test` or `train[90%:]`."""
    data_dir: Path | None = None
    """Where tfds has its data sets, or keeps the prepared copy of a folder; by default its own place, or the cache."""
    architecture: str = "mini"
    """Name of an architecture: mini, inception5h, bvlc_googlenet, simplified, four_branches."""
    width: float = 1.0
    """Factor on the number of channels of all hidden layers."""
    size: int | None = None
    """Side of the images in pixels; by default the architecture's."""
    strides: tuple[int, int, int] | None = None
    """Strides of conv2d0, maxpool0 and maxpool1; small images want smaller ones."""
    final_average: Literal["xy", "x", "y", "none"] | None = None
    """Image axes over which the last grid is averaged before the logits; `none` connects them to every position."""
    heads: bool = False
    """Train the auxiliary classifiers too, where the architecture has any; they need images of 224 pixels."""
    recipe: Annotated[training.Recipe, tyro.conf.arg(name="")] = field(default_factory=training.Recipe)
    """How it is trained."""
    export: Literal["float32", "float16"] = "float32"
    """Type of the weights in the finished file."""
    stop_after: int | None = None
    """End after this many steps in all; the same command without it goes on."""
    report_every: int = 250
    """Steps between rows of the log, each with a checkpoint."""
    evaluate_every: int = 1500
    """Steps between validations; a multiple of `report_every`."""
    workers: int | None = None
    """Threads that prepare images; by default one for each processor."""
    distributed: bool = False
    """Join the other processes of a cluster (`jax.distributed`; SLURM and TPU pods are recognised)."""


def run(config: Config) -> int:
    """Train, or go on training, and write the finished model and its page; returns the exit code.

    Raises:
        UsageError: the request cannot be met, or training cannot go on.
    """
    with usage_errors():
        if config.distributed:
            jax.distributed.initialize()
        learn, judge = (
            datasets.open_dataset(config.data, split, config.data_dir)
            for split in (config.train_split, config.validation_split)
        )
        network = architecture(config, len(learn.classes))
    settings = _settings(config, network, learn, judge)
    path = config.out or Path("results", "train", f"{network.name}-{identity(settings)[:8]}")
    first = jax.process_index() == 0
    directory = RunDirectory(path)
    if first:
        facts = provenance.facts("train", config, {"architecture": network.name})
        open_run(path, settings, facts, force=config.force)
        if not directory.metrics:
            # From here on, checkpoints count as this run's.
            directory.write_json(METRICS, {"step": 0})
    _wait_for_all("opened")
    if (path / MODEL).exists() and directory.newer(INDEX, METRICS):
        if first:
            print(f"finished before, nothing to do (--force starts over): {path / INDEX}")
        return 0
    try:
        with usage_errors():
            trained = training.train(
                network,
                config.recipe,
                learn,
                judge,
                path,
                seed=config.seed,
                stop_after=config.stop_after,
                report_every=config.report_every,
                evaluate_every=config.evaluate_every,
                workers=config.workers,
            )
    except training.TrainingError as error:
        raise UsageError(str(error)) from error
    if trained.step < trained.steps:
        if first:
            print(f"stopped after step {trained.step} of {trained.steps}; the same command goes on")
        return 0 if config.stop_after == trained.step else 130
    if first:
        _export(directory, trained, config, learn)
    _wait_for_all("exported")
    # The file is what users get, so it is the file that is judged.
    model = inception_jax.load(path / MODEL)
    accuracy = training.validate(model, config.recipe, judge, config.workers)
    if first:
        _finish(directory, model, trained, accuracy, config)
        print(f"top-1 {accuracy.top1:.1%}, top-5 {accuracy.top5:.1%} on {accuracy.images} images")
        print(path / INDEX)
    return 0


def _wait_for_all(event: str) -> None:
    """Let no process of several go on before all are here."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(event)


def architecture(config: Config, classes: int) -> Architecture:
    """The network that the options describe.

    Raises:
        UsageError: no such architecture, or one that cannot be.

    >>> architecture(Config(data="cifar10", architecture="inception5h", width=0.5, size=32), classes=10).stem
    (32, 32, 96)
    """
    if config.architecture not in ARCHITECTURES:
        raise UsageError(f"no architecture {config.architecture!r}; expected one of {', '.join(ARCHITECTURES)}")
    base = ARCHITECTURES[config.architecture]
    arch = base if config.width == 1 else base.scaled(config.width)
    chosen = {"image_size": config.size, "strides": config.strides, "final_average": config.final_average}
    return dataclasses.replace(
        arch,
        classes=classes,
        heads=arch.heads if config.heads else (),
        # Whatever the size of the last grid, it is averaged as a whole.
        final_pool=None,
        **{name: value for name, value in chosen.items() if value is not None},
    )


def _settings(
    config: Config, network: Architecture, learn: datasets.Dataset, judge: datasets.Dataset
) -> dict[str, Any]:
    """What decides the weights."""
    return {
        "experiment": "train",
        "architecture": to_json(network),
        "recipe": dataclasses.asdict(config.recipe),
        "seed": config.seed,
        "export": config.export,
        "train_data": learn.fingerprint,
        "validation_data": judge.fingerprint,
    }


def _export(directory: RunDirectory, trained: training.Trained, config: Config, learn: datasets.Dataset) -> None:
    facts = directory.config
    # Where it ran is nobody's business who gets the file.
    plain = dataclasses.replace(config, out=None, data_dir=None, stop_after=None, workers=None)
    origin = {
        "source": f"trained by inception-jax on {Path(learn.name).name}",
        "classes": list(learn.classes),
        "seed": config.seed,
        "steps": trained.steps,
        "examples": len(learn),
        "recipe": dataclasses.asdict(config.recipe),
        "command": command("train", plain),
        **{name: facts[name] for name in ("versions", "device", "git_commit")},
    }
    model = inception_jax.Model(trained.model.architecture, trained.model.weights, origin)
    with usage_errors():
        inception_jax.save(model.astype(jnp.dtype(config.export)), directory.path / MODEL)


def _finish(
    directory: RunDirectory,
    model: inception_jax.Model,
    trained: training.Trained,
    accuracy: training.Accuracy,
    config: Config,
) -> None:
    metrics = {
        "step": trained.step,
        "parameters": sum(w.size for w in jax.tree.leaves(model.weights)),
        "validation": dataclasses.asdict(accuracy),
        "training_seconds": trained.rows[-1].seconds,
        "images_per_second": round(trained.steps * config.recipe.batch / max(trained.rows[-1].seconds, 1e-9), 1),
        "weights": {"file": MODEL, "arrays_sha256": provenance.weights_digest(model.weights)},
    }
    first = next(op for op in graph(model.architecture).weighted if isinstance(op, Conv))
    directory.write_image(FILTERS, page.filter_sheet(np.asarray(model.weights[first.layer]["kernel"], np.float32)))
    directory.write_json(METRICS, metrics)
    figures = Figures(directory, f"{model.name}, trained", "")
    figures.numbers(_numbers(metrics, config))
    figures.section("Course of the training")
    course = f"Loss, accuracy and learning rate over epochs; the numbers are in {training.LOG}."
    figures.figure("course", training.CURVES, course, alt="Three curves over epochs: loss, accuracy, learning rate")
    figures.section(f"Filters of {first.layer}")
    filters = f"The kernels of {first.layer} in colour: grey is zero, and each is stretched to its own range."
    figures.figure("filters", FILTERS, filters, alt="Small colour images side by side", coarse=True)
    figures.write(files=[MODEL, training.LOG, METRICS, CONFIG])


def _numbers(metrics: Mapping[str, Any], config: Config) -> dict[str, str]:
    validation = metrics["validation"]
    return {
        "top-1": f"{validation['top1']:.1%}",
        "top-5": f"{validation['top5']:.1%}",
        "validation images": f"{validation['images']:,}",
        "parameters": f"{metrics['parameters']:,}",
        "epochs": f"{config.recipe.epochs:g}",
        "training": f"{page.duration(metrics['training_seconds'])}, {metrics['images_per_second']:g} images/s",
    }
