"""Which part of an image a position of a layer's map sees: the theoretical receptive field, from the graph."""

from dataclasses import dataclass

from circuits.route import Box, field_at
from inception_jax.architecture import Architecture
from inception_jax.graph import graph
from inception_jax.model import check_layer
from inception_jax.nodes import INPUT, map_sizes


@dataclass(frozen=True)
class Fields:
    """Receptive fields of the positions of a layer: see `receptive_fields`.

    Attributes:
        first: rows and columns that the position 0, 0 sees, from and up to, which may lie outside the image.
        stride: by how many pixels the next position's field lies further on.
    """

    first: Box
    stride: tuple[int, int]

    def box(self, row: int, column: int) -> Box:
        """Rows and columns of the image that a position sees: the first, and the one after the last.

        >>> Fields(((-3, 4), (-3, 4)), (2, 2)).box(1, 0)
        ((-1, 6), (-3, 4))
        """
        down, across = row * self.stride[0], column * self.stride[1]
        (top, bottom), (left, right) = self.first
        return (top + down, bottom + down), (left + across, right + across)

    def enlarged(self, zoom: int) -> "Fields":
        """The same for images that are larger by a whole factor.

        >>> Fields(((-3, 4), (-3, 4)), (2, 2)).enlarged(2)
        Fields(first=((-6, 8), (-6, 8)), stride=(4, 4))
        """
        (top, bottom), (left, right) = self.first
        first = (zoom * top, zoom * bottom), (zoom * left, zoom * right)
        return Fields(first, (zoom * self.stride[0], zoom * self.stride[1]))


def receptive_fields(architecture: Architecture, layer: str, size: tuple[int, int]) -> Fields:
    """The receptive fields of a layer, for images of a size.

    Args:
        architecture: the network.
        layer: any named activation.
        size: height and width of the images in pixels.

    Raises:
        ValueError: no such layer, or images too small for it.

    >>> from inception_jax import INCEPTION5H
    >>> found = receptive_fields(INCEPTION5H, "mixed3b", (224, 224))
    >>> found.stride, found.box(0, 0), found.box(14, 14)
    ((8, 8), ((-38, 53), (-38, 53)), ((74, 165), (74, 165)))
    """
    network = graph(architecture)
    check_layer(layer, [node.name for node in network.nodes])
    sizes = map_sizes(network.nodes, size, architecture.padding)
    if 0 in sizes[layer]:
        raise ValueError(f"images of {size[0]}x{size[1]} pixels give {layer!r} no map; expected larger ones")

    first, (rows, _), (_, columns) = (field_at(architecture, INPUT, layer, at, size) for at in ((0, 0), (1, 0), (0, 1)))
    # A step to the next position moves the field by the product of all strides, if there is one.
    down, across = rows[0], columns[0]
    return Fields(first, (down - first[0][0], across - first[1][0]))
