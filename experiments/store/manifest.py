"""What is derived from the files of a job for other programs: `manifest.json`, `arrays.npz` and the totals.

They decide nothing, and can be made again from the files at any time.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.rundir import METRICS, RunDirectory
from experiments.store import units
from experiments.store.records import Record, UnfitError
from experiments.store.store import Store
from featvis.shortform import Unit

MANIFEST, ARRAYS = "manifest.json", "arrays.npz"


@dataclass(frozen=True, eq=False)
class Entry:
    """A finished unit: its record, and the SHA-256 of its file."""

    record: Record
    sha256: str

    @property
    def unit(self) -> Unit:
        """Which unit."""
        return self.record.unit


def entries(store: Store, wanted: Iterable[Unit]) -> list[Entry]:
    """Those units that are finished, in order."""
    found: list[Entry] = []
    for unit in wanted:
        try:
            if record := store.peek(unit):
                found.append(Entry(record, hashlib.sha256(store.read(unit)).hexdigest()))
        except UnfitError:
            continue
    return found


def write(directory: RunDirectory, found: Sequence[Entry], missing: int) -> None:
    """Write manifest, arrays and totals of the units found.

    Raises:
        UsageError: they cannot be written.
    """
    records = [entry.record for entry in found]
    arrays = {
        "labels": np.array([record.label for record in records], str),
        "layers": np.array([record.unit.layer for record in records], str),
        "units": np.array([record.unit.number for record in records], int),
        "negative": np.array([record.unit.negative for record in records], bool),
        "scores": np.array([record.score for record in records], np.float32),
        "history": np.array([record.history for record in records], np.float32),
    }
    directory.write_arrays(ARRAYS, arrays)
    config = directory.config
    directory.write_json(METRICS, {"totals": totals(records, config["settings"]["restarts"])})
    content = {"finished": not missing, "missing": missing, "units": [_listed(entry) for entry in found]}
    directory.write_json(MANIFEST, {"identity": config["identity"], **content})


def totals(records: Sequence[Record], restarts: int = 1) -> dict[str, Any]:
    """Sums over all units, each drawn `restarts` times; the rate leaves compilation out.

    >>> totals([])["units"]
    0
    """
    image_steps = restarts * sum(record.images * record.steps for record in records)
    seconds = sum(record.seconds for record in records)
    compiling = sum(record.compile_seconds for record in records)
    return {
        "units": len(records),
        "wall_seconds": round(seconds + compiling, 3),
        "compile_seconds": round(compiling, 3),
        "image_steps": image_steps,
        "image_steps_per_second": round(image_steps / max(seconds, 1e-3), 2),
    }


def checksums(directory: RunDirectory) -> dict[str, str]:
    """The SHA-256 of each file that `manifest.json` lists, by name; none without one."""
    listed = directory.read_json(MANIFEST).get("units", [])
    listed = listed if isinstance(listed, list) else []
    return {str(u.get("file")): str(u.get("sha256")) for u in listed if isinstance(u, dict)}


def fresh(directory: RunDirectory, store: Store, wanted: Iterable[Unit]) -> bool:
    """Whether `manifest.json` has all units that are finished, as they are now."""
    manifest = directory.path / MANIFEST
    if not manifest.exists():
        return False
    written, listed = manifest.stat().st_mtime_ns, checksums(directory).keys()
    done = [unit for unit in wanted if store.finished(unit)]
    newest = max((store.file(unit).stat().st_mtime_ns for unit in done), default=0)
    return newest <= written and {units.file(unit) for unit in done} == listed


def _listed(entry: Entry) -> dict[str, Any]:
    record = entry.record
    return {
        "file": units.file(record.unit),
        "layer": record.unit.layer,
        "unit": record.unit.number,
        "negative": record.unit.negative,
        "label": record.label,
        "score": record.score,
        "steps": record.steps,
        "seconds": record.seconds,
        "compile_seconds": record.compile_seconds,
        "device": record.device,
        "sha256": entry.sha256,
    }
