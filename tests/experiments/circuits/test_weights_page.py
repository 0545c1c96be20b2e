"""The experiment `weights`, on random weights and with painted icons."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import circuits
import featvis
import inception_jax
from circuits.graphs import layers_below
from experiments.circuits import weights
from experiments.circuits.units import above, chosen, layer_below, read_at
from experiments.options import UsageError

Run = Callable[..., int]
Asked = list[list[featvis.Objective]]


@pytest.fixture
def run(shallow_weights: Path, tmp_path: Path) -> Run:
    def run(**options: Any) -> int:
        options = {"units": "mixed3b:5", "out": tmp_path, "count": 3, "back": 2} | options
        return weights.run(weights.Config(model=str(shallow_weights), **options))

    return run


def read(path: Path) -> list[list[str]]:
    with path.open() as file:
        return list(csv.reader(file))[1:]


def test_every_side_has_the_strongest_neighbours(
    run: Run, shallow: inception_jax.Model, painted: Asked, tmp_path: Path
) -> None:
    assert run(units="mixed3a:5,2", factors=0) == 0
    sides = {
        # conv2d2 is read behind its pool, and so is conv2d1, two layers back, at the pool that conv2d2 is read at.
        "in": ("conv2d2", circuits.expanded_weights(shallow, "maxpool1", "mixed3a", units=[5, 2]), 3),
        "out": ("mixed3b", circuits.expanded_weights(shallow, "mixed3a", "mixed3b", inputs=[5, 2]), 3),
        "back": ("conv2d1", circuits.expanded_weights(shallow, "conv2d1", "mixed3a", units=[5, 2]), 2),
    }
    expected = []
    for side, (layer, array, count) in sides.items():
        for i, unit in enumerate((5, 2)):
            tiles = array[:, i] if side == "out" else array[i]
            lengths = np.sqrt((tiles**2).sum((1, 2)))
            for neighbour in np.argsort(-lengths)[:count]:
                tile = tiles[neighbour]
                sums = tile[tile > 0].sum(), -tile[tile < 0].sum(), tile.sum()
                expected.append((f"mixed3a:{unit}", side, f"{layer}:{neighbour}", lengths[neighbour], *sums))
    found = read(tmp_path / "neighbours.csv")
    assert [tuple(row[:3]) for row in found] == [row[:3] for row in expected]
    # float32 in another order of summing.
    np.testing.assert_allclose(
        np.array([row[3:] for row in found], float), np.array([row[3:] for row in expected], float), atol=1e-6
    )
    shown = {row[2] for row in expected} | {"mixed3a:5", "mixed3a:2"}
    assert {one.label.split("@")[0] for asked in painted for one in asked} == shown
    page = (tmp_path / "index.html").read_text()
    assert all(label in page for label in shown)
    assert all(f"images/mixed3a_{unit}-{side}.png" in page for unit in (5, 2) for side in sides)


def test_tiles_have_the_colours_of_the_weights(
    run: Run, shallow: inception_jax.Model, painted: Asked, tmp_path: Path
) -> None:
    assert run(factors=0, back=0) == 0
    array = circuits.expanded_weights(shallow, "mixed3a", "mixed3b", units=5)[0]
    strongest = circuits.in_neighbours(array[None], 0, 3).units
    expected = circuits.weights_to_rgb(array[strongest])
    with Image.open(tmp_path / "images/mixed3b_5-in.png") as image:
        pixels = np.asarray(image.convert("RGB")) / 255
    # One picture of a row of icons and, below it, a row of tiles of 104 pixels, 5 positions across.
    size = expected.shape[1]
    left, top, step = pixels.shape[1] - 3 * 114, 10 + 104 + 4, 114
    for i in range(3):
        middles = ((np.arange(size) + 0.5) * 104 / size).astype(int)
        found = pixels[np.ix_(top + middles, left + i * step + middles)]
        np.testing.assert_allclose(found, expected[i], atol=1 / 255)  # Eight bits.
    assert len(painted) == 2  # mixed3b and mixed3a; there is no layer above.


def test_factors_are_those_of_the_family(
    run: Run, shallow: inception_jax.Model, painted: Asked, tmp_path: Path
) -> None:
    assert run(units="mixed3b:4-7", back=0) == 0
    found = circuits.nmf(circuits.expanded_weights(shallow, "mixed3a", "mixed3b", units=range(4, 8)), 2)
    rows = read(tmp_path / "factors.csv")
    assert len(rows) == 10
    for i, direction in enumerate(found.inputs):
        strongest = np.argsort(-direction)[:5]
        mine = [row for row in rows if row[0] == f"factor {i}"]
        assert [row[1] for row in mine] == [f"mixed3a:{unit}" for unit in strongest]
        np.testing.assert_allclose([float(row[2]) for row in mine], direction[strongest], rtol=1e-6)
    assert all(one.label.startswith("mixed3a:direction-") for one in painted[-1])
    np.testing.assert_allclose([one.data[0] for one in painted[-1]], found.inputs, rtol=1e-5, atol=1e-7)  # float32.


def test_an_interrupted_run_goes_on(run: Run, painted: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint = featvis.render

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if len(painted) == 1:
            raise KeyboardInterrupt
        return paint(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(featvis, "render", interrupted)
        assert run() == 130
    assert "This run was interrupted" in (tmp_path / "index.html").read_text()
    kept = (tmp_path / "icons-mixed3b.npz").read_bytes()
    assert run() == 0
    assert (tmp_path / "icons-mixed3b.npz").read_bytes() == kept
    assert len(painted) == 4  # mixed3b before; then mixed3a, conv2d2 and the factors.
    assert json.loads((tmp_path / "metrics.json").read_text())["finished"] is True


@pytest.mark.usefixtures("painted")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": "mixed3b:16"}, r"mixed3b has no units '16'; it has units 0 to 15"),
        ({"units": "mixed3c:1"}, r"mixed3c"),
        ({"units": "curve"}, r"cannot read 'curve'; expected \"layer:unit\""),
        ({"units": "mixed3a:1,mixed3b:1"}, r"--units are of mixed3a and mixed3b; expected units of one layer"),
        ({"units": "-mixed3b:1"}, r"expected units without a minus, whose weights have both signs"),
        ({"units": "conv2d0:1"}, r"conv2d0 has 0 layers below it, 1 are needed; expected units of a later layer"),
        ({"units": "mixed3a:1", "lower": "mixed3b"}, r"mixed3b does not lead to mixed3a; expected a layer below it"),
        ({"lower": "mixed3b"}, r"mixed3b does not lead to mixed3b; expected a layer below it, such as mixed3a"),
        ({"lower": "mixed2a"}, r"mixed2a"),
        ({"count": 0}, r"--count is 0, --back 2 and --factors 2; expected at least 1, 0 and 0"),
        ({"factors": 99}, r"factors is 99; .* have 1 to 16 factors"),
    ],
)
def test_errors(run: Run, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(**options)


def test_layers_around_a_layer(shallow: inception_jax.Model) -> None:
    assert layers_below(shallow, "mixed3b") == ["mixed3a", "conv2d2", "conv2d1", "conv2d0"]
    assert layers_below(shallow, "mixed3b_pre_relu") == layers_below(shallow, "mixed3b")
    assert above(shallow, "mixed3a_pre_relu") == ["mixed3b"]
    assert above(shallow, "mixed3b") == []
    assert layer_below(shallow, "mixed3b", None, steps=2) == "conv2d2"
    assert layer_below(shallow, "mixed3b", "mixed3a_5x5") == "mixed3a_5x5"


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ("conv2d0", "conv2d1", "maxpool0"),  # Normalisation follows the pool.
        ("conv2d2", "mixed3a", "maxpool1"),  # Normalisation lies before the pool.
        ("conv2d1", "conv2d2", "conv2d1"),
        ("mixed3a", "mixed3b", "mixed3a"),  # The pool of the block is one branch of four.
        ("conv2d2", "maxpool1", "conv2d2"),
    ],
)
def test_weights_are_read_behind_pools(shallow: inception_jax.Model, lower: str, upper: str, expected: str) -> None:
    assert read_at(shallow, lower, upper) == expected


def test_units_come_once_each(shallow: inception_jax.Model) -> None:
    assert chosen("mixed3a:3-5,4,0", shallow) == ("mixed3a", [3, 4, 5, 0])
