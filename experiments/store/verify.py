"""Whether the results of a job are whole: every file decoded, its checksums and its record compared.

- Command: python -m experiments verify DIR
- Time: about two seconds for a thousand units
- Expect: what is missing, damaged or foreign, a line each, and exit code 1 if there is anything. With --repair, damaged
  files are moved to damaged/, what dead processes left is removed, and what is missing is drawn
"""

import hashlib
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from experiments.options import UsageError
from experiments.rundir import CONFIG, RunDirectory
from experiments.store import manifest, units
from experiments.store.claims import Claims
from experiments.store.opening import claims_in, recorded
from experiments.store.records import UnfitError
from experiments.store.store import Store
from featvis.shortform import Unit

_DRAWN_BY = {"feature_vis": [], "neurons": ["--layers", "main", "--sign", "positive"]}
"""Experiments that draw units, with the options that leave it to `--units` which."""


@dataclass(frozen=True)
class Config:
    """Which job, and whether to repair it."""

    path: tyro.conf.Positional[Path]
    """The job's directory."""
    repair: bool = False
    """Move damaged files to damaged/, remove what dead processes left, and draw what is missing."""


@dataclass(frozen=True)
class Findings:
    """What is wrong with the files of a job.

    Attributes:
        missing: units without a file.
        unfit: units whose file is damaged or another's, and why.
        foreign: files in `images/` that are no unit's of this job.
    """

    missing: list[Unit] = field(default_factory=list)
    unfit: dict[Unit, str] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Whether there is anything."""
        return bool(self.missing or self.unfit or self.foreign)


def run(config: Config) -> int:
    """Check the job, and repair it; returns the exit code: 0 if everything is there and whole, else 1.

    Raises:
        UsageError: no job is there, or it cannot be repaired.
    """
    directory, store, wanted = recorded(config.path)
    found = examine(directory, store, wanted)
    print(f"{config.path}: {len(wanted) - len(found.missing) - len(found.unfit):,} of {len(wanted):,} units are whole")
    if found.missing:
        print(f"missing: {units.short_form(found.missing)}")
    for unit, what in found.unfit.items():
        print(f"{units.file(unit)} {what}")
    for file in found.foreign:
        print(f"{file} belongs to no unit of this job")
    if not config.repair:
        return int(found.any)
    with claims_in(config.path) as claims:
        _repair(store, found, claims)
    if found.missing or found.unfit:
        return _draw(directory, wanted)
    return int(found.any)


def examine(directory: RunDirectory, store: Store, wanted: list[Unit]) -> Findings:
    """Look at every file of a job's units, and for files that are none."""
    found, listed = Findings(), manifest.checksums(directory)
    for unit in wanted:
        if not store.file(unit).exists():
            found.missing.append(unit)
            continue
        try:
            data = store.read(unit)
            store.decode(unit, data)
            known = listed.get(units.file(unit), "")
            if known and known != hashlib.sha256(data).hexdigest():
                raise UnfitError(f"is not the file that {manifest.MANIFEST} lists: another SHA-256")
        except UnfitError as error:
            found.unfit[unit] = str(error)
    ours = {units.file(unit) for unit in wanted}
    for file in sorted((directory.path / units.IMAGES).rglob("*")):
        name = file.relative_to(directory.path).as_posix()
        if file.is_file() and name not in ours and not file.name.startswith("."):
            found.foreign.append(name)
    return found


def _repair(store: Store, found: Findings, claims: Claims) -> None:
    with claims.exclusive("finish"), claims.exclusive("config"):
        swept = store.sweep(claims) + claims.sweep()
    if swept:
        print(f"removed {swept} claims and temporary files of dead processes")
    for unit in found.unfit:
        name = units.claim(unit)
        if claims.take(name):
            print(f"moved {units.file(unit)} to {store.set_aside(unit).relative_to(store.path)}")
            claims.release(name)


def _draw(directory: RunDirectory, wanted: list[Unit]) -> int:
    """Draw what is missing with the command that began the job."""
    try:
        words = shlex.split(str(directory.config.get("command")))
    except ValueError:
        words = []
    if words[:3] != ["python", "-m", "experiments"] or (words[3:] or [""])[0] not in _DRAWN_BY or "--force" in words:
        raise UsageError(f"{directory.path / CONFIG} has no command that draws units; what is missing stays so")
    # Here, because the command line imports this module.
    from experiments.__main__ import main

    # Of options that are given twice, the second counts.
    selection = [*_DRAWN_BY[words[3]], f"--units={units.short_form(wanted)}"]
    return main([*words[3:], *selection, "--out", str(directory.path)])
