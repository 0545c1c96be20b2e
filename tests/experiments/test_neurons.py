import html.parser
import json
import os
import re
import signal
from pathlib import Path
from unittest.mock import Mock

import jax
import numpy as np
import pytest
from PIL import Image

import featvis
import inception_jax
from experiments import neurons, store
from experiments.__main__ import main
from experiments.neurons import Config
from experiments.store.work import Share
from experiments.store.writing import Writer
from featvis.shortform import Unit

SMALL = ["--steps", "2", "--size", "16"]


def run(weights: Path, out: Path, *options: str) -> int:
    return main(["neurons", "--model", str(weights), "--out", str(out), *SMALL, *options])


@pytest.fixture(scope="module")
def finished(shallow_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("neurons") / "out"
    assert run(shallow_weights, out, "--layers", "conv2d0", "conv2d2", "--sign", "both") == 0
    return out


def without_weights(architecture: inception_jax.Architecture) -> inception_jax.Model:
    return inception_jax.Model.tree_unflatten(architecture, ({},))


def test_all_units_of_the_networks() -> None:
    # Counts of the released file and of the Caffe model, whose mixed4a has four units more.
    for architecture, count in ((inception_jax.INCEPTION5H, 5804), (inception_jax.BVLC_GOOGLENET, 5808)):
        model = without_weights(architecture)
        units = neurons._units(Config(), model)
        assert len(units) == len(set(units)) == count
        layers = list(dict.fromkeys(unit.layer for unit in units))
        blocks = [f"mixed{name}" for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")]
        assert layers == ["conv2d0", "conv2d1", "conv2d2", *blocks]
    # Networks whose blocks are convolutions have no stem.
    plain = neurons._units(Config(), without_weights(inception_jax.SIMPLIFIED))
    assert {unit.layer for unit in plain} == {name for name, _ in inception_jax.SIMPLIFIED.blocks}


def test_signs() -> None:
    model = without_weights(inception_jax.INCEPTION5H)
    both = neurons._units(Config(layers=("mixed4a", "softmax2"), sign="both"), model)
    assert both[507:509] == [Unit("mixed4a", 507), Unit("mixed4a_pre_relu", 0, negative=True)]
    # What has no ReLU has its negatives itself.
    assert both[-1] == Unit("softmax2", 1007, negative=True)
    assert both[508:1016] == neurons._units(Config(layers=("mixed4a",), sign="negative"), model)
    assert len(both) == 2 * (508 + 1008)


def test_every_file_is_there_and_nothing_else(finished: Path) -> None:
    layers = {"conv2d0": 4, "conv2d0_pre_relu": 4, "conv2d2": 8, "conv2d2_pre_relu": 8}
    expected = ["arrays.npz", "config.json", "index.html", "manifest.json", "metrics.json"]
    for layer, count in layers.items():
        minus = "_negative" if layer.endswith("_pre_relu") else ""
        expected += [f"images/{layer}/{n:04}{minus}.png" for n in range(count)]
        expected += [f"layer-{layer}.html", f"sheets/{layer}.jpg", f"sheets/{layer}.json"]
    assert sorted(str(f.relative_to(finished)) for f in finished.rglob("*") if f.is_file()) == sorted(expected)
    assert not [f for f in finished.rglob("*") if f.is_dir() and f.name not in (*layers, "images", "sheets")]


def test_images_are_those_that_render_makes(finished: Path, shallow_weights: Path) -> None:
    model = inception_jax.load(shallow_weights)
    for text, layer in (("conv2d2:*", "conv2d2"), ("-conv2d2_pre_relu:*", "conv2d2_pre_relu")):
        result = featvis.render(model, text, steps=2, param=featvis.param.image(16), batch=4, progress=False)
        loaded = store.load(finished, layers=[layer])
        assert loaded.labels == result.labels
        # The same program in batches of the same width: the same bits, before they are rounded to levels.
        assert loaded.scores.tolist() == result.scores.tolist()
        assert (loaded.history == result.history).all()
        assert np.abs(loaded.images / 255 - result.images).max() <= 0.5 / 255 + 1e-6  # Half a level, and float32.


class Document(html.parser.HTMLParser):
    """Where a page leads, and what it shows."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[str] = []
        self.text = path.read_text()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a":
            self.links.append(found["href"] or "")
        if tag == "img":
            self.images.append(found["src"] or "")


def test_the_first_page_leads_to_those_of_the_layers(finished: Path) -> None:
    page = Document(finished / "index.html")
    layers = ["conv2d0", "conv2d0_pre_relu", "conv2d2", "conv2d2_pre_relu"]
    assert page.images == [f"sheets/{layer}.jpg" for layer in layers]
    assert page.links[:4] == [f"layer-{layer}.html" for layer in layers]
    assert "<h1>The neurons of shallow</h1>" in page.text
    assert "24 units, each shown by an image optimised to raise it: 2 steps from noise at 16 x 16 pixels." in page.text
    for layer in layers:
        own = Document(finished / f"layer-{layer}.html")
        pictures = sorted(str(f.relative_to(finished)) for f in (finished / "images" / layer).iterdir())
        assert own.images == pictures
        assert own.links == [*pictures, "index.html", f"sheets/{layer}.jpg", f"sheets/{layer}.json"]
        assert own.text.count("<polyline") == len(pictures)
        for target in (*own.links, *page.links):
            assert (finished / target).is_file()
        assert not re.search(r"https?://|url\(", own.text + page.text)


def test_sheets_have_each_image_at_its_place(finished: Path) -> None:
    places = json.loads((finished / "sheets/conv2d2.json").read_text())
    assert [sprite["label"] for sprite in places["sprites"]] == [f"conv2d2:{n}" for n in range(8)]
    side, images = places["tile"], list[np.ndarray]()
    for number in range(8):
        with Image.open(finished / f"images/conv2d2/{number:04}.png") as image:
            images.append(np.asarray(image.resize((side, side), Image.Resampling.LANCZOS), np.float32))
    with Image.open(finished / "sheets/conv2d2.jpg") as sheet:
        for number, sprite in enumerate(places["sprites"]):
            x, y = sprite["x"], sprite["y"]
            shown = np.asarray(sheet.crop((x, y, x + side, y + side)), np.float32)
            distances = [np.abs(shown - image).mean() for image in images]
            # JPEG's losses, about half a level, are small beside the differences between images of noise.
            assert np.argmin(distances) == number
            assert distances[number] < 1


def test_again_does_nothing(finished: Path, shallow_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {f: f.stat().st_mtime_ns for f in finished.rglob("*") if f.is_file()}
    assert run(shallow_weights, finished, "--layers", "conv2d0", "conv2d2", "--sign", "both") == 0
    assert capsys.readouterr().out.startswith("finished before, nothing to do (--force starts over): ")
    assert {f: f.stat().st_mtime_ns for f in finished.rglob("*") if f.is_file()} == before


def test_pages_of_layers_with_nothing_new_stay(shallow_weights: Path, tmp_path: Path) -> None:
    assert run(shallow_weights, tmp_path, "--units", "conv2d0:0-2") == 0
    first = {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*conv2d0*") if f.is_file()}
    assert len(first) == 3
    assert run(shallow_weights, tmp_path, "--units", "conv2d2:5") == 0
    assert {f: f.stat().st_mtime_ns for f in first} == first
    assert Document(tmp_path / "index.html").images == ["sheets/conv2d0.jpg", "sheets/conv2d2.jpg"]
    assert run(shallow_weights, tmp_path, "--units", "conv2d0:*") == 0
    assert len(Document(tmp_path / "layer-conv2d0.html").images) == 4


def likeness(activations: np.ndarray) -> float:
    """Mean cosine between the Gram matrices of all pairs of images."""
    flat = activations.reshape(len(activations), -1, activations.shape[-1]).astype(np.float64)
    grams = np.stack([a.T @ a for a in flat]).reshape(len(flat), -1)
    grams /= np.linalg.norm(grams, axis=1, keepdims=True)
    cosines = grams @ grams.T
    return float((cosines.sum() - len(flat)) / (len(flat) * (len(flat) - 1)))


def test_several_images_of_each_unit(shallow_weights: Path, tmp_path: Path) -> None:
    model = inception_jax.load(shallow_weights)
    alike = {}
    for weight in (0, 1000):
        options = ["--units", "conv2d2:1,4", "--images", "3", "--diversity", str(weight), "--steps", "24"]
        assert run(shallow_weights, tmp_path / str(weight), *options) == 0
        loaded = store.load(tmp_path / str(weight))
        assert loaded.images.shape == (2, 3, 16, 16, 3)
        assert loaded.labels == ("conv2d2:1", "conv2d2:4")
        for i, unit in enumerate((1, 4)):
            acts = np.asarray(model(loaded.images[i].astype(np.float32) / 255, until="conv2d2")["conv2d2"])
            alike[weight, unit] = likeness(acts)
            # The objective is a sum over all pairs, divided by the number of images; half a level of rounding in each
            # pixel changes it by about a hundredth of a mean activation.
            score = acts[..., unit].mean() - weight * alike[weight, unit] * 2
            assert loaded.scores[i] == pytest.approx(score, rel=0.02)
    for unit in (1, 4):
        assert alike[1000, unit] < alike[0, unit]
    assert "3 images of each stand side by side in its file" in (tmp_path / "0" / "index.html").read_text()


def test_sigterm_ends_like_ctrl_c(
    shallow_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put = Writer.put

    def stopped(*arguments: object) -> None:
        put(*arguments)  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    options = ("--units", "conv2d0:*", "--batch", "2")
    with monkeypatch.context() as patch:
        patch.setattr(Writer, "put", stopped)
        assert run(shallow_weights, tmp_path, *options) == 130
    assert signal.getsignal(signal.SIGTERM) == before
    out = capsys.readouterr().out.splitlines()
    assert out == ["interrupted: 2 of 4 units are done; the same command goes on", str(tmp_path / "index.html")]
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["finished"], manifest["missing"], len(manifest["units"])) == (False, 2, 2)
    assert "2 of 4 units are still to come" in (tmp_path / "index.html").read_text()
    assert not (tmp_path / "claims").exists()
    assert run(shallow_weights, tmp_path, *options) == 0
    assert json.loads((tmp_path / "manifest.json").read_text())["finished"] is True


def test_a_full_disk(
    shallow_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--units", "conv2d0:*", "--batch", "2")
    write = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        if self.name.startswith(".0003.png"):
            raise OSError(28, "No space left on device")
        return write(self, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert run(shallow_weights, tmp_path, *options) == 2
    file = tmp_path / "images/conv2d0/0003.png"
    assert capsys.readouterr().err == (
        f"error: cannot write {file}: No space left on device; 3 of 4 units are kept, and the same command goes on\n"
    )
    assert list(tmp_path.rglob(".*")) == []
    assert not (tmp_path / "claims").exists()
    assert run(shallow_weights, tmp_path, *options) == 0


def test_a_directory_that_is_read_only(
    shallow_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The tests may run as a user whom no permission stops.
    monkeypatch.setattr(Path, "mkdir", Mock(side_effect=OSError(30, "Read-only file system")))
    assert run(shallow_weights, tmp_path / "out") == 2
    assert capsys.readouterr().err == f"error: cannot write {tmp_path / 'out' / 'claims'}: Read-only file system\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layers", "mixed9z"], "no layer 'mixed9z'; did you mean "),
        (
            ["--units", "conv2d0:0", "--layers", "conv2d2"],
            "--layers and --sign go without --units, in which a minus stands for negatives",
        ),
        (
            ["--units", "conv2d0:0", "--sign", "both"],
            "--layers and --sign go without --units, in which a minus stands for negatives",
        ),
        (["--units", "conv2d0:4"], "conv2d0 has no units '4'; it has units 0 to 3"),
        (["--images", "0"], "--images is 0 and --diversity 100; expected at least 1, and 0 or more"),
        (["--diversity", "nan"], "--images is 1 and --diversity nan; expected at least 1, and 0 or more"),
        (["--batch", "0"], "batch is 0; expected a whole number, at least 1"),
        (["--processes", "2"], "--coordinator, --processes and --process go together, and with --distributed"),
        (
            ["--distributed", "--coordinator", "localhost:1"],
            "--coordinator, --processes and --process go together, and with --distributed",
        ),
        (
            ["--distributed", "--coordinator", "localhost:1", "--processes", "2", "--process", "2"],
            "--process is 2; expected a number from 0 to 1",
        ),
    ],
)
def test_requests_that_cannot_be_met(
    options: list[str], message: str, shallow_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(shallow_weights, tmp_path / "out", *options) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}")
    assert error.count("\n") == 1
    assert not list(tmp_path.rglob("*.png"))


def test_processes_that_began_together_are_recorded_as_one(
    shallow_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No others are to be found from here.
    monkeypatch.setattr(jax.distributed, "initialize", lambda *_: None)
    monkeypatch.setattr(jax.distributed, "shutdown", lambda: None)
    cluster = ["--distributed", "--coordinator", "localhost:1", "--processes", "1", "--process", "0"]
    assert run(shallow_weights, tmp_path, "--units", "conv2d0:0", *cluster) == 0
    config = json.loads((tmp_path / "config.json").read_text())
    assert not {"distributed", "coordinator", "processes", "process", "units"} & config["settings"].keys()
    assert "distributed" not in config["command"]


def test_starting_over_is_for_one_process(
    shallow_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(neurons, "join", lambda *_: Share(1, 2))
    assert run(shallow_weights, tmp_path, "--force") == 2
    expected = "error: --force is for one process; start over with one, and add the others then\n"
    assert capsys.readouterr().err == expected
