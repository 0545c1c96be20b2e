"""Random access to TFRECORD files."""

import itertools
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest

from inception_jax.datasets.tfrecords import TFRecords


def chain(records: list[bytes]) -> bytes:
    """Lengths and data as in the files; the checksums are not read."""
    return b"".join(struct.pack("<Q", len(data)) + b"####" + data + b"####" for data in records)


def whole(path: Path, count: int, skip: int = 0, take: int | None = None) -> SimpleNamespace:
    take = count - skip if take is None else take
    return SimpleNamespace(filename=str(path), skip=skip, take=take, examples_in_shard=count)


@pytest.fixture
def files(tmp_path: Path) -> list[tuple[Path, list[bytes]]]:
    lengths = iter(itertools.cycle([0, 1, 7, 300, 70_000]))
    made = []
    for file, count in enumerate([4, 1, 0, 9]):
        records = [f"{file}.{i} ".encode() + bytes(next(lengths)) for i in range(count)]
        path = tmp_path / f"x.tfrecord-{file}"
        path.write_bytes(chain(records))
        made.append((path, records))
    return made


def test_records_are_those_written(files):
    written = [data for _, records in files for data in records]
    read = TFRecords(whole(path, len(records)) for path, records in files)
    assert [read[i] for i in range(len(read))] == written
    order = [13, 0, 5, 4, 3, 13]
    assert [read[i] for i in order] == [written[i] for i in order]


def test_parts_of_files(files):
    (first, a), (_, _), (_, _), (last, b) = files
    read = TFRecords([whole(first, 4, skip=1, take=2), whole(last, 9, skip=7)])
    assert [read[i] for i in range(len(read))] == [*a[1:3], *b[7:]]


@pytest.mark.parametrize("index", [-1, 4])
def test_records_that_are_not_there(files, index):
    read = TFRecords([whole(files[0][0], 4)])
    with pytest.raises(IndexError, match=rf"record {index} of 4$"):
        read[index]


@pytest.mark.parametrize("cut", [1, 5, 20, 70_000])
def test_files_that_were_cut_off(files, cut):
    path, records = files[3]
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ValueError, match=r"x\.tfrecord-3 ends inside record \d of 9; it is damaged or was cut off"):
        TFRecords([whole(path, len(records))])


def test_lengths_that_are_wrong(files):
    path, records = files[0]
    path.write_bytes(struct.pack("<Q", 2**63) + path.read_bytes()[8:])
    with pytest.raises(ValueError, match=r"x\.tfrecord-0 ends inside record 0 of 4"):
        TFRecords([whole(path, len(records))])


def test_more_records_than_known(files):
    path, records = files[3]
    with pytest.raises(ValueError, match=r"x\.tfrecord-3 has more than the 8 records that its data set tells of"):
        TFRecords([whole(path, len(records) - 1)])


def test_files_that_change_later(files):
    path, records = files[0]
    read = TFRecords([whole(path, len(records))])
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(OSError, match=r"x\.tfrecord-0 has become shorter than it was"):
        read[3]


@pytest.mark.frameworks
def test_files_that_tensorflow_writes(tmp_path):
    tf = pytest.importorskip("tensorflow")
    records = [bytes([i]) * (i * 1000) for i in range(20)]
    with tf.io.TFRecordWriter(str(tmp_path / "x")) as writer:
        for data in records:
            writer.write(data)
    read = TFRecords([whole(tmp_path / "x", 20)])
    assert [read[i] for i in range(20)] == records
