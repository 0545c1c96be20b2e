"""Attribution: how much the activations of a layer add to a target, by unit, by position, or along directions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from featvis import request
from featvis.algebra import Objective, Shapes
from featvis.network import Network
from featvis.objectives.base import OfLayer, root, whole
from featvis.recipes.downstream import check_leads, gradients
from featvis.recipes.given import Images, check_images
from featvis.recipes.maps import layer_activations, layer_maps
from inception_jax.gradients import STANDARD, Rules

Method = Literal["gradient", "integrated", "stochastic"]


@dataclass(frozen=True, repr=False, eq=False)
class Attribution:
    """What each activation of a layer adds to each target, for each image: see `attribute`.

    Attributes:
        layer: the layer.
        labels: names of the targets.
        gradients: of each target with respect to the activations, averaged over the path.
        change: the activations minus the baseline.
        scores: value of each target for each image.
        baseline_scores: value of each target at the baseline.
    """

    layer: str
    labels: tuple[str, ...]
    gradients: Float[np.ndarray, "targets n *position units"]
    change: Float[np.ndarray, "n *position units"]
    scores: Float[np.ndarray, "targets n"]
    baseline_scores: Float[np.ndarray, "targets n"]

    def __repr__(self) -> str:
        return f"<attribution of {', '.join(self.labels)} to {self.layer}, {len(self.change)} images>"

    @property
    def values(self) -> Float[np.ndarray, "targets n *position units"]:
        """Gradient times change: the attribution of each activation."""
        return self.gradients * self.change

    @property
    def channels(self) -> Float[np.ndarray, "targets n units"]:
        """Attribution of each unit: the sum over positions."""
        return self.values.sum(tuple(range(2, self.gradients.ndim - 1)))

    @property
    def positions(self) -> Float[np.ndarray, "targets n *position"]:
        """Attribution of each position: the sum over units."""
        return self.values.sum(-1)

    def along(
        self, directions: Float[Array | np.ndarray, "parts units"], maps: Float[Array | np.ndarray, "n *position parts"]
    ) -> Float[np.ndarray, "targets n parts"]:
        """Attribution of parts of the activations: of each direction, as strong at each position as its map says.

        Where the parts add up to the activations, and the baseline is zero, their attributions add up to the whole.
        Source: Lucid, notebook NeuronGroups.

        >>> import inception_jax
        >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
        >>> found = attribute(model, np.full((1, 32, 32, 3), 0.5), "conv2d0", "conv2d1:0")
        >>> one_part_per_unit = found.along(np.eye(4, dtype=np.float32), found.change)
        >>> bool(np.allclose(one_part_per_unit, found.channels, rtol=1e-4))
        True
        """
        directions, maps = np.asarray(directions, np.float32), np.asarray(maps, np.float32)
        wanted = (*self.change.shape[:-1], len(directions))
        if directions.ndim != 2 or directions.shape[1] != self.change.shape[-1] or maps.shape != wanted:
            raise ValueError(
                f"directions have shape {directions.shape} and maps {maps.shape}; expected "
                f"(parts, {self.change.shape[-1]}) and {(*self.change.shape[:-1], 'parts')} for {self.layer}"
            )
        # The gradient along each direction at each position, then over all positions.
        slopes = (self.gradients @ directions.T) * maps
        return slopes.sum(tuple(range(2, slopes.ndim - 1)))


def attribute(
    model: Network,
    images: Images,
    layer: str,
    targets: request.Objectives,
    *,
    method: Method = "gradient",
    steps: int = 100,
    baseline: float | Float[Array | np.ndarray, "..."] = 0.0,
    seed: int = 0,
    rules: Rules = STANDARD,
) -> Attribution:
    """Attribute targets to the activations of a layer: gradient times activation, averaged over a path.

    Args:
        model: this project's, or any that takes `edits` as they do: `model(images, edits={layer: function})` goes on
            with `function(activations)` in place of the layer's own.
        images: RGB in [0, 1]; a few, since all of their activations are held several times.
        layer: what is attributed to.
        targets: objectives or short forms, of layers that come after `layer` or of itself; a class is
            `featvis.objectives.class_logit("softmax2_pre_activation", 281)`, one class against another the difference
            of two. Each sees one image at a time.
        method: `"gradient"` at the activations themselves, which is exact where the target is linear;
            `"integrated"`, averaged along the straight path from `baseline`, so that attributions add up to the
            difference in score (up to the error of `steps` points); `"stochastic"`, along a path that scales every unit
            by a random number of its own at every point, so that not all grow together.
        steps: points of the path; for the gradient at the activations there is one.
        baseline: activations where the path begins, one number or an array that broadcasts to the layer's.
        seed: of the stochastic path.
        rules: of what follows the layer, for this project's models. `Rules(max_pool=max_pool_average_gradient)`, or
            `max_pool_l2_gradient` (both in `inception_jax.gradients`), make spatial attribution smooth; `LINEAR` goes
            on through the linearised network, where attributions add up exactly.

    Raises:
        ValueError: an unknown layer, target or method, a target that `layer` does not lead to, a model without
            `edits`, images or a baseline that do not fit.

    Source: Olah et al. 2018, *The Building Blocks of Interpretability*, notebooks AttrChannel and AttrSpatial;
    Sundararajan et al. 2017, *Axiomatic Attribution for Deep Networks*. The straight path is sampled at the middles of
    `steps` equal parts, where Lucid takes their beginnings.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.full((2, 32, 32, 3), 0.5)
    >>> found = attribute(model, photos, "conv2d0", ["conv2d1:0", "conv2d1:1"])
    >>> found.channels.shape, found.positions.shape
    ((2, 2, 4), (2, 2, 16, 16))
    """
    checked = check_images(images)
    listed = request.resolve(model, targets, checked.shape)
    request.whole_numbers(steps=steps)
    check_leads(model, checked.shape, layer, listed, rules)
    acts = layer_activations(model, checked, layer)
    weights, factors = _path(method, steps, acts.shape[-1], seed)
    start = _baseline(baseline, acts)
    averages, values = gradients(model, checked, layer, listed, rules, (start, acts - start), (weights, factors))
    return Attribution(layer, tuple(o.label for o in listed), averages, acts - start, values[0], values[1])


def attribute_positions(
    model: Network, images: Images, layer: str, to: str, *, rules: Rules = STANDARD
) -> Float[np.ndarray, "n to_rows to_columns rows columns"]:
    """How much each position of `layer` adds to each position of a later layer, `to`, for each image.

    What counts as the value of a position of `to` is the length of its vector of activations. Position to class is
    `attribute(...).positions`.

    Args:
        model: as in `attribute`.
        images: RGB in [0, 1].
        layer: what is attributed to.
        to: a layer after it.
        rules: as in `attribute`; smooth gradients of max-pools make the result easier to read.

    The gradients are in memory all at once: the activations of `layer`, once for each position of `to`.

    Raises:
        ValueError: as `attribute`, and for layers without positions.

    Source: Olah et al. 2018, *The Building Blocks of Interpretability*, notebook AttrSpatial.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> attribute_positions(model, np.full((1, 16, 16, 3), 0.5), "conv2d0", "conv2d1").shape
    (1, 4, 4, 8, 8)
    """
    layer_maps(model, images, layer)
    _, height, width, _ = layer_maps(model, images, to).shape
    targets = [position_norm(to, row, column) for row in range(height) for column in range(width)]
    positions = attribute(model, images, layer, targets, rules=rules).positions
    return np.moveaxis(positions, 0, 1).reshape(len(images), height, width, *positions.shape[2:])


@dataclass(frozen=True)
class _PositionNorm(OfLayer):
    def __call__(self, acts: Mapping[str, Array], data: Any) -> Array:
        row, column = data
        return root(jnp.square(acts[self.layer][:, row, column]).sum(-1)).mean()

    def check(self, shapes: Shapes, data: Any) -> None:
        self.check_positions(shapes)
        _, height, width, _ = shapes[self.layer]
        if not (data[0] < height and data[1] < width):
            raise ValueError(
                f"row {data[0]}, column {data[1]} lies outside {self.layer}, which is {height}x{width} here"
            )


def position_norm(layer: str, row: int, column: int) -> Objective:
    """Length of the vector of activations at one position, `row` and `column` from 0. Source: Lucid, AttrSpatial.

    Raises:
        ValueError: a position that is not whole, or negative.

    >>> round(float(position_norm("a", 0, 1)({"a": jnp.array([[[[0.0, 0.0], [3.0, 4.0]]]])})), 6)
    5.0
    """
    place = np.int32(whole("row", row)), np.int32(whole("column", column))
    return Objective(_PositionNorm(layer), place, (layer,), f"|{layer}@{row},{column}|")


def _path(method: str, steps: int, units: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weight of each point, and how far each unit is there on its way from the baseline (0) to its activation (1).

    The first two points are the ends, whose scores are wanted in any case.
    """
    if method not in get_args(Method):
        raise ValueError(f"method is {method!r}; expected {', '.join(get_args(Method))}")
    weights, factors = np.array([1.0, 0.0]), np.array([1.0, 0.0])[:, None] * np.ones(units)
    if method != "gradient":
        middles = (np.arange(steps)[:, None] + 0.5) / steps * np.ones(units)
        if method == "stochastic":
            # Lucid's distribution, a triangle from 0 to 4/3.
            middles *= np.random.default_rng(seed).uniform(size=(2, steps, units)).sum(0) / 1.5
        weights = np.concatenate([np.zeros(2), np.full(steps, 1 / steps)])
        factors = np.concatenate([factors, middles])
    return weights.astype(np.float32), factors.astype(np.float32)


def _baseline(baseline: Any, acts: np.ndarray) -> np.ndarray:
    given = np.asarray(baseline, np.float32)
    try:
        return np.broadcast_to(given, acts.shape)
    except ValueError:
        raise ValueError(
            f"the baseline has shape {given.shape}; expected one that broadcasts to the activations, {acts.shape}"
        ) from None
