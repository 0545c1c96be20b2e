"""Where recipes have their photographs from: a file, one of many, a data set, or nowhere."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

import inception_jax
from experiments.options import Options, usage_errors
from inception_jax import datasets
from inception_jax.images import load_image
from inception_jax.photographs import photographs


@dataclass(frozen=True)
class PhotographOptions(Options):
    """Which photograph."""

    image: Path | None = None
    """A photograph, or a folder or zip file of photographs or class folders; without it, a drawn picture."""
    number: int = 0
    """Which photograph of a folder or zip file, from 0, in the order of classes and names."""


@dataclass(frozen=True)
class DataOptions(Options):
    """Which photographs."""

    images: str | None = None
    """Name of a tfds data set, or path of a folder or zip of photographs or class folders, or of a folder of zips."""
    split: str = "all"
    """Part of the data, such as `validation` or `train[:10%]`."""
    data_dir: Path | None = None
    """Where tfds has its data sets, or keeps the prepared copy of a folder; by default its own place, or the cache."""


@dataclass(frozen=True)
class SampleOptions(DataOptions):
    """Which photographs, and how many."""

    photographs: int = 500
    """Photographs to take of it, at most."""


def photograph(path: Path | None, number: int, size: int) -> tuple[Float[np.ndarray, "{size} {size} 3"], str]:
    """The central square of a photograph, and what it is called.

    Args:
        path: a photograph, or a folder or zip file of photographs or class folders; None for a drawn picture.
        number: which photograph of a folder or zip file, from 0.
        size: side of the square in pixels.

    Raises:
        UsageError: a file that cannot be read, or no photograph of that number in it.
    """
    if path is None:
        return drawn(size), "a drawn picture"
    with usage_errors():
        if not path.is_dir() and path.suffix.lower() != ".zip":
            return load_image(path, size, short_side=_short_side(size)), path.stem
        found = photographs(path, _short_side(size), size)
        if not 0 <= number < len(found):
            raise ValueError(f"number is {number}; {path} has photographs 0 to {len(found) - 1}")
        return found[number].image, Path(found[number].name).stem.replace("_", " ")


def data_set(config: DataOptions, model: inception_jax.Model) -> tuple[datasets.Dataset, datasets.Preparation]:
    """The data set that `--images` names, and how its photographs become what the model takes.

    Raises:
        UsageError: no such data, or data that cannot be used.
    """
    size = model.architecture.image_size
    with usage_errors():
        dataset = datasets.open_dataset(str(config.images), config.split, config.data_dir)
    return dataset, datasets.Preparation(size=size, short_side=_short_side(size))


def sample(config: SampleOptions, model: inception_jax.Model) -> Float[np.ndarray, "n h w 3"]:
    """The first photographs of a data set, which prepared ones have in a random order; none without a data set.

    Raises:
        UsageError: no such data, or data that cannot be used.
    """
    size = model.architecture.image_size
    if config.images is None:
        return np.zeros((0, size, size, 3), np.float32)
    dataset, preparation = data_set(config, model)
    with usage_errors():
        found = [dataset[i].image for i in range(min(len(dataset), max(config.photographs, 1)))]
        pixels = [preparation.test(image, f"photograph {i} of {dataset.name}") for i, image in enumerate(found)]
    return np.stack(pixels).astype(np.float32) / 255


def drawn(size: int) -> Float[np.ndarray, "{size} {size} 3"]:
    """A picture for trying things out with nothing at hand: a ball on a chequered floor.

    >>> drawn(64).shape
    (64, 64, 3)
    """
    down, across = (np.indices((size, size)) + 0.5) / size
    depth = 0.25 / np.maximum(down - 0.5, 0.01)
    chequers = (np.floor(8 * depth) + np.floor(8 * (across - 0.5) * depth)) % 2
    floor = 0.35 + 0.4 * chequers[..., None] * np.array([1.0, 0.9, 0.7])
    sky = np.array([0.45, 0.65, 0.9]) + 0.4 * down[..., None]
    x, y = (across - 0.5) / 0.27, (down - 0.55) / 0.27
    height = np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    light = np.clip(0.25 + 0.75 * (-0.5 * x - 0.6 * y + 0.6 * height), 0.1, 1)
    ball = np.array([0.95, 0.35, 0.15]) * light[..., None]
    behind = np.where(down[..., None] > 0.55, floor, sky)
    return np.clip(np.where(height[..., None] > 0, ball, behind), 0, 1).astype(np.float32)


def _short_side(size: int) -> int:
    """Of a photograph whose middle square is taken, in the proportion in which the networks are tested: 256 to 224."""
    return 8 * size // 7
