"""The circuit of a unit: what it is made of, layer by layer, as a picture and as a graph.

- Command: python -m experiments circuit --units mixed3b:85 --images ../shared/data/imagenet-samples.zip
- Time: 40 seconds of processor time with the bundled network, half of it compiling programs, which are kept; 30 seconds
  for mixed3b:408 of bvlc_googlenet with --size 80 --steps 96, after that
- Expect: a picture in the style of *Zoom In*: the unit at the top, below it the units that contribute most to it and
  what these are made of, with the expanded weights between them on the lines; lines are red where a unit excites, blue
  where it inhibits, and as wide as it contributes. circuit.json is the same as a graph, edges.csv as a table. With
  --images, how much of the unit remains with this circuit alone, beside random ones of its shape
- Resume: Ctrl-C keeps the icons that are done, the same command goes on from there

Without --images nothing is asked of photographs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import circuits
import inception_jax
from circuits import Circuit
from circuits.graphs import layers_below
from experiments import figures
from experiments.circuits import diagram
from experiments.circuits.icons import IconOptions, unit_icons
from experiments.circuits.units import chosen
from experiments.figures import Figures
from experiments.options import UsageError, usage_errors
from experiments.recipes.drawing import names
from experiments.recipes.sources import SampleOptions, sample

GRAPH = "circuit.json"


@dataclass(frozen=True)
class Config(IconOptions, SampleOptions):
    """Which unit, how far down, and how much of it."""

    units: str = "mixed3b:85"
    """The unit, as for feature_vis; of several of one layer, a circuit of each."""
    depth: int = 2
    """Layers down."""
    count: int = 3
    """Inputs that are kept of each unit, the strongest, at most."""
    least: float = 0.002
    """The smallest contribution that is kept, as a share of the unit."""
    layers: tuple[str, ...] = ()
    """Layers to go down, the highest first; by default the stem's convolutions and the blocks."""
    photographs: int = 64
    """Photographs to take of the data, at most."""
    draws: int = 5
    """Random circuits of the same shape to compare with."""


def run(config: Config) -> int:
    """Find the circuit, draw it, write the page and the graph; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "What a unit is made of, and what that is made of. On each line lie the weights, by position: red excites, "
        "blue inhibits. A line is red where its weights sum to more than zero, blue where they sum to less, and as "
        "wide as the unit below contributes."
    )

    def draw(page: Figures, model: inception_jax.Model) -> None:
        layer, numbers = chosen(config.units, model)
        if not config.layers and not layers_below(model, layer):
            raise UsageError(f"{layer} has no layers below it; expected units of a later layer")
        photos = sample(config, model)
        found = [_found(model, layer, number, config) for number in numbers]
        icons = _icons(page, model, found, config)
        page.directory.write_json(GRAPH, {"circuits": [as_graph(one) for one in found]})
        remains = [_remains(page, model, one, photos, config) for one in found if len(photos)]
        for one in found:
            _show(page, one, {label: icons[label] for label in (unit.label for unit in one.units)})
        if remains:
            _show_remains(page, found, remains, len(photos))
        page.section("Numbers", f"{GRAPH} has the same with all weights.")
        page.table(
            "edges",
            ["unit", "source", "target", "contribution", "share", "net"],
            [
                [one.units[0].label, e.source, e.target, e.contribution, e.share, e.net]
                for one in found
                for e in one.edges
            ],
            "Share: of the squared weights into the target. Contribution: that, times the target's own. Net: the sum.",
        )

    return figures.run("circuit", config, "Circuits", lede, draw)


def as_graph(circuit: Circuit) -> dict[str, Any]:
    """The circuit in JSON's types: `nodes` with contributions, and `edges` with weights, rows of columns.

    >>> edge = circuits.Edge("a:1", "b:2", np.ones((1, 2)), 1.0, 1.0)
    >>> as_graph(Circuit((circuits.Unit("b", 2, 1.0),), (edge,)))["edges"][0]["weights"]
    [[1.0, 1.0]]
    """
    nodes = [
        {"label": unit.label, "layer": unit.layer, "unit": unit.number, "contribution": unit.contribution}
        for unit in circuit.units
    ]
    edges = [
        {
            "source": edge.source,
            "target": edge.target,
            "contribution": edge.contribution,
            "share": edge.share,
            "net": edge.net,
            "weights": np.asarray(edge.weights, np.float64).tolist(),
        }
        for edge in circuit.edges
    ]
    return {"unit": circuit.units[0].label, "nodes": nodes, "edges": edges}


def _found(model: inception_jax.Model, layer: str, number: int, config: Config) -> Circuit:
    with usage_errors():
        found = circuits.circuit(
            model,
            layer,
            number,
            config.depth,
            count=config.count,
            least=config.least,
            layers=config.layers or None,
        )
    if not found.edges:
        raise UsageError(f"nothing contributes {config.least:g} to {layer}:{number}; expected a smaller --least")
    return found


def _icons(
    page: Figures, model: inception_jax.Model, found: Sequence[Circuit], config: Config
) -> dict[str, np.ndarray]:
    """Icons of all units, by label, layer by layer."""
    units = [unit for one in found for unit in one.units]
    icons = {}
    for layer in dict.fromkeys(unit.layer for unit in units):
        drawn = unit_icons(page, model, layer, [unit.number for unit in units if unit.layer == layer], config)
        icons |= {f"{layer}:{number}": image for number, image in drawn.items()}
    return icons


def _show(page: Figures, one: Circuit, icons: dict[str, np.ndarray]) -> None:
    top, layers = one.units[0], list(dict.fromkeys(unit.layer for unit in one.units))
    page.section(top.label)
    kept = [sum(unit.contribution for unit in one.layer(layer)) for layer in layers[1:]]
    shares = ", ".join(f"{share:.0%} in {layer}" for layer, share in zip(layers[1:], kept, strict=True))
    strongest = [edge for edge in one.edges if edge.target == top.label]
    (name,) = names([f"{top.label}-circuit"])
    page.figure(
        name,
        diagram.draw(one, icons),
        f"{top.label} and what it is made of in {' and '.join(layers[1:])}: {len(one.units)} units, "
        f"{len(one.edges)} edges. Of the squared weights they keep {shares}. Each tile is on the scale of its layer.",
        alt=f"{top.label} is made of "
        + ", ".join(f"{e.source} ({'excites' if e.net >= 0 else 'inhibits'}, {e.share:.0%})" for e in strongest),
    )


def _remains(
    page: Figures, model: inception_jax.Model, one: Circuit, photos: np.ndarray, config: Config
) -> dict[str, np.ndarray]:
    top = one.units[0].label
    (name,) = names([f"faithful-{top}"])
    asked = before_relu(model, one)

    def make() -> dict[str, Any]:
        found = circuits.faithfulness(model, photos, asked, draws=config.draws, seed=config.seed)
        return {
            "alone": np.array([found.faithful, *found.random_faithful]),
            "without": np.array([found.without, *found.random_without]),
        }

    return page.kept(name, make)


def before_relu(model: inception_jax.Model, one: Circuit) -> Circuit:
    """The circuit of the unit before its ReLU, which has something to explain where the unit is inactive.

    >>> model = inception_jax.load("mini")
    >>> before_relu(model, circuits.circuit(model, "mixed3a", 20, 1)).edges[0].target
    'mixed3a_pre_relu:20'
    """
    top, layer = one.units[0], f"{one.units[0].layer}_pre_relu"
    if layer not in model.layers:
        return one
    unit = replace(top, layer=layer)
    edges = [replace(edge, target=unit.label) if edge.target == top.label else edge for edge in one.edges]
    return Circuit((unit, *one.units[1:]), tuple(edges))


def _show_remains(
    page: Figures, found: Sequence[Circuit], remains: Sequence[dict[str, np.ndarray]], photographs: int
) -> None:
    page.section(
        "Is it the circuit?",
        f"What remains of the unit over {photographs} photographs, of 1, if its units receive from each other alone, "
        "or if they receive everything else; what is cut carries its mean. 0 is what remains without any input. A "
        "faithful circuit has much alone, a complete one leaves little without it.",
    )
    rows = []
    for one, numbers in zip(found, remains, strict=True):
        alone, without = numbers["alone"], numbers["without"]
        rows.append([one.units[0].label, "this circuit", float(alone[0]), float(without[0])])
        if len(alone) > 1:
            several = f"{len(alone) - 1} random circuits, mean"
            rows.append([one.units[0].label, several, float(alone[1:].mean()), float(without[1:].mean())])
            rows.append([one.units[0].label, "the best of them", float(alone[1:].max()), float(without[1:].min())])
    page.table(
        "faithful",
        ["unit", "circuit", "alone", "without it"],
        rows,
        "One minus the squared error over that without any input. Random circuits: other units, same edges.",
    )
