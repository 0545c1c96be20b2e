"""Interventions at a layer: units, families or directions scaled, ablated, or given other activations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from inception_jax.model import Edit, Model

Activations = Callable[..., Mapping[str, Array]]
"""A model that takes edits: `model(images, edits={layer: function})` goes on with what the function returns."""


@dataclass(frozen=True)
class Upstream:
    """What comes before an intervention, of which it may ask for activations.

    Attributes:
        images: what the edited model was called on.
        activations: of some layers, with edits in addition to the interventions before this one.
    """

    images: Float[Array, "n h w 3"]
    activations: Callable[[tuple[str, ...], Mapping[str, Edit]], Mapping[str, Array]] = field(repr=False)


@runtime_checkable
class Intervention(Protocol):
    """Something to be done at a layer: an edit that may ask for what comes before it."""

    @property
    def layer(self) -> str:
        """The layer whose activation is changed."""
        ...

    def __call__(self, value: Array, upstream: Upstream) -> Array:
        """The changed activation."""
        ...

    def check(self, model: Model) -> None:
        """Raise `ValueError` where a model, which has the layer, cannot be edited so."""
        ...


@partial(jax.tree_util.register_dataclass, data_fields=["units", "factor"], meta_fields=["layer"])
@dataclass(frozen=True, eq=False)
class Scale:
    """Units, or the activation along directions, times a factor: see `scale`. It is an edit itself."""

    layer: str
    units: Any
    factor: Any

    def __call__(self, value: Array, upstream: Upstream | None = None) -> Array:  # noqa: ARG002 (the protocol's)
        """The changed activation."""
        return replaced(value, self.units, value * self.factor)

    def check(self, model: Model) -> None:
        """Raise `ValueError` for units that the layer does not have."""
        check_units(self.units, model.layers[self.layer], self.layer)


@partial(jax.tree_util.register_dataclass, data_fields=["units", "values"], meta_fields=["layer"])
@dataclass(frozen=True, eq=False)
class Patch:
    """Units, or the activation along directions, replaced: see `patch`. It is an edit itself."""

    layer: str
    units: Any
    values: Any

    def __call__(self, value: Array, upstream: Upstream | None = None) -> Array:  # noqa: ARG002 (the protocol's)
        """The changed activation."""
        given = jnp.asarray(self.values, value.dtype)
        try:
            new = jnp.broadcast_to(given, value.shape)
        except ValueError:
            raise ValueError(
                f"the patch of {self.layer!r} has values of shape {given.shape}; expected a number, one for each of "
                f"its {value.shape[-1]} units, or what broadcasts to the activation, {value.shape}"
            ) from None
        return replaced(value, self.units, new)

    def check(self, model: Model) -> None:
        """Raise `ValueError` for units that the layer does not have."""
        check_units(self.units, model.layers[self.layer], self.layer)


Some = int | Sequence[int] | range | np.ndarray | None
"""Units: a number, several (a family), or directions as rows of floating-point numbers; `None` for all."""


def scale(layer: str, units: Some, factor: float) -> Scale:
    """Multiply units by a factor; along directions, the share that lies along them.

    Args:
        layer: any named activation.
        units: a unit, several, or directions over the layer's units as rows of floating-point numbers, of which the
            span counts. `None` means all units.
        factor: 0 ablates, 1 changes nothing, -1 turns the sign.

    Raises:
        ValueError: no units, negative numbers, directions that are zero or not finite.

    >>> scale("a", 1, 3.0)(jnp.array([[1.0, 2.0]]))
    Array([[1., 6.]], dtype=float32)
    >>> scale("a", np.array([[1.0, 1.0]]), 0.0)(jnp.array([[1.0, 2.0]])).round(5)
    Array([[-0.5,  0.5]], dtype=float32)
    """
    return Scale(layer, selected(units, layer), factor)


def ablate(layer: str, units: Some) -> Scale:
    """Set units to zero, or remove directions.

    Args:
        layer: any named activation.
        units: as in `scale`.

    Raises:
        ValueError: as `scale`.

    >>> ablate("a", [0])(jnp.array([[1.0, 2.0]]))
    Array([[0., 2.]], dtype=float32)
    """
    return scale(layer, units, 0.0)


def patch(layer: str, units: Some, values: float | Float[Array | np.ndarray, "..."]) -> Patch:
    """Give units other activations: a number, or those of other images.

    Args:
        layer: any named activation.
        units: as in `scale`; along directions, the share that lies along them is replaced.
        values: for the whole layer, whichever units are replaced: `acts[layer]` of as many other images (or of one),
            a number for each unit, or one number.

    Raises:
        ValueError: as `scale`. Values that do not fit the activation are refused when the model is called.

    Source: activation patching, as in Vig et al. 2020, *Causal Mediation Analysis*, and Wang et al. 2022,
    *Interpretability in the Wild*.

    >>> patch("a", 1, jnp.array([[7.0, 8.0]]))(jnp.array([[1.0, 2.0]]))
    Array([[1., 8.]], dtype=float32)
    """
    return Patch(layer, selected(units, layer), values)


def replaced(
    value: Float[Array, "*rest units"], units: Any, new: Float[Array, "*rest units"]
) -> Float[Array, "*rest units"]:
    """`value` with some units, or what lies along directions, taken from `new`; `None` stands for all units.

    >>> replaced(jnp.zeros((1, 3)), np.array([2]), jnp.ones((1, 3)))
    Array([[0., 0., 1.]], dtype=float32)
    """
    if units is None:
        return new
    if units.ndim == 2:
        # On recent GPUs, the product would be rounded to ten bits.
        basis = jnp.asarray(units, value.dtype)
        along = jnp.einsum("...u,ku->...k", new - value, basis, precision="highest")
        return value + jnp.einsum("...k,ku->...u", along, basis, precision="highest")
    return jnp.where(jnp.zeros(value.shape[-1], bool).at[units].set(True), new, value)


def selected(units: Some, layer: str) -> np.ndarray | None:
    """Unit numbers, an orthonormal basis of directions, or `None`; how many units the layer has is not known yet.

    >>> selected(range(2), "a"), selected(np.array([3.0, 4.0]), "a")
    (array([0, 1]), array([[0.6, 0.8]], dtype=float32))
    """
    if units is None:
        return None
    array = np.asarray(units)
    wants = "unit numbers from 0 on, or directions [n, units] of floating-point numbers"
    if array.size == 0:
        raise ValueError(f"no units of {layer!r} are chosen; expected {wants}, or None for all units")
    if array.dtype.kind in "iu" and array.ndim <= 1:
        if (array < 0).any():
            raise ValueError(f"units of {layer!r} are {_listed(array[array < 0])}; expected {wants}")
        return np.unique(array)
    if array.dtype.kind != "f" or array.ndim not in (1, 2):
        raise ValueError(f"units of {layer!r} have shape {array.shape} and type {array.dtype}; expected {wants}")
    rows = np.atleast_2d(array).astype(np.float64)
    if not np.isfinite(rows).all() or not rows.any(1).all():
        raise ValueError(f"directions of {layer!r} are not all finite and different from zero; expected {wants}")
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    basis = basis[sizes > 1e-6 * sizes[0]]  # Directions that depend on others add nothing to the span.
    return (basis * np.sign(basis[np.arange(len(basis)), np.abs(basis).argmax(1)])[:, None]).astype(np.float32)


def check_units(units: Any, count: int, layer: str) -> None:
    """Raise `ValueError` where what `selected` returned does not fit a layer of `count` units.

    >>> check_units(np.array([4]), 4, "conv2d0")
    Traceback (most recent call last):
    ValueError: conv2d0 has no units 4; expected 0 to 3
    """
    if units is None or isinstance(units, jax.core.Tracer):
        return
    if units.ndim == 2 and units.shape[1] != count:
        raise ValueError(f"directions over {units.shape[1]} units do not fit {layer}; expected {count} units")
    if units.ndim == 1 and (units >= count).any():
        raise ValueError(f"{layer} has no units {_listed(units[units >= count])}; expected 0 to {count - 1}")


def _listed(units: np.ndarray) -> str:
    return ", ".join(str(int(n)) for n in np.ravel(units)[:8]) + (", ..." if np.size(units) > 8 else "")
