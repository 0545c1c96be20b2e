"""Checking what `render` was asked for, before anything is compiled."""

import dataclasses
from collections.abc import Container, Iterable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import inception_jax
from featvis import shortform
from featvis.algebra import GRADIENT, INPUT, STEP, Objective, check
from featvis.engine import Program
from featvis.network import Network, activation_shapes, unit_counts
from featvis.param import Parameterization
from featvis.transforms import Transform, collapse_alpha_random, output_shape
from inception_jax.gradients import LUCID, Rules

Objectives = str | Objective | Iterable[str | Objective]
Images = tuple[int, int, int, int]


def whole_numbers(**values: Any) -> None:
    """Raise `ValueError` unless all are whole numbers from 1 up.

    >>> whole_numbers(steps=0)
    Traceback (most recent call last):
    ValueError: steps is 0; expected a whole number, at least 1
    """
    for name, value in values.items():
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} is {value}; expected a whole number, at least 1")


def places(only: Sequence[int] | None, count: int) -> Container[int]:
    """The places in a list of `count` objectives that `only` names, by default all.

    Raises:
        ValueError: there are no such places, or none are named.

    >>> places([3, 4], 4)
    Traceback (most recent call last):
    ValueError: only is [3, 4]; expected places in the list of objectives, from 0 to 3
    """
    if only is None:
        return range(count)
    chosen = {int(place) for place in only}
    if not chosen or not chosen <= set(range(count)):
        raise ValueError(f"only is {list(only)}; expected places in the list of objectives, from 0 to {count - 1}")
    return chosen


def cast(model: Network, dtype: Any, rules: Rules) -> Network:
    """The model in the arithmetic asked for.

    Raises:
        ValueError: a type that is no floating-point type, or settings that are for this project's models only.
    """
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"dtype is {dtype}; expected a floating-point type such as jnp.float32 or jnp.bfloat16")
    if isinstance(model, inception_jax.Model):
        return model.astype(dtype)
    if dtype != jnp.float32:
        raise ValueError(f"dtype {jnp.dtype(dtype)} is for this project's models; cast {type(model).__name__} yourself")
    if rules != LUCID:
        raise ValueError(f"rules are for this project's models; {type(model).__name__} has gradients of its own")
    return model


def images_shape(param: Parameterization) -> Images:
    """Number of images of one result, their height, width and channels.

    Raises:
        ValueError: no parameterisation.
    """
    if not isinstance(param, Parameterization):
        raise ValueError(f"param is {param!r}; expected a parameterisation, such as featvis.param.image(128)")
    each, height, width, channels = param.shape if len(param.shape) == 4 else (1, *param.shape)
    return each, height, width, channels


def opaque(param: Parameterization, transforms: Sequence[Transform]) -> tuple[Transform, ...]:
    """The transforms, with one more where the parameterisation is transparent and they leave it so."""
    transforms = tuple(transforms)
    if getattr(param, "alpha", False) and view_shape(images_shape(param), transforms)[3] == 4:
        return (*transforms, collapse_alpha_random())
    return transforms


def view_shape(images: Images, transforms: Sequence[Transform]) -> Images:
    """Shape of the images as the network sees them, after `transforms`.

    Raises:
        ValueError: a transform leaves nothing of them.
    """
    height, width, channels = output_shape(transforms, images[1:])
    return images[0], height, width, channels


def resolve(model: Network, objectives: Objectives, view: Images) -> list[Objective]:
    """The objectives, short forms read.

    Raises:
        ValueError: something else among them, an unknown layer or unit, or nothing at all.
    """
    items = [objectives] if isinstance(objectives, str | Objective) else list(objectives)
    layers = unit_counts(model, (1, *view[1:])) if any(isinstance(item, str) for item in items) else {}
    listed: list[Objective] = []
    for item in items:
        if not isinstance(item, str | Objective):
            raise ValueError(
                f"{item!r} is no objective; expected featvis.objectives or a short form: {shortform.FORMS}"
            )
        listed += shortform.parse(item, layers) if isinstance(item, str) else [item]
    if not listed:
        raise ValueError("no objectives were given; expected at least one")
    return listed


def check_objectives(model: Network, objectives: Sequence[Objective], images: Images, view: Images) -> None:
    """Raise `ValueError` where objectives do not fit the network, for images as they are and as it sees them."""
    if isinstance(model, inception_jax.Model) and view[3] != 3:
        raise ValueError(f"images have {view[3]} channels after the transforms; {model.name} takes 3")
    layers = tuple(dict.fromkeys(name for objective in objectives for name in objective.network_layers))
    whole = images if images[3] == view[3] else (*images[:3], view[3])
    for seen in dict.fromkeys((whole, view)):
        shapes = activation_shapes(model, layers, seen) | {INPUT: images, STEP: ()}
        if isinstance(model, inception_jax.Model):
            # Gradients at layers need a network whose activations can be changed.
            shapes |= {GRADIENT + name: shape for name, shape in shapes.items()}
        for objective in objectives:
            check(objective.fn, shapes, objective.data)


def hashable(program: Program) -> Program:
    """The same program, once it is known that it can be compiled once and reused.

    Raises:
        ValueError: a part of it is not hashable.
    """
    for field in dataclasses.fields(program):
        try:
            hash(getattr(program, field.name))
        except TypeError as error:
            raise ValueError(
                f"{field.name} cannot be compiled once and reused ({error}); expected functions or frozen dataclasses "
                "of numbers and tuples, with arrays in an objective's data"
            ) from error
    return program


def per_unit(name: str, values: float | Sequence[float] | None, count: int) -> list[float]:
    """One number for each of `count` units, infinity where none is wanted.

    >>> per_unit("stop_at", None, 2), per_unit("stop_at", 3.0, 2)
    ([inf, inf], [3.0, 3.0])

    Raises:
        ValueError: another number of them.
    """
    if values is None or isinstance(values, float | int):
        return [float("inf") if values is None else float(values)] * count
    if len(values) != count:
        raise ValueError(f"{name} has {len(values)} values for {count} objectives; expected one, or one for each")
    return [float(value) for value in values]


def start_images(
    param: Parameterization, start: Float[Array | np.ndarray, "..."] | None, count: int
) -> Float[np.ndarray, "n *image"] | None:
    """One starting image for each of `count` results, from one for all or one for each.

    Raises:
        ValueError: another shape, values outside [0, 1], or a parameterisation that cannot begin with an image.

    >>> from featvis.param import image
    >>> start_images(image(8), None, 5) is None
    True
    """
    if start is None:
        return None
    if not hasattr(param, "invert"):
        raise ValueError(f"{param} cannot begin with an image; featvis.param.image and others with `invert` can")
    array = np.asarray(start, np.float32)
    if array.shape not in (param.shape, (count, *param.shape)):
        raise ValueError(
            f"start has shape {array.shape}; expected {param.shape}, or {(count, *param.shape)} for one of each result"
        )
    if not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"start has values from {array.min():g} to {array.max():g}; expected 0 to 1")
    return np.broadcast_to(array, (count, *param.shape))
