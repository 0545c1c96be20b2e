"""House rules that a machine can check."""

import ast
import re
import subprocess
import sys
from pathlib import Path

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
