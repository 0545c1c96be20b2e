"""The article on early vision: at toy size with and without photographs, on published numbers, and on known weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from article_runs import about, ran, toy

import inception_jax
from circuits.families import published
from experiments.articles import early_vision
from experiments.articles.early_vision import SIZES, sorted_units
from experiments.articles.early_vision.circuits import alignment, strong_inputs
from experiments.articles.early_vision.families import icon_values
from experiments.articles.early_vision.filters import alike
from experiments.articles.early_vision.fur import mirrored_weights
from experiments.articles.early_vision.shapes import around
from experiments.figures import Figures
from experiments.rundir import RunDirectory
from experiments.study import ArticleOptions, Study
from experiments.study.measures import correlation
from experiments.study.unit_pictures import lean, separation, share_of_top
from inception_jax import datasets

ROWS = {2, 12, 27}


@pytest.mark.parametrize("pictured", [False, True])
def test_toy(
    nothing_shared: None, painted: Any, shallow_weights: Path, photographs: Path, tmp_path: Path, pictured: bool
) -> None:
    del nothing_shared, painted
    images = str(photographs) if pictured else None
    claims = ran(early_vision, toy(shallow_weights, tmp_path / "run", images=images, photographs=240), ROWS)
    # Nothing published is at hand but what comes with the library.
    assert about(claims, "Units in the five layers")["measured"] == 1056
    assert about(claims, "Filters are the published ones")["why"] == "needs the weights of inception5h"
    icons = about(claims, "Icons drive their units")
    # Pictures of random pixels are no match for photographs, or are one by chance: both are answers.
    assert (icons["why"] == "no photographs") if not pictured else icons["measured"]
    assert (tmp_path / "run" / "families.csv").read_text().startswith("layer,family,units")


def test_published_families_partition_their_layers() -> None:
    """Independent of the article's own way of checking: a count for every number."""
    for layer, families in sorted_units(None).items():
        counts = np.zeros(SIZES[layer], int)
        for _, units in families:
            np.add.at(counts, list(units), 1)
        assert (counts == 1).all(), layer
    assert sum(SIZES.values()) == 1056


@pytest.mark.shared
def test_published_file(thread: Path) -> None:
    """The library's copy of the families is the published one."""
    file = json.loads((thread / "families.json").read_text())
    ours = {layer: {name: list(units) for name, units in found} for layer, found in sorted_units(None).items()}
    theirs = {layer: {name: list(units) for name, units in found} for layer, found in sorted_units(file).items()}
    assert ours == theirs


@pytest.mark.shared
def test_published_claims(
    nothing_shared: None, painted: Any, shallow_weights: Path, thread: Path, tmp_path: Path
) -> None:
    del nothing_shared, painted
    claims = ran(early_vision, toy(shallow_weights, tmp_path / "run", published=thread, images=None), ROWS)
    known = [claim for claim in claims if claim["basis"] == "published numbers"]
    assert len(known) == 9
    assert {claim["status"] for claim in known} == {"holds"}
    assert about(claims, "Percentages of families")["measured"] == 77
    assert about(claims, "Published filters, sorted")["measured"] == "57 of 64"


@pytest.mark.shared
def test_filters_are_told_apart(thread: Path) -> None:
    """A network whose filters are the published pictures has them all; one whose two filters change places has not."""
    with np.load(thread / "conv2d0_weight_images.npz") as arrays:
        pictures = arrays["images"].astype(np.float32) / 255
    found = alike(3 * pictures - 1, pictures)
    assert (found.argmax(1) == np.arange(64)).all()
    # Correlation does not ask for scale or zero.
    assert np.abs(np.diag(found) - 1).max() < 1e-9
    assert (alike(pictures[[1, 0]], pictures[:2]).argmax(1) == [1, 0]).all()


def test_icon_values_are_activations_in_the_middle(shallow: inception_jax.Model, painted: Any, tmp_path: Path) -> None:
    """As read from the network on the image that was drawn, of which the icon is the part that the unit sees."""
    study = Study(Figures(RunDirectory(tmp_path), "", ""), shallow, ArticleOptions(size=64, steps=2))
    for layer, units in {"conv2d2": [3, 1], "mixed3a": [5, 2]}.items():
        before = len(painted)
        values = icon_values(study, layer, units)
        assert len(painted) == before + 1
        drawn = np.random.default_rng(len(painted)).random((2, 64, 64, 3), np.float32)
        maps = np.asarray(shallow(drawn, taps=layer)[layer])
        middle = maps.shape[1] // 2
        expected = maps[np.arange(2), middle, middle, units]
        # What the unit does not see was grey in one and noise in the other; sums may be in another order.
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


def test_share_of_top(photographs: Path, shallow_weights: Path, painted: Any, tmp_path: Path) -> None:
    """Beside a count by the labels of the photographs, one by one."""
    del painted
    config = ArticleOptions(
        model=str(shallow_weights), images=str(photographs), data_dir=tmp_path / "data", photographs=24
    )
    study = Study(Figures(RunDirectory(tmp_path), "", ""), inception_jax.load(shallow_weights), config)
    assert study.dataset is not None
    second = np.array([False, True])
    found = share_of_top(study, "mixed3a", second)
    dataset = study.dataset[0]
    for unit, images in enumerate(study.examples["mixed3a"].top_images):
        expected = np.mean([n >= 0 and dataset[int(n)].label == 1 for n in images])
        assert found[unit] == pytest.approx(expected)
    assert isinstance(dataset, datasets.Dataset)


def test_circles_are_told_from_other_arrangements() -> None:
    """Curves at eight places of a ring: as a circle has them, turned inside out, and in another order."""
    angles = np.arange(0.0, 360.0, 45.0)
    tiles = np.zeros((8, 5, 5))
    for tile, angle in zip(tiles, np.deg2rad(angles), strict=True):
        tile[round(2 + 2 * np.sin(angle)), round(2 + 2 * np.cos(angle))] = 1
    # The ring is one of square pixels, which turns directions of diagonals not at all.
    assert around(tiles, angles)[0] > 0.99
    assert around(tiles, angles)[1] <= 0.002
    assert around(tiles, angles + 180)[0] < -0.99
    assert around(-tiles, angles)[0] < -0.99
    assert around(tiles, np.roll(angles, 3))[1] > 0.05


def test_mirrored_weights_need_the_right_inputs() -> None:
    rng = np.random.default_rng(0)
    tiles, others = rng.normal(size=(3, 5, 5)), rng.normal(size=(40, 5, 5))
    others[[7, 2, 30]] = tiles[:, :, ::-1]
    score, p = mirrored_weights(tiles, others, np.array([7, 2, 30]))
    assert score == pytest.approx(1)
    assert p <= 0.002
    assert mirrored_weights(tiles, others, np.array([2, 7, 30]))[0] < 0.6


def test_small_parts() -> None:
    assert strong_inputs(np.array([0.0, 0.0])) == []
    assert alignment(np.array([20.0, 200.0, 380.0])) == pytest.approx(1)
    assert correlation(np.arange(6.0).reshape(2, 3), -np.arange(6.0).reshape(2, 3)) == -1
    assert lean(-np.eye(3)) == (0.0, 0.0)
    values = np.random.default_rng(0).normal(size=(30, 2))
    chosen = np.arange(30) < 11
    # The rank sum of Mann and Whitney says the same.
    ranks = values.argsort(0).argsort(0) + 1
    expected = (ranks[chosen].sum(0) - 11 * 12 / 2) / (11 * 19)
    np.testing.assert_allclose(separation(values, chosen), expected)
    assert np.isnan(separation(values, np.zeros(30, bool))).all()


@pytest.mark.slow
def test_labelled(nothing_shared: None, painted: Any, labelled: None, photographs: Path, tmp_path: Path) -> None:
    """Units by their published numbers, in a network that has these units and random weights."""
    del nothing_shared, painted, labelled
    claims = ran(early_vision, toy("inception5h", tmp_path / "run", images=str(photographs), photographs=60), ROWS)
    assert about(claims, "Complex Gabors of conv2d1 are made of")["status"] == "fails"
    assert about(claims, "black-and-white unit is made of the published")["status"] == "fails"
    listed = (tmp_path / "run" / "families.csv").read_text()
    assert all(family.name in listed for family in published("mixed3b"))
