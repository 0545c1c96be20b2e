"""A job from the command to the page: open its directory, draw what is missing, derive the rest, say how it ended."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import inception_jax
from experiments import provenance
from experiments.figures import INDEX
from experiments.options import Options, UsageError
from experiments.rundir import RunDirectory, identity
from experiments.store import manifest
from experiments.store.drawing import Drawing
from experiments.store.manifest import MANIFEST, Entry
from experiments.store.opening import Job, begin, claims_in
from experiments.store.store import UnwritableError
from experiments.store.work import ALONE, Share, work
from featvis.shortform import Unit

NO_SETTINGS = ("units", "layers", "sign", "distributed", "coordinator", "processes", "process")
"""Options that say which units, and who draws them: a directory takes more units, and more processes, at any time."""


@dataclass(frozen=True)
class Overview:
    """What a page shows: all finished units of a directory.

    Attributes:
        directory: of the job.
        entries: the finished units, in the order in which they were asked for, layer by layer.
        missing: how many others were asked for.
        model: name of the network.
    """

    directory: RunDirectory
    entries: list[Entry]
    missing: int
    model: str

    @property
    def notice(self) -> str:
        """What should be read first; empty if everything is there."""
        count = self.missing + len(self.entries)
        some = f"{self.missing} of {count} units are still to come. The command below goes on where this stopped."
        return some if self.missing else ""


def run(
    experiment: str,
    config: Options,
    model: inception_jax.Model,
    drawing: Drawing,
    wanted: Sequence[Unit],
    publish: Callable[[Overview], None],
    *,
    batch: int | None = None,
    share: Share = ALONE,
    **found: Any,
) -> int:
    """Draw units, alone or beside other processes that do the same, and publish them; returns the exit code.

    Args:
        experiment: name of the experiment.
        config: its options, as far as they decide the results or say which units.
        model: the network.
        drawing: how units become images.
        wanted: the units.
        publish: writes the pages and sheets of what is finished.
        batch: units drawn together; by default what suits the device.
        share: which of the processes this is, where several begin together.
        found: values of options that were left open.

    Raises:
        UsageError: the request cannot be met, or results cannot be written.
    """
    facts = provenance.model_facts(model)
    settings = _settings(experiment, config, facts, found)
    path = config.out or Path("results", experiment, f"{model.name}-{identity(settings)[:8]}")
    if config.force and share.count > 1:
        raise UsageError("--force is for one process; start over with one, and add the others then")
    with _sigterm_interrupts(), claims_in(path) as claims:
        known = provenance.facts(experiment, config, facts)
        job = begin(path, settings, known, drawing, wanted, claims, batch=batch, force=config.force)
        if not job.store.missing(job.wanted) and _published(job):
            print(f"finished before, nothing to do (--force starts over): {path / INDEX}")
            return 0
        interrupted = False
        try:
            work(job, share)
        except KeyboardInterrupt:
            interrupted = True
        except UnwritableError as error:
            raise UsageError(f"{error}; {_progress(job)} are kept, and the same command goes on") from error
        if interrupted:
            print(f"interrupted: {_progress(job)} are done; the same command goes on")
        _publish(job, publish, patiently=not interrupted)
    if (path / INDEX).exists():
        print(path / INDEX)
    return 130 if interrupted else 0


def _settings(experiment: str, config: Options, facts: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    settings = provenance.settings(experiment, config, facts, **found)
    return {name: value for name, value in settings.items() if name not in NO_SETTINGS}


def _progress(job: Job) -> str:
    return f"{len(job.wanted) - len(job.store.missing(job.wanted))} of {len(job.wanted)} units"


def _published(job: Job) -> bool:
    return manifest.fresh(job.directory, job.store, job.units) and job.directory.newer(INDEX, MANIFEST)


def _publish(job: Job, publish: Callable[[Overview], None], patiently: bool) -> None:
    """Write manifest and pages, unless another process has, or is about to when there is no time to wait for it."""
    claims = job.claims
    if not patiently and (claims.living("finish") or claims.living("config")):
        return
    with claims.exclusive("finish"):
        with claims.exclusive("config"):
            job.store.sweep(claims)
            claims.sweep()
        if _published(job):
            return
        found = manifest.entries(job.store, job.units)
        if found:
            missing = len(job.units) - len(found)
            manifest.write(job.directory, found, missing)
            publish(Overview(job.directory, found, missing, job.drawing.model.name))


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """SIGTERM, by which schedulers end a process, does in the block what Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
