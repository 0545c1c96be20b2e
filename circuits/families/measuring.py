"""What units respond to, for all stimuli of a battery in one pass."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from circuits.examples.collecting import units
from circuits.examples.fields import receptive_fields
from circuits.families.battery import Battery, battery
from circuits.interventions.edited import as_pytree, base, read
from inception_jax.model import Model


@dataclass(frozen=True, eq=False, repr=False)
class Measured:
    """How the units of a layer respond to a battery: see `measure`.

    Attributes:
        layer: its name.
        responses: by the name of the stimulus, over its axes; the last axis is the units. What the unit does on an
            even image (the most of black, grey and white) is taken off, and what is then below zero is zero.
        axes: values of each stimulus' parameters.
        field: side in pixels of what a unit sees; `None` of models whose structure is not known.
    """

    layer: str
    responses: Mapping[str, Float[np.ndarray, "*grid units"]]
    axes: Mapping[str, Mapping[str, Float[np.ndarray, "..."]]]
    field: int | None = None

    def __repr__(self) -> str:
        return f"<responses of {self.units} units of {self.layer} to {', '.join(self.responses)}>"

    @property
    def units(self) -> int:
        """How many the layer has."""
        return next(iter(self.responses.values())).shape[-1]

    def orientations(self, name: str) -> Float[np.ndarray, " n"]:
        """The orientations of a stimulus, in degrees."""
        return np.asarray(self.axes[name]["orientation"], float)

    def mean(self, name: str, *kept: str) -> Float[np.ndarray, "*kept units"]:
        """Responses to a stimulus, the mean over all of its axes but these, which are put in this order.

        >>> axes = {"line": {"polarity": np.array([1.0, -1.0]), "orientation": np.array([0.0, 90.0])}}
        >>> Measured("a", {"line": np.array([[[1.0], [5.0]], [[3.0], [1.0]]])}, axes).mean("line", "orientation")
        array([[2.],
               [3.]])
        """
        names = list(self.axes[name])
        left = [axis for axis in names if axis in kept]
        means = self.responses[name].mean(tuple(i for i, axis in enumerate(names) if axis not in kept))
        return means.transpose(*(left.index(axis) for axis in kept), -1)

    def best(self, name: str) -> Float[np.ndarray, " units"]:
        """The largest response to any stimulus of a name."""
        return self.responses[name].reshape(-1, self.units).max(0)

    @property
    def overall(self) -> Float[np.ndarray, " units"]:
        """The largest response of each unit to anything."""
        return np.max([self.best(name) for name in self.responses], 0)


def measure(
    model: Any,
    layers: Sequence[str],
    probes: Battery | None = None,
    *,
    size: int = 96,
    reach: int = 1,
    batch: int = 16,
) -> dict[str, Measured]:
    """Responses of all units of some layers to a battery, in one pass.

    A unit's response is the largest at the position in the middle of the image and those around it.

    Args:
        model: this project's, an edited one, or any function from images to named activations.
        layers: named activations with positions, after the ReLU.
        probes: the stimuli; by default `battery()`.
        size: side of the images in pixels.
        reach: how many positions to each side of the middle one count.
        batch: images at a time.

    Raises:
        ValueError: no layers, layers that the model does not have, layers without positions, images too small for
            the reach.

    >>> from circuits import handwritten_network
    >>> from circuits.families.battery import Probe
    >>> from circuits.stimuli import Line
    >>> lines = {"line": Probe(Line(), {"orientation": np.arange(0.0, 180.0, 30.0)})}
    >>> measure(handwritten_network(), ["mixed3a"], lines, size=48)["mixed3a"]
    <responses of 42 units of mixed3a to line>
    """
    chosen = dict(battery() if probes is None else probes)
    window = partial(_RUN, tuple(_places(model, layers, size, reach).items()), as_pytree(model))
    plain = np.broadcast_to(np.array([0.0, 0.5, 1.0], np.float32)[:, None, None, None], (3, size, size, 3))
    found = _streamed(window, chain([plain], (np.asarray(probe.images(size)) for probe in chosen.values())), batch)
    starts = np.cumsum([3, *(int(np.prod(probe.shape)) for probe in chosen.values())])
    axes, measured = {name: probe.axes for name, probe in chosen.items()}, {}
    for layer in layers:
        above = np.maximum(found[layer] - found[layer][:3].max(0), 0)
        pieces = np.split(above, starts)[1:-1]
        responses = {n: piece.reshape(*p.shape, -1) for (n, p), piece in zip(chosen.items(), pieces, strict=True)}
        measured[layer] = Measured(layer, responses, axes, _side(model, layer, size))
    return measured


def _streamed(window: Any, pieces: Iterable[np.ndarray], batch: int) -> dict[str, np.ndarray]:
    """Responses to all images, in batches of one size, whatever pieces they come in."""
    found, waiting = [], np.zeros((0,))
    for images in pieces:
        waiting = np.concatenate([waiting, images]) if len(waiting) else images
        while len(waiting) >= batch:
            found.append(jax.tree.map(np.asarray, window(waiting[:batch])))
            waiting = waiting[batch:]
    if len(waiting):
        filled = np.concatenate([waiting, np.repeat(waiting[-1:], batch - len(waiting), 0)])
        found.append(jax.tree.map(lambda values: np.asarray(values)[: len(waiting)], window(filled)))
    return {layer: np.concatenate([piece[layer] for piece in found]) for layer in found[0]}


def _side(model: Any, layer: str, size: int) -> int | None:
    """Side in pixels of what a unit sees, where the model's structure is known."""
    if not isinstance(inner := base(model), Model):
        return None
    first, stop = receptive_fields(inner.architecture, layer, (size, size)).first[0]
    return stop - first


def _places(model: Any, layers: Sequence[str], size: int, reach: int) -> dict[str, tuple[int, int]]:
    """First row or column and last, of each layer, about the middle of the image."""
    if not layers:
        raise ValueError("there are no layers; expected names of activations")
    units(model, layers, (size, size, 3))
    shapes = jax.eval_shape(
        lambda x: read(model, x, tuple(layers)), jax.ShapeDtypeStruct((1, size, size, 3), np.float32)
    )
    inner, places = base(model), {}
    for layer in layers:
        shape = shapes[layer].shape
        if len(shape) != 4:
            raise ValueError(f"{layer!r} has the shape {shape}; expected a map [n, rows, columns, units]")
        middle = (min(shape[1:3]) - 1) // 2
        if isinstance(inner, Model):
            field = receptive_fields(inner.architecture, layer, (size, size))
            middle = round((size // 2 - (sum(field.first[0]) - 1) / 2) / field.stride[0])
        if middle < reach or middle + reach >= min(shape[1:3]):
            raise ValueError(
                f"{layer!r} has {shape[1]}x{shape[2]} positions for images of {size}x{size} pixels; expected "
                f"larger images, or a reach under {reach}"
            )
        places[layer] = (middle - reach, middle + reach + 1)
    return places


def _window(places: tuple[tuple[str, tuple[int, int]], ...], model: Any, images: Array) -> dict[str, Array]:
    found = read(model, images, tuple(layer for layer, _ in places))
    return {layer: found[layer][:, first:stop, first:stop].max((1, 2)) for layer, (first, stop) in places}


_RUN = partial(jax.jit, static_argnums=0)(_window)
