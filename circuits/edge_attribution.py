"""Attribution of single edges: what one unit of a layer adds to one unit of a later layer."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.attribution import (
    Ends,
    Photos,
    at,
    check_ends_of,
    fitted,
    lower_activations,
    names,
    onward,
    path,
)
from circuits.ends import Units, chosen, directions
from circuits.interventions.edited import activations, as_pytree
from circuits.interventions.references import pieces
from circuits.interventions.values import Activations
from inception_jax.gradients import STANDARD, Rules


@dataclass(frozen=True, repr=False, eq=False)
class EdgeAttribution:
    """What each unit of a layer adds to each unit of a later layer, for each image: see `attribute_edges`.

    Attributes:
        values: the attributions.
        labels: names of the units of the later layer.
        input_labels: names of the units of the earlier layer.
    """

    values: Float[np.ndarray, "n out in"]
    labels: tuple[str, ...]
    input_labels: tuple[str, ...]

    def __repr__(self) -> str:
        images, out, ins = self.values.shape
        return f"<attribution of {out * ins} edges, {images} images>"

    def strongest(self, count: int = 10) -> list[tuple[str, str, float]]:
        """The edges that matter most over all images: from, to, and the mean attribution.

        Args:
            count: how many at most.

        >>> EdgeAttribution(np.array([[[1.0, -2.0]]]), ("b:0",), ("a:0", "a:1")).strongest(1)
        [('a:1', 'b:0', -2.0)]
        """
        mean, strength = self.values.mean(0), np.abs(self.values).mean(0)
        order = np.argsort(-strength, axis=None, kind="stable")[:count]
        pairs = zip(*np.unravel_index(order, mean.shape), strict=True)
        return [(self.input_labels[i], self.labels[o], float(mean[o, i])) for o, i in pairs]


def attribute_edges(
    model: Activations,
    images: Photos,
    lower: str,
    upper: str,
    *,
    units: Units | None = None,
    inputs: Units | None = None,
    to: tuple[str, int] | None = None,
    method: Literal["gradient", "integrated", "patching"] = "gradient",
    steps: int = 32,
    baseline: float | Float[Array | np.ndarray, "..."] = 0.0,
    position: tuple[int, int] | None = None,
    rules: Rules = STANDARD,
) -> EdgeAttribution:
    """Attribute units of a layer, or what they do to a unit further on, to single units of an earlier layer.

    Each input is followed forward alone, so the cost grows with their number and hardly with that of units. For few
    units and all inputs, `attribute(...).channels` has the same numbers from the other end.

    Args:
        model: this project's, an edited one, or any that takes `edits` as they do.
        images: RGB in [0, 1].
        lower: the earlier layer.
        upper: the later layer; its `_pre_relu`, where edges should end before the ReLU.
        units: of `upper`: numbers, or directions as rows of floating-point numbers. By default all.
        inputs: of `lower`, in the same way.
        to: a layer after `upper` and its unit: count what the edge does to that unit by way of this unit of `upper`.
            Without it, what it does to the unit of `upper` itself.
        method: `"gradient"`, the derivative along the input's activation; `"integrated"`, its mean along the straight
            path of the whole layer from the baseline; `"patching"`, exact: how much is lost when the input has its
            baseline. With `to`, the first two take the derivative of what follows `upper` too.
        steps: points of the path.
        baseline: activations without the inputs, one number or what broadcasts to the layer's.
        position: row and column in the map of `upper`, or in that of the layer of `to`; without it, sums over
            positions are attributed.
        rules: how what follows `lower` computes and passes gradients, for this project's models. Derivatives along
            inputs need operations that have them: `STANDARD` and `LINEAR` do, rules for gradients only do not.

    Raises:
        ValueError: as `attribute`; a unit in `to` that its layer does not have.

    Source: Syed et al. 2023, *Attribution Patching Outperforms Automated Circuit Discovery*; Marks et al. 2024, *Sparse
    Feature Circuits*.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.full((2, 32, 32, 3), 0.5, np.float32)
    >>> found = attribute_edges(model, photos, "conv2d2", "mixed3a_pre_relu", units=[3, 5], inputs=range(4))
    >>> found.values.shape, found.labels
    ((2, 2, 4), ('mixed3a_pre_relu:3', 'mixed3a_pre_relu:5'))
    """
    if method not in ("gradient", "integrated", "patching"):
        raise ValueError(f'method is {method!r}; expected "gradient", "integrated" or "patching"')
    counts = check_ends_of(model, images, lower, upper, None if to else position)
    if to is not None:
        further = check_ends_of(model, images, upper, to[0], position)[to[0]]
        chosen(to[1], further, "to", to[0])
    outs, ins = chosen(units, counts[upper], "units", upper), chosen(inputs, counts[lower], "inputs", lower)
    rows, columns = directions(outs, counts[upper], _FLOAT), directions(ins, counts[lower], _FLOAT)
    task = _Task(Ends(lower, upper, position, rules), to, method)
    values = []
    for piece in map(jnp.asarray, pieces(images)):
        acts = lower_activations(model, piece, lower)
        start = fitted(baseline, acts)
        given = as_pytree(model), piece, start, acts - start, rows, columns, path(method, steps)
        values.append(np.asarray(_edges(task, *given)))
    return EdgeAttribution(np.concatenate(values), names(upper, outs, len(rows)), names(lower, ins, len(columns)))


_FLOAT = np.dtype(np.float32)


@dataclass(frozen=True)
class _Task:
    """What is static."""

    ends: Ends
    to: tuple[str, int] | None
    method: str

    def score(self, model: Any, images: Array, upper: Array) -> Float[Array, " n"]:
        """The unit of `to` as it follows from given activations of the upper layer."""
        assert self.to is not None
        further, unit = self.to
        found = onward(model, images, self.ends._replace(lower=self.ends.upper, upper=further), upper)
        return _read(found[..., unit, None], self.ends.position)[:, 0]


@partial(jax.jit, static_argnums=0)
def _edges(
    task: _Task, model: Any, images: Array, start: Array, change: Array, rows: Array, columns: Array, points: Array
) -> Float[Array, "n out in"]:
    ends = task.ends

    def upper(acts: Array) -> Array:
        # Not the convolution for reverse gradients, which has no derivative along its input.
        found = activations(model, images, (ends.upper,), {ends.lower: lambda _: acts}, ends.rules)[ends.upper]
        return found.astype(jnp.float32)

    whole = upper(start + change)
    # Of what the units of the upper layer pass on, one image does not change another's.
    slope = None if task.to is None else jax.grad(lambda acts: task.score(model, images, acts).sum())(whole)

    def effect(part: Array) -> Array:
        """What a part of the activations does to the upper layer."""
        if task.method == "patching":
            return whole - upper(start + change - part)
        slopes = jax.lax.map(lambda point: jax.jvp(upper, (start + point * change,), (part,))[1], points)
        return slopes.mean(0)

    def read(done: Array) -> Float[Array, "n out"]:
        """How much of an effect each unit of the upper layer shows, or passes on."""
        if slope is None:
            return _read(done @ rows.T, ends.position)
        if task.method != "patching":
            # Along a direction: its share in the effect times the slope along it.
            return _read((done @ rows.T) * (slope @ rows.T), None)
        there = task.score(model, images, whole)

        def lost(row: Array) -> Array:
            return there - task.score(model, images, whole - (done @ row)[..., None] * row)

        return jax.lax.map(lost, rows).T

    def of_input(column: Array) -> Float[Array, "n out"]:
        return read(effect((change @ column)[..., None] * column))

    return jnp.moveaxis(jax.lax.map(of_input, columns), 0, -1)


def _read(values: Float[Array, "n *position k"], position: tuple[int, int] | None) -> Float[Array, "n k"]:
    if position is not None:
        return at(values, position)
    return values.reshape(len(values), -1, values.shape[-1]).sum(1)
