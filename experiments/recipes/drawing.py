"""What experiments that draw units have in common: their options, their photographs, their rows of images."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

import featvis
import inception_jax
from experiments.options import Options, usage_errors
from experiments.recipes.subject import drawn
from featvis.pixels import picture
from featvis.sheet import sheet
from featvis.store import file_names
from inception_jax import datasets
from inception_jax.images import load_image
from inception_jax.photographs import photographs

_SEEN = 96
"""Pixels, at least, of an image on a page."""


@dataclass(frozen=True)
class DrawingOptions(Options):
    """How large images are, and how long they are optimised."""

    size: int | None = None
    """Side of the images in pixels; by default 1.5 times that of the images of the training, at most 128."""
    steps: int = 512
    """Steps of optimisation."""


@dataclass(frozen=True)
class SampleOptions(DrawingOptions):
    """And photographs from where."""

    images: str | None = None
    """Name of a tfds data set, or path of a folder or zip of class folders, or of a folder of such zips."""
    split: str = "all"
    """Part of the data, such as `validation` or `train[:10%]`."""
    data_dir: Path | None = None
    """Where tfds has its data sets, or keeps the prepared copy of a folder; by default its own place, or the cache."""
    photographs: int = 500
    """Photographs to take of it, at most."""


def sample(config: SampleOptions, model: inception_jax.Model) -> Float[np.ndarray, "n h w 3"]:
    """The first photographs of a data set, which prepared ones have in a random order; none without a data set.

    Raises:
        UsageError: no such data, or data that cannot be used.
    """
    size = model.architecture.image_size
    if config.images is None:
        return np.zeros((0, size, size, 3), np.float32)
    # In the proportion in which the networks are tested, 256 to 224.
    preparation = datasets.Preparation(size=size, short_side=size * 8 // 7)
    with usage_errors():
        dataset = datasets.open_dataset(config.images, config.split, config.data_dir)
        found = [dataset[i].image for i in range(min(len(dataset), max(config.photographs, 1)))]
        pixels = [preparation.test(image, f"photograph {i} of {dataset.name}") for i, image in enumerate(found)]
    return np.stack(pixels).astype(np.float32) / 255


def photograph(path: Path | None, number: int, size: int) -> tuple[Float[np.ndarray, "{size} {size} 3"], str]:
    """The central square of a photograph, and what it is called.

    Args:
        path: a photograph, or a folder or zip file of photographs in class folders; None for a drawn picture.
        number: which photograph of a folder or zip file, from 0.
        size: side of the square in pixels.

    Raises:
        UsageError: a file that cannot be read, or no photograph of that number in it.
    """
    if path is None:
        return drawn(size), "a drawn picture"
    # In the proportion in which the networks are tested, 256 to 224.
    short_side = 8 * size // 7
    with usage_errors():
        if not path.is_dir() and path.suffix.lower() != ".zip":
            return load_image(path, size, short_side=short_side), path.stem
        found = photographs(path, short_side, size)
        if not 0 <= number < len(found):
            raise ValueError(f"number is {number}; {path} has photographs 0 to {len(found) - 1}")
        return found[number].image, Path(found[number].name).stem.replace("_", " ")


def side(config: DrawingOptions, model: inception_jax.Model) -> int:
    """Side of the images in pixels."""
    return min(128, 3 * model.architecture.image_size // 2) if config.size is None else config.size


def complete(result: featvis.Result) -> featvis.Result:
    """A result that was not interrupted.

    Raises:
        KeyboardInterrupt: it was.
    """
    if result.interrupted:
        raise KeyboardInterrupt
    return result


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
