"""What the site is made of, where nobody has made it before: other experiments make it, in directories of their own."""

from collections.abc import Sequence
from pathlib import Path

import inception_jax
from experiments import examples, neurons, provenance
from experiments.examples.album import Album, album
from experiments.microscope.options import Config
from experiments.options import UsageError
from experiments.recipes import atlas
from experiments.recipes.sources import data_set
from experiments.rundir import RunDirectory


def units_drawn(config: Config, model: inception_jax.Model, layers: Sequence[str], path: Path) -> None:
    """Draw all units of some layers, in a job at `path`.

    Raises:
        UsageError: the request cannot be met.
        KeyboardInterrupt: the job was interrupted; what is drawn is kept.
    """
    size = min(128, model.architecture.image_size) if config.size is None else config.size
    code = neurons.run(
        neurons.Config(
            model=config.model, seed=config.seed, layers=tuple(layers), steps=config.steps, size=size, out=path,
            force=config.force,
        )
    )  # fmt: skip
    if code:
        raise KeyboardInterrupt


def photographs_seen(config: Config, model: inception_jax.Model, layers: Sequence[str], path: Path) -> Album | None:
    """The data-set examples, made where they are not there; None without photographs.

    Raises:
        UsageError: the request cannot be met.
    """
    if config.images is None:
        if config.examples is not None:
            raise UsageError("--examples needs the photographs as well; give them with --images")
        return None
    dataset, preparation = data_set(config, model)
    directory = RunDirectory(config.examples or path / "examples")
    there = directory.config.get("settings", {})
    ours = there.get("images") == dataset.fingerprint
    ours &= there.get("arrays_sha256") == provenance.weights_digest(model.weights)
    if not (ours and directory.metrics.get("finished")):
        if config.examples is not None and there:
            raise UsageError(
                f"{directory.path} holds no finished examples of {model.name} in {config.images}; expected a directory "
                "of `examples` with the same --model and --images"
            )
        data = {"images": config.images, "split": config.split, "data_dir": config.data_dir}
        examples.run(
            examples.Config(
                model=config.model,
                seed=config.seed,
                layers=tuple(layers),
                out=directory.path,
                force=config.force,
                **data,
            )
        )
    return album(directory, model, dataset, preparation)


def atlas_made(config: Config, layers: Sequence[str], path: Path) -> Path | None:
    """The directory of an atlas that is made here; None where nothing is to be drawn.

    Raises:
        UsageError: the request cannot be met.
        KeyboardInterrupt: it was interrupted; what is drawn is kept.
    """
    if config.images is None or not config.steps or config.group_layer not in layers:
        return None
    place = path / "atlas"
    data = {"images": config.images, "split": config.split, "data_dir": config.data_dir}
    code = atlas.run(
        atlas.Config(
            model=config.model, seed=config.seed, layer=config.group_layer, grid=config.grid, steps=config.steps,
            positions=4, out=place, force=config.force, **data,
        )
    )  # fmt: skip
    if code:
        raise KeyboardInterrupt
    return place
