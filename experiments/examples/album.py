"""What pages of examples are made of: what was found, where units look, the photographs, and what is to be said."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import inception_jax
from circuits.examples import Examples, Fields, load, receptive_fields
from experiments.examples import photographs
from experiments.examples.tiles import Pixels
from experiments.options import usage_errors
from experiments.rundir import RunDirectory
from inception_jax import datasets
from inception_jax.labels import synsets

ARRAYS = "examples.npz"

_SHARP = 224
"""Pixels, at least, of the photographs on pages."""
_OF_A_CLASS = 5
"""Photographs of each class, on average, from which on class selectivity is shown."""


@dataclass(frozen=True)
class Album:
    """What pages are made of.

    Attributes:
        directory: of the run.
        found: examples by layer.
        fields: receptive fields by layer.
        classes: what the data set's classes are called.
        photographs: gives photographs by number.
    """

    directory: RunDirectory
    found: Mapping[str, Examples]
    fields: Mapping[str, Fields]
    classes: list[str]
    photographs: Callable[[Iterable[int]], Iterable[tuple[int, Pixels]]]

    def tells_classes(self, layer: str) -> bool:
        """Whether there are enough photographs of each class: of one or two, some class is always far above others."""
        images = self.found[layer].class_images
        there = images[images > 0]
        return len(there) > 1 and float(there.mean()) >= _OF_A_CLASS


def album(
    directory: RunDirectory,
    model: inception_jax.Model,
    dataset: datasets.Dataset,
    preparation: datasets.Preparation,
) -> Album:
    """The album of a finished run.

    Args:
        directory: of the run.
        model: the network.
        dataset: the photographs.
        preparation: how they became what the network takes.

    Raises:
        UsageError: the run's arrays cannot be read.
    """
    with usage_errors():
        found = load(directory.path / ARRAYS)
    side = preparation.size
    # Small photographs are shown sharper than the network sees them.
    zoom = -(-_SHARP // side)
    sharp = dataclasses.replace(preparation, size=zoom * side, short_side=zoom * (preparation.short_side or side))
    # Before the ReLU or after it, a unit sees the same.
    fields = {layer: receptive_fields(model.architecture, layer, (side, side)).enlarged(zoom) for layer in found}
    return Album(
        directory=directory,
        found=found,
        fields=fields,
        classes=_class_names(dataset),
        photographs=lambda numbers: photographs.each(dataset, sharp, numbers),
    )


def _class_names(dataset: datasets.Dataset) -> list[str]:
    """What the data set's classes are called; WordNet ids of ImageNet's classes by their names."""
    imagenet = inception_jax.BVLC_GOOGLENET
    known = dict(zip(synsets(imagenet), inception_jax.labels(imagenet), strict=True))
    return [known.get(name, name) for name in dataset.classes]
