"""Activation atlas: a map of what a layer sees in many photographs.

- Command: python -m experiments atlas --images ../shared/data/imagenet-samples.zip
- Time: 16 minutes on one CPU core with bvlc_googlenet: 2 for the photographs, 1 for the layout, 12 for 223 icons
- Expect: after Carter et al. 2019, "Activation Atlas", a map on which like is near like: each icon shows what the
  activations of its region have in common, and its caption the class that they speak for most. atlas.json has the same
  in numbers, images/ the icons
- Resume: Ctrl-C keeps the icons that are done, the same command goes on from there

`--label goldfish` makes the map of what speaks for one class, `--versus` that of two classes against each other,
`--beside` one map of the same things in two models or layers.
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import tyro
from jaxtyping import Float
from tqdm.auto import tqdm

import featvis
import inception_jax
from experiments import figures, provenance
from experiments.examples import photographs
from experiments.figures import Figures, finished
from experiments.options import UsageError, load_model, usage_errors
from experiments.recipes.atlas_maps import Map, Side, facts_of, show
from experiments.recipes.sources import DataOptions, data_set
from experiments.recipes.subject import LOGITS, class_names, class_number
from featvis.network import activation_shapes
from featvis.objectives.base import check_positions
from featvis.pixels import eight_bit
from featvis.recipes import atlas
from featvis.recipes.atlas.layout import Method
from featvis.request import images_shape

CELLS = "atlas.json"

_BATCH = 16
_COUNTS = ("positions", "grid", "least", "steps", "restarts", "strongest", "photographs")
_LEAST = {**dict.fromkeys(_COUNTS, 1), "neighbors": 2}
"""The smallest values of options, checked before anything takes long."""


@dataclass(frozen=True)
class Config(DataOptions):
    """Which photographs, which layer, and how the map is drawn."""

    images: str = tyro.MISSING
    """Name of a tfds data set, or path of a folder or zip of photographs or class folders, or of a folder of zips."""
    layer: str = "mixed4c"
    """The layer whose activations are shown."""
    positions: int = 8
    """Positions at which each photograph is sampled, chosen at random away from its edges."""
    grid: int = 20
    """Rows and columns of the map."""
    least: int = 6
    """Samples that a cell must have to be shown."""
    method: Method | None = None
    """How samples are laid out: umap (needs `pip install inception-jax[atlas]`), tsne, or the coarse pca; by default
    umap where it is installed, and tsne elsewhere."""
    neighbors: int = 50
    """Neighbours that the layout keeps near each sample: more show the whole better, fewer its parts."""
    size: int | None = None
    """Side of the icons in pixels; by default three quarters of that of the images of the training, at most 80."""
    steps: int = 256
    """Steps of optimisation of each icon."""
    restarts: int = 1
    """Attempts at each icon, of which the best is kept."""
    cossim_pow: float = 2.0
    """How closely icons keep to the direction of their cell."""
    label: str | None = None
    """Show only what speaks for this class: a label of the network, a WordNet id, or a number."""
    versus: str | None = None
    """Show both, on the left what speaks for `--label`, on the right what speaks for this class."""
    strongest: int = 2000
    """Samples that are shown of each of these classes."""
    beside: str | None = None
    """Another network, by name or file, to show beside this one on the same map."""
    beside_layer: str | None = None
    """The layer of that network, or another layer of the same; by default the same layer."""
    batch: int | None = None
    """Icons optimised at once; by default what suits the device."""
    photographs: int | None = None
    """Photographs to take, at most; by default all."""


def run(config: Config) -> int:
    """Collect samples, lay them out, render the icons and write the map; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    if config.versus is not None and config.label is None:
        raise UsageError("--versus compares a class with another; give both, --label and --versus")
    for name, least in _LEAST.items():
        if (value := getattr(config, name)) is not None and value < least:
            raise UsageError(f"--{name} is {value}; expected {least} or more")
    has_umap = importlib.util.find_spec("umap") is not None
    if config.method == "umap" and not has_umap:
        raise UsageError("--method umap needs `pip install inception-jax[atlas]`; tsne and pca do without")
    if config.method is None:
        config = replace(config, method="umap" if has_umap else "tsne")
    other = None if config.beside is None else load_model(replace(config, model=config.beside))
    found = {} if other is None else {"beside": provenance.weights_digest(other.weights)}
    lede = (
        "Each icon stands for a region of what the layer does: it shows what the activations there have in common. "
        "Regions near each other are alike, and larger icons stand for more of the photographs."
    )
    title = f"Activation atlas of {config.layer}"

    def drawn(page: Figures, model: inception_jax.Model) -> None:
        draw(page, model, config, other)

    return figures.run("atlas", config, title, lede, drawn, found)


def draw(
    page: Figures, model: inception_jax.Model, config: Config, other: inception_jax.Model | None = None
) -> list[Map]:
    """Draw the map, and that of the other network; returns both.

    Raises:
        UsageError: the request cannot be met.
    """
    sides = _sides(config, model, other)
    names = class_names(model)
    with usage_errors():
        classes = [class_number(model, name) for name in (config.label, config.versus) if name is not None]
        if len(set(classes)) < len(classes):
            raise ValueError(f"--label and --versus are both {names[classes[0]]}; expected two classes")
        for side in sides:
            _check_layer(config, side)
    collected: list[atlas.Samples] = []
    for side in sides:
        like = collected[0] if collected else None
        found = page.kept(f"{side.name}_samples", partial(_collect, config, side, like))
        collected.append(atlas.Samples(layer=side.layer, **found))
    with usage_errors():
        chosen = _chosen(config, collected[0], classes)
        samples = [part[chosen] for part in collected]
        points = page.kept("layout", lambda: {"points": _points(config, samples, classes)})["points"]
        cells = atlas.gather(points, (config.grid, config.grid), config.least)
    page.numbers({"photographs": len(np.unique(samples[0].images)), "samples": len(chosen), "cells": len(cells)})
    facts: dict[str, Any] = {}
    maps: list[Map] = []
    for side, part, whole in zip(sides, samples, collected, strict=True):
        drawn = atlas.activation_atlas(part, cells)
        files = [f"images/{side.name}_{row:03}_{column:03}.png" for row, column in cells.places]
        objectives = drawn.objectives(atlas.whitening(whole.vectors), config.cossim_pow)
        icons = page.kept(f"{side.name}_icons", partial(_icons, config, page, side, objectives, files))["images"]
        facts[side.name] = facts_of(drawn, side, files, names)
        maps.append(Map(drawn, part, icons / np.float32(255)))
        show(page, drawn, side, maps[-1].icons, [names[int(c)] for c in drawn.top_classes().ravel()])
    page.directory.write_json(CELLS, {"rows": cells.rows, "columns": cells.columns, "atlases": facts})
    return maps


def _sides(config: Config, model: inception_jax.Model, other: inception_jax.Model | None) -> list[Side]:
    # As the user calls them: two networks may have one architecture.
    first = Side("atlas", f"{config.layer} of {config.model}", model, config.layer)
    if other is None and config.beside_layer is None:
        return [first]
    layer, other = config.beside_layer or config.layer, model if other is None else other
    return [first, Side("beside", f"{layer} of {config.beside or config.model}", other, layer)]


def _icon_side(config: Config, model: inception_jax.Model) -> int:
    return min(80, 3 * model.architecture.image_size // 4) if config.size is None else config.size


def _check_layer(config: Config, side: Side) -> None:
    """Raise `ValueError` for a layer that cannot be shown, before the photographs are read."""
    for pixels in (side.model.architecture.image_size, _icon_side(config, side.model)):
        shapes = activation_shapes(side.model, (side.layer,), images_shape(featvis.param.image(pixels)))
        check_positions(side.layer, shapes[side.layer])


def _collect(config: Config, side: Side, like: atlas.Samples | None) -> dict[str, np.ndarray]:
    """The samples of one network, as arrays."""
    dataset, preparation = data_set(config, side.model)
    count = len(dataset) if config.photographs is None else min(len(dataset), config.photographs)
    batches = ((b.images, b.labels) for b, _ in photographs.batches(dataset, preparation, range(count), _BATCH))
    bar = tqdm(batches, "collecting", total=-(-count // _BATCH), unit="batch", disable=None)
    # What a second network adds to its classes is not shown.
    logits = LOGITS if like is None else None
    samples = atlas.collect(
        side.model, bar, side.layer, positions=config.positions, logits=logits, like=like, seed=config.seed
    )
    return {name: array for name in samples.ARRAYS if (array := getattr(samples, name)) is not None}


def _chosen(config: Config, samples: atlas.Samples, classes: list[int]) -> np.ndarray:
    """Numbers of the samples that are shown: those that speak for the classes asked for, or all."""
    if not classes:
        return np.arange(len(samples))
    return np.unique(np.concatenate([samples.strongest(label, config.strongest) for label in classes]))


def _points(config: Config, samples: Sequence[atlas.Samples], classes: list[int]) -> Float[np.ndarray, "n 2"]:
    settings: dict[str, Any] = {"method": config.method, "neighbors": config.neighbors, "seed": config.seed}
    if len(classes) == 2:
        return atlas.contrast(samples[0], classes[0], classes[1], **settings)
    return atlas.in_unit_square(atlas.lay_out(atlas.joint(*samples), **settings))


def _icons(
    config: Config, page: Figures, side: Side, objectives: Sequence[featvis.Objective], files: list[str]
) -> dict[str, np.ndarray]:
    """Render the icons whose files are missing, and write each when it is there."""
    missing = [i for i, file in enumerate(files) if not (page.directory.path / file).exists()]

    def keep(result: featvis.Result) -> None:
        for index, image, steps in zip(result.indices, result.images, result.steps_done, strict=True):
            if steps == config.steps:
                page.directory.write_image(files[int(index)], image)

    if missing:
        result = featvis.render(
            side.model,
            objectives,
            steps=config.steps,
            seed=config.seed,
            param=featvis.param.image(_icon_side(config, side.model)),
            transforms=featvis.transforms.ATLAS,
            restarts=config.restarts,
            batch=config.batch,
            only=missing,
            on_batch=keep,
        )
        finished(result)
    return {"images": np.stack([eight_bit(page.directory.read_image(file)) for file in files])}
