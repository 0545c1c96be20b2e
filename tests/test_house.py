"""House rules that a machine can check."""

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import exporting
import pytest

ROOT = Path(__file__).parent.parent

MAY_IMPORT = {
    "inception_jax": set(),
    "featvis": {"inception_jax"},
    "circuits": {"inception_jax"},
    "experiments": {"inception_jax", "featvis", "circuits"},
}
MODULES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))
SCRIPTS = sorted(path for folder in ("benchmarks", "tests") for path in (ROOT / folder).rglob("*.py"))


HEAVY = {
    *("array_record", "grain", "matplotlib", "orbax", "pandas", "scipy.cluster", "scipy.optimize"),
    *("sklearn", "tensorflow", "tensorflow_datasets", "torch", "umap"),
}
"""What takes long to import, and is imported where it is used."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    """Top-level packages that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_go_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert imported(parse(path)) & MAY_IMPORT.keys() <= MAY_IMPORT[package] | {package}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_what_is_public_has_a_docstring(path: Path) -> None:
    tree = parse(path)
    assert ast.get_docstring(tree), "the module itself"
    public = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert [node.name for node in public if not ast.get_docstring(node)] == []


def exported() -> dict[str, Callable[..., Any]]:
    """The functions that packages name in `__all__`, each once."""
    functions = {}
    for module in exporting.modules():
        for attribute in module.__all__:
            function = inspect.unwrap(getattr(module, attribute))
            if inspect.isfunction(function) and not function.__module__.startswith("experiments"):
                functions[f"{function.__module__}.{attribute}"] = function
    return functions


EXPORTED = exported()
SHAPED = re.compile(r"\b(Bool|Complex|Float|Float32|Int|Int32|Key|Num|Shaped|UInt8)\[[^][]*\]")
ARRAYS = re.compile(r"\b(Array|ArrayLike|ndarray)\b")


@pytest.mark.parametrize("name", EXPORTED)
def test_what_is_exported_has_types_shapes_errors_and_an_example(name: str) -> None:
    function = EXPORTED[name]
    documentation = inspect.getdoc(function) or ""
    assert ">>> " in documentation, "an example"
    definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(definition, ast.FunctionDef)
    raises = [n for n in ast.walk(definition) if isinstance(n, ast.Raise) and n.exc is not None]
    assert not raises or "Raises:" in documentation, "the errors it raises"
    arguments = definition.args
    for argument in filter(None, (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg)):
        assert argument.annotation, f"the type of {argument.arg}"
        written = ast.unparse(argument.annotation)
        # Functions of arrays to arrays may be given, whatever their shapes.
        assert "Callable" in written or not ARRAYS.search(SHAPED.sub("", written)), f"the shape of {argument.arg}"
    assert definition.returns, "what it returns"
    assert not ARRAYS.search(SHAPED.sub("", ast.unparse(definition.returns))), "the shape of what it returns"


@pytest.mark.parametrize("path", MODULES + SCRIPTS, ids=name)
def test_modules_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", MODULES + SCRIPTS, ids=name)
def test_annotations_are_evaluated(path: Path) -> None:
    # Strings instead of types would switch the shape checks off.
    futures = [n for n in ast.walk(parse(path)) if isinstance(n, ast.ImportFrom) and n.module == "__future__"]
    assert not any(alias.name == "annotations" for node in futures for alias in node.names)


def test_no_paths_of_one_machine() -> None:
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    found = []
    for file in filter(None, listed.stdout.split("\0")):
        content = (ROOT / file).read_bytes() if (ROOT / file).is_file() else b""
        found += [(file, match) for match in re.findall(rb"/(?:home|root|Users|work|farm)/[A-Za-z0-9._-]+", content)]
    assert found == []


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_importing_does_no_work(package: str) -> None:
    program = (
        f"import importlib, pkgutil, {package} as package\n"
        "for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        "import jax._src.xla_bridge as bridge, sys\n"
        f"print(dict(bridge._backends), {HEAVY} & sys.modules.keys())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("{} set()\n", ""), "importing started a backend, took long, or said something"
