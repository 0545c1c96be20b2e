"""What `--verbose` shows, and that nothing is shown without it."""

import logging
import re
from pathlib import Path

import pytest

from experiments import logs
from experiments.__main__ import main


@pytest.mark.parametrize("verbose", [False, True])
def test_what_a_run_reads_and_writes(
    verbose: bool, shallow_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", str(shallow_weights), "--units", "conv2d0:0", "--steps", "1", "--size", "16"]
    options += ["--out", str(tmp_path / "run"), *(["--verbose"] if verbose else [])]
    assert main(["feature_vis", *options]) == 0
    said = capsys.readouterr().err
    for expected in (
        rf"inception_jax\.files: read {re.escape(str(shallow_weights))}",
        r"featvis\.render: drawing 1 of 1, 1 steps, layers conv2d0",
        r"experiments\.rundir: wrote .*index\.html, [\d,]+ bytes",
    ):
        assert bool(re.search(rf"^\d\d:\d\d:\d\d {expected}", said, re.MULTILINE)) == verbose
    assert '"verbose"' not in (tmp_path / "run" / "config.json").read_text().split('"config"')[0]
    # How much is said does not make it another run.
    assert main(["feature_vis", *options, "--verbose"]) == 0


def test_long_compilations_are_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.shown():
        logs._compiled("/jax/core/compile/backend_compile_duration", 2.0, fun_name="jit(advance)")
        logs._compiled("/jax/core/compile/backend_compile_duration", 0.1, fun_name="jit(add)")
        logs._compiled("/jax/core/compile/jaxpr_trace_duration", 3.0, fun_name="advance")
    assert re.sub(r"\d\d:\d\d:\d\d ", "", capsys.readouterr().err) == (
        "experiments.logs: compiled, or read from the cache of programs, jit(advance) in 2.0 s\n"
    )


def test_loggers_are_left_as_they_were() -> None:
    loggers = [logging.getLogger(package) for package in logs.PACKAGES]
    before = [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]
    with pytest.raises(RuntimeError), logs.shown():
        raise RuntimeError
    assert [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers] == before
