"""Few directions in place of many units: scikit-learn's decompositions over the last axis of activations."""

import operator
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Array, Float, Int

METHODS = {"nmf": "NMF", "pca": "PCA", "ica": "FastICA", "svd": "TruncatedSVD"}
"""Our names of methods, and scikit-learn's."""

Signed = Literal["maps", "directions"]


@dataclass(frozen=True, repr=False, eq=False)
class Factors:
    """Activations as a sum of a few directions, each with a map of how strongly it is there: see `reduce`.

    Attributes:
        directions: over the layer's units, each of length 1, the strongest first.
        maps: strength of each direction at each position, in units of activation.
        mean: what is added everywhere; zero except for methods that centre the data (PCA, ICA).
        error: length of what is left over, as a fraction of the length of the activations.
    """

    directions: Float[np.ndarray, "n units"]
    maps: Float[np.ndarray, "*position n"]
    mean: Float[np.ndarray, " units"]
    error: float
    _fit: "_Fit" = field(repr=False)

    def __len__(self) -> int:
        return len(self.directions)

    def __repr__(self) -> str:
        return f"<{len(self)} directions of {self.directions.shape[1]} units, {self.error:.1%} left over>"

    def reconstruct(self) -> Float[np.ndarray, "*position units"]:
        """The activations that the factors stand for: `maps @ directions + mean`.

        >>> reduce(np.array([[1.0, 2.0], [2.0, 4.0]]), 1).reconstruct().round(3).tolist()
        [[1.0, 2.0], [2.0, 4.0]]
        """
        return self.maps @ self.directions + self.mean

    def transform(self, activations: Float[Array | np.ndarray, "*position units"]) -> Float[np.ndarray, "*position n"]:
        """Maps of the same directions for other activations of the layer.

        Raises:
            ValueError: another number of units, or values that `reduce` would refuse.

        >>> factors = reduce(np.array([[1.0, 2.0], [2.0, 4.0]]), 1)
        >>> (factors.transform(np.array([[5.0, 10.0]])) / factors.maps[0]).round(3).tolist()
        [[5.0]]
        """
        rows, shape = _rows(activations)
        if rows.shape[1] != self.directions.shape[1]:
            raise ValueError(f"the activations have {rows.shape[1]} units; expected {self.directions.shape[1]}")
        _check_signs(rows, self._fit)
        with _patience():
            found = self._fit.estimator.transform(_split(rows, self._fit.signed))
        return self._fit.maps(found).reshape(*shape, -1)


@dataclass(frozen=True)
class _Fit:
    """A fitted estimator, and what turns its maps into ours."""

    estimator: Any
    signed: Signed | None
    order: Int[np.ndarray, " n"]
    scale: Float[np.ndarray, " n"]

    def maps(self, found: np.ndarray) -> np.ndarray:
        signed = _difference(found, 0) if self.signed == "maps" else found
        return (signed[:, self.order] * self.scale).astype(np.float32)


def reduce(
    activations: Float[Array | np.ndarray, "*position units"],
    n: int,
    method: Any = "nmf",
    *,
    signed: Signed | None = None,
    seed: int = 0,
) -> Factors:
    """Write activations as a sum of `n` directions over units, each with a map over positions.

    Args:
        activations: of any shape, units last; several images are reduced together.
        n: number of directions, at most that of the units and of the positions.
        method: `"nmf"` (non-negative factors, which add without cancelling), `"pca"`, `"ica"`, `"svd"`, or a
            scikit-learn estimator with `fit_transform` and `inverse_transform`, of which a copy is fitted.
        signed: for NMF of activations that may be negative (a `_pre_relu` layer, weights), which factor takes the
            signs: the `"maps"`, with directions that are never negative, or the `"directions"`.
        seed: of the decomposition's random numbers; the same call gives the same factors.

    Raises:
        ValueError: `n` out of range, negative activations for NMF, no finite numbers, zeros only, an unknown method.

    Warns where the decomposition stopped before it settled.

    Source: Lucid, `ChannelReducer`; for `signed`, Captum's `posneg`, "one-sided NMF" in *Visualizing Weights*. Here
    directions have length 1, and come in the order of what they contribute.

    >>> factors = reduce(np.outer([1.0, 2.0, 0.0], [3.0, 4.0]), 1)
    >>> factors.directions.round(3), factors.maps.ravel().round(3)
    (array([[0.6, 0.8]], dtype=float32), array([ 5., 10.,  0.], dtype=float32))
    """
    rows, shape = _rows(activations)
    n = operator.index(n)
    most = min(rows.shape)
    if not 1 <= n <= most:
        raise ValueError(f"n is {n}; {rows.shape[0]} positions of {rows.shape[1]} units have 1 to {most} directions")
    estimator = _estimator(method, n, seed)
    if signed not in (None, "maps", "directions"):
        raise ValueError(f'signed is {signed!r}; expected None, "maps" or "directions"')
    unfitted = _Fit(estimator, signed, np.arange(n), np.ones(n))
    _check_signs(rows, unfitted)
    if not rows.any():
        raise ValueError("the activations are zero everywhere; there is nothing to reduce")

    with _patience():
        found = estimator.fit_transform(_split(rows, signed))
    # What the estimator makes of each map alone: all of its decompositions are linear.
    mean = estimator.inverse_transform(np.zeros((1, n)))
    directions = estimator.inverse_transform(np.eye(n)) - mean
    if signed == "directions":
        directions, mean = _difference(directions, 1), _difference(mean, 1)
    scale = np.linalg.norm(directions, axis=1)
    if signed != "directions":
        # Signs are a matter of convention where both factors may have either.
        largest = np.take_along_axis(directions, np.abs(directions).argmax(1)[:, None], 1)[:, 0]
        scale = np.where(largest < 0, -scale, scale)
    energy = np.square(unfitted.maps(found) * scale).sum(0)
    order = np.argsort(-energy, kind="stable")
    fit = _Fit(estimator, signed, order, scale[order])
    directions = directions[order] / np.where(fit.scale == 0, 1, fit.scale)[:, None]
    maps = fit.maps(found)
    left = np.linalg.norm(rows - maps @ directions - mean) / np.linalg.norm(rows)
    if left > 1e-3 and getattr(estimator, "n_iter_", 0) >= getattr(estimator, "max_iter", np.inf):
        warnings.warn(f"the decomposition stopped after {estimator.n_iter_} iterations, not settled yet", stacklevel=2)
    return Factors(
        directions=directions.astype(np.float32),
        maps=maps.reshape(*shape, n),
        mean=mean[0].astype(np.float32),
        error=float(left),
        _fit=fit,
    )


def _rows(activations: Any) -> tuple[np.ndarray, tuple[int, ...]]:
    """One row for each position, and the shape of the positions."""
    array = np.asarray(activations, np.float64)
    if array.ndim < 2 or not array.size:
        raise ValueError(f"activations have shape {array.shape}; expected positions and units, [..., units]")
    if not np.isfinite(array).all():
        raise ValueError("activations are not all finite; expected numbers")
    return array.reshape(-1, array.shape[-1]), array.shape[:-1]


def _estimator(method: Any, n: int, seed: int) -> Any:
    import sklearn.base
    import sklearn.decomposition

    if isinstance(method, str):
        if method not in METHODS:
            known = ", ".join(map(repr, METHODS))
            raise ValueError(f"no method {method!r}; expected {known}, or a scikit-learn estimator")
        # scikit-learn's 200 iterations are often too few for its own tolerance.
        patience = {"max_iter": 1000} if method in ("nmf", "ica") else {}
        return getattr(sklearn.decomposition, METHODS[method])(n_components=n, random_state=seed, **patience)
    if not (hasattr(method, "fit_transform") and hasattr(method, "inverse_transform")):
        raise ValueError(
            f"{method!r} is no decomposition; expected a scikit-learn estimator with fit_transform and "
            "inverse_transform, such as sklearn.decomposition.MiniBatchNMF()"
        )
    copy: Any = sklearn.base.clone(method)
    copy.set_params(n_components=n)
    return copy.set_params(random_state=seed) if "random_state" in copy.get_params() else copy


@contextmanager
def _patience() -> Iterator[None]:
    """Keep scikit-learn from warning: an exact fit never settles, and what did not settle is told from the result."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _check_signs(rows: np.ndarray, fit: _Fit) -> None:
    """Raise `ValueError` if negative values would go into a decomposition that has none."""
    if fit.signed is None and "NMF" in type(fit.estimator).__name__ and (least := rows.min()) < 0:
        raise ValueError(
            f'the activations go down to {least:.3g}, and NMF takes none below 0; give signed="maps" or '
            'signed="directions" for one-sided NMF (posneg), or method="pca"'
        )


def _split(rows: np.ndarray, signed: Signed | None) -> np.ndarray:
    """Positive and negative parts side by side, along the axis of the factor that takes the signs."""
    if signed is None:
        return rows
    return np.concatenate([np.maximum(rows, 0), np.maximum(-rows, 0)], axis=0 if signed == "maps" else 1)


def _difference(factor: np.ndarray, axis: int) -> np.ndarray:
    positive, negative = np.split(factor, 2, axis)
    return positive - negative
