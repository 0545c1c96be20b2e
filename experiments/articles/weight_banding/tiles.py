"""Kernels as pictures, as *Weight Banding* draws them: a tile for each unit, and how far its bands go."""

import numpy as np
from jaxtyping import Float
from PIL import Image

import inception_jax
from circuits import banding, spatial_rgb
from circuits.spatial import Banding
from featvis.sheet import sheet as contact_sheet

Tiles = Float[np.ndarray, "units row column 3"]

HORIZONTAL, NONE = 0.75, 0.73
"""In the published tiles, the share of rows is above the first wherever there are bands, and below the second else."""
VERTICAL = 0.17
"""And below this where bands are vertical."""


def tileable(model: inception_jax.Model, layer: str) -> bool:
    """Whether a network has this layer, with three inputs and three positions or more.

    >>> tileable(inception_jax.load("mini"), "mixed5b_1x1")
    False
    """
    shape = np.shape(model.weights[layer]["kernel"]) if layer in model.weights else ()
    return len(shape) == 4 and shape[0] * shape[1] >= 3 and shape[2] >= 3


def kernel_tiles(model: inception_jax.Model, layer: str) -> Tiles:
    """The kernels of a `tileable` layer as RGB tiles.

    >>> kernel_tiles(inception_jax.load("mini"), "mixed3a_5x5").shape
    (8, 5, 5, 3)
    """
    return spatial_rgb(np.moveaxis(np.asarray(model.weights[layer]["kernel"], np.float32), (3, 2), (0, 1)))


def shares(tiles: Float[np.ndarray, "units row column channel"]) -> Banding:
    """Shares of the variance within tiles that lie between rows, and between columns.

    >>> shares(np.linspace(0, 1, 3)[None, :, None, None] * np.ones((1, 3, 3, 3)))
    Banding(rows=1.0, columns=0.0)
    """
    return banding(np.moveaxis(np.asarray(tiles, np.float64), -1, 1))


def kind(found: Banding) -> str:
    """What the published tiles with such shares look like.

    >>> kind(Banding(0.95, 0.03)), kind(Banding(0.16, 0.76)), kind(Banding(0.5, 0.4)), kind(Banding(0.74, 0.1))
    ('horizontal bands', 'vertical bands', 'no bands', 'between')
    """
    if found.rows > HORIZONTAL:
        return "horizontal bands"
    if found.columns > HORIZONTAL:
        return "vertical bands"
    return "no bands" if max(found) < NONE else "between"


def sheet(tiles: Tiles, most: int = 128, columns: int = 16) -> Image.Image:
    """Tiles side by side, those that look alike close together.

    >>> sheet(np.random.default_rng(0).random((4, 5, 5, 3)), columns=4).size
    (200, 56)
    """
    rows = tiles.reshape(len(tiles), -1).astype(np.float64)
    directions = np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2]
    order = np.argsort(rows @ directions[0], kind="stable")
    step = max(1, len(order) // most)
    return contact_sheet(tiles[order[::step][:most]], columns=columns, zoom=40 // tiles.shape[1], background="white")
