"""Networks that an article trains itself, each in a few minutes: gone on with after a stop, kept, or given."""

import dataclasses
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

import inception_jax
from experiments.options import UsageError, usage_errors
from experiments.study import ArticleOptions, Study
from inception_jax import Architecture, datasets, training

MISSING = "no photographs to learn from"
"""Why a claim about networks of an article's own is not asked."""


@dataclass(frozen=True)
class TrainingOptions(ArticleOptions):
    """What an article's own networks learn from, and for how long."""

    learn_from: str | None = None
    """Photographs to learn from, as for `train --data`; by default data/tiny-imagenet beside the other photographs."""
    epochs: float = 2.0
    """How often each of them is seen; half as often with `quick`."""
    networks: Path | None = None
    """Folder of the networks that an earlier run trained, to be taken instead of training."""


Config = TypeVar("Config", bound=TrainingOptions)


def with_data(config: Config) -> Config:
    """Options with the photographs to learn from filled in, where they are at hand.

    >>> with_data(TrainingOptions(learn_from="cifar10")).learn_from
    'cifar10'
    """
    data = Path(os.environ.get("INCEPTION_JAX_SHARED", "../shared")) / "data" / "tiny-imagenet"
    if config.learn_from is not None or not data.is_dir():
        return config
    return dataclasses.replace(config, learn_from=str(data))


RECIPE = training.Recipe(
    batch=128,
    optimizer="adamw",
    learning_rate=0.004,
    weight_decay=3.0,
    area=(0.6, 1.0),
    brightness=0.0,
    contrast=0.0,
    saturation=0.0,
    calibration=20,
)
"""How they are trained: short, so that decay must be strong, or most of a kernel would still be its random start."""


def trained(
    study: Study,
    config: TrainingOptions,
    name: str,
    architecture: Architecture,
    recipe: training.Recipe = RECIPE,
    seed: int = 0,
) -> inception_jax.Model | None:
    """A network of this architecture, trained; None where there is nothing to learn from.

    It is kept in the run's directory as `<name>.safetensors`, with `top1` on photographs that it has not seen in its
    `origin`. A training that was stopped goes on from its last checkpoint.

    Args:
        study: of the article.
        config: its options.
        name: of the network within the article.
        architecture: as it is trained, but for the number of classes, which is that of the data.
        recipe: how; `epochs` are those of the options.
        seed: of the weights and of the order of photographs.

    Raises:
        UsageError: photographs that cannot be used, no such network in the folder that was given, or a loss that is
            not finite any more.
        KeyboardInterrupt: the training was stopped; its checkpoint is kept.
    """
    file = f"{name}.safetensors"
    if config.networks is not None:
        if not (config.networks / file).exists():
            raise UsageError(f"there is no {file} in {config.networks}; expected the directory of an earlier run")
        with usage_errors():
            return inception_jax.load(config.networks / file)
    if config.learn_from is None:
        return None
    path = study.page.directory.path
    plan = dataclasses.replace(recipe, epochs=config.epochs / 2 if config.quick else config.epochs)

    def make() -> dict[str, np.ndarray]:
        model, top1 = _train(config, path / "checkpoints" / name, architecture, plan, seed)
        inception_jax.save(model, path / file)
        shutil.rmtree(path / "checkpoints" / name)
        return {"top1": np.array(top1)}

    study.page.kept(f"trained-{name}", make)
    with usage_errors():
        return inception_jax.load(path / file)


def accuracy(model: inception_jax.Model) -> str:
    """How often a network that `trained` made is right, in words.

    >>> accuracy(inception_jax.initialise(inception_jax.MINI, seed=0))
    'unknown'
    """
    top1 = model.provenance.get("origin", {}).get("top1")
    return "unknown" if top1 is None else f"{top1:.1%}"


def _train(
    config: TrainingOptions, folder: Path, architecture: Architecture, recipe: training.Recipe, seed: int
) -> tuple[inception_jax.Model, float]:
    learn, judge = (
        datasets.open_dataset(str(config.learn_from), part, config.data_dir) for part in ("train", "validation")
    )
    network = dataclasses.replace(architecture, classes=len(learn.classes))
    steps = recipe.steps(len(learn))
    try:
        # Judged once, at its end.
        done = training.train(
            network, recipe, learn, judge, folder, seed=seed, report_every=100, evaluate_every=100 * (1 + steps // 100)
        )
    except training.TrainingError as error:
        raise UsageError(str(error)) from error
    if done.step < done.steps:
        raise KeyboardInterrupt
    top1 = done.rows[-1].validation_top1
    assert top1 is not None
    origin: dict[str, Any] = {
        "source": f"trained by inception-jax on {Path(learn.name).name}",
        "seed": seed,
        "steps": done.steps,
        "examples": len(learn),
        "recipe": dataclasses.asdict(recipe),
        "top1": top1,
    }
    return inception_jax.Model(network, done.model.weights, origin), top1
