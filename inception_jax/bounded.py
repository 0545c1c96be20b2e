"""Files that others may have written, read within bounds: whatever they hold is content or one error.

Nothing is unpickled, sizes are checked before anything is allocated, and links do not lead out of a folder.
"""

import errno
import io
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from inception_jax.readers.archive import Archive
from inception_jax.readers.contents import WeightsError, plain
from inception_jax.readers.npz import array

MOST_BYTES = 2**24
"""Largest JSON file that is read: parsed, it may take thirty times as much."""

MOST_ITEMS = 2**20
"""Most lists and objects of a JSON file."""

MOST_LEVELS = 50
"""Most lists and objects in each other of a JSON file."""

_Value = TypeVar("_Value")


class FileError(ValueError):
    """A file that cannot be read; the message begins with its path."""


class Known(dict[str, _Value]):
    """What a file holds, by name; a name that it lacks is an `error`, by default a `FileError`, that says so."""

    __slots__ = ("_error", "_path")

    def __init__(self, path: Path, content: Mapping[str, _Value], error: type[Exception] = FileError) -> None:
        super().__init__(content)
        self._path, self._error = path, error

    def __missing__(self, name: str) -> _Value:
        some = plain(", ".join(list(self)[:8]) or "nothing", 200)
        raise self._error(f"{self._path} has no {name!r}; expected it beside {some}")


@contextmanager
def opened(path: Path, most: int | None = None, within: Path | None = None) -> Iterator[io.BufferedIOBase]:
    """A regular file, open for reading.

    Args:
        path: of the file.
        most: bytes that it may have.
        within: folder that it must lie in, links followed.

    Raises:
        FileError: a pipe or a device; a file that is too large or lies elsewhere.
        OSError: no such file, a folder, or no permission.
    """
    if within is not None and not path.resolve().is_relative_to(within.resolve()):
        raise FileError(f"{path} is a link that leads out of {within}; such links are not followed")
    # Opening a pipe would wait for somebody to write into it.
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(number)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(found.st_mode):
            raise FileError(f"{path} is no regular file")
        if most is not None and found.st_size > most:
            raise FileError(f"{path} has {found.st_size} bytes; at most {most} are read")
        with os.fdopen(number, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(number)


def read_bytes(path: Path, most: int, within: Path | None = None) -> bytes:
    """The content of a file, or one byte more than `most` of it; arguments and errors as of `opened`."""
    with opened(path, within=within) as file:
        # No more than there is: reading makes room first.
        return file.read(min(os.fstat(file.fileno()).st_size, most) + 1)[: most + 1]


def read_json(path: Path, within: Path | None = None, error: type[Exception] = FileError) -> Any:
    """What a JSON file holds; its objects are `Known`. Of names that occur twice the last one counts.

    Args:
        path: of the file.
        within: folder that it must lie in, links followed.
        error: of names that the file lacks, when they are looked up.

    Raises:
        FileError: no JSON, too large, nested too deeply, and as `opened`.
        OSError: no such file, or no permission.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.json").write_text('{"a": [1, 2]}')
    ...     read_json(Path(folder, "a.json"))
    {'a': [1, 2]}
    """
    data = read_bytes(path, MOST_BYTES, within)
    if len(data) > MOST_BYTES:
        raise FileError(f"{path} has more than {MOST_BYTES} bytes, the most that is read")
    if (count := data.count(b"[") + data.count(b"{")) > MOST_ITEMS:
        raise FileError(f"{path} has {count} lists and objects; at most {MOST_ITEMS} are read")
    try:
        found = json.loads(data, object_hook=lambda content: Known(path, content, error))
    except RecursionError:
        raise FileError(f"{path} is nested in more than {MOST_LEVELS} levels") from None
    except ValueError as reason:
        raise FileError(f"{path} is no JSON: {plain(reason)}") from None
    level = [found]
    for _ in range(MOST_LEVELS):
        inside = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list))
        level = [item for items in inside for item in items if isinstance(item, dict | list)]
    if level:
        raise FileError(f"{path} is nested in more than {MOST_LEVELS} levels")
    return found


def read_arrays(path: Path, within: Path | None = None, error: type[Exception] = FileError) -> Known[np.ndarray]:
    """The arrays of an `.npz` file, by name; arguments as of `read_json`.

    Raises:
        FileError: no `.npz` file, damaged, Python objects, arrays that unpack to far more than the file has, and as
            `opened`.
        OSError: no such file, or no permission.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/a.npz", a=np.arange(3))
    ...     read_arrays(Path(folder, "a.npz"))["a"]
    array([0, 1, 2])
    """
    with opened(path, within=within) as file:
        return arrays_in(file, path, error)


def arrays_in(file: io.BufferedIOBase, path: Path, error: type[Exception] = FileError) -> Known[np.ndarray]:
    """As `read_arrays`, of the open file `path`.

    Raises:
        FileError: no `.npz` file, damaged, Python objects, or arrays that unpack to far more than the file has.
    """
    try:
        archive = Archive(file)
        found = {name.removesuffix(".npy"): array(archive.read(name), name) for name in archive.names}
    except (WeightsError, OSError, MemoryError) as reason:
        raise FileError(f"{path} cannot be read: {plain(reason)}") from None
    return Known(path, found, error)


def read_array(path: Path, within: Path | None = None) -> np.ndarray:
    """The array of an `.npy` file.

    Raises:
        FileError: no `.npy` file, damaged, Python objects, and as `opened`.
        OSError: no such file, or no permission.
    """
    with opened(path, within=within) as file:
        try:
            return array(bytearray(file.read()), path.name)
        except (WeightsError, MemoryError) as error:
            raise FileError(f"{path} cannot be read: {plain(error)}") from None
