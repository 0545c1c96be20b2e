"""The set-up scripts, with stand-ins for Python and pip."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")

PIP = """#!/bin/sh
# Stands in for the environment's Python: answers for its version, writes down what pip was asked.
case "$*" in
*version_info*) echo {version} ;;
*pip*) echo "$*" >>"{log}"; exit "$(cat "{status}")" ;;
esac
"""


class Machine:
    """A checkout and a PATH with only the Pythons that a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bin, self.log, self.status = (folder / n for n in ("clone", "bin", "pip.log", "pip.status"))
        self.bin.mkdir()
        self.status.write_text("0")
        self.log.touch()
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        shutil.copy(ROOT / "pyproject.toml", self.root)
        for tool in ("sh", "uname", "cksum", "rm", "mv", "mkdir", "cat", "cp", "dirname", "chmod"):
            (self.bin / tool).symlink_to(shutil.which(tool) or tool)

    def script(self, path: Path, text: str) -> Path:
        path.write_text(text)
        path.chmod(0o755)
        return path

    def add_python(self, name: str, version: str | None = "3.12.1", venv: bool = True) -> Path:
        """A Python of that version; with None, one that does not run."""
        inner = self.script(self.bin / f".{name}-venv", PIP.format(version=version, log=self.log, status=self.status))
        new_enough = version is not None and tuple(map(int, version.split("."))) >= (3, 11)
        return self.script(
            self.bin / name,
            "#!/bin/sh\n"
            + ("exit 127\n" if version is None else "")
            + 'case "$*" in\n'
            + f"*version_info*) {f'echo {version}' if new_enough else ':'} ;;\n"
            + f"*ensurepip*) exit {0 if venv else 1} ;;\n"
            + f"*'-m venv'*) mkdir -p .venv/bin && cp {shlex.quote(str(inner))} .venv/bin/python ;;\n"
            + "esac\n",
        )

    def set_up(self, level: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.bin / "sh"), "-euc", f". scripts/environment.sh; set_up {level}; echo ready"],
            cwd=self.root,
            env={"PATH": str(self.bin), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def pip(self) -> list[str]:
        """What pip was asked to install since last asked."""
        lines = self.log.read_text().splitlines()
        self.log.write_text("")
        return [line.split("check ")[1] for line in lines]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_installs_once(machine: Machine) -> None:
    machine.add_python("python3")
    first = machine.set_up()
    assert (first.returncode, first.stdout) == (0, "ready\n")
    assert "Setting up .venv with python3 (3.12.1), which takes 1.3 GB." in first.stderr
    assert machine.pip() == ["-e ."]
    again = machine.set_up()
    assert (again.returncode, again.stdout, again.stderr) == (0, "ready\n", "")
    assert machine.pip() == []


def test_more_is_added_and_then_kept(machine: Machine) -> None:
    machine.add_python("python3")
    for level, installed in [(0, ["-e ."]), (1, ["-e .[test]"]), (0, []), (1, [])]:
        assert machine.set_up(level).returncode == 0
        assert machine.pip() == installed
    assert machine.set_up(2).returncode == 0
    torch, everything = machine.pip()
    assert torch.startswith("torch==2.13.0")
    assert everything == "-e .[test,docs,notebooks,frameworks]"


@pytest.mark.parametrize("change", ["pyproject", "place"])
def test_changes_are_installed(machine: Machine, change: str) -> None:
    machine.add_python("python3")
    machine.set_up(1)
    machine.pip()
    if change == "pyproject":
        with (machine.root / "pyproject.toml").open("a") as file:
            file.write("# changed\n")
    else:
        machine.root = machine.root.rename(machine.root.with_name("moved clone"))
    done = machine.set_up(0)
    assert (done.returncode, done.stderr) == (0, "Bringing .venv up to date.\n")
    assert machine.pip() == ["-e .[test]"]


def test_another_python_starts_afresh(machine: Machine) -> None:
    machine.add_python("python3", "3.11.9")
    machine.set_up()
    (machine.root / ".venv" / "old").touch()
    other = machine.add_python("other", "3.13.0")
    done = machine.set_up(PYTHON=str(other))
    assert f"Setting up .venv with {other} (3.13.0), which takes 1.3 GB." in done.stderr
    assert not (machine.root / ".venv" / "old").exists()
    assert machine.set_up().stderr == ""


def test_failed_installation_is_not_trusted(machine: Machine) -> None:
    machine.add_python("python3")
    machine.status.write_text("1")
    failed = machine.set_up()
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "Installing the packages failed" in failed.stderr
    (machine.root / ".venv" / "half").touch()
    machine.status.write_text("0")
    machine.pip()
    done = machine.set_up()
    assert done.returncode == 0
    assert "Setting up .venv" in done.stderr
    assert machine.pip() == ["-e ."]
    assert not (machine.root / ".venv" / "half").exists()


def test_an_environment_of_ones_own_is_left_alone(machine: Machine) -> None:
    machine.add_python("python3")
    (machine.root / ".venv" / "mine").mkdir(parents=True)
    done = machine.set_up()
    assert done.returncode == 1
    assert ".venv was not made by this script." in done.stderr
    assert (machine.root / ".venv" / "mine").exists()


def test_pythons_that_do_not_do_are_passed_over(machine: Machine) -> None:
    machine.add_python("python3", "3.10.2")
    machine.add_python("python3.13", None)
    machine.add_python("python3.12", "3.12.1", venv=False)
    machine.add_python("python3.11", "3.11.4")
    assert "Setting up .venv with python3.11 (3.11.4), which takes 1.3 GB." in machine.set_up().stderr


def test_no_python(machine: Machine) -> None:
    machine.add_python("python3", "3.10.2")
    done = machine.set_up()
    assert done.returncode == 1
    assert done.stderr.startswith(
        "Python 3.11 or newer is needed, and none of these is one that runs: python3 python3.13 python3.12 python3.11\n"
    )
    assert not (machine.root / ".venv").exists()


def test_python_without_venv(machine: Machine) -> None:
    machine.add_python("python3.12", venv=False)
    done = machine.set_up()
    assert done.returncode == 1
    assert done.stderr.startswith("python3.12 cannot make virtual environments: its modules venv and ensurepip are")
    assert "python3-venv" in done.stderr


def test_python_variable_that_does_not_do(machine: Machine) -> None:
    machine.add_python("python3")
    old = machine.add_python("old", "3.9.0")
    for python in (str(old), "nowhere"):
        done = machine.set_up(PYTHON=python)
        assert done.returncode == 1
        assert done.stderr.startswith(f"Python 3.11 or newer is needed, and none of these is one that runs: {python}\n")


def test_frameworks_that_cannot_be_had_are_done_without(machine: Machine) -> None:
    machine.add_python("python3")
    inner = machine.bin / ".python3-venv"
    inner.write_text(inner.read_text().replace("*pip*)", "*torch*) exit 1 ;;\n*pip*)"))
    done = machine.set_up(2)
    assert done.returncode == 0
    assert "tests that need PyTorch or TensorFlow will be skipped" in done.stderr
    assert machine.pip() == ["-e .[test,docs,notebooks]"]


@pytest.mark.parametrize(
    ("there", "ci", "outcome"), [(True, "true", "1 error"), (True, "", "1 skipped"), (False, "true", "1 skipped")]
)
def test_ci_insists_on_the_shared_files(tmp_path: Path, there: bool, ci: str, outcome: str) -> None:
    if there:
        (tmp_path / "shared").mkdir()
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    (tmp_path / "tests" / "test_it.py").write_text(
        "import pytest\n@pytest.mark.shared\ndef test_it(shared_dir): pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path, tmp_path / "tests"],
        env={**os.environ, "CI": ci, "INCEPTION_JAX_SHARED": str(tmp_path / "shared")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(rf"^=+ {outcome} in ", done.stdout, re.MULTILINE), done.stdout


def test_scripts_use_nothing_but_posix_shell() -> None:
    dash = shutil.which("dash")
    if dash is None:
        pytest.skip("dash is not installed")
    for script in ("run", "test", ".ci/run", "scripts/environment.sh"):
        assert subprocess.run([dash, "-n", ROOT / script], capture_output=True, check=False).returncode == 0
    assert all(os.access(ROOT / script, os.X_OK) for script in ("run", "test", ".ci/run"))
