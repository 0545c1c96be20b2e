"""Several processes with one job."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments import store
from experiments.__main__ import main
from experiments.options import UsageError
from experiments.store.processes import join

ROOT = Path(__file__).parents[3]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def start(out: Path, weights: Path, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "experiments", "neurons", "--model", str(weights), "--out", str(out)]
    command += ["--size", "16", "--steps", "2", "--batch", "1", "--layers", "conv2d0", "conv2d2"]
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(jax.config.values["jax_compilation_cache_dir"]),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen([*command, *options], cwd=ROOT, env=environment, text=True, **pipes)


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [True, False])
def test_four_processes_of_which_one_is_killed(shallow_weights: Path, tmp_path: Path, cluster: bool) -> None:
    """Found by each other through `jax.distributed`, the one that all connect to is killed; or started by hand."""
    # First alone, so that the others find the programs compiled.
    alone = start(tmp_path / "alone", shallow_weights)
    assert alone.communicate(timeout=1500)[0].endswith("index.html\n")
    out, port = tmp_path / "out", free_port()
    together = ["--distributed", "--coordinator", f"localhost:{port}", "--processes", "4", "--process"]
    workers = [start(out, shallow_weights, *([*together, str(i)] if cluster else [])) for i in range(4)]
    seen: dict[Path, int] = {}
    while len(seen) < 3 and all(worker.poll() is None for worker in workers):
        seen = {file: file.stat().st_mtime_ns for file in out.glob("images/*/[0-9]*.png")}
        time.sleep(0.01)
    workers[0].send_signal(signal.SIGKILL)
    said = [worker.communicate(timeout=1500)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [-signal.SIGKILL, 0, 0, 0], said
    assert all(text.endswith(f"{out / 'index.html'}\n") for text in said[1:])
    # Everything is there, and what was finished when one died has not been drawn again.
    assert len(store.load(out)) == 12
    assert {file: file.stat().st_mtime_ns for file in seen} == seen
    left = [file for file in out.rglob("*") if file.name.startswith(".") or "claims" in file.parts]
    assert left == []
    assert main(["verify", str(out)]) == 0
    np.testing.assert_array_equal(store.load(out).images, store.load(tmp_path / "alone").images)


def test_alone_nothing_is_initialised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(jax.distributed, "initialize")
    assert join(False, None, None, None) == store.work.ALONE


def test_processes_part_once_they_know_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(jax, "process_index", lambda: calls.append("index") or 2)
    monkeypatch.setattr(jax, "process_count", lambda: 4)
    monkeypatch.setattr(jax.distributed, "shutdown", lambda: calls.append("shutdown"))
    assert join(True, "here:1", 4, 2) == store.work.Share(2, 4)
    assert calls == [("here:1", 4, 2), "index", "shutdown"]


@pytest.mark.parametrize("error", [RuntimeError, ValueError])
def test_processes_that_do_not_find_each_other(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def lost(*arguments: object) -> None:
        raise error(f"coordinator_address should be defined, not {arguments[0]}")

    monkeypatch.setattr(jax.distributed, "initialize", lost)
    with pytest.raises(UsageError, match=re.escape("coordinator_address should be defined, not None")):
        join(True, None, None, None)
