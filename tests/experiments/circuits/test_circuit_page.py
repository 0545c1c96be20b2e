"""The experiment `circuit`, on random weights and with painted icons, and its picture."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuits
import featvis
import inception_jax
from circuits import Circuit, Edge, Unit
from experiments.circuits import circuit, diagram
from experiments.options import UsageError
from experiments.recipes.sources import sample

Run = Callable[..., int]
Asked = list[list[featvis.Objective]]


@pytest.fixture
def run(shallow_weights: Path, tmp_path: Path) -> Run:
    def run(**options: Any) -> int:
        options = {"units": "mixed3b:5", "out": tmp_path / "out", "count": 2, "least": 0.0} | options
        return circuit.run(circuit.Config(model=str(shallow_weights), **options))

    return run


def read(path: Path) -> list[list[str]]:
    with path.open() as file:
        return list(csv.reader(file))[1:]


def test_the_graph_is_what_the_library_finds(
    run: Run, shallow: inception_jax.Model, painted: Asked, tmp_path: Path
) -> None:
    assert run(units="mixed3b:5,12") == 0
    graphs = json.loads((tmp_path / "out" / "circuit.json").read_text())["circuits"]
    rows = read(tmp_path / "out" / "edges.csv")
    icons = {one.label.split("@")[0] for asked in painted for one in asked}
    labels = set()
    for graph, number in zip(graphs, (5, 12), strict=True):
        found = circuits.circuit(shallow, "mixed3b", number, 2, count=2, least=0.0)
        assert graph["unit"] == f"mixed3b:{number}"
        assert [(node["label"], node["contribution"]) for node in graph["nodes"]] == [
            (unit.label, unit.contribution) for unit in found.units
        ]
        assert [(edge["source"], edge["target"]) for edge in graph["edges"]] == [
            (edge.source, edge.target) for edge in found.edges
        ]
        for edge, known in zip(graph["edges"], found.edges, strict=True):
            np.testing.assert_array_equal(np.array(edge["weights"], np.float32), known.weights)
            assert edge["net"] == pytest.approx(np.sum(edge["weights"]), abs=1e-6)  # Summed in float32 there.
            mine = next(r for r in rows if r[:3] == [graph["unit"], edge["source"], edge["target"]])
            assert [float(x) for x in mine[3:]] == pytest.approx([edge["contribution"], edge["share"], edge["net"]])
        labels |= {unit.label for unit in found.units}
    assert icons == labels
    assert len(rows) == sum(len(graph["edges"]) for graph in graphs)
    assert (tmp_path / "out" / "images" / "mixed3b_12-circuit.png").exists()
    assert run(units="mixed3b:5,12") == 0
    assert len(painted) == 3, "one call for each layer, and none for a finished run"


@pytest.mark.usefixtures("painted")
def test_layers_and_pruning_are_the_callers(run: Run, shallow: inception_jax.Model, tmp_path: Path) -> None:
    assert run(depth=1, count=3, least=0.05, layers=("maxpool1",)) == 0
    found = circuits.circuit(shallow, "mixed3b", 5, 1, count=3, least=0.05, layers=["maxpool1"])
    rows = read(tmp_path / "out" / "edges.csv")
    assert [row[1] for row in rows] == [edge.source for edge in found.edges]
    assert all(row[1].startswith("maxpool1:") for row in rows)


@pytest.mark.usefixtures("painted")
def test_faithfulness_is_asked_of_the_unit_before_its_relu(
    run: Run, shallow: inception_jax.Model, photographs: Path, tmp_path: Path
) -> None:
    options = {"images": str(photographs), "data_dir": tmp_path, "photographs": 3, "draws": 2, "depth": 1, "count": 8}
    assert run(**options) == 0
    config = circuit.Config(images=str(photographs), data_dir=tmp_path, photographs=3)
    whole = circuits.circuit(shallow, "mixed3b_pre_relu", 5, 1, count=8, least=0.0, layers=["mixed3a"])
    expected = circuits.faithfulness(shallow, sample(config, shallow), whole, draws=2)
    found = read(tmp_path / "out" / "faithful.csv")
    assert [row[1] for row in found] == ["this circuit", "2 random circuits, mean", "the best of them"]
    np.testing.assert_allclose(
        np.array([row[2:] for row in found], float),
        [
            [expected.faithful, expected.without],
            [expected.random_faithful.mean(), expected.random_without.mean()],
            [expected.random_faithful.max(), expected.random_without.min()],
        ],
        rtol=1e-6,
    )
    assert "Is it the circuit?" in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.usefixtures("painted")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": "mixed3b:16"}, r"mixed3b has no units '16'; it has units 0 to 15"),
        ({"units": "conv2d0:0"}, r"conv2d0 has no layers below it; expected units of a later layer"),
        ({"depth": 9}, r"depth is 9; below 'mixed3b' there are 4 layers: expected 1 to 4"),
        ({"count": 0}, r"count is 0 and least is 0.0; expected at least 1, and a share from 0 to 1"),
        ({"least": 0.9}, r"nothing contributes 0.9 to mixed3b:5; expected a smaller --least"),
        ({"layers": ("mixed3b",), "depth": 1}, r"'mixed3b'"),
        ({"layers": ("conv2d1", "conv2d2")}, r"'conv2d2'.*'conv2d1'"),
    ],
)
def test_errors(run: Run, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(**options)


def pair(weight: float, contribution: float = 1.0) -> Circuit:
    edge = Edge("a:1", "b:2", np.full((1, 1), weight), 1.0, contribution)
    return Circuit((Unit("b", 2, 1.0), Unit("a", 1, contribution)), (edge,))


@pytest.mark.parametrize(("weight", "colour"), [(0.5, diagram.RED), (-0.5, diagram.BLUE)])
def test_lines_have_the_colour_of_the_sign(weight: float, colour: tuple[int, int, int]) -> None:
    icons = dict.fromkeys(["a:1", "b:2"], np.zeros((8, 8, 3), np.float32))
    pixels = np.asarray(diagram.draw(pair(weight), icons))
    # Of a tile of one weight, which is full red or blue, and of the lines to both sides of it.
    seen = np.all(np.abs(pixels.astype(int) - np.array(colour)) <= 2, axis=-1)
    rows = np.asarray(seen)[:, pixels.shape[1] // 2]
    assert rows.sum() > 44 + 80, "a tile of 44 pixels and lines as long as the lane"
    opposite = diagram.BLUE if colour == diagram.RED else diagram.RED
    assert not (np.abs(pixels.astype(int) - np.array(opposite)) <= 2).all(-1).any()


def test_lines_are_as_wide_as_edges_contribute() -> None:
    edges = tuple(Edge(f"a:{i}", "b:0", np.ones((1, 1)), share, share) for i, share in enumerate((0.64, 0.16, 0.04)))
    units = (Unit("b", 0, 1.0), *(Unit("a", i, edge.share) for i, edge in enumerate(edges)))
    icons = {unit.label: np.zeros((8, 8, 3), np.float32) for unit in units}
    pixels = np.asarray(diagram.draw(Circuit(units, edges), icons)).astype(int)
    # A few pixels above the icons below, where lines leave upwards.
    icon_rows = np.flatnonzero(~pixels.any(-1) @ np.ones(pixels.shape[1]) > 200)
    above = icon_rows[icon_rows > 200][0] - 8
    red = (np.abs(pixels[above] - np.array(diagram.RED)) < 90).all(-1)
    starts = np.flatnonzero(np.diff(np.concatenate([[0], red.astype(int), [0]])))
    widths = starts[1::2] - starts[::2]
    # Widths go with the square root: 10, 5 and 2.5 pixels, give or take one for smooth edges and slants.
    np.testing.assert_allclose(widths, [10, 5, 2.5], atol=1.5)


def test_tiles_do_not_cover_each_other() -> None:
    rng = np.random.default_rng(0)
    above, below = [Unit("b", i, 0.2) for i in range(4)], [Unit("a", i, 0.1) for i in range(6)]
    edges = tuple(Edge(low.label, high.label, rng.normal(size=(3, 3)), 0.1, 0.01) for high in above for low in below)
    nodes = {
        unit.label: diagram.Place(60.0 + 120 * unit.number, 0 if unit.layer == "b" else 300, 100)
        for unit in (*above, *below)
    }
    wide = max(len(edges) * 50, 720)
    places = [place for _, place in diagram._lane(edges, nodes, wide)]
    xs = np.sort([place.x for place in places])
    assert (np.diff(xs) >= 44).all()
    assert xs[0] >= 22
    assert xs[-1] <= 16 + wide - 22


def test_what_has_room_stays_where_it_is_and_what_has_none_gives_way_to_both_sides() -> None:
    wanted = np.array([100.0, 300.0, 300.0, 300.0])
    np.testing.assert_allclose(diagram._spread(wanted, 50, 0, 800), [100, 250, 300, 350])
    np.testing.assert_allclose(diagram._spread(wanted, 50, 0, 300), [100, 200, 250, 300])


def test_units_lie_below_what_they_lead_to() -> None:
    units = [Unit("c", 0, 1.0), *(Unit("b", i, 0.5) for i in range(2)), *(Unit("a", i, 0.2) for i in range(3))]
    ends = [("b:0", "c:0", 0.5), ("b:1", "c:0", 0.5), ("a:0", "b:1", 0.2), ("a:1", "b:0", 0.2)]
    ends += [("a:2", "b:0", 0.1), ("a:2", "b:1", 0.1)]
    edges = tuple(Edge(low, high, np.ones((1, 1)), share, share) for low, high, share in ends)
    assert diagram.ordered(Circuit(tuple(units), edges)) == [["c:0"], ["b:0", "b:1"], ["a:1", "a:2", "a:0"]]
