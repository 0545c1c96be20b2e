"""What units see of an earlier layer over photographs, and what becomes of them when some inputs are left out."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from circuits.ends import Part, parts
from circuits.interventions.references import in_pieces
from circuits.pull import evaluate
from circuits.route import Route, between, route, side, union
from inception_jax.architecture import Architecture
from inception_jax.gradients import Rules
from inception_jax.graph import graph
from inception_jax.model import Model
from inception_jax.network import Weights
from inception_jax.nodes import Size, map_sizes


@dataclass(frozen=True, eq=False, repr=False)
class Windows:
    """Windows of a lower layer that the units of an upper one see, at random positions of photographs.

    Attributes:
        model: the network.
        ends: the lower layer and the upper one.
        rules: how the network computes.
        ways: the route to each branch of the upper layer.
        shown: what each branch sees.
        means: of each unit of the lower layer, over the photographs.
    """

    model: Model
    ends: tuple[str, str]
    rules: Rules
    ways: dict[Part, Route]
    shown: dict[Part, Float[np.ndarray, "n h w inputs"]]
    means: Float[np.ndarray, " inputs"]

    def errors(self, unit: int, kept: Bool[np.ndarray, "circuits inputs"]) -> Float[np.ndarray, " circuits"]:
        """Squared errors of a unit, over all windows, when inputs that are not kept have their means.

        Raises:
            ValueError: a unit that the lower layer does not lead to, or which is silent.
        """
        part = next((part for part in self.ways if part.first <= unit < part.stop), None)
        lower, upper = self.ends
        if part is None:
            raise ValueError(f"nothing leads from {lower!r} to {upper}:{unit}; expected units of branches that read it")
        arch, means = self.model.architecture, self.means.astype(np.float32)
        place = np.int32(unit - part.first)
        found = _errors(arch, self.ways[part], self.rules, self.model.weights, self.shown[part], means, place, kept)
        return np.asarray(found, np.float64)

    def mean_error(self, unit: int) -> float:
        """The squared error of a unit when no input is kept.

        Raises:
            ValueError: as `errors`; a unit that has one value whatever its inputs are.
        """
        error = float(self.errors(unit, np.zeros((1, len(self.means)), bool))[0])
        if not error:
            raise ValueError(
                f"{self.ends[1]}:{unit} has one value at all of these positions, with and without its inputs; expected "
                "units that are active, or the layer's _pre_relu"
            )
        return error


def windows(
    model: Model,
    images: Float[Array | np.ndarray, "n h w 3"],
    lower: str,
    upper: str,
    positions: int,
    seed: int,
    rules: Rules,
) -> Windows:
    """What units of `upper` see of an earlier layer, at random positions of each photograph, never over the border.

    Raises:
        ValueError: no images or positions, another way around the lower layer, images too small for a window.
    """
    if positions < 1 or not len(images):
        raise ValueError(f"there are {len(images)} images and {positions} positions; expected 1 or more of each")
    ways = _ways(model, lower, upper)
    sizes = map_sizes(graph(model.architecture).nodes, (images.shape[1], images.shape[2]), model.architecture.padding)
    spans = _spans(ways, (lower, upper), sizes)
    rng, found, sums = np.random.default_rng(seed), {part: [] for part in ways}, np.zeros(model.layers[lower])
    for value in in_pieces(model, images, lower):
        maps = np.asarray(value, np.float32)
        sums += maps.mean((1, 2), dtype=np.float64).sum(0)
        for image in maps:
            for place in zip(*(rng.choice(span, positions) for span in spans), strict=True):
                for part, way in ways.items():
                    rows, columns = (slice(at + a, at + b) for at, (a, b) in zip(place, way.field, strict=True))
                    found[part].append(image[rows, columns])
    shown = {part: np.stack(pieces) for part, pieces in found.items()}
    return Windows(model, (lower, upper), rules, ways, shown, sums / len(images))


def _ways(model: Model, lower: str, upper: str) -> dict[Part, Route]:
    network, found = graph(model.architecture), {}
    for part in parts(network, upper):
        if between(network, lower, part.name) is not None:
            found[part] = way = route(model.architecture, lower, part.name)
            if way.sides:
                raise ValueError(f"{upper!r} is not computed from {lower!r} alone, but also from {way.sides[0]!r}")
    return found


def _spans(ways: dict[Part, Route], ends: tuple[str, str], sizes: dict[str, Size]) -> list[range]:
    """Where windows may lie along each axis of the lower layer: in steps of one position of the upper one."""
    below, above = sizes[ends[0]], sizes[ends[1]]
    field = union(*(way.field for way in ways.values()))
    spans = [
        range(-first, size - stop + 1, max(1, round(size / max(1, count))))
        for (first, stop), size, count in zip(field, below, above, strict=True)
    ]
    if not all(spans):
        raise ValueError(
            f"{ends[1]!r} sees {side(field)[0]}x{side(field)[1]} positions of {ends[0]!r}, which has a map of "
            f"{below[0]}x{below[1]} for these images; expected larger images"
        )
    return spans


@partial(jax.jit, static_argnums=(0, 1, 2))
def _errors(
    arch: Architecture,
    way: Route,
    rules: Rules,
    weights: Weights,
    shown: Float[Array, "n h w inputs"],
    means: Float[Array, " inputs"],
    unit: Array,
    kept: Bool[Array, "circuits inputs"],
) -> Float[Array, " circuits"]:
    def value(on: Bool[Array, " inputs"]) -> Float[Array, " n"]:
        seen = jnp.where(on, shown, means)
        return evaluate(arch, weights, {way.lower: seen}, way, rules)[:, 0, 0, unit]

    full = value(jnp.ones(len(means), bool))
    return jax.lax.map(lambda on: jnp.square(value(on) - full).sum(), kept)
