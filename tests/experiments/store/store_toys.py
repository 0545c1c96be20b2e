"""Records, and a job whose drawing takes no time, for the tests of the store."""

import dataclasses
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import featvis
import inception_jax
from experiments.store.drawing import Drawing
from experiments.store.opening import Job, begin, claims_in
from experiments.store.records import Record
from experiments.store.work import ALONE, work
from featvis import objectives as obj
from featvis.result import Origin
from featvis.shortform import Unit

FACTS = {
    "experiment": "feature_vis",
    "command": "python -m experiments feature_vis",
    "model": {"architecture": "toy"},
    "seed": 0,
    "device": "cpu",
    "versions": {"jax": "1"},
    "git_commit": "abc",
    "started": "2020-01-01T00:00:00+00:00",
}
SETTINGS = {"experiment": "feature_vis", "steps": 2, "restarts": 1}
STEPS, SIDE = 2, 4


def record(unit: Unit | None = None, **changes: object) -> Record:
    """A record of two steps, by default of the first unit of `a`."""
    unit = unit or Unit("a", 0)
    history = np.array([0.25, 0.5], np.float32)
    origin = Origin((1, 2), 3, 4)
    made = Record("ab" * 32, unit, f"{unit.layer}:{unit.number}", 0.5, 2, 1.5, 0.25, origin, "cpu", 1, history)
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def pixels(images: int = 1, seed: int = 0) -> np.ndarray:
    """Noise, which compresses badly."""
    return np.random.default_rng(seed).integers(0, 256, (images, SIDE, SIDE, 3), np.uint8)


class Quick(Drawing):
    """Units become plain images of their number at once, and it is written down which were drawn together.

    Attributes:
        log: the units of each call, in the order in which the calls began.
        fits: how many fit into memory at once.
        before: called before anything is drawn.
    """

    def __init__(self, log: list[list[Unit]], fits: int = 1 << 20, before: object = None) -> None:
        model = object.__new__(inception_jax.Model)  # Nothing looks at it.
        super().__init__(model, lambda unit: obj.channel(unit.layer, unit.number), featvis.param.image(SIDE), STEPS)
        self.__dict__.update(log=log, fits=fits, before=before, lock=threading.Lock())

    def width(self, layer: str, batch: int | None = None) -> int:
        """Four, unless said otherwise."""
        del layer
        return batch or 4

    def __call__(self, units: Sequence[Unit], only: Sequence[int], batch: int) -> featvis.Result:
        """Images whose level is the unit's number."""
        mine = [units[i] for i in only]
        if self.before is not None:  # type: ignore[attr-defined]
            self.before(mine)  # type: ignore[attr-defined]
        with self.lock:  # type: ignore[attr-defined]
            self.log.append(mine)  # type: ignore[attr-defined]
        width = min(batch, self.fits)  # type: ignore[attr-defined]
        levels = np.array([unit.number for unit in mine], np.float32)
        images = np.broadcast_to(levels[:, None, None, None] / 255, (len(mine), SIDE, SIDE, 3))
        return featvis.Result(
            images=images,
            history=np.stack([np.zeros_like(levels), levels], 1),
            scores=levels,
            labels=tuple(f"{unit.layer}:{unit.number}" for unit in mine),
            indices=np.array(only),
            steps_done=np.full(len(mine), STEPS),
            reached=np.zeros(len(mine), bool),
            snapshots=np.zeros((len(mine), 0, SIDE, SIDE, 3), np.float32),
            snapshot_steps=(),
            origins=tuple(Origin((0, unit.number), i % width, width) for i, unit in zip(only, mine, strict=True)),
            seed=0,
        )


@contextmanager
def job(path: Path, wanted: Sequence[Unit], drawing: Drawing | None = None, **options: object) -> Iterator[Job]:
    """A job of this process in a directory."""
    with claims_in(path) as claims:
        yield begin(path, SETTINGS, FACTS, drawing or Quick([]), wanted, claims, **options)  # type: ignore[arg-type]


def finish_slowly(path: Path, wanted: Sequence[Unit]) -> None:
    """Do all that is left of a quick job, with some time for each block."""
    with job(path, wanted, Quick([], before=lambda _: time.sleep(0.005)), batch=2) as opened:
        work(opened, ALONE)


def some(layer: str, count: int) -> list[Unit]:
    """The first units of a layer."""
    return [Unit(layer, number) for number in range(count)]
