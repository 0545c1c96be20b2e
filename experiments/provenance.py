"""Where a result came from: versions, device, weights, commit."""

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

import inception_jax

PACKAGES = ("inception-jax", "jax", "jaxlib", "flax", "optax", "numpy", "pillow")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on.

    >>> sorted(versions())[:3]
    ['flax', 'inception-jax', 'jax']
    """
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def device() -> str:
    """The devices that JAX computes on, in words.

    >>> "cpu" in device() or "x" in device()
    True
    """
    devices = jax.devices()
    if devices[0].platform == "cpu":
        return f"cpu, {os.cpu_count()} cores, {platform.machine()}"
    return f"{len(devices)} x {devices[0].device_kind} ({devices[0].platform})"


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
