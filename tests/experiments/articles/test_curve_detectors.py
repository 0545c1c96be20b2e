"""The article on curve detectors: on the hand-written network, whose curves are known, and on the published numbers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from article_runs import about, claims_of
from PIL import Image

import featvis
import inception_jax
from circuits import handwritten_network
from circuits.families import Family
from circuits.stimuli import Curve, ThreadCurve
from circuits.tuning import Tuning, responses
from experiments import figures
from experiments.articles import curve_detectors
from experiments.articles.curve_detectors.attribution import Attributed, by_kin
from experiments.articles.curve_detectors.fits import exponential_tails
from experiments.articles.curve_detectors.heat import at_grid
from experiments.articles.curve_detectors.radial import Curves, largest_gap
from experiments.study import ArticleOptions, Study
from experiments.study.windows import canvas

CLASSES = ("n01443537", "n02099601")
ROWS = {6, 7, 17, 18, 19}


pytestmark = pytest.mark.usefixtures("nothing_shared")


@pytest.fixture
def painted_icons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grey icons in place of `featvis.render`."""

    def render(model: object, objectives: Any, **options: Any) -> Mock:
        del model
        count = len(objectives) if isinstance(objectives, Sequence) else 1
        images = np.full((count, *options["param"].shape), 0.5, np.float32)
        history = np.zeros((count, 1))
        return Mock(featvis.Result, images=images, history=history, scores=history[:, 0], interrupted=False)

    def diverse(model: object, unit: object, images: int, **options: Any) -> Mock:
        del model, unit
        drawn = np.full((1, images, *options["param"].shape), 0.5, np.float32)
        return Mock(featvis.Result, images=drawn, history=np.zeros((1, 1)), scores=np.zeros(1), interrupted=False)

    monkeypatch.setattr(featvis, "render", render)
    monkeypatch.setattr(featvis.recipes, "diversity", diverse)


def test_known_curves(painted_icons: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hand-written network: curves every 15 degrees, and photographs of circles."""
    del painted_icons
    monkeypatch.setattr(figures, "load_model", lambda _: handwritten_network())
    folder = tmp_path / "photographs"
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
    for i, image in enumerate(np.asarray(Curve(orientation=np.arange(0.0, 360.0, 30.0), radius=40.0).image(256))):
        Image.fromarray((255 * image).astype(np.uint8)).save(folder / CLASSES[i % 2] / f"{i:02}.png")
    config = ArticleOptions(
        out=tmp_path / "run", quick=True, images=str(folder), data_dir=tmp_path / "data", photographs=120, side=64,
        step=45.0,
    )  # fmt: skip
    assert curve_detectors.run(config) == 0
    claims = claims_of(tmp_path / "run", ROWS)
    for words in (
        "orientation by which they were found",
        "go around the circle",
        "Photographs turned around",
        "add up to the linearised unit",
        "trace a drawn circle",
        "excite curve detectors of their orientation",
    ):
        assert about(claims, words)["status"] == "holds", about(claims, words)
    # Published numbers and units are not there.
    assert all(claim["why"] for claim in claims if claim["basis"] in ("published numbers", "published units"))


@pytest.mark.parametrize("with_photographs", [False, True])
def test_toy(
    shallow_weights: Path, photographs: Path, painted_icons: None, tmp_path: Path, with_photographs: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A small random network, some of whose units are said to be curve detectors."""
    del painted_icons
    units = {"conv2d2": (1, 3), "mixed3a": (0, 1, 5), "mixed3b": (2, 5, 6)}
    monkeypatch.setattr(
        Study,
        "family",
        lambda _, layer, name: Family(name, layer, found := units.get(layer, ()), (10.0, 130.0, 250.0)[: len(found)]),
    )
    images = str(photographs) if with_photographs else None
    config = ArticleOptions(
        model=str(shallow_weights), out=tmp_path / "run", quick=True, images=images, data_dir=tmp_path / "data",
        photographs=80,
    )  # fmt: skip
    assert curve_detectors.run(config) == 0
    claims = claims_of(tmp_path / "run", ROWS)
    for words in ("Photographs turned around", "add up to the linearised unit", "fire at few positions"):
        # Random units may be silent, but not for want of photographs.
        assert (about(claims, words)["why"] == "no photographs") is not with_photographs
    assert not with_photographs or about(claims, "add up to the linearised unit")["status"] == "holds"
    # A second call has nothing to do.
    before = (tmp_path / "run" / "metrics.json").stat().st_mtime_ns
    assert curve_detectors.run(config) == 0
    assert (tmp_path / "run" / "metrics.json").stat().st_mtime_ns == before


def test_no_curves(shallow_weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A network without curve detectors: every row says what is missing."""
    monkeypatch.setattr(Study, "family", lambda _, layer, name: Family(name, layer, ()))
    assert curve_detectors.run(ArticleOptions(model=str(shallow_weights), out=tmp_path / "run", quick=True)) == 0
    assert all(claim["why"] for claim in claims_of(tmp_path / "run", ROWS))


@pytest.mark.shared
def test_published(shallow_weights: Path, thread: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Everything that follows from published numbers holds."""
    monkeypatch.setattr(Study, "family", lambda _, layer, name: Family(name, layer, ()))
    config = ArticleOptions(model=str(shallow_weights), out=tmp_path / "run", quick=True, published=thread)
    assert curve_detectors.run(config) == 0
    claims = [claim for claim in claims_of(tmp_path / "run", ROWS) if claim["basis"] == "published numbers"]
    assert len(claims) == 9
    assert all(claim["status"] == "holds" for claim in claims), claims
    assert about(claims, "means of heat maps")["measured"] == pytest.approx(0.99995, abs=1e-5)


@pytest.mark.shared
def test_published_heat_maps_at_our_stimuli(thread: Path) -> None:
    """The published heat maps, brought to a grid of ours, have the peaks of the published radial curves."""
    with np.load(thread / "synthetic_curve_heatmaps.npz") as arrays:
        maps = dict(arrays)
    radial = json.loads((thread / "radial_tuning_curves.json").read_text())["units_per_layer"]["mixed3b"]
    axes = {"orientation": np.arange(0.0, 360.0, 2.5), "radius": maps["radius_px"][1::3]}
    curves = Curves(Family("curves", "mixed3b", (0,)), Tuning("mixed3b", axes, np.zeros((144, 27, 1))), (0,))
    for unit, values in zip(maps["units"].tolist(), maps["responses_sigma"], strict=True):
        ours = at_grid(values, maps["theta_deg"], maps["radius_px"], curves).mean(0)
        assert np.corrcoef(ours, radial[str(unit)][::5])[0, 1] > 0.999


@pytest.mark.slow
def test_labelled(labelled: None, photographs: Path, painted_icons: None, tmp_path: Path, shared_dir: Path) -> None:
    """Units by their published numbers, in a network that has these units and random weights."""
    del labelled, painted_icons
    config = ArticleOptions(
        out=tmp_path / "run", quick=True, images=str(photographs), data_dir=tmp_path / "data",
        photographs=40,
        published=shared_dir / "reference" / "thread",
    )  # fmt: skip
    assert curve_detectors.run(config) == 0
    claims = claims_of(tmp_path / "run", ROWS)
    for words in ("Radial tuning curves of the published units", "Heat maps of the published units"):
        # Random units are no curve detectors.
        assert about(claims, words)["status"] == "fails"


@pytest.mark.parametrize("architecture", [inception_jax.INCEPTION5H, inception_jax.BVLC_GOOGLENET])
def test_canvas(architecture: inception_jax.Architecture) -> None:
    """Units in the middle respond to stimuli on smaller canvases as they do in images of the whole size."""
    model = inception_jax.initialise(architecture.scaled(1 / 16), seed=0)
    layers = ["conv2d2", "mixed3a", "mixed3b"]
    side = canvas(model, layers)
    assert (side, canvas(model, ["mixed4a"])) == (96, 192)
    axes = {"orientation": np.array([20.0, 200.0]), "radius": np.array([30.0, 120.0])}
    small, whole = (responses(model, layers, ThreadCurve(), axes, size=size) for size in (side, 224))
    for layer in layers:
        np.testing.assert_allclose(small[layer].values, whole[layer].values, rtol=1e-4, atol=1e-4)


def test_exponential_tails() -> None:
    """Slopes of known distributions, in even and uneven bins; a normal one is not exponential."""
    values = np.random.default_rng(0).laplace(0.0, 2.0, 200_000)
    even, uneven = np.linspace(-20.0, 20.0, 81), np.sign(np.linspace(-1, 1, 80)) * np.linspace(-1, 1, 80) ** 2 * 20
    for ends in (even, uneven):
        tails = exponential_tails(ends, np.histogram(values, ends)[0], least=20)
        assert tails.above.slope == pytest.approx(-0.5, rel=0.05)
        assert tails.below.slope == pytest.approx(0.5, rel=0.05)
        assert all(line.r2 > max(0.99, line.normal) for line in tails)
    normal = np.random.default_rng(0).normal(size=200_000)
    tail = exponential_tails(even / 4, np.histogram(normal, even / 4)[0], least=20).above
    assert tail.normal > 0.999 > tail.r2
    assert np.isnan(exponential_tails(even, np.zeros(80)).above.r2)


def test_by_kin() -> None:
    """What units of the same orientation and of the opposite one add, at either end."""
    values = np.zeros((3, 2, 2, 4))
    values[:2, 0, 0, 1], values[2, 1, 1, 2] = 3.0, -5.0
    found = Attributed(np.zeros((3, 8, 8, 3)), 2, 1, values, np.zeros(3), np.zeros(3), np.zeros((3, 2, 2)))
    assert by_kin(found, 100.0, {1: 80.0, 2: 270.0, 3: 180.0}) == (3.0, -5.0)
    assert by_kin(found, 100.0, {1: 80.0}) is None


def test_largest_gap() -> None:
    assert largest_gap(np.array([22.5, 66.5, 91.5, 110, 145, 181, 243, 268.5, 290, 358])) == 68.0
