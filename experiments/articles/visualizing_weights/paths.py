"""Weights over more than one layer: one and two layers back, ways that cancel, and weights that become smooth."""

from itertools import combinations

import numpy as np
from jaxtyping import Float
from PIL import Image

import circuits
from circuits.families import apart
from experiments.circuits import pictures
from experiments.study import Study
from experiments.study.measures import correlation
from experiments.study.unit_pictures import inputs_of, show_inputs

LAYERS = ("conv2d2", "mixed3a", "mixed3b")
_TILE = 104
_SAME = 1e-4
"""Of the largest weight: what sums of some hundred products may differ by in single precision."""
_KNOWN = {"basis": "published numbers"}


def paths(
    upper: Float[np.ndarray, "via row column"], lower: Float[np.ndarray, "via in height width"]
) -> Float[np.ndarray, "via in rows columns"]:
    """Weights along each way from units of one layer, via one unit each of the next, to a unit above.

    Without ReLUs in between they are the convolution of the two tiles.

    Args:
        upper: weights of the unit above, from each unit between.
        lower: weights of these units.

    >>> paths(np.ones((1, 1, 2)), np.ones((1, 1, 1, 2)))[0, 0]
    array([[1., 2., 1.]])
    """
    (rows, columns), (height, width) = upper.shape[1:], lower.shape[2:]
    found = np.zeros((*lower.shape[:2], rows + height - 1, columns + width - 1), np.result_type(upper, lower))
    for row, column in np.ndindex(rows, columns):
        found[:, :, row : row + height, column : column + width] += upper[:, row, column, None, None, None] * lower
    return found


def show_back(study: Study, curve: int) -> None:
    """A unit by its inputs one layer below and two, in figures 9 and 10."""
    unit = _grey(study, curve)
    study.page.section(
        "One and two layers back",
        "A unit can be read through the layer below, or, by its weights over two layers, through the layer below that.",
    )
    for lower, count in (("mixed3a", 5), ("conv2d2", 18)):
        numbers, tiles = inputs_of(study, lower, "mixed3b", unit, study.few(count))
        height, width = tiles.shape[1:]
        show_inputs(
            study, f"back-{lower}", lower, "mixed3b", unit, numbers, tiles,
            f"The {len(numbers)} strongest inputs; weights at {height}x{width} positions.",
        )  # fmt: skip


def _grey(study: Study, curve: int) -> int:
    """A unit for black and white, as in the article, or that reads such; or else the curve."""
    if study.labelled:
        return 208
    if own := study.family("mixed3b", "black and white").units:
        return own[0]
    if below := study.family("mixed3a", "black and white").units:
        weights = study.weights("mixed3a", "mixed3b", inputs=list(below))
        return int(circuits.out_neighbours(weights, range(len(below)), 1).units[0])
    return curve


def show_cancelling(study: Study) -> None:
    """A boundary detector whose inputs cancel what comes from further back, in figures 11 and 12."""
    kept = study.page.kept("paths-lower", lambda: {"weights": study.weights("conv2d2", "mixed3a")})
    lower, families = kept["weights"], study.family("mixed3b", "boundaries").units
    candidates = [345] if study.labelled else list(families or range(min(8, study.model.layers["mixed3b"])))
    upper = study.weights("mixed3a", "mixed3b", candidates)
    unit, pair = _opposite(study, candidates, circuits.norms(upper))
    weights = upper[candidates.index(unit)]
    one, other = (circuits.norms(paths(weights[[k]], lower[[k]]))[0] for k in pair)
    source = 89 if study.labelled else int((one + other).argmax())
    study.page.section(
        "Weights that cancel",
        "Weights over two layers add up all ways between two units. Where one input excites and another inhibits, "
        "little is left, though the unit depends on both.",
    )
    inputs = [110, 112, 117, 70, 86] if study.labelled else _listed(pair, circuits.norms(weights[None])[0])
    opposites = study.labelled or set(pair) <= set(study.family("mixed3a", "high-low frequency").units)
    says = f"mixed3a:{pair[0]} and mixed3a:{pair[1]} look for opposites." if opposites else "Among them its strongest."
    show_inputs(study, "boundary", "mixed3a", "mixed3b", unit, inputs, weights[inputs], says)
    both = paths(weights[list(pair)], lower[list(pair), source][:, None])[:, 0]
    whole = study.weights("conv2d2", "mixed3b", [unit], inputs=[source])[0, 0]
    _show_ways(study, unit, pair, source, lower, weights, both, whole)
    _claim_ways(study, unit, pair, source, both, opposites)
    _claim_sums(study, unit, weights, lower)


def _opposite(study: Study, units: list[int], norms: Float[np.ndarray, "unit in"]) -> tuple[int, tuple[int, int]]:
    """A unit and two of its inputs: high-low frequency detectors with opposite sides, or else its two strongest."""
    if study.labelled:
        return 345, (110, 112)
    angles = study.family("mixed3a", "high-low frequency").angles
    pairs = [pair for pair in combinations(angles, 2) if apart(angles[pair[0]], angles[pair[1]]) > 120]
    if not pairs:
        first, second = np.argsort(-norms[0], kind="stable")[:2].tolist()
        return units[0], (first, second)
    strengths = np.array([norms[:, pair].min(1) for pair in map(list, pairs)])
    best, place = np.unravel_index(strengths.argmax(), strengths.shape)
    return units[place], pairs[best]


def _listed(pair: tuple[int, int], norms: Float[np.ndarray, " in"]) -> list[int]:
    strongest = [n for n in np.argsort(-norms, kind="stable").tolist() if n not in pair]
    return [*pair, *strongest[:3]]


def _show_ways(
    study: Study,
    unit: int,
    pair: tuple[int, int],
    source: int,
    lower: np.ndarray,
    weights: np.ndarray,
    both: np.ndarray,
    whole: np.ndarray,
) -> None:
    between, above = study.icons("mixed3a", pair), study.icons("mixed3b", [unit])
    below = study.icons("conv2d2", [source])
    blank = Image.new("RGB", (_TILE, _TILE), "white")

    def tiles(several: list[np.ndarray]) -> list[Image.Image]:
        full = max(float(np.abs(one).max()) for one in several) or 1.0
        return [pictures.tile(circuits.weights_to_rgb(one, full), _TILE) for one in several]

    rows = [
        [*(pictures.icon(between[k], _TILE) for k in pair), pictures.icon(below[source]), pictures.icon(above[unit])],
        [*tiles([lower[k, source] for k in pair]), blank, blank],
        [*tiles([weights[k] for k in pair]), blank, blank],
        [*tiles([*both, both.sum(0)]), *tiles([whole])],
    ]
    heads = ["", f"conv2d2:{source} to it", f"it to mixed3b:{unit}", "the whole way"]
    labels = [f"via mixed3a:{k}" for k in pair] + ["both together", "all ways"]
    study.page.figure(
        "cancel",
        pictures.columns(rows, labels, heads),
        f"From conv2d2:{source} (third icon) to mixed3b:{unit} (fourth): via mixed3a:{pair[0]}, via mixed3a:{pair[1]}, "
        "by both together, and by all ways. Each row has one scale, but the tile of all ways its own.",
        alt="Two tiles of opposite colours, and their sum, which is fainter",
    )


def _claim_ways(study: Study, unit: int, pair: tuple[int, int], source: int, both: np.ndarray, opposites: bool) -> None:
    text = "Ways through two opposite high-low frequency detectors to a boundary detector cancel"
    expected = "tiles of the two ways correlate below -0.5, and their sum has less than half of their lengths"
    if opposites:
        score, left = cancelling(both)
        ends = f"conv2d2:{source} to mixed3b:{unit} via {pair[0]} and {pair[1]}"
        measured, holds = f"{score:.2f}, {left:.0%} left; {ends}", score < -0.5 and left < 0.5
        study.claim(text, expected, measured=measured, published="-0.98, 43 % left", holds=holds, rows=(3,))
    else:
        study.claim(text, expected, why="no opposite high-low frequency detectors found", rows=(3,))
    tiles = study.numbers_of("weight_tiles.json")
    text = "The published ways from conv2d2:89 to mixed3b:345 via mixed3a:110 and mixed3a:112 cancel"
    if tiles is None:
        study.claim(text, expected, why="the published tiles are not at hand", rows=(3,), **_KNOWN)
        return
    shown = {
        (tile["to_layer"], tile["from_unit"], tile["to_unit"]): np.array(tile["values"])
        for tile in tiles["tiles"]
        if tile["figure"] == "Visualizing Weights fig 12"
    }
    lower = np.stack([shown["mixed3a", 89, k] for k in (110, 112)])[:, None]
    score, left = cancelling(paths(np.stack([shown["mixed3b", k, 345] for k in (110, 112)]), lower)[:, 0])
    holds = score < -0.5 and left < 0.5
    study.claim(text, expected, measured=f"{score:.2f}, {left:.0%} left", holds=holds, rows=(3,), **_KNOWN)


def cancelling(ways: Float[np.ndarray, "2 row column"]) -> tuple[float, float]:
    """How two ways cancel: their correlation, and the length of their sum as a share of the sum of their lengths.

    >>> cancelling(np.array([[[3.0, -3.0]], [[-1.0, 1.0]]]))
    (-1.0, 0.5)
    """
    lengths = float(np.linalg.norm(ways, axis=(1, 2)).sum()) or 1.0
    return correlation(*ways), round(float(np.linalg.norm(ways.sum(0))) / lengths, 12)


def _claim_sums(study: Study, unit: int, weights: np.ndarray, lower: np.ndarray) -> None:
    whole = study.weights("conv2d2", "mixed3b", [unit])[0]
    summed = sum(paths(weights[k][None], lower[k][None])[0] for k in range(len(weights)))
    off = float(np.abs(summed - whole).max() / (np.abs(whole).max() or 1.0))
    study.claim(
        "Weights over two layers are the sum over all ways through the layer between",
        f"each weight within {_SAME:g} of the largest: single precision",
        measured=f"{off:.1e}, of {whole.size:,} weights of mixed3b:{unit}",
        holds=off <= _SAME,
        basis="weights",
        rows=(3,),
    )


def show_smooth(study: Study, curve: int) -> None:
    """Weights over three layers, which are smooth, in figure 13."""
    centres = study.family("mixed3b", "centre-surround").units
    unit = 268 if study.labelled else (centres or (curve,))[0]
    numbers, tiles = inputs_of(study, "conv2d1", "mixed3b", unit, study.few(9))
    own, icons = study.icons("mixed3b", [unit]), study.icons("conv2d1", numbers)
    colours = circuits.weights_to_rgb(tiles, float(np.abs(tiles).max()) or 1.0)
    height, width = tiles.shape[1:]
    study.page.section(
        "Over several layers", "Over more layers weights become larger and smoother: pictures of what is wanted where."
    )
    study.page.figure(
        "smooth",
        pictures.beside(
            pictures.icon(own[unit]),
            f"mixed3b:{unit}",
            [[pictures.icon(icons[n]) for n in numbers], [pictures.icon(one) for one in colours]],
            [f"conv2d1:{n}" for n in numbers],
            most=5,
        ),
        f"Weights of mixed3b:{unit} from its {len(numbers)} strongest inputs of conv2d1, over three layers, at "
        f"{height}x{width} positions, drawn smoothly: {', '.join(f'conv2d1:{n}' for n in numbers)}.",
        alt=f"{len(numbers)} smooth tiles under icons of conv2d1",
    )
