"""From one layer to another by least squares: activations, and directions that units become."""

import numpy as np
from jaxtyping import Array, Float

from circuits.ends import Units, chosen, directions
from circuits.matching.moments import JointMoments


def push(
    moments: JointMoments,
    activations: Float[Array | np.ndarray, "*places a"],
    *,
    ridge: float = 1e-3,
    through_origin: bool = False,
) -> Float[np.ndarray, "*places b"]:
    """What layer B is expected to be where layer A has given activations.

    The affine map from A to B with the least squared error over the samples, `mean_b + (acts - mean_a) C_aa^-1 C_ab`.

    Args:
        moments: of the two layers; `moments.swapped` pushes from B to A.
        activations: of A, at any number of places.
        ridge: added to the variance of every unit of A, as a share of their mean, from 0 on. It keeps what A hardly
            ever does from counting much. With 0, directions in which A has no variance at all are passed over.
        through_origin: whether no activation is pushed to no activation: without means, with mean products in place of
            covariances, `acts M_aa^-1 M_ab`.

    Raises:
        ValueError: another number of units, values that are not finite, a negative ridge.

    Source: Lucid, `push_activations`, which is this with `ridge=0, through_origin=True`.

    >>> from circuits.matching.moments import moments_of
    >>> a = np.random.default_rng(0).normal(size=(100, 2))
    >>> push(moments_of(a, 3 * a[:, ::-1] + 1), np.array([[1.0, 2.0]]), ridge=0).round(6)
    array([[7., 4.]])
    """
    values, units = np.asarray(activations, np.float64), len(moments.mean_a)
    if values.ndim < 1 or values.shape[-1] != units or not np.isfinite(values).all():
        raise ValueError(
            f"activations of {moments.layers[0]} have shape {values.shape}; expected [..., {units}], all finite"
        )
    within, across = moments.cov_a, moments.cov_ab
    if not through_origin:
        return moments.mean_b + (values - moments.mean_a) @ _solved(within, across, ridge)
    within = within + np.outer(moments.mean_a, moments.mean_a)
    return values @ _solved(within, across + np.outer(moments.mean_a, moments.mean_b), ridge)


def push_directions(
    moments: JointMoments, units: Units | None = None, *, ridge: float = 1e-3
) -> Float[np.ndarray, "n b"]:
    """Directions of layer B that say, of all, best what units of layer A do: `acts_b @ direction` follows the unit.

    Whatever takes directions takes them: `featvis.objectives.direction`, expanded weights, interventions. How well they
    follow is `moments.along(a, b).correlation`, for the directions of both.

    Args:
        moments: of the two layers.
        units: of A: numbers, or directions as rows of floating-point numbers; by default every unit.
        ridge: as in `push`, for the units of B.

    Raises:
        ValueError: no units, units that A does not have, directions over another number of units, a negative ridge.

    Source: the regression of A's units on those of B, `C_bb^-1 C_ba`; Lucid pushes activations only.

    >>> from circuits.matching.moments import moments_of
    >>> a = np.random.default_rng(0).normal(size=(100, 2))
    >>> both = np.stack([a[:, 0] + a[:, 1], a[:, 1]], 1)
    >>> push_directions(moments_of(a, both), 0, ridge=0).round(6)
    array([[ 1., -1.]])
    """
    count, layer = len(moments.mean_a), moments.layers[0]
    rows = directions(chosen(units, count, "units", layer), count, np.dtype(np.float64))
    return rows @ _solved(moments.cov_b, moments.cov_ab.T, ridge).T


def _solved(within: np.ndarray, across: np.ndarray, ridge: float) -> np.ndarray:
    """`(within + ridge)^-1 across`, by eigenvectors: `within` is symmetric, and often singular."""
    if not (ridge >= 0 and np.isfinite(ridge)):
        raise ValueError(f"ridge is {ridge}; expected a share of the mean variance, 0 or more")
    values, vectors = np.linalg.eigh(within)
    # Below this, eigenvalues are rounding errors of the largest.
    real = values > values[-1] * len(values) * np.finfo(np.float64).eps
    inverse = np.where(real, 1 / np.where(real, values + ridge * values.mean(), 1), 0)
    return vectors @ (inverse[:, None] * (vectors.T @ across))
