"""The notebooks run from top to bottom, at toy size, in kernels of their own, and make the pictures they promise."""

import ast
import base64
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_readme import anchors

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))

TOY: list[tuple[str, dict[str, Any]]] = [
    ("accelerators", {"CPU_DEVICES": 2, "SIZE": 32, "STEPS": 1, "WIDTHS": [1, 4], "UNITS": 2}),
    ("activation_atlas", {"COUNT": 32, "GRID": 3, "LEAST": 2, "METHOD": "pca", "STEPS": 1}),
    ("circuit_of_a_neuron", {"COUNT": 8, "SIZE": 32, "STEPS": 1, "ANGLES": 8, "DRAWS": 1}),
    ("feature_visualisation", {"SIZE": 32, "STEPS": 4, "MANY": 8}),
    ("tutorial", {"SIZE": 32, "STEPS": 1}),
    ("your_own_model", {"SIDE": 24, "EACH": 8, "TRAINING": 2, "SIZE": 32, "STEPS": 1}),
]
"""What is quick in place of the parameters of each notebook."""

WITH_PHOTOGRAPHS = ("activation_atlas",)
"""Notebooks that take a folder of the user's, and here get one; the others make images of their own."""

SHOWS = re.compile(r"\b(sheet|picture|draw|Image|small_multiples)\(|plt\.show\(|^result$|^units$", re.MULTILINE)
"""What a cell's last statement has if the cell promises a picture."""


def read(notebook: Path) -> dict[str, Any]:
    return json.loads(notebook.read_text(encoding="utf-8"))


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def code(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def is_parameters(cell: dict[str, Any]) -> bool:
    return "parameters" in cell["metadata"].get("tags", [])


def with_toys(cell: str, toys: dict[str, Any]) -> str:
    """A cell of parameters with other values for some of them."""
    lines = cell.splitlines()
    for statement in ast.parse(cell).body:
        assert isinstance(statement, ast.Assign), ast.unparse(statement)
        (target,) = statement.targets
        assert isinstance(target, ast.Name)
        assert statement.lineno == statement.end_lineno, "one line for each parameter"
        if target.id in toys:
            lines[statement.lineno - 1] = f"{target.id} = {toys[target.id]!r}"
    names = {line.split(" = ")[0] for line in lines}
    assert toys.keys() <= names, f"no parameters of the notebook: {sorted(toys.keys() - names)}"
    return "\n".join(lines)


def test_toys_replace_parameters() -> None:
    cell = "SIZE = 96  # side\nSTEPS = 256"
    assert with_toys(cell, {"SIZE": 8}) == "SIZE = 8\nSTEPS = 256"
    with pytest.raises(AssertionError, match="SIDE"):
        with_toys(cell, {"SIDE": 8})


def test_every_notebook_has_toys() -> None:
    assert sorted({name for name, _ in TOY}) == [notebook.stem for notebook in NOTEBOOKS]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_notebooks_are_stored_without_outputs(notebook: Path) -> None:
    found = read(notebook)
    assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
    assert found["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in found["cells"]]
    assert len(set(ids)) == len(ids)
    # Names that somebody gave, which stay as they are; what editors draw at random has digits.
    assert [name for name in ids if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name)] == []
    cells = code(found)
    assert [cell["id"] for cell in cells if cell["outputs"] or cell["execution_count"] is not None] == []
    assert [cell["metadata"] for cell in found["cells"] if cell["metadata"]] == [{"tags": ["parameters"]}]
    assert 10 <= len(cells) <= 25
    assert max(len(source(cell).splitlines()) for cell in cells) <= 35
    assert source(found["cells"][0]).startswith("# ")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_links_lead_somewhere(notebook: Path) -> None:
    for cell in read(notebook)["cells"]:
        if cell["cell_type"] == "markdown":
            for target, anchor in re.findall(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)", source(cell)):
                there = notebook.parent / target
                assert there.is_file(), target
                assert not anchor or anchor in anchors(there), f"{target}#{anchor}"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_commands_in_prose_exist(notebook: Path) -> None:
    from experiments.__main__ import COMMANDS

    prose = "\n".join(source(cell) for cell in read(notebook)["cells"] if cell["cell_type"] == "markdown")
    assert set(re.findall(r"python -m experiments (\w+)", prose)) <= COMMANDS.keys()


def need(*packages: str) -> None:
    """Skip where some of the packages are not installed; under CI they must be."""
    if missing := [package for package in packages if importlib.util.find_spec(package) is None]:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(f"not installed: {', '.join(missing)}; pip install -e '.[notebooks]'")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Of a kernel: that of the tests, with everything that is kept in the test's own folder, and no network."""
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    folders = {"INCEPTION_JAX_CACHE": "cache", "IPYTHONDIR": "ipython", "HF_HOME": "cache", "TMPDIR": "temporary"}
    for name, folder in folders.items():
        (tmp_path / folder).mkdir(exist_ok=True)
        folders[name] = str(tmp_path / folder)
    # One kernel, of the interpreter that runs the tests, whichever others the user has.
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "tests", "language": "python"}))
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **folders, "HF_HUB_OFFLINE": "1", "JAX_PLATFORMS": "cpu", "PYTHONPATH": path}


def run(name: str, toys: dict[str, Any], environment: dict[str, str], folder: Path) -> list[dict[str, Any]]:
    """The code cells of a notebook after it has run, in a kernel that works in `folder`."""
    need("equinox", "ipykernel", "ipywidgets", "nbclient", "transformers")
    notebook = read(ROOT / "docs" / "notebooks" / f"{name}.ipynb")
    (parameters,) = filter(is_parameters, notebook["cells"])
    parameters["source"] = with_toys(source(parameters), toys)
    file = folder / f"{name}.ipynb"
    file.write_text(json.dumps(notebook), encoding="utf-8")
    # In a process of its own: clients leave sockets behind, which warn when they are collected.
    program = ["-c", "from nbclient.cli import main; main()", "--inplace", "--timeout=300", str(file)]
    done = subprocess.run([sys.executable, *program], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return code(read(file))


def pictures(cell: dict[str, Any]) -> list[Image.Image]:
    """The pictures that a cell shows, those in HTML included."""
    found = []
    for output in cell["outputs"]:
        data = {
            kind: "".join(content)
            for kind, content in output.get("data", {}).items()
            if isinstance(content, list | str)
        }
        encoded = [data["image/png"]] if "image/png" in data else []
        encoded += re.findall(r"data:image/png;base64,([^\"]+)", data.get("text/html", ""))
        found += [Image.open(io.BytesIO(base64.b64decode(picture))) for picture in encoded]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "toys"), TOY, ids=[name for name, _ in TOY])
def test_notebook_runs(
    name: str, toys: dict[str, Any], photographs: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    more = {"FOLDER": str(photographs / "train"), "COUNT": 16} if name in WITH_PHOTOGRAPHS else {}
    check(run(name, toys | more, environment, tmp_path))


def check(cells: list[dict[str, Any]]) -> None:
    """Fail unless the cells have warned of nothing, and shown what they promise."""
    said = [(cell["id"], "".join(o["text"])) for cell in cells for o in cell["outputs"] if o.get("name") == "stderr"]
    assert said == []
    last = {cell["id"]: ast.parse(source(cell)).body[-1] for cell in cells}
    shown = {name: ast.unparse(node) for name, node in last.items() if not isinstance(node, ast.FunctionDef)}
    promised = {name for name, statement in shown.items() if SHOWS.search(statement)}
    assert len(promised) >= 4
    assert promised <= {cell["id"] for cell in cells if pictures(cell)}
    blank = []
    for cell in cells:
        for picture in pictures(cell):
            pixels = np.asarray(picture.convert("RGB"))
            assert min(picture.size) >= 24
            if np.ptp(pixels) == 0:
                blank.append(cell["id"])
    assert blank == []
