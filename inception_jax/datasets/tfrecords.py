"""Random access to TFRECORD files without TensorFlow.

A TFRECORD file is a chain of records: 8 bytes of length (little endian), 4 of checksum, the data, 4 of checksum
(https://www.tensorflow.org/tutorials/load_data/tfrecord). It has no index, so one is made by walking the chain.
"""

import bisect
import itertools
import os
import struct
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

_HEADER, _FOOTER = 12, 4
_FILES_AT_ONCE = 16


class TFRecords:
    """The records that tfds' file instructions select, as bytes. Threads may share it.

    Args:
        instructions: for each file its `filename`, how many records to `skip` and then to `take`, and how many
            `examples_in_shard` it has.

    Raises:
        ValueError: a file whose chain of records is broken, or has not that many.
        OSError: a file that cannot be read.
    """

    def __init__(self, instructions: Iterable[Any]) -> None:
        instructions = list(instructions)
        with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
            indices = list(pool.map(_index, instructions))
        self._files = [Path(instruction.filename) for instruction in instructions]
        self._offsets = [offsets[i.skip : i.skip + i.take] for offsets, i in zip(indices, instructions, strict=True)]
        self._ends = list(itertools.accumulate(len(offsets) for offsets in self._offsets))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> bytes:
        """One record."""
        if not 0 <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        shard = bisect.bisect_right(self._ends, index)
        start, length = self._offsets[shard][index - (self._ends[shard - 1] if shard else 0)].tolist()
        # Opened for each record: data sets have more files than a process may hold open.
        with self._files[shard].open("rb", buffering=0) as file:
            data = os.pread(file.fileno(), length, start)
        if len(data) < length:
            raise OSError(f"{self._files[shard]} has become shorter than it was")
        return data


def _index(instruction: Any) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Where the data of each record of a file begins, and its length."""
    name, count = Path(instruction.filename), instruction.examples_in_shard
    found = np.empty((count, 2), np.int64)
    with name.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        position = 0
        for record in range(count):
            header = os.pread(file.fileno(), 8, position)
            length = struct.unpack("<Q", header)[0] if len(header) == 8 else size
            found[record] = position + _HEADER, min(length, size)
            position += _HEADER + length + _FOOTER
            if position > size:
                raise ValueError(f"{name} ends inside record {record} of {count}; it is damaged or was cut off")
    if position != size:
        raise ValueError(f"{name} has more than the {count} records that its data set tells of")
    return found
