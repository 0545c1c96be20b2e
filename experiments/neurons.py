"""What all units of a network look for: every neuron in one job, which several processes can share.

- Command: python -m experiments neurons
- Time: with the bundled network, 3 ms (conv2d2) to 7 ms (mixed4c) for each step of a unit on one CPU core: one to two
  hours for all; `status` says how long it will take elsewhere
- Expect: an image of each of the 5,804 units of the twelve main layers of InceptionV1 (1,720 of mini's), as OpenAI's
  Microscope has them. index.html shows a sheet for each layer, which leads to a page with each unit's image, score and
  curve; `experiments.store.load` reads all of them as arrays
- Resume: whatever stops it, the same command goes on from there, also several times at once; see docs/jobs.md
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import inception_jax
from experiments import neurons_pages
from experiments.options import UsageError, load_model, usage_errors
from experiments.store.options import UnitOptions, drawing, side
from experiments.store.processes import join
from experiments.store.running import run as run_job
from featvis import shortform
from featvis.shortform import Unit
from inception_jax.model import check_layer

MAIN = "main"


@dataclass(frozen=True)
class Config(UnitOptions):
    """Which units, how their images are optimised, and by how many processes."""

    layers: tuple[str, ...] = (MAIN,)
    """All units of these layers; `main` are the stem's convolutions and the blocks, twelve layers of InceptionV1."""
    sign: Literal["positive", "negative", "both"] = "positive"
    """What units of the layers answer to most, most negatively (before the ReLU), or both."""
    units: str | None = None
    """Some units instead of whole layers: mixed4a:0-15, mixed4a:1,5,9, mixed4a:*, a leading minus for negatives
    (--units=-mixed3b_pre_relu:379), several of these separated by commas."""
    steps: int = 512
    """Steps of optimisation."""
    images: int = 1
    """Images of each unit, side by side in its file."""
    diversity: float = 100.0
    """How much it counts that several images of a unit differ, beside the unit's activation; 0 for images that do not
    know of each other."""
    distributed: bool = False
    """This is one of several processes that a cluster (SLURM, TPU pods) started together, or that the next three
    options describe."""
    coordinator: str | None = None
    """Address of the first process, host:port, where no cluster says it."""
    processes: int | None = None
    """How many processes there are."""
    process: int | None = None
    """Number of this process, from 0."""


def run(config: Config) -> int:
    """Draw what is missing from the job's directory, then its sheets and pages; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    share = join(config.distributed, config.coordinator, config.processes, config.process)
    # What is recorded is how to go on with one process.
    config = dataclasses.replace(config, distributed=False, coordinator=None, processes=None, process=None)
    if config.images < 1 or not 0 <= config.diversity < float("inf"):
        raise UsageError(
            f"--images is {config.images} and --diversity {config.diversity:g}; expected at least 1, and 0 or more"
        )
    model = load_model(config)
    wanted = _units(config, model)
    size = side(config, model)
    return run_job(
        "neurons",
        config,
        model,
        drawing(config, model, config.images, config.diversity),
        wanted,
        lambda overview: neurons_pages.publish(overview, size, config.steps, config.objective, config.images),
        batch=config.batch,
        share=share,
        size=size,
    )


def _units(config: Config, model: inception_jax.Model) -> Sequence[Unit]:
    """The units that the options name.

    Raises:
        UsageError: an unknown layer or unit, or options that contradict each other.
    """
    if config.units is not None:
        if config.layers != (MAIN,) or config.sign != "positive":
            raise UsageError("--layers and --sign go without --units, in which a minus stands for negatives")
        with usage_errors():
            chosen = shortform.units(config.units, model.layers)
        shortform.warn_of_negatives(chosen, model.layers)
        return chosen
    found: list[Unit] = []
    for name in config.layers:
        for layer in model.architecture.main_layers if name == MAIN else [name]:
            with usage_errors():
                check_layer(layer, model.layers)
            if config.sign != "negative":
                found += [Unit(layer, number) for number in range(model.layers[layer])]
            if config.sign != "positive":
                below = f"{layer}_pre_relu" if f"{layer}_pre_relu" in model.layers else layer
                found += [Unit(below, number, negative=True) for number in range(model.layers[layer])]
    return found
