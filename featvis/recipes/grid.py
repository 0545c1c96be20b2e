"""Activation grid: what the network sees at each position of an image."""

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import jax
import numpy as np
from jaxtyping import Array, Float
from PIL import Image

from featvis import objectives as obj
from featvis import param
from featvis.algebra import Activations, Function, Objective, Shapes, check
from featvis.frozen import Frozen
from featvis.network import Network
from featvis.objectives.base import OfLayer, digest
from featvis.param.base import Size
from featvis.param.fields import Blend, Sum
from featvis.pixels import eight_bit
from featvis.recipes.maps import layer_maps
from featvis.recipes.reduce import reduce

By = Literal["size", "opacity"]


@dataclass(frozen=True, repr=False, eq=False)
class ActivationGrid:
    """The vector of activations at each position of an image: see `activation_grid`.

    Attributes:
        layer: the layer.
        vectors: the activations.
    """

    layer: str
    vectors: Float[np.ndarray, "h w units"]

    def __repr__(self) -> str:
        height, width, units = self.vectors.shape
        return f"<grid of {self.layer}, {height}x{width} positions of {units} units>"

    @property
    def magnitudes(self) -> Float[np.ndarray, "h w"]:
        """Length of the vector at each position."""
        return np.linalg.norm(self.vectors, axis=-1)

    def objectives(self, cossim_pow: float = 0.0) -> list[Objective]:
        """What to render for an icon of each position, row by row: the direction of its vector.

        Vectors are scaled to length 1, since icons show directions; a higher `cossim_pow` keeps closer to them.
        See `featvis.objectives.direction`.
        """
        lengths = self.magnitudes[..., None]
        directions = self.vectors / np.where(lengths > 0, lengths, 1)
        return [obj.direction(self.layer, vector, cossim_pow) for row in directions for vector in row]

    def coherent(
        self, size: Size = 42, groups: int = 6, cossim_pow: float = 0.0, seed: int = 0
    ) -> tuple[param.Image, Objective]:
        """All icons as the images of one result, which share parts where their positions have something in common.

        Icons that are optimised alone show the same thing in different ways. Here each is the sum of a part of its own
        and of parts that belong to neuron groups, as strong as the group is at that position.

        Args:
            size: side of the icons in pixels, or (height, width).
            groups: number of neuron groups; see `reduce`.
            cossim_pow: as in `objectives`.
            seed: of the groups.

        Returns:
            What `featvis.render` takes as `param` and as objective; `images[0]` of the result are the icons. They are
            in memory all at once.

        Raises:
            ValueError: numbers out of range, or vectors with negative parts.

        Source: Lucid, `render_activation_grid_less_naive`, with its weights of 0.7 and 0.5; there each step is for 64
        of the icons, drawn at random.

        >>> grid = ActivationGrid("conv2d0", np.eye(4).reshape(2, 2, 4))
        >>> images, objective = grid.coherent(size=16, groups=2)
        >>> images.shape, objective.label[:22]
        ((4, 16, 16, 3), 'conv2d0:grid-direction')
        """
        maps = reduce(self.vectors, groups, seed=seed).maps.reshape(-1, groups)
        own = param.image(size)
        shares = maps / np.maximum(maps.max(0), 1e-12)
        parts = (
            Blend(param.stack(own.field, groups), Frozen(0.5 * shares)),
            Blend(param.stack(own.field, len(maps)), Frozen(0.7 * np.eye(len(maps)))),
        )
        each = self.objectives(cossim_pow)
        directions = np.stack([objective.data for objective in each])
        label = f"{self.layer}:grid-direction-{digest(directions)}"
        return replace(own, field=Sum(parts)), Objective(
            _EachImage(self.layer, each[0].fn), directions, (self.layer,), label
        )

    def picture(
        self, icons: Float[Array | np.ndarray, "positions h w 3"], *, by: By | None = None, crop: int = 0
    ) -> Float[np.ndarray, "height width 3"]:
        """The icons of `objectives()` in their places.

        Args:
            icons: one for each position, row by row, as `featvis.render(...).images` has them.
            by: what shows the magnitude of the activations: the `"size"` of each icon (its area), its `"opacity"` over
                white, or nothing.
            crop: pixels to cut off each icon on each side.

        Raises:
            ValueError: another number of icons, or nothing left of them.
        """
        height, width, _ = self.vectors.shape
        tiles = np.asarray(icons, np.float32)
        if tiles.ndim != 4 or len(tiles) != height * width or tiles.shape[-1] != 3:
            raise ValueError(f"icons have shape {tiles.shape}; expected ({height * width}, height, width, 3)")
        if by not in (None, *get_args(By)):
            raise ValueError(f"by is {by!r}; expected None, {' or '.join(map(repr, get_args(By)))}")
        if not 0 <= 2 * crop < min(tiles.shape[1:3]):
            raise ValueError(
                f"crop is {crop}; expected 0 or more, and less than half of {min(tiles.shape[1:3])} pixels"
            )
        tiles = tiles[:, crop : tiles.shape[1] - crop, crop : tiles.shape[2] - crop]
        share = (self.magnitudes / (self.magnitudes.max() or 1)).ravel()
        if by == "opacity":
            tiles = 1 - share[:, None, None, None] * (1 - tiles)
        elif by == "size":
            tiles = np.stack([_shrunk(tile, float(np.sqrt(part))) for tile, part in zip(tiles, share, strict=True)])
        rows = tiles.reshape(height, width, *tiles.shape[1:]).transpose(0, 2, 1, 3, 4)
        return rows.reshape(height * tiles.shape[1], width * tiles.shape[2], 3)


@dataclass(frozen=True)
class _EachImage(OfLayer):
    """The mean, over the images of a result, of a function of each alone and of data of its own."""

    fn: Function

    def __call__(self, acts: Activations, data: Any) -> Array:
        return jax.vmap(lambda a, d: self.fn({self.layer: a[None]}, d))(acts[self.layer], data).mean()

    def check(self, shapes: Shapes, data: Any) -> None:
        alone = {self.layer: (1, *shapes[self.layer][1:])}
        for d in data:
            check(self.fn, alone, d)


def activation_grid(model: Network, image: Float[Array | np.ndarray, "h w 3"], layer: str) -> ActivationGrid:
    """The activations at each position of an image, to be shown by an icon each.

    Args:
        model: any callable from images to named activations.
        image: RGB in [0, 1].
        layer: a layer with positions.

    Raises:
        ValueError: an unknown layer or one without positions, or an image of a wrong shape.

    Source: Olah et al. 2018, *The Building Blocks of Interpretability*, notebook ActivationGrid.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> grid = activation_grid(model, np.random.default_rng(0).random((8, 12, 3)), "conv2d1")
    >>> grid
    <grid of conv2d1, 2x3 positions of 4 units>
    >>> len(grid.objectives())  # For featvis.render, whose images go into their places by picture().
    6
    >>> grid.picture(np.zeros((6, 16, 16, 3)), by="size", crop=1).shape
    (28, 42, 3)
    """
    if np.ndim(image) != 3:
        raise ValueError(f"the image has shape {np.shape(image)}; expected one image, [height, width, 3]")
    return ActivationGrid(layer, layer_maps(model, np.asarray(image)[None], layer)[0])


def _shrunk(tile: Float[np.ndarray, "h w 3"], factor: float) -> Float[np.ndarray, "h w 3"]:
    """An icon made smaller in the middle of its white place."""
    height, width = (max(1, round(side * factor)) for side in tile.shape[:2])
    small = Image.fromarray(eight_bit(tile)).resize((width, height), Image.Resampling.BOX)
    top, left = (tile.shape[0] - height) // 2, (tile.shape[1] - width) // 2
    place = np.ones_like(tile)
    place[top : top + height, left : left + width] = np.asarray(small, np.float32) / 255
    return place
