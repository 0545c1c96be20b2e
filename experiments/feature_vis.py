"""Feature visualisations of many units, layer by layer on one page.

- Command: python -m experiments feature_vis --units conv2d2:0-7,mixed4c:0-7,mixed5a:0-7
- Time: one to two minutes on two CPU cores with the bundled network, of which half is compiling
- Expect: for each unit an image that drives it harder than photographs do, after Olah et al. 2017, "Feature
  Visualization". index.html and sheet.png show all of them, images/ holds them, metrics.json and history.npz have the
  objective values, config.json says what made them
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

import warnings
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np

import featvis
import inception_jax
from experiments import page, provenance
from experiments.figures import INDEX, Figures
from experiments.options import Options, load_model, usage_errors
from experiments.rundir import CONFIG, METRICS, RunDirectory, identity, open_run
from experiments.stopwatch import Lap, Stopwatch
from featvis import objectives as obj
from featvis import shortform
from featvis.sheet import sheet
from featvis.shortform import Unit

HISTORY, SHEET = "history.npz", "sheet.png"


@dataclass(frozen=True)
class Config(Options):
    """Which units, and how their images are optimised."""

    units: str = "conv2d2:0-7,mixed4c:0-7,mixed5a:0-7"
    """Units by layer: mixed4a:0-15, mixed4a:1,5,9, mixed4a:* and, for what a unit answers to most negatively, a minus
    (--units=-mixed3b_pre_relu:379); several of these separated by commas. Layers are all that `python -m inception_jax
    summary` shows, and their _pre_relu forms."""
    objective: Literal["channel", "neuron"] = "channel"
    """Raise the unit's mean over all positions, or its value at the centre."""
    size: int | None = None
    """Side of the images in pixels; by default 1.5 times that of the images of the training, at most 128."""
    steps: int = 256
    """Steps of optimisation; more than these sharpen a little."""
    restarts: int = 1
    """Attempts per unit, of which the best is kept."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the network."""
    batch: int | None = None
    """Images optimised at once; by default what suits the device."""


def run(config: Config) -> int:
    """Draw what is missing from the run's directory, then its sheet and its page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    model = load_model(config)
    facts = provenance.model_facts(model)
    with usage_errors():
        units = {_name(unit): unit for unit in shortform.units(config.units, model.layers)}
    _warn_of_negatives(units.values(), model.layers)
    settings = provenance.settings("feature_vis", config, facts, size=_size(config, model))
    layers = list(dict.fromkeys(unit.layer for unit in units.values()))
    path = config.out or Path("results", "feature_vis", "-".join([model.name, *layers[:3], identity(settings)[:8]]))
    directory = open_run(path, settings, provenance.facts("feature_vis", config, facts), force=config.force)
    missing = _missing(directory, units, config.steps)
    if not missing and directory.newer(INDEX, METRICS):
        print(f"finished before, nothing to do (--force starts over): {path / INDEX}")
        return 0

    interrupted = False
    try:
        if missing:
            _draw(directory, model, {name: units[name] for name in missing}, config)
    except KeyboardInterrupt:
        interrupted = True
    missing = _missing(directory, units, config.steps)
    drawn = _write_page(directory, model, units, len(missing), config)
    if interrupted or missing:
        print(f"interrupted: {len(units) - len(missing)} of {len(units)} units are done; the same command goes on")
    if drawn:
        print(path / INDEX)
    return 130 if interrupted or missing else 0


def _name(unit: Unit) -> str:
    """A unit's name in files; readers let only plain characters into the names of layers."""
    return f"{unit.layer}_{unit.number}{'_negative' if unit.negative else ''}"


def _objective(unit: Unit, kind: str) -> featvis.Objective:
    objective = {"channel": obj.channel, "neuron": obj.neuron}[kind](unit.layer, unit.number)
    return -objective if unit.negative else objective


def _warn_of_negatives(units: Iterable[Unit], layers: Container[str]) -> None:
    for layer in dict.fromkeys(unit.layer for unit in units if unit.negative):
        better = f"{layer}_pre_relu"
        if better in layers:
            warnings.warn(f"{layer} is never negative, and flat where it is 0; {better} shows more", stacklevel=3)


def _size(config: Config, model: inception_jax.Model) -> int:
    return min(128, 3 * model.architecture.image_size // 2) if config.size is None else config.size


def _missing(directory: RunDirectory, names: Iterable[str], steps: int) -> list[str]:
    known = directory.metrics.get("units", {})
    return [
        name
        for name in names
        if known.get(name, {}).get("steps", 0) < steps or not (directory.path / _image(name)).exists()
    ]


def _image(name: str) -> str:
    return f"images/{name}.png"


def _draw(directory: RunDirectory, model: inception_jax.Model, units: Mapping[str, Unit], config: Config) -> None:
    """Draw `units`, writing each batch when it is there.

    Raises:
        KeyboardInterrupt: Ctrl-C before the first steps were done; later ones end the drawing early.
    """
    names, watch = list(units), Stopwatch()

    def keep(result: featvis.Result) -> None:
        _keep(directory, [names[i] for i in result.indices], result, watch.lap(), config)

    with usage_errors(), watch:
        featvis.render(
            model,
            [_objective(unit, config.objective) for unit in units.values()],
            steps=config.steps,
            seed=config.seed,
            param=featvis.param.image(_size(config, model)),
            restarts=config.restarts,
            dtype=jnp.dtype(config.dtype),
            batch=config.batch,
            on_batch=keep,
        )


def _keep(directory: RunDirectory, names: Sequence[str], result: featvis.Result, lap: Lap, config: Config) -> None:
    """Write the images, then the numbers; a unit counts as done when its numbers are there."""
    for name, image in zip(names, result.images, strict=True):
        directory.write_image(_image(name), image)
    directory.write_arrays(HISTORY, directory.read_arrays(HISTORY) | dict(zip(names, result.history, strict=True)))
    metrics = directory.metrics
    units = metrics.get("units", {})
    for i, name in enumerate(names):
        steps = int(result.steps_done[i])
        units[name] = {
            "label": result.labels[i],
            "score": float(result.scores[i]),
            "history_first": float(result.history[i, 0]),
            "history_last": float(result.history[i, steps - 1]),
            "steps": steps,
            "seconds": round((lap.wall - lap.compiling) / len(names), 3),
        }
    directory.write_json(METRICS, {"totals": _totals(metrics.get("totals", {}), units, lap, config), "units": units})


def _totals(before: Mapping[str, Any], units: Mapping[str, Any], lap: Lap, config: Config) -> dict[str, Any]:
    """Sums over all sessions of a run; the rate leaves compilation out."""
    image_steps = config.restarts * sum(unit["steps"] for unit in units.values())
    seconds = sum(unit["seconds"] for unit in units.values())
    return {
        "units": len(units),
        "wall_seconds": round(before.get("wall_seconds", 0) + lap.wall, 3),
        "compile_seconds": round(before.get("compile_seconds", 0) + lap.compiling, 3),
        "image_steps": image_steps,
        "image_steps_per_second": round(image_steps / max(seconds, 1e-3), 2),
    }


def _write_page(
    directory: RunDirectory, model: inception_jax.Model, units: Mapping[str, Unit], missing: int, config: Config
) -> bool:
    """The contact sheet and the page of all units drawn so far; False if there are none yet."""
    known, history = directory.metrics.get("units", {}), directory.read_arrays(HISTORY)
    layers: dict[str, list[str]] = {}
    for name, unit in units.items():
        if name in known:
            layers.setdefault(unit.layer, []).append(name)
    drawn = [name for names in layers.values() for name in names]
    if not drawn:
        return False
    images = np.stack([directory.read_image(_image(name)) for name in drawn])
    labels = [known[name]["label"] for name in drawn]
    directory.write_image(SHEET, sheet(images, labels, _columns(list(map(len, layers.values())))))
    lede = _lede(units.values(), len(drawn), images.shape[1], config)
    figures = Figures(directory, f"{model.name}: {', '.join(layers)}", lede)
    for layer, names in layers.items():
        if len(layers) > 1:
            figures.section(layer)
        figures.gallery([_tile(figures, name, known[name], history[name], config.steps) for name in names])
    notice = (
        f"{missing} of {len(drawn) + missing} units are still to come. The command below goes on where this stopped."
    )
    made = {"Drawn in": _speed(directory.metrics["totals"])}
    figures.write(notice if missing else "", made, files=[SHEET, METRICS, CONFIG, HISTORY])
    return True


def _tile(figures: Figures, name: str, unit: Mapping[str, Any], curve: np.ndarray, steps: int) -> dict[str, Any]:
    note = f"stopped at step {unit['steps']} of {steps}" if unit["steps"] < steps else ""
    return figures.tile(name, _image(name), unit["label"], caption=f"{unit['score']:.3g}", note=note, curve=curve)


def _columns(counts: Sequence[int]) -> int | None:
    """A row for each layer, where that makes a sheet of a sensible shape."""
    return counts[0] if len(counts) > 1 and len(set(counts)) == 1 and counts[0] <= 4 * len(counts) else None


def _lede(units: Iterable[Unit], count: int, size: int, config: Config) -> str:
    kind = {"channel": "mean over all positions", "neuron": "value at the centre"}[config.objective]
    minus = " A minus marks units whose negative is shown." if any(unit.negative for unit in units) else ""
    return (
        f"{count} {'unit' if count == 1 else 'units'}, each shown by an image optimised to raise it: "
        f"{config.steps} steps from noise at {size} x {size} pixels. The number is the objective for the image as "
        f"shown (the unit's {kind}), the curve its course under random transforms.{minus}"
    )


def _speed(totals: Mapping[str, Any]) -> str:
    return f"{page.duration(totals['wall_seconds'])}, {totals['image_steps_per_second']:g} image-steps per second"
