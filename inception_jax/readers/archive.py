"""Zip archives, with every size checked before anything is unpacked; nothing is written to disk."""

import io
import zipfile
from typing import Any

from inception_jax.readers.contents import WeightsError, most_bytes, plain

MAX_MEMBERS = 10_000

_DIRECTORY = 2**22
"""Most bytes of the list of members: some 400 for each."""

_BLOCK = 2**20


class Archive:
    """The members of a zip file. Nothing is written to disk, so their names are only keys.

    Args:
        data: the file, or its content.

    Raises:
        WeightsError: not a zip file, cut short, encrypted, members of the same name, or more than `most_bytes` in all.
    """

    def __init__(self, data: bytes | io.BufferedIOBase) -> None:
        file = io.BytesIO(data) if isinstance(data, bytes) else data
        try:
            self._zip = open_zip(file, _DIRECTORY)
        except Exception as error:
            raise WeightsError(f"not a complete zip archive: {plain(error)}") from None
        members = self._zip.infolist()
        self.names = tuple(member.filename for member in members)
        most = most_bytes(file.seek(0, io.SEEK_END))
        if len(members) > MAX_MEMBERS:
            raise WeightsError(f"the zip archive has {len(members)} members; at most {MAX_MEMBERS} are read")
        if len(set(self.names)) < len(members):
            raise WeightsError("the zip archive has several members of the same name")
        if (total := sum(member.file_size for member in members)) > most:
            raise WeightsError(f"the zip archive unpacks to {total} bytes; at most {most} are read")

    def read(self, name: str, limit: int | None = None) -> bytearray:
        """The unpacked bytes of a member, at most `limit`; `zipfile` checks them against the archive's checksum."""
        if name not in self.names:
            raise WeightsError(f"the zip archive has no member {name!r}")
        if (size := self._zip.getinfo(name).file_size) > (size if limit is None else limit):
            raise WeightsError(f"{name!r} in the zip archive has {size} bytes; at most {limit} are read")
        data, at = bytearray(size), 0
        try:
            # Past the end, too, where the checksum is compared.
            with memoryview(data) as room, self._zip.open(name) as file:
                while part := file.read(_BLOCK):
                    room[at : at + len(part)] = part
                    at += len(part)
        # Damage shows up as almost any exception: of zlib, struct, or RuntimeError for an encrypted member.
        except Exception as error:
            raise WeightsError(f"{name!r} in the zip archive cannot be unpacked: {plain(error)}") from None
        if at != size:
            raise WeightsError(f"{name!r} in the zip archive has {at} bytes, but declares {size}")
        return data


def open_zip(file: io.BufferedIOBase, most: int) -> zipfile.ZipFile:
    """`zipfile.ZipFile`, which would believe any size of the list of members.

    Args:
        file: open for reading; the archive does not close it.
        most: bytes of that list.

    Raises:
        Exception: almost any, where the file is none or damaged.
    """
    bounded = _Opening(file, most)
    archive = zipfile.ZipFile(bounded)  # pyright: ignore[reportArgumentType, reportCallIssue]
    bounded.most = None
    return archive


class _Opening:
    """A file of which no piece is read that is larger than `most`; `zipfile` reads the list of members in one."""

    def __init__(self, file: io.BufferedIOBase, most: int | None) -> None:
        self._file, self.most = file, most

    def read(self, size: int = -1) -> bytes:
        if self.most is not None and size > self.most:
            raise zipfile.BadZipFile(f"a list of members of {size} bytes; at most {self.most} are read")
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
