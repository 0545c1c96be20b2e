"""What this installation is, whether it computes rightly, and how fast: versions, devices, caches, a speed check.

- Command: python -m experiments doctor
- Time: 10 seconds, and as long again to compile the first time
- Expect: a page of text to read or to put into a report, and under it what should be looked at, if anything
"""

import importlib.metadata
import os
import platform
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import numpy as np
from packaging.requirements import Requirement

import featvis
import inception_jax
from experiments.page import duration
from experiments.provenance import device, version
from inception_jax import pretrained
from inception_jax.cache import cache_folder
from inception_jax.readers import WeightsError
from inception_jax.registry import DEFAULT, REGISTRY
from inception_jax.summary import columns

PROJECT = "inception-jax"

_ERROR = {"cpu": 1e-5, "tpu": 2e-2}
"""Largest relative error of a convolution: float32's rounding on CPUs, bfloat16's on TPUs."""
_ERROR_ELSEWHERE = 2e-3
"""On GPUs, whose TF32 keeps 10 bits of each factor."""


@dataclass(frozen=True)
class Config:
    """What to look at."""

    seconds: float = 10.0
    """How long to measure speed; 0 leaves it out."""


@dataclass(frozen=True)
class Finding:
    """Lines to show, and what is wrong, with what to do about it."""

    lines: tuple[str, ...]
    wrong: tuple[str, ...] = ()


def run(config: Config) -> int:
    """Print what was found; returns the exit code, 1 if anything should be looked at."""
    model = inception_jax.load(DEFAULT)
    wrong: list[str] = []
    for title, examine in {
        "packages": packages,
        "devices": devices,
        "caches": caches,
        "numbers": partial(numbers, model),
        "speed": partial(speed, model, config.seconds),
    }.items():
        finding = examine()
        print(f"{title}\n" + "".join(f"  {line}\n" for line in finding.lines))
        wrong += finding.wrong
    print("\n".join(["to look at:", *(f"- {line}" for line in wrong)]) if wrong else "nothing to look at")
    return 1 if wrong else 0


def packages() -> Finding:
    """Versions of Python, of this project, of what it needs and of its installed extras, against those it asks for.

    >>> packages().lines[0].startswith("python")
    True
    """
    rows = [("python", platform.python_version(), platform.platform())]
    if not (ours := version(PROJECT)):
        return _table(rows, (f"{PROJECT} is not installed: pip install -e .",))
    rows.append((PROJECT, ours, str(Path(inception_jax.__file__).parent)))
    wrong = []
    for extra, requirements in _requirements().items():
        versions = [version(requirement.name) for requirement in requirements]
        if extra and not all(versions):
            continue  # Not installed, whatever of it is there for other reasons.
        for requirement, known in zip(requirements, versions, strict=True):
            wanted = f"{requirement.specifier} wanted" + (f" for [{extra}]" if extra else "")
            rows.append((requirement.name, known or "missing", wanted))
            if not requirement.specifier.contains(known or "0", prereleases=True):
                plain = f"{requirement.name}{requirement.specifier}"
                wrong.append(f"{requirement.name} {known or 'is missing'}: pip install '{plain}'")
    return _table(rows, wrong)


def _table(rows: Sequence[tuple[str, str, str]], wrong: Sequence[str]) -> Finding:
    return Finding(tuple(columns(rows, left=3).splitlines()), tuple(wrong))


def _requirements() -> dict[str, list[Requirement]]:
    """What the project requires on this platform, by the extra that wants it; under "", what it always needs."""
    extras = ("", *(importlib.metadata.metadata(PROJECT).get_all("Provides-Extra") or ()))
    found: dict[str, list[Requirement]] = {extra: [] for extra in extras}
    seen = set[str]()
    for line in importlib.metadata.requires(PROJECT) or ():
        requirement = Requirement(line)
        marker = requirement.marker
        wanting = [extra for extra in extras if marker is None or marker.evaluate({"extra": extra})]
        if wanting and requirement.name not in seen:
            seen.add(requirement.name)
            found[wanting[0]].append(requirement)
    return found


def devices() -> Finding:
    """What JAX computes on, and whether it overlooks an accelerator.

    >>> len(devices().lines) >= 1
    True
    """
    found = [device(), f"processes: {jax.process_count()}, devices of this one: {jax.local_device_count()}"]
    for each in jax.local_devices():
        if limit := (each.memory_stats() or {}).get("bytes_limit"):
            found.append(f"{each}: {limit / 2**30:.1f} GiB for JAX")
    wrong = ()
    if jax.default_backend() == "cpu" and (seen := _accelerator()):
        extra, what = seen
        wrong = (f"{what}, and JAX computes on the CPU: pip install '{PROJECT}[{extra}]'",)
    return Finding(tuple(found), wrong)


def _accelerator() -> tuple[str, str] | None:
    """The extra for an accelerator that the operating system knows of, and how it was noticed."""
    if os.environ.get("JAX_PLATFORMS") == "cpu":
        return None  # So it was asked for.
    if shutil.which("nvidia-smi") or Path("/dev/nvidia0").exists():
        return "cuda13", "there is an NVIDIA driver"
    if Path("/dev/accel0").exists() or (Path("/dev/vfio/0").exists() and os.environ.get("TPU_NAME")):
        return "tpu", "there is a TPU"
    return None


def caches() -> Finding:
    """Where weights and compiled programs are kept, and which networks are at hand.

    >>> caches().lines[0].startswith("folder")
    True
    """
    folder, wrong = cache_folder(), ()
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(nearest, os.W_OK):
        wrong = (f"{nearest} cannot be written: set INCEPTION_JAX_CACHE to another folder",)
    programs = Path(jax.config.values["jax_compilation_cache_dir"] or folder / "xla")
    rows = [("folder", str(folder), _size(folder)), ("programs", str(programs), _size(programs))]
    for name, entry in REGISTRY.items():
        try:
            found = pretrained.find(name)
        except WeightsError as error:
            wrong += (str(error),)
            break
        rows.append((name, f"{found.path}" if found else f"no: {entry.size / 1e6:.0f} MB to download", ""))
    return _table(rows, wrong)


def _size(folder: Path) -> str:
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()] if folder.is_dir() else []
    return f"{len(sizes):,} files, {sum(sizes) / 1e6:,.0f} MB" if sizes else "empty"


def numbers(model: inception_jax.Model) -> Finding:
    """The first convolution on this device beside NumPy's in float64.

    >>> numbers(inception_jax.load("mini")).wrong
    ()
    """
    images = np.random.default_rng(0).random((2, 64, 64, 3))
    measured = np.asarray(model(images.astype(np.float32), until="conv2d0_pre_relu")["conv2d0_pre_relu"], np.float64)
    kernel, bias = (np.asarray(model.weights["conv2d0"][part], np.float64) for part in ("kernel", "bias"))
    seen = images * model.architecture.input_scale - np.asarray(model.architecture.input_mean)
    side, stride = kernel.shape[0], seen.shape[1] // measured.shape[1]
    before = (measured.shape[1] - 1) * stride + side - seen.shape[1]
    padded = np.pad(seen, ((0, 0), *[(before // 2, before - before // 2)] * 2, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), (1, 2))[:, ::stride, ::stride]
    expected = np.einsum("nhwcij,ijco->nhwo", windows, kernel, optimize=True) + bias
    error = float(np.linalg.norm(measured - expected) / np.linalg.norm(expected))
    allowed = _ERROR.get(jax.default_backend(), _ERROR_ELSEWHERE)
    line = f"conv2d0 of {model.name} differs from NumPy in float64 by {error:.1e} (up to {allowed:.0e} is rounding)"
    wrong = "convolutions are wrong on this device: compare with JAX_PLATFORMS=cpu, and without XLA_FLAGS"
    return Finding((line,), () if error <= allowed else (wrong,))


def speed(model: inception_jax.Model, seconds: float) -> Finding:
    """How many steps of how many images are drawn in a second, once programs are compiled.

    >>> speed(inception_jax.load("mini"), 0.0).lines
    ('not measured',)
    """
    if seconds <= 0:
        return Finding(("not measured",))
    units = "mixed4a_pre_relu:0-15" if jax.default_backend() == "cpu" else "mixed4a_pre_relu:0-127"
    draw = partial(featvis.render, model, units, progress=False)
    begun = time.perf_counter()
    draw(steps=1)
    compiling, done, count = time.perf_counter() - begun, 0.0, 0
    steps = 4
    while done < seconds:
        begun = time.perf_counter()
        count += len(draw(steps=steps)) * steps
        took = time.perf_counter() - begun
        done += took
        steps = max(1, round(steps * min(4.0, (seconds - done) / took)))
    rate = count / done
    thousand = duration(1000 * 512 / rate)
    return Finding(
        (
            f"first picture of {model.name} after {compiling:.1f} s, with compiling or reading what was compiled",
            f"then {rate:.0f} steps of an image a second at 128 x 128 pixels: 1,000 units of 512 steps take {thousand}",
        )
    )
