"""A run's own directory: what was asked for, what came out, enough to go on where it stopped.

`config.json` holds the settings that decide the results, and a directory takes results of those settings only. Every
file appears whole or not at all: it is written beside its place and then moved there.
"""

import hashlib
import io
import json
import logging
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from experiments.options import UsageError
from featvis.pixels import picture
from inception_jax import bounded
from inception_jax.files import write_whole
from inception_jax.images import ImageError, decoded, read_file
from inception_jax.readers.contents import plain

CONFIG = "config.json"
METRICS = "metrics.json"

_LOG = logging.getLogger(__name__)
_CLAIMS = "claims"
_KINDS: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    CONFIG: {
        **dict.fromkeys(("command", "device", "started"), (str,)),
        **dict.fromkeys(("settings", "model", "versions", "widths"), (dict,)),
        "further_commands": (list,),
        "git_commit": (str, NoneType),
    },
    METRICS: {"seconds": (dict,), "totals": (dict,), "numbers": (dict,), "claims": (list,), "units": (list, dict)},
}
"""What parts of a run's own files are, where they have them."""


@dataclass(frozen=True)
class RunDirectory:
    """One run's files. Paths given to its methods are relative to `path`.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> run = open_run(Path(folder.name) / "run", {"steps": 4}, {"device": "cpu"})
    >>> run.write_json("metrics.json", {"units": {}})
    >>> run.metrics
    {'units': {}}
    >>> open_run(run.path, {"steps": 512}, {})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    experiments.options.UsageError: ...run holds a run with other settings (steps 4 there, 512 here); give ...
    >>> folder.cleanup()
    """

    path: Path

    @property
    def config(self) -> dict[str, Any]:
        """What `config.json` holds."""
        return self.read_json(CONFIG)

    @property
    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds; empty before the first result."""
        return self.read_json(METRICS)

    def newer(self, name: str, other: str) -> bool:
        """Whether the file `name` is there and not older than `other`."""
        file = self.path / name
        return file.exists() and file.stat().st_mtime_ns >= (self.path / other).stat().st_mtime_ns

    def read_json(self, name: str) -> dict[str, Any]:
        """What `write_json` wrote; empty where there is no such file.

        Raises:
            UsageError: the file cannot be read, or holds something else.
        """
        path = self.path / name
        try:
            content = bounded.read_json(path, self.path, UsageError)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        if not isinstance(content, dict):
            raise UsageError(f"cannot read {path}: expected a JSON object")
        for part, kinds in _KINDS.get(name, {}).items():
            if part in content and not isinstance(content[part], kinds):
                expected = " or ".join(kind.__name__ for kind in kinds)
                given = f"{type(content[part]).__name__} {plain(content[part], 40)}"
                raise UsageError(f"cannot read {path}: {part} is {given}; expected {expected}")
        if name == METRICS and not all(type(time) in (int, float) for time in content.get("seconds", {}).values()):
            raise UsageError(f"cannot read {path}: seconds are not all numbers")
        return content

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write `content` as JSON, readable by people too."""
        self._write(name, (json.dumps(_plain(content), indent=2, allow_nan=False) + "\n").encode())

    def write_text(self, name: str, content: str) -> None:
        """Write `content` in UTF-8."""
        self._write(name, content.encode())

    def write_arrays(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Write arrays as `.npz`."""
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        self._write(name, buffer.getvalue())

    def read_arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays that `write_arrays` wrote; none before it has.

        Raises:
            UsageError: the file cannot be read.
        """
        path = self.path / name
        try:
            return bounded.read_arrays(path, self.path, UsageError)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def write_image(
        self, name: str, image: Float[np.ndarray, "height width channels"] | Image.Image
    ) -> tuple[int, int]:
        """Write a PNG, or a JPEG if `name` ends in `.jpg`; returns its width and height.

        Arrays are in [0, 1], with channels as in `featvis.pixels.picture`.
        """
        buffer = io.BytesIO()
        shown = image if isinstance(image, Image.Image) else picture(image)
        shown.save(buffer, "JPEG" if name.endswith(".jpg") else "PNG", quality=90)
        self._write(name, buffer.getvalue())
        return shown.size

    def read_image(self, name: str) -> Float[np.ndarray, "height width 3"]:
        """An image that `write_image` wrote, RGB in [0, 1].

        Raises:
            UsageError: the file cannot be read.
        """
        return np.asarray(self.open_image(name).convert("RGB"), np.float32) / 255

    def open_image(self, name: str) -> Image.Image:
        """A picture of the run, decoded.

        Raises:
            UsageError: the file cannot be read.
        """
        path = self.path / name
        try:
            return decoded(read_file(path, self.path), str(path))
        except ImageError as error:
            raise UsageError(str(error)) from error

    def _write(self, name: str, content: bytes) -> None:
        path = self.path / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
            _LOG.info("wrote %s, %s bytes", path, f"{len(content):,}")
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def open_run(path: Path, settings: Mapping[str, Any], facts: Mapping[str, Any], *, force: bool = False) -> RunDirectory:
    """The directory at `path` for a run with these `settings`: new, or with results of the same run.

    Args:
        path: made if it is not there.
        settings: what decides the results, as JSON types.
        facts: what else `config.json` should record when the run begins (versions, device, ...).
        force: empty the directory of an earlier run's results and begin again.

    Raises:
        UsageError: the directory holds a run with other settings, or files that no run made, or cannot be written.
    """
    check_ours(path)
    run = RunDirectory(path)
    known = run.config
    if known and not force and (known.get("identity") == identity(settings) or _begun(run)):
        _compare(path, known.get("settings", {}), settings)
        return run
    _clear(path)
    run.write_json(CONFIG, {**facts, "identity": identity(settings), "settings": settings})
    return run


def check_ours(path: Path) -> None:
    """Raise `UsageError` if the directory at `path` holds files that no run made."""
    if "identity" not in RunDirectory(path).config and _occupied(path):
        raise UsageError(f"{path} is not empty and holds no run; give another directory with --out")


def identity(settings: Mapping[str, Any]) -> str:
    """SHA-256 of settings: equal exactly where a run of one can go on with results of the other.

    >>> identity({"a": 1, "b": 2}) == identity({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _unreadable(path: Path, error: Exception) -> UsageError:
    """Errors of `bounded` name the file, the system's do not."""
    return UsageError(f"cannot read {path}: {str(error).removeprefix(str(path)).strip()}")


def _plain(value: Any) -> Any:
    """`value` with null in place of numbers that JSON has no word for."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _compare(path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    here = json.loads(json.dumps(here))  # As it would be read back: tuples as lists.
    names = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    if names:
        differences = plain(", ".join(f"{name} {there.get(name)} there, {here.get(name)} here" for name in names))
        raise UsageError(
            f"{path} holds a run with other settings ({differences}); give another directory with --out, "
            "or start over with --force"
        )


def _begun(run: RunDirectory) -> bool:
    """Whether there are results, or units on which a process is at work."""
    return bool(run.metrics) or any(any(run.path.glob(pattern)) for pattern in ("images/*/*.png", f"{_CLAIMS}/*-*"))


def _occupied(path: Path) -> bool:
    # Claims are there before anything else, when another process is about to begin the same run.
    return path.is_dir() and any(file.name != _CLAIMS and not file.name.startswith(".") for file in path.iterdir())


def _clear(path: Path) -> None:
    folders = ("", "images/", "images/*/", "sheets/", "damaged/*/")
    pictures = [f"{folder}*.{kind}" for folder in folders for kind in ("png", "jpg", "webp", "gif")]
    for pattern in ("*.json", "sheets/*.json", "*.html", "*.csv", "*.npz", "*.safetensors", *pictures):
        for file in path.glob(pattern):
            # The first says that the directory is a run's, until the next one takes its place; and what lies elsewhere,
            # where links lead, is not ours.
            if file.name != CONFIG and file.parent.resolve().is_relative_to(path.resolve()):
                file.unlink()
    shutil.rmtree(path / "checkpoints", ignore_errors=True)
