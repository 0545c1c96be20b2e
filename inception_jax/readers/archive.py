"""Zip archives held in memory, with every size checked before anything is unpacked."""

import io
import zipfile

from inception_jax.readers.contents import MAX_BYTES, WeightsError

MAX_MEMBERS = 10_000


class Archive:
    """The members of a zip file. Nothing is written to disk, so their names are only keys.

    Raises:
        WeightsError: not a zip file, cut short, encrypted, members of the same name, or more than `MAX_BYTES` in all.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise WeightsError(f"not a complete zip archive: {error}") from None
        members = self._zip.infolist()
        self.names = tuple(member.filename for member in members)
        if len(members) > MAX_MEMBERS:
            raise WeightsError(f"the zip archive has {len(members)} members; at most {MAX_MEMBERS} are read")
        if len(set(self.names)) < len(members):
            raise WeightsError("the zip archive has several members of the same name")
        if (total := sum(member.file_size for member in members)) > MAX_BYTES:
            raise WeightsError(f"the zip archive unpacks to {total} bytes; at most {MAX_BYTES} are read")

    def read(self, name: str, limit: int = MAX_BYTES) -> bytes:
        """The unpacked bytes of a member, at most `limit`; `zipfile` checks them against the archive's checksum."""
        if name not in self.names:
            raise WeightsError(f"the zip archive has no member {name!r}")
        if (size := self._zip.getinfo(name).file_size) > limit:
            raise WeightsError(f"{name!r} in the zip archive has {size} bytes; at most {limit} are read")
        try:
            data = self._zip.read(name)
        # Damage shows up as almost any exception: of zlib, struct, or RuntimeError for an encrypted member.
        except Exception as error:
            raise WeightsError(f"{name!r} in the zip archive cannot be unpacked: {error}") from None
        if len(data) != size:
            raise WeightsError(f"{name!r} in the zip archive has {len(data)} bytes, but declares {size}")
        return data
