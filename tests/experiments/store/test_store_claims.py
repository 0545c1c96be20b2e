import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from experiments.options import UsageError
from experiments.store.claims import Claims, Worker, this_process

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's list of processes")


def left(folder: Path, name: str, worker: Worker, age: float = 0.0) -> Path:
    """A claim that another process left, last touched `age` seconds ago."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(dataclasses.asdict(worker)))
    moment = time.time() - age
    os.utime(path, (moment, moment))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "claims"


HERE = this_process()
ELSEWHERE = dataclasses.replace(HERE, host="far", system="far away", pid=1, started=1)


def test_a_claim_is_had_once(folder: Path) -> None:
    with Claims(folder) as mine, Claims(folder) as yours:
        assert mine.take("a-0001")
        assert not yours.take("a-0001")
        assert yours.take("a-0002")
        mine.release("a-0001")
        assert yours.take("a-0001")
        assert yours.workers() == {HERE: ["a-0001", "a-0002"]}
    assert not folder.exists()


def test_of_many_at_once_one_has_each(folder: Path) -> None:
    names, won = [f"a-{i:04}" for i in range(100)], list[str]()
    start = threading.Barrier(8)

    def claim(claims: Claims) -> None:
        start.wait()
        won.extend([name for name in names if claims.take(name)])

    workers = [Claims(folder) for _ in range(8)]
    threads = [threading.Thread(target=claim, args=[claims]) for claims in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == names


@contextmanager
def dead_process(reaped: bool) -> Iterator[Worker]:
    """A process of this computer that has ended; its parent may not have noticed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        stat = Path(f"/proc/{process.pid}/stat")
        started = int(stat.read_text().rpartition(")")[2].split()[19])
        process.kill()
        while not reaped and stat.read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)
        if reaped:
            process.wait()
        yield dataclasses.replace(HERE, pid=process.pid, started=started)


@pytest.mark.parametrize("reaped", [True, False])
def test_claims_of_dead_processes_are_void_at_once(folder: Path, reaped: bool) -> None:
    with dead_process(reaped) as dead, Claims(folder) as claims:
        left(folder, "a-0001", dead)
        assert claims.workers() == {}
        assert claims.take("a-0001")


def test_a_process_that_has_the_number_of_a_dead_one_is_another(folder: Path) -> None:
    assert HERE.started is not None
    left(folder, "a-0001", dataclasses.replace(HERE, started=HERE.started - 1))
    left(folder, "a-0002", HERE, age=1000)
    with Claims(folder) as claims:
        assert claims.take("a-0001")
        assert not claims.take("a-0002")


@pytest.mark.parametrize(
    "worker",
    [ELSEWHERE, dataclasses.replace(HERE, started=None), dataclasses.replace(HERE, system=f"{HERE.system} restarted")],
)
def test_claims_from_elsewhere_lapse_after_two_minutes(folder: Path, worker: Worker) -> None:
    # Ten seconds on both sides, for slow machines.
    left(folder, "a-0001", worker, age=110)
    left(folder, "a-0002", worker, age=130)
    with Claims(folder) as claims:
        assert claims.others() == [worker]
        assert not claims.take("a-0001")
        assert claims.take("a-0002")


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"host": []}', "x" * 10_000])
def test_claims_that_were_not_written_to_their_end_lapse_too(folder: Path, content: str) -> None:
    for name, age in (("a-0001", 110), ("a-0002", 130)):
        left(folder, name, HERE).write_text(content)
        os.utime(folder / name, (time.time() - age,) * 2)
    with Claims(folder) as claims:
        assert not claims.take("a-0001")
        assert claims.take("a-0002")


def test_claims_are_touched(folder: Path) -> None:
    with Claims(folder, touch=0.02) as claims:
        claims.take("a-0001")
        os.utime(folder / "a-0001", (0, 0))
        for _ in range(500):
            if (folder / "a-0001").stat().st_mtime > time.time() - 60:
                break
            time.sleep(0.02)
        else:
            pytest.fail("it was never touched")


def test_what_lapsed_and_was_taken_is_the_others(folder: Path) -> None:
    with Claims(folder) as claims:
        claims.take("a-0001")
        path = left(folder, "a-0001", ELSEWHERE)
        claims.release("a-0001")
        assert path.exists()
    assert path.exists()


def test_a_claim_that_took_the_place_of_a_void_one_stays(folder: Path) -> None:
    with Claims(folder) as claims:
        assert claims.take("a-0001")
        # As another process would that saw the void claim that was there before.
        claims._remove_void("a-0001")
        assert list(claims.workers()) == [HERE]


def test_sweeping(folder: Path) -> None:
    left(folder, "a-0001", ELSEWHERE, age=1000)
    left(folder, "a-0002", ELSEWHERE)
    left(folder, ".a-0003.01234567", ELSEWHERE)
    with Claims(folder) as claims:
        claims.take("finish")
        assert claims.sweep() == 1
        assert sorted(file.name for file in folder.iterdir()) == ["a-0002", "finish"]


def test_exclusive_blocks_wait_for_each_other(folder: Path) -> None:
    order: list[str] = []

    def other() -> None:
        with Claims(folder) as claims, claims.exclusive("config"):
            order.append("other")

    with Claims(folder) as claims:
        with claims.exclusive("config"):
            thread = threading.Thread(target=other)
            thread.start()
            time.sleep(0.3)
            order.append("first")
        thread.join()
    assert order == ["first", "other"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        Claims(tmp_path / "file" / "claims") as claims,
        pytest.raises(UsageError, match=r"^cannot write .*file/claims: Not a directory$"),
    ):
        claims.take("a")
    assert claims.workers() == {}


def test_workers_are_named_for_people() -> None:
    assert str(ELSEWHERE) == "process 1 on far"
