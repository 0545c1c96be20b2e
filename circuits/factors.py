"""Weights as a few factors: one-sided NMF, its colours, and singular vectors."""

import operator
import warnings
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from circuits.labelled import Weights, tiles
from circuits.neighbours import norms


@dataclass(frozen=True, eq=False, repr=False)
class Factors:
    """Weights as sums of factors, each a group of inputs with a tile for every unit: see `nmf`.

    Attributes:
        maps: how each factor acts on each unit at each position, in units of weight.
        inputs: how much of each input a factor has, of length 1, the factor that contributes most first.
        error: length of what is left over, as a fraction of the length of the weights.
    """

    maps: Float[np.ndarray, "out factor row column"]
    inputs: Float[np.ndarray, "factor in"]
    error: float

    def __repr__(self) -> str:
        return f"<{len(self.inputs)} factors of {self.inputs.shape[1]} inputs, {self.error:.1%} left over>"

    def reconstruct(self) -> Float[np.ndarray, "out in row column"]:
        """The weights that the factors stand for.

        >>> nmf(np.ones((1, 2, 3, 3)), 1).reconstruct().shape
        (1, 2, 3, 3)
        """
        return np.einsum("ofrc,fi->oirc", self.maps, self.inputs)


class Singular(NamedTuple):
    """Singular values, the largest first, with their vectors over the units at both ends."""

    values: Float[np.ndarray, " n"]
    units: Float[np.ndarray, "n out"]
    inputs: Float[np.ndarray, "n in"]


def nmf(weights: Weights, factors: int = 2, signed: Literal["maps", "inputs"] = "maps", seed: int = 0) -> Factors:
    """One-sided non-negative factors of weights: one of the two halves of a factor takes the signs.

    With `signed="maps"` a factor is a group of inputs that never cancel, and excites here and inhibits there: the view
    of a family of units, all of which share the groups. With `signed="inputs"` it is a place, with inputs that excite
    from there and inputs that inhibit: the view of a single unit, drawn with `spatial_rgb`.

    Args:
        weights: `[out, in, row, column]`.
        factors: how many.
        signed: which half takes the signs.
        seed: of the first guess; the same call gives the same factors.

    Raises:
        ValueError: another shape, zeros only, as many factors as the weights cannot have.

    Warns where the factors had not settled after 2,000 rounds.

    Source: *Visualizing Weights* (Distill, 2021); Captum, `posneg` over its axis 0 (a family) or 1 (a unit), and
    Lucid's `ChannelReducer`. scikit-learn's NMF does the work. Here the inputs of a factor have length 1, and factors
    come in the order of what they contribute.

    >>> tile = np.array([[1.0, -2.0], [0.0, 3.0]])
    >>> found = nmf(np.stack([3 * tile, 4 * tile])[None], 1)
    >>> found.inputs.round(3), found.maps[0, 0].round(3)
    (array([[0.6, 0.8]]), array([[  5., -10.],
           [  0.,  15.]]))
    """
    values = tiles(weights)
    if signed not in ("maps", "inputs"):
        raise ValueError(f'signed is {signed!r}; expected "maps" or "inputs"')
    out, ins, height, width = values.shape
    rows = values.transpose(0, 2, 3, 1).reshape(-1, ins).astype(np.float64)
    if not 1 <= (factors := operator.index(factors)) <= min(rows.shape):
        raise ValueError(
            f"factors is {factors}; {len(rows)} positions of {ins} inputs have 1 to {min(rows.shape)} factors"
        )
    if not rows.any():
        raise ValueError("the weights are zero everywhere; there is nothing to factor")
    axis = 0 if signed == "maps" else 1
    maps, inputs = _fit(np.concatenate([np.maximum(rows, 0), np.maximum(-rows, 0)], axis), factors, seed)
    if signed == "maps":
        maps = np.subtract(*np.split(maps, 2, 0))
    else:
        inputs = np.subtract(*np.split(inputs, 2, 1))
    length = np.linalg.norm(inputs, axis=1)
    order = np.argsort(-np.linalg.norm(maps, axis=0) * length, kind="stable")
    inputs = (inputs / np.where(length, length, 1)[:, None])[order]
    maps = (maps * length)[:, order]
    error = float(np.linalg.norm(rows - maps @ inputs) / np.linalg.norm(rows))
    return Factors(maps.reshape(out, height, width, factors).transpose(0, 3, 1, 2), inputs, error)


def spatial_rgb(weights: Weights, seed: int = 0) -> Float[np.ndarray, "out row column 3"]:
    """Each unit's weights as a picture: where three groups of its inputs matter, as red, green and blue.

    The three factors of a unit are found for it alone. Red is the one that lies highest, blue the one that lies lowest,
    so that units can be compared; each is bright where it is strongest.

    Args:
        weights: `[out, in, row, column]`, of at least three inputs and three positions.
        seed: as in `nmf`.

    Raises:
        ValueError: as `nmf`.

    Source: *Weight Banding* (Distill, 2021), whose rule for the order of the factors is not published; this is ours.

    >>> spatial_rgb(np.random.default_rng(0).normal(size=(2, 6, 3, 3))).shape
    (2, 3, 3, 3)
    """
    pictures = []
    for unit in tiles(weights):
        maps = nmf(unit[None], 3, "inputs", seed).maps[0]
        height = (maps.sum(2) * np.arange(maps.shape[1])).sum(1) / np.maximum(maps.sum((1, 2)), 1e-30)
        maps = maps[np.argsort(height, kind="stable")]
        pictures.append((maps / np.maximum(maps.max((1, 2), keepdims=True), 1e-30)).transpose(1, 2, 0))
    return np.stack(pictures).astype(np.float32)


def svd(weights: Weights, count: int = 2) -> Singular:
    """Singular vectors of the strengths of connections: units that share their neighbours come out alike.

    Args:
        weights: `[out, in, row, column]`; the strength of a connection is its L2 norm, the absolute value for 1x1.
        count: how many vectors.

    Raises:
        ValueError: another shape, more vectors than units.

    Source: *Branch Specialization* (Distill, 2021), which orders the units of the first two layers by the first two
    vectors. Signs are such that a vector's largest entry is positive.

    >>> svd(np.array([[1.0, -2.0], [2.0, -4.0]]).reshape(2, 2, 1, 1), 1).units.round(3)
    array([[0.447, 0.894]])
    """
    table = norms(weights).astype(np.float64)
    if not 1 <= (count := operator.index(count)) <= min(table.shape):
        raise ValueError(
            f"count is {count}; {table.shape[0]} units and {table.shape[1]} inputs have 1 to {min(table.shape)}"
        )
    units, values, inputs = np.linalg.svd(table, full_matrices=False)
    units, inputs = units.T[:count], inputs[:count]
    signs = np.sign(np.take_along_axis(units, np.abs(units).argmax(1)[:, None], 1))
    return Singular(values[:count], units * signs, inputs * signs)


def _fit(rows: np.ndarray, factors: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    # scikit-learn's 200 iterations are often too few for its own tolerance, and an exact fit never settles.
    settings: dict[str, Any] = {"n_components": factors, "random_state": seed, "max_iter": 2000}
    model = NMF(**settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        maps = model.fit_transform(rows)
    if model.n_iter_ >= 2000 and model.reconstruction_err_ > 1e-3 * np.linalg.norm(rows):
        warnings.warn(f"the factors had not settled after {model.n_iter_} rounds", stacklevel=3)
    return maps, model.components_
