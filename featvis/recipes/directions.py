"""Directions: images of what a layer sees along combinations of its units."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Array, Float

from featvis import objectives as obj
from featvis.network import Network
from featvis.objectives.base import array
from featvis.render import render
from featvis.request import whole_numbers
from featvis.result import Result


def directions(
    model: Network,
    layer: str,
    vectors: Float[Array | np.ndarray, "n units"],
    *,
    cossim_pow: float = 0.0,
    labels: Sequence[str] | None = None,
    **options: Any,
) -> Result:
    """Draw an image for each direction of a layer's units.

    Args:
        model: any callable from images to named activations.
        layer: of any kind.
        vectors: one for each image: from `random_directions` or `pair_directions`, from `reduce(...).directions` (NMF,
            PCA), a row of weights, an average of activations. Only their directions count.
        cossim_pow: as in `featvis.objectives.direction`; 0 draws whatever lies far along the direction, more of it what
            lies close to it.
        labels: a name for each, by default `"<layer>:direction 0"` and so on. As always, random numbers depend on it.
        options: more arguments of `featvis.render`.

    Raises:
        ValueError: what `featvis.render` refuses, vectors of zeros, or another number of labels.

    Source: Olah et al. 2017, *Feature Visualization*, "Interaction between neurons"; Lucid's notebook.

    >>> import featvis
    >>> def model(images):  # Any such function will do.
    ...     return {"rgb": images}
    >>> vectors = random_directions(2, 3)
    >>> result = directions(model, "rgb", vectors, steps=1, param=featvis.param.image(8), transforms=())
    >>> result.images.shape, result.labels
    ((2, 8, 8, 3), ('rgb:direction 0', 'rgb:direction 1'))
    """
    rows = array("the array of directions", vectors, "n units")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not len(rows) or not lengths.all():
        zero = np.flatnonzero(lengths == 0)
        raise ValueError(
            f"directions {zero.tolist()} of {len(rows)} are zero; expected at least one, none of them zero"
        )
    names = [f"{layer}:direction {i}" for i in range(len(rows))] if labels is None else list(labels)
    if len(names) != len(rows):
        raise ValueError(f"{len(names)} labels were given for {len(rows)} directions; expected one for each")
    objectives = [obj.direction(layer, vector, cossim_pow) for vector in rows / lengths]
    named = [replace(objective, label=name) for objective, name in zip(objectives, names, strict=True)]
    return render(model, named, **options)


def random_directions(count: int, units: int, *, seed: int = 0) -> Float[np.ndarray, "count units"]:
    """Directions of a layer of so many units, each as likely as every other, of length 1.

    Raises:
        ValueError: a number below 1.

    >>> bool(np.allclose(np.linalg.norm(random_directions(3, 100), axis=1), 1))
    True
    """
    whole_numbers(count=count, units=units)
    drawn = np.random.default_rng(seed).standard_normal((count, units))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def pair_directions(pairs: Sequence[tuple[int, int]], units: int) -> Float[np.ndarray, "pairs units"]:
    """For each pair of units the direction midway between them, of length 1.

    Raises:
        ValueError: a unit that a layer of so many has not, or paired with itself.

    >>> pair_directions([(0, 2)], 3).round(3)
    array([[0.707, 0.   , 0.707]], dtype=float32)
    """
    whole_numbers(units=units)
    for pair in pairs:
        if len(set(pair)) != 2 or not all(0 <= unit < units for unit in pair):
            raise ValueError(f"pair {tuple(pair)} is not of two different units from 0 to {units - 1}")
    result = np.zeros((len(pairs), units), np.float32)
    for row, pair in zip(result, pairs, strict=True):
        row[list(pair)] = np.sqrt(0.5)
    return result
