"""Training from the first step, or from the last checkpoint, to the end."""

import contextlib
import math
import time
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from tqdm import tqdm

from inception_jax.architecture import Architecture
from inception_jax.datasets import Batch, Dataset, eval_batches, train_batches
from inception_jax.model import Model
from inception_jax.training import log
from inception_jax.training.batchnorm import fold
from inception_jax.training.calibrate import calibrate
from inception_jax.training.checkpoints import checkpoints
from inception_jax.training.evaluate import Accuracy, evaluate
from inception_jax.training.interrupt import interruptible
from inception_jax.training.recipe import Recipe
from inception_jax.training.step import State, begin, compiled, no_sums

LOG, CURVES, CHECKPOINTS = "log.csv", "curves.png", "checkpoints"


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why, and what to change."""


@dataclass(frozen=True)
class Trained:
    """A model after `step` of `steps` steps, with the table of its training."""

    model: Model
    step: int
    steps: int
    rows: list[log.Row]


def train(
    architecture: Architecture,
    recipe: Recipe,
    training: Dataset,
    validation: Dataset,
    folder: Path,
    *,
    seed: int = 0,
    stop_after: int | None = None,
    report_every: int = 100,
    evaluate_every: int = 500,
    workers: int | None = None,
    progress: bool = True,
) -> Trained:
    """Train a network, or go on where `folder` has a checkpoint of the same training.

    A checkpoint holds everything that a step depends on, and batch k depends on nothing but the data, the recipe and
    k. So a run that was stopped, in whatever way, and goes on arrives at the same weights as one that was not, bit for
    bit on the same device with the same versions.

    Over several devices each batch is divided (data-parallel); of several processes (`jax.distributed`), each reads its
    part of the data. The first SIGINT or SIGTERM ends the training with a checkpoint after the step in progress.

    Args:
        architecture: the network; its `classes` are those of the data.
        recipe: how it is trained.
        training: examples to learn from.
        validation: examples to judge by; their images have the architecture's `image_size`.
        folder: where the log, its curves and the checkpoints go; made if missing. The caller sees to it that a folder
            belongs to one architecture, recipe and data set.
        seed: of the weights, the order of the examples and their random changes; 0 or more.
        stop_after: end after this many steps in all, as if interrupted.
        report_every: steps between rows of the log, each with a checkpoint.
        evaluate_every: steps between validations, a multiple of `report_every`.
        workers: threads that prepare images; by default one for each processor.
        progress: show a progress bar.

    Raises:
        ValueError: architecture, recipe and data that do not fit together.
        TrainingError: the loss is not finite any more.
        DatasetError: images that cannot be read, one after another.

    >>> import dataclasses, os, tempfile
    >>> from PIL import Image
    >>> from inception_jax import INCEPTION5H, datasets
    >>> small = {"blocks": INCEPTION5H.blocks[:1], "heads": (), "classes": 2, "image_size": 32, "final_pool": None}
    >>> tiny = dataclasses.replace(INCEPTION5H, **small).scaled(1 / 16)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for colour in ("blue", "red"):
    ...         os.makedirs(f"{folder}/photos/{colour}")
    ...         Image.new("RGB", (40, 40), colour).save(f"{folder}/photos/{colour}/a.png")
    ...     photos = datasets.open_dataset(f"{folder}/photos", data_dir=folder)
    ...     recipe = Recipe(epochs=2, batch=2)
    ...     trained = train(tiny, recipe, photos, photos, Path(folder, "run"), report_every=1, evaluate_every=2)
    ...     accuracy = validate(trained.model, recipe, photos)
    >>> trained.model.layers["softmax2"], trained.rows[-1].step, accuracy.top5
    (2, 2, 1.0)
    """
    _check(architecture, recipe, training, validation)
    if report_every < 1 or evaluate_every % report_every:
        raise ValueError(f"evaluate_every is {evaluate_every}; expected a multiple of report_every, {report_every}")
    steps = recipe.steps(len(training))
    end = min(steps, steps if stop_after is None else stop_after)
    optimizer = recipe.transformation(steps, len(training))
    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
    replicated, divided = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("data"))
    advance = compiled(architecture, recipe, optimizer, replicated)
    place = partial(jax.make_array_from_process_local_data, divided)

    def model(state: State) -> Model:
        found = calibrate(
            architecture, recipe, state.params, state.statistics, training, place, seed=seed, workers=workers
        )
        return current_model(architecture, state._replace(statistics=found))

    first = jax.process_index() == 0
    folder.mkdir(parents=True, exist_ok=True)

    with contextlib.ExitStack() as stack:
        saved = stack.enter_context(checkpoints(folder / CHECKPOINTS))
        state = jax.device_put(saved.latest(begin(architecture, recipe, optimizer, seed)), replicated)
        at = int(state.step)
        rows = [row for row in log.read(folder / LOG) if row.step <= at]
        report = _Reporter(recipe, training, validation, steps, rows, model, workers)
        silent = None if progress and first else True  # None: but on terminals.
        bar = stack.enter_context(tqdm(total=steps, initial=at, unit="step", disable=silent))
        bar.set_postfix_str(log.summary(rows))
        stopped = stack.enter_context(interruptible())
        batches = _batches(architecture, recipe, training, seed, range(at, end), steps, workers)
        for size, batch in stack.enter_context(contextlib.closing(batches)):
            state, at = advance(state, place(batch.images), place(batch.labels)), at + 1
            report.seen(size, batch, state)
            bar.update()
            if at % report_every == 0 or at == steps:
                report.add(state, at % evaluate_every == 0 or at == steps)
                state = state._replace(sums=jax.device_put(no_sums(), replicated))
                bar.set_postfix_str(log.summary(rows))
                if first:
                    log.write(rows, folder / LOG)
                    if rows[-1].validation_top1 is not None:
                        log.draw(rows, folder / CURVES)
            if at % report_every == 0 or at == end or stopped():
                saved.save(at, state)
                report.skip()
            if stopped():
                break
    if first and rows:
        log.draw(rows, folder / CURVES)
    return Trained(model(state) if at == steps else current_model(architecture, state), at, steps, rows)


def current_model(architecture: Architecture, state: State) -> Model:
    """The model that a training state amounts to, batch normalisation folded into its kernels."""
    return Model(architecture, jax.tree.map(jax.numpy.asarray, fold(state.params, state.statistics)))


class _Reporter:
    """Adds rows to the log: keeps the time, counts damaged images, validates."""

    def __init__(
        self,
        recipe: Recipe,
        training: Dataset,
        validation: Dataset,
        steps: int,
        rows: list[log.Row],
        model: Callable[[State], Model],
        workers: int | None,
    ) -> None:
        self.recipe, self.training, self.validation = recipe, training, validation
        self.rows, self.model, self.workers = rows, model, workers
        self.rates = recipe.learning_rates(steps, len(training))
        self.seconds = rows[-1].seconds if rows else 0.0
        self.size = self.damaged = self.timed = 0
        self.skip()

    def skip(self) -> None:
        """What was done since the last row or skip is no training."""
        self.since = time.perf_counter()

    def seen(self, size: int, batch: Batch, state: State) -> None:
        self.damaged += batch.damaged
        self.timed += len(batch.labels)
        if size != self.size:
            # The first step of a size compiles, and is not timed.
            jax.block_until_ready(state.step)
            self.size, self.timed = size, 0
            self.skip()

    def add(self, state: State, judge: bool) -> None:
        loss, correct, images = (value.item() for value in jax.device_get(state.sums))
        elapsed = time.perf_counter() - self.since
        step = int(state.step)
        last = self.rows[-1].step if self.rows else 0
        mean = loss / (step - last)
        if not math.isfinite(mean):
            raise TrainingError(
                f"the loss is {mean} between steps {last} and {step}; the checkpoint before is kept. "
                f"A lower learning rate than {self.recipe.learning_rate} or a longer warm-up usually helps"
            )
        if self.damaged:
            warnings.warn(
                f"{self.damaged} images of {self.training.name} could not be read between steps {last} and {step}; "
                "others took their place",
                stacklevel=2,
            )
        self.seconds += elapsed
        row = log.Row(
            step=step,
            epoch=round(step * self.recipe.batch / len(self.training), 4),
            size=self.size,
            learning_rate=float(np.asarray(self.rates(step - 1))),
            train_loss=mean,
            train_top1=correct / images,
            seconds=round(self.seconds, 2),
            images_per_second=round(self.timed * jax.process_count() / max(elapsed, 1e-9), 1),
            damaged=self.damaged,
        )
        if judge:
            found = validate(self.model(state), self.recipe, self.validation, self.workers)
            row = replace(row, validation_loss=found.loss, validation_top1=found.top1, validation_top5=found.top5)
        self.rows.append(row)
        self.damaged = self.timed = 0
        self.skip()


def validate(model: Model, recipe: Recipe, dataset: Dataset, workers: int | None = None) -> Accuracy:
    """Accuracy of `model` on a data set, with images prepared as `recipe` says.

    >>> import os, tempfile
    >>> import inception_jax
    >>> from PIL import Image
    >>> from inception_jax import datasets
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for wnid in ("n01443537", "n01629819"):
    ...         os.makedirs(f"{folder}/photos/{wnid}")
    ...         Image.new("RGB", (64, 64)).save(f"{folder}/photos/{wnid}/a.png")
    ...     photos = datasets.open_dataset(f"{folder}/photos", data_dir=folder)
    ...     validate(inception_jax.load("mini"), Recipe(), photos).images
    2
    """
    shard = jax.process_index(), jax.process_count()
    preparation = recipe.preparation(model.architecture.image_size)
    return evaluate(model, eval_batches(dataset, preparation, 100, shard=shard, workers=workers))


def _batches(
    architecture: Architecture,
    recipe: Recipe,
    training: Dataset,
    seed: int,
    at: range,
    steps: int,
    workers: int | None,
) -> Generator[tuple[int, Batch], None, None]:
    """The batches of steps `at`, with the side of their images."""
    shard = jax.process_index(), jax.process_count()
    start = at.start
    while start < at.stop:
        size = recipe.size_at(start, steps, architecture.image_size)
        count = 0
        batches = train_batches(
            training,
            recipe.preparation(size),
            recipe.batch // shard[1],
            seed=seed,
            start=start,
            shard=shard,
            workers=workers,
        )
        with contextlib.closing(batches):
            for batch in islice(batches, at.stop - start):
                if recipe.size_at(start + count, steps, architecture.image_size) != size:
                    break
                yield size, batch
                count += 1
        start += count


def _check(architecture: Architecture, recipe: Recipe, training: Dataset, validation: Dataset) -> None:
    if training.classes != validation.classes:
        raise ValueError(
            f"training data have {len(training.classes)} classes and validation data {len(validation.classes)}, "
            "or others, or in another order; expected the same"
        )
    if len(training.classes) < 2:
        raise ValueError(
            f"all images of {training.name} are of one class, {', '.join(training.classes)}; expected a folder for "
            "each of two or more classes"
        )
    if architecture.classes != len(training.classes):
        raise ValueError(
            f"{architecture.name} has {architecture.classes} classes; {training.name} has {len(training.classes)}"
        )
    if len(training) == 0 or len(validation) == 0:
        raise ValueError(f"{len(training)} examples to train with and {len(validation)} to validate; expected some")
    fixed = architecture.final_average != "xy" or architecture.heads
    if fixed and set(recipe.sizes) - {architecture.image_size}:
        raise ValueError(
            f"sizes are {recipe.sizes}, but the logits of {architecture.name} are connected to the map that images of "
            f"{architecture.image_size} pixels leave; leave sizes empty"
        )
    if recipe.batch % jax.device_count():
        raise ValueError(
            f"a batch of {recipe.batch} images does not divide over {jax.device_count()} devices; "
            f"expected a multiple of {jax.device_count()}"
        )
