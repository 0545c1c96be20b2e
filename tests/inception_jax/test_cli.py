"""The weights tool, `python -m inception_jax`."""

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import inception_jax
from inception_jax.__main__ import main
from inception_jax.files import read_model, save
from inception_jax.registry import REGISTRY, Bundled, Published


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights anywhere, and no way to download: the proxy for everything is a closed port."""
    monkeypatch.delenv("INCEPTION_JAX_WEIGHTS", raising=False)
    monkeypatch.setenv("INCEPTION_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("INCEPTION_JAX_SHARED", str(tmp_path / "shared"))
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save(inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0), path)
    return path


def test_list_shows_what_there_is(capsys: pytest.CaptureFixture[str], tmp_path: Path, small: Path) -> None:
    folder = tmp_path / "shared" / "weights"
    folder.mkdir(parents=True)
    (folder / "bvlc_googlenet.npz").write_bytes(small.read_bytes())
    assert main(["list"]) == 0
    bundled = {name: entry for name, entry in REGISTRY.items() if isinstance(entry, Bundled)}
    assert "mini" in bundled
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    cells = [[cell.strip() for cell in line if cell] for line in lines]
    assert cells == [
        ["name", "licence", "size", "on this machine"],
        *([name, "Apache-2.0", "1.3 MB", f"bundled: {entry.path}"] for name, entry in bundled.items()),
        ["inception5h", "Apache-2.0", "49.9 MB", "no"],
        ["bvlc_googlenet", "unrestricted use", "53.5 MB", f"shared folder: {folder / 'bvlc_googlenet.npz'}"],
    ]


def test_convert_keeps_the_weights(capsys: pytest.CaptureFixture[str], tmp_path: Path, small: Path) -> None:
    dest = tmp_path / "copy.npz"
    assert main(["convert", str(small), str(dest)]) == 0
    assert hashlib.sha256(dest.read_bytes()).hexdigest() in capsys.readouterr().out
    a, b = read_model(small), read_model(dest)
    assert a.architecture == b.architecture
    assert all(np.array_equal(a.weights[k][p], b.weights[k][p]) for k in a.weights for p in ("kernel", "bias"))


def test_verify_says_what_a_file_is(capsys: pytest.CaptureFixture[str], small: Path) -> None:
    assert main(["verify", str(small)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{small}: sound"
    assert lines[1].startswith("architecture: inception5h-x0.0625, 128 arrays, ")
    assert "published file: no" in lines
    assert f"sha256: {hashlib.sha256(small.read_bytes()).hexdigest()}" in lines
    assert "  source: random weights, seed 0" in lines


def test_verify_knows_published_files(
    capsys: pytest.CaptureFixture[str], small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checksums = {"small.safetensors": f"sha1:{hashlib.sha1(small.read_bytes()).hexdigest()}"}
    entry = REGISTRY["inception5h"]
    assert isinstance(entry, Published)
    entry = dataclasses.replace(entry, checksums=checksums)
    monkeypatch.setattr("inception_jax.__main__.REGISTRY", {"inception5h": entry})
    assert main(["verify", str(small)]) == 0
    assert "published file: yes, small.safetensors of inception5h" in capsys.readouterr().out


def test_verify_knows_the_bundled_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    copy = tmp_path / "renamed.safetensors"
    copy.write_bytes((Path(inception_jax.__file__).parent / "data" / "mini.safetensors").read_bytes())
    assert main(["verify", str(copy)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "published file: yes, mini.safetensors of mini, bundled" in lines
    assert "  classes: 200, n01443537 to n12267677" in lines


def test_verify_finds_values_that_are_not_finite(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, small: Path
) -> None:
    model = read_model(small)
    model.weights["mixed4a_1x1"]["bias"] = model.weights["mixed4a_1x1"]["bias"].at[0].set(np.nan)
    save(model, tmp_path / "broken.npz")
    assert main(["verify", str(tmp_path / "broken.npz")]) == 1
    error = capsys.readouterr().err
    assert error == f"error: {tmp_path / 'broken.npz'}: values that are not finite in mixed4a_1x1/bias\n"


def test_summary_needs_no_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", "inception5h"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "layer"
    # 6,033,180 of the trunk, and 1,033,200 of the classifier.
    assert next(line for line in lines if line.startswith("mixed5b ")).split()[-3] == "6,033,180"
    assert next(line for line in lines if line.startswith("softmax2 ")).split()[-3] == "7,066,380"
    assert lines[-1].startswith("inception5h, images of 224 x 224: 13,461,996 parameters, 3.18")


def test_summary_of_the_bundled_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", "mini"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith("conv2d0 ")).split()[1:6] == ["32", "x", "32", "x", "24"]
    assert lines[-1].startswith("mini, images of 64 x 64: 647,808 parameters, 0.067")


def test_summary_of_a_file_by_convolution(capsys: pytest.CaptureFixture[str], small: Path) -> None:
    assert main(["summary", str(small), "--convolutions", "--size", "64"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("mixed3a_3x3_bottleneck ") for line in lines)
    assert lines[1].split()[:6] == ["conv2d0", "32", "x", "32", "x", "4"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["summary", "inception5"],
            "error: no weights 'inception5'; did you mean 'inception5h'? expected mini or",
        ),
        (["summary", "inception5h", "--size", "0"], "error: size is 0; expected a number of pixels, 1 or more"),
        (["verify", "none.npz"], "error: none.npz is no file; expected a weights file (.safetensors .npz .pb .zip"),
        (["convert", "none.npz", "x.npz"], "error: none.npz is no file"),
        (["download", "resnet"], "error: no weights 'resnet'; expected mini or "),
    ],
)
def test_errors_are_one_line(capsys: pytest.CaptureFixture[str], args: list[str], message: str) -> None:
    assert main(args) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(message)
    assert captured.err.count("\n") == 1


def test_convert_refuses_other_formats(capsys: pytest.CaptureFixture[str], tmp_path: Path, small: Path) -> None:
    assert main(["convert", str(small), str(tmp_path / "x.pb")]) == 1
    assert "cannot save as 'x.pb'; expected a name ending in .safetensors or .npz" in capsys.readouterr().err


def test_download_without_a_network_says_how_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["download", "inception5h"]) == 1
    error = capsys.readouterr().err
    assert "no weights of inception5h on this machine, and they cannot be downloaded" in error
    published = REGISTRY["inception5h"]
    assert isinstance(published, Published)
    assert f"- fetch {published.urls[0]} by hand and put it into" in error
    assert error.endswith("\nmini needs none of them: it is in the package.\n")


def test_download_of_a_bundled_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["download", "mini"]) == 0
    mini = Path(inception_jax.__file__).parent / "data" / "mini.safetensors"
    assert capsys.readouterr().out == f"mini is bundled and needs no download: {mini}\n"


def test_usage_errors_exit_with_2() -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["unknown"])
    assert stopped.value.code == 2


def test_as_a_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "inception_jax", "verify", str(tmp_path / "none.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
