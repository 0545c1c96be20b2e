"""Semantic dictionary: at each position of an image, the units that see most there."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float, Int

from featvis import objectives as obj
from featvis.algebra import Objective
from featvis.network import Network
from featvis.recipes.attribution import Attribution
from featvis.recipes.maps import layer_maps


@dataclass(frozen=True, repr=False, eq=False)
class SemanticDictionary:
    """The strongest units at each position of an image: see `semantic_dictionary`.

    Attributes:
        layer: the layer.
        units: their numbers at each position, the strongest first.
        activations: their activations.
    """

    layer: str
    units: Int[np.ndarray, "h w k"]
    activations: Float[np.ndarray, "h w k"]

    def __repr__(self) -> str:
        height, width, count = self.units.shape
        return f"<dictionary of {self.layer}, {count} of its units at each of {height}x{width} positions>"

    @property
    def distinct(self) -> list[int]:
        """All units that occur, in increasing order."""
        return np.unique(self.units).tolist()

    @property
    def peak(self) -> tuple[int, int]:
        """Row and column of the strongest activation."""
        row, column = np.unravel_index(self.activations[..., 0].argmax(), self.activations.shape[:2])
        return int(row), int(column)

    def objectives(self) -> list[Objective]:
        """What to render for an icon of each of the `distinct` units."""
        return [obj.channel(self.layer, unit) for unit in self.distinct]

    def attribution(self, found: Attribution) -> Float[np.ndarray, "targets h w k"]:
        """What each entry adds to the targets of an attribution of the same image to this layer.

        Raises:
            ValueError: an attribution to another layer, or of other images.
        """
        if found.layer != self.layer or found.change.shape[:3] != (1, *self.units.shape[:2]):
            raise ValueError(
                f"the attribution is to {found.layer} of shape {found.change.shape}; expected {self.layer} and one "
                f"image of {self.units.shape[0]}x{self.units.shape[1]} positions"
            )
        return np.take_along_axis(found.values[:, 0], self.units[None], axis=-1)


def semantic_dictionary(
    model: Network, image: Float[Array | np.ndarray, "h w 3"], layer: str, k: int = 4
) -> SemanticDictionary:
    """Look up the `k` strongest units at each position of an image.

    Args:
        model: any callable from images to named activations.
        image: RGB in [0, 1].
        layer: a layer with positions.
        k: units at each position, at most those of the layer.

    Raises:
        ValueError: an unknown layer or one without positions, an image of a wrong shape, `k` out of range.

    Source: Olah et al. 2018, *The Building Blocks of Interpretability*, notebook SemanticDictionary.

    >>> import inception_jax
    >>> from featvis.recipes.attribution import attribute
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photo = np.random.default_rng(0).random((16, 16, 3))
    >>> words = semantic_dictionary(model, photo, "conv2d1", k=2)
    >>> words
    <dictionary of conv2d1, 2 of its units at each of 4x4 positions>
    >>> toward = attribute(model, photo[None], "conv2d1", "conv2d2:0")
    >>> words.attribution(toward).shape
    (1, 4, 4, 2)
    """
    if np.ndim(image) != 3:
        raise ValueError(f"the image has shape {np.shape(image)}; expected one image, [height, width, 3]")
    acts = layer_maps(model, np.asarray(image)[None], layer)[0]
    if not 1 <= k <= acts.shape[-1]:
        raise ValueError(f"k is {k}; {layer} has 1 to {acts.shape[-1]} units to show")
    # A stable sort: of equal activations, the unit of the lowest number comes first.
    units = np.argsort(-acts, axis=-1, kind="stable")[..., :k]
    return SemanticDictionary(layer, units, np.take_along_axis(acts, units, axis=-1))
