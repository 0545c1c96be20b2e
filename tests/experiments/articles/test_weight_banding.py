"""The article on weight banding: at toy size, on published tiles, and on kernels made by hand."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from article_runs import Claims, claims_of

import inception_jax
from experiments.articles import weight_banding
from experiments.articles.weight_banding import causes as weight_banding_causes
from experiments.articles.weight_banding.causes import BASE, LAST, VARIANTS, judge
from experiments.articles.weight_banding.published import clusters
from experiments.articles.weight_banding.tiles import kernel_tiles, kind, shares, sheet, tileable
from experiments.figures import Figures
from experiments.rundir import RunDirectory
from experiments.study import ArticleOptions, Study

Run = Callable[..., Claims]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the article without anything shared; its claims."""
    monkeypatch.setenv("INCEPTION_JAX_SHARED", str(tmp_path / "nothing"))

    def run(**options: Any) -> Claims:
        config = weight_banding.Config(**{"out": tmp_path / "run", "quick": True, **options})
        assert weight_banding.run(config) == 0
        return claims_of(tmp_path / "run")

    return run


@pytest.fixture
def banded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of trained networks: random ones, whose last layer has bands as the article says."""

    def trained(study: object, config: object, name: str, architecture: Any, *rest: object) -> inception_jax.Model:
        del study, config, rest
        model = inception_jax.initialise(dataclasses.replace(architecture, classes=2), seed=0)
        kernel = np.array(model.weights[LAST]["kernel"])
        axes = {"base": 1, "turned": 0}
        if name in axes:
            kernel[:] = kernel.mean(axes[name], keepdims=True)
        return inception_jax.Model(
            model.architecture, {**model.weights, LAST: {**model.weights[LAST], "kernel": kernel}}
        )

    monkeypatch.setattr(weight_banding_causes, "trained", trained)


def rows(claims: Claims) -> set[int]:
    return {row for claim in claims for row in claim["rows"]}


def test_with_nothing_at_hand_every_claim_says_why(run: Run, shallow_weights: Path) -> None:
    claims = run(model=str(shallow_weights))
    assert rows(claims) == {14, 30}
    assert {claim["status"] for claim in claims} == {"not asked"}
    assert {claim["why"] for claim in claims} == {
        "the network has no mixed5b_5x5 of three inputs or more",
        "the published tiles are not at hand",
        "no photographs to learn from",
    }


@pytest.mark.usefixtures("banded")
def test_a_network_with_its_last_block(run: Run, tmp_path: Path) -> None:
    claims = run(model="mini", quick=False)
    status = {claim["text"]: claim["status"] for claim in claims if claim["rows"] == [14]}
    assert set(status.values()) == {"holds", "fails"}  # Less banded than a network for large images, banded still.
    assert status["Kernels of mixed3a_5x5 are not"] == "holds"
    trained = [claim["status"] for claim in claims if claim["basis"] == "trained here"]
    assert trained == ["holds"] * 4
    for name in ("mixed5b_5x5", "mixed3a_5x5", "trained-base", "trained-x-average", "trained-shares"):
        assert (tmp_path / "run" / "images" / f"{name}.png").exists(), name


@pytest.mark.shared
def test_published_tiles(run: Run, shallow_weights: Path, thread: Path, tmp_path: Path) -> None:
    claims = [claim for claim in run(model=str(shallow_weights), published=thread) if claim["basis"] != "trained here"]
    known = [claim for claim in claims if claim["basis"] == "published numbers"]
    assert [claim["status"] for claim in known] == ["holds"] * 9
    measured = {claim["text"]: claim["measured"] for claim in known}
    assert measured["Published tiles with horizontal bands"] == "0.768 to 0.967 in 9"
    assert measured["Published tiles without bands"] == "0.506 to 0.721 in 5"
    assert measured["Published tiles with vertical bands"] == "0.025 to 0.168 in 4"
    assert (
        measured["Clusters of published tiles: most units of Simplified-Base, 5b have horizontal bands"] == "512 of 512"
    )
    assert (tmp_path / "run" / "images" / "published-shares.png").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("labelled")
def test_the_labelled_path(run: Run) -> None:
    claims = run(model="inception5h")
    assert rows(claims) == {14, 30}
    (first, *_) = (claim for claim in claims if claim["rows"] == [14])
    assert first["status"] == "fails"  # Random kernels have no bands.


def test_bands_of_known_kernels() -> None:
    noise = np.random.default_rng(0).random((40, 5, 5, 3))
    stripes = np.repeat(noise[:, :, :1], 5, 2)
    assert kind(shares(stripes)) == "horizontal bands"
    assert kind(shares(stripes.swapaxes(1, 2))) == "vertical bands"
    found = shares(noise)
    assert kind(found) == "no bands"
    assert abs(found.rows - 1 / 6) < 0.03  # 4 of the 24 degrees of freedom of a tile.
    assert abs(found.columns - 1 / 6) < 0.03


def test_layers_of_which_there_are_tiles(shallow: inception_jax.Model) -> None:
    assert not tileable(shallow, "mixed3a_5x5")  # Two inputs.
    assert not tileable(shallow, "mixed5b_5x5")
    assert not tileable(shallow, "mixed3a_1x1")
    assert tileable(shallow, "conv2d0")
    assert kernel_tiles(shallow, "conv2d0").shape == (4, 7, 7, 3)


def test_a_sheet_has_like_tiles_close_together() -> None:
    tiles = np.zeros((4, 5, 5, 3))
    tiles[[0, 2], 0] = 1.0
    paper = np.asarray(sheet(tiles, columns=4))
    bright = [tuple(paper[12, 12 + 48 * i]) for i in range(4)]
    assert bright[0] == bright[1] != bright[2] == bright[3]


def test_clusters_do_not_depend_on_the_order_of_colours() -> None:
    rng = np.random.default_rng(0)
    stripes = np.repeat(rng.random((30, 5, 1, 3)), 5, 2)
    sets = {"base": stripes, "turned": stripes.swapaxes(1, 2), "neither": rng.random((30, 5, 5, 3))}
    recoloured = {name: tiles[..., ::-1] for name, tiles in sets.items()}
    for name, expected in (("base", 0), ("turned", 1), ("neither", 2)):
        assert (clusters(sets)[name] == expected).all()
        assert (clusters(recoloured)[name] == expected).all()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"base": (0.8, 0.1), "turned": (0.1, 0.8), "connected": (0.6, 0.3)}, ["holds"] * 3 + ["not asked"]),
        ({"base": (0.74, 0.1), "turned": (0.8, 0.1), "connected": (0.3, 0.74)}, ["fails"] * 3 + ["not asked"]),
        ({}, ["not asked"] * 4),
    ],
)
def test_what_counts(
    found: dict[str, tuple[float, ...]], expected: list[str], shallow: inception_jax.Model, tmp_path: Path
) -> None:
    study = Study(Figures(RunDirectory(tmp_path), "", ""), shallow, ArticleOptions())
    judge(study, found, quick=True)
    assert [claim.status for claim in study.claims] == expected
    assert len(study.claims) == len(VARIANTS)


def test_the_last_map_is_larger_than_half_a_kernel() -> None:
    kernel = inception_jax.initialise(dataclasses.replace(BASE, classes=2), seed=0).weights[LAST]["kernel"]
    assert np.shape(kernel) == (5, 5, 64, 48)
