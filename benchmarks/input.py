"""Does the input pipeline keep the device fed?

    python benchmarks/input.py --data imagenette --size 224

prints images per second of reading, of reading and preparing in one thread, of the pipeline with different numbers of
threads and processes, of the training step alone, on a batch that is on the device already, and of training with the
pipeline. Everything runs in this one run, each measurement in a process of its own, in rounds, and the best of each is
kept (machines are noisy: compare ratios). The step needs to be the slower one; then training is as fast as the step.

`--width 0.25` narrows the network; `--record` appends the table to `RESULTS.md`.
"""

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from report import heading, measured, publish

ALONE, TOGETHER = "training step alone", "training with the pipeline"


def main() -> None:
    """Run every measurement in rounds and print the table of the best of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="name of a tfds data set, or path of a folder or zip file")
    parser.add_argument("--split", default="train")
    parser.add_argument("--size", type=int, default=64, help="side of the images, in pixels")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, os.cpu_count() or 1], help="threads or processes")
    parser.add_argument("--width", type=float, default=1.0, help="of the network that is trained; 0 trains none")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measure(options)))
        return
    rows = compare(options)
    publish(table(rows, options), options.record)


def compare(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Best of several rounds of each contender."""
    from inception_jax import datasets

    datasets.open_dataset(options.data, options.split)  # prepares it, and tells what is wrong with it
    names = ["reading", "reading and preparing, 1 thread"]
    names += [f"pipeline, {kind}: {n}" for kind in ("threads", "processes") for n in dict.fromkeys(options.workers)]
    names += [ALONE, TOGETHER] if options.width else []
    best: dict[str, dict[str, Any]] = {}
    for _, name in itertools.product(range(options.rounds), names):
        row = {"name": name} | measured(name, [sys.executable, *sys.argv, "--worker", name])
        if name not in best or row["images_per_second"] > best[name]["images_per_second"]:
            best[name] = row
    return list(best.values())


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Time one contender in this process."""
    from inception_jax import datasets

    dataset = datasets.open_dataset(options.data, options.split)
    preparation = datasets.Preparation(size=options.size)
    kind, _, detail = options.worker.partition(", ")
    if kind == "pipeline":
        parallel, _, count = detail.partition(": ")
        processes = parallel == "processes"
        batches = datasets.train_batches(
            dataset, preparation, options.batch, seed=0, workers=int(count), processes=processes
        )
        return rate(lambda: len(next(batches).labels), options.seconds)
    if kind in (ALONE, TOGETHER):
        batches = datasets.train_batches(dataset, preparation, options.batch, seed=0)
        batches = itertools.repeat(next(batches)) if kind == ALONE else batches
        return rate(training(batches, dataset, options), options.seconds)
    return rate(prepared_alone(dataset, preparation if detail else None), options.seconds)


def prepared_alone(dataset: Any, preparation: Any) -> Callable[[], int]:
    """Reads examples in random order, and prepares them if there is a preparation."""
    import numpy as np

    rng = np.random.default_rng(0)

    def run() -> int:
        example = dataset[int(rng.integers(len(dataset)))]
        if preparation:
            preparation.train(example.image, "", rng)
        return 1

    return run


def training(batches: Iterator[Any], dataset: Any, options: argparse.Namespace) -> Callable[[], int]:
    """Steps of training, on the batches one after another."""
    import dataclasses

    import jax
    from jax.sharding import SingleDeviceSharding

    from inception_jax import INCEPTION5H
    from inception_jax.training import Recipe
    from inception_jax.training.step import begin, compiled

    architecture = dataclasses.replace(
        INCEPTION5H.scaled(options.width), heads=(), classes=len(dataset.classes), final_pool=None
    )
    recipe = Recipe(batch=options.batch)
    optimizer = recipe.transformation(1000, len(dataset))
    advance = compiled(architecture, recipe, optimizer, SingleDeviceSharding(jax.devices()[0]))
    state = begin(architecture, recipe, optimizer, seed=0)
    on_device: dict[int, Any] = {}

    def run() -> int:
        nonlocal state
        batch = next(batches)
        if options.worker == ALONE:
            arrays = on_device.setdefault(0, jax.device_put((batch.images, batch.labels)))
        else:
            arrays = jax.device_put((batch.images, batch.labels))
        state = advance(state, *arrays)
        # The next batch is made while the device works on this one; two steps ahead would only hide the time.
        jax.block_until_ready(state.step)
        return len(batch.labels)

    return run


def rate(run: Callable[[], int], seconds: float) -> dict[str, Any]:
    """Images per second, and processor time of this process, without its children, for a thousand images."""
    warm = time.perf_counter() + seconds / 4
    run()  # compiles
    while time.perf_counter() < warm:
        run()
    images, start, before = 0, time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - start) < seconds:
        images += run()
    return {"images_per_second": images / elapsed, "cpu": (time.process_time() - before) / images * 1000}


def table(rows: list[dict[str, Any]], options: argparse.Namespace) -> list[str]:
    """The report, in Markdown."""
    import jax

    where = f"{os.cpu_count()} processors, jax {jax.__version__}, {jax.devices()[0].device_kind}"
    lines = [
        *heading([where], f"{options.size} pixels, batches of {options.batch}"),
        "| what | images/s | processor seconds of the main process per 1,000 images |",
        "|---|---|---|",
    ]
    lines += [f"| {row['name']} | {row['images_per_second']:,.0f} | {row['cpu']:.2f} |" for row in rows]
    return lines


if __name__ == "__main__":
    main()
