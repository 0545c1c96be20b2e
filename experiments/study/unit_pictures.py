"""What several articles show of a unit: its neighbours with their weights, and its photographs."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

import circuits
from experiments.circuits import pictures
from experiments.examples.tiles import crop
from experiments.study import Study


def inputs_of(
    study: Study, lower: str, upper: str, unit: int, count: int, inputs: Sequence[int] | None = None
) -> tuple[list[int], Float[np.ndarray, "n row column"]]:
    """The strongest inputs of a unit, and their expanded weights.

    Args:
        study: of the article.
        lower: layer of the inputs.
        upper: layer of the unit.
        unit: its number.
        count: inputs, at most.
        inputs: these ones instead, in this order.
    """
    kept = study.page.kept(f"weights-{lower}-{upper}-{unit}", lambda: {"weights": study.weights(lower, upper, [unit])})
    weights = kept["weights"]
    numbers = circuits.in_neighbours(weights, 0, count).units.tolist() if inputs is None else list(inputs)
    return numbers, weights[0, numbers]


def show_inputs(
    study: Study,
    name: str,
    lower: str,
    upper: str,
    unit: int,
    numbers: Sequence[int],
    tiles: Float[np.ndarray, "n row column"],
    caption: str,
    notes: Sequence[str] = (),
    *,
    outward: bool = False,
    icons: Mapping[int, pictures.Icon] | None = None,
) -> None:
    """A figure of a unit and its neighbours: their icons, and below each the weights between them.

    Args:
        study: of the article.
        name: of the figure.
        lower: layer of the neighbours.
        upper: layer of the unit.
        unit: its number.
        numbers: of the neighbours.
        tiles: weights of each.
        caption: what is to be seen; what the neighbours are comes before it.
        notes: a second line for each.
        outward: the neighbours are what the unit acts on, and `lower` is the later layer.
        icons: of the neighbours, in place of what they look for.
    """
    own, icons = study.icons(upper, [unit]), study.icons(lower, numbers) if icons is None else icons
    signs = [pictures.signed(float(tile.sum())) for tile in tiles]
    drawn = pictures.beside(
        pictures.icon(own[unit]),
        f"{upper}:{unit}",
        [
            [pictures.icon(icons[n]) for n in numbers],
            [pictures.tile(one) for one in circuits.weights_to_rgb(tiles, float(np.abs(tiles).max()) or 1.0)],
        ],
        [f"{lower}:{n}" for n in numbers],
        list(notes) or [f"sum {sign}" for sign in signs],
        outward=outward,
    )
    listed = ", ".join(f"{lower}:{n}" for n in numbers)
    does = "does to" if outward else "receives from"
    study.page.figure(
        name,
        drawn,
        f"{upper}:{unit} and what it {does} {listed}. {caption}",
        alt=f"{upper}:{unit} beside {len(numbers)} units of {lower}, and their weights: sums {', '.join(signs)}",
    )


def crops(study: Study, layer: str, unit: int, count: int) -> list[Image.Image]:
    """What a unit of an early layer sees of its strongest photographs; none without photographs.

    Those of which it sees nothing beyond the border come first.
    """
    if layer not in study.examples:
        return []
    found, fields, side = study.examples[layer], study.fields(layer), study.model.architecture.image_size
    tops = zip(found.top_images[unit].tolist(), found.top_positions[unit].tolist(), strict=True)

    def outside(place: list[int]) -> bool:
        return any(first < 0 or stop > side for first, stop in fields.box(*place))

    chosen = sorted(((n, place) for n, place in tops if n >= 0), key=lambda one: outside(one[1]))[:count]
    pixels = study.pixels([n for n, _ in chosen])
    return [Image.fromarray(crop(pixels[n], fields, *place)) for n, place in chosen]


def separation(values: Float[np.ndarray, "n units"], chosen: Bool[np.ndarray, " n"]) -> Float[np.ndarray, " units"]:
    """How well each unit tells some photographs from the others: how often one of them is higher, 0.5 by chance.

    The area under the receiver operating characteristic. Equal responses count half.

    Args:
        values: a response for each photograph.
        chosen: which ones; NaN if these are none or all.

    >>> separation(np.array([[3.0, 1.0], [2.0, 1.0], [0.0, 1.0]]), np.array([True, False, False]))
    array([1. , 0.5])
    """
    ones, others = values[chosen], values[~chosen]
    if not len(ones) or not len(others):
        return np.full(values.shape[1], np.nan)
    pairs = [ones[:, None, u] - others[None, :, u] for u in range(values.shape[1])]
    return np.array([(pair > 0).mean() + 0.5 * (pair == 0).mean() for pair in pairs])


def share_of_top(study: Study, layer: str, classes: Bool[np.ndarray, " classes"]) -> Float[np.ndarray, " units"]:
    """For each unit of an early layer, how many of the photographs that drive it most are of some classes.

    Args:
        study: with photographs.
        layer: the layer.
        classes: which classes of the data set.
    """
    assert study.dataset is not None
    tops = study.examples[layer].top_images
    wanted = {int(n): classes[study.dataset[0][int(n)].label] for n in np.unique(tops) if n >= 0}
    return np.array([[wanted.get(int(n), False) for n in row] for row in tops]).mean(1)


def lean(tile: Float[np.ndarray, "row column"]) -> tuple[float, float]:
    """Where a tile excites rather than inhibits: how far below and how far right of the middle, in positions.

    >>> lean(np.array([[0.0, 0.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
    (0.0, 1.0)
    """
    rows, columns = (np.indices(tile.shape) - (np.array(tile.shape)[:, None, None] - 1) / 2).astype(float)
    total = float(np.abs(tile).sum()) or 1.0
    return float((tile * rows).sum() / total), float((tile * columns).sum() / total)
