"""Claims on pieces of work, for processes that share a directory: on one host, or on several with one file system.

A claim is a file that only one process can create. It is void once that process is dead, as far as can be seen from the
same host, and everywhere when it has not been touched for two minutes. At worst, two processes do the same work.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from experiments.options import UsageError
from inception_jax.bounded import read_bytes

FOLDER = "claims"
TOUCH = 20.0
"""Seconds between two touches of a claim."""
LAPSE = 120.0
"""Seconds without a touch after which a claim is void. Network file systems may show touches a minute late."""

_MOST_BYTES = 4096


@dataclass(frozen=True)
class Worker:
    """A process that claims work: where it runs, and what tells it from every other.

    Attributes:
        host: name of the computer.
        system: what tells the computer, since it started, and the container from others of the same name.
        pid: the process's number.
        started: when it started, in the computer's ticks; None where that cannot be known.
    """

    host: str
    system: str
    pid: int
    started: int | None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class Claims:
    """The claims of this process in a folder, kept alive while the context lasts and given back at its end.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Claims(Path(folder, "claims")) as claims:
    ...     claims.take("mixed4a-0003"), claims.take("mixed4a-0003"), list(claims.workers().values())
    (True, False, [['mixed4a-0003']])
    """

    def __init__(self, folder: Path, touch: float = TOUCH, lapse: float = LAPSE) -> None:
        self.folder, self._touch, self._lapse = folder, touch, lapse
        self._worker = this_process()
        self._held = set[str]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, daemon=True)

    def __enter__(self) -> "Claims":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for name in list(self._held):
            self.release(name)
        with suppress(OSError):  # Others may have claims in it.
            self.folder.rmdir()

    def take(self, name: str) -> bool:
        """Claim `name`, unless a process that is alive has; a void claim is replaced.

        Raises:
            UsageError: the folder cannot be written.
        """
        path = self.folder / name
        self._check_place()
        for _ in range(3):
            try:
                with path.open("x", encoding="utf-8") as file:
                    self._held.add(name)
                    json.dump(asdict(self._worker), file)
            except FileExistsError:
                if self.living(name):
                    return False
                self._remove_void(name)
            except FileNotFoundError:  # The last one to leave has removed the folder.
                self._make_folder()
            except OSError as error:
                raise self._unwritable(error) from error
            else:
                return True
        return False

    def release(self, name: str) -> None:
        """Give a claim back."""
        self._held.discard(name)
        path = self.folder / name
        if _read(path) == self._worker:  # Otherwise it had lapsed, and is somebody else's now.
            path.unlink(missing_ok=True)

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Wait until `name` can be claimed, and hold it for the block."""
        while not self.take(name):
            time.sleep(0.2)
        try:
            yield
        finally:
            self.release(name)

    def living(self, name: str) -> bool:
        """Whether a process that is alive, this one or another, has claimed `name`."""
        path = self.folder / name
        try:
            touched = path.stat().st_mtime
        except (FileNotFoundError, NotADirectoryError):
            return False
        worker = _read(path)
        if worker is not None and worker.system == self._worker.system and worker.started is not None:
            return _started(worker.pid) == worker.started
        return self._now() - touched < self._lapse

    def workers(self) -> dict[Worker, list[str]]:
        """What each process that is alive has claimed."""
        found: dict[Worker, list[str]] = {}
        for name in _names(self.folder):
            worker = _read(self.folder / name)
            if worker is not None and self.living(name):
                found.setdefault(worker, []).append(name)
        return found

    def others(self) -> list[Worker]:
        """The other processes that are alive and have claimed something."""
        return [worker for worker in self.workers() if worker != self._worker]

    def sweep(self) -> int:
        """Remove void claims, and what processes left that died while they removed one; returns how many there were."""
        self._check_place()
        void = [name for name in _names(self.folder) if not self.living(name)]
        for name in void:
            self._remove_void(name)
        for file in self.folder.glob(".*"):
            file.unlink(missing_ok=True)
        return len(void)

    def _keep_alive(self) -> None:
        while not self._over.wait(self._touch):
            for name in list(self._held):
                with suppress(OSError):
                    os.utime(self.folder / name)

    def _remove_void(self, name: str) -> None:
        """Remove a claim that has been seen to be void, but not one that has taken its place since."""
        path, aside = self.folder / name, self.folder / f".{name}.{secrets.token_hex(4)}"
        with suppress(FileNotFoundError):
            path.rename(aside)
            if self.living(aside.name):
                aside.rename(path)
            aside.unlink(missing_ok=True)

    def _check_place(self) -> None:
        """Void claims are removed: not those files that a link leads to."""
        if self.folder.is_symlink():
            raise UsageError(f"{self.folder} is a link; expected a folder, or none")

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> UsageError:
        return UsageError(f"cannot write {self.folder}: {error.strerror or error}")

    def _now(self) -> float:
        """The time on the file system's clock, which stamps the files of all hosts."""
        probe = self.folder / f".now.{secrets.token_hex(4)}"
        try:
            with probe.open("wb") as file:
                now = os.fstat(file.fileno()).st_mtime
        except OSError:  # Who only looks may not write.
            return time.time()
        probe.unlink(missing_ok=True)
        return now


def this_process() -> Worker:
    """The process that this is.

    >>> this_process().pid == os.getpid()
    True
    """
    known = [socket.gethostname()]
    # The same name stands for several computers or containers, and for a computer before and after a restart.
    with suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        known.append(str(Path("/proc/self/ns/pid").readlink()))
    return Worker(known[0], " ".join(known), os.getpid(), _started(os.getpid()))


def _started(pid: int) -> int | None:
    """When a process of this host started; None if it is dead, or where Linux's list of processes is missing."""
    try:
        known = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name of the program, in brackets, may hold anything.
    state, *fields = known.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*") if not file.name.startswith("."))


def _read(path: Path) -> Worker | None:
    """The worker that a claim names; None if it is gone, or was not written to its end."""
    try:
        content = json.loads(read_bytes(path, _MOST_BYTES, path.parent))
        started = content["started"]
        return Worker(
            host=str(content["host"]),
            system=str(content["system"]),
            pid=int(content["pid"]),
            started=None if started is None else int(started),
        )
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
