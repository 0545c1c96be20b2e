import re
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest
from store_toys import pixels, record

from experiments.options import UsageError
from experiments.store.claims import Claims
from experiments.store.records import UnfitError
from experiments.store.store import Store
from featvis.shortform import Unit

IDENTITY = "ab" * 32
UNIT = Unit("a", 0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, IDENTITY)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def test_a_unit_is_finished_once_its_file_is_there(store: Store) -> None:
    assert store.missing([UNIT]) == [UNIT]
    store.write(pixels(), record(UNIT))
    assert store.missing([UNIT, Unit("a", 1)]) == [Unit("a", 1)]
    shown, known = store.decode(UNIT, store.read(UNIT))
    assert (shown == pixels()).all()
    assert known.label == "a:0"
    assert [file.name for file in store.file(UNIT).parent.iterdir()] == ["0000.png"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda store: cut(store.file(UNIT)), "is cut short"),
        (lambda store: store.file(UNIT).write_bytes(b""), "is no PNG file"),
        (lambda store: store.file(UNIT).write_bytes(bytes(500)), "is no PNG file"),
        (
            lambda store: store.write(pixels(), record(UNIT, identity="cd" * 32)),
            "is of another job: its settings have identity cdcdcdcd, not abababab",
        ),
        (lambda store: store.file(Unit("a", 1)).rename(store.file(UNIT)), "shows another unit: a:1, not a:0"),
    ],
)
def test_files_that_are_no_results(store: Store, spoil: Callable[[Store], object], message: str) -> None:
    store.write(pixels(), record(Unit("a", 1)))
    store.write(pixels(), record(UNIT))
    spoil(store)
    assert not store.finished(UNIT)
    for look in (lambda: store.peek(UNIT), lambda: store.decode(UNIT, store.read(UNIT))):
        with pytest.raises(UnfitError, match=f"^{re.escape(message)}$"):
            look()


def test_what_has_a_units_place_is_set_aside(store: Store) -> None:
    for content in ("first", "second"):
        store.file(UNIT).parent.mkdir(parents=True, exist_ok=True)
        store.file(UNIT).write_text(content)
        assert store.set_aside(UNIT).read_text() == content
    assert not store.file(UNIT).exists()
    assert len(list((store.path / "damaged" / "a").iterdir())) == 2


def test_a_write_that_fails_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(UsageError, match=r"^cannot write .*images/a/0000\.png: No space left on device$"):
            store.write(pixels(), record(UNIT))
    assert list(store.file(UNIT).parent.iterdir()) == []


def test_files_that_cannot_be_read(store: Store) -> None:
    store.file(UNIT).mkdir(parents=True)
    for look in (store.peek, store.read):
        with pytest.raises(UsageError, match=r"^cannot read .*images/a/0000\.png: Is a directory$"):
            look(UNIT)


def test_temporary_files_of_dead_processes_are_swept_up(store: Store) -> None:
    store.write(pixels(), record(UNIT))
    names = [".0001.png.0123abcd", ".0002.png.0123abcd", ".keep", ".0003.png.0123abcdef"]
    for folder in (store.path / "images" / "a", store.path, store.path / "sheets"):
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).touch()
    with Claims(store.path / "claims") as claims:
        claims.take("a-0002")  # Somebody is about to write it.
        assert store.sweep(claims) == 5
    found = sorted(str(file.relative_to(store.path)) for file in store.path.rglob(".*"))
    kept = [*(f"images/a/{name}" for name in names[1:]), *names[2:], *(f"sheets/{name}" for name in names[2:])]
    assert found == sorted(kept)
    assert store.finished(UNIT)


def test_names_of_files_are_those_of_temporary_ones(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process leaves that is killed as it writes is what `sweep` looks for."""

    class Killed(BaseException):
        pass

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", Mock(side_effect=Killed))
        patch.setattr(Path, "unlink", Mock())
        with pytest.raises(Killed):
            store.write(pixels(), record(UNIT))
    assert len(list(store.file(UNIT).parent.iterdir())) == 1
    with Claims(store.path / "claims") as claims:
        assert store.sweep(claims) == 1
    assert list(store.file(UNIT).parent.iterdir()) == []
