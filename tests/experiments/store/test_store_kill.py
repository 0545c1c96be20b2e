"""Jobs that are killed at random moments, by the signal that no process can answer."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import jax
import numpy as np
import pytest
from store_toys import finish_slowly, job, some

from experiments import store
from experiments.__main__ import main
from experiments.store.records import decode

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")

KILLS = 20


class Witness:
    """What is finished in a job's directory; nothing that was may ever be written again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: dict[Path, int] = {}

    def look(self) -> int:
        """Files that are finished; fails if one of those that were is another now."""
        for file in self.path.glob("images/*/[0-9]*.png"):
            written = file.stat().st_mtime_ns
            assert self.seen.setdefault(file, written) == written, f"{file} was drawn twice"
        assert all(file.exists() for file in self.seen)
        return len(self.seen)

    def kill(self, process: BaseProcess | subprocess.Popen[bytes], after: int, delay: float) -> None:
        """Kill a process some time after it has finished so many files more."""
        alive = process.is_alive if isinstance(process, BaseProcess) else lambda: process.poll() is None
        goal = self.look() + after
        while self.look() < goal and alive():
            time.sleep(0.001)
        time.sleep(delay)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join() if isinstance(process, BaseProcess) else process.wait()


def left_over(path: Path) -> list[Path]:
    """Temporary files and claims."""
    return [file for file in path.rglob("*") if file.name.startswith(".") or "claims" in file.parts]


UNITS = [*some("a", 40), *some("b", 40)]


@pytest.fixture(scope="module")
def lives() -> Iterator[ForkServerContext]:
    """Each life begins as a copy of one process in which nothing but imports has happened."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["experiments.__main__"])
    with pytest.MonkeyPatch.context() as patch:
        # So that no life is spent on compiling.
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(jax.config.values["jax_compilation_cache_dir"]))
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        yield context


def test_a_quick_job(lives: ForkServerContext, tmp_path: Path) -> None:
    random.seed(0)
    witness, kills = Witness(tmp_path / "killed"), 0
    while kills < KILLS:
        process = lives.Process(target=finish_slowly, args=[witness.path, UNITS])
        process.start()
        witness.kill(process, random.randrange(4), random.uniform(0, 0.01))
        kills += process.exitcode == -signal.SIGKILL
        assert witness.look() < len(UNITS), "it was over before it could be killed often enough"
    whole = tmp_path / "whole"
    finish_slowly(witness.path, UNITS)
    finish_slowly(whole, UNITS)
    assert witness.look() == len(UNITS)
    for unit in UNITS:
        name = f"images/{unit.layer}/{unit.number:04}.png"
        (shown, known), (expected, other) = (decode((path / name).read_bytes()) for path in (witness.path, whole))
        assert (shown == expected).all()
        assert (known.label, known.score, known.origin) == (other.label, other.score, other.origin)
    with job(witness.path, UNITS) as opened:
        opened.store.sweep(opened.claims)
        opened.claims.sweep()
    assert left_over(witness.path) == []


@pytest.mark.slow
def test_a_job_over_two_layers(lives: ForkServerContext, shallow_weights: Path, tmp_path: Path) -> None:
    options = ["neurons", "--model", str(shallow_weights), "--size", "16", "--steps", "2", "--batch", "1"]
    options += ["--layers", "conv2d2", "mixed3a", "--sign", "both"]
    random.seed(1)
    witness, kills, count = Witness(tmp_path / "killed"), 0, 48
    assert main([*options, "--out", str(tmp_path / "whole")]) == 0
    while kills < KILLS:
        process = lives.Process(target=main, args=[[*options, "--out", str(witness.path)]])
        process.start()
        # The last two as the manifest and the pages are written.
        left = count - witness.look()
        after = random.randrange(3) if kills < KILLS - 2 else left
        witness.kill(process, min(after, left), random.uniform(0, 0.05))
        kills += process.exitcode == -signal.SIGKILL
    assert main([*options, "--out", str(witness.path)]) == 0
    assert witness.look() == count
    assert left_over(witness.path) == []
    killed, whole = store.load(witness.path), store.load(tmp_path / "whole")
    assert killed.labels == whole.labels
    np.testing.assert_array_equal(killed.images, whole.images)
    np.testing.assert_array_equal(killed.history, whole.history)
    np.testing.assert_array_equal(killed.scores, whole.scores)
    assert main(["verify", str(witness.path)]) == 0
