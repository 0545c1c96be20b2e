"""Writing one block of units while the device works on the next."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np
from jaxtyping import UInt8

import featvis
from experiments.stopwatch import Lap
from experiments.store import units
from experiments.store.opening import Job, device_kind
from experiments.store.records import Record
from featvis.pixels import eight_bit
from featvis.shortform import Unit


class Writer:
    """Gives finished units their files, and their claims back, in threads of its own.

    At most two blocks of images are in memory: the one that is being written and the one that is being drawn. At the
    end of the context everything is written.
    """

    def __init__(self, job: Job, advanced: Callable[[int], object]) -> None:
        """`advanced(1)` is called for each unit that is written."""
        self._job, self._advanced = job, advanced
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="writer")
        self._lock = threading.Lock()
        self._pending: list[Future[None]] = []

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True)
        if error is None:
            self.wait()

    def wait(self) -> None:
        """Wait until everything is written.

        Raises:
            UsageError: something cannot be.
        """
        pending, self._pending = self._pending, []
        for future in pending:
            future.result()

    def put(self, drawn: Sequence[Unit], result: featvis.Result, lap: Lap) -> None:
        """Write the results of a block, as soon as the one before it is written. An interrupted unit is left out.

        Raises:
            UsageError: the block before it cannot be written.
        """
        self.wait()
        job, count = self._job, len(drawn)
        pixels = eight_bit(result.images)
        pixels = pixels if pixels.ndim == 5 else pixels[:, None]
        for i, unit in enumerate(drawn):
            if result.steps_done[i] < job.drawing.steps:
                continue
            record = Record(
                identity=job.store.identity,
                unit=unit,
                label=result.labels[i],
                score=float(result.scores[i]),
                steps=int(result.steps_done[i]),
                seconds=round((lap.wall - lap.compiling) / count, 3),
                compile_seconds=round(lap.compiling / count, 3),
                origin=result.origins[i],
                device=device_kind(),
                images=job.drawing.images,
                history=result.history[i],
            )
            self._pending.append(self._pool.submit(self._write, pixels[i], record))

    def _write(self, pixels: UInt8[np.ndarray, "images h w 3"], record: Record) -> None:
        self._job.store.write(pixels, record)
        self._job.claims.release(units.claim(record.unit))
        with self._lock:
            self._advanced(1)
