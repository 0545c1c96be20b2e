"""Which classes of ImageNet are dogs and which are cars, by WordNet ids, and what classes are called."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

import inception_jax
from inception_jax.labels import synsets

_FIRST_DOG, _LAST_DOG = "n02085620", "n02113978"
"""The breeds of dogs in ILSVRC 2012, Chihuahua to Mexican hairless, have the ids between these two and no others."""

_CARS = {
    "n02701002",  # ambulance
    "n02814533",  # beach wagon
    "n02930766",  # cab
    "n03100240",  # convertible
    "n03594945",  # jeep
    "n03670208",  # limousine
    "n03770679",  # minivan
    "n03777568",  # Model T
    "n03930630",  # pickup
    "n03977966",  # police van
    "n04037443",  # racer
    "n04285008",  # sports car
}


def dog_classes(classes: Sequence[str]) -> Bool[np.ndarray, " classes"]:
    """Which classes are breeds of dogs.

    Args:
        classes: WordNet ids; names say nothing here.

    >>> dog_classes(["n01440764", "n02085620", "n02099712", "n02114367"]).tolist()
    [False, True, True, False]
    """
    return np.array([len(name) == 9 and _FIRST_DOG <= name <= _LAST_DOG for name in classes], bool)


def class_names(classes: Sequence[str]) -> list[str]:
    """What classes are called: WordNet ids of ImageNet's by their names, others as they are.

    >>> class_names(["n02099712", "red"])
    ['Labrador retriever', 'red']
    """
    imagenet = inception_jax.BVLC_GOOGLENET
    known = dict(zip(synsets(imagenet), inception_jax.labels(imagenet), strict=True))
    return [known.get(name, name) for name in classes]


def car_classes(classes: Sequence[str]) -> Bool[np.ndarray, " classes"]:
    """Which classes are cars, vans and the like; lorries and buses are not.

    >>> car_classes(["n04285008", "n04146614"]).tolist()
    [True, False]
    """
    return np.array([name in _CARS for name in classes], bool)
