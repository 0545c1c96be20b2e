"""The experiment `weights_in_context`, on random weights and with painted pictures."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import circuits
import featvis
import inception_jax
from experiments.circuits import pictures, weights_in_context
from experiments.circuits.seen import part_seen, seen_by
from experiments.circuits.weights_in_context import directions
from experiments.options import UsageError

Run = Callable[..., int]
Asked = list[list[featvis.Objective]]
UNIT = 5
"""Of the 3x3 branch of mixed3b."""


@pytest.fixture
def run(shallow_weights: Path, tmp_path: Path) -> Run:
    def run(**options: Any) -> int:
        options = {"units": f"mixed3b:{UNIT}", "out": tmp_path, "count": 3} | options
        return weights_in_context.run(weights_in_context.Config(model=str(shallow_weights), **options))

    return run


def read(path: Path) -> list[list[str]]:
    with path.open() as file:
        return list(csv.reader(file))[1:]


@pytest.mark.usefixtures("painted")
def test_attributions_are_those_of_the_linearised_network(
    run: Run, shallow: inception_jax.Model, tmp_path: Path
) -> None:
    assert run() == 0
    with np.load(tmp_path / "pictures.npz") as arrays:
        image = arrays["images"]
    # Another way to the same numbers: gradients of the whole map, backward through the linearised network.
    found = circuits.attribute(
        shallow,
        image,
        "mixed3a",
        "mixed3b_pre_relu",
        [UNIT],
        position=(2, 2),
        rules=inception_jax.LINEAR,
    )
    totals = found.channels[0, 0]
    strongest = sorted(np.argsort(-np.abs(totals))[:3].tolist(), key=lambda n: -totals[n])
    rows = read(tmp_path / "attribution.csv")
    assert [row[:3] for row in rows] == [[f"mixed3b:{UNIT}", "its own picture", f"mixed3a:{n}"] for n in strongest]
    values = np.array([row[3:] for row in rows], float)
    # float32, summed in another order.
    np.testing.assert_allclose(values[:, 0], totals[strongest], rtol=1e-4)
    np.testing.assert_allclose(values[:, 1] - values[:, 2], values[:, 0], rtol=1e-5)
    with np.load(tmp_path / "attribution.npz") as arrays:
        added = arrays[f"mixed3b:{UNIT} its own picture"]
    np.testing.assert_allclose(added.sum((1, 2)), totals, atol=1e-5 * np.abs(totals).max())


def test_pictures_are_of_the_weights_and_of_the_attributions(
    run: Run, shallow: inception_jax.Model, painted: Asked, tmp_path: Path
) -> None:
    assert run(faintest=0.3) == 0
    weights = circuits.expanded_weights(shallow, "mixed3a", "mixed3b", units=UNIT)[0]
    wanted, lengths = [], []
    for sign in (1, -1):
        for row, column in np.ndindex(weights.shape[1:]):
            half = np.maximum(sign * weights[:, row, column], 0)
            lengths.append(np.linalg.norm(half))
            wanted.append(half)
    kept = [half / size for half, size in zip(wanted, lengths, strict=True) if size >= 0.3 * max(lengths)]
    assert 0 < len(kept) < len(wanted)
    own, positions, drives, _ = painted
    assert [one.label for one in own] == [f"mixed3b:{UNIT}@centre,centre"]
    # float32, in another order of summing; so below.
    np.testing.assert_allclose([one.data[0] for one in positions], kept, rtol=1e-4, atol=1e-6)
    with np.load(tmp_path / "attribution.npz") as arrays:
        added = arrays[f"mixed3b:{UNIT} its own picture"]
    parts = [np.maximum(added, 0), np.maximum(-added, 0)]
    tensors = [np.moveaxis(part / part.max(), 0, -1).astype(np.float32) for part in parts if part.any()]
    assert len(drives) == len(tensors) == 2
    for one, tensor in zip(drives, tensors, strict=True):
        np.testing.assert_allclose(one.data[0], tensor, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("painted")
def test_a_photograph_is_taken_apart_too(run: Run, tmp_path: Path) -> None:
    Image.effect_noise((40, 40), 80).convert("RGB").save(tmp_path / "noise.jpg")
    assert run(image=tmp_path / "noise.jpg", out=tmp_path / "out") == 0
    assert {row[1] for row in read(tmp_path / "out" / "attribution.csv")} == {"its own picture", "noise"}


@pytest.mark.parametrize(("side", "away"), [(32, 0), (64, 2)])
def test_the_most_active_position_sees_no_border_where_there_is_room(
    shallow: inception_jax.Model, side: int, away: int
) -> None:
    image = np.random.default_rng(0).random((side, side, 3), np.float32)
    seen = seen_by(shallow, "mixed3a", "mixed3b", UNIT, (5, 5), image)
    values = np.asarray(shallow(image[None], until="mixed3b")["mixed3b"])[0, ..., UNIT]
    # A window of 5x5 positions fits a map of 8x8 two positions from the border, and one of 4x4 nowhere.
    values = values[away : side // 8 - away, away : side // 8 - away]
    # Two programs, which may round differently.
    assert seen.value == pytest.approx(values.max(), rel=1e-5)
    assert values[seen.position[0] - away, seen.position[1] - away] == values.max()
    part = part_seen(shallow, "mixed3b", seen)
    assert part.shape[0] == part.shape[1]


@pytest.mark.parametrize("place", [(0, 0), (3, 5), (7, 7), (0, 7)])
def test_windows_lie_where_the_unit_looks(shallow: inception_jax.Model, place: tuple[int, int]) -> None:
    image = np.random.default_rng(1).random((32, 32, 3), np.float32)
    acts = shallow(image[None], until="conv2d2")
    # A convolution of 3x3: weights times what is seen, plus the bias, is the unit, at borders too.
    seen = seen_by(shallow, "conv2d1", "conv2d2_pre_relu", 3, (3, 3), image, place)
    kernel = np.asarray(shallow.weights["conv2d2"]["kernel"])[..., 3].transpose(2, 0, 1)
    value = (kernel * seen.activations).sum() + float(shallow.weights["conv2d2"]["bias"][3])
    assert value == pytest.approx(
        float(acts["conv2d2_pre_relu"][0, *place, 3]), abs=1e-4
    )  # float32, of values up to a hundred.
    # A pool of stride 2: the largest value that is seen is that of the pool, up to rounding.
    seen = seen_by(shallow, "conv2d0", "maxpool0", 1, (3, 3), image, place)
    assert seen.activations[1].max() == pytest.approx(float(acts["maxpool0"][0, *place, 1]), rel=1e-5)


@pytest.mark.usefixtures("painted")
def test_wide_windows_are_cut_unless_asked_for(run: Run, tmp_path: Path) -> None:
    wide = {"units": "mixed3a:9", "lower": "conv2d1", "size": 48}
    assert run(**wide, out=tmp_path / "cut") == 0
    assert run(**wide, out=tmp_path / "whole", window=9) == 0
    shapes = [np.load(tmp_path / name / "weights.npz")["weights"].shape for name in ("cut", "whole")]
    assert shapes == [(1, 4, 7, 7), (1, 4, 9, 9)]


def test_layers_without_positions(run: Run) -> None:
    with pytest.raises(UsageError, match=r"softmax2_pre_activation has no positions: its shape is \(1, 10\)"):
        run(units="softmax2_pre_activation:1")


def test_halves_of_weights_make_up_the_weights() -> None:
    weights = np.random.default_rng(0).normal(size=(6, 3, 3))
    found, strengths = directions(weights, 0.0)
    largest = max(np.linalg.norm(np.maximum(sign * weights, 0), axis=0).max() for sign in (1, -1))
    positive, negative = (found * strengths[..., None]) * largest
    np.testing.assert_allclose(np.moveaxis(positive - negative, -1, 0), weights)
    assert (found >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1)


def test_weak_positions_are_empty() -> None:
    weights = np.array([[[1.0, 0.05, -0.5]]])
    _, strengths = directions(weights, 0.1)
    assert strengths.tolist() == [[[1.0, 0.0, 0.0]], [[0.0, 0.0, 0.5]]]
    assert directions(np.zeros((2, 1, 1)), 0.1)[1].tolist() == [[[0.0]], [[0.0]]]


def test_a_field_fades_what_is_weak() -> None:
    icons = np.zeros((1, 3, 4, 4, 3), np.float32)
    pixels = np.asarray(pictures.field(icons, np.array([[1.0, 0.5, 0.0]]), cell=10))
    assert pixels[5, [5, 17, 29], 0].tolist() == [0, 128, 255]


@pytest.mark.usefixtures("painted")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": "mixed3b:16"}, r"mixed3b has no units '16'"),
        ({"units": "mixed3a:1", "lower": "mixed3b"}, r"mixed3b does not lead to mixed3a; expected a layer below it"),
        ({"window": 9}, r"size is 9; 'mixed3b' sees 5x5 positions of 'mixed3a': expected 1 to 5"),
        ({"count": 0}, r"--count is 0 and --faintest 0.1; expected at least 1, and a share from 0 to 1"),
        ({"faintest": 2.0}, r"--count is 3 and --faintest 2; expected at least 1, and a share from 0 to 1"),
        ({"image": Path("nowhere.jpg")}, r"nowhere.jpg"),
    ],
)
def test_errors(run: Run, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(**options)
