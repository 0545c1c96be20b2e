"""The sdist and the wheel: what is in them, and that the wheel works where there is no checkout."""

import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import inception_jax

ROOT = Path(__file__).parent.parent
PACKAGES = ("inception_jax", "featvis", "circuits", "experiments")


def sources() -> set[str]:
    """The files of the packages, as git knows them or would."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PACKAGES]
    done = subprocess.run(listed, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert names == sources()
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert wheel.stat().st_size < 10e6


def test_the_sdist_holds_what_the_wheel_is_built_from(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert sources() | {"LICENSE", "README.md", "pyproject.toml"} <= names


def test_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
    assert f"\nVersion: {inception_jax.__version__}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    for extra in ("cuda12", "cuda13", "tpu", "atlas"):
        assert f"\nProvides-Extra: {extra}\n" in metadata


def test_there_is_one_version() -> None:
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    changed = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert cited
    assert changed
    assert cited[1] == changed[1] == inception_jax.__version__


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs a program of a new environment that has the wheel, outside the checkout; returns what it says."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "environment", with_pip=True)
    programs = folder / "environment" / ("Scripts" if os.name == "nt" else "bin")
    outside = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    outside |= {"INCEPTION_JAX_CACHE": str(folder / "cache"), "INCEPTION_JAX_SHARED": str(folder / "nothing")}

    def run(program: str, *arguments: str) -> str:
        command = [str(programs / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=outside)
        assert done.returncode == 0, f"{program} {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel))
    return run


@pytest.mark.slow
def test_a_clean_environment_has_everything_it_needs(installed: Callable[..., str]) -> None:
    installed("python", "-m", "pip", "check")
    where = installed("python", "-c", "import featvis, sys; print(featvis.__file__, sys.prefix)").split()
    assert where[0].startswith(where[1])
    everything = (
        "import importlib, pkgutil\n"
        f"for package in map(importlib.import_module, {PACKAGES}):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
    )
    installed("python", "-c", everything)


@pytest.mark.slow
def test_every_command_works(installed: Callable[..., str]) -> None:
    assert "bvlc_googlenet" in installed("inception-jax", "list")
    assert installed("inception-jax-experiments", "--help") == installed("python", "-m", "experiments", "--help")
    assert "nothing to look at" in installed("python", "-m", "experiments", "doctor", "--seconds", "0")
    page = installed("inception-jax-experiments", "feature_vis", "--units", "conv2d0:0", "--steps", "1", "--size", "16")
    assert "results/feature_vis/" in Path(page.strip()).as_posix()
