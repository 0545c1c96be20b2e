"""The article on high-low frequency detectors: at toy size, on published numbers, and on inputs made by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from article_runs import claims_of

import featvis
from circuits.families import Family, apart
from circuits.stimuli import HighLow
from experiments.articles import high_low_frequency
from experiments.articles.high_low_frequency import published
from experiments.articles.high_low_frequency.factors import Factored, direction_of, high_first, opposed, steadiness
from experiments.articles.high_low_frequency.tuning import LEAST
from experiments.study import ArticleOptions, Study

Run = Callable[..., dict[tuple[int, ...], list[dict[str, Any]]]]
Asked = list[list[featvis.Objective]]
ROWS = {9, 10, 11, 29}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, painted: Asked, tmp_path: Path) -> Run:
    """Runs the article without anything shared; its claims, by their rows."""
    del painted
    monkeypatch.setenv("INCEPTION_JAX_SHARED", str(tmp_path / "nothing"))

    def run(**options: Any) -> dict[tuple[int, ...], list[dict[str, Any]]]:
        options = {"out": tmp_path / "run", "quick": True, "side": 64, "step": 45.0, "steps": 2} | options
        assert high_low_frequency.run(ArticleOptions(**options)) == 0
        claims: dict[tuple[int, ...], list[dict[str, Any]]] = {}
        for claim in claims_of(tmp_path / "run"):
            claims.setdefault(tuple(claim["rows"]), []).append(claim)
        return claims

    return run


def asked_everywhere(claims: dict[tuple[int, ...], list[dict[str, Any]]]) -> bool:
    return {row for rows in claims for row in rows} >= ROWS


def given(units: tuple[int, ...]) -> Callable[[Study, str, str], Family]:
    """A family of the units of mixed3a in place of the search."""

    def family(study: Study, layer: str, name: str) -> Family:
        del study
        angles = tuple(90.0 * i for i in range(len(units)))
        there = layer == "mixed3a" or name == "boundaries"
        return Family(name, layer, units, angles) if there else Family(name, layer, ())

    return family


def test_without_the_family_every_row_says_so(run: Run, shallow_weights: Path) -> None:
    claims = run(model=str(shallow_weights))
    assert asked_everywhere(claims)
    assert not [c for rows, of in claims.items() for c in of if rows != (29,) and c["status"] != "not asked"]


def test_a_family_with_photographs(
    run: Run, shallow_weights: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Study, "family", given((3, 1, 9, 6)))
    claims = run(model=str(shallow_weights), images=str(photographs), data_dir=tmp_path / "prepared")
    assert asked_everywhere(claims)
    units = [claim for claim in claims[10,] + claims[9,] + claims[11,] if claim["basis"] == "found units"]
    assert sum(claim["status"] != "not asked" for claim in units) >= 6
    for name in ("family-1", "photographs", "tuning", "weights", "places", "downstream-1", "boundaries"):
        assert (tmp_path / "run" / "images" / f"{name}.png").exists(), name


def test_of_one_unit_nothing_is_said(run: Run, shallow_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Study, "family", given((3,)))
    claims = run(model=str(shallow_weights))
    assert {claim["why"] for claim in claims[11,]} >= {"only 1 unit found"}
    assert LEAST > 1


@pytest.mark.shared
def test_published_numbers(run: Run, shallow_weights: Path, thread: Path) -> None:
    claims = run(model=str(shallow_weights), published=thread)
    known = [c for of in claims.values() for c in of if c["basis"] == "published numbers"]
    assert len(known) == 5
    assert {claim["status"] for claim in known} == {"holds"}


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.usefixtures("labelled")
def test_the_labelled_path(run: Run, thread: Path) -> None:
    claims = run(model="inception5h", size=32, published=thread)
    assert asked_everywhere(claims)
    reasons = {claim["why"] for of in claims.values() for claim in of}
    assert "needs the weights of inception5h" not in reasons


def test_factors_are_told_apart_by_frequency() -> None:
    frequencies = np.geomspace(1.0, 10.0, 8)
    seen = np.stack([np.linspace(0, 1, 8), np.linspace(1, 0, 8), np.ones(8)], 1)
    inputs = np.array([[0.0, 1.0, 0.1], [1.0, 0.0, 0.1]])
    assert high_first(inputs, seen, frequencies) == [1, 0]
    curves = inputs[[1, 0]] @ seen.T
    assert (steadiness(curves[0]), steadiness(curves[1])) == (1.0, -1.0)


@pytest.mark.parametrize("angle", [0.0, 60.0, 135.0, 250.0])
def test_the_direction_of_a_tile(angle: float) -> None:
    y, x = np.mgrid[-2:3, -2:3]
    tile = np.cos(np.deg2rad(angle)) * x + np.sin(np.deg2rad(angle)) * y
    assert apart(direction_of(tile), angle) < 1e-6
    assert opposed(tile, 1.0 - tile)
    assert not opposed(tile, tile + 1.0)


def test_published_angles_are_towards_the_high_frequencies() -> None:
    """Heat maps of stimuli, so that the angle is known: where the image has more of what a mean over pixels hides."""
    angles = np.arange(360.0)
    maps = np.exp(-0.5 * (((angles - 219 + 180) % 360 - 180) / 20) ** 2)[None, None].repeat(3, 1).astype(np.float32)
    assert abs(published.published_angles(maps, np.array([132]))[132] - 219) < 1e-3
    drawn = np.asarray(HighLow(orientation=90.0, wavelength=6.0, ratio=5.0).image(64)).mean(-1)
    fine = np.abs(np.diff(drawn, axis=1)).mean(1)
    assert fine[40:].mean() > 2 * fine[:24].mean()  # Below, since y goes down.


def test_agreement_knows_lists_and_tiles() -> None:
    rng = np.random.default_rng(0)
    inputs, maps = np.zeros((2, 8)), rng.normal(size=(1, 2, 5, 5))
    inputs[0, :5], inputs[1, 3:] = [5, 4, 3, 2, 1], [1, 2, 3, 4, 5]
    tiles = {"HF": (maps[0, 0] / 2).tolist(), "LF": (-maps[0, 1]).tolist()}
    numbers = {
        "nmf_components": {"conv2d2": {"HF": [[n, 10.0 - 2 * n] for n in range(5)],
                                       "LF": [[7 - n, 5.0 - n] for n in range(5)]}},
        "nmf_spatial_factors": {"110": {"conv2d2_at_maxpool1": tiles}},
    }  # fmt: skip
    found = Factored("conv2d2", np.zeros((1, 8, 5, 5)), maps, inputs, 0.0, np.ones(2), np.ones((2, 8)))
    assert published.agreement(found, [110], numbers) == {"lists": 2, "tiles": [1.0, -1.0]}
    numbers["nmf_components"]["conv2d2"]["LF"][1][0] = 1
    assert published.agreement(found, [110], numbers)["lists"] == 1
