"""What experiments that draw units have in common: the size of their images, rows of them, names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image

import inception_jax
from experiments.options import Options
from featvis.pixels import picture
from featvis.sheet import sheet
from featvis.store import file_names

_SEEN = 96
"""Pixels, at least, of an image on a page."""


@dataclass(frozen=True)
class DrawingOptions(Options):
    """How large images are, and how long they are optimised."""

    size: int | None = None
    """Side of the images in pixels; by default 1.5 times that of the images of the training, at most 128."""
    steps: int = 512
    """Steps of optimisation."""


def side(config: DrawingOptions, model: inception_jax.Model) -> int:
    """Side of the images in pixels."""
    return min(128, 3 * model.architecture.image_size // 2) if config.size is None else config.size


def row(images: Sequence[Float[np.ndarray, "_ _ _"]] | Float[np.ndarray, "n h w c"]) -> Image.Image:
    """Images side by side, all of the first one's size, enlarged to what can be seen.

    >>> row([np.zeros((64, 64, 3)), np.zeros((32, 32, 3))]).size
    (280, 144)
    """
    height, width = images[0].shape[:2]
    same = [image if image.shape[:2] == (height, width) else _resized(image, (width, height)) for image in images]
    return sheet(np.stack(same), columns=len(same), zoom=-(-_SEEN // width))


def names(labels: Sequence[str]) -> list[str]:
    """Names of figures and files for labels.

    >>> names(["mixed4a:1", "mixed4a:1 + mixed4a:2"])
    ['mixed4a_1', 'mixed4a_1_mixed4a_2']
    """
    return file_names(re.sub("[^a-z0-9-]+", "_", label.lower()) for label in labels)


def _resized(image: Float[np.ndarray, "_ _ _"], size: tuple[int, int]) -> Float[np.ndarray, "_ _ _"]:
    return np.asarray(picture(image).resize(size, Image.Resampling.BICUBIC), np.float32) / 255
