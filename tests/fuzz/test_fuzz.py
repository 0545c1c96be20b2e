"""A share of the fuzzing, and that it would notice what it looks for."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

from fuzz import __main__ as command
from fuzz.cases import READERS, Outcome, case, outcome
from fuzz.mutate import mutated
from fuzz.reader import Reader
from inception_jax.readers import READERS as FORMATS

SHARE = 1_500


# Where Orbax gives up on a damaged checkpoint, it leaves coroutines behind: better in another process, as below.
@pytest.mark.parametrize("name", [name for name in READERS if name != "checkpoint"])
def test_tampered_files_are_read_or_refused(name: str) -> None:
    numbers = [number for reader, number in command.planned(list(READERS), SHARE) if reader == name]
    offences = {n: result for n in numbers if (result := outcome(READERS[name], case(name, n))).offends}
    assert offences == {}


@pytest.mark.parametrize("name", [name for name in READERS if name != "weights.caffemodel"])
def test_some_sound_file_is_read(name: str) -> None:
    # A whole caffemodel takes 28 MB; that one is read is tested beside its reader.
    assert "read" in {outcome(READERS[name], files).kind for files in READERS[name].seeds()}


def test_every_format_of_weights_has_a_reader_here() -> None:
    assert {f"weights{ending}" for ending in FORMATS} - READERS.keys() == {"weights.pt"}  # The same as .pth.


@pytest.mark.parametrize("name", ["weights.npz", "image.png", "job", "records"])
def test_a_case_is_the_same_every_time(name: str) -> None:
    assert case(name, 7) == case(name, 7)
    assert len({str(case(name, n, seed)) for n in range(10) for seed in range(2)}) > 15  # A few come out alike.


def raising(error: Exception) -> Callable[[Path], None]:
    def read(_: Path) -> None:
        raise error

    return read


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (lambda _: None, "read"),
        (raising(ValueError("given is odd")), "refused"),
        (raising(ValueError("cannot read given: odd")), "refused"),
        (raising(ValueError("something is odd")), "text"),
        (raising(ValueError("given is \x1b[31modd")), "text"),
        (raising(ValueError("given is " + "x" * 3000)), "text"),
        (raising(KeyError("given")), "traceback"),
        (raising(SystemExit(1)), "traceback"),
        (raising(MemoryError()), "memory"),
    ],
)
def test_offences_are_noticed(read: Callable[[Path], None], kind: str) -> None:
    reader = Reader(list, (lambda _: None, read), (ValueError,), given=lambda _: ["given"])
    found = outcome(reader, {"a": b""})
    assert (found.kind, found.offends) == (kind, kind not in ("read", "refused"))


def test_memory_is_measured() -> None:
    found = outcome(Reader(list, (lambda _: np.ones(2**24) + 1,), ()), {})  # type: ignore[func-returns-value]
    # Two arrays of 128 MB; part of it may have been there, free, before.
    assert found.memory == 0 or found.memory > 2**26


def test_changes_of_structure_keep_checksums() -> None:
    archive = READERS["weights.npz"].seeds()[0]["a.npz"]
    changed = [mutated(archive, "a.npz", [], Random(n)) for n in range(100)]
    texts = [outcome(READERS["weights.npz"], {"a.npz": data}).text for data in changed]
    # Half of them or more get past the archive, to what is in it.
    assert sum("zip archive" not in text for text in texts) > 50


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--readers", "checkpoint", "--count", "15", "--out", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["checkpoint", "15"]
    assert not (tmp_path / "out").exists()


def test_the_command_keeps_what_offends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command.Worker, "run", lambda *_: Outcome("crash", "the process ended with -11"))
    assert command.main(["--readers", "records", "--case", "3", "--out", str(tmp_path)]) == 1
    assert (tmp_path / "records-0-3" / "a.tfrecord").read_bytes() == case("records", 3)["a.tfrecord"]
    assert capsys.readouterr().out.endswith(f"1 offences, with their files in {tmp_path}\n")
