"""The atlas as an experiment: its files, its options, and that it goes on where it stopped."""

import dataclasses
import json
import sys
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import featvis
import inception_jax
from experiments.__main__ import main
from experiments.provenance import weights_digest
from inception_jax.architecture import ARCHITECTURES

SMALL = [
    *("--layer", "mixed3a", "--positions", "4", "--grid", "3", "--least", "2"),
    *("--method", "pca", "--steps", "2", "--size", "16", "--batch", "1"),
]


def save(path: Path, seed: int) -> Path:
    """A network of two blocks for images of 32 pixels, which compiles in seconds."""
    whole = ARCHITECTURES["mini"].scaled(1 / 4)
    architecture = dataclasses.replace(whole, blocks=whole.blocks[:2], image_size=32, classes=3)
    inception_jax.save(inception_jax.initialise(architecture, seed), path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("weights") / "two.safetensors", 0)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """Where prepared photographs are kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INCEPTION_JAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def run(weights: Path, photographs: Path, out: Path, *options: str) -> int:
    return main(["atlas", "--model", str(weights), "--images", str(photographs), "--out", str(out), *SMALL, *options])


@pytest.fixture(scope="module")
def finished(weights: Path, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    assert run(weights, photographs, out) == 0
    return out


def atlases(out: Path) -> dict[str, Any]:
    return json.loads((out / "atlas.json").read_text())["atlases"]


def test_the_map_has_the_icons_of_its_cells(finished: Path) -> None:
    cells = atlases(finished)["atlas"]["cells"]
    with np.load(finished / "layout.npz") as layout, np.load(finished / "atlas_samples.npz") as samples:
        points, vectors, images = layout["points"], samples["vectors"], samples["images"]
    # 24 photographs, four positions each.
    assert points.shape == (96, 2)
    assert vectors.shape == (96, 16)
    assert sorted(set(images.tolist())) == list(range(24))
    column, row = np.minimum((points * 3).astype(int), 2).T
    counts = {(r, c): int(((row == r) & (column == c)).sum()) for r in range(3) for c in range(3)}
    assert {(cell["row"], cell["column"]): cell["samples"] for cell in cells} == {
        place: count for place, count in counts.items() if count >= 2
    }
    for cell in cells:
        with Image.open(finished / cell["icon"]) as icon:
            assert icon.size == (16, 16)
        assert [found["attribution"] for found in cell["classes"]] == sorted(
            (found["attribution"] for found in cell["classes"]), reverse=True
        )
        assert {found["class"] for found in cell["classes"]} == {"class 0", "class 1", "class 2"}
        assert 1 <= cell["photographs"] <= cell["samples"]
    for name in ("atlas", "atlas_classes"):
        with Image.open(finished / f"images/{name}.png") as picture:
            assert picture.size == (48, 48)
    assert (finished / "index.html").exists()


def test_a_finished_run_does_nothing(
    finished: Path,
    weights: Path,
    photographs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(featvis, "render", None)
    assert run(weights, photographs, finished) == 0
    assert capsys.readouterr().out.startswith("finished before, nothing to do")


def test_an_interrupted_run_goes_on(
    finished: Path, weights: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render, asked = featvis.render, list[int]()

    def once(on_batch: Callable[[featvis.Result], None], result: featvis.Result) -> None:
        on_batch(result)
        # What Ctrl-C leaves of the next batch.
        on_batch(dataclasses.replace(result, indices=result.indices + 1, steps_done=result.steps_done - 1))
        raise KeyboardInterrupt

    def stopping(model: object, objectives: list[object], **settings: Any) -> featvis.Result:
        asked.append(len(settings["only"]))
        if len(asked) == 1:
            settings["on_batch"] = partial(once, settings["on_batch"])
        return render(model, objectives, **settings)

    wanted = len(atlases(finished)["atlas"]["cells"])
    monkeypatch.setattr(featvis, "render", stopping)
    assert run(weights, photographs, tmp_path / "out") == 130
    assert "interrupted" in (tmp_path / "out/index.html").read_text()
    assert len(list((tmp_path / "out/images").glob("atlas_0*.png"))) == 1
    assert run(weights, photographs, tmp_path / "out") == 0
    assert asked == [wanted, wanted - 1]
    for cell in atlases(finished)["atlas"]["cells"]:
        icons = [(out / cell["icon"]).read_bytes() for out in (finished, tmp_path / "out")]
        assert icons[0] == icons[1]


def test_one_class_and_two(weights: Path, photographs: Path, tmp_path: Path) -> None:
    assert run(weights, photographs, tmp_path / "one", "--label", "2", "--strongest", "40") == 0
    cells = atlases(tmp_path / "one")["atlas"]["cells"]
    assert sum(cell["samples"] for cell in cells) <= 40
    assert run(weights, photographs, tmp_path / "two", "--label", "2", "--versus", "0", "--strongest", "40") == 0
    with np.load(tmp_path / "two/layout.npz") as layout, np.load(tmp_path / "two/atlas_samples.npz") as samples:
        points, added = layout["points"], samples["attributions"].astype(np.float32)
    chosen = sorted({*np.argsort(-added[:, 2], kind="stable")[:40], *np.argsort(-added[:, 0], kind="stable")[:40]})
    assert len(points) == len(chosen)
    order = np.argsort((added[:, 0] - added[:, 2])[chosen], kind="stable")
    assert (np.diff(points[order, 0]) >= 0).all()


def test_two_networks_on_one_map(weights: Path, photographs: Path, tmp_path: Path) -> None:
    twin = save(tmp_path / "twin.safetensors", 1)
    options = ("--beside", str(twin), "--beside-layer", "conv2d2")
    assert run(weights, photographs, tmp_path / "out", *options) == 0
    first, second = (atlases(tmp_path / "out")[name] for name in ("atlas", "beside"))
    places = [[(cell["row"], cell["column"], cell["samples"]) for cell in part["cells"]] for part in (first, second)]
    assert places[0] == places[1]
    assert (first["layer"], second["layer"]) == ("mixed3a", "conv2d2")
    assert second["cells"][0]["classes"] == []
    page = (tmp_path / "out/index.html").read_text()
    assert f"mixed3a of {weights}" in page
    assert f"conv2d2 of {twin}" in page
    settings = json.loads((tmp_path / "out/config.json").read_text())["settings"]
    # By its arrays, wherever the file lies.
    assert settings["beside"] == weights_digest(inception_jax.load(twin).weights)
    pictures = [np.asarray(Image.open(tmp_path / f"out/images/{name}.png")) for name in ("atlas", "beside")]
    assert pictures[0].shape == pictures[1].shape
    assert (pictures[0] != pictures[1]).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--versus", "goldfish"], "error: --versus compares a class with another; give both, --label and --versus\n"),
        (["--grid", "0"], "error: --grid is 0; expected 1 or more\n"),
        (["--neighbors", "1"], "error: --neighbors is 1; expected 2 or more\n"),
        (["--label", "1", "--versus", "1"], "error: --label and --versus are both class 1; expected two classes\n"),
        (["--label", "3"], "error: mini-x0.25 has classes 0 to 2, not 3\n"),
        (["--size", "0"], "error: image size is 0; expected sides of at least 1 pixel"),
        (["--beside-layer", "mixed9"], "error: no layer 'mixed9'; did you mean "),
        (["--label", "goldfish"], "error: no labels for mini"),
        (["--layer", "mixed9"], "error: no layer 'mixed9'; did you mean "),
        (["--layer", "avgpool0"], "error: avgpool0 has no positions: its shape is (1, "),
        (["--positions", "100"], "error: mixed3a has 36 positions (8x8 with a margin of 1), and 100 were asked for"),
        (["--least", "97"], "error: no cell of 3x3 has 97 of the 96 samples, the fullest has "),
        (["--images", "nowhere.zip"], "error: no such file or folder: nowhere.zip"),
        (
            ["--method", "umap"],
            "error: --method umap needs `pip install inception-jax[atlas]`; tsne and pca do without",
        ),
        (["--beside", "nothing"], "error: no weights 'nothing'"),
    ],
)
def test_requests_that_cannot_be_met(
    options: list[str],
    message: str,
    weights: Path,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    assert run(weights, photographs, tmp_path / "out", *options) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(message.rstrip("\n"))
