"""The experiments of *The Building Blocks of Interpretability*, with icons that are not drawn but painted."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

import featvis
import inception_jax
from experiments.__main__ import main
from experiments.options import UsageError
from experiments.recipes import semantic_dictionary
from experiments.recipes.semantic_dictionary import _given, _strongest
from experiments.recipes.subject import Subject, SubjectOptions, subject
from featvis import objectives as obj
from featvis import recipes

LAYER = "mixed3a"
"""Of the shallow network, with 4x4 positions of 16 units."""


@pytest.fixture(scope="module")
def about(shallow_weights: Path) -> Subject:
    return subject(SubjectOptions(), inception_jax.load(shallow_weights))


@pytest.fixture
def run(shallow_weights: Path, tmp_path: Path) -> Callable[..., int]:
    """Run an experiment on that network and the drawn picture, into `tmp_path`."""

    def run(experiment: str, *options: str) -> int:
        common = ["--model", str(shallow_weights), "--layer", LAYER, "--out", str(tmp_path)]
        return main([experiment, *common, *options])

    return run


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """In place of `featvis.render`: images of one grey each, by how many there were; the labels asked for."""
    asked: list[list[str]] = []

    def render(model: object, objectives: Any, *, steps: int, seed: int, param: featvis.param.Image) -> Mock:
        del model, seed
        objectives = objectives if isinstance(objectives, Sequence) else [objectives]
        grey = (np.arange(len(objectives)) + sum(map(len, asked))) % 256 / 255
        asked.append([objective.label for objective in objectives])
        shape = (len(objectives), *[1] * len(param.shape))
        images = np.broadcast_to(grey.reshape(shape), (len(objectives), *param.shape)).astype(np.float32)
        arrays = {"images": images, "history": np.zeros((len(objectives), steps)), "scores": grey}
        return Mock(featvis.Result, **arrays, interrupted=False)

    monkeypatch.setattr(featvis, "render", render)
    return asked


def read(path: Path) -> list[list[str]]:
    with path.open() as file:
        return list(csv.reader(file))


def words(activations: np.ndarray) -> recipes.SemanticDictionary:
    return recipes.SemanticDictionary("a", np.zeros((*activations.shape, 1), int), activations[..., None])


def test_strongest_positions_are_not_neighbours() -> None:
    activations = np.array([[9.0, 8.0, 1.0, 0.0], [7.0, 6.0, 5.0, 2.0], [0.0, 0.0, 3.0, 4.0]])
    assert _strongest(words(activations), 2) == [(0, 0), (1, 2)]
    assert _strongest(words(activations), 9) == [(0, 0), (1, 2), (2, 0)], "no more have room"
    assert _strongest(words(activations), 1) == [(0, 0)]


def test_positions_are_read() -> None:
    found = words(np.zeros((3, 4)))
    config = semantic_dictionary.Config(positions=("2,3", "0,0", "2,3"))
    assert _given(config, found) == [(2, 3), (0, 0)]
    for text, message in {
        "3,0": "position 3,0 lies outside a, which is 3x4 here",
        "1": "cannot read position '1'; expected row,column, such as 3,5",
        "1,-1": "cannot read position '1,-1'; expected row,column",
    }.items():
        with pytest.raises(UsageError, match=message):
            _given(semantic_dictionary.Config(positions=(text,)), found)


Run = Callable[..., int]


def test_a_dictionary_has_the_strongest_units(
    about: Subject, run: Run, painted: list[list[str]], tmp_path: Path
) -> None:
    assert run("semantic_dictionary", "--units", "2", "--positions", "1,2", "0,0", "--classes", "3") == 0
    acts = recipes.layer_maps(about.model, about.batch, LAYER)[0]
    header, *rows = read(tmp_path / "dictionary.csv")
    assert header == ["position", "unit", "activation", "class 3"]
    wanted = [(place, rank) for place in ((1, 2), (0, 0)) for rank in range(2)]
    for (position, unit, activation, _), (place, rank) in zip(rows, wanted, strict=True):
        strongest = int(np.argsort(-acts[place], kind="stable")[rank])
        assert (position, unit) == (f"{place[0]},{place[1]}", f"{LAYER}:{strongest}")
        assert float(activation) == pytest.approx(acts[place][strongest], rel=1e-5)
    assert painted == [[row[1] for row in rows[:2]], [row[1] for row in rows[2:]]]
    page = (tmp_path / "index.html").read_text()
    assert all(row[1] in page for row in rows)


def test_groups_share_out_what_the_layer_adds(
    about: Subject, run: Run, painted: list[list[str]], tmp_path: Path
) -> None:
    assert run("neuron_groups", "--icon", "16", "--groups", "3", "--classes", "3", "5") == 0
    groups = recipes.neuron_groups(about.model, about.batch, LAYER, 3)
    header, *rows = read(tmp_path / "attribution.csv")
    assert header == ["class", "probability", "group 0", "group 1", "group 2"]
    assert [row[0] for row in rows] == ["class 3", "class 5"]
    found = recipes.attribute(about.model, about.batch, LAYER, "softmax2_pre_activation:3,5")
    values = [[float(x) for x in row[2:]] for row in rows]
    np.testing.assert_allclose(values, groups.attribution(found)[:, 0], rtol=1e-5)
    assert painted == [[objective.label for objective in groups.objectives()]]
    with np.load(tmp_path / "groups.npz") as arrays:
        np.testing.assert_array_equal(arrays["maps"], groups.maps[0])
    with Image.open(tmp_path / "images/group-1.png") as icon:
        pixels = np.asarray(icon)
    assert pixels.shape == (22, 22, 3)
    np.testing.assert_allclose(pixels[0, 0] / 255, groups.colours[1], atol=1 / 255)
    assert (pixels[3:-3, 3:-3] == 1).all()


def test_an_interrupted_grid_goes_on(
    about: Subject,
    run: Run,
    painted: list[list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--icon", "8", "--crop", "1", "--groups", "0"]
    paint = featvis.render

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if len(painted) == 2:
            raise KeyboardInterrupt
        return paint(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(featvis, "render", interrupted)
        assert run("activation_grid", *options) == 130
    assert "the same command goes on" in capsys.readouterr().out
    assert run("activation_grid", *options) == 0
    grid = recipes.activation_grid(about.model, about.image, LAYER)
    wanted = [objective.label for objective in grid.objectives()]
    assert [label for row in painted for label in row] == wanted, "each once"
    with Image.open(tmp_path / "images/grid.png") as picture:
        pixels = np.asarray(picture)
    # 4x4 icons of 6 pixels, as they were painted, enlarged to 560 pixels or a little more.
    assert pixels.shape == (576, 576, 3)
    np.testing.assert_array_equal(pixels[72::144, 72::144, 0], np.arange(16).reshape(4, 4))
    names = {file.name for file in (tmp_path / "images").iterdir()}
    assert names == {"photograph.png", "grid.png", "by-size.png", "by-opacity.png"}


def test_a_coherent_grid_is_one_result(run: Run, painted: list[list[str]], tmp_path: Path) -> None:
    assert run("activation_grid", "--icon", "8", "--groups", "2") == 0
    assert [len(labels) for labels in painted] == [4, 4, 4, 4, 1]
    assert painted[-1][0].startswith(f"{LAYER}:grid-direction-")
    with Image.open(tmp_path / "images/coherent.png") as picture:
        # All in the grey of the seventeenth piece, one result of 16 images.
        assert picture.getextrema() == ((16, 16),) * 3


def test_attribution_tells_two_classes_apart(
    about: Subject, run: Run, painted: list[list[str]], tmp_path: Path
) -> None:
    assert run("attribution", "--to", "mixed3b", "--units", "2", "--points", "4", "--classes", "3", "5") == 0
    logits = [obj.class_logit("softmax2_pre_activation", number) for number in (3, 5)]
    channels = recipes.attribute(about.model, about.batch, LAYER, logits[0] - logits[1]).channels[0, 0]
    order = np.argsort(-channels, kind="stable")
    shown = [*order[:2], *order[:-3:-1]]
    header, *rows = read(tmp_path / "channels.csv")
    assert header == ["unit", "gradient", "integrated", "stochastic"]
    assert [row[0] for row in rows] == [f"{LAYER}:{unit}" for unit in shown]
    assert painted == [[row[0] for row in rows]]
    np.testing.assert_allclose([float(row[1]) for row in rows], channels[shown], rtol=1e-4)
    settings = json.loads((tmp_path / "config.json").read_text())["settings"]
    assert (settings["experiment"], settings["layer"]) == ("attribution", LAYER)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["neuron_groups", "--layer", "avgpool0"], "avgpool0 has no positions: its shape is (1, 16)"),
        (["neuron_groups", "--layer", "mixed3c"], "no layer 'mixed3c'; did you mean"),
        (["neuron_groups", "--groups", "17"], "n is 17; 16 positions of 16 units have 1 to 16 directions"),
        (["neuron_groups", "--classes", "goldfish"], "no labels for shallow"),
        (["activation_grid", "--layer", "avgpool0"], "avgpool0 has no positions"),
        (["activation_grid", "--crop", "20"], "crop is 20; expected 0 or more, and less than half of 40 pixels"),
        (["semantic_dictionary", "--units", "0"], "k is 0; mixed3a has 1 to 16 units to show"),
        (["attribution", "--layer", "mixed3b", "--to", "mixed3a"], "mixed3b does not lead to "),
    ],
)
@pytest.mark.usefixtures("painted")
def test_requests_that_cannot_be_met(
    arguments: list[str], message: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err
