"""What a parameterisation is, and what its makers share."""

import operator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Float, Key

from featvis.color import AnyArray

Size = int | tuple[int, int]
"""A side in pixels, or (height, width)."""


@runtime_checkable
class Parameterization(Protocol):
    """What `render` needs: any hashable object with these members will do.

    It may also have `invert(image) -> params`, which lets an optimisation begin with an image, and `alpha`, true if the
    fourth channel is opacity.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels of the image; number of images first, if one result has several."""
        ...

    def init(self, key: Key[Array, ""]) -> Any:
        """Random parameters of one result."""
        ...

    def __call__(self, params: Any) -> Float[Array, "*images h w c"]:
        """The image or images, in [0, 1]."""
        ...


def sides(size: Size) -> tuple[int, int]:
    """Height and width.

    Raises:
        ValueError: not one or two whole numbers from 1 up.

    >>> sides(32), sides((20, 32))
    ((32, 32), (20, 32))
    """
    pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2 or not all(isinstance(side, int | np.integer) and side >= 1 for side in pair):
        raise ValueError(
            f"image size is {size}; expected sides of at least 1 pixel: a whole number, or (height, width)"
        )
    return operator.index(pair[0]), operator.index(pair[1])


def check_count(name: str, value: int, low: int, high: int | None = None) -> int:
    """The whole number `value`, once it is known to lie between `low` and `high`, both included.

    Raises:
        ValueError: it is no whole number, or does not lie there.

    >>> check_count("images", 1, 2)
    Traceback (most recent call last):
    ValueError: images is 1; expected a whole number, at least 2
    """
    if not isinstance(value, int | np.integer) or value < low or (high is not None and value > high):
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} is {value}; expected a whole number, {bounds}")
    return operator.index(value)


def check_shape(image: Float[AnyArray, "..."], shape: tuple[int, ...]) -> None:
    """Raise `ValueError` unless `image` has this shape."""
    if image.shape != shape:
        raise ValueError(f"the image has shape {image.shape}; expected {shape}, that of the parameterisation")


def check_one_image(param: Parameterization) -> None:
    """Raise `ValueError` if `param` already makes several images of one result."""
    if len(param.shape) != 3:
        raise ValueError(f"param makes {param.shape[0]} images; expected a parameterisation of one image")
