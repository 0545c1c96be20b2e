import dataclasses
import hashlib
import html.parser
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import featvis
import inception_jax
from experiments import store
from experiments.__main__ import main
from experiments.store.writing import Writer

SMALL = ["--units", "conv2d2:0-1", "--steps", "4", "--size", "32"]
"""A shallow layer, because most of the time goes into compiling."""


def run(weights: Path, out: Path, *options: str) -> int:
    return main(["feature_vis", "--model", str(weights), "--out", str(out), *SMALL, *options])


@pytest.fixture(scope="module")
def finished(toy_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    assert run(toy_weights, out, "--units", "conv2d2:3,1") == 0
    return out


class Links(html.parser.HTMLParser):
    """Every address a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


def test_a_run_writes_every_file(finished: Path) -> None:
    files = sorted(str(f.relative_to(finished)) for f in finished.rglob("*") if f.is_file())
    images = [f"images/conv2d2/000{unit}.png" for unit in (1, 3)]
    derived = ["arrays.npz", "index.html", "manifest.json", "metrics.json", "sheet.png"]
    assert files == sorted([*images, *derived, "config.json"])


def test_images_are_those_that_render_makes(finished: Path, toy_weights: Path) -> None:
    result = featvis.render(
        inception_jax.load(toy_weights), "conv2d2:3", steps=4, param=featvis.param.image(32), progress=False
    )
    drawn = np.asarray(Image.open(finished / "images/conv2d2/0003.png"), np.float32) / 255
    # Half a level of rounding, and a width-2 batch against a width-1 batch (reassociated sums).
    assert np.abs(drawn - result.images[0]).max() < 0.6 / 255
    unit = json.loads((finished / "manifest.json").read_text())["units"][0]
    # The same reassociation, amplified by Adam's division by small second moments.
    assert unit["score"] == pytest.approx(float(result.scores[0]), rel=2e-3)


def test_manifest_arrays_and_totals_agree(finished: Path) -> None:
    manifest = json.loads((finished / "manifest.json").read_text())
    units = manifest["units"]
    assert (manifest["finished"], manifest["missing"]) == (True, 0)
    assert [unit["file"] for unit in units] == ["images/conv2d2/0003.png", "images/conv2d2/0001.png"]
    for unit in units:
        assert unit["sha256"] == hashlib.sha256((finished / unit["file"]).read_bytes()).hexdigest()
        assert unit["steps"] == 4
    with np.load(finished / "arrays.npz") as arrays:
        assert arrays["labels"].tolist() == [unit["label"] for unit in units] == ["conv2d2:3", "conv2d2:1"]
        assert arrays["units"].tolist() == [3, 1]
        assert arrays["scores"].tolist() == [unit["score"] for unit in units]
        assert arrays["history"].shape == (2, 4)
        # Four steps from noise raise any unit of a random network.
        assert (arrays["history"][:, -1] > arrays["history"][:, 0]).all()
    totals = json.loads((finished / "metrics.json").read_text())["totals"]
    assert totals["image_steps"] == 8
    assert 0 < totals["compile_seconds"] < totals["wall_seconds"]
    # Rounded to milliseconds, unit by unit.
    assert totals["wall_seconds"] == pytest.approx(sum(u["seconds"] + u["compile_seconds"] for u in units), abs=2e-3)


def test_config_says_what_made_it(finished: Path) -> None:
    config = json.loads((finished / "config.json").read_text())
    assert config["config"]["units"] == "conv2d2:3,1"
    assert config["seed"] == 0
    assert config["model"]["architecture"] == "inception5h-x0.0625"
    assert {"python", "jax", "numpy", "flax"} <= set(config["versions"])
    assert re.search(r"^python -m experiments feature_vis .*--units conv2d2:3,1$", config["command"])
    assert config["device"]


def test_page_shows_each_unit_and_refers_only_to_its_own_files(finished: Path) -> None:
    page = (finished / "index.html").read_text()
    assert [f"conv2d2:{u}" in page for u in (1, 3)] == [True] * 2
    assert page.count("<polyline") == 2
    for link in Links(page).found:
        assert (finished / link).is_file(), link
    assert not re.search(r"https?://|url\(", page)


def test_sheet_has_room_for_all(finished: Path) -> None:
    with Image.open(finished / "sheet.png") as sheet:
        assert sheet.width * sheet.height > 2 * 32 * 32


def test_again_does_nothing(finished: Path, toy_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {f: f.stat().st_mtime_ns for f in finished.rglob("*")}
    assert run(toy_weights, finished, "--units", "conv2d2:3,1") == 0
    assert "finished before" in (out := capsys.readouterr().out)
    assert str(finished / "index.html") in out
    assert {f: f.stat().st_mtime_ns for f in finished.rglob("*")} == before


def test_an_outdated_page_is_written_again(toy_weights: Path, tmp_path: Path) -> None:
    assert run(toy_weights, tmp_path) == 0
    page = tmp_path / "index.html"
    expected = page.read_text()
    page.write_text("stopped before the page was written")
    os.utime(page, ns=(0, 0))
    assert run(toy_weights, tmp_path) == 0
    assert page.read_text() == expected


def test_other_settings_are_refused(finished: Path, toy_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(toy_weights, finished, "--units", "conv2d2:3,1", "--seed", "5") == 2
    assert capsys.readouterr().err == (
        f"error: {finished} holds a run with other settings (seed 0 there, 5 here); give another directory with --out, "
        "or start over with --force\n"
    )


def test_force_starts_over(toy_weights: Path, tmp_path: Path) -> None:
    assert run(toy_weights, tmp_path / "out", "--units", "conv2d2:2") == 0
    assert run(toy_weights, tmp_path / "out", "--units", "conv2d2:5", "--force") == 0
    assert pictures(tmp_path / "out") == ["conv2d2/0005.png"]
    assert json.loads((tmp_path / "out/config.json").read_text())["units"] == {"conv2d2": "5"}


def pictures(out: Path) -> list[str]:
    return sorted(str(file.relative_to(out / "images")) for file in (out / "images").rglob("*.png"))


def interrupt_after(blocks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C as the given number of blocks has been drawn."""
    put, calls = Writer.put, []

    def counted(*arguments: object) -> None:
        put(*arguments)  # type: ignore[arg-type]
        calls.append(1)
        if len(calls) == blocks:
            raise KeyboardInterrupt

    monkeypatch.setattr(Writer, "put", counted)


def test_interrupted_runs_go_on(
    toy_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--units", "conv2d2:0-3", "--batch", "2")
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        assert run(toy_weights, tmp_path / "out", *options) == 130
    assert "interrupted: 2 of 4 units are done" in capsys.readouterr().out
    assert "2 of 4 units are still to come" in (tmp_path / "out/index.html").read_text()
    first = {f.name: f.stat().st_mtime_ns for f in (tmp_path / "out/images/conv2d2").iterdir()}
    assert sorted(first) == ["0000.png", "0001.png"]
    assert not (tmp_path / "out/claims").exists()

    assert run(toy_weights, tmp_path / "out", *options) == 0
    after = {f.name: f.stat().st_mtime_ns for f in (tmp_path / "out/images/conv2d2").iterdir()}
    assert len(after) == 4
    assert {name: after[name] for name in first} == first
    assert "still to come" not in (tmp_path / "out/index.html").read_text()

    assert run(toy_weights, tmp_path / "whole", *options) == 0
    loaded, whole = store.load(tmp_path / "out"), store.load(tmp_path / "whole")
    assert (loaded.images == whole.images).all()
    assert (loaded.history == whole.history).all()
    assert (loaded.scores == whole.scores).all()


def test_a_unit_stopped_early_is_not_kept(toy_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    render = featvis.render

    def stopped(*arguments: object, **options: object) -> featvis.Result:
        result = render(*arguments, **options | {"steps": 2})  # type: ignore[arg-type]
        longer = np.pad(result.history, ((0, 0), (0, 2)), constant_values=np.nan)
        return dataclasses.replace(result, history=longer, interrupted=True)

    options = ("--units", "conv2d2:0-1", "--batch", "1")
    with monkeypatch.context() as patch:
        patch.setattr(featvis, "render", stopped)
        assert run(toy_weights, tmp_path / "out", *options) == 130
    assert not (tmp_path / "out/images").exists()
    assert run(toy_weights, tmp_path / "out", *options) == 0
    assert pictures(tmp_path / "out") == ["conv2d2/0000.png", "conv2d2/0001.png"]


def test_more_units_come_to_those_that_are_there(toy_weights: Path, tmp_path: Path) -> None:
    assert run(toy_weights, tmp_path, "--units", "conv2d2:0-1") == 0
    first = {f: f.stat().st_mtime_ns for f in (tmp_path / "images").rglob("*.png")}
    assert run(toy_weights, tmp_path, "--units", "conv2d0:0,conv2d2:1-2") == 0
    assert {f: f.stat().st_mtime_ns for f in first} == first
    assert json.loads((tmp_path / "config.json").read_text())["units"] == {"conv2d2": "0-2", "conv2d0": "0"}
    page = (tmp_path / "index.html").read_text()
    shown = ["conv2d2_0", "conv2d2_1", "conv2d2_2", "conv2d0_0"]
    places = [page.index(f'id="{name}"') for name in shown]
    assert places == sorted(places)


@pytest.mark.filterwarnings("always")
def test_negative_units_and_neurons(toy_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--units=-conv2d2:0", "--objective", "neuron", "--restarts", "2")
    assert run(toy_weights, tmp_path, *options) == 0
    expected = "warning: conv2d2 is never negative, and flat where it is 0; conv2d2_pre_relu shows more\n"
    assert expected in capsys.readouterr().err
    (unit,) = json.loads((tmp_path / "manifest.json").read_text())["units"]
    assert (unit["file"], unit["negative"]) == ("images/conv2d2/0000_negative.png", True)
    assert unit["label"] == "-conv2d2:0@centre,centre"
    # Two attempts of four steps.
    assert json.loads((tmp_path / "metrics.json").read_text())["totals"]["image_steps"] == 8


def test_layers_in_sections_and_rows(toy_weights: Path, tmp_path: Path) -> None:
    assert run(toy_weights, tmp_path, "--units", "conv2d1:0,conv2d0:0,conv2d1:1,conv2d0:3") == 0
    text = (tmp_path / "index.html").read_text()
    marks = [
        "<h2>conv2d1</h2>",
        'id="conv2d1_0"',
        'id="conv2d1_1"',
        "<h2>conv2d0</h2>",
        'id="conv2d0_0"',
        'id="conv2d0_3"',
    ]
    assert all(text.count(mark) == 1 for mark in marks)
    assert sorted(marks, key=text.index) == marks
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    # Two rows of two: each layer's own.
    for place, name in enumerate(["conv2d1/0000", "conv2d1/0001", "conv2d0/0000", "conv2d0/0003"]):
        y, x = 8 + place // 2 * (pixels.shape[0] - 8) // 2, 8 + place % 2 * 40
        with Image.open(tmp_path / f"images/{name}.png") as image:
            assert (pixels[y : y + 32, x : x + 32] == np.asarray(image)).all()


def test_one_layer_needs_no_heading(finished: Path) -> None:
    text = (finished / "index.html").read_text()
    assert "<h1>inception5h-x0.0625: conv2d2</h1>" in text
    assert "<h2>conv2d2</h2>" not in text


@pytest.mark.parametrize(("trained_on", "size"), [(224, 128), (64, 96), (20, 30)])
def test_size_suits_the_model(trained_on: int, size: int, tmp_path: Path) -> None:
    arch = dataclasses.replace(inception_jax.INCEPTION5H.scaled(1 / 16), image_size=trained_on, heads=())
    inception_jax.save(inception_jax.initialise(arch, seed=0), tmp_path / "toy.safetensors")
    command = ["feature_vis", "--model", str(tmp_path / "toy.safetensors"), "--out", str(tmp_path / "out")]
    command += ["--units", "conv2d0:0", "--steps", "1"]
    assert main(command) == 0
    with Image.open(tmp_path / "out/images/conv2d0/0000.png") as image:
        assert image.size == (size, size)
    # What is left out and what is said are the same run.
    assert main([*command, "--size", str(size)]) == 0


def test_default_directory_tells_runs_apart(
    toy_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in ("0", "1"):
        assert main(["feature_vis", "--model", str(toy_weights), *SMALL, "--seed", seed]) == 0
    folders = sorted((tmp_path / "results/feature_vis").iterdir())
    assert len(folders) == 2
    assert all(re.fullmatch("inception5h-x0.0625-[0-9a-f]{8}", f.name) for f in folders)
    assert set(capsys.readouterr().out.split()) == {str(f.relative_to(tmp_path) / "index.html") for f in folders}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--units", "mixed4f:0"], "error: no layer 'mixed4f'; did you mean "),
        (["--units", "conv2d2:8-20"], "error: conv2d2 has no units '8-20'; it has units 0 to 11\n"),
        (["--units", "x"], "error: cannot read 'x'; expected \"layer:unit\", "),
        (["--steps", "0"], "error: steps is 0; expected a whole number, at least 1\n"),
        (["--size", "0"], "error: image size is 0; expected sides of at least 1 pixel"),
    ],
)
def test_requests_that_cannot_be_met(
    options: list[str], message: str, toy_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(toy_weights, tmp_path / "out", *options) == 2
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_unreadable_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not weights")
    assert run(broken, tmp_path / "out") == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "out").exists()


def test_unwritable_out(toy_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert run(toy_weights, tmp_path / "file" / "out", "--units", "conv2d2:0") == 2
    assert capsys.readouterr().err == f"error: cannot write {tmp_path / 'file' / 'out' / 'claims'}: Not a directory\n"
