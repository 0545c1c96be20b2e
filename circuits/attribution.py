"""Attribution between two layers: what each activation of a layer adds to units of a later one."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.ends import Units, check_ends, chosen, directions
from circuits.interventions.edited import activations, as_pytree, base
from circuits.interventions.references import pieces
from circuits.interventions.values import Activations
from circuits.pull import fast
from inception_jax.gradients import STANDARD, Rules
from inception_jax.model import Model, check_layer

Photos = Float[Array | np.ndarray, "n h w c"]


@dataclass(frozen=True, repr=False, eq=False)
class Attribution:
    """What each activation of a layer adds to each unit of a later layer, for each image: see `attribute`.

    Attributes:
        lower: the layer that is attributed to.
        labels: names of the units of the later layer.
        gradients: of each unit with respect to the activations, averaged over the path.
        change: the activations minus the baseline.
        scores: value of each unit for each image.
        baseline_scores: value of each unit at the baseline.
    """

    lower: str
    labels: tuple[str, ...]
    gradients: Float[np.ndarray, "units n *position inputs"]
    change: Float[np.ndarray, "n *position inputs"]
    scores: Float[np.ndarray, "units n"]
    baseline_scores: Float[np.ndarray, "units n"]

    def __repr__(self) -> str:
        return f"<attribution of {', '.join(self.labels[:3])} to {self.lower}, {len(self.change)} images>"

    @property
    def values(self) -> Float[np.ndarray, "units n *position inputs"]:
        """Gradient times change: the attribution of each activation."""
        return self.gradients * self.change

    @property
    def channels(self) -> Float[np.ndarray, "units n inputs"]:
        """Attribution of each unit of the lower layer: the sum over positions."""
        return self.values.sum(tuple(range(2, self.gradients.ndim - 1)))

    @property
    def positions(self) -> Float[np.ndarray, "units n *position"]:
        """Attribution of each position: the sum over units of the lower layer."""
        return self.values.sum(-1)


class Ends(NamedTuple):
    """What leads from a layer to a later one; hashable, for compiled programs."""

    lower: str
    upper: str
    position: tuple[int, int] | None
    rules: Rules


def attribute(
    model: Activations,
    images: Photos,
    lower: str,
    upper: str,
    units: Units,
    *,
    method: Literal["gradient", "integrated"] = "gradient",
    steps: int = 32,
    baseline: float | Float[Array | np.ndarray, "..."] = 0.0,
    position: tuple[int, int] | None = None,
    rules: Rules = STANDARD,
) -> Attribution:
    """Attribute units of a layer to the activations of an earlier one: gradient times activation.

    Where what lies between is linear, attributions add up to the difference in score, exactly: with `LINEAR` between
    blocks, where no normalisation lies. With a baseline of zero that is the score less what the biases make of it,
    which is `baseline_scores`. Elsewhere `"integrated"` adds up so, as closely as its steps are dense.

    Args:
        model: this project's, an edited one, or any that takes `edits` as they do.
        images: RGB in [0, 1].
        lower: the layer that is attributed to.
        upper: a later layer; its `_pre_relu`, where inactive units should have gradients.
        units: of `upper`: numbers, or directions as rows of floating-point numbers.
        method: `"gradient"` at the activations themselves; `"integrated"`, averaged along the straight path from the
            baseline, at the middles of equal parts.
        steps: points of the path.
        baseline: activations where the path begins, one number or what broadcasts to the layer's.
        position: row and column in the map of `upper`; without it, a unit's score is its sum over positions.
        rules: how what follows `lower` computes and passes gradients, for this project's models.

    Raises:
        ValueError: unknown layers, layers in the wrong order, no units, a position outside the map, a baseline that
            does not fit, no images.

    Source: Sundararajan et al. 2017, *Axiomatic Attribution for Deep Networks*; Captum, `LayerIntegratedGradients`.
    What `featvis.recipes.attribute` does for any objective, this does for units of layers.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.full((2, 32, 32, 3), 0.5, np.float32)
    >>> found = attribute(model, photos, "conv2d2", "mixed3a_pre_relu", [3, 5], rules=inception_jax.LINEAR)
    >>> found.labels, found.channels.shape, found.positions.shape
    (('mixed3a_pre_relu:3', 'mixed3a_pre_relu:5'), (2, 2, 12), (2, 2, 8, 8))
    """
    if method not in ("gradient", "integrated"):
        raise ValueError(f'method is {method!r}; expected "gradient" or "integrated"')
    counts = check_ends_of(model, images, lower, upper, position)
    numbers = chosen(units, counts[upper], "units", upper)
    rows = directions(numbers, counts[upper], np.dtype(np.float32))
    middles = path(method, steps)
    ends = Ends(lower, upper, position, rules)
    parts = []
    for piece in map(jnp.asarray, pieces(images)):
        acts = lower_activations(model, piece, lower)
        start = fitted(baseline, acts)
        found = _attributed(ends, as_pytree(model), piece, start, acts - start, rows, middles)
        parts.append((*found, acts - start))
    gradients, scores, before, change = zip(*(map(np.asarray, part) for part in parts), strict=True)
    return Attribution(
        lower,
        names(upper, numbers, len(rows)),
        np.concatenate(gradients, 1),
        np.concatenate(change),
        np.concatenate(scores, 1),
        np.concatenate(before, 1),
    )


@partial(jax.jit, static_argnums=0)
def _attributed(
    ends: Ends, model: Any, images: Array, start: Array, change: Array, rows: Array, points: Array
) -> tuple[Array, Array, Array]:
    """Mean gradients over the points of a path, and the scores at its ends."""

    def scores(acts: Array) -> Float[Array, "n units"]:
        read = onward(model, images, ends, acts)
        summed = read if ends.position is None else at(read, ends.position)
        return summed.reshape(len(read), -1, read.shape[-1]).sum(1) @ rows.T

    def at_point(total: Array, point: Array) -> tuple[Array, None]:
        value, pull = jax.vjp(scores, start + point * change)
        one_each = jnp.broadcast_to(jnp.eye(len(rows), dtype=value.dtype)[:, None], (len(rows), *value.shape))
        return total + jax.lax.map(lambda seed: pull(seed)[0], one_each), None

    nothing = jnp.zeros((len(rows), *start.shape), start.dtype)
    total, _ = jax.lax.scan(at_point, nothing, points)
    return total / len(points), scores(start + change).T, scores(start).T


def onward(model: Any, images: Array, ends: Ends, acts: Array) -> Float[Array, "n *position units"]:
    """The upper layer as it follows from given activations of the lower one, in float32, for reverse gradients."""
    rules = fast(ends.rules) if isinstance(base(model), Model) else ends.rules
    found = activations(model, images, (ends.upper,), {ends.lower: lambda _: acts}, rules)
    return found[ends.upper].astype(jnp.float32)


def at(values: Float[Array, "n *position units"], position: tuple[int, int]) -> Float[Array, "n units"]:
    """The vectors at one position of maps.

    >>> at(jnp.arange(4.0).reshape(1, 2, 2, 1), (1, 0))
    Array([[2.]], dtype=float32)
    """
    return values[:, position[0], position[1]]


def check_ends_of(
    model: Activations, images: Photos, lower: str, upper: str, position: tuple[int, int] | None = None
) -> dict[str, int]:
    """Numbers of units at both ends.

    Raises:
        ValueError: no images, unknown layers, layers in the wrong order, a position outside the map.
    """
    if not len(images):
        raise ValueError("there are no images; expected at least one")
    if isinstance(network := base(model), Model):
        check_layer(lower, network.layers)
        check_ends(network, lower, upper, ())
    elif lower == upper:
        raise ValueError(f"both ends are {lower!r}; expected a layer and a later one")
    one = jax.ShapeDtypeStruct((1, *np.shape(images)[1:]), jnp.result_type(images))
    shapes = jax.eval_shape(lambda x: dict(activations(model, x, (lower, upper), {})), one)
    size = shapes[upper].shape[1:-1]
    if position is not None and not (len(size) == 2 and 0 <= position[0] < size[0] and 0 <= position[1] < size[1]):
        has = f"a map of {size[0]}x{size[1]}, counted from 0" if len(size) == 2 else "no positions"
        raise ValueError(f"position is {position}; {upper!r} has {has}")
    return {name: shapes[name].shape[-1] for name in (lower, upper)}


def lower_activations(model: Activations, images: Array, layer: str) -> Float[Array, "n *position units"]:
    """The activations that attribution starts from, in float32."""
    return activations(model, images, (layer,), {})[layer].astype(jnp.float32)


def fitted(baseline: Any, acts: Float[Array, "n *position units"]) -> Float[Array, "n *position units"]:
    """A baseline in the shape of the activations.

    Raises:
        ValueError: one that does not broadcast to them.

    >>> fitted(2.0, jnp.zeros((1, 2)))
    Array([[2., 2.]], dtype=float32)
    """
    given = jnp.asarray(baseline, acts.dtype)
    try:
        return jnp.broadcast_to(given, acts.shape)
    except ValueError:
        raise ValueError(
            f"the baseline has shape {given.shape}; expected one that broadcasts to the activations of some images, "
            f"{acts.shape}"
        ) from None


def path(method: str, steps: int) -> Float[np.ndarray, " points"]:
    """How far along the way from the baseline gradients are taken.

    Raises:
        ValueError: fewer than one step.

    >>> path("gradient", 32), path("integrated", 2)
    (array([1.], dtype=float32), array([0.25, 0.75], dtype=float32))
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; expected 1 or more")
    return np.ones(1, np.float32) if method == "gradient" else ((np.arange(steps) + 0.5) / steps).astype(np.float32)


def names(layer: str, numbers: np.ndarray | None, count: int) -> tuple[str, ...]:
    """Names of units, or of directions by their place.

    >>> names("a", np.array([4]), 1), names("a", np.eye(2), 2)
    (('a:4',), ('a, direction 0', 'a, direction 1'))
    """
    if numbers is not None and numbers.ndim == 2:
        return tuple(f"{layer}, direction {place}" for place in range(count))
    return tuple(f"{layer}:{number}" for number in (range(count) if numbers is None else numbers))
