"""Weights of units: what excites and inhibits them, each neighbour's weights beside what it looks for.

- Command: python -m experiments weights --units mixed3b:85
- Time: two minutes of processor time with the bundled network, of which all but 25 seconds compile programs; these are
  kept. About as long for six neighbours of two units of bvlc_googlenet with --size 80 --steps 96
- Expect: for each unit the strongest units below it with their expanded weights, red where they excite and blue where
  they inhibit, and an icon of each; the same for what it does to the layer above, and for the layer two below. Groups
  of inputs that act alike, by one-sided non-negative factorisation, each with an icon of its own. After the circuit
  figures of *Zoom In*, *An Overview of Early Vision* and *Visualizing Weights* (Distill, 2020 and 2021).
  neighbours.csv and factors.csv have the numbers
- Resume: Ctrl-C keeps the icons that are done, the same command goes on from there
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image

import circuits
import inception_jax
from circuits import CircuitWeights
from circuits.graphs import layers_below
from experiments import figures
from experiments.circuits import pictures
from experiments.circuits.icons import IconOptions, cropped, drawn, unit_icons
from experiments.circuits.units import above, chosen, layer_below, read_at
from experiments.figures import Figures
from experiments.options import UsageError, usage_errors
from experiments.recipes.drawing import names
from featvis import objectives as obj


@dataclass(frozen=True)
class Config(IconOptions):
    """Which units, and how many of their neighbours."""

    units: str = "mixed3b:85"
    """Units of one layer, as for feature_vis; several are taken for a family that shares its factors."""
    lower: str | None = None
    """The layer whose units are the inputs; by default the convolution or block below."""
    count: int = 8
    """Neighbours of each unit, the strongest."""
    factors: int = 2
    """Groups of inputs; 0 for none."""
    back: int = 6
    """Neighbours two layers back; 0 for none."""


@dataclass(frozen=True)
class Side:
    """One side of the units: weights to or from a layer, and the neighbours of each unit that are shown.

    Attributes:
        name: of the side: in, out, back.
        layer: where the neighbours are.
        at: where the lower layer is read: itself, or a pool after it.
        weights: the units asked for are its `units`, or for the side out its `inputs`.
        neighbours: the strongest of each unit, by their numbers.
    """

    name: str
    layer: str
    at: str
    weights: CircuitWeights
    neighbours: list[list[int]]

    def unit_label(self, number: int) -> str:
        """The unit in the field's short form."""
        return f"{self.weights.lower if self.name == 'out' else self.weights.upper}:{number}"

    def tiles(self, unit: int, shown: Sequence[int]) -> Float[np.ndarray, "n row column"]:
        """The weights between a unit and some neighbours."""
        ends = [(n, unit) if self.name == "out" else (unit, n) for n in shown]
        return np.stack([self.weights.tile(upper, of=lower) for upper, lower in ends])


def run(config: Config) -> int:
    """Read the weights, draw the icons, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "What units are made of: their strongest connections as expanded weights, which row and column show relative "
        "to the unit, red for excitation and blue for inhibition, beside what each neighbour looks for."
    )

    def draw(page: Figures, model: inception_jax.Model) -> None:
        if config.count < 1 or config.back < 0 or config.factors < 0:
            raise UsageError(
                f"--count is {config.count}, --back {config.back} and --factors {config.factors}; "
                "expected at least 1, 0 and 0"
            )
        layer, numbers = chosen(config.units, model)
        found = sides(page, model, layer, numbers, config)
        own = unit_icons(page, model, layer, numbers, config)
        icons = {side.name: _icons(page, model, side, config) for side in found}
        for i, number in enumerate(numbers):
            page.section(f"{layer}:{number}")
            for side in found:
                _show(page, side, number, own[number], icons[side.name], side.neighbours[i])
        if config.factors:
            _show_factors(page, model, found[0], own, config)
        page.section("Numbers")
        page.table(
            "neighbours",
            ["unit", "side", "neighbour", "norm", "excitation", "inhibition", "net"],
            [row for side in found for row in rows(side, numbers)],
            "Of the expanded weights between two units: length, sums of the positive and of the negative ones, sum.",
        )

    return figures.run("weights", config, "Weights of units", lede, draw)


def sides(page: Figures, model: inception_jax.Model, layer: str, numbers: list[int], config: Config) -> list[Side]:
    """The weights that are shown, computed once: in, and where there are such layers, out and two layers back.

    Raises:
        UsageError: a layer that does not lead to the units, or no layer below them.
    """
    lower = layer_below(model, layer, config.lower)
    found = [_side(page, model, "in", lower, layer, numbers, config.count)]
    if higher := above(model, layer):
        found.append(_side(page, model, "out", layer, higher[0], numbers, config.count))
    if config.back and (deeper := layers_below(model, lower)):
        found.append(_side(page, model, "back", deeper[0], layer, numbers, config.back))
    return found


def rows(side: Side, numbers: Sequence[int]) -> list[list[str | float]]:
    """Lines of the table: each unit with each neighbour that is shown."""
    lines = []
    for number, shown in zip(numbers, side.neighbours, strict=True):
        tiles = side.tiles(number, shown)[:, None]
        strengths, sums = circuits.norms(tiles)[:, 0], circuits.balance(tiles)
        for i, neighbour in enumerate(shown):
            values = (strengths[i], sums.excitation[i, 0], sums.inhibition[i, 0], sums.net[i, 0])
            lines.append([side.unit_label(number), side.name, f"{side.layer}:{neighbour}", *map(float, values)])
    return lines


def _side(
    page: Figures, model: inception_jax.Model, name: str, lower: str, upper: str, numbers: list[int], count: int
) -> Side:
    at, outward = read_at(model, lower, upper), name == "out"
    units, inputs = (None, numbers) if outward else (numbers, None)
    kept = page.kept(
        f"weights-{name}",
        lambda: {"weights": circuits.expanded_weights(model, at, upper, units=units, inputs=inputs)},
    )
    array = kept["weights"]
    ends = (range(len(array)), numbers) if outward else (numbers, range(array.shape[1]))
    strongest = circuits.out_neighbours if outward else circuits.in_neighbours
    neighbours = [strongest(array, i, count).units.tolist() for i in range(len(numbers))]
    labelled = CircuitWeights(array, lower, upper, tuple(ends[0]), tuple(ends[1]))
    return Side(name, upper if outward else lower, at, labelled, neighbours)


def _icons(page: Figures, model: inception_jax.Model, side: Side, config: Config) -> dict[int, pictures.Icon]:
    return unit_icons(page, model, side.layer, [n for shown in side.neighbours for n in shown], config)


def _show(
    page: Figures,
    side: Side,
    number: int,
    own: pictures.Icon,
    icons: Mapping[int, pictures.Icon],
    shown: list[int],
) -> None:
    """The figure of one side of a unit."""
    label, tiles = side.unit_label(number), side.tiles(number, shown)
    sums = circuits.balance(tiles[:, None]).net[:, 0].tolist()
    full = float(np.abs(tiles).max()) or 1.0
    picture = pictures.beside(
        pictures.icon(own),
        label,
        [
            [pictures.icon(icons[n]) for n in shown],
            [pictures.tile(one) for one in circuits.weights_to_rgb(tiles, full)],
        ],
        [f"{side.layer}:{n}" for n in shown],
        [f"net {pictures.signed(net)}" for net in sums],
        outward=side.name == "out",
    )
    whole = side.tiles(number, range(len(side.weights.units if side.name == "out" else side.weights.inputs)))
    share = float(np.square(tiles).sum() / (np.square(whole).sum() or 1))
    excitation, inhibition = float(np.maximum(whole, 0).sum()), float(np.maximum(-whole, 0).sum())
    height, width = tiles.shape[1:]
    caption = (
        f"{_SAYS[side.name].format(unit=label, layer=side.layer)} Below each icon are its weights at {height}x{width} "
        f"positions{f' of {side.at}' if side.at not in (side.layer, side.weights.lower) else ''}, full red and blue "
        f"standing for {full:.2g} and more. All {len(whole)} units: excitation {excitation:.3g}, inhibition "
        f"{inhibition:.3g}; those shown have {share:.0%} of the squared weights."
    )
    listed = ", ".join(f"{side.layer}:{n} ({pictures.signed(net)})" for n, net in zip(shown, sums, strict=True))
    (name,) = names([f"{label}-{side.name}"])
    page.figure(name, picture, caption, alt=f"{label} and its neighbours with net weights: {listed}")


def _show_factors(
    page: Figures,
    model: inception_jax.Model,
    side: Side,
    own: Mapping[int, pictures.Icon],
    config: Config,
) -> None:
    """Groups of inputs, their icons, and what they do to each unit."""
    with usage_errors():
        found = circuits.nmf(side.weights, config.factors, seed=config.seed)
    wanted = [obj.direction_neuron(side.layer, direction.astype(np.float32)) for direction in found.inputs]
    icons = cropped(model, side.layer, drawn(page, "icons-factors", model, wanted, config))
    colours = circuits.weights_to_rgb(found.maps)
    shown = [pictures.icon(one) for one in icons]
    grid = [[Image.new("RGB", shown[0].size, "white"), *shown]]
    grid += [
        [pictures.icon(own[number]), *map(pictures.tile, tiles)]
        for number, tiles in zip(side.weights.units, colours, strict=True)
    ]
    top = [np.argsort(-direction, kind="stable")[:5].tolist() for direction in found.inputs]
    labels = [f"{side.layer}: {', '.join(map(str, units[:3]))}" for units in top]
    page.section(
        "Groups of inputs",
        f"Inputs that act alike, whichever unit they act on: {config.factors} factors that never cancel, of the "
        f"weights of {len(side.weights.units)} unit{'s' if len(side.weights.units) > 1 else ''}. "
        f"{found.error:.0%} of the weights' length is left over.",
    )
    page.figure(
        "factors",
        pictures.columns(grid, ["", *labels]),
        "On top what each group of inputs looks for together, below what it does to each unit: red where it excites, "
        "blue where it inhibits. Named are the strongest inputs of each.",
        alt=f"{len(icons)} icons over {len(colours)} rows of tiles",
    )
    lines = [
        [f"factor {i}", f"{side.layer}:{unit}", float(found.inputs[i, unit])]
        for i, units in enumerate(top)
        for unit in units
    ]
    page.table("factors", ["factor", "input", "amount"], lines, "The strongest inputs of each; factors have length 1.")


_SAYS = {
    "in": "What {unit} is made of: its strongest inputs from {layer}.",
    "out": "What {unit} does: the units of {layer} with the strongest weights from it.",
    "back": "Two layers back: the units of {layer} with the strongest weights to {unit}, by way of all units between.",
}
