"""Terms about the image itself, before transforms: its smoothness, its border, its transparency."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from featvis.algebra import INPUT, Activations, Objective, Shapes, number
from featvis.objectives.base import array, digest, named, unless

OPACITY = 3
"""Number of the channel that holds it."""


@dataclass(frozen=True)
class _Blur:
    """Of the channels from `first` on."""

    first: int = 0

    def __call__(self, acts: Activations, data: Any) -> Array:
        del data
        image = acts[INPUT][..., self.first :]
        return 0.5 * jnp.square(image - jax.lax.stop_gradient(_blurred(image, 3))).sum()

    def check(self, shapes: Shapes, data: Any) -> None:
        del data
        if self.first:
            _check_opacity(shapes)


def blur_input_each_step() -> Objective:
    """Half the summed squared difference between the image and a blurred copy of it; subtract it for smoother images.

    The copy counts as constant, so a step of size `k` along the negative gradient replaces the image by
    `(1 - k) * image + k * blurred`.

    Source: Lucid, `blur_input_each_step`; Nguyen et al. 2015, *Deep Neural Networks Are Easily Fooled*.

    >>> import jax.numpy as jnp
    >>> float(blur_input_each_step()({"input": jnp.ones((1, 4, 4, 3))}))
    0.0
    """
    return Objective(_Blur(), (), (INPUT,), "blur(input)")


def blur_alpha_each_step() -> Objective:
    """`blur_input_each_step` of the opacity alone; subtract it for smoother outlines.

    Needs a parameterisation with transparency. Source: Lucid, `blur_alpha_each_step`.

    >>> blur_alpha_each_step().label
    'blur(alpha)'
    """
    return Objective(_Blur(OPACITY), (), (INPUT,), "blur(alpha)")


@dataclass(frozen=True)
class _MeanAlpha:
    def __call__(self, acts: Activations, data: Any) -> Array:
        del data
        return acts[INPUT][..., OPACITY].mean()

    def check(self, shapes: Shapes, data: Any) -> None:
        del data
        _check_opacity(shapes)


def mean_alpha() -> Objective:
    """Mean opacity, from 0 to 1; `objective * (1 - mean_alpha())` shows only what the objective needs.

    Needs a parameterisation with transparency. Source: `penalize_alpha` of Lucid's notebook on transparency; the
    product, Mordvintsev et al. 2018, *Differentiable Image Parameterizations*.

    >>> import jax.numpy as jnp
    >>> float((1 - mean_alpha())({"input": jnp.full((1, 2, 2, 4), 0.25)}))
    0.75
    """
    return Objective(_MeanAlpha(), (), (INPUT,), "mean_alpha")


@dataclass(frozen=True)
class _Boundary:
    """The data are the width of the border (a number) or a factor for each position (an array), and the colour."""

    def __call__(self, acts: Activations, data: Any) -> Array:
        where, color = data
        image = acts[INPUT]
        mask = where if jnp.ndim(where) else _border(image.shape[1], image.shape[2], where)
        complexity = jnp.square(_blurred(image, 5) - image) + 0.8 * jnp.square(image - color)
        return -(complexity * mask[:, :, None]).sum()

    def check(self, shapes: Shapes, data: Any) -> None:
        where, _ = data
        _, height, width, _ = shapes[INPUT]
        if np.ndim(where) and where.shape != (height, width):
            raise ValueError(f"the mask has shape {where.shape}; the image is {height}x{width} here")


def penalize_boundary_complexity(
    width: float = 20, color: float = 0.5, mask: Float[Array | np.ndarray, "h w"] | None = None
) -> Objective:
    """Minus how much the image's border varies, and how far it is from one colour; add it for calm borders.

    Each value counts with its squared difference from its blurred surroundings, and 0.8 times that from `color`.

    Args:
        width: of the border, in pixels.
        color: of all channels, in [0, 1].
        mask: a factor for each pixel, instead of a border of some width.

    Raises:
        ValueError: a negative width, another number of axes, or numbers that are not finite.

    Source: Lucid, `penalize_boundary_complexity`, which wants to be told the image's shape.

    >>> penalize_boundary_complexity(width=5).label
    'boundary(5)'
    """
    if not width >= 0:
        raise ValueError(f"width is {width}; expected a number of pixels, from 0 up")
    if mask is None:
        where, place = np.float32(width), number(width)
    else:
        where = array("the mask", mask, "height width")
        place = f"mask-{digest(where)}"
    label = named("boundary", place, unless(color, 0.5))
    return Objective(_Boundary(), (where, np.float32(color)), (INPUT,), label)


def _border(height: int, width: int, thickness: Any) -> Float[Array, "h w"]:
    """1 less than `thickness` pixels from a side, 0 elsewhere."""
    rows, columns = (jnp.minimum(jnp.arange(n), jnp.arange(n)[::-1]) for n in (height, width))
    return (jnp.minimum(rows[:, None], columns[None]) < thickness).astype(jnp.float32)


def _blurred(images: Float[Array, "n h w c"], size: int) -> Float[Array, "n h w c"]:
    """Means over the `size` x `size` pixels around each, those at the rim counted half, those outside not at all."""

    def summed(x: Array) -> Array:
        def boxes(side: int) -> Array:
            window = (1, side, side, 1)
            return jax.lax.reduce_window(x, 0.0, jax.lax.add, window, (1, 1, 1, 1), "SAME")

        return 0.5 * (boxes(size) + boxes(size - 2))

    return summed(images) / summed(jnp.ones_like(images[:1]))


def _check_opacity(shapes: Shapes) -> None:
    channels = shapes[INPUT][-1]
    if channels <= OPACITY:
        raise ValueError(f"images have {channels} channels here; opacity is the 4th, of parameterisations that have it")
