"""Several images of one result that have nothing to do with each other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from featvis.color import AnyArray
from featvis.param.base import Parameterization, check_count, check_one_image, check_shape


@dataclass(frozen=True)
class Stack:
    """Independent images, or fields, of one kind; see `stack`."""

    param: Parameterization
    images: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of images, height, width and channels."""
        return (self.images, *self.param.shape)

    @property
    def alpha(self) -> bool:
        """Whether the last channel is opacity."""
        return getattr(self.param, "alpha", False)

    def init(self, key: Key[Array, ""]) -> Any:
        """Random parameters of each image, on a leading axis."""
        return jax.vmap(self.param.init)(jax.random.split(key, self.images))

    def __call__(self, params: Any) -> Float[Array, "images h w c"]:
        """The images."""
        return jax.vmap(self.param)(params)

    @property
    def invert(self) -> Callable[[Float[AnyArray, "images h w c"]], Any]:
        """Parameters of given images; there is no such attribute if a single one of them has none."""
        each: Any = self.param
        invert = jax.vmap(each.invert)

        def inverted(images: Float[AnyArray, "images h w c"]) -> Any:
            check_shape(images, self.shape)
            return invert(images)

        return inverted


@dataclass(frozen=True)
class Mixed:
    """Independent images of several kinds; see `mixed`."""

    params: tuple[Parameterization, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of images, height, width and channels."""
        return (len(self.params), *self.params[0].shape)

    @property
    def alpha(self) -> bool:
        """Whether the last channel is opacity."""
        return getattr(self.params[0], "alpha", False)

    def init(self, key: Key[Array, ""]) -> tuple[Any, ...]:
        """Random parameters of each image."""
        keys = jax.random.split(key, len(self.params))
        return tuple(param.init(k) for param, k in zip(self.params, keys, strict=True))

    def __call__(self, params: tuple[Any, ...]) -> Float[Array, "images h w c"]:
        """The images."""
        return jnp.stack([param(p) for param, p in zip(self.params, params, strict=True)])

    @property
    def invert(self) -> Callable[[Float[AnyArray, "images h w c"]], tuple[Any, ...]]:
        """Parameters of given images; there is no such attribute if one of the parameterisations has none."""
        members: Any = self.params
        each = [param.invert for param in members]

        def inverted(images: Float[AnyArray, "images h w c"]) -> tuple[Any, ...]:
            check_shape(images, self.shape)
            return tuple(invert(image) for invert, image in zip(each, images, strict=True))

        return inverted


def stack(param: Parameterization, images: int) -> Stack:
    """Several independent images of one result, for objectives that compare them, such as diversity.

    Args:
        param: the parameterisation of one image.
        images: how many, 1 or more.

    Raises:
        ValueError: no images, or a parameterisation that makes several already.

    Source: Captum, `StackImage` (of images of one kind; see `mixed`); Lucid's `batch` arguments.

    >>> from featvis.param import image
    >>> stack(image(32), 4).shape
    (4, 32, 32, 3)
    """
    check_one_image(param)
    return Stack(param, check_count("images", images, 1))


def mixed(*params: Parameterization) -> Mixed:
    """Independent images of one result, each with a parameterisation of its own.

    Args:
        params: one for each image, all of one shape.

    Raises:
        ValueError: none, one that makes several images, or different shapes.

    Source: Captum, `StackImage`.

    >>> from featvis.param import image
    >>> mixed(image(32), image(32, fft=False)).shape
    (2, 32, 32, 3)
    """
    for param in params:
        check_one_image(param)
    if len({(param.shape, getattr(param, "alpha", False)) for param in params}) != 1:
        raise ValueError(
            f"the parameterisations have shapes {[param.shape for param in params]}; expected one or more of one "
            "shape, with opacity or without"
        )
    return Mixed(params)
