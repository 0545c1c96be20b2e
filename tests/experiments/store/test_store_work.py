import re
import threading
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from store_toys import Quick, job, pixels, record, some

from experiments.options import UsageError
from experiments.store import work as working
from experiments.store.opening import Job
from experiments.store.store import UnwritableError
from experiments.store.work import ALONE, Share, work
from featvis.shortform import Unit

A, B = some("a", 10), some("b", 6)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "POLL", 0.02)


def draw(path: Path, wanted: list[Unit], share: Share = ALONE, **options: object) -> list[list[Unit]]:
    """Which units were drawn together, to finish those that are wanted."""
    log: list[list[Unit]] = []
    with job(path, wanted, Quick(log), **options) as opened:
        work(opened, share)
        assert opened.store.missing(wanted) == []
    return log


def flat(blocks: list[list[Unit]]) -> list[Unit]:
    return [unit for block in blocks for unit in block]


def test_layers_are_drawn_in_blocks(tmp_path: Path) -> None:
    assert draw(tmp_path, [*A, *B]) == [A[:4], A[4:8], A[8:], B[:4], B[4:]]
    assert not (tmp_path / "claims").exists()
    assert draw(tmp_path, [*A, *B]) == []


def test_images_and_numbers_are_those_of_their_unit(tmp_path: Path) -> None:
    with job(tmp_path, A, batch=3) as opened:
        work(opened, ALONE)
        for unit in A:
            image, known = opened.store.decode(unit, opened.store.read(unit))
            assert (image == unit.number).all()
            assert (known.label, known.score, known.history.tolist()) == (
                f"a:{unit.number}",
                unit.number,
                [0, unit.number],
            )
            # The fourth unit is the first of the second batch.
            assert known.origin == ((0, unit.number), unit.number % 3, 3)


def test_units_keep_their_blocks_whatever_is_missing(tmp_path: Path) -> None:
    draw(tmp_path, A)
    for unit in (A[1], A[2], A[9]):
        (tmp_path / f"images/a/{unit.number:04}.png").unlink()
    assert draw(tmp_path, A) == [A[1:3], A[9:]]


def test_units_keep_their_blocks_when_more_are_asked_for(tmp_path: Path) -> None:
    assert draw(tmp_path, A[:6]) == [A[:4], A[4:6]]
    assert draw(tmp_path, [A[8], *A]) == [[A[8], A[6]], [A[7], A[9]]]
    with job(tmp_path, [A[0]]) as opened:
        assert opened.units == [*A[:6], A[8], A[6], A[7], A[9]]
        assert opened.wanted == [A[0]]


def test_only_what_is_asked_for_is_drawn(tmp_path: Path) -> None:
    with job(tmp_path, A):
        pass
    assert draw(tmp_path, A[4:6]) == [A[4:6]]


def test_the_width_chosen_first_is_used_again(tmp_path: Path) -> None:
    draw(tmp_path, A[:2], batch=3)
    assert draw(tmp_path, A) == [A[2:3], A[3:6], A[6:9], A[9:]]
    # Unless another one is asked for.
    assert draw(tmp_path, some("a", 14), batch=2) == [some("a", 14)[10:12], some("a", 14)[12:]]


def test_several_begin_with_their_shares_and_take_what_is_free(tmp_path: Path) -> None:
    """Four workers; the second never gets beyond its first block, until the others have done everything else."""
    done, begun = threading.Event(), threading.Barrier(3, timeout=30)
    logs: list[list[list[Unit]]] = [[] for _ in range(4)]
    wanted = [*some("a", 32), *some("b", 32)]

    def run(index: int) -> None:
        def before(units: list[Unit]) -> None:
            del units
            if index == 1:
                done.wait(30)
            elif not logs[index]:
                begun.wait()  # However busy the machine is, nobody is done before all have begun.

        with job(tmp_path, wanted, Quick(logs[index], before=before)) as opened:
            work(opened, Share(index, 4))

    slow = threading.Thread(target=run, args=[1])
    slow.start()
    while not list((tmp_path / "claims").glob("a-*")):
        done.wait(0.01)
    others = [threading.Thread(target=run, args=[index]) for index in (0, 2, 3)]
    for thread in others:
        thread.start()
    while len(flat(logs[0] + logs[2] + logs[3])) < 60:
        done.wait(0.01)
    done.set()
    for thread in (slow, *others):
        thread.join()
    assert sorted(flat([block for log in logs for block in log])) == sorted(wanted)
    assert logs[1] == [some("a", 32)[16:20]]
    # Sixteen blocks, four for each to begin with.
    assert [logs[index][0][0] for index in (0, 2, 3)] == [Unit("a", 0), Unit("b", 0), Unit("b", 16)]
    assert not (tmp_path / "claims").exists()


def test_what_a_dead_process_claimed_is_drawn_by_another(tmp_path: Path) -> None:
    with job(tmp_path, A) as dead:
        assert dead.claims.take("a-0004")
        log: list[list[Unit]] = []

        def run() -> None:
            with job(tmp_path, A, Quick(log)) as opened:
                work(opened, ALONE)

        thread = threading.Thread(target=run)
        thread.start()
        while len(flat(log)) < 6:
            thread.join(0.01)
        thread.join(0.2)
        # The block of the claimed unit is left to who claimed it.
        assert thread.is_alive()
        assert sorted(flat(log)) == [*A[:4], *A[8:]]
        dead.claims.release("a-0004")
        thread.join()
    assert log[-1] == A[4:8]


def test_a_block_that_does_not_fit_into_memory(tmp_path: Path) -> None:
    log: list[list[Unit]] = []
    with job(tmp_path, [*A, *B], Quick(log, fits=2)) as opened:
        work(opened, ALONE)
    # The first blocks tell how many fit: the renderer halves them by itself.
    assert log == [A[:4], A[4:6], A[6:8], A[8:], B[:4], B[4:]]
    with job(tmp_path, [*A, *B]) as opened:
        assert opened.widths == {"a": 2, "b": 2}


def test_a_last_block_that_is_small_is_no_lack_of_memory(tmp_path: Path) -> None:
    with job(tmp_path, A[:1], Quick([], fits=1)) as opened:
        work(opened, ALONE)
        assert opened.widths == {"a": 4}


@pytest.mark.filterwarnings("always")
def test_files_that_are_no_results_are_set_aside_and_drawn_again(tmp_path: Path) -> None:
    draw(tmp_path, A)
    with job(tmp_path, A) as opened:
        store = opened.store
        store.write(pixels(), record(A[3], identity="cd" * 32))
        store.file(A[5]).write_bytes(store.file(A[5]).read_bytes()[:-30])
        foreign = store.file(A[3]).read_bytes()
    foreign_one = r"images/a/0003\.png is of another job: .*; it is .*damaged/a/0003-\w{8}\.png now, and is drawn again"
    cut_one = r"images/a/0005\.png is cut short; "
    with pytest.warns(UserWarning, match=foreign_one), pytest.warns(UserWarning, match=cut_one):
        assert draw(tmp_path, A) == [[A[3]], [A[5]]]
    kept = {file.name[:4]: file.read_bytes() for file in (tmp_path / "damaged" / "a").iterdir()}
    assert kept.keys() == {"0003", "0005"}
    assert kept["0003"] == foreign


def test_ctrl_c_keeps_what_is_drawn(tmp_path: Path) -> None:
    def stop(units: list[Unit]) -> None:
        if units[0] == A[4]:
            raise KeyboardInterrupt

    with job(tmp_path, A, Quick([], before=stop)) as opened:
        with pytest.raises(KeyboardInterrupt):
            work(opened, ALONE)
        assert opened.store.missing(A) == A[4:]
    assert not (tmp_path / "claims").exists()
    assert draw(tmp_path, A) == [A[4:8], A[8:]]


def failing(job: Job, after: int, error: OSError) -> Callable[..., None]:
    write, count = job.store.write, [0]

    def failing(image: np.ndarray, known: object) -> None:
        count[0] += 1
        if count[0] > after:
            raise UnwritableError(f"cannot write here: {error.strerror}") from error
        write(image, known)  # type: ignore[arg-type]

    return failing


def test_a_full_disk_stops_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[list[Unit]] = []
    with job(tmp_path, some("a", 40), Quick(log)) as opened:
        full = failing(opened, 5, OSError(28, "No space left on device"))
        with monkeypatch.context() as patch:
            patch.setattr(type(opened.store), "write", lambda _, image, known: full(image, known))
            with pytest.raises(UsageError, match=re.escape("cannot write here: No space left on device")):
                work(opened, ALONE)
        assert len(opened.store.missing(opened.wanted)) == 35
        left = opened.store.missing(opened.wanted)
    # Not a block more than the one that was being drawn.
    assert len(log) == 3
    assert flat(draw(tmp_path, some("a", 40))) == left


def test_what_the_renderer_refuses_is_a_usage_error(tmp_path: Path) -> None:
    refuse = Mock(side_effect=ValueError("steps is 0"))
    with job(tmp_path, A, Quick([], before=refuse)) as opened, pytest.raises(UsageError, match=r"^steps is 0$"):
        work(opened, ALONE)
