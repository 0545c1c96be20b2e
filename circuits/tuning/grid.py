"""Responses of units over a grid of stimuli, with the grid's axes by name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, overload

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from circuits.stimuli.stimulus import Stimulus
from circuits.tuning.curves import invariance
from circuits.tuning.sweep import At, Network, sweep


@dataclass(frozen=True, eq=False, repr=False)
class Tuning:
    """Responses of a layer's units over a grid.

    Attributes:
        layer: the layer's name.
        axes: the grid's axes in order, each with its values, `[n]`, or `[n, 3]` for colours.
        values: responses.

    Raises:
        ValueError: axes of other lengths than the responses have.

    >>> tuning = Tuning("mixed3b", {"orientation": np.array([0.0, 180.0])}, np.array([[1.0, 0.0], [3.0, 2.0]]))
    >>> tuning, tuning.best()["orientation"]
    (<tuning of mixed3b: orientation 2, 2 units>, array([180., 180.]))
    """

    layer: str
    axes: Mapping[str, np.ndarray]
    values: Float[np.ndarray, "*grid units"]

    def __post_init__(self) -> None:
        shape = tuple(len(axis) for axis in self.axes.values())
        if np.shape(self.values)[:-1] != shape:
            raise ValueError(
                f"responses have shape {np.shape(self.values)} for axes of {shape}; expected these and the units"
            )

    def __repr__(self) -> str:
        grid = ", ".join(f"{name} {len(axis)}" for name, axis in self.axes.items())
        return f"<tuning of {self.layer}: {grid or 'no axes'}, {self.values.shape[-1]} units>"

    def mean(self, *names: str) -> "Tuning":
        """The mean over some axes: over radii, of responses to curves, it is the thread's radial tuning curve.

        Raises:
            ValueError: names that are no axes.

        >>> Tuning("a", {"x": np.arange(2), "y": np.arange(3)}, np.ones((2, 3, 1))).mean("y").values.shape
        (2, 1)
        """
        return self._reduced(names, np.mean)

    def max(self, *names: str) -> "Tuning":
        """The largest over some axes: at the best radius, say.

        Raises:
            ValueError: names that are no axes.
        """
        return self._reduced(names, np.max)

    def at(self, **places: float) -> "Tuning":
        """The part of the grid nearest to given values of some axes.

        Raises:
            ValueError: names that are no axes.

        >>> Tuning("a", {"x": np.arange(2), "y": np.arange(3)}, np.ones((2, 3, 1))).at(y=1.2)
        <tuning of a: x 2, 1 units>
        """
        numbers = {n: int(np.abs(self.axes[n] - places[n]).argmin()) for n in self._known(tuple(places))}
        index = tuple(numbers.get(name, slice(None)) for name in self.axes)
        return Tuning(self.layer, self._without(tuple(places)), self.values[index])

    def curve(self, name: str) -> Float[np.ndarray, "n units"]:
        """Responses along one axis, the mean over all others: what `peak`, `width` and others take.

        Raises:
            ValueError: a name that is no axis.

        >>> Tuning("a", {"x": np.arange(2), "y": np.arange(3)}, np.ones((2, 3, 1))).curve("x").shape
        (2, 1)
        """
        self._known((name,))
        return self.mean(*(other for other in self.axes if other != name)).values

    def best(self) -> dict[str, np.ndarray]:
        """For each axis, each unit's value at its largest response in the whole grid. For silent units, the first."""
        places = np.unravel_index(self.values.reshape(-1, self.values.shape[-1]).argmax(0), self.values.shape[:-1])
        return {name: axis[place] for (name, axis), place in zip(self.axes.items(), places, strict=True)}

    def invariance(self, *names: str) -> Float[np.ndarray, " units"]:
        """How little units depend on some axes, 0 to 1; see the function `invariance`.

        Raises:
            ValueError: names that are no axes, or all of them.

        >>> values = np.array([[[0.0], [0.0]], [[1.0], [1.0]]])
        >>> Tuning("a", {"x": np.arange(2), "y": np.arange(2)}, values).invariance("y")
        array([1.])
        """
        return invariance(self.values, tuple(list(self.axes).index(name) for name in self._known(names)))

    def _known(self, names: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [name for name in names if name not in self.axes]:
            raise ValueError(f"no axis {wrong[0]!r}; expected {' or '.join(map(repr, self.axes)) or 'none'}")
        return names

    def _without(self, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        return {name: axis for name, axis in self.axes.items() if name not in names}

    def _reduced(self, names: tuple[str, ...], how: Any) -> "Tuning":
        numbers = tuple(list(self.axes).index(name) for name in self._known(names))
        return Tuning(self.layer, self._without(names), how(self.values, axis=numbers) if numbers else self.values)


@partial(jax.tree_util.register_dataclass, data_fields=["stimulus", "axes"], meta_fields=["order", "size"])
@dataclass(frozen=True, eq=False)
class Grid:
    """Images of a stimulus over a grid of its parameters, by number.

    Attributes:
        stimulus: the stimulus, one.
        axes: values of the parameters that change.
        order: of the axes.
        size: of the images.
    """

    stimulus: Any
    axes: Any
    order: tuple[str, ...]
    size: int | tuple[int, int]

    def __call__(self, numbers: Int[Array, " n"]) -> Float[Array, "n h w 3"]:
        """The images with these numbers, the last axis counting fastest."""
        places = jnp.unravel_index(numbers, tuple(len(self.axes[name]) for name in self.order))
        moved = {name: self.axes[name][place] for name, place in zip(self.order, places, strict=True)}
        return replace(self.stimulus, **moved).image(self.size)


@overload
def responses(
    model: Network,
    layers: str,
    stimulus: Stimulus,
    axes: Mapping[str, Any],
    *,
    size: int | tuple[int, int] = ...,
    at: At = ...,
    batch: int | None = ...,
) -> Tuning:
    """The tuning of one layer."""


@overload
def responses(
    model: Network,
    layers: list[str] | tuple[str, ...],
    stimulus: Stimulus,
    axes: Mapping[str, Any],
    *,
    size: int | tuple[int, int] = ...,
    at: At = ...,
    batch: int | None = ...,
) -> dict[str, Tuning]:
    """The tuning of several layers, by name."""


def responses(
    model: Network,
    layers: str | list[str] | tuple[str, ...],
    stimulus: Stimulus,
    axes: Mapping[str, Any],
    *,
    size: int | tuple[int, int] = 224,
    at: At = "middle",
    batch: int | None = None,
) -> Tuning | dict[str, Tuning]:
    """Responses of every unit of a layer over a grid of stimuli.

    One compiled program draws the stimuli and runs the network on them, a batch at a time, so that images are never in
    memory together. A layer's name says whether responses are taken before its ReLU (`mixed3b_pre_relu`) or after it.

    Args:
        model: this project's, an edited one, or any function from images `[n, h, w, 3]` to named activations.
        layers: a layer's name, or several, which share the work.
        stimulus: what is drawn. It has what the axes do not change; a curve that lies off the middle, in colour, say.
        axes: parameters of the stimulus that change, each with its values, `[n]`, or `[n, 3]` for colours; all
            combinations are drawn.
        size: side of the images, or height and width.
        at: which position of a map counts: the middle one, of two the earlier, as in the thread; a row and a column;
            or the largest (`"max"`) or the mean (`"mean"`) over positions.
        batch: images at a time; by default 8 on CPUs and 128 elsewhere.

    Returns:
        the tuning of the layer, or of each of several by name.

    Raises:
        ValueError: parameters that the stimulus does not have, no values, layers that the model does not have, a
            position outside the map.

    Source: *Curve Detectors* and *Curve Circuits* (Distill, 2020 and 2021): 720 orientations by 80 radii.

    >>> import inception_jax
    >>> from circuits.stimuli import Curve
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> grid = {"orientation": np.arange(0, 360, 45), "radius": [10, 30]}
    >>> found = responses(model, ["conv2d2", "mixed3a"], Curve(), grid, size=64)
    >>> found["mixed3a"], found["mixed3a"].mean("radius").values.shape
    (<tuning of mixed3a: orientation 8, radius 2, 16 units>, (8, 16))
    """
    values = _checked(stimulus, axes)
    shape = tuple(len(value) for value in values.values())
    pictures = Grid(
        stimulus, {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}, tuple(axes), size
    )
    found = sweep(model, layers, pictures, int(np.prod(shape)), at, batch)
    tunings = {name: Tuning(name, values, array.reshape(*shape, -1)) for name, array in found.items()}
    return tunings[layers] if isinstance(layers, str) else tunings


def _checked(stimulus: Stimulus, axes: Mapping[str, Any]) -> dict[str, np.ndarray]:
    ranges = stimulus.ranges()
    if stimulus.batch_shape != ():
        raise ValueError(f"the stimulus has parameters of shape {stimulus.batch_shape}; expected one stimulus")
    if not axes:
        raise ValueError(f"axes is empty; expected parameters of the stimulus with their values: {', '.join(ranges)}")
    if wrong := [name for name in axes if name not in ranges]:
        raise ValueError(f"{stimulus.name} has no parameter {wrong[0]!r}; it has {', '.join(ranges)}")
    values = {name: np.asarray(value, float) for name, value in axes.items()}
    for name, value in values.items():
        expected = "[n, 3]" if ranges[name].color else "[n]"
        if value.shape[1:] != ((3,) if ranges[name].color else ()) or not value.size or value.ndim == 0:
            raise ValueError(f"values of {name} have shape {value.shape}; expected {expected}, one or more")
        if not np.isfinite(value).all():
            raise ValueError(f"values of {name} are not all finite; expected numbers")
    return values
