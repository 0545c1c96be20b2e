"""The articles before the thread: each runs with and without photographs, and measures what it says."""

import dataclasses
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from article_runs import about, claims_of
from PIL import Image

import inception_jax
from experiments.articles import activation_atlas, building_blocks, feature_visualization
from experiments.articles import differentiable_parameterizations as parameterizations
from experiments.articles.activation_atlas import held, nearness
from experiments.articles.building_blocks import going_on
from experiments.articles.building_blocks import reference as building_blocks_reference
from experiments.articles.building_blocks.reference import FOLDER, RECALCULATED, differences
from experiments.figures import Figures
from experiments.recipes.subject import LOGITS, Subject
from experiments.rundir import RunDirectory
from experiments.study import ArticleOptions
from experiments.study.measures import correlation, high_share
from featvis.recipes import layer_activations

ARTICLES = [feature_visualization, building_blocks, parameterizations, activation_atlas]


@pytest.fixture(autouse=True)
def nothing_shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No photographs and published numbers but those that a test names; prepared ones in a place of their own."""
    monkeypatch.setenv("INCEPTION_JAX_SHARED", str(tmp_path / "nothing"))
    monkeypatch.setenv("INCEPTION_JAX_CACHE", str(tmp_path / "cache"))


def run(article: Any, out: Path, **options: Any) -> list[dict[str, Any]]:
    """Run an article, sooner; returns its claims, once its page is whole."""
    assert article.run(ArticleOptions(out=out, quick=True, **options)) == 0
    claims = claims_of(out)
    assert {row for claim in claims for row in claim["rows"]} == ({1, 32} if article is building_blocks else {32})
    return claims


@pytest.mark.parametrize("article", ARTICLES, ids=lambda article: article.__name__.rpartition(".")[2])
@pytest.mark.usefixtures("undrawn")
class TestArticles:
    """On a network of two blocks."""

    def test_with_nothing_at_hand(self, article: ModuleType, shallow_weights: Path, tmp_path: Path) -> None:
        found = run(article, tmp_path / "out", model=str(shallow_weights), steps=4)
        whys = [claim["why"] for claim in found if claim["holds"] is None]
        assert set(whys) <= {
            "no photographs",
            "the published numbers are not at hand",
            "needs the weights of inception5h",
        }
        assert ("no photographs" in whys) == (article is not parameterizations)

    def test_with_photographs(
        self, article: ModuleType, shallow_weights: Path, photographs: Path, tmp_path: Path
    ) -> None:
        found = run(
            article, tmp_path / "out", model=str(shallow_weights), steps=4, images=str(photographs), photographs=240
        )
        assert "no photographs" not in {claim["why"] for claim in found}
        if article is activation_atlas:
            # A network without names of its classes.
            assert about(found, "attributed to")["why"] == "the photographs' classes are not those of the network"
            assert about(found, "Neighbouring")["holds"] is not None or about(found, "Neighbouring")["why"]


def test_an_atlas_that_is_drawn(photographs: Path, tmp_path: Path) -> None:
    """All of it, with a network whose classes have names: two of them, of which the photographs have one each."""
    shallow = dataclasses.replace(inception_jax.MINI, blocks=inception_jax.MINI.blocks[:1], image_size=32, classes=2)
    model = inception_jax.initialise(dataclasses.replace(shallow.scaled(1 / 4), name="two"), seed=0)
    model = dataclasses.replace(model, provenance={"classes": ["n01443537", "n02099601"]})
    inception_jax.save(model, tmp_path / "two.safetensors")
    found = run(
        activation_atlas,
        tmp_path / "out",
        model=str(tmp_path / "two.safetensors"),
        images=str(photographs),
        photographs=240,
        steps=8,
    )
    assert about(found, "attributed to")["holds"] is not None
    assert (tmp_path / "out" / "images" / "atlas_classes.png").exists()
    assert "<h2>mixed3a of two</h2>" in (tmp_path / "out" / "index.html").read_text()


def test_parts_of_a_page(tmp_path: Path) -> None:
    """Parts whose figures and pieces of work have the same names."""
    page = Figures(RunDirectory(tmp_path), "Two", "")
    for value, name in enumerate(("first", "second")):
        part = page.part(name)
        part.section(f"About the {name}")
        part.figure("same", np.full((4, 4, 3), float(value)), "A square.", alt="A square")
        part.table("same", ["a"], [[value]], "A number.")
        part.numbers({"a": value})
        assert part.kept("work", lambda value=value: {"a": np.array(value)})["a"] == value
    shown = [(block["kind"], block.get("level"), block.get("number")) for block in page.blocks]
    assert [one for one in shown if one[0] == "section"] == [("section", 3, None)] * 2
    assert [one for one in shown if one[0] == "figure"] == [("figure", None, 1), ("figure", None, 2)]
    assert page.numbers_shown == {"first-a": 0, "second-a": 1}
    for value, name in enumerate(("first", "second")):
        assert (tmp_path / f"{name}-same.csv").read_text() == f"a\n{value}\n"
        assert np.asarray(Image.open(tmp_path / "images" / f"{name}-same.png")).max() == 255 * value


def test_regions_that_hold_their_class() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 4)
    images = np.repeat(np.arange(40), 3)
    members = tuple(np.flatnonzero(labels[images] == label) for label in range(10))
    score, null = held(np.arange(10), members, images, labels, 0)
    assert score == 10
    # A region has 4 of 40 photographs; without order, one of its class is among them in 66 % of the permutations.
    assert null.mean() == pytest.approx(10 * (1 - np.prod([(36 - i) / (40 - i) for i in range(4)])), abs=0.2)
    members = tuple(rng.choice(len(images), 9, replace=False) for _ in range(10))
    brute = sum(top in labels[images[numbers]] for top, numbers in enumerate(members))
    assert held(np.arange(10), members, images, labels, 0)[0] == brute
    assert held(np.full(10, 77), members, images, labels, 0)[0] == 0


def test_neighbours_on_a_map() -> None:
    places = np.stack(np.divmod(np.arange(36), 6), axis=1)
    turn = places[:, 1] * np.pi / 3
    ordered = np.stack([np.cos(turn), np.sin(turn)], axis=1) + 3
    score, null = nearness(ordered, places, 0)
    assert score > null.max()
    shuffled = np.random.default_rng(1).permutation(ordered)
    score, null = nearness(shuffled, places, 0)
    assert score < np.percentile(null, 99.9)


def test_high_frequencies() -> None:
    across = np.arange(32)
    slow, fast = (np.cos(2 * np.pi * k * across / 32) for k in (3, 12))
    waves = np.broadcast_to((slow + 2 * fast)[None, None, :, None], (1, 32, 32, 3))
    # Energy goes with the square of the amplitude; the mean does not count.
    assert high_share(waves + 0.5)[0] == pytest.approx(0.8)
    assert high_share(np.ones((2, 8, 8, 3))).tolist() == [0, 0]


def test_correlation() -> None:
    first, second = np.random.default_rng(0).random((2, 8, 8, 3))
    assert correlation(first, second) == pytest.approx(np.corrcoef(first.ravel(), second.ravel())[0, 1])
    assert correlation(first, np.ones((8, 8, 3))) == 0


def test_going_on_from_activations(shallow: inception_jax.Model) -> None:
    subject = Subject(shallow, np.random.default_rng(0).random((32, 32, 3), np.float32), "noise")
    acts = layer_activations(shallow, subject.batch, "mixed3a")
    cut = acts * (np.arange(acts.shape[-1]) != 3)
    logits = going_on(subject, "mixed3a", np.concatenate([acts, cut]))
    edits: list[Any] = [{}, {"mixed3a": lambda a: a.at[..., 3].set(0)}]
    for found, edit in zip(logits, edits, strict=True):
        wanted = np.asarray(shallow(subject.batch, edits=edit)[LOGITS])
        # The same in another program.
        np.testing.assert_allclose(found, wanted.reshape(-1), rtol=1e-4, atol=1e-5)


@pytest.mark.shared
def test_published_attributions(thread: Path) -> None:
    found = json.loads((thread / "building_blocks_reference.json").read_text())
    teasers = {name: one["teaser"] for name, one in found["top5_softmax_and_teaser_attribution"].items()}
    assert len(teasers) == 6
    # What a unit adds to a class is the same number whatever the class is compared with: so the numbers are read.
    for teaser in teasers.values():
        seen: dict[tuple[int, int], float] = {}
        for pair in (key for key in teaser if "-" in key):
            for one in (entry for entry in teaser[pair] if isinstance(entry, dict)):
                for label, value in zip(map(int, pair.split("-")), (one["nv0"], one["nv1"]), strict=True):
                    assert seen.setdefault((one["c"], label), value) == value
    published = differences(teasers["dog_cat"], 176, 55)
    for unit, value in RECALCULATED.items():
        # Two numbers with three digits after the point.
        assert published[unit] == pytest.approx(value, abs=0.0011)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("article", ARTICLES, ids=lambda article: article.__name__.rpartition(".")[2])
def test_published_units(article: ModuleType, thread: Path, photographs: Path, tmp_path: Path) -> None:
    """A random inception5h, with photographs in place of the article's."""
    model = inception_jax.initialise(inception_jax.INCEPTION5H, seed=0)
    inception_jax.save(model, tmp_path / "inception5h.safetensors")
    published = tmp_path / "published"
    (published / FOLDER).mkdir(parents=True)
    text = (thread / "building_blocks_reference.json").read_text()
    (published / "building_blocks_reference.json").write_text(text)
    rng = np.random.default_rng(0)
    for name in ("dog_cat", "pig"):
        pixels = rng.integers(0, 255, (224, 224, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(published / FOLDER / f"{name}.png")
        acts = layer_activations(model, pixels[None] / np.float32(255), building_blocks_reference.LAYER)
        np.save(published / FOLDER / f"{name}.npy", acts)
    options = {"images": str(photographs), "published": published, "photographs": 20, "steps": 4, "size": 64}
    found = run(article, tmp_path / "out", model=str(tmp_path / "inception5h.safetensors"), **options)
    if article is building_blocks:
        # Its own activations; but random weights find nothing in photographs.
        assert about(found, "Activations of mixed4d are")["holds"]
        assert about(found, "six photographs")["holds"] is False
        assert about(found, "numbered as in")["holds"]
        assert about(found, "what the article says")["holds"] is False
