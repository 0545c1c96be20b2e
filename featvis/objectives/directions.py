"""Directions of a layer's units: how far activations lie along them, and how exactly."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from featvis.algebra import Activations, Objective, Shapes, number
from featvis.objectives.base import OfLayer, array, digest, root
from featvis.objectives.views import window

FLOOR, EPSILON = 0.1, 1e-4
"""The least cosine that counts, and what is added to lengths before dividing by them. Source: Lucid."""


@dataclass(frozen=True)
class _Direction(OfLayer):
    cossim_pow: float

    def __call__(self, acts: Activations, data: Any) -> Array:
        a = acts[self.layer]
        # Not a matrix product, since GPUs would round its factors to ten bits.
        dot = (a * data).sum(-1)
        if self.cossim_pow:
            dot = dot * jnp.maximum(FLOOR, _cosines(a, data)) ** self.cossim_pow
        return dot.mean()

    def check(self, shapes: Shapes, data: Any) -> None:
        _check_direction(self.layer, shapes, data)


def direction(
    layer: str,
    vector: Float[Array | np.ndarray, "units"],
    cossim_pow: float = 0.0,
    whitening: Float[Array | np.ndarray, "units units"] | None = None,
) -> Objective:
    """Mean over positions of `dot * max(0.1, cosine) ** cossim_pow` with a direction of the layer's units.

    Args:
        layer: of any kind.
        vector: a number for each unit.
        cossim_pow: from 0. The higher, the more the angle counts, and the less the length.
        whitening: multiplied with the vector, `vector @ whitening`; the inverse of `acts.T @ acts / len(acts)` for the
            activations of many positions, `[positions, units]`, makes up for their correlations.

    Raises:
        ValueError: arrays of other shapes, numbers that are not finite, a negative power.

    Source: Lucid, `direction`; Carter et al. 2019, *Activation Atlas*. With weights for `vector` and divided by the
    number of units, Lucent's `channel_weight`.

    >>> import jax.numpy as jnp
    >>> float(direction("a", jnp.ones(2))({"a": jnp.ones((1, 3, 3, 2))}))
    2.0
    """
    weights = array("the direction", vector, "units")
    if whitening is not None:
        matrix = array("the whitening matrix", whitening, "units units")
        if matrix.shape != 2 * weights.shape:
            raise ValueError(f"the whitening matrix has shape {matrix.shape}; expected {2 * weights.shape}")
        weights = weights @ matrix
    return _objective(layer, weights, cossim_pow)


def direction_neuron(
    layer: str,
    vector: Float[Array | np.ndarray, "units"],
    row: int | None = None,
    column: int | None = None,
    cossim_pow: float = 0.0,
    whitening: Float[Array | np.ndarray, "units units"] | None = None,
) -> Objective:
    """`direction` at one position, the centre (`size // 2`) unless given.

    Args:
        layer: one with positions.
        vector: as in `direction`, like `cossim_pow` and `whitening`.
        row: from 0, at the top.
        column: from 0, at the left.
        cossim_pow: see `vector`.
        whitening: see `vector`.

    Raises:
        ValueError: as `direction`, or a position that is not whole, or negative.

    Source: Lucid, `direction_neuron`; with `whitening`, `direction_neuron_cossim_S` of its activation atlases and
    Captum's `AngledNeuronDirection`. Those take the dot product's mean over units for the sum, and divide by the length
    of the activations alone, so that where the floor of 0.1 bites depends on the direction's length; here a cosine is
    a cosine.

    >>> acts = {"a": jnp.arange(8.0).reshape(1, 2, 2, 2)}
    >>> float(direction_neuron("a", np.array([1.0, 10.0]), row=0, column=1)(acts))
    32.0
    """
    return window(direction(layer, vector, cossim_pow, whitening), row, column)


def tensor_direction(layer: str, tensor: Float[Array | np.ndarray, "h w units"], cossim_pow: float = 0.0) -> Objective:
    """`direction` with a vector for each position of a window in the centre.

    Args:
        layer: one with positions, at least as many as the tensor has.
        tensor: a vector for each position. Its middle (`h // 2`) lies on the layer's (`size // 2`); a tensor as large
            as the layer has one for each position.
        cossim_pow: as in `direction`.

    Raises:
        ValueError: as `direction`.

    Source: Lucid, `tensor_direction`, whose window lies half a position further up and left where an odd one lies on
    an even layer; here one of 1x1 is the same as `direction_neuron`.

    >>> acts = {"a": jnp.arange(8.0).reshape(1, 2, 2, 2)}
    >>> float(tensor_direction("a", np.ones((2, 2, 2)))(acts))
    7.0
    """
    weights = array("the direction", tensor, "height width units")
    return window(_objective(layer, weights, cossim_pow), height=weights.shape[0], width=weights.shape[1])


@dataclass(frozen=True)
class _Cosine(OfLayer):
    def __call__(self, acts: Activations, data: Any) -> Array:
        return _cosines(acts[self.layer], data).mean()

    def check(self, shapes: Shapes, data: Any) -> None:
        _check_direction(self.layer, shapes, data)


def cosine(layer: str, vector: Float[Array | np.ndarray, "units"]) -> Objective:
    """Mean over positions of the cosine between activations and a direction: the angle alone, whatever the length.

    Args:
        layer: of any kind.
        vector: a number for each unit.

    Raises:
        ValueError: another number of axes, or numbers that are not finite.

    Source: Lucent, `direction`, and, as `window(cosine(...))`, `direction_neuron`.

    >>> import jax.numpy as jnp
    >>> round(float(cosine("a", jnp.array([3.0, 4.0]))({"a": jnp.array([[3.0, 0.0]])})), 3)
    0.6
    """
    weights = array("the direction", vector, "units")
    return Objective(_Cosine(layer), weights, (layer,), f"{layer}:cosine-{digest(weights)}")


def _objective(layer: str, weights: Float[np.ndarray, "*hw units"], cossim_pow: float) -> Objective:
    power = float(cossim_pow)
    if not 0 <= power < float("inf"):
        raise ValueError(f"cossim_pow is {cossim_pow}; expected a number from 0 up")
    label = f"{layer}:direction-{digest(weights)}" + (f"^{number(power)}" if power else "")
    return Objective(_Direction(layer, power), weights, (layer,), label)


def _cosines(a: Array, vectors: Any) -> Array:
    lengths = root(jnp.square(a).sum(-1)) + EPSILON
    return (a * vectors).sum(-1) / (lengths * (root(jnp.square(vectors).sum(-1)) + EPSILON))


def _check_direction(layer: str, shapes: Shapes, data: Any) -> None:
    expected = shapes[layer][-data.ndim :]
    if data.shape != expected:
        raise ValueError(f"the direction has shape {data.shape}; {layer} needs {expected}")
