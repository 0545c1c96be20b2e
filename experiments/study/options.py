"""What every article takes from the command line."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from experiments.circuits.icons import IconOptions
from experiments.recipes.sources import SampleOptions


@dataclass(frozen=True)
class ArticleOptions(IconOptions, SampleOptions):
    """Which network, photographs and published numbers, and how much of everything."""

    quick: bool = False
    """Every figure, sooner: a tenth of the photographs, a quarter of the steps, fewer units."""
    photographs: int = 1000
    """Photographs to take, at most."""
    published: Path | None = None
    """Folder of the numbers that were published with the articles; by default reference/thread beside photographs."""
    side: int = 96
    """Side in pixels of the images of stimuli by which families are found."""
    step: float = 15.0
    """Degrees between their orientations: 45 divided by a whole number."""
    common: Path | None = None
    """Directory for what several articles need; by default the run's own."""


Config = TypeVar("Config", bound=ArticleOptions)


def resolved(config: Config) -> Config:
    """Options with photographs and published numbers filled in, where they are at hand.

    Photographs (data/imagenet-samples.zip) and published numbers (reference/thread) are looked for in the folder that
    INCEPTION_JAX_SHARED names, or else in ../shared.

    >>> resolved(ArticleOptions(images="photographs")).images
    'photographs'
    """
    shared = Path(os.environ.get("INCEPTION_JAX_SHARED", "../shared"))
    photographs, published = shared / "data" / "imagenet-samples.zip", shared / "reference" / "thread"
    return replace(
        config,
        images=str(photographs) if config.images is None and photographs.exists() else config.images,
        published=published if config.published is None and published.is_dir() else config.published,
    )
