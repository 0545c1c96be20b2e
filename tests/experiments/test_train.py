import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inception_jax
from experiments.__main__ import main
from inception_jax import datasets, training

SMALL = ["--architecture", "simplified", "--width", "0.0625", "--size", "32", "--batch", "4"]
OFTEN = ["--report-every", "2", "--evaluate-every", "4"]


def _command(photographs: Path, out: Path, *more: str) -> list[str]:
    kept = str(photographs.parent / "kept")
    return [
        "train",
        "--data",
        str(photographs),
        "--data-dir",
        kept,
        "--out",
        str(out),
        *SMALL,
        *OFTEN,
        "--epochs",
        "1",
        *more,
    ]


@pytest.fixture(scope="module")
def trained(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    out = tmp_path_factory.mktemp("run") / "out"
    assert main(_command(photographs, out)) == 0
    return out


def test_the_run_is_complete(trained: Path, photographs: Path) -> None:
    model = inception_jax.load(trained / "model.safetensors")
    metrics = json.loads((trained / "metrics.json").read_text())
    judge = datasets.open_dataset(photographs, "validation", photographs.parent / "kept")
    accuracy = training.validate(model, training.Recipe(), judge)
    assert metrics["validation"]["top1"] == accuracy.top1
    assert metrics["validation"]["images"] == 8
    assert metrics["step"] == 4
    assert inception_jax.labels(model) == ("goldfish", "golden retriever")
    origin = model.provenance["origin"]
    assert str(photographs) in origin["command"]
    assert str(trained) not in origin["command"]
    assert origin["seed"] == 0
    assert (origin["examples"], origin["steps"]) == (16, 4)
    with Image.open(trained / "filters.png") as image:
        assert image.convert("RGB").getcolors(16) is None, "filters in many colours"
    page = (trained / "index.html").read_text()
    for name in re.findall(r'(?:src|href)="([^"#]+)"', page):
        assert (trained / name).exists(), name


def test_the_same_command_again_does_nothing(
    trained: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained / "model.safetensors").stat().st_mtime_ns
    assert main(_command(photographs, trained)) == 0
    assert "finished before" in capsys.readouterr().out
    assert (trained / "model.safetensors").stat().st_mtime_ns == before


def test_a_stopped_run_goes_on_to_the_same_file(
    trained: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_command(photographs, tmp_path / "out", "--stop-after", "3")) == 0
    assert "stopped after step 3 of 4; the same command goes on" in capsys.readouterr().out
    assert not (tmp_path / "out" / "model.safetensors").exists()
    assert main(_command(photographs, tmp_path / "out")) == 0
    one, two = (inception_jax.load(folder / "model.safetensors").weights for folder in (trained, tmp_path / "out"))
    assert all(np.array_equal(one[name][part], two[name][part]) for name in one for part in one[name])


def test_other_settings_need_another_directory(
    trained: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(trained, out)
    assert main(_command(photographs, out, "--label-smoothing", "0.2")) == 2
    assert "holds a run with other settings (recipe" in capsys.readouterr().err
    assert main(_command(photographs, out, "--label-smoothing", "0.2", "--force", "--stop-after", "1")) == 0
    assert not (out / "model.safetensors").exists()
    assert [folder.name for folder in (out / "checkpoints").iterdir()] == ["1"]


def test_float16_export(photographs: Path, tmp_path: Path) -> None:
    assert main(_command(photographs, tmp_path / "out", "--export", "float16")) == 0
    model = inception_jax.load(tmp_path / "out" / "model.safetensors")
    assert {w.dtype.name for layer in model.weights.values() for w in layer.values()} == {"float16"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--architecture", "resnet"], "no architecture 'resnet'; expected one of inception5h, "),
        (["--validation-split", "exam"], "has no split 'exam'; it has train, val"),
        (["--learning-rate", "-1"], "learning_rate is -1.0; expected a number above 0"),
        (["--evaluate-every", "3"], "evaluate_every is 3; expected a multiple of report_every, 2"),
        (["--data", "no/such/folder.zip"], "no such file or folder: no/such/folder.zip"),
    ],
)
def test_refusals(
    options: list[str], message: str, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_command(photographs, tmp_path / "out", *options)) == 2
    assert message in capsys.readouterr().err


def test_one_class_is_refused_before_training(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(photographs / "train" / "n01443537", tmp_path / "data" / "train" / "n01443537")
    assert main(_command(tmp_path / "data", tmp_path / "out")) == 2
    assert "class" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
