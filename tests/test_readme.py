"""What the README and the guides show runs, at toy size."""

import dataclasses
import os
import re
import shlex
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tyro
from PIL import Image

import inception_jax
from experiments import feature_vis, neurons, train
from experiments.__main__ import EXPERIMENTS, TOOLS
from experiments.__main__ import main as run_experiment
from featvis import shortform
from inception_jax.__main__ import main as run_weights_tool
from inception_jax.graph import graph

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


TOY = {
    "steps=512": "steps=2",
    "epochs=30": "epochs=1, batch=4",
    "(MINI, ": "(MINI.scaled(1 / 8), blocks=MINI.scaled(1 / 8).blocks[:2], image_size=32, ",
}
"""What is quick in place of what pages say."""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_python_runs(
    page: Path, narrow: inception_jax.Model, photographs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    load = inception_jax.load
    monkeypatch.setattr(inception_jax, "load", lambda source: load(source) if source == "mini" else narrow)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INCEPTION_JAX_CACHE", str(tmp_path / "cache"))
    shutil.make_archive("photographs", "zip", photographs)
    Image.effect_noise((80, 96), 50).convert("RGB").save("dog.jpg")
    if page.name == "jobs.md":
        toy = {"units": "mixed4a:0", "size": 32, "steps": 1, "out": Path("results/neurons/mini-0123abcd")}
        assert neurons.run(neurons.Config(**toy)) == 0
    if page.name == "tutorial.md":
        Path("results").mkdir()  # ./run comes before.
    names: dict[str, Any] = {}
    for block in blocks(page, "python"):
        toy = block
        for written, small in TOY.items():
            toy = toy.replace(written, small)
        exec(compile(toy, page.name, "exec"), names)
    if page == README:  # What its comments say.
        assert names["result"].images.shape == (4, 128, 128, 3)
        assert names["acts"]["mixed4a"].shape == (4, 16, 16, 128)
        assert names["varied"].images.shape == (1, 4, 128, 128, 3)
        assert names["cut_out"].images.shape == (1, 128, 128, 4)
    if page.name == "recipes.md":
        assert names["varied"].images.shape == (1, 4, 128, 128, 3)
        assert names["icons"].images.shape == (3, 64, 64, 3)
        assert names["groups"].attribution(names["toward"]).shape == (1, 1, 3)


@pytest.fixture
def draw(
    narrow: inception_jax.Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[list[str]], None]:
    """Check the options of `feature_vis` as given, then run it with small ones in place of those that take long."""

    def check(options: list[str]) -> None:
        if "--help" in options:
            with pytest.raises(SystemExit, match="0"):
                run_experiment(["feature_vis", *options])
            return
        config = tyro.cli(feature_vis.Config, args=options)
        wide = graph(inception_jax.INCEPTION5H).nodes
        shortform.units(config.units, {node.name: node.op.units for node in wide})
        inception_jax.save(narrow, tmp_path / "toy.safetensors")
        small = dataclasses.replace(
            config,
            model=str(tmp_path / "toy.safetensors"),
            out=tmp_path / "out",
            units="conv2d2_pre_relu:0-1",
            size=32,
            steps=2,
            restarts=1,
            dtype="float32",
            batch=None,
        )
        assert feature_vis.run(small) == 0
        assert str(tmp_path / "out" / "index.html") in capsys.readouterr().out

    return check


def ask_for_what_there_is(config: Any) -> None:
    """Fail unless the units, layers and classes that options name are those of a network of that name.

    The command of each card runs, at toy size, where experiments are tested.
    """
    layers = {node.name: node.op.units for node in graph(inception_jax.ARCHITECTURES[config.model]).nodes}
    options = vars(config)
    if ":" in (units := str(options.get("units", ""))):
        shortform.parse(units, layers)
    for name in ("layer", "layers", "to", "align", "style_layers", "content_layers", "beside_layer"):
        given = options.get(name)
        named = {given} if isinstance(given, str) else set(given) if isinstance(given, tuple) else set()
        assert named <= layers.keys() | {neurons.MAIN}
    for name in filter(None, (*options.get("classes", ()), options.get("label"), options.get("versus"))):
        inception_jax.class_index(inception_jax.load(config.model), name)


COMMANDS = sorted({line for page in PAGES for block in blocks(page, "sh") for line in block.splitlines()})
ELSEWHERE = sorted({line for page in PAGES for block in blocks(page, "shell") for line in block.splitlines()} - {""})
"""Commands on files or machines that a reader has, and on directories of jobs."""


@pytest.mark.parametrize("command", COMMANDS)
def test_command_runs(command: str, draw: Callable[[list[str]], None]) -> None:
    words = shlex.split(command.removeprefix(".venv/bin/"))
    match words:
        case ["./run", *options]:
            assert os.access(ROOT / "run", os.X_OK)
            draw(options)
        case ["./test"]:
            assert os.access(ROOT / "test", os.X_OK)  # It is what runs this.
        case ["scripts/wheel-tests", *_]:
            assert os.access(ROOT / "scripts" / "wheel-tests", os.X_OK)
        case ["python", "-m", "experiments", "feature_vis", *options]:
            draw(options)
        case ["python", "-m", "experiments", "train", "--help"]:
            with pytest.raises(SystemExit, match="0"):
                run_experiment(words[3:])
        case ["python", "-m", "experiments", "train", *options]:
            # The card's command runs, at toy size, where experiments are tested.
            config = tyro.cli(train.Config, args=options)
            assert train.architecture(config, classes=10).classes == 10
        case ["python", "-m", "experiments", "--help"]:
            assert run_experiment(["--help"]) == 0
        case ["python", "-m", "experiments", name, *options] if name in EXPERIMENTS:
            ask_for_what_there_is(tyro.cli(EXPERIMENTS[name].Config, args=options))
        case ["python", "-m", "experiments", name, *options] if name in TOOLS:
            tyro.cli(TOOLS[name].Config, args=options)
        case ["python", "-m", "inception_jax", ("list" | "summary"), *_]:
            assert run_weights_tool(words[3:]) == 0
        case ["python", "-m", "sphinx", *options]:
            assert {"-W", "--keep-going"} < set(options)  # The build itself: test_docs_site.py.
            assert (ROOT / options[-2] / "conf.py").exists()
            assert f"{Path(options[-1]).parts[0]}/" in (ROOT / ".gitignore").read_text().splitlines()
        case ["pip", "install", *options]:
            project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
            name, extra = options[-1].removesuffix("]").split("[")
            assert (options[0], name) in {("-e", "."), (options[-1], project["name"])}
            assert extra in project["optional-dependencies"]
        case _:
            pytest.fail(f"no check for this command: {command}")


@pytest.mark.parametrize("command", ELSEWHERE)
def test_command_on_something_of_the_reader_is_one(command: str) -> None:
    match shlex.split(command.removesuffix(" &").removeprefix("srun ")):
        case ["python", "-m", "experiments", name, *options]:
            tyro.cli((EXPERIMENTS | TOOLS)[name].Config, args=options)
        case ["python", "-m", "inception_jax", name, *_]:
            assert name in ("convert", "download", "list", "verify")
        case ["pip", "install", *_] | ["export", _] | [".", ".venv/bin/activate"]:
            pass
        case _:
            pytest.fail(f"no check for this command: {command}")


def anchors(page: Path) -> set[str]:
    """What links to headings of the page end in, as GitHub has them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target, anchor in re.findall(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8")):
            there = page.parent / target if target else page
            assert there.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(there), f"{page.name}: {target}#{anchor}"
