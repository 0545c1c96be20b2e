"""Pictures as one unit sees them: which positions of a lower layer it looks at, and what is there."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

import inception_jax
from circuits.route import Box, centred, field_at
from experiments.options import usage_errors
from featvis.recipes.given import activations
from inception_jax.graph import graph
from inception_jax.nodes import INPUT, map_sizes


@dataclass(frozen=True)
class Seen:
    """A picture as a unit sees it.

    Attributes:
        image: the picture.
        position: row and column in the unit's map.
        activations: of the lower layer, at the positions that the unit sees.
        value: the unit's activation there.
    """

    image: Float[np.ndarray, "height width 3"]
    position: tuple[int, int]
    activations: Float[np.ndarray, "in row column"]
    value: float


def seen_by(
    model: inception_jax.Model,
    at: str,
    layer: str,
    number: int,
    window: tuple[int, int],
    image: Float[np.ndarray, "height width 3"],
    position: tuple[int, int] | None = None,
) -> Seen:
    """What a unit sees of a picture, in a layer below, where it is most active.

    Args:
        model: the network.
        at: the layer below.
        layer: the layer of the unit.
        number: of the unit.
        window: rows and columns that weights cover, in the middle of what the unit sees.
        image: RGB in [0, 1].
        position: row and column in the unit's map, instead of the one where it is most active, of those that see no
            border if there are such.

    Raises:
        UsageError: an image that is too small.
    """
    with usage_errors():
        acts = activations(model, image[None], [at, layer])
    values = acts[layer][0, ..., number]
    below = acts[at][0]

    def looks(place: tuple[int, int]) -> Box:
        return centred(field_at(model.architecture, at, layer, place, (image.shape[0], image.shape[1])), window)

    def inside(place: tuple[int, int]) -> bool:
        spans = zip(looks(place), below.shape[:2], strict=True)
        return all(first >= 0 and stop <= size for (first, stop), size in spans)

    if position is None:
        places = list(np.ndindex(*values.shape))
        position = max([place for place in places if inside(place)] or places, key=lambda place: values[place])
    place = position[0], position[1]
    (top, bottom), (left, right) = looks(place)
    # What lies outside the map counts as zero, as for the unit.
    room = max(0, -top, -left, bottom - below.shape[0], right - below.shape[1])
    padded = np.pad(below, ((room, room), (room, room), (0, 0)))
    cut = padded[top + room : bottom + room, left + room : right + room]
    return Seen(image, place, np.moveaxis(cut, -1, 0), float(values[place]))


def part_seen(model: inception_jax.Model, layer: str, seen: Seen) -> Float[np.ndarray, "height width 3"]:
    """The part of the picture that the unit sees; where that reaches past a border, as much from inside."""
    height, width = seen.image.shape[:2]
    rows, columns = (
        slice(start := max(0, min(first, size - (stop - first))), start + stop - first)
        for (first, stop), size in zip(
            field_at(model.architecture, INPUT, layer, seen.position, (height, width)), (height, width), strict=True
        )
    )
    return seen.image[rows, columns]


def middle(model: inception_jax.Model, layer: str, image: Float[np.ndarray, "height width 3"]) -> tuple[int, int]:
    """The position of a layer for which objectives of single units are drawn.

    >>> middle(inception_jax.load("mini"), "mixed3b", np.zeros((64, 64, 3)))
    (8, 8)
    """
    arch = model.architecture
    height, width = map_sizes(graph(arch).nodes, (image.shape[0], image.shape[1]), arch.padding)[layer]
    return height // 2, width // 2
