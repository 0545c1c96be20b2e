import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from store_toys import Quick, job, pixels, record, some

from experiments import store
from experiments.__main__ import main
from experiments.store.claims import this_process
from experiments.store.records import decode, encode
from experiments.store.work import ALONE, work

A, B = some("a", 5), some("b", 3)
OPTIONS = ["--units", "conv2d0:0-3,-conv2d0_pre_relu:1", "--steps", "2", "--size", "16"]


@pytest.fixture(scope="module")
def drawn(shallow_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drawn") / "out"
    assert main(["feature_vis", "--model", str(shallow_weights), *OPTIONS, "--out", str(path)]) == 0
    return path


@pytest.fixture
def done(drawn: Path, tmp_path: Path) -> Path:
    """A finished job of five units."""
    return Path(shutil.copytree(drawn, tmp_path / "out"))


def verify(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, list[str]]:
    """Exit code, and the lines after the first."""
    capsys.readouterr()
    code = main(["verify", str(path), *options])
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{path}: ")
    return code, lines


def test_a_job_that_is_whole(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file: file.stat().st_mtime_ns for file in done.rglob("*")}
    for options in ([], ["--repair"]):
        assert main(["verify", str(done), *options]) == 0
        assert capsys.readouterr().out == f"{done}: 5 of 5 units are whole\n"
    files = {file: file.stat().st_mtime_ns for file in done.rglob("*") if file.is_file()}
    assert files == {file: moment for file, moment in before.items() if file.is_file()}


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-30] ^= 1
    file.write_bytes(bytes(data))


def reencode(file: Path) -> None:
    """Other pixels with the same record: only the manifest knows."""
    shown, old = decode(file.read_bytes())
    file.write_bytes(encode(255 - shown, old))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (flip, "is damaged: the checksum of a 'IDAT' chunk is wrong"),
        (lambda file: file.write_bytes(file.read_bytes()[:-50]), "is cut short"),
        (lambda file: file.write_bytes(b""), "is no PNG file"),
        (lambda file: file.with_name("0001.png").replace(file), "shows another unit: conv2d0:1, not conv2d0:2"),
        (reencode, "is not the file that manifest.json lists: another SHA-256"),
    ],
)
def test_what_is_wrong_with_a_file(
    done: Path, spoil: Callable[[Path], None], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(done / "images/conv2d0/0002.png")
    code, lines = verify(done, capsys)
    assert code == 1
    assert lines[-1] == f"images/conv2d0/0002.png {message}"
    assert lines[:-1] in ([], ["missing: conv2d0:1"])


def test_results_of_another_job(
    done: Path, shallow_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    assert main(["feature_vis", "--model", str(shallow_weights), *OPTIONS, "--seed", "1", "--out", str(other)]) == 0
    shutil.copy(other / "images/conv2d0/0002.png", done / "images/conv2d0/0002.png")
    code, (line,) = verify(done, capsys)
    assert code == 1
    assert re.fullmatch(
        r"images/conv2d0/0002\.png is of another job: its settings have identity \w{8}, not \w{8}", line
    )


def test_what_is_missing_and_what_is_foreign(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("conv2d0/0001.png", "conv2d0/0002.png", "conv2d0_pre_relu/0001_negative.png"):
        (done / "images" / name).unlink()
    (done / "images/notes.txt").touch()
    (done / "images/conv2d0/0009.png").touch()
    code, lines = verify(done, capsys)
    assert code == 1
    assert lines == [
        "missing: conv2d0:1-2,-conv2d0_pre_relu:1",
        "images/conv2d0/0009.png belongs to no unit of this job",
        "images/notes.txt belongs to no unit of this job",
    ]


def test_repair(done: Path, drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoilt = done / "images/conv2d0/0003.png"
    flip(spoilt)
    content = spoilt.read_bytes()
    (done / "images/conv2d0_pre_relu/0001_negative.png").unlink()
    (done / "images/conv2d0/.0002.png.0123abcd").touch()
    (done / "claims").mkdir()
    # Of a process of that number which started at another time.
    dead = dataclasses.replace(this_process(), started=1)
    (done / "claims" / "conv2d0-0000").write_text(json.dumps(dataclasses.asdict(dead)))
    code, lines = verify(done, capsys, "--repair")
    assert code == 0
    assert lines[:3] == [
        "missing: -conv2d0_pre_relu:1",
        "images/conv2d0/0003.png is damaged: the checksum of a 'IDAT' chunk is wrong",
        "removed 2 claims and temporary files of dead processes",
    ]
    moved = re.fullmatch(r"moved images/conv2d0/0003\.png to (damaged/conv2d0/0003-\w{8}\.png)", lines[3])
    assert moved
    assert (done / moved[1]).read_bytes() == content
    assert lines[4] == str(done / "index.html")
    assert verify(done, capsys) == (0, [])
    # In the same batches as before, and so to the bit.
    repaired, before = store.load(done), store.load(drawn)
    assert repaired.labels == before.labels
    assert (repaired.images == before.images).all()
    assert not (done / "claims").exists()


@pytest.mark.parametrize(
    "command", ["rm -r all", "python -m experiments train", "python -m experiments neurons --force", ""]
)
def test_commands_that_repair_nothing(done: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = json.loads((done / "config.json").read_text())
    (done / "config.json").write_text(json.dumps(config | {"command": command}))
    (done / "images/conv2d0/0001.png").unlink()
    assert main(["verify", str(done), "--repair"]) == 2
    expected = f"error: {done / 'config.json'} has no command that draws units; what is missing stays so\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("tool", ["verify", "status"])
def test_directories_without_a_job(tool: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([tool, str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path} holds no job of units; expected a directory of `neurons` or `feature_vis`\n"
    )


def test_status_of_a_job_at_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with job(tmp_path, [*A, *B], Quick([])) as opened:
        opened.wanted[:] = A[:4]
        work(opened, ALONE)
        opened.store.write(pixels(), record(B[0], identity=opened.store.identity, score=float("nan")))
        (tmp_path / "images/b/0001.png").write_bytes(b"x" * 100)
        for unit in ("a-0004", "b-0002"):
            opened.claims.take(unit)
        assert main(["status", str(tmp_path)]) == 0
        worker = this_process()
    first, a, b, at_work, rate, wrong, unfit, hint = capsys.readouterr().out.splitlines()
    assert first == f"{tmp_path}: 5 of 8 units, 62.5%"
    assert [" ".join(line.split()) for line in (a, b)] == ["a 4 of 5", "b 1 of 3"]
    assert at_work == f"at work: {worker}, on a-0004, b-0002"
    assert re.fullmatch(r"rate: \d+\.\d units a minute; time left: .*", rate)
    assert wrong == "objectives that did not end finite: b:0"
    assert unfit == "images/b/0001.png is no PNG file"
    assert hint == f"1 unfit files: see `python -m experiments verify {tmp_path}`"


def test_status_of_a_job_at_rest(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(done)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{done}: 5 of 5 units, 100.0%"
    assert lines[-1] == "nobody is at work"
    assert not (done / "claims").exists()
