"""The article on visualizing weights: at toy size, on published numbers, and on weights that are known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from article_runs import claims_of

import featvis
import inception_jax
from circuits import expanded_weights
from circuits.families import Family
from experiments.articles import visualizing_weights
from experiments.articles.visualizing_weights import published, stacked
from experiments.articles.visualizing_weights.paths import cancelling, paths
from experiments.study import ArticleOptions, Study

Run = Callable[..., list[dict[str, Any]]]
Asked = list[list[featvis.Objective]]
ROWS = {3, 4, 25}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, painted: Asked, tmp_path: Path) -> Run:
    """Runs the article without anything shared; its claims."""
    del painted
    monkeypatch.setenv("INCEPTION_JAX_SHARED", str(tmp_path / "nothing"))

    def run(**options: Any) -> list[dict[str, Any]]:
        options = {"out": tmp_path / "run", "quick": True, "side": 64, "step": 45.0, "steps": 2} | options
        assert visualizing_weights.run(ArticleOptions(**options)) == 0
        claims = claims_of(tmp_path / "run")
        assert {row for claim in claims for row in claim["rows"]} == ROWS
        return claims

    return run


def status(claims: list[dict[str, Any]], words: str) -> list[str]:
    return [claim["status"] for claim in claims if words in claim["text"]]


def family(study: Study, layer: str, name: str) -> Family:
    """Families in place of the search: two high-low frequency detectors with opposite sides, curves, a boundary."""
    del study
    units = {"high-low frequency": {"mixed3a": (3, 9, 12)}, "boundaries": {"mixed3b": (5,)}}
    units["curves"] = {"mixed3a": (1, 10), "mixed3b": (2, 8, 13)}
    found = units.get(name, {}).get(layer, ())
    return Family(name, layer, found, (0.0, 180.0, 90.0)[: len(found)])


def test_without_families_and_numbers(run: Run, shallow_weights: Path) -> None:
    claims = run(model=str(shallow_weights))
    assert status(claims, "product of its two kernels") == ["holds"]
    assert status(claims, "the sum over all ways") == ["holds"]
    assert status(claims, "inception5h") == ["not asked", "not asked"]


def test_with_families_and_photographs(
    run: Run, shallow_weights: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Study, "family", family)
    claims = run(model=str(shallow_weights), images=str(photographs), data_dir=tmp_path / "prepared")
    assert "not asked" not in status(claims, "Ways through two opposite")
    assert "not asked" not in status(claims, "ten strongest inputs of most curves")
    names = ("context", "few", "multiples", "positions", "places", "back-mixed3a", "back-conv2d2", "boundary", "cancel")
    for name in (*names, "smooth"):
        assert (tmp_path / "run" / "images" / f"{name}.png").exists(), name


@pytest.mark.shared
def test_published_numbers(run: Run, shallow_weights: Path, thread: Path) -> None:
    claims = run(model=str(shallow_weights), published=thread)
    known = [claim for claim in claims if claim["basis"] == "published numbers"]
    assert len(known) == 4
    assert {claim["status"] for claim in known} == {"holds"}


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.usefixtures("labelled")
def test_the_labelled_path(run: Run, thread: Path) -> None:
    claims = run(model="inception5h", size=32, published=thread)
    assert "needs the weights of inception5h" not in {claim["why"] for claim in claims}
    assert status(claims, "of inception5h") == ["fails", "fails"]  # These weights are random.


def test_ways_add_up_to_the_weights_over_two_layers(shallow: inception_jax.Model) -> None:
    upper = expanded_weights(shallow, "mixed3a", "mixed3b", units=[5])[0]
    lower = expanded_weights(shallow, "maxpool1", "mixed3a", inputs=[1, 2])
    whole = expanded_weights(shallow, "maxpool1", "mixed3b", units=[5], inputs=[1, 2])[0]
    np.testing.assert_allclose(paths(upper, lower).sum(0), whole, atol=1e-5 * np.abs(whole).max())


def test_ways_that_cancel() -> None:
    tile = np.random.default_rng(0).normal(size=(3, 3))
    score, left = cancelling(np.stack([tile, -0.5 * tile]))
    assert score == -1.0
    assert abs(left - 1 / 3) < 1e-9
    assert cancelling(np.stack([tile, tile]))[1] == 1.0


def test_stacked_units_want_different_things_above_and_below() -> None:
    weights = np.zeros((4, 2, 5, 5))
    weights[0, 0, 0], weights[0, 1, 4] = 1.0, 1.0  # One thing above, another below.
    weights[1, 0, 0], weights[1, 0, 4] = 1.0, 1.0  # The same in both.
    weights[2, 0, 0] = 1.0  # Nothing below.
    weights[3, 0, 0], weights[3, 1, 4] = -1.0, -1.0  # Inhibition is not wanting.
    found = stacked(weights)
    assert found[0] > 0.5
    assert np.allclose(found[1:], 0.0)


def test_tiles_of_the_model_itself_agree(narrow: inception_jax.Model) -> None:
    tiles = []
    for lower, upper, unit, size, start in (
        ("mixed3a", "mixed3b", 37, 5, "mixed3a"),
        ("conv2d2", "mixed3a", 11, 5, "maxpool1"),
        ("conv2d1", "conv2d2", 3, 5, "conv2d1"),
    ):
        whole = expanded_weights(narrow, start, upper, units=[unit], inputs=[7])[0, 0]
        values = np.pad(whole, (size - len(whole)) // 2)
        ends = {"from_layer": lower, "from_unit": 7, "to_layer": upper, "to_unit": unit, "size": size}
        tiles.append({**ends, "values": (3 * values / np.abs(values).max()).tolist(), "figure": "a"})
    unknown = {**tiles[0], "from_unit": None}
    found = published.tile_agreement(narrow, [*tiles, unknown])
    np.testing.assert_allclose(found.correlations, 1.0, atol=1e-6)
    assert found.signs.all()
    tiles[0]["values"] = (-np.array(tiles[0]["values"])).tolist()
    found = published.tile_agreement(narrow, tiles)
    assert found.correlations.min() < -0.999
    assert not found.signs.all()


def test_repeated_tiles_are_compared_between_figures() -> None:
    one = {
        "from_layer": "a",
        "from_unit": 1,
        "to_layer": "b",
        "to_unit": 2,
        "size": 2,
        "values": [[1.0, 2.0], [3.0, 5.0]],
    }
    others = [{**one, "figure": name} for name in ("x", "x", "y")]
    others.append({**one, "to_unit": 3, "figure": "z"})
    assert published.repeats(others) == [1.0, 1.0]
