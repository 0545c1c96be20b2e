"""Every case by reader and number: the files, and what becomes of them."""

import contextlib
import io
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import MappingProxyType

from fuzz.mutate import mutated
from fuzz.pictures import PICTURES
from fuzz.reader import Reader, Tree, write
from fuzz.results import RESULTS
from fuzz.weights import WEIGHTS

READERS: Mapping[str, Reader] = MappingProxyType(WEIGHTS | PICTURES | RESULTS)

LONGEST = 2000
"""Characters of an error's text: more is a part of the file."""


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        kind: `read`, `refused`, or an offence: `traceback`, `text`, and from outside `time`, `memory`, `crash`.
        text: of the error.
        seconds: that it took.
        memory: bytes that the process grew by while it was read, at most; 0 where that cannot be known.
    """

    kind: str
    text: str = ""
    seconds: float = 0.0
    memory: int = 0

    @property
    def offends(self) -> bool:
        """Whether it is neither success nor an error of the project."""
        return self.kind not in ("read", "refused")


def case(name: str, number: int, seed: int = 0) -> Tree:
    """The files of a case: a sound folder in which one file, sometimes two, has been tampered with."""
    rng = Random(f"{seed} {name} {number}")
    seeds = READERS[name].seeds()
    files = dict(rng.choice(seeds))
    others = [data for tree in seeds for data in tree.values()]
    for chosen in rng.sample(sorted(files), min(len(files), rng.choice((1, 1, 1, 2)))):
        files[chosen] = mutated(files[chosen], chosen, others, rng)
    return files


def outcome(reader: Reader, files: Tree) -> Outcome:
    """What a reader makes of files."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        write(files, folder)
        found = Outcome("read")
        for read in reader.reads:
            before = _memory()
            begun = time.monotonic()
            kind, text = _tried(read, reader, folder)
            seconds, grown = time.monotonic() - begun, max(0, _peak() - before)
            worse = ("read", "refused", "text", "memory", "traceback")
            known = max(((found.kind, found.text), (kind, text)), key=lambda one: worse.index(one[0]))
            found = Outcome(*known, max(seconds, found.seconds), max(grown, found.memory))
        return found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tried(read: object, reader: Reader, folder: Path) -> tuple[str, str]:
    try:
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
            read(folder)  # type: ignore[operator]
    except reader.errors as error:
        text = str(error)
        plain = text.replace("\n", "").isprintable() and len(text) <= LONGEST
        return ("refused" if plain and reader.begins(folder, text) else "text"), f"{type(error).__name__}: {text}"
    except MemoryError as error:
        return "memory", repr(error)
    except BaseException as error:
        at = error.__traceback__
        while at and at.tb_next:
            at = at.tb_next
        where = f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}" if at else ""
        return "traceback", f"{type(error).__name__}: {str(error)[:300]} ({where})"
    return "read", ""


def _memory() -> int:
    """Bytes of memory that this process takes; from now on the peak counts anew."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    return 0


def _peak() -> int:
    with contextlib.suppress(OSError):
        return _status("VmHWM")
    return 0


def _status(field: str) -> int:
    text = Path(f"/proc/{os.getpid()}/status").read_text()
    return 1024 * int(text.partition(f"{field}:")[2].split()[0])
