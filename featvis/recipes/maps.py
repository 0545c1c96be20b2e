"""Activations of photographs, as recipes want them."""

from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Float

from featvis import network
from featvis.network import Bound, Network
from inception_jax.gradients import STANDARD

Images = Float[Array | np.ndarray, "n h w 3"]


def layer_activations(model: Network, images: Images, layer: str) -> Float[np.ndarray, "n *position units"]:
    """Activations of one layer, in float32.

    Raises:
        ValueError: an unknown layer, or images of a wrong shape, type or size.

    >>> layer_activations(lambda images: {"grey": images.mean(-1, keepdims=True)}, np.ones((1, 2, 2, 3)), "grey").shape
    (1, 2, 2, 1)
    """
    checked = check_images(images)
    network.activation_shapes(model, (layer,), (1, *checked.shape[1:]))
    return np.asarray(_activations(layer, Bound.of(model), checked))


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


def check_images(images: Images) -> Float[np.ndarray, "n h w 3"]:
    """`images` in float32, or `ValueError` if they are no batch of RGB images.

    >>> check_images(np.zeros((1, 8, 8, 3))).dtype
    dtype('float32')
    """
    array = np.asarray(images)
    if array.ndim != 4 or array.shape[-1] != 3 or not len(array):
        hint = " (add a batch axis: images[None])" if array.ndim == 3 else ""
        raise ValueError(f"images have shape {array.shape}; expected [n, height, width, 3]{hint}")
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"images have type {array.dtype}; expected floating point RGB in [0, 1]")
    return array.astype(np.float32)


@partial(jax.jit, static_argnums=0)
def _activations(layer: str, bound: Bound, images: Array) -> Array:
    return network.activations(bound.network, images, (layer,), STANDARD)[layer]
