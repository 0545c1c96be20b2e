"""Photographs beside optimised images, so that transforms treat them alike."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from featvis.param import Parameterization
from featvis.result import Result


@dataclass(frozen=True)
class Beside:
    """Photographs that stay as they are, followed by the images of another parameterisation, as one result.

    For objectives that compare images with each other, as `caricature("mixed4a", reference=0)` does. The photographs
    are no part of the program, which is compiled once for all of them; they come in by `start`:

    >>> from featvis.param import image, stack
    >>> both = Beside(stack(image(32), 2))
    >>> both.shape, both.start(np.zeros((1, 32, 32, 3))).shape
    ((3, 32, 32, 3), (3, 32, 32, 3))

    and `featvis.render(..., param=both, start=both.start(photographs), share="result")` sees all of them through the
    same transforms.

    Attributes:
        param: makes the other images, with `[images, height, width, channels]` for its shape.
        photographs: how many.
    """

    param: Parameterization
    photographs: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of images, photographs included, height, width and channels."""
        own, *rest = self.param.shape
        return (self.photographs + own, *rest)

    def init(self, key: Key[Array, ""]) -> Any:
        """Grey in place of photographs, and random parameters."""
        return jnp.full((self.photographs, *self.param.shape[1:]), 0.5), self.param.init(key)

    def __call__(self, params: Any) -> Float[Array, "images h w c"]:
        """The photographs, which have no gradient, and the images."""
        photographs, own = params
        return jnp.concatenate([jax.lax.stop_gradient(photographs), self.param(own)])

    @property
    def invert(self) -> Callable[[Float[Array, "images h w c"]], Any]:
        """Parameters of given images; there is no such attribute if the other parameterisation has none."""
        param: Any = self.param
        invert = param.invert
        return lambda images: (images[: self.photographs], invert(images[self.photographs :]))

    def start(
        self,
        photographs: Float[Array | np.ndarray, "k h w c"],
        images: Float[Array | np.ndarray, "m h w c"] | None = None,
        seed: int = 0,
    ) -> Float[np.ndarray, "images h w c"]:
        """What `render` begins with: the photographs, and `images` or, without them, noise drawn from `seed`."""
        if images is None:
            images = _noise(self.param, jax.random.key(seed))
        return np.concatenate([np.asarray(photographs, np.float32), np.asarray(images)])

    def own(self, result: Result) -> Result:
        """A result without the photographs."""
        first = self.photographs
        return replace(result, images=result.images[:, first:], snapshots=result.snapshots[:, :, first:])


@partial(jax.jit, static_argnums=0)
def _noise(param: Parameterization, key: Key[Array, ""]) -> Float[Array, "images h w c"]:
    return param(param.init(key))
