"""How far a job is: units by layer, rate, time left, who is at work, and what went wrong.

- Command: python -m experiments status DIR
- Expect: a few lines; nothing is changed, and jobs at work are not disturbed
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from experiments import page
from experiments.store import units
from experiments.store.opening import claims_in, recorded
from experiments.store.store import Store
from featvis.shortform import Unit
from inception_jax.readers.contents import plain

_WINDOW = 600.0
"""Seconds over which the rate is taken."""
_SHOWN = 20
"""Units that are named, at most, where something is wrong with them."""


@dataclass(frozen=True)
class Config:
    """Which job."""

    path: tyro.conf.Positional[Path]
    """The job's directory."""


def run(config: Config) -> int:
    """Print how far the job is; returns the exit code.

    Raises:
        UsageError: no job is there.
    """
    _, store, wanted = recorded(config.path)
    claims = claims_in(config.path)
    workers = claims.workers()
    records, unfit = store.look(wanted)
    done = [record.unit for record in records]
    wrong = [plain(record.label, 100) for record in records if not np.isfinite(record.score)]
    print(f"{config.path}: {len(done):,} of {len(wanted):,} units, {len(done) / max(1, len(wanted)):.1%}")
    for layer, part in units.lists(wanted).items():
        print(f"  {layer:<24} {len(set(part) & set(done)):>5} of {len(part)}")
    for worker, names in workers.items():
        print(f"at work: {worker}, on {_listed(names)}")
    if not workers:
        print("nobody is at work")
    elif (rate := _rate(store, done)) > 0:
        left = (len(wanted) - len(done)) / rate
        print(f"rate: {60 * rate:.1f} units a minute; time left: {page.duration(left)}")
    if wrong:
        print(f"objectives that did not end finite: {_listed(wrong)}")
    for line in unfit[:_SHOWN]:
        print(line)
    if unfit:
        print(f"{len(unfit)} unfit files: see `python -m experiments verify {config.path}`")
    return 0


def _rate(store: Store, done: Sequence[Unit]) -> float:
    """Units a second, of those that were finished lately."""
    times = sorted(store.file(unit).stat().st_mtime for unit in done)
    lately = [moment for moment in times if moment > time.time() - _WINDOW]
    return (len(lately) - 1) / (lately[-1] - lately[0]) if len(lately) > 1 and lately[-1] > lately[0] else 0.0


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
