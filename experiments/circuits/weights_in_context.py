"""Weights in context: what a unit wants at each position, and which of its inputs its own picture excites.

- Command: python -m experiments weights_in_context --units mixed3b:85
- Time: a minute of processor time with the bundled network; two for mixed3b:408 of bvlc_googlenet with --size 80
  --steps 96
- Expect: two grids of small pictures in space, what excites the unit at each position of its receptive field in the
  layer below and what inhibits it, each as opaque as its weights are strong: parts of the unit's own picture where they
  belong. Then the unit's picture, or a photograph, taken apart: the units of the lower layer that drive it there, by
  weights times activations, and a visualisation of just these. After *Visualizing Weights*, *Curve Detectors* and
  *Curve Circuits* (Distill, 2020 and 2021). attribution.csv and attribution.npz have the numbers
- Resume: Ctrl-C keeps the pictures that are done, the same command goes on from there
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

import circuits
import inception_jax
from circuits.route import route, side
from experiments import figures
from experiments.circuits import pictures
from experiments.circuits.icons import IconOptions, cropped, drawn, unit_icons
from experiments.circuits.seen import Seen, middle, part_seen, seen_by
from experiments.circuits.units import chosen, layer_below, read_at
from experiments.figures import Figures
from experiments.options import UsageError
from experiments.recipes.drawing import names
from experiments.recipes.sources import PhotographOptions, photograph
from featvis import objectives as obj

_MOST = 7


@dataclass(frozen=True)
class Config(IconOptions, PhotographOptions):
    """Which unit and lower layer, and which photograph."""

    units: str = "mixed3b:85"
    """The unit, as for feature_vis; of several of one layer, each is shown."""
    lower: str | None = None
    """The layer in whose units the weights are; by default the convolution or block below."""
    window: int | None = None
    """Side of the grid in positions, cut from the middle; by default all that the unit sees, at most 7."""
    faintest: float = 0.1
    """Positions whose weights are fainter than this share of the strongest are left empty."""
    count: int = 8
    """Inputs that are shown of each picture, by what they add and by what they take."""


def run(config: Config) -> int:
    """Draw what is wanted at each position, take pictures apart, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "The weights of a unit at one position are a direction in the space of its inputs, and a direction can be "
        "drawn: weights are seen in the context of what they are about."
    )

    def draw(page: Figures, model: inception_jax.Model) -> None:
        if config.count < 1 or not 0 <= config.faintest <= 1:
            raise UsageError(
                f"--count is {config.count} and --faintest {config.faintest:g}; expected at least 1, and a share "
                "from 0 to 1"
            )
        layer, numbers = chosen(config.units, model)
        lower = layer_below(model, layer, config.lower)
        at = read_at(model, lower, layer)
        whole = drawn(page, "pictures", model, [obj.neuron(layer, number) for number in numbers], config)
        window = config.window or min(_MOST, *side(route(model.architecture, at, layer).field))
        weights = page.kept(
            "weights",
            lambda: {"weights": circuits.expanded_weights(model, at, layer, window, units=numbers)},
        )["weights"]
        own = cropped(model, layer, whole)
        lines: list[list[str | float]] = []
        arrays = {}
        for i, number in enumerate(numbers):
            label = f"{layer}:{number}"
            page.section(label)
            _show_positions(page, model, at, label, weights[i], own[i], config)
            subjects = _subjects(model, at, layer, number, weights[i].shape[1:], whole[i], config)
            for what, seen in subjects.items():
                arrays[f"{label} {what}"] = weights[i] * seen.activations
                lines += _show_attribution(page, model, at, lower, label, what, weights[i], seen, config)
        page.directory.write_arrays("attribution.npz", arrays)
        page.section("Numbers")
        page.table(
            "attribution",
            ["unit", "picture", "input", "adds", "excites", "inhibits"],
            lines,
            "Weights times activations: the sum over positions, and its positive and negative part.",
        )

    return figures.run("weights_in_context", config, "Weights in context", lede, draw)


def directions(
    weights: Float[np.ndarray, "in row column"], faintest: float
) -> tuple[Float[np.ndarray, "2 row column in"], Float[np.ndarray, "2 row column"]]:
    """At each position the direction of what excites, and of what inhibits, and how strong each is.

    Args:
        weights: of one unit.
        faintest: what is less strong than this share of the strongest counts as 0.

    Returns:
        Directions of length 1, and strengths from 0 to 1, the L2 norms as shares of the largest.

    >>> found, strengths = directions(np.array([3.0, -4.0]).reshape(2, 1, 1), 0.0)
    >>> found[:, 0, 0].tolist(), strengths.ravel().tolist()
    ([[1.0, 0.0], [0.0, 1.0]], [0.75, 1.0])
    """
    halves = np.moveaxis(np.stack([np.maximum(weights, 0), np.maximum(-weights, 0)]), 1, -1)
    lengths = np.linalg.norm(halves, axis=-1)
    strengths = lengths / (lengths.max() or 1)
    strengths = np.where(strengths >= faintest, strengths, 0)
    return halves / np.where(lengths, lengths, 1)[..., None], strengths


def _subjects(
    model: inception_jax.Model,
    at: str,
    layer: str,
    number: int,
    window: tuple[int, int],
    own: Float[np.ndarray, "size size 3"],
    config: Config,
) -> dict[str, Seen]:
    """The pictures that are taken apart, by what they are called: the unit's own, and the photograph asked for."""
    place = middle(model, layer, own)
    found = {"its own picture": seen_by(model, at, layer, number, window, own, place)}
    if config.image is not None:
        image, name = photograph(config.image, config.number, model.architecture.image_size)
        found[name] = seen_by(model, at, layer, number, window, image)
    return found


def _show_positions(
    page: Figures,
    model: inception_jax.Model,
    at: str,
    label: str,
    weights: Float[np.ndarray, "in row column"],
    own: pictures.Icon,
    config: Config,
) -> None:
    """What excites and what inhibits the unit at each position, in two grids."""
    (name,) = names([label])
    wanted, strengths = directions(weights, config.faintest)
    places = [tuple(place) for place in np.argwhere(strengths)]
    if not places:
        raise UsageError(f"{label} has no weights from {at} that are not zero; expected a unit that reads it")
    listed = [obj.direction_neuron(at, wanted[place].astype(np.float32)) for place in places]
    icons = cropped(model, at, drawn(page, f"positions-{name}", model, listed, config))
    grids = np.ones((*strengths.shape, *icons.shape[1:]), np.float32)
    for place, image in zip(places, icons, strict=True):
        grids[place] = image
    cell = max(40, min(72, 420 // max(strengths.shape[1:])))
    panels = [pictures.field(grid, strength**0.5, cell) for grid, strength in zip(grids, strengths, strict=True)]
    height, width = weights.shape[1:]
    page.figure(
        f"{name}-positions",
        pictures.across([panels[0], pictures.icon(own, 168), panels[1]], ["excites", label, "inhibits"]),
        f"What excites {label}, left, and what inhibits it, right, at each of the {height}x{width} places in {at} from "
        "which it receives: the direction of its positive, and of its negative weights there. The stronger the "
        f"weights, the more opaque, by the root of their length; those below {config.faintest:.0%} of the strongest "
        "are left out.",
        alt=f"{(strengths[0] > 0).sum()} pictures of what excites {label}, by position, and {(strengths[1] > 0).sum()} "
        "of what inhibits it",
    )


def _show_attribution(
    page: Figures,
    model: inception_jax.Model,
    at: str,
    lower: str,
    label: str,
    what: str,
    weights: Float[np.ndarray, "in row column"],
    seen: Seen,
    config: Config,
) -> list[list[str | float]]:
    """A picture taken apart, in two figures; returns lines of the table."""
    added = weights * seen.activations
    sums = circuits.balance(added[None])
    totals, excited, inhibited = (part[0].tolist() for part in (sums.net, sums.excitation, sums.inhibition))
    strongest = np.argsort(-np.abs(sums.net[0]), kind="stable")[: config.count]
    shown = sorted(strongest.tolist(), key=lambda n: -totals[n])
    (name,) = names([f"{label}-{what}"])

    parts = {"what drives it": np.maximum(added, 0), "what holds it back": np.maximum(-added, 0)}
    parts = {text: part / np.abs(part).max() for text, part in parts.items() if part.any()}
    listed = [obj.tensor_direction(at, np.moveaxis(part, 0, -1).astype(np.float32)) for part in parts.values()]
    drawings = cropped(model, label.rpartition(":")[0], drawn(page, f"drives-{name}", model, listed, config))
    panels = [part_seen(model, label.rpartition(":")[0], seen), *drawings]
    page.figure(
        f"{name}-drives",
        pictures.across([pictures.icon(panel, 208) for panel in panels], [what, *parts]),
        f"{what.capitalize()}, and what {label} makes of it through its weights: images optimised for the same units "
        f"of {at} at the same positions, as far as they drive it, and as far as they hold it back. The unit is at "
        f"{pictures.signed(seen.value)}; weights times activations add up to {pictures.signed(float(added.sum()))}.",
        alt=f"{what}, and {len(drawings)} visualisations of attributions",
    )

    icons = unit_icons(page, model, lower, shown, config, name=f"icons-{name}")
    tiles = [pictures.tile(one) for one in circuits.weights_to_rgb(weights[shown])]
    seen_tiles = [pictures.tile(one) for one in _grey(seen.activations[shown])]
    added_tiles = [pictures.tile(one) for one in circuits.weights_to_rgb(added[shown])]
    page.figure(
        f"{name}-inputs",
        pictures.columns(
            [[pictures.icon(icons[n]) for n in shown], tiles, seen_tiles, added_tiles],
            [f"{lower}:{n} {pictures.signed(totals[n])}" for n in shown],
            ["looks for", "weights", "activations", "attribution"],
        ),
        f"The inputs that matter most to {label} in {what}, by what they add, from most to least: weights, activations "
        "where the unit looks, the darker the stronger, and their product, the attribution. Each row has one scale.",
        alt=", ".join(f"{lower}:{n} adds {pictures.signed(totals[n])}" for n in shown),
    )
    return [[label, what, f"{lower}:{n}", totals[n], excited[n], inhibited[n]] for n in shown]


def _grey(values: Float[np.ndarray, "n row column"]) -> Float[np.ndarray, "n row column 3"]:
    """Values from 0, white, to the largest, nearly black."""
    share = np.clip(values / (values.max() or 1), 0, 1)[..., None]
    return (1 - 0.9 * share * np.ones(3)).astype(np.float32)
