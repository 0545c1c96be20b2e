"""Wall time, and how much of it JAX spent compiling."""

import time
from dataclasses import dataclass
from types import TracebackType

import jax

_COMPILED = "/jax/core/compile/backend_compile_duration"


@dataclass(frozen=True)
class Lap:
    """Seconds of a lap: in all, and compiling (reading a compiled program from the cache counts as compiling)."""

    wall: float
    compiling: float


class Stopwatch:
    """Laps of wall and compile time, from entering the context on.

    >>> with Stopwatch() as watch:
    ...     _ = jax.jit(lambda x: x + 1)(1.0)
    ...     lap = watch.lap()
    >>> 0 < lap.compiling < lap.wall
    True
    """

    def __enter__(self) -> "Stopwatch":
        self._begin, self._compiling = time.perf_counter(), 0.0
        jax.monitoring.register_event_duration_secs_listener(self._listen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        jax.monitoring.unregister_event_duration_listener(self._listen)

    def lap(self) -> Lap:
        """The time since the last lap, or since entering."""
        now = time.perf_counter()
        lap = Lap(now - self._begin, self._compiling)
        self._begin, self._compiling = now, 0.0
        return lap

    def _listen(self, event: str, duration_secs: float, **kwargs: str | int) -> None:
        del kwargs
        if event == _COMPILED:
            self._compiling += duration_secs
