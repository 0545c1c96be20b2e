"""Visualizing Weights: thirteen ways to see what the weights of a network say, in the context of its units.

- Command: python -m experiments visualizing_weights --model bvlc_googlenet
- Time: 8 minutes on two CPU cores with --model bvlc_googlenet, most of them for icons
- Expect: weights of single units as colours, with horizontal bands in the last layer and none in mixed4d; a pair of
  units with the weights between them; curves of one layer as small multiples over those of another; what a unit wants
  at each position, drawn; factors of a family; a unit through one layer and through two; ways that cancel; weights
  over three layers, which are smooth. For inception5h the published tiles and rankings, computed again
- Source: *Visualizing Weights* (Distill, 2021); its figures in order
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

import numpy as np
from jaxtyping import Float

import circuits
from circuits.graphs import layers_below
from experiments.articles.high_low_frequency import factors
from experiments.articles.high_low_frequency.tuning import family_of, measured
from experiments.articles.visualizing_weights.colours import show_colours
from experiments.articles.visualizing_weights.paths import LAYERS, show_back, show_cancelling, show_smooth
from experiments.articles.visualizing_weights.published import claim_rankings, claim_tiles
from experiments.circuits import pictures
from experiments.circuits.icons import cropped, drawn
from experiments.circuits.units import read_at
from experiments.circuits.weights_in_context import directions
from experiments.study import ArticleOptions, Study, run_article
from experiments.study.unit_pictures import show_inputs
from featvis import objectives as obj

_TILE, _FAMILY = 56, 8
_FAINTEST = 0.1


Config = ArticleOptions


def run(config: Config) -> int:
    """Draw the article; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "Weights are the program that a network runs. They can be read once they are seen in context: with what the "
        "units at both ends look for, over several layers, and a few factors instead of hundreds of channels."
    )
    return run_article("visualizing_weights", config, "Visualizing weights", lede, draw)


def draw(study: Study) -> None:
    """All figures and claims of the article."""
    show_colours(study)
    show_context(study)
    if len(study.layers(*LAYERS)) == len(LAYERS):
        lower, upper = curves(study)
        show_multiples(study, lower, upper)
        show_positions(study)
        show_factors(study)
        show_back(study, upper[0])
        show_cancelling(study)
        show_smooth(study, upper[0])
        claim_product(study)
    claim_tiles(study)
    claim_rankings(study)
    claim_curves(study)


def show_context(study: Study) -> None:
    """Weights between two units, with what both look for: figure 3."""
    found = [pair for pair in (("mixed4a", "mixed4b"), ("mixed3a", "mixed3b")) if len(study.layers(*pair)) == 2]
    if not found:
        return
    lower, upper = found[0]

    def make() -> dict[str, np.ndarray]:
        weights = study.weights(lower, upper, [443] if study.labelled else None)
        around = weights.copy()
        around[..., weights.shape[2] // 2, weights.shape[3] // 2] = 0
        # Of all inputs of a unit, one that matters most, and not only in the middle.
        whole = np.maximum(np.square(circuits.norms(weights)).sum(1, keepdims=True), 1e-30)
        shares = np.square(circuits.norms(around)) / whole
        unit, source = np.unravel_index(shares.argmax(), shares.shape)
        source = 308 if study.labelled else source
        return {"ends": np.array([443 if study.labelled else unit, source]), "tile": weights[unit, source]}

    kept = study.page.kept("context", make)
    unit, source = kept["ends"].tolist()
    study.page.section("Weights in context", "Weights mean nothing until one knows what they connect.")
    show_inputs(
        study, "context", lower, upper, unit, [source], kept["tile"][None],
        "The tile says where the one must be, relative to the other.",
    )  # fmt: skip


def curves(study: Study) -> tuple[list[int], list[int]]:
    """Units of mixed3a and mixed3b of one family, curves if there are such in both, by orientation.

    Without any such family, the strongest pair.
    """
    for name in ("curves", "lines", "colour contrast"):
        below, above = (study.family(layer, name).by_orientation(_FAMILY) for layer in ("mixed3a", "mixed3b"))
        if below and above:
            return below, above
    norms = circuits.norms(study.weights("mixed3a", "mixed3b"))
    unit, source = np.unravel_index(norms.argmax(), norms.shape)
    return [int(source)], [int(unit)]


def show_multiples(study: Study, lower: list[int], upper: list[int]) -> None:
    """Small multiples: a few inputs of one unit, and units of a family over those of another, figures 4 and 5."""
    if study.labelled:
        lower, upper = [147, 81, 189, 104, 145, 71, 95, 171], [342, 406, 385, 324, 343, 379, 330, 349]
    weights = study.weights("mixed3a", "mixed3b", upper, inputs=lower)
    study.page.section("Small multiples", "The same kind of weights side by side, on one scale.")
    three = [lower.index(u) for u in (81, 147, 145)] if study.labelled else range(min(3, len(lower)))
    show_inputs(
        study, "few", "mixed3a", "mixed3b", upper[0], [lower[i] for i in three], weights[0, list(three)],
        "Units of one family.",
    )  # fmt: skip
    tops, lefts = study.icons("mixed3a", lower), study.icons("mixed3b", upper)
    tiles = circuits.weights_to_rgb(weights, float(np.abs(weights).max()) or 1.0)
    study.page.figure(
        "multiples",
        pictures.matrix(
            [pictures.icon(lefts[u], _TILE) for u in upper],
            [pictures.icon(tops[u], _TILE) for u in lower],
            [[pictures.tile(one, _TILE) for one in row] for row in tiles],
            ([str(u) for u in upper], [str(u) for u in lower]),
        ),
        f"Weights from units of mixed3a ({', '.join(f'mixed3a:{u}' for u in lower)}, columns) to units of mixed3b "
        f"({', '.join(f'mixed3b:{u}' for u in upper)}, rows): red excites, blue inhibits.",
        alt=f"{len(upper)} rows of {len(lower)} tiles",
    )


def show_positions(study: Study) -> None:
    """What a unit wants at each position, as pictures: figure 6."""
    pairs = [("mixed4b", "mixed4c"), ("mixed3a", "mixed3b")]
    lower, upper = next(pair for pair in pairs if len(study.layers(*pair)) == 2)
    size = 3 if study.config.quick else 5

    def make() -> dict[str, np.ndarray]:
        weights = study.weights(lower, upper, [447] if study.labelled else None, size=size)
        best = 0 if study.labelled else int(stacked(weights).argmax())
        return {"unit": np.array(447 if study.labelled else best), "weights": weights[best]}

    kept = study.page.kept("stacked", make)
    unit, at = int(kept["unit"]), read_at(study.model, lower, upper)
    wanted, strengths = (both[0] for both in directions(kept["weights"], _FAINTEST))
    places = [tuple(place) for place in np.argwhere(strengths)]
    if not places:
        return
    listed = [obj.direction_neuron(at, wanted[place].astype(np.float32)) for place in places]
    icons = cropped(study.model, at, drawn(study.page, "positions", study.model, listed, study.drawing))
    grid = np.ones((*strengths.shape, *icons.shape[1:]), np.float32)
    for place, icon in zip(places, icons, strict=True):
        grid[place] = icon
    own = pictures.icon(study.icons(upper, [unit])[unit], 208)
    why = (
        ": of all units of the layer, the one that wants the most different things above and below its middle, as the "
    )
    why += "car detector of the article does."
    study.page.section(
        "Weights as pictures", "The weights at one position are a direction, and a direction can be drawn."
    )
    study.page.figure(
        "positions",
        pictures.across([own, pictures.field(grid, strengths**0.5, 96)], [f"{upper}:{unit}", "wants"]),
        f"What excites {upper}:{unit} at {size}x{size} positions of {lower}, the more opaque the stronger"
        f"{'.' if study.labelled else why}",
        alt=f"An icon and {len(places)} pictures of what is wanted where",
    )


def stacked(weights: Float[np.ndarray, "out in row column"]) -> Float[np.ndarray, " out"]:
    """How much units want above their middle and below it, and how different that is.

    One minus the cosine between what excites a unit in the upper half and in the lower half, times the smaller share
    of the two: 0 for a unit that wants the same in both, or nothing in one.

    >>> stacked(np.array([[[[1.0], [0.0], [0.0]], [[0.0], [0.0], [1.0]]]])).round(2)
    array([0.71])
    """
    positive, middle = np.maximum(weights, 0), weights.shape[2] // 2
    above, below = positive[:, :, :middle].sum((2, 3)), positive[:, :, middle + 1 :].sum((2, 3))
    lengths = np.linalg.norm(above, axis=1), np.linalg.norm(below, axis=1)
    product = np.maximum(lengths[0] * lengths[1], 1e-30)
    whole = np.maximum(np.linalg.norm(positive.sum((2, 3)), axis=1), 1e-30)
    return (1 - (above * below).sum(1) / product) * np.minimum(*lengths) / whole


def show_factors(study: Study) -> None:
    """The factors of a family, and their channels: figures 7 and 8."""
    family = family_of(study)
    if not family.units:
        return
    tuned = measured(study, family)
    lower = layers_below(study.model, tuned.layer)[0]
    found = factors.factored(study, tuned, lower, factors.size_of(study, lower, tuned.layer, 5))
    factors.show_factors(study, tuned, found)
    factors.show_places(study, tuned, [found])


def claim_product(study: Study) -> None:
    """Row 3, whatever the network: expanded weights along a bottleneck are the product of its kernels."""
    direct = study.weights("mixed3a", "mixed3b_5x5")
    one, other = (np.asarray(study.model.weights[name]["kernel"]) for name in ("mixed3b_5x5_bottleneck", "mixed3b_5x5"))
    product = np.einsum("im,rcmo->oirc", one[0, 0].astype(np.float64), other.astype(np.float64))
    off = float(np.abs(direct - product).max() / (np.abs(product).max() or 1.0))
    study.claim(
        "Expanded weights through a bottleneck are the product of its two kernels",
        "each weight within 1e-4 of the largest: single precision",
        measured=f"{off:.1e}, of {product.size:,} weights of mixed3b_5x5",
        holds=off <= 1e-4,
        basis="weights",
        rows=(3,),
    )


def claim_curves(study: Study) -> None:
    """Row 4, of families that were found: curves read curves and lines."""
    text = "Curves and lines of mixed3a are among the ten strongest inputs of most curves of mixed3b"
    expected = "more than by chance for most, p below 0.05 in the tail of the hypergeometric distribution"
    both = len(study.layers("mixed3a", "mixed3b")) == 2
    above = list(study.family("mixed3b", "curves").units) if both else []
    below = {u for name in ("curves", "lines") for u in study.family("mixed3a", name).units} if both else set()
    if not above or not below:
        study.claim(text, expected, why="no curves of mixed3b, or no curves and lines of mixed3a", rows=(4,))
        return
    weights = study.weights("mixed3a", "mixed3b", above)
    tops = [circuits.in_neighbours(weights, i, 10).units.tolist() for i in range(len(above))]
    counts = [len(below & set(top)) for top in tops]
    many = [circuits.enrichment(n, len(below), len(tops[0]), weights.shape[1]) < 0.05 for n in counts]
    study.claim(
        text, expected,
        measured=f"{sum(many)} of {len(many)} units; {np.mean(counts):.1f} of ten, "
        f"by chance {len(tops[0]) * len(below) / weights.shape[1]:.1f}",
        published="7 of ten, of mixed3b:379", holds=sum(many) > len(many) / 2, rows=(4,),
    )  # fmt: skip
