"""The network between two layers, made linear: where its maps end, at which activations, and its gradients there.

A block's branches are taken apart: a unit belongs to one of them, and the others would be computed for nothing. What
lies below the block is common to all.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.ends import Part, parts
from circuits.pull import Given, along_route, as_maps, fast, through_maps
from circuits.route import Box, Route, between, route, side, union, waist
from inception_jax.gradients import LINEAR, Rules
from inception_jax.graph import graph
from inception_jax.model import Edit, Model
from inception_jax.nodes import INPUT, Conv, Dense, Normalise, Size, map_sizes

AT_ONCE = 2**25
"""Numbers in the largest maps that are computed together: 128 MB, several times over."""

IMAGES = 8
"""Photographs that go through the network together."""


@dataclass(frozen=True, eq=False)
class Linearised:
    """What leads from `lower` to one position of `upper`, at given activations.

    Attributes:
        model: the network.
        lower: the earlier layer.
        upper: the later layer.
        gates: layers that all ways pass.
        rules: how ReLUs, pools and convolutions compute.
        images: at whose activations; without them maps have no borders, and normalisation is taken at a black image.
        edits: interventions.
        place: row and column in the map of `upper`.
    """

    model: Model
    lower: str
    upper: str
    gates: tuple[str, ...] = ()
    rules: Rules = LINEAR
    images: Float[np.ndarray, "n h w 3"] | None = None
    edits: Mapping[str, Edit] = field(default_factory=dict)
    place: Size = (0, 0)

    @cached_property
    def waist(self) -> str:
        """Where the branches of `upper` begin; `upper` itself if it has none, or with edits, which may mix them."""
        network = graph(self.model.architecture)
        names = [part.name for part in parts(network, self.upper)]
        if self.edits or names == [self.upper]:
            return self.upper
        return waist(network, self.lower, names, self.gates)

    @cached_property
    def branches(self) -> dict[Part, Route]:
        """The ways from the waist to the branches of `upper`, for those that `lower` leads to."""
        if self.waist == self.upper:
            return {}
        network = graph(self.model.architecture)
        led = [p for p in parts(network, self.upper) if between(network, self.lower, p.name, self.gates) is not None]
        return {part: self._route(self.waist, part.name, self._position) for part in led}

    @cached_property
    def trunk(self) -> Route | None:
        """The way from `lower` to the waist, if they are not the same."""
        if self.waist == self.lower:
            return None
        fields = [way.field for way in self.branches.values()]
        return self._route(self.lower, self.waist, union(*fields) if fields else self._position)

    @property
    def field(self) -> Box:
        """What the position sees of `lower`, which may reach past the map."""
        return self.trunk.field if self.trunk else union(*(way.field for way in self.branches.values()))

    def gradients(
        self, seeds: Float[np.ndarray, "rows units"], wanted: Box, batch: int | None = None
    ) -> Iterator[tuple[int, slice, Float[Array | np.ndarray, "k rows columns inputs"]]]:
        """Gradients of directions of `upper`, in pieces: number of the image, which directions, their gradients.

        Args:
            seeds: directions over the units of `upper`.
            wanted: the part of `lower`, in its coordinates.
            batch: most directions at a time.
        """
        for number, acts in enumerate(self._activations()):
            top = seeds[:, None, None]
            if self.branches:
                top = self._at_waist(acts, seeds, self.trunk.window if self.trunk else wanted, batch)
            if self.trunk is None:
                yield number, slice(0, len(top)), top
            else:
                pull = self._pull(self.trunk, acts, wanted)
                for piece, block in _in_pieces(pull, top, batch or AT_ONCE // self.trunk.largest):
                    yield number, piece, block

    def _at_waist(self, acts: Given, seeds: np.ndarray, wanted: Box, batch: int | None) -> np.ndarray:
        maps = np.zeros((len(seeds), *side(wanted), _units(self.model, self.waist)), seeds.dtype)
        for part, way in self.branches.items():
            rows = np.flatnonzero(seeds[:, part.first : part.stop].any(1))
            own = seeds[rows, part.first : part.stop][:, None, None]
            pull = self._pull(way, acts, wanted)
            for piece, block in _in_pieces(pull, own, batch or AT_ONCE // way.largest):
                maps[rows[piece]] += np.asarray(block)  # Of a direction, several branches have a share.
        return maps

    def _pull(self, way: Route, acts: Given, wanted: Box) -> Callable[[np.ndarray], Array]:
        rules = fast(self.rules)
        if self.edits:
            pull = through_maps(self.model, way, rules, self.edits, self.place)
            return lambda seeds: pull(acts, seeds, wanted)
        arch, ops = self.model.architecture, [graph(self.model.architecture)[step.name].op for step in way.steps]
        weights = {op.layer: self.model.weights[op.layer] for op in ops if isinstance(op, Conv | Dense)}
        given = {}
        for name, ((top, bottom), (left, right)) in way.windows:
            whole = acts[name]
            # Without borders, activations are the same everywhere.
            given[name] = (
                jnp.broadcast_to(whole, (1, bottom - top, right - left, whole.shape[-1]))
                if self.images is None
                else whole[:, top:bottom, left:right]
            )
        return lambda seeds: along_route(arch, way, rules, wanted, weights, given, seeds)

    def _activations(self) -> Iterator[Given]:
        """For each image the activations that gradients are taken at; one position of each if there are no images."""
        ways = [*self.branches.values(), *filter(None, [self.trunk])]
        names = {name for way in ways for name, _ in way.windows}
        if self.images is None:
            yield {name: self._resting(name) for name in names}
            return
        taps = ({self.lower, self.upper} if self.edits else names) - {INPUT}
        for first in range(0, len(self.images), IMAGES):
            images = jnp.asarray(self.images[first : first + IMAGES])
            acts = self.model(images, taps=taps, edits=self.edits, rules=self.rules) if taps else {}
            acts = {name: value if self.edits else as_maps(value) for name, value in acts.items()}
            acts[INPUT] = scaled(self.model, images)
            for i in range(len(images)):
                yield {name: value[i : i + 1] for name, value in acts.items()}

    def _resting(self, name: str) -> Float[Array, "1 1 1 units"]:
        """What an activation is everywhere for a black image; zeros where it makes no difference."""
        arch, network = self.model.architecture, graph(self.model.architecture)
        black = jnp.zeros((1, arch.image_size, arch.image_size, 3))
        if name == INPUT:
            return scaled(self.model, black)[:, :1, :1]
        steps = between(network, name, self.upper) or ()
        if not any(isinstance(network[step].op, Normalise) for step in steps):
            return jnp.zeros((1, 1, 1, _units(self.model, name)), _dtype(self.model))
        value = self.model(black, taps=name, rules=self.rules)[name]
        middle = value.shape[1] // 2, value.shape[2] // 2
        return value[:, middle[0] : middle[0] + 1, middle[1] : middle[1] + 1]

    def _route(self, lower: str, upper: str, box: Box) -> Route:
        arch, network = self.model.architecture, graph(self.model.architecture)
        sizes = None if self.images is None else map_sizes(network.nodes, self.images.shape[1:3], arch.padding)
        gates = [gate for gate in self.gates if between(network, lower, upper, [gate]) is not None]
        return route(arch, lower, upper, gates, sizes=sizes, box=box)

    @property
    def _position(self) -> Box:
        row, column = self.place
        return (row, row + 1), (column, column + 1)


def scaled(model: Model, images: Float[Array, "n h w 3"]) -> Float[Array, "n h w 3"]:
    """Images as the first layer sees them, the activation `"input"`.

    >>> import inception_jax
    >>> float(scaled(inception_jax.load("mini"), jnp.ones((1, 1, 1, 3)))[0, 0, 0, 0])
    138.0
    """
    arch = model.architecture
    return (images * arch.input_scale - jnp.asarray(arch.input_mean, images.dtype)).astype(_dtype(model))


def _dtype(model: Model) -> np.dtype:
    return jnp.result_type(*jax.tree.leaves(model.weights))


def _units(model: Model, layer: str) -> int:
    return 3 if layer == INPUT else model.layers[layer]


def _in_pieces(
    pull: Callable[[np.ndarray], Array], seeds: np.ndarray, at_once: int
) -> Iterator[tuple[slice, Float[Array, "k *rest"]]]:
    """What `pull` makes of seeds, some at a time: equal pieces, the last one filled up, which need one program."""
    if not len(seeds):
        return
    count = math.ceil(len(seeds) / math.ceil(len(seeds) / max(1, at_once)))
    for first in range(0, len(seeds), count):
        piece = seeds[first : first + count]
        filled = np.concatenate([piece, np.zeros((count - len(piece), *seeds.shape[1:]), seeds.dtype)])
        yield slice(first, first + len(piece)), pull(filled)[: len(piece)]
