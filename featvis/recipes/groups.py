"""Neuron groups: the few directions that one image's activations are made of."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from featvis import objectives as obj
from featvis.algebra import Objective
from featvis.network import Network
from featvis.pixels import collapse_channels
from featvis.recipes.attribution import Attribution
from featvis.recipes.given import Images
from featvis.recipes.maps import layer_maps
from featvis.recipes.reduce import Factors, Signed, reduce


@dataclass(frozen=True, repr=False, eq=False)
class NeuronGroups:
    """Groups of units that are active together: see `neuron_groups`.

    Attributes:
        layer: the layer.
        factors: a direction over the layer's units for each group, the strongest first, and a map of each for each
            image.
    """

    layer: str
    factors: Factors

    def __len__(self) -> int:
        return len(self.factors)

    def __repr__(self) -> str:
        return f"<{len(self)} groups of {self.layer}, {self.factors.error:.1%} of its activations left over>"

    @property
    def maps(self) -> Float[np.ndarray, "n h w groups"]:
        """How strong each group is at each position of each image."""
        return self.factors.maps

    @property
    def colours(self) -> Float[np.ndarray, "groups 3"]:
        """A colour for each group: hues evenly around the colour circle, in RGB."""
        return collapse_channels(np.eye(len(self), dtype=np.float32))

    def objectives(self, cossim_pow: float = 0.0) -> list[Objective]:
        """What to render for an icon of each group, its direction; see `featvis.objectives.direction`."""
        return [obj.direction(self.layer, direction, cossim_pow) for direction in self.factors.directions]

    def picture(self) -> Float[np.ndarray, "n h w 3"]:
        """All maps of each image in one, each group in its colour, full where the map is at its 99th percentile."""
        full = np.percentile(self.maps, 99)
        return np.clip(collapse_channels(np.maximum(self.maps, 0) / (full or 1)), 0, 1)

    def attribution(self, found: Attribution) -> Float[np.ndarray, "targets n groups"]:
        """What each group adds to the targets of an attribution to this layer, for the same images.

        Raises:
            ValueError: an attribution to another layer, or of other images.

        Source: Lucid, notebook NeuronGroups.
        """
        if found.layer != self.layer:
            raise ValueError(f"the attribution is to {found.layer}; expected {self.layer}, the layer of the groups")
        return found.along(self.factors.directions, self.maps)


def neuron_groups(
    model: Network, images: Images, layer: str, n: int = 6, *, signed: Signed | None = None, seed: int = 0
) -> NeuronGroups:
    """Find the `n` groups of units that the activations of a few images are made of, by NMF.

    Args:
        model: any callable from images to named activations.
        images: RGB in [0, 1], most often one; the groups of several are found together.
        layer: a layer with positions.
        n: number of groups.
        signed: for layers that may be negative; see `reduce`.
        seed: of the factorisation.

    Raises:
        ValueError: an unknown layer or one without positions, images of a wrong shape, `n` out of range, negative
            activations without `signed`.

    Source: Olah et al. 2018, *The Building Blocks of Interpretability*, notebook NeuronGroups, which sorts groups from
    left to right; here they come by what they contribute.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((1, 32, 32, 3))
    >>> groups = neuron_groups(model, photos, "conv2d0", n=2)
    >>> groups.maps.shape, groups.picture().shape
    ((1, 16, 16, 2), (1, 16, 16, 3))
    >>> len(groups.objectives())  # For featvis.render: an icon of each.
    2
    """
    return NeuronGroups(layer, reduce(layer_maps(model, images, layer), n, signed=signed, seed=seed))
