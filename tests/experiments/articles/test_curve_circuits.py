"""The article on curve circuits: with hand-made families, with none, on known circuits, and on published numbers."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import jax.numpy as jnp
import numpy as np
import pytest
from article_runs import claims_of

import circuits
import featvis
import inception_jax
from circuits.families import Family
from experiments import figures
from experiments.articles import curve_circuits
from experiments.articles.curve_circuits.ablation import compared
from experiments.articles.curve_circuits.beside import like_published
from experiments.articles.curve_circuits.decomposed import off_tangent, published_axes, published_tiles
from experiments.articles.curve_circuits.dictionary import by_chance, strongest_shares
from experiments.articles.curve_circuits.edits import EARLY, POSITIVE, WHOLE, edited_models, judged, published_echoes
from experiments.articles.curve_circuits.handwritten import fitted, quarter_turns
from experiments.articles.curve_circuits.lines import LINES, line_responses, published_off
from experiments.articles.curve_circuits.positions import along_arc, preferred, tolerance, turned_with_arc
from experiments.articles.curve_circuits.surgery import WITHOUT, WRITTEN, Answers, above, below, changes
from experiments.articles.curve_circuits.surgery import judged as ranked
from experiments.articles.curve_circuits.textures import agreement, directions
from experiments.articles.curve_circuits.weights import tangent
from experiments.study import ArticleOptions, Study
from inception_jax.datasets import Batch
from inception_jax.training.evaluate import evaluate

CLASSES = ("n01443537", "n02099601")
ROWS = {5, 8, 15, 16, 20, 21, 23, 24}


@pytest.fixture
def nothing_shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No photographs and published numbers but those that a test names."""
    monkeypatch.setenv("INCEPTION_JAX_SHARED", str(tmp_path / "nothing"))


@pytest.fixture
def grey_icons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grey icons in place of `featvis.render`."""

    def render(model: object, objectives: Sequence[Any], **options: Any) -> Mock:
        del model
        images = np.full((len(objectives), *options["param"].shape), 0.5, np.float32)
        history = np.zeros((len(objectives), 1))
        return Mock(featvis.Result, images=images, history=history, scores=history[:, 0], interrupted=False)

    monkeypatch.setattr(featvis, "render", render)


@pytest.fixture
def named(shallow: inception_jax.Model) -> inception_jax.Model:
    """The shallow network, with names of its classes."""
    names = [*CLASSES, *(f"class {i}" for i in range(2, shallow.architecture.classes))]
    return inception_jax.Model(shallow.architecture, shallow.weights, {"classes": names})


def family(self: Study, layer: str, name: str) -> Family:
    """Some units of any layer that has them, in place of those that are found."""
    period = 180.0 if name in ("lines", "gabors") else 360.0
    if layer not in self.model.layers:
        return Family(name, layer, ())
    units = {"curves": (0, 3, 5, 6), "lines": (1, 2, 4), "gabors": (1, 2, 4, 7)}.get(name, ())
    return Family(name, layer, units, tuple(np.arange(len(units)) * period / max(len(units), 1)))


def test_with_families_and_photographs(
    nothing_shared: None,
    grey_icons: None,
    named: inception_jax.Model,
    photographs: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    del nothing_shared, grey_icons
    monkeypatch.setattr(figures, "load_model", lambda _: named)
    monkeypatch.setattr(Study, "family", family)
    # Dictionaries of weights ask for all families that were found.
    monkeypatch.setattr(Study, "found", Mock(families=(Family("curves", "mixed3a", (0, 3, 5, 6)),)))
    config = ArticleOptions(
        out=tmp_path / "run", quick=True, images=str(photographs), data_dir=tmp_path / "data", photographs=60
    )
    assert curve_circuits.run(config) == 0
    claims = claims_of(tmp_path / "run", ROWS, sections=8)
    waiting = {claim["why"] for claim in claims if claim["status"] == "not asked"}
    # Of what needs neither the labelled weights nor published numbers, all is asked.
    assert all(why.startswith(("needs the weights of inception5h", "the published")) for why in waiting)
    for row in ROWS:
        asked = [c for c in claims if row in c["rows"] and c["holds"] is not None]
        assert asked, row
    images = {path.stem for path in (tmp_path / "run" / "images").glob("*.png")}
    assert images >= {
        "decomposed", "strengths", "dictionary", "matrix-curves", "pairs", "matrix-lines", "tangents", "edits",
        "echoes", "positions-0", "radial-lines", "textures", "handwritten-matrix", "heat-maps", "ablation",
        "ablation-loss",
    }  # fmt: skip
    table = (tmp_path / "run" / "ablation.csv").read_text().splitlines()
    # The network whole, without, with, misplaced once, and seven random families, in a quick run.
    assert len(table) == 1 + 3 + 1 + 7
    assert curve_circuits.run(config) == 0


def test_without_families_and_photographs(
    nothing_shared: None, grey_icons: None, shallow_weights: Path, tmp_path: Path
) -> None:
    del nothing_shared, grey_icons
    assert curve_circuits.run(ArticleOptions(model=str(shallow_weights), out=tmp_path / "run", quick=True)) == 0
    claims = claims_of(tmp_path / "run", ROWS, sections=8)
    assert all(claim["why"] == "no photographs" for claim in claims if claim["rows"] == [16])
    # The hand-written network needs nothing.
    assert all(claim["holds"] for claim in claims if claim["basis"] == "weights")


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.usefixtures("labelled", "grey_icons")
def test_labelled_units(shared_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Random weights under the published name: every claim of published units is asked, and most must fail."""
    monkeypatch.setenv("INCEPTION_JAX_SHARED", str(shared_dir))
    config = ArticleOptions(out=tmp_path / "run", quick=True, photographs=30, data_dir=tmp_path / "data")
    assert curve_circuits.run(config) == 0
    claims = claims_of(tmp_path / "run", ROWS, sections=8)
    units = [claim for claim in claims if claim["basis"] == "published units"]
    assert {row for claim in units for row in claim["rows"]} >= ROWS
    # How the lines lie is found by stimuli, and random units are no lines.
    assert {claim["why"] for claim in units if claim["holds"] is None} == {"the orientations of lines are not known"}
    wrong = [claim for claim in units if "of the 330" in claim["expected"] or "of 22" in claim["expected"]]
    assert len(wrong) == 2
    assert not any(claim["holds"] for claim in wrong)
    assert all(claim["holds"] for claim in claims if claim["basis"] == "published numbers")


def test_edits_of_known_circuits() -> None:
    """Between two plain layers expanded weights are the kernel: with all inputs kept, nothing changes."""
    model = circuits.handwritten_network()
    bias = np.random.default_rng(0).normal(size=42).astype(np.float32) / 10
    layer = {**model.weights["mixed3b"], "bias": jnp.asarray(bias)}
    model = inception_jax.Model(model.architecture, {**model.weights, "mixed3b": layer})
    image = np.random.default_rng(1).random((1, 96, 96, 3), np.float32)
    made = edited_models(model, [2, 9], tuple(range(42)))
    whole, same = (np.asarray(made[name](image, taps="mixed3b")["mixed3b"]) for name in (WHOLE, EARLY))
    # float32 sums in another order.
    np.testing.assert_allclose(same, whole, atol=1e-5 * whole.max())

    made = edited_models(model, [2, 9], (0, 5))
    acts = model(image, taps="mixed3a")["mixed3a"]
    kernel = np.asarray(model.weights["mixed3b"]["kernel"])
    for name, kept in ((EARLY, kernel), (POSITIVE, np.maximum(kernel, 0))):
        found = np.asarray(made[name](image, taps="mixed3b_pre_relu")["mixed3b_pre_relu"])
        window = np.asarray(acts)[0, 4:9, 4:9][..., [0, 5]]
        expected = np.einsum("rci,rciu->u", window, kept[:, :, [0, 5]][..., [2, 9]]) + bias[[2, 9]]
        np.testing.assert_allclose(found[0, 6, 6, [2, 9]], expected, rtol=1e-4, atol=1e-5)
        before = np.asarray(model(image, taps="mixed3b_pre_relu")["mixed3b_pre_relu"])
        np.testing.assert_array_equal(np.delete(found, [2, 9], -1), np.delete(before, [2, 9], -1))


def test_echoes_are_judged() -> None:
    echoes = {WHOLE: np.array([0.0, 0.1]), EARLY: np.array([0.3, 0.0]), POSITIVE: np.array([0.2, 0.1])}
    assert [holds for _, holds in judged(echoes)] == [False, False, False]
    assert [told.split(",")[0] for told, _ in judged(echoes)] == ["1 of 2", "1 of 2", "1 of 2"]


def test_strongest_shares() -> None:
    weights = np.random.default_rng(0).normal(size=(3, 6, 4, 5))
    expected = np.zeros(6)
    for unit in weights:
        places = [(float((unit[:, r, c] ** 2).sum()), r, c) for r in range(4) for c in range(5)]
        _, r, c = max(places)
        expected += np.abs(unit[:, r, c]) / np.abs(unit[:, r, c]).sum() / 3
    np.testing.assert_allclose(strongest_shares(weights), expected)
    # Shares of all units alike: no family has more than others.
    assert by_chance(np.full(50, 0.02), [1, 2, 3], 0)[1] == 1.0


def test_lines_and_tangents() -> None:
    rng = np.random.default_rng(0)
    curves, lines = rng.uniform(0, 360, 8), rng.uniform(0, 180, 10)
    weights = rng.normal(size=(8, 10, 5, 5))
    assert tangent(weights, curves, lines)[1] > 0.01
    weights += np.cos(2 * np.deg2rad(curves[:, None] - lines))[..., None, None]
    score, p = tangent(weights, curves, lines)
    assert score > 0.7
    assert p < 0.001
    # Maps that extend along the tangent, and across it.
    y, x = np.mgrid[-4:5, -4:5]
    maps = np.stack([np.exp(-((x * np.cos(a) + y * np.sin(a)) ** 2)) for a in np.deg2rad(curves)])
    assert off_tangent(maps, curves).max() < 5
    np.testing.assert_allclose(off_tangent(maps, curves + 90), 90 - off_tangent(maps, curves), atol=1e-6)


def test_lines_along_an_arc() -> None:
    """Weights that want, on an arc, the lines along it, and none elsewhere."""
    angles = np.array([0.0, 75.0, 200.0])

    def wants(sign: float) -> np.ndarray:
        rows = []
        for angle in angles:
            normal, off, _ = along_arc(7, angle)
            along = angle + sign * ((normal - angle + 180) % 360 - 180)
            tuned = np.cos(2 * np.deg2rad(LINES - along[..., None]))
            rows.append(tuned * (np.abs(off) < 1)[..., None])
        return np.array(rows)

    turned = turned_with_arc(wants(1.0), angles)
    assert turned.shape == (3, 2)
    assert (turned > 5).all()
    np.testing.assert_allclose(turned_with_arc(wants(-1.0), angles), -turned)
    middle = wants(1.0)[:, 3, 3]
    np.testing.assert_allclose(preferred(middle), angles % 180, atol=1e-6)
    # A cosine of twice the angle is positive for 45 degrees to either side.
    np.testing.assert_allclose([tolerance(one) for one in middle], 45, atol=0.1)


def test_line_responses_of_known_lines() -> None:
    """Line units of the hand-written network, whose normals are 0, 10, ... 170 degrees."""
    model = circuits.handwritten_network()
    found = line_responses(model, np.arange(0.0, 180.0, 10.0))[:, 24:]
    away = np.abs((found.argmax(0) - np.arange(18) + 9) % 18 - 9)
    # Drawn upright, a line is a little fainter than its neighbours 10 degrees on, between which it lies.
    assert away.max() <= 1
    assert (away == 0).sum() >= 15


def test_surgery(named: inception_jax.Model) -> None:
    images = jnp.asarray(np.random.default_rng(0).random((3, 32, 32, 3), np.float32))
    maps = below(named, images)
    logits = np.asarray(named(images, taps="softmax2_pre_activation")["softmax2_pre_activation"])
    # float32 sums in another order.
    np.testing.assert_allclose(above(named, images, maps), logits, rtol=1e-4, atol=1e-5)

    made, about = changes(named, {1: 0.0, 5: 90.0}, 2.0)
    assert list(made)[:3] == [WHOLE, WITHOUT, WRITTEN]
    cut = np.asarray(made[WITHOUT](maps, images))
    assert not cut[..., [1, 5]].any()
    np.testing.assert_array_equal(np.delete(cut, [1, 5], -1), np.delete(np.asarray(maps), [1, 5], -1))
    put, donor = np.asarray(made[WRITTEN](maps, images)), fitted(named)
    # Curves that bulge to the right, and downwards, of 24 around the circle.
    np.testing.assert_allclose(put[..., [1, 5]], 2 * donor(images, taps="mixed3b")["mixed3b"][..., [0, 6]], rtol=1e-5)
    random = [units for name, units in zip(made, about, strict=True) if name.startswith("random")]
    assert len(random) == 20
    assert all(len(set(units)) == 2 and not {1, 5} & set(units) for units in random)
    edited = circuits.edited(named, circuits.ablate("mixed3b", [1, 5]))
    expected = edited(images, taps="softmax2_pre_activation")["softmax2_pre_activation"]
    np.testing.assert_allclose(above(named, images, jnp.asarray(cut)), expected, rtol=1e-4, atol=1e-5)


def test_ranks_and_losses(named: inception_jax.Model) -> None:
    """Beside the accuracy that training reports."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (8, 32, 32, 3)).astype(np.uint8), rng.integers(0, 10, 8).astype(np.int32)
    accuracy = evaluate(named, [Batch(images, labels, 0)])
    logits = named(images.astype(np.float32) / 255, taps="softmax2_pre_activation")["softmax2_pre_activation"]
    ranks, losses = ranked(np.asarray(logits, np.float64), labels)
    assert (ranks <= 5).mean() == accuracy.top5
    assert losses.mean() == pytest.approx(accuracy.loss, rel=1e-5)


def test_answers_are_compared() -> None:
    names = (WHOLE, WITHOUT, WRITTEN, "misplaced 0", "random 0", "random 1")
    ranks = np.array([[1, 1, 1, 1], [9, 9, 1, 1], [1, 9, 1, 1], [9, 9, 1, 1], [1, 9, 1, 1], [1, 1, 1, 1]])
    losses = ranks / 10.0
    answers = Answers(names, ranks, losses, np.ones(6), ((),) * 6)
    assert [holds for *_, holds in compared(answers, list(names[4:]), list(names[3:4]))] == [True] * 6
    # A random family that costs as much, and hand-written curves that win nothing back.
    worse = dataclasses.replace(answers, ranks=ranks[[0, 1, 1, 3, 1, 5]], losses=losses[[0, 1, 1, 3, 1, 5]])
    assert [holds for *_, holds in compared(worse, list(names[4:]), list(names[3:4]))] == [True, *[False] * 5]


def test_groups_agree_where_they_are_shared() -> None:
    rng = np.random.default_rng(0)
    groups = rng.random((3, 20)) ** 4
    maps = rng.normal(size=(8, 3, 5, 5))
    weights = np.einsum("ofrc,fi->oirc", maps, groups)
    score, _, p = agreement(weights, 3)
    assert score > 0.9
    assert p < 0.01
    other = np.einsum("ofrc,fi->oirc", maps, rng.random((3, 20)) ** 4)
    weights[1::2] = other[1::2]
    assert agreement(weights, 3)[2] > 0.02


@pytest.mark.shared
def test_published_numbers(thread: Path) -> None:
    def numbers(name: str) -> Any:
        return json.loads((thread / name).read_text())

    edits = numbers("radial_tuning_circuit_edit.json")
    echoes = published_echoes(edits)
    units = list(edits["early_curves_only"]["responses"])
    for name, part in zip(echoes, ("unedited", "early_curves_only", "early_curves_positive_weights_only"), strict=True):
        listed = [edits["summary"][part][unit]["echo_ratio"] for unit in units]
        # Rounded to four digits.
        np.testing.assert_allclose(echoes[name], listed, atol=6e-5)
    assert [told for told, _ in judged(echoes)] == ["10 of 10, median 0.01", "7 of 10, median 0.20", "9 of 10"]

    lines = numbers("expanded_conv2d2_to_mixed3b.json")
    assert published_tiles(lines).shape == (10, 33, 9, 9)
    assert published_tiles(lines)[0, 0, 3, 3] == lines["weights"]["107-406"][3][3]
    # Figures in the article show arcs; the axes of these tiles are theirs.
    assert published_axes(lines).max() < 8
    assert published_off(numbers("radial_tuning_mixed3a_lines.json")).max() < 17

    factors = directions(numbers("texture_factors.json"))
    assert factors.shape == (9, 256)
    assert np.flatnonzero(factors.any(0)).size == 65

    tiles = np.load(thread / "aann_weights_3a_to_3b.npz")["weights"].transpose(1, 0, 2, 3)
    assert quarter_turns(tiles[:24, :24]) == pytest.approx(0.016, abs=5e-4)
    swapped = tiles[:24, :24][[1, 0, *range(2, 24)]]
    assert quarter_turns(swapped) > 0.1


@pytest.mark.shared
def test_published_heat_maps_are_like_themselves(thread: Path) -> None:
    """Hand-written curves that respond as published units do are found at the units' own angles."""
    stored = np.load(thread / "synthetic_curve_heatmaps.npz")
    order = np.argsort((stored["theta_deg"] + 180) % 360)
    unit = stored["responses_sigma"][0][:, order]
    middle = int(unit.mean(0).argmax())
    turned = [np.roll(unit, 30 * i - middle, 1)[::4, ::10].T for i in range(24)]
    axes = {"orientation": np.arange(72) * 5.0, "radius": stored["radius_px"][::4]}
    tuning = circuits.tuning.Tuning("mixed3b", axes, np.stack(turned, -1))
    off, scores = like_published(tuning, dict(stored))
    # Half a step between them.
    assert off[0] <= 7.5
    assert off.max() <= 22.5
    assert scores.min() > 0.7
