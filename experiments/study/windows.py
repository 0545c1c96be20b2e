"""Images of the size that units need: canvases for stimuli, and windows of photographs as units see them."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float, Int, UInt8

import inception_jax
from circuits.tuning import receptive_field
from experiments.study import Study


def canvas(model: inception_jax.Model, layers: Sequence[str]) -> int:
    """Side of the smallest images in which units in the middle see what they would in images of the training's size.

    Nothing that they see may lie outside. Where there are no such images, the training's size.

    >>> canvas(inception_jax.load("mini"), ["conv2d2"])
    24
    """
    return _canvas(model.architecture, tuple(layers))


@cache
def _canvas(architecture: inception_jax.Architecture, layers: tuple[str, ...]) -> int:
    whole = architecture.image_size
    fields = {layer: receptive_field(architecture, layer, whole) for layer in layers}

    def same(size: int) -> bool:
        for layer, large in fields.items():
            try:
                small = receptive_field(architecture, layer, size)
            except ValueError:
                return False
            off = whole // 2 - size // 2
            for (first, stop), (a, b) in zip(large.box, small.box, strict=True):
                if (a, b) != (first - off, stop - off) or a < 0 or b > size:
                    return False
        return True

    return next((size for size in range(2 - whole % 2, whole, 2) if same(size)), whole)


def windows_at(
    study: Study,
    layer: str,
    numbers: Int[np.ndarray, " n"],
    places: Int[np.ndarray, "n 2"],
    most: int,
    *,
    margin: int = 0,
) -> Float[np.ndarray, "m side side 3"]:
    """Photographs, cut so that the position in the middle of a layer sees what one of its positions sees in them.

    Those that need nothing from beyond the photograph come first; elsewhere, photographs are mirrored.

    Args:
        study: with photographs.
        layer: whose positions they are.
        numbers: of the photographs; negative ones are left out.
        places: row and column in each.
        most: windows, at most.
        margin: pixels around what the network takes, for turning.
    """
    side, size = canvas(study.model, [layer]), study.model.architecture.image_size
    fields, middle = study.fields(layer), receptive_field(study.model, layer, side)
    listed = []
    for number, (row, column) in zip(numbers.tolist(), places.tolist(), strict=True):
        if number >= 0:
            (top, _), (left, _) = fields.box(row, column)
            corner = top - middle.rows[0] - margin, left - middle.columns[0] - margin
            over = max(0, *(-first for first in corner), *(first + side + 2 * margin - size for first in corner))
            listed.append((over, number, corner))
    listed = sorted(listed, key=lambda one: one[0])[:most]
    pixels = study.pixels([number for _, number, _ in listed])
    cut = [window(pixels[number], corner, side + 2 * margin) for _, number, corner in listed]
    whole = side + 2 * margin
    return np.stack(cut) / np.float32(255) if cut else np.zeros((0, whole, whole, 3), np.float32)


def window(
    pixels: UInt8[np.ndarray, "height width 3"], corner: Sequence[int], side: int
) -> UInt8[np.ndarray, "{side} {side} 3"]:
    """A square of an image, which is mirrored beyond its borders.

    Args:
        pixels: the image.
        corner: row and column of the first pixel, which may lie outside.
        side: of the square.

    >>> window(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), (-1, 0), 3)[..., 0].tolist()
    [[6, 9, 6], [0, 3, 0], [6, 9, 6]]
    """
    height, width = pixels.shape[:2]
    rows, columns = (
        _mirrored(np.arange(first, first + side), n) for first, n in zip(corner, (height, width), strict=True)
    )
    return pixels[np.ix_(rows, columns)]


def _mirrored(places: Int[np.ndarray, " n"], size: int) -> Int[np.ndarray, " n"]:
    around = places % max(2 * size - 2, 1)
    return np.minimum(around, max(2 * size - 2, 1) - around) if size > 1 else np.zeros_like(places)
