"""`examples` as an experiment: its files, that it goes on where it was killed, shares, damage, what it refuses."""

import json
import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import inception_jax
from circuits.examples import Examples, load, receptive_fields
from circuits.examples.files import _ARRAYS
from experiments.__main__ import main
from experiments.examples import shards, tiles
from experiments.options import UsageError
from inception_jax import datasets

SMALL = ["--layers", "conv2d1", "mixed3b", "--count", "5", "--samples", "2", "--batch", "4", "--every", "8"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """Where prepared photographs are kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INCEPTION_JAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def words(weights: Path, photographs: Path, out: Path, *options: str) -> list[str]:
    return ["examples", "--model", str(weights), "--images", str(photographs), "--out", str(out), *SMALL, *options]


@pytest.fixture(scope="module")
def finished(shallow_weights: Path, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    assert main(words(shallow_weights, photographs, out)) == 0
    return out


def same(a: dict[str, Examples], b: dict[str, Examples], rounded: tuple[str, ...] = ()) -> None:
    """Fail unless examples are equal to the last bit, but for some arrays up to rounding."""
    assert list(a) == list(b)
    for name in a:
        assert (a[name].images, a[name].size) == (b[name].images, b[name].size)
        for part in _ARRAYS:
            one, other = getattr(a[name], part), getattr(b[name], part)
            if part in rounded:
                np.testing.assert_allclose(one, other, rtol=1e-9)
            else:
                np.testing.assert_array_equal(one, other, err_msg=f"{name} {part}")


def test_examples_are_those_of_a_pass_by_hand(finished: Path, shallow_weights: Path, photographs: Path) -> None:
    model = inception_jax.load(shallow_weights)
    dataset = datasets.open_dataset(photographs, "all")
    preparation = datasets.Preparation(size=32, short_side=36)
    found = load(finished)
    pixels = np.stack([preparation.test(dataset[i].image, "photograph") for i in range(len(dataset))])
    labels = np.array([dataset[i].label for i in range(len(dataset))])
    acts = model(pixels.astype(np.float32) / 255, taps=("conv2d1_pre_relu", "mixed3b_pre_relu"))
    for name in ("conv2d1", "mixed3b"):
        values = np.asarray(acts[f"{name}_pre_relu"], np.float64)
        flat = values.reshape(len(values), -1, values.shape[-1])
        # Another batch size may round the sums of convolutions otherwise.
        near = {"rtol": 1e-4, "atol": 1e-4 * np.abs(values).max()}
        np.testing.assert_allclose(found[name].top_values, -np.sort(-flat.max(1).T)[:, :5], **near)
        np.testing.assert_allclose(found[name].bottom_values, np.sort(flat.min(1).T)[:, :5], **near)
        means = [np.maximum(flat[labels == label], 0).mean((0, 1)) for label in (0, 1)]
        np.testing.assert_allclose(found[name].class_means, means, **near)
        np.testing.assert_allclose(found[name].moments[:, 0], flat.mean((0, 1)), **near)
        assert found[name].images == 24


def test_what_a_run_leaves(finished: Path) -> None:
    facts = json.loads((finished / "examples.json").read_text())
    assert (facts["images"], facts["damaged"]) == (24, 0)
    assert facts["layers"]["mixed3b"] == {"units": 16, "values": "mixed3b_pre_relu", "map": [4, 4]}
    assert facts["classes"] == ["n01443537", "n02099601"]
    settings = json.loads((finished / "config.json").read_text())["settings"]
    assert settings["images"] == datasets.open_dataset(settings_source(finished), "all").fingerprint
    assert not list((finished / "checkpoints").glob("*"))
    pages = ["index.html", "layer-conv2d1.html", "layer-mixed3b.html"]
    for page in pages:
        text = (finished / page).read_text()
        for target in re.findall(r'(?:src|href)="([^"#]+)"', text):
            assert (finished / target).exists(), f"{page}: {target}"
    assert "goldfish" in (finished / "index.html").read_text()
    for name in ("conv2d1:1", "mixed3b:10"):
        assert name in (finished / "index.html").read_text()
    assert len(list((finished / "images/mixed3b").glob("*.jpg"))) == 16
    with Image.open(finished / "images/mixed3b-10-top.png") as picture:
        assert picture.size == (5 * 112 + 4 * 4, 112)


def settings_source(out: Path) -> str:
    return json.loads((out / "config.json").read_text())["config"]["images"]


def test_other_units_are_shown_without_another_pass(
    finished: Path, shallow_weights: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "collect", None)
    assert main(words(shallow_weights, photographs, finished, "--units", "mixed3b:3")) == 0
    assert "mixed3b:3" in (finished / "index.html").read_text()
    assert main(words(shallow_weights, photographs, finished)) == 0


KILLED = """
import os, signal, sys
from circuits.examples import Collector
from experiments.__main__ import main
add, count = Collector.add, []
def dying(self, batch):
    count.append(1)
    if len(count) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    add(self, batch)
Collector.add = dying
main(sys.argv[1:])
"""


def test_a_killed_run_arrives_at_the_same_bits(
    finished: Path, shallow_weights: Path, photographs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = words(shallow_weights, photographs, out)
    killed = subprocess.run([sys.executable, "-c", KILLED, *command], env=os.environ, cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    with np.load(out / "checkpoints/share-0-of-1.npz") as file:
        assert file["done"] == 8  # Of twelve that had been through the network.
    assert main(command) == 0
    same(load(out), load(finished))
    capfd.readouterr()


def test_shares_are_the_whole(
    finished: Path, shallow_weights: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(words(shallow_weights, photographs, out, "--shard", "1/2")) == 0
    assert "share 1/2 is done; not done yet: 0/2" in capsys.readouterr().out
    assert not (out / "examples.npz").exists()
    assert main(words(shallow_weights, photographs, out, "--shard", "0/2")) == 0
    # Sums in another order; pairs of floats keep 44 bits of them, of which moments lose some.
    same(load(out), load(finished), ("moments", "class_means"))
    assert json.loads((out / "config.json").read_text())["command"].count("--shard") == 0


def test_photographs_that_cannot_be_read(
    shallow_weights: Path,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    read = datasets.Dataset.__getitem__

    def damaged(self: datasets.Dataset, index: int) -> Any:
        if index in (3, 17):
            raise datasets.DatasetError("damaged")
        return read(self, index)

    monkeypatch.setattr(datasets.Dataset, "__getitem__", damaged)
    with warnings.catch_warnings(action="default"):  # As on the command line, where they are printed.
        assert main(words(shallow_weights, photographs, tmp_path / "out")) == 0
    assert "skipped 2 of 24 photographs of" in (error := capsys.readouterr().err)
    assert "that cannot be read: numbers 3, 17" in error
    found = load(tmp_path / "out")["conv2d1"]
    assert found.images == 22
    assert not np.isin([3, 17], found.top_images).any()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--count", "0"], "--count is 0; expected 1 or more"),
        (["--samples", "-1"], "--samples is -1; expected 0 or more"),
        (["--batch", "0"], "--batch is 0; expected 1 or more"),
        (["--every", "0"], "--every is 0; expected 1 or more"),
        (["--shard", "2/2"], "cannot read --shard '2/2'; expected number/of, such as 0/4, 1/4, 2/4 and 3/4"),
        (["--shard", "half"], "cannot read --shard 'half'; expected number/of"),
        (["--shard", "0/2", "--force"], "--force would discard what the other shares have done; give another"),
        (["--layers", "mixed9z"], "no layer 'mixed9z'"),
        (["--units", "conv2d0:1"], "--units names conv2d0:1; expected units of conv2d1, mixed3b, without a minus"),
        (["--units=-mixed3b:1"], "--units names -mixed3b:1; expected units of conv2d1, mixed3b, without a minus"),
        (["--units", "mixed3b:99"], "99"),
        (["--images", "/nothing"], "no such file or folder: /nothing"),
        (["--split", "dev"], "has no split 'dev'"),
    ],
)
def test_requests_that_cannot_be_met(
    options: list[str],
    text: str,
    shallow_weights: Path,
    photographs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(words(shallow_weights, photographs, tmp_path / "out", *options)) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_other_settings_and_damaged_checkpoints(
    finished: Path,
    shallow_weights: Path,
    photographs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(words(shallow_weights, photographs, finished, "--seed", "1")) == 2
    assert "holds a run with other settings (seed 0 there, 1 here)" in capsys.readouterr().err
    (tmp_path / "checkpoints").mkdir()
    config = (finished / "config.json").read_text()
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "checkpoints/share-0-of-1.npz").write_bytes(b"cut off")
    assert main(words(shallow_weights, photographs, tmp_path)) == 2
    error = capsys.readouterr().err
    assert "cannot read" in error
    assert "share-0-of-1.npz" in error
    assert "remove it to begin this share again" in error


def test_shards_as_they_are_written() -> None:
    assert [shards.parse(text) for text in ("0/1", "3/4")] == [(0, 1), (3, 4)]
    for text in ("", "1", "-1/2", "1/0", "1/1", "1.0/2"):
        with pytest.raises(UsageError, match="cannot read --shard"):
            shards.parse(text)


def test_tiles_show_where_the_position_lies(narrow: inception_jax.Model) -> None:
    pixels = np.zeros((224, 224, 3), np.uint8)
    fields = receptive_fields(narrow.architecture, "conv2d2", (224, 224))
    (top, bottom), (left, right) = fields.box(20, 30)
    pixels[top:bottom, left:right] = 255
    crop = tiles.crop(pixels, fields, 20, 30)
    assert crop.shape == (bottom - top, right - left, 3)
    assert crop.min() == 255
    # The frame is around the white part: inside it white, outside black.
    tile = np.asarray(tiles.located(pixels, fields, tiles.Example(0, 20, 30)).convert("L"), np.int32)
    rows = np.flatnonzero((tile > 250).any(1))
    scale = tiles.SIDE / max(2 * (bottom - top), 40)
    assert abs((rows[-1] - rows[0]) - (bottom - top) * scale) < 6
    assert tile[0].max() == 0
    whole = receptive_fields(narrow.architecture, "mixed5b", (224, 224))
    ring = np.asarray(tiles.located(np.zeros_like(pixels), whole, tiles.Example(0, 3, 3)))
    rows, columns = np.nonzero(ring[..., 0] > 200)
    middle = [sum(side) / 2 * tiles.SIDE / 224 for side in whole.box(3, 3)]
    assert np.allclose([rows.mean(), columns.mean()], middle, atol=2)
