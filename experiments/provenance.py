"""Where a result came from: versions, device, weights, commit."""

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax
import numpy as np

import inception_jax
from experiments.options import RunOptions, command

PACKAGES = (
    *("inception-jax", "jax", "jaxlib", "flax", "optax", "numpy", "pillow"),
    *("scikit-learn", "tensorflow-datasets", "umap-learn"),
)
"""What results may depend on."""

_ELSEWHERE = ("out", "common", "force", "verbose", "batch")
"""Options that say where results go and how they are made, and do not decide them."""


def versions() -> dict[str, str]:
    """Versions of Python and of those `PACKAGES` that are installed.

    >>> list(versions())[:1], {"jax", "numpy"} <= versions().keys()
    (['python'], True)
    """
    found = {package: version(package) for package in PACKAGES}
    return {"python": platform.python_version(), **{package: known for package, known in found.items() if known}}


def version(package: str) -> str:
    """The version of a package; nothing if it is not installed.

    >>> version("jax") == jax.__version__, version("no-such-package")
    (True, '')
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def device() -> str:
    """The devices that JAX computes on, in words.

    >>> "cpu" in device() or "x" in device()
    True
    """
    devices = jax.devices()
    if devices[0].platform == "cpu":
        return f"cpu, {os.cpu_count()} cores, {platform.machine()}"
    return f"{len(devices)} x {devices[0].device_kind} ({devices[0].platform})"


def settings(experiment: str, config: RunOptions, model: Mapping[str, Any], **found: Any) -> dict[str, Any]:
    """What decides the results of an experiment on a model; where they go and how many are made at once does not.

    Args:
        experiment: its name.
        config: its options.
        model: what `model_facts` says of the model.
        found: values in place of options that were left open, or that name files by their paths.

    >>> settings("feature_vis", RunOptions(seed=3), {"architecture": "mini", "arrays_sha256": "ab"})
    {'experiment': 'feature_vis', 'seed': 3, 'model': 'mini', 'arrays_sha256': 'ab'}
    """
    chosen = {name: value for name, value in _options(config).items() if name not in _ELSEWHERE}
    known = {"model": model["architecture"], "arrays_sha256": model["arrays_sha256"]}
    return {"experiment": experiment, **chosen, **found, **known}


def facts(experiment: str, config: RunOptions, model: Mapping[str, Any]) -> dict[str, Any]:
    """What `config.json` records of a run that begins, besides its settings.

    >>> facts("feature_vis", RunOptions(seed=3), {"architecture": "mini"})["command"]
    'python -m experiments feature_vis --seed 3'
    """
    return {
        "experiment": experiment,
        "command": command(experiment, config),
        "config": _options(config),
        "seed": config.seed,
        "model": model,
        "versions": versions(),
        "device": device(),
        "git_commit": git_commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _options(config: RunOptions) -> dict[str, Any]:
    """Options as JSON's types."""

    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(plain, value))
        return str(value) if isinstance(value, Path) else value

    return {name: plain(value) for name, value in dataclasses.asdict(config).items()}


def weights_digest(weights: Mapping[str, Mapping[str, Any]]) -> str:
    """SHA-256 over the names, shapes, types and bytes of a model's arrays, whatever file they came from.

    >>> weights_digest({"a": {"bias": np.zeros(2)}})[:8] == weights_digest({"a": {"bias": np.zeros(2)}})[:8]
    True
    >>> weights_digest({"a": {"bias": np.zeros(2)}})[:8] == weights_digest({"a": {"bias": np.ones(2)}})[:8]
    False
    """
    digest = hashlib.sha256()
    for layer, part in sorted((layer, part) for layer, parts in weights.items() for part in parts):
        array = np.ascontiguousarray(weights[layer][part])
        digest.update(f"{layer}/{part} {array.shape} {array.dtype}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def model_facts(model: inception_jax.Model) -> dict[str, Any]:
    """What is known of a model: architecture, the provenance of its file, and `arrays_sha256`.

    The names of its classes, which are many, are left to its file.
    """
    known = json.loads(json.dumps(dict(model.provenance), default=str))
    for part in (known, known.get("origin", {})):
        part.pop("classes", None)
    return {"architecture": model.name, **known, "arrays_sha256": weights_digest(model.weights)}


def git_commit(folder: Path = Path(__file__).parent.parent) -> str | None:
    """The commit checked out in `folder`, with `+changes` if tracked files differ; None if it is no checkout.

    >>> git_commit(Path("/")) is None
    True
    """

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != folder.resolve():
            return None
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None
