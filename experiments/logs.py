"""What `--verbose` shows: the log of this project's packages, and what JAX compiles."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
from tqdm.contrib.logging import logging_redirect_tqdm

PACKAGES = ("inception_jax", "featvis", "circuits", "experiments")

_LOG = logging.getLogger(__name__)
_COMPILED = "/jax/core/compile/backend_compile_duration"
_LEAST_SECONDS = 0.5
"""What is compiled faster, such as single operations, is not told of."""


@contextmanager
def shown() -> Iterator[None]:
    """Show what is logged meanwhile on standard error, above progress bars, with the time of day.

    >>> with shown():
    ...     logging.getLogger("featvis").isEnabledFor(logging.INFO)
    True
    >>> logging.getLogger("featvis").isEnabledFor(logging.INFO)
    False
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
    loggers = [logging.getLogger(package) for package in PACKAGES]
    before = [(logger.level, logger.propagate) for logger in loggers]
    jax.monitoring.register_event_duration_secs_listener(_compiled)
    try:
        for logger in loggers:
            logger.setLevel(logging.INFO)
            logger.propagate = False
            logger.addHandler(handler)
        with logging_redirect_tqdm(loggers):
            yield
    finally:
        jax.monitoring.unregister_event_duration_listener(_compiled)
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate


def _compiled(event: str, duration_secs: float, **about: Any) -> None:
    if event == _COMPILED and duration_secs >= _LEAST_SECONDS:
        # Programs that are read from the cache come by here too.
        program = about.get("fun_name", "")
        _LOG.info("compiled, or read from the cache of programs, %s in %.1f s", program, duration_secs)
