"""The files of a job's units: which are finished, and how they get their place."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from experiments.options import UsageError
from experiments.store import records, units
from experiments.store.claims import Claims
from experiments.store.records import Record, UnfitError
from featvis.shortform import Unit
from inception_jax.bounded import read_bytes
from inception_jax.files import write_whole

DAMAGED = "damaged"

_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}")


class UnwritableError(UsageError):
    """A result that cannot be written."""


@dataclass(frozen=True)
class Store:
    """The results of one job. A unit is finished exactly if its file is there and says that it is of this job.

    Attributes:
        path: the job's directory.
        identity: of the job's settings.
    """

    path: Path
    identity: str

    def file(self, unit: Unit) -> Path:
        """Where a unit has its file."""
        return self.path / units.file(unit)

    def peek(self, unit: Unit) -> Record | None:
        """The record of a finished unit; None where there is no file. The pixels are not read.

        Raises:
            UnfitError: a damaged file, or one of another job or unit.
            UsageError: the file cannot be read.
        """
        try:
            record = records.peek(self.file(unit), self.path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UsageError(f"cannot read {self.file(unit)}: {error.strerror or error}") from error
        return self._checked(record, unit)

    def finished(self, unit: Unit) -> bool:
        """Whether a unit is finished."""
        try:
            return self.peek(unit) is not None
        except UnfitError:
            return False

    def look(self, wanted: Iterable[Unit]) -> tuple[list[Record], list[str]]:
        """Records of those units that are finished, and what is wrong with files that are not what they should be.

        Raises:
            UsageError: a file cannot be read.
        """
        found, unfit = [], []
        for unit in wanted:
            try:
                if record := self.peek(unit):
                    found.append(record)
            except UnfitError as error:
                unfit.append(f"{units.file(unit)} {error}")
        return found, unfit

    def missing(self, wanted: Iterable[Unit]) -> list[Unit]:
        """Those units that are not finished."""
        return [unit for unit in wanted if not self.finished(unit)]

    def read(self, unit: Unit) -> bytes:
        """The bytes of a unit's file.

        Raises:
            UnfitError: a file that is too large to be one, or a link that leads elsewhere.
            UsageError: the file cannot be read.
        """
        try:
            with records.unfit(self.file(unit)):
                data = read_bytes(self.file(unit), records.MOST_BYTES, self.path)
        except OSError as error:
            raise UsageError(f"cannot read {self.file(unit)}: {error.strerror or error}") from error
        if len(data) > records.MOST_BYTES:
            raise UnfitError(f"has more than {records.MOST_BYTES} bytes, the most that is read")
        return data

    def decode(self, unit: Unit, data: bytes) -> tuple[UInt8[np.ndarray, "images h w 3"], Record]:
        """Images and record of a unit from the bytes of its file, compared with all checksums.

        Raises:
            UnfitError: a damaged file, or one of another job or unit.
        """
        pixels, record = records.decode(data)
        return pixels, self._checked(record, unit)

    def write(self, pixels: UInt8[np.ndarray, "images h w 3"], record: Record) -> None:
        """Give a unit its file, whole or not at all.

        Raises:
            UnwritableError: it cannot be.
        """
        file = self.file(record.unit)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, records.encode(pixels, record))
        except OSError as error:
            raise UnwritableError(f"cannot write {file}: {error.strerror or error}") from error

    def set_aside(self, unit: Unit) -> Path:
        """Move what has a unit's place without being it to `damaged/`; returns where it is now.

        Raises:
            UsageError: it cannot be moved.
        """
        aside = self.path / DAMAGED / unit.layer / f"{units.stem(unit)}-{secrets.token_hex(4)}.png"
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            self.file(unit).rename(aside)
        except OSError as error:
            raise UsageError(f"cannot move {self.file(unit)} to {aside}: {error.strerror or error}") from error
        return aside

    def sweep(self, claims: Claims) -> int:
        """Remove temporary files of processes that died while they wrote; returns how many there were.

        Those of units are known by the missing claim; for others, this process must be the only one that writes them.
        """
        left = [file for folder in ("", "sheets/", f"{units.IMAGES}/*/") for file in self.path.glob(f"{folder}.*")]
        count = 0
        for file in left:
            name = _TEMPORARY.fullmatch(file.name)
            ours = file.parent.parent != self.path / units.IMAGES
            if name and (ours or not claims.living(f"{file.parent.name}-{Path(name[1]).stem}")):
                file.unlink(missing_ok=True)
                count += 1
        return count

    def _checked(self, record: Record, unit: Unit) -> Record:
        if record.identity != self.identity:
            raise UnfitError(
                f"is of another job: its settings have identity {record.identity[:8]}, not {self.identity[:8]}"
            )
        if record.unit != unit:
            shown = units.short_form([record.unit])
            raise UnfitError(f"shows another unit: {shown}, not {units.short_form([unit])}")
        return record
