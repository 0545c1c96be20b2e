"""The article on branch specialization: at toy size, on published units, and on inputs made by hand."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from article_runs import Claims, claims_of

import featvis
import inception_jax
from circuits.families import Family, Search, published
from experiments.articles import branch_specialization
from experiments.articles.branch_specialization import trained as branch_specialization_trained
from experiments.articles.branch_specialization.families import kept_to
from experiments.articles.branch_specialization.order import apart
from experiments.articles.branch_specialization.trained import FIRST, NETWORK, alike, filters, specialised
from experiments.study import Study
from inception_jax import INCEPTION5H

Run = Callable[..., Claims]
Asked = list[list[featvis.Objective]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, painted: Asked, tmp_path: Path) -> Run:
    """Runs the article without anything shared; its claims."""
    del painted
    monkeypatch.setenv("INCEPTION_JAX_SHARED", str(tmp_path / "nothing"))

    def run(**options: Any) -> Claims:
        known = {"out": tmp_path / "run", "quick": True, "side": 64, "step": 45.0, "steps": 2, **options}
        assert branch_specialization.run(branch_specialization.Config(**known)) == 0
        return claims_of(tmp_path / "run")

    return run


def of(claims: Claims, row: int) -> Claims:
    return [claim for claim in claims if row in claim["rows"]]


def test_published_units_need_nothing(run: Run, shallow_weights: Path, tmp_path: Path) -> None:
    claims = run(model=str(shallow_weights))
    known = [claim for claim in of(claims, 13) if claim["basis"] == "published numbers"]
    assert [claim["status"] for claim in known] == ["holds", "holds", "not asked"]
    assert [claim["measured"] for claim in known[:2]] == ["9 of 9, 2.48e-09", "30 of 30, 1.68e-23"]
    assert of(claims, 28)[0]["why"] == "needs the weights of tf-slim, which are not at hand"
    assert {claim["why"] for claim in of(claims, 31)} == {"no photographs to learn from"}
    table = (tmp_path / "run" / "enriched-published.csv").read_text()
    assert "mixed3a,BW vs Color,5x5,9,9,1.1,2.48e-09," in table


def test_families_found_in_one_branch(
    run: Run, shallow_weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = (Family("curves", "mixed3b", (8, 9, 10, 11)), Family("gabors", "mixed3a", (0, 5)))
    search = Search(here, {"mixed3a": {}, "mixed3b": {}}, {})
    monkeypatch.setattr(Study, "found", search)
    claims = [claim for claim in of(run(model=str(shallow_weights)), 13) if claim["basis"] == "found units"]
    assert [claim["status"] for claim in claims] == ["holds", "not asked", "holds"]
    assert claims[0]["measured"] == "1 of 8; least 4 of 4 curves of mixed3b in 5x5, 5.5e-04"
    assert (tmp_path / "run" / "images" / "kept-0.png").exists()


@pytest.mark.shared
def test_published_groups(run: Run, shallow_weights: Path, thread: Path) -> None:
    claims = of(run(model=str(shallow_weights), published=thread), 13)
    assert [claim["status"] for claim in claims if claim["basis"] == "published numbers"] == ["holds"] * 3


def test_trained_networks(run: Run, shallow_weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def trained(*_: Any, seed: int) -> inception_jax.Model:
        model = inception_jax.initialise(dataclasses.replace(NETWORK, classes=2), seed=seed)
        kernel = np.array(model.weights[FIRST]["kernel"])
        grey = slice(24, 48) if seed % 2 else slice(0, 24)  # Other branches of each network.
        kernel[..., grey] = kernel[..., grey].mean(2, keepdims=True)
        return inception_jax.Model(
            model.architecture, {**model.weights, FIRST: {**model.weights[FIRST], "kernel": jnp.asarray(kernel)}}
        )

    monkeypatch.setattr(branch_specialization_trained, "trained", trained)
    claims = of(run(model=str(shallow_weights)), 31)
    assert [claim["status"] for claim in claims] == ["holds", "holds"]
    for name in ("branches-trained-0", "branches-trained-1", "branches-alike"):
        assert (tmp_path / "run" / "images" / f"{name}.png").exists(), name


@pytest.mark.slow
@pytest.mark.usefixtures("labelled")
def test_the_labelled_path(run: Run) -> None:
    claims = run(model="inception5h")
    assert {row for claim in claims for row in claim["rows"]} == {13, 28, 31}
    asked = [claim for claim in of(claims, 28) if claim["status"] != "not asked"]
    assert [claim["status"] for claim in asked] == ["fails", "fails"]  # Random weights part nothing.


def test_every_unit_is_counted_once() -> None:
    lines = kept_to(published("mixed3b"), INCEPTION5H)
    assert sum(line.found for line in lines) == 480
    assert abs(sum(line.expected for line in lines) - 480) < 1e-9
    named = {(line.family, line.branch): line for line in lines}
    assert (named["Boundary", "5x5"].found, named["Boundary", "5x5"].units) == (20, 36)
    assert abs(named["Curves", "5x5"].p / 7e-8 - 1) < 0.1
    color = next(one for one in kept_to(published("mixed3a"), INCEPTION5H) if one.family == "Color Contrast")
    assert (color.branch, color.found) == ("5x5", 9)
    assert abs(color.p / 3.2e-6 - 1) < 0.01


def test_the_area_under_the_curve_is_that_of_a_library() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    some, others = rng.normal(1.0, 1.0, 20).round(1), rng.normal(0.0, 1.0, 34).round(1)
    expected = roc_auc_score([1] * 20 + [0] * 34, np.concatenate([some, others]))
    assert abs(apart(some, others) - expected) < 1e-12
    assert abs(apart(some, others) - apart(-some, -others)) < 1e-12


def test_filters_at_random_are_in_no_branch() -> None:
    rng = np.random.default_rng(3)
    values, others = rng.normal(size=(48, 3)), rng.normal(size=(48, 3))
    assert specialised(values).p > 0.05
    assert alike(values, others).p > 0.05


def test_branches_match_whatever_their_order() -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(size=(4, 3))
    values, others = (np.repeat(means[order], 12, 0) for order in ([0, 1, 2, 3], [2, 0, 3, 1]))
    noise = 0.3 * rng.normal(size=(48, 3))
    assert alike(values + noise, others - noise).p < 0.01
    assert specialised(values + noise).p < 0.01


def test_grey_filters_have_no_colour() -> None:
    model = inception_jax.initialise(dataclasses.replace(NETWORK, classes=2), seed=0)
    kernel = np.array(model.weights[FIRST]["kernel"])
    kernel[..., :12] = kernel[..., :12].mean(2, keepdims=True)
    grey = inception_jax.Model(
        model.architecture, {**model.weights, FIRST: {**model.weights[FIRST], "kernel": jnp.asarray(kernel)}}
    )
    values = filters(grey)
    assert values[:12, 0].max() < values[12:, 0].min()
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-6)
