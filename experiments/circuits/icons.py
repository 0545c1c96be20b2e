"""Icons: a small picture of what each unit, or each direction, looks for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

import featvis
import inception_jax
from circuits.route import Box, field_at
from experiments.figures import Figures, finished
from experiments.options import Options
from featvis import objectives as obj
from featvis import transforms
from inception_jax.graph import graph
from inception_jax.nodes import INPUT, map_sizes

GENTLE = (
    transforms.pad(4),
    transforms.jitter(8),
    transforms.random_scale((1, 0.975, 1.025, 0.95, 1.05)),
    transforms.random_rotate(range(-5, 6)),
    transforms.jitter(2),
    transforms.crop_or_pad_to(),
)
"""Less than `featvis.transforms.LUCID`, since small receptive fields leave little room. Source: the icons of Captum's
notebooks on *Thread: Circuits*."""

_MOST = 96
_ROOM = 4
"""Pixels around a receptive field, which jitter fills too."""


@dataclass(frozen=True)
class IconOptions(Options):
    """How icons are drawn."""

    size: int | None = None
    """Side in pixels of the images in which icons are drawn; by default that of the training, at most 96."""
    steps: int = 128
    """Steps of optimisation of each icon."""


def canvas(config: IconOptions, model: inception_jax.Model) -> int:
    """Side in pixels of the images in which icons are drawn."""
    return min(_MOST, model.architecture.image_size) if config.size is None else config.size


def drawn(
    page: Figures,
    name: str,
    model: inception_jax.Model,
    objectives: Sequence[featvis.Objective],
    config: IconOptions,
    param: featvis.param.Parameterization | None = None,
) -> Float[np.ndarray, "n size size channels"]:
    """Images of objectives, drawn in one call, once, and kept under a name.

    Raises:
        UsageError: units or layers that are not there, images too small for a layer.
    """
    param = featvis.param.image(canvas(config, model)) if param is None else param
    alpha = (transforms.collapse_alpha_random(),) if param.shape[-1] == 4 else ()
    options = {"steps": config.steps, "seed": config.seed, "param": param, "transforms": (*GENTLE, *alpha)}
    return page.kept(name, lambda: finished(featvis.render(model, objectives, **options)))["images"]


def unit_icons(
    page: Figures,
    model: inception_jax.Model,
    layer: str,
    numbers: Sequence[int],
    config: IconOptions,
    name: str | None = None,
) -> dict[int, Float[np.ndarray, "side side 3"]]:
    """An icon of each unit, by its number: what it wants in the middle of an image, as far as it sees.

    Raises:
        UsageError: as `drawn`.
    """
    listed = list(dict.fromkeys(int(number) for number in numbers))
    images = drawn(page, name or f"icons-{layer}", model, [obj.neuron(layer, number) for number in listed], config)
    return dict(zip(listed, cropped(model, layer, images), strict=True))


def cropped(
    model: inception_jax.Model, layer: str, images: Float[np.ndarray, "n size size channels"]
) -> Float[np.ndarray, "n side side channels"]:
    """The part of images that the unit in the middle of a layer sees, and a little around it.

    >>> model = inception_jax.load("mini")
    >>> [cropped(model, layer, np.zeros((1, 64, 64, 3))).shape[1] for layer in ("conv2d0", "conv2d2", "mixed4a")]
    [15, 27, 64]
    """
    rows, columns = seen(model, layer, images.shape[1])
    return images[:, slice(*rows), slice(*columns)]


def seen(model: inception_jax.Model, layer: str, size: int) -> Box:
    """Rows and columns that the unit in the middle of a layer sees, in an image of `size`, and a little around them.

    >>> seen(inception_jax.load("mini"), "conv2d0", 64)
    ((26, 41), (26, 41))
    """
    arch = model.architecture
    sizes = map_sizes(graph(arch).nodes, (size, size), arch.padding)
    middle = sizes[layer][0] // 2, sizes[layer][1] // 2
    spans = [(first - _ROOM, stop + _ROOM) for first, stop in field_at(arch, INPUT, layer, middle, (size, size))]
    if any(first < 0 or stop > size for first, stop in spans):
        return (0, size), (0, size)
    return spans[0], spans[1]
