"""Beginning or joining a job: what its `config.json` says of its units and of the batches they are drawn in."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from experiments.options import UsageError, usage_errors
from experiments.rundir import CONFIG, RunDirectory, check_ours, open_run
from experiments.store import units
from experiments.store.claims import FOLDER, Claims
from experiments.store.drawing import Drawing
from experiments.store.store import Store
from featvis.shortform import Unit
from inception_jax.readers.contents import plain

UNITS, WIDTHS = "units", "widths"


@dataclass(frozen=True, eq=False)
class Job:
    """A job that is at work: its directory, its units so far, and the claims of this process.

    Attributes:
        directory: of the job.
        store: its results.
        claims: of this process.
        drawing: how its units become images.
        units: all that this directory was ever asked for, in that order.
        wanted: those of them that are asked for now.
    """

    directory: RunDirectory
    store: Store
    claims: Claims
    drawing: Drawing
    units: list[Unit]
    wanted: list[Unit]

    @property
    def widths(self) -> dict[str, int]:
        """Units of each layer that are drawn together on devices of this kind."""
        return _widths(self.directory.config)

    def narrow(self, layer: str, width: int) -> None:
        """From now on draw `width` units of a layer together."""

        def change(config: dict[str, Any]) -> None:
            config[WIDTHS][device_kind()] = {**_widths(config), layer: width}

        with self.claims.exclusive("config"):
            _amend(self.directory, change)


def device_kind() -> str:
    """What draws here, in words.

    >>> device_kind() != ""
    True
    """
    return jax.local_devices()[0].device_kind


def begin(
    path: Path,
    settings: Mapping[str, Any],
    facts: Mapping[str, Any],
    drawing: Drawing,
    wanted: Sequence[Unit],
    claims: Claims,
    *,
    batch: int | None = None,
    force: bool = False,
) -> Job:
    """A new job in the directory at `path`, or the one that is there with more units.

    Args:
        path: made if it is not there.
        settings: what decides the results, as JSON types; not the units.
        facts: what else `config.json` should record when the job begins; of a later call with more units, the command.
        drawing: how units become images.
        wanted: the units that are asked for.
        claims: of this process, in the directory's folder of that name.
        batch: units drawn together; by default what suits the device, or what the job has had so far.
        force: discard earlier results.

    Raises:
        UsageError: the directory holds something else, or cannot be written, or `force` while others are at work.
    """
    check_ours(path)
    with claims.exclusive("config"):
        if force and (others := claims.others()):
            raise UsageError(f"{others[0]} is at work in {path}; stop it before starting over with --force")
        directory = open_run(path, settings, facts, force=force)
        config = directory.config
        _warn_of_changes(path, config, facts)
        known = _known(path, config)
        with usage_errors():
            everything = [unit for part in units.lists([*known, *wanted]).values() for unit in part]
            widths = {
                layer: drawing.width(layer, batch)
                for layer in dict.fromkeys(unit.layer for unit in wanted)
                if batch is not None or layer not in _widths(config)
            }

        def change(config: dict[str, Any]) -> None:
            if known and len(everything) > len(known) and "command" in facts:
                config.setdefault("further_commands", []).append(facts["command"])
            config[UNITS] = units.spelled(everything)
            config.setdefault(WIDTHS, {})[device_kind()] = _widths(config) | widths

        _amend(directory, change)
    return Job(directory, Store(path, config["identity"]), claims, drawing, everything, list(dict.fromkeys(wanted)))


def claims_in(path: Path) -> Claims:
    """The claims of this process in the directory at `path`."""
    return Claims(path / FOLDER)


def recorded(path: Path) -> tuple[RunDirectory, Store, list[Unit]]:
    """The job in the directory at `path`: its files, its results, and all units that it was asked for.

    Raises:
        UsageError: no job of units is there.
    """
    directory = RunDirectory(path)
    config = directory.config
    if not isinstance(config.get("identity"), str) or UNITS not in config:
        raise UsageError(f"{path} holds no job of units; expected a directory of `neurons` or `feature_vis`")
    return directory, Store(path, config["identity"]), _known(path, config)


def _known(path: Path, config: Mapping[str, Any]) -> list[Unit]:
    """The units that a job was asked for so far."""
    try:
        return units.read(config.get(UNITS, {}))
    except ValueError as error:
        raise UsageError(f"cannot read {path / CONFIG}: {plain(error)}") from error


def _widths(config: Mapping[str, Any]) -> dict[str, int]:
    """Units of each layer that are drawn together on devices of this kind; what is not a number is not known."""
    known = config.get(WIDTHS, {}).get(device_kind(), {})
    known = known if isinstance(known, dict) else {}
    return {layer: width for layer, width in known.items() if type(width) is int and width > 0}


def _amend(directory: RunDirectory, change: Callable[[dict[str, Any]], None]) -> None:
    """Change `config.json`, which takes an exclusive claim."""
    before = directory.config
    after = json.loads(json.dumps(before))
    change(after)
    if after != before:
        directory.write_json(CONFIG, after)


def _warn_of_changes(path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Say if other versions or another commit began the job."""
    before, now = ({**facts.get("versions", {}), "commit": facts.get("git_commit")} for facts in (there, here))
    if names := [name for name in now if before.get(name) != now[name]]:
        was, is_now = (", ".join(f"{name} {facts.get(name)}" for name in names) for facts in (before, now))
        warnings.warn(f"{path} was begun with {was}; it goes on with {is_now}", stacklevel=3)
