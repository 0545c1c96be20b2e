import re
import shlex
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from experiments import __main__ as command_line
from experiments.__main__ import COMMANDS, EXPERIMENTS, main
from experiments.articles import ARTICLES
from inception_jax.cache import cache_folder

PICTURES = [
    *("--model", "{shallow}", "--image", "{photographs}", "--number", "1"),
    *("--layer", "mixed3a", "--steps", "2", "--icon", "16"),
]
"""Recipes on a photograph."""

DRAWINGS = ["--model", "{shallow}", "--steps", "2", "--size", "16"]
"""Recipes on units."""

WEIGHTS = [*DRAWINGS, "--size", "32", "--units", "mixed3b:5", "--count", "2"]
"""The weights of a unit."""

ARTICLE = [
    *("--model", "{shallow}", "--images", "{photographs}", "--data-dir", "{cache}", "--photographs", "240", "--quick"),
    *("--side", "32", "--step", "45", "--size", "32", "--steps", "4"),
]
"""Options that make an article quick."""

TOY = {
    "activation_grid": [*PICTURES, "--groups", "0"],
    "atlas": [
        *("--model", "{weights}", "--images", "{photographs}", "--layer", "conv2d2", "--positions", "2"),
        *("--method", "pca", "--grid", "2", "--least", "1", "--size", "32", "--steps", "2"),
    ],
    "attribution": [*PICTURES, "--to", "mixed3b", "--points", "2", "--units", "1"],
    "caricature": [
        *("--model", "{shallow}", "--image", "{photographs}", "--number", "1", "--steps", "2"),
        *("--layers", "conv2d0", "mixed3a"),
    ],
    "circuit": [
        *(*WEIGHTS, "--depth", "1", "--least", "0"),
        *("--images", "{photographs}", "--data-dir", "{cache}", "--photographs", "2", "--draws", "1"),
    ],
    "directions": [
        *(*DRAWINGS, "--layer", "mixed3a", "--count", "2"),
        *("--images", "{photographs}", "--data-dir", "{cache}"),
    ],
    "diversity": [*DRAWINGS, "--units", "conv2d2:0", "--images", "2"],
    "examples": [
        *("--model", "{shallow}", "--images", "{photographs}", "--data-dir", "{cache}"),
        *("--layers", "conv2d0", "mixed3a", "--count", "3", "--batch", "4"),
    ],
    "families": [
        *("--model", "{shallow}", "--images", "{photographs}", "--data-dir", "{cache}", "--photographs", "4"),
        *("--layers", "conv2d2", "--side", "32", "--step", "45", "--size", "32", "--steps", "2", "--most", "1"),
    ],
    "feature_vis": [*DRAWINGS, "--units", "conv2d2:0,mixed3a:1"],
    "interaction": [*DRAWINGS, "--units", "conv2d2:0-1", "--images", "2", "--between", "2"],
    "microscope": [
        *(
            "--model",
            "{shallow}",
            "--images",
            "{photographs}",
            "--data-dir",
            "{cache}",
            "--layers",
            "conv2d0",
            "conv2d1",
        ),
        *("--steps", "0", "--pictured", "1", "--work", "{cache}/work", "--group-layer", "conv2d1"),
    ],
    "neuron_groups": [*PICTURES, "--groups", "2"],
    "neurons": [*DRAWINGS, "--layers", "conv2d0", "conv2d2"],
    "patterns": [*DRAWINGS, "--units", "conv2d2:0", "--large", "40", "--layers", "2"],
    "semantic_dictionary": [*PICTURES, "--count", "1", "--units", "2"],
    "spectrum": [*DRAWINGS, "--units", "conv2d2_pre_relu:0", "--images", "{photographs}", "--data-dir", "{cache}"],
    "sprites": [*DRAWINGS, "--layer", "conv2d2", "--units", "0-4"],
    "style": [
        *("--model", "{shallow}", "--image", "{photographs}", "--number", "1", "--steps", "2"),
        *("--style-layers", "conv2d0", "--content-layers", "conv2d1", "--content-weights", "1"),
    ],
    "thread": [*ARTICLE, "--articles", "equivariance"],
    "train": ["--data", "{photographs}", "--width", "0.25", "--sizes", "16", "--epochs", "1", "--batch", "4"],
    "weights": [*WEIGHTS, "--back", "1"],
    "weights_in_context": [*WEIGHTS, "--faintest", "0.7", "--window", "3"],
    **dict.fromkeys(ARTICLES, ARTICLE),
}
"""For each experiment, options that make its card's command quick, on toy weights, shallow ones, or photographs."""

NOT_ON_WINDOWS = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE)
"""Names of files that Windows does not have."""


def test_every_experiment_has_a_toy_size() -> None:
    assert TOY.keys() == EXPERIMENTS.keys()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_command_on_the_card_runs(
    name: str,
    request: pytest.FixtureRequest,
    toy_weights: Path,
    shallow_weights: Path,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INCEPTION_JAX_SHARED", str(tmp_path / "nothing"))
    if name in ARTICLES:  # Drawing is what the recipes above do.
        request.getfixturevalue("undrawn")
    card = EXPERIMENTS[name].__doc__ or ""
    found = re.search(r"^- Command: python -m experiments (.*)$", card, re.MULTILINE)
    assert found, "every card has its exact command"
    assert all(f"\n- {part}: " in card for part in ("Time", "Expect"))
    arguments = shlex.split(found[1])
    assert arguments[0] == name
    files = {"weights": toy_weights, "shallow": shallow_weights, "photographs": photographs, "cache": tmp_path}
    toy = [option.format(**files) for option in TOY[name]]
    assert main([*arguments, "--out", str(tmp_path / "out"), *toy]) == 0
    assert (tmp_path / "out" / "index.html").exists()
    names = [path.name for path in (tmp_path / "out").rglob("*")]
    assert [file for file in names if NOT_ON_WINDOWS.search(file)] == []


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_lists_every_experiment(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if not arguments:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["experiments"])
            assert main() == 0
    else:
        assert main(arguments) == 0
    out = capsys.readouterr().out
    for name, experiment in COMMANDS.items():
        summary = (experiment.__doc__ or "").splitlines()[0]
        assert re.search(rf"^  {name} +{re.escape(summary)}$", out, re.MULTILINE)


def test_help_of_an_experiment_shows_card_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["feature_vis", "--help"])
    out = capsys.readouterr().out
    for text in ("- Command: python -m experiments feature_vis", "--model", "--out", "--seed", "--force", "--units"):
        assert text in out


def test_unknown_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feature_viz"]) == 2
    assert capsys.readouterr().err == "error: no experiment 'feature_viz'; try feature_vis or --help\n"


def test_unknown_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["feature_vis", "--unit", "mixed4a:0"])
    assert "--units" in capsys.readouterr().err


def test_interruption_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(config: object) -> int:
        del config
        raise KeyboardInterrupt

    monkeypatch.setattr(EXPERIMENTS["feature_vis"], "run", stopped)
    assert main(["feature_vis"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_compiled_programs_are_kept_in_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INCEPTION_JAX_CACHE", str(tmp_path))
    before = jax.config.values["jax_compilation_cache_dir"]
    try:
        jax.config.update("jax_compilation_cache_dir", None)
        command_line._cache_compilations(cache_folder() / "xla")
        assert jax.config.values["jax_compilation_cache_dir"] == str(tmp_path / "xla")
        command_line._cache_compilations(Path("elsewhere"))
        assert jax.config.values["jax_compilation_cache_dir"] == str(tmp_path / "xla")
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


def test_importing_the_command_line_sets_nothing() -> None:
    program = "import jax, experiments.__main__; print(jax.config.values['jax_compilation_cache_dir'])"
    environment = {"PATH": "/usr/bin:/bin"}  # Without JAX_COMPILATION_CACHE_DIR.
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "None\n"
