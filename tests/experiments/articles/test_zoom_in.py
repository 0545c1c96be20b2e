"""Zoom In: at toy size with and without photographs, on published numbers, and on what is made by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from article_runs import about, ran, toy

import inception_jax
from circuits.families import Family
from experiments.articles import zoom_in
from experiments.articles.zoom_in import late as late_module
from experiments.articles.zoom_in.circuits import opposites, spread
from experiments.articles.zoom_in.dogs import agreement, mirrored_table
from experiments.articles.zoom_in.features import beyond
from experiments.articles.zoom_in.late import Late, late_responses
from experiments.articles.zoom_in.polysemantic import binomial, facets
from experiments.figures import Figures
from experiments.rundir import RunDirectory
from experiments.study import ArticleOptions, Study
from experiments.study.dogs import car_classes, dog_classes
from inception_jax.labels import synsets

ROWS = {26, 29}


@pytest.mark.parametrize("pictured", [False, True])
def test_toy(
    nothing_shared: None, painted: Any, shallow_weights: Path, photographs: Path, tmp_path: Path, pictured: bool
) -> None:
    """A network without mixed4a: what it cannot be asked is not asked, and says so."""
    del nothing_shared, painted
    images = str(photographs) if pictured else None
    claims = ran(zoom_in, toy(shallow_weights, tmp_path / "run", images=images, photographs=240), ROWS)
    for words in ("A unit of mixed4b is for dogs", "A car's parts", "Published curves excite"):
        assert about(claims, words)["status"] == "not asked"
    matched = about(claims, "Units of one network have partners")
    assert (matched["status"] == "not asked") != pictured
    assert about(claims, "Every network has curve detectors")["measured"].count(",") == 2


def test_mini(nothing_shared: None, painted: Any, photographs: Path, tmp_path: Path) -> None:
    """The bundled network, which has all layers, with half of the photographs of dogs and none of cars."""
    del nothing_shared, painted
    claims = ran(zoom_in, toy("mini", tmp_path / "run", images=str(photographs), photographs=240), ROWS)
    assert about(claims, "A car's parts")["why"] == "0 of the photographs are known to show cars"
    assert about(claims, "Some units of mixed4e")["measured"]


@pytest.mark.shared
def test_published_claims(
    nothing_shared: None, painted: Any, shallow_weights: Path, thread: Path, tmp_path: Path
) -> None:
    del nothing_shared, painted
    claims = ran(zoom_in, toy(shallow_weights, tmp_path / "run", published=thread, images=None), ROWS)
    known = [claim for claim in claims if claim["basis"] == "published numbers"]
    assert len(known) == 3
    assert {claim["status"] for claim in known} == {"holds"}
    assert about(claims, "Published weights of dogs")["measured"] == "0.96 to 0.98 in 3 pairs"


def test_dogs_and_cars() -> None:
    """The 118 breeds of ILSVRC 2012, and no wolf, fox or cat."""
    known = synsets(inception_jax.BVLC_GOOGLENET)
    labels = np.array(inception_jax.labels(inception_jax.BVLC_GOOGLENET))
    dogs = labels[dog_classes(known)].tolist()
    assert len(dogs) == 118
    assert {"Chihuahua", "Labrador retriever", "pug", "Mexican hairless"} <= set(dogs)
    assert not {"timber wolf", "red fox", "tabby", "dingo", "dhole", "African hunting dog"} & set(dogs)
    assert {"sports car", "minivan", "jeep"} <= set(labels[car_classes(known)].tolist())
    assert car_classes(known).sum() == 12
    assert not dog_classes(["dog", "n0208562"]).any()


def test_late_responses(shallow_weights: Path, photographs: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Beside the network on each photograph by itself, plain and mirrored."""
    monkeypatch.setattr(late_module, "LAYERS", ("mixed3a",))
    config = ArticleOptions(
        model=str(shallow_weights), images=str(photographs), data_dir=tmp_path / "data", photographs=24
    )
    model = inception_jax.load(shallow_weights)
    study = Study(Figures(RunDirectory(tmp_path / "run"), "", ""), model, config)
    late = late_responses(study)
    assert late is not None
    assert late.dogs.sum() == 12
    assert not late.cars.any()
    pixels = study.pixels(late.numbers.tolist())
    for place in (0, 23):
        acts = model(pixels[int(late.numbers[place])][None].astype(np.float32) / 255, taps=["mixed3a", "mixed3b"])
        # Batches of one and of sixteen sum in another order.
        np.testing.assert_allclose(late.highest["mixed3a"][place], acts["mixed3a"].max((0, 1, 2)), rtol=1e-4)
        np.testing.assert_allclose(late.features[place], acts["mixed3b"].mean((0, 1, 2)), rtol=1e-4, atol=1e-6)
    first = int(late.numbers[late.dogs][0])
    acts = model(pixels[first][None, :, ::-1].astype(np.float32) / 255, taps=["mixed3a"])
    np.testing.assert_allclose(late.mirrored["mixed3a"][0], acts["mixed3a"].max((0, 1, 2)), rtol=1e-4)


def test_mirrored_pair_is_found() -> None:
    """Of four units one pair sees in a mirrored photograph what the other sees in the photograph."""
    rng = np.random.default_rng(0)
    left, right, both, noise = rng.random((4, 50))
    plain = np.stack([left, both, right, noise], 1)
    mirrored = np.stack([right, both, left, rng.random(50)], 1)
    table = mirrored_table(plain, mirrored)
    assert np.unravel_index(table.argmax(), table.shape) == (0, 2)
    assert agreement(plain, mirrored)[1] == 1
    assert agreement(plain, mirrored)[0] < 0.8


def test_facets_of_a_unit() -> None:
    """A unit whose strongest photographs are of two kinds has two groups; one with few active photographs none."""
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.eye(2), 20, 0)
    features = np.concatenate([kinds, np.zeros((40, 6))], 1) + 0.02 * rng.random((40, 8))
    highest = np.zeros((40, 2))
    highest[12:28, 0] = 1 + rng.random(16)
    highest[:3, 1] = 1.0
    late = Late(np.arange(40), [""] * 40, {"mixed4e": highest}, {}, features)
    found = facets(late, 0)
    assert found is not None
    assert np.bincount(found.labels).tolist() == [8, 8]
    assert found.p == pytest.approx(0.05)
    assert facets(late, 1) is None
    assert late.top("mixed4e", 1, 5) == [0, 1, 2]


def test_small_parts() -> None:
    assert opposites(Family("curves", "b", (7,), (90.0,)), Family("curves", "a", ())) == []
    assert spread(np.array([1.0, -1.0]), np.ones(2)) == 1.0
    assert np.isnan(beyond(np.zeros(8)))
    # Against the sum over the other side.
    assert binomial(3, 10, 0.3) == pytest.approx(1 - 0.7**10 - 10 * 0.3 * 0.7**9 - 45 * 0.09 * 0.7**8)


@pytest.mark.slow
def test_labelled(nothing_shared: None, painted: Any, labelled: None, photographs: Path, tmp_path: Path) -> None:
    """Units by their published numbers, in a network that has these units and random weights."""
    del nothing_shared, painted, labelled
    claims = ran(zoom_in, toy("inception5h", tmp_path / "run", images=str(photographs), photographs=240), ROWS)
    assert about(claims, "A unit of mixed4b is for dogs")["measured"].startswith("mixed4b:418")
    assert about(claims, "A car's parts")["measured"].startswith("mixed4c:447")
    assert about(claims, "Curves excite curves")["measured"]


@pytest.mark.slow
@pytest.mark.shared
def test_labelled_tiles(nothing_shared: None, painted: Any, labelled: None, thread: Path, tmp_path: Path) -> None:
    """Random weights have the signs of the published tiles about half of the time."""
    del nothing_shared, painted, labelled
    claims = ran(zoom_in, toy("inception5h", tmp_path / "run", published=thread, images=None), ROWS)
    for name in ("curve", "dog", "car"):
        found = about(claims, f"Weights of the {name} circuit")
        assert found["status"] == "fails"
        assert 20 < float(found["measured"].split("%")[0]) < 80
