"""What recipes are given, checked, and what a network makes of it."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from featvis import memory, network, request
from featvis.algebra import GRADIENT, INPUT, STEP, Function, Objective
from featvis.network import Bound, Network
from featvis.param import Parameterization
from inception_jax.gradients import STANDARD

Photograph = Float[Array | np.ndarray, "_ _ 3"]
"""RGB in [0, 1]."""
Images = Float[Array | np.ndarray, "n h w 3"]
"""Several of one size."""


def check_photograph(name: str, image: Photograph) -> Float[np.ndarray, "h w 3"]:
    """`image` in float32, or `ValueError` if it is no RGB image in [0, 1].

    >>> check_photograph("content", np.zeros((8, 8, 3))).dtype
    dtype('float32')
    """
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[-1] != 3 or not array.size:
        raise ValueError(f"{name} has shape {array.shape}; expected one image, [height, width, 3]")
    return _checked(name, array)


def check_images(images: Images) -> Float[np.ndarray, "n h w 3"]:
    """`images` in float32, or `ValueError` if they are no batch of RGB images in [0, 1].

    >>> check_images(np.zeros((1, 8, 8, 3))).dtype
    dtype('float32')
    """
    array = np.asarray(images)
    if array.ndim != 4 or array.shape[-1] != 3 or not array.size:
        hint = " (add a batch axis: images[None])" if array.ndim == 3 else ""
        raise ValueError(f"images have shape {array.shape}; expected [n, height, width, 3]{hint}")
    return _checked("the batch of images", array)


def check_names(name: str, layers: str | Iterable[str]) -> tuple[str, ...]:
    """Names of layers, given as one or several, or `ValueError` if there are none or one of them twice.

    >>> check_names("layers", "conv2d0"), check_names("layers", ["conv2d0", "conv2d1"])
    (('conv2d0',), ('conv2d0', 'conv2d1'))
    """
    names = (layers,) if isinstance(layers, str) else tuple(layers)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"{name} are {list(names)}; expected at least one name, each once")
    return names


def listed(model: Network, objectives: request.Objectives, param: Parameterization) -> list[Objective]:
    """The objectives that are meant, short forms read.

    Raises:
        ValueError: an unknown layer or unit, something that is no objective, or nothing at all.
    """
    return request.resolve(model, objectives, request.images_shape(param))


def one(model: Network, objective: str | Objective, param: Parameterization) -> Objective:
    """The objective that is meant.

    Raises:
        ValueError: as `listed`, or a short form of several units.
    """
    found = listed(model, objective, param)
    if len(found) != 1:
        raise ValueError(f"{objective!r} stands for {len(found)} objectives; expected one")
    return found[0]


def activations(
    model: Network, images: Float[Array | np.ndarray, "n h w c"], layers: Sequence[str]
) -> dict[str, Float[np.ndarray, "n ..."]]:
    """Activations of several layers, all computed at once.

    Raises:
        ValueError: an unknown layer, or images too small for it.

    >>> grey = lambda images: {"grey": images.mean(-1, keepdims=True)}
    >>> activations(grey, np.ones((1, 2, 2, 3), np.float32), ["grey"])["grey"].shape
    (1, 2, 2, 1)
    """
    array = np.asarray(images, np.float32)
    network.activation_shapes(model, tuple(layers), array.shape)
    return {name: np.asarray(a) for name, a in _activations(tuple(layers), Bound.of(model), array).items()}


def objective_values(
    model: Network, objectives: request.Objectives, images: Float[Array | np.ndarray, "n ..."]
) -> Float[np.ndarray, "objectives n"]:
    """The value of each objective for each image, or for each group of images that stand for one result.

    Args:
        model: any callable from images to named activations.
        objectives: objectives or short forms. Those that depend on the step see step 0.
        images: in [0, 1], `[n, height, width, channels]`; `[n, images, height, width, channels]` for objectives that
            relate several images.

    Raises:
        ValueError: images of another shape, objectives that do not fit the network, or that need gradients.

    >>> from featvis.objectives import channel
    >>> rgb = lambda images: {"rgb": images}
    >>> objective_values(rgb, [channel("rgb", 0), channel("rgb", 2)], np.full((1, 2, 2, 3), 0.5))
    array([[0.5],
           [0.5]], dtype=float32)
    """
    array = np.asarray(images, np.float32)
    if array.ndim not in (4, 5) or not array.size:
        raise ValueError(
            f"images have shape {array.shape}; expected [n, height, width, channels], or "
            "[n, images, height, width, channels]"
        )
    groups = array if array.ndim == 5 else array[:, None]
    shape = groups.shape[1:]
    found = request.resolve(model, objectives, shape)
    for objective in found:
        if any(name.startswith(GRADIENT) for name in objective.layers):
            raise ValueError(f"{objective.label} needs gradients; expected objectives of activations and images")
    request.check_objectives(model, found, shape, shape)

    layers = tuple(sorted({name for objective in found for name in objective.network_layers}))
    fns, data = tuple(objective.fn for objective in found), tuple(objective.data for objective in found)
    bound, at_once = Bound.of(model), memory.batch_size(network.activation_bytes(model, layers, shape))
    parts = [
        _values(fns, layers, bound, groups[first : first + at_once], data) for first in range(0, len(groups), at_once)
    ]
    return np.concatenate(parts, axis=1)


def _checked(name: str, array: np.ndarray) -> np.ndarray:
    if not np.issubdtype(array.dtype, np.floating) or not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(
            f"{name} has type {array.dtype} and values from {array.min():g} to {array.max():g}; "
            "expected floating point RGB in [0, 1]"
        )
    # What has the type already is not copied, since it may be a file that memory does not hold.
    return array.astype(np.float32, copy=False)


@partial(jax.jit, static_argnums=0)
def _activations(layers: tuple[str, ...], bound: Bound, images: Array) -> dict[str, Array]:
    return network.activations(bound.network, images, layers, STANDARD)


@partial(jax.jit, static_argnums=(0, 1))
def _values(
    fns: tuple[Function, ...], layers: tuple[str, ...], bound: Bound, groups: Array, data: tuple[Any, ...]
) -> Float[Array, "objectives n"]:
    flat = groups.reshape(-1, *groups.shape[2:])
    acts = network.activations(bound.network, flat, layers, STANDARD)
    named = {name: a.reshape(*groups.shape[:2], *a.shape[1:]) for name, a in acts.items()} | {INPUT: groups}

    def values(alone: dict[str, Array]) -> Array:
        seen = {**alone, STEP: jnp.float32(0)}
        return jnp.stack([fn(seen, d).astype(jnp.float32) for fn, d in zip(fns, data, strict=True)])

    return jax.vmap(values, out_axes=1)(named)
