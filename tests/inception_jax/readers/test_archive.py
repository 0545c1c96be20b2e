import io
import zipfile

import pytest
from weight_files import zip_of

from inception_jax.readers import archive
from inception_jax.readers.archive import Archive
from inception_jax.readers.contents import MAX_BYTES, WeightsError


def declare(data, size):
    """The zip archive with another unpacked size of its only member, in the directory and before the member."""
    fake = bytearray(data)
    directory = fake.rindex(b"PK\x01\x02")
    fake[directory + 24 : directory + 28] = fake[22:26] = size.to_bytes(4, "little")
    return bytes(fake)


def test_members_are_read_whole():
    members = {"a/b.txt": b"hello", "../c": bytes(1000)}
    read = Archive(zip_of(members, zipfile.ZIP_DEFLATED))
    assert {name: read.read(name) for name in read.names} == members


def test_a_declared_bomb_is_refused_before_unpacking():
    with pytest.raises(WeightsError, match=f"unpacks to {MAX_BYTES + 1} bytes; at most {2**28} are read"):
        Archive(declare(zip_of({"a.npy": b"hello"}), MAX_BYTES + 1))


def test_a_bomb_that_hides_its_size_does_not_unpack():
    data = zip_of({"a.npy": bytes(10_000_000)}, zipfile.ZIP_DEFLATED)
    assert len(data) < 20_000
    with pytest.raises(WeightsError, match=r"'a.npy' in the zip archive cannot be unpacked: Bad CRC-32"):
        Archive(declare(data, 5)).read("a.npy")


def test_a_member_may_have_its_own_limit():
    with pytest.raises(WeightsError, match="'a' in the zip archive has 5 bytes; at most 4 are read"):
        Archive(zip_of({"a": b"hello"})).read("a", limit=4)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "not a complete zip archive: File is not a zip file"),
        (lambda data: data[:0], "not a complete zip archive"),
        (lambda data: data.replace(b"hello", b"jelly"), "'a' in the zip archive cannot be unpacked: Bad CRC-32"),
    ],
)
def test_damage_is_one_error(damage, message):
    with pytest.raises(WeightsError, match=message):
        Archive(damage(zip_of({"a": b"hello"}))).read("a")


def test_members_are_counted_and_named_once(monkeypatch):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as twice:
        twice.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            twice.writestr("a", b"2")
    with pytest.raises(WeightsError, match="the zip archive has several members of the same name"):
        Archive(buffer.getvalue())
    with pytest.raises(WeightsError, match="the zip archive has no member 'b'"):
        Archive(zip_of({"a": b""})).read("b")
    monkeypatch.setattr(archive, "MAX_MEMBERS", 1)
    with pytest.raises(WeightsError, match="the zip archive has 2 members; at most 1 are read"):
        Archive(zip_of({"a": b"", "b": b""}))
