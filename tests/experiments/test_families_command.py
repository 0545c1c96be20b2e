"""The page of families, of the hand-written network, whose curves are known; icons are painted, not drawn."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

import featvis
from circuits import handwritten_network
from circuits.stimuli import Curve
from experiments import figures
from experiments.__main__ import main
from experiments.families import pictures

ANGLES = np.arange(0.0, 360.0, 30.0)
CLASSES = ("n01443537", "n02099601")


@pytest.fixture
def handwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the model that `--model` names, and grey icons in place of `featvis.render`."""

    def render(model: object, objectives: Sequence[Any], **options: Any) -> Mock:
        del model
        images = np.full((len(objectives), *options["param"].shape), 0.5, np.float32)
        history = np.zeros((len(objectives), 1))
        return Mock(featvis.Result, images=images, history=history, scores=history[:, 0], interrupted=False)

    monkeypatch.setattr(figures, "load_model", lambda _: handwritten_network())
    monkeypatch.setattr(featvis, "render", render)


@pytest.fixture
def page(handwritten: None, tmp_path: Path) -> Path:
    """The page of a network whose photographs are circles, each unit's best the one that bulges its way."""
    del handwritten
    out, folder = tmp_path / "run", tmp_path / "photographs"
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
    for i, image in enumerate(np.asarray(Curve(orientation=ANGLES, radius=40.0).image(256))):
        Image.fromarray((255 * image).astype(np.uint8)).save(folder / CLASSES[i % 2] / f"{i:02}.png")
    options = ["--layers", "mixed3a", "mixed3b", "--step", "45", "--side", "64", "--most", "3", "--permutations", "99"]
    data = ["--images", str(folder), "--data-dir", str(tmp_path / "prepared")]
    assert main(["families", "--out", str(out), "--show", "curves", *options, *data]) == 0
    return out


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_page(page: Path) -> None:
    made = json.loads((page / "families.json").read_text())["families"]
    found = {(family["layer"], family["name"]): family for family in made}
    curves = found["mixed3b", "curves"]
    # The first 24 of its 42 units are curves, every 15 degrees.
    assert set(curves["units"]) <= set(range(24))
    assert len(curves["units"]) >= 20
    off = [
        (angle - 15 * unit + 180) % 360 - 180
        for unit, angle in zip(curves["units"], curves["orientations"], strict=True)
    ]
    # Stimuli lie 45 degrees apart.
    assert np.abs(off).max() < 15

    rows = table(page / "units.csv")
    listed = [row for row in rows if row["family"] == "curves" and row["unit"].startswith("mixed3b:")]
    assert [row["unit"] for row in listed] == [f"mixed3b:{unit}" for unit in curves["units"]]
    # Their photographs are of circles that bulge their way, and others of the nearest directions, on both sides.
    read = {row["unit"]: float(row["read from photographs"]) for row in listed if row["read from photographs"]}
    assert len(read) > 15
    off = [(angle - 15 * int(unit.split(":")[1]) + 180) % 360 - 180 for unit, angle in read.items()]
    assert np.median(np.abs(off)) < 15

    counts = {row["layer"]: row for row in table(page / "counts.csv")}
    assert int(counts["mixed3b"]["curves"]) == len(curves["units"])
    assert sum(int(value) for name, value in counts["mixed3b"].items() if name != "layer") == 42

    html = (page / "index.html").read_text()
    assert "Curves in mixed3b" in html
    assert "Do weights turn with orientation?" in html
    with Image.open(page / "images" / "curves-mixed3b.png") as sheet:
        # Three rows of 76 pixels under a line of heads.
        assert sheet.height == 20 + 3 * 76
    numbers = json.loads((page / "metrics.json").read_text())["numbers"]
    # The network is written by rules that turn.
    assert numbers["p of turning, mixed3a to mixed3b"] == 0.01


def test_families_that_nobody_knows(handwritten: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del handwritten
    assert main(["families", "--out", str(tmp_path / "a"), "--show", "dogs"]) == 2
    assert "no family 'dogs'; expected some of curves, high-low frequency" in capsys.readouterr().err
    assert main(["families", "--out", str(tmp_path / "b"), "--step", "20"]) == 2
    assert "step is 20.0 degrees; expected 45 divided by a whole number" in capsys.readouterr().err


def test_polar() -> None:
    tuning = np.zeros(36)
    tuning[9] = 1.0
    picture = np.asarray(pictures.polar(tuning, np.nan, 360.0, 97), int)
    dark = np.argwhere(picture.sum(-1) < 200) - 48
    # Clockwise from the right, 90 degrees is down.
    assert dark[:, 0].mean() > 10
    assert abs(dark[:, 1].mean()) < 2
    both = np.asarray(pictures.polar(tuning, np.nan, 180.0, 97), int)
    dark = np.argwhere(both.sum(-1) < 200) - 48
    assert dark[:, 1].min() < -30 < 30 < dark[:, 1].max() or dark[:, 0].min() < -30 < 30 < dark[:, 0].max()
    red = np.argwhere(np.asarray(pictures.compass([180.0], 360.0, 97), int)[..., 1] < 120) - 48
    assert red[:, 1].max() <= 3
    assert red[:, 1].min() < -35


def test_histogram() -> None:
    picture = np.asarray(pictures.histogram(np.linspace(-0.2, 0.2, 99), 0.8), int)
    red = np.argwhere((picture[..., 0] > 180) & (picture[..., 1] < 90))
    grey = np.argwhere((picture == [205, 209, 214]).all(-1))
    assert red[:, 1].min() > grey[:, 1].max()
