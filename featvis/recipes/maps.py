"""Activations of photographs, as recipes want them."""

import numpy as np
from jaxtyping import Float

from featvis.network import Network
from featvis.recipes.given import Images, activations, check_images


def layer_activations(model: Network, images: Images, layer: str) -> Float[np.ndarray, "n *position units"]:
    """Activations of one layer, in float32.

    Raises:
        ValueError: an unknown layer, or images of a wrong shape, type or size.

    >>> layer_activations(lambda images: {"grey": images.mean(-1, keepdims=True)}, np.ones((1, 2, 2, 3)), "grey").shape
    (1, 2, 2, 1)
    """
    return activations(model, check_images(images), (layer,))[layer]


def layer_maps(model: Network, images: Images, layer: str) -> Float[np.ndarray, "n rows columns units"]:
    """As `layer_activations`, of a layer that has positions.

    Raises:
        ValueError: also for layers without positions.

    >>> layer_maps(lambda images: {"mean": images.mean((1, 2))}, np.ones((1, 2, 2, 3)), "mean")
    Traceback (most recent call last):
    ValueError: mean has no positions: its shape is (1, 3); expected [n, height, width, units]
    """
    acts = layer_activations(model, images, layer)
    if acts.ndim != 4:
        raise ValueError(f"{layer} has no positions: its shape is {acts.shape}; expected [n, height, width, units]")
    return acts
