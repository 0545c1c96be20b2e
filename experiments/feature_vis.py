"""Feature visualisations of many units of one layer, on one page.

- Command: python -m experiments feature_vis --layer mixed4a --units 0:16
- Time: about 3 minutes on two CPU cores
- Expect: for each unit an image that drives it harder than photographs do, after Olah et al. 2017, "Feature
  Visualization". index.html and sheet.png show all of them, images/ holds them, metrics.json and history.npz have the
  objective values, config.json says what made them
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

import dataclasses
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import jax.numpy as jnp

import featvis
import inception_jax
from experiments import page, provenance
from experiments.options import Options, command, load_model, parse_units, usage_errors
from experiments.rundir import CONFIG, METRICS, RunDirectory, identity, open_run
from experiments.stopwatch import Lap, Stopwatch
from featvis import objectives as obj

HISTORY, SHEET, INDEX = "history.npz", "sheet.png", "index.html"


@dataclass(frozen=True)
class Config(Options):
    """Which units, and how their images are optimised."""

    layer: str = "mixed4a"
    """Layer of the units; any named activation (`python -m inception_jax summary`)."""
    units: str = "0:16"
    """Slices a:b, numbers, several of them separated by commas, or 'all'."""
    negative: bool = False
    """Look for what the units answer to most negatively."""
    objective: Literal["channel", "neuron"] = "channel"
    """Raise the unit's mean over all positions, or its value at the centre."""
    size: int = 128
    """Side of the images in pixels."""
    steps: int = 512
    """Steps of optimisation."""
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
    if config.negative and f"{config.layer}_pre_relu" in model.layers:
        better = f"{config.layer}_pre_relu"
        warnings.warn(f"{config.layer} is never negative, and flat where it is 0; {better} shows more", stacklevel=2)
    units = {_name(config, u): _objective(config, u) for u in parse_units(config.units, config.layer, model.layers)}
    facts = provenance.model_facts(model)
    settings = _settings(config, facts)
    name = f"{model.name}-{config.layer}-{identity(settings)[:8]}"
    path = config.out or Path("results", "feature_vis", name)
    directory = open_run(path, settings, _facts(config, facts), force=config.force)
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
    drawn = _write_page(directory, model, list(units), len(missing), config)
    if interrupted or missing:
        print(f"interrupted: {len(units) - len(missing)} of {len(units)} units are done; the same command goes on")
    if drawn:
        print(path / INDEX)
    return 130 if interrupted or missing else 0


def _name(config: Config, unit: int) -> str:
    """A unit's name in files; readers let only plain characters into the names of layers."""
    return f"{config.layer}_{unit}{'_negative' if config.negative else ''}"


def _objective(config: Config, unit: int) -> featvis.Objective:
    make = {"channel": obj.channel, "neuron": obj.neuron}[config.objective]
    return -make(config.layer, unit) if config.negative else make(config.layer, unit)


def _settings(config: Config, model: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the images; where they go and how many are made at once does not."""
    chosen = dataclasses.asdict(config)
    for name in ("out", "force", "batch"):
        del chosen[name]
    return {
        "experiment": "feature_vis",
        **chosen,
        "model": model["architecture"],
        "arrays_sha256": model["arrays_sha256"],
    }


def _facts(config: Config, model: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "experiment": "feature_vis",
        "command": command("feature_vis", config),
        "config": {k: str(v) if isinstance(v, Path) else v for k, v in dataclasses.asdict(config).items()},
        "seed": config.seed,
        "model": model,
        "versions": provenance.versions(),
        "device": provenance.device(),
        "git_commit": provenance.git_commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _missing(directory: RunDirectory, names: Iterable[str], steps: int) -> list[str]:
    known = directory.metrics.get("units", {})
    return [
        name
        for name in names
        if known.get(name, {}).get("steps", 0) < steps or not (directory.path / _image(name)).exists()
    ]


def _image(name: str) -> str:
    return f"images/{name}.png"


def _draw(
    directory: RunDirectory, model: inception_jax.Model, units: Mapping[str, featvis.Objective], config: Config
) -> None:
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
            list(units.values()),
            steps=config.steps,
            seed=config.seed,
            param=featvis.param.image(config.size),
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
    directory: RunDirectory, model: inception_jax.Model, names: Sequence[str], missing: int, config: Config
) -> bool:
    """The contact sheet and the page of all units drawn so far; False if there are none yet."""
    metrics, history = directory.metrics, directory.read_arrays(HISTORY)
    names = [name for name in names if name in metrics.get("units", {})]
    if not names:
        return False
    units = {name: metrics["units"][name] for name in names}
    images = [directory.read_image(_image(name)) for name in names]
    directory.write_image(SHEET, page.contact_sheet(images, [unit["label"] for unit in units.values()]))
    html = page.render(
        "feature_vis.html",
        title=f"{config.layer}{', negative' if config.negative else ''}",
        lede=_lede(config, model.name, len(names)),
        wanted=len(names) + missing,
        missing=missing,
        size=config.size,
        steps=config.steps,
        units=[
            unit | {"name": name, "image": _image(name), "curve": page.sparkline(history[name])}
            for name, unit in units.items()
        ],
        provenance=page.provenance(directory.config) | {"Drawn in": _speed(metrics["totals"])},
        files=[SHEET, METRICS, CONFIG, HISTORY],
    )
    directory.write_text(INDEX, html)
    return True


def _lede(config: Config, model: str, count: int) -> str:
    kind = {"channel": "mean over all positions", "neuron": "value at the centre"}[config.objective]
    how = f"{config.steps} steps from noise at {config.size} x {config.size} pixels"
    return (
        f"{count} {'unit' if count == 1 else 'units'} of {model}, each shown by an image optimised to "
        f"{'lower' if config.negative else 'raise'} it: {how}. The number is the objective for the image as shown "
        f"(the unit's {kind}{', negated' if config.negative else ''}), the curve its course under random transforms."
    )


def _speed(totals: Mapping[str, Any]) -> str:
    return f"{page.duration(totals['wall_seconds'])}, {totals['image_steps_per_second']:g} image-steps per second"
