"""A process that reads cases one after another, within bounds that the system keeps."""

import os
import resource
import sys
import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fuzz.cases import READERS, Outcome, case, outcome

SECONDS = 5.0
MEMORY = 1 << 30


def _serve(pipe: Connection) -> None:
    # What libraries print about broken files is nothing to look at.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    sys.stdout = sys.stderr = os.fdopen(silence, "w")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warm = set[str]()
    while True:
        try:
            name, number, seed = pipe.recv()
        except EOFError:
            return
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if name not in warm:  # Whatever is loaded or compiled the first time does not count.
            for sound in READERS[name].seeds():
                outcome(READERS[name], sound)
            warm.add(name)
        files = case(name, number, seed)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.RLIM_INFINITY))
        pipe.send("begun")
        pipe.send(outcome(READERS[name], files))


@dataclass
class Worker:
    """The process, started anew where a case ends it. Attributes are its own."""

    _process: Any = None
    _pipe: Any = None

    def run(self, name: str, number: int, seed: int) -> Outcome:
        """The outcome of a case."""
        if self._process is None:
            self._start()
        try:
            self._pipe.send((name, number, seed))
            self._pipe.recv()
            begun = time.monotonic()
            # A case has several reads, each of which may take so long.
            if not self._pipe.poll(SECONDS * len(READERS[name].reads)):
                self.stop()
                return Outcome("time", "is still at it", time.monotonic() - begun)
            found: Outcome = self._pipe.recv()
        except (EOFError, ConnectionError):
            code = self._process.exitcode if self._process.join(5) is None else None
            self.stop()
            return Outcome("crash", f"the process ended with {code}")
        if found.offends or (found.seconds <= SECONDS and found.memory <= MEMORY):
            return found
        slow = found.seconds > SECONDS
        return Outcome("time" if slow else "memory", "", found.seconds, found.memory)

    def stop(self) -> None:
        """End the process: by itself, or after a second by force."""
        if self._process is not None:
            self._pipe.close()
            self._process.join(1)
            self._process.kill()
            self._process.join()
        self._process = None

    def _start(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
