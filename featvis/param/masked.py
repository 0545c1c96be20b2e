"""Photographs of which a part is optimised."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from featvis.color import AnyArray, batches
from featvis.frozen import Frozen
from featvis.param.base import Parameterization, check_shape


@dataclass(frozen=True)
class Masked:
    """A photograph with another image in a part of it; see `masked`."""

    photograph: Frozen
    mask: Frozen
    param: Parameterization

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the photograph."""
        return self.photograph.array.shape

    @property
    def alpha(self) -> bool:
        """Whether the last channel is opacity."""
        return getattr(self.param, "alpha", False)

    def init(self, key: Key[Array, ""]) -> Any:
        """Those of the other image."""
        return self.param.init(key)

    def __call__(self, params: Any) -> Float[Array, "h w c"]:
        """The photograph, with the other image where the mask is 1."""
        # Not the difference times the mask, which would round the photograph off.
        return self.param(params) * self.mask.array + (1 - self.mask.array) * self.photograph.array

    @property
    def invert(self) -> Callable[[Float[AnyArray, "h w c"]], Any]:
        """Parameters of a given image; there is no such attribute if the other parameterisation has none."""
        inner: Any = self.param
        invert, photograph, mask = inner.invert, self.photograph.array, self.mask.array

        def inverted(image: Float[AnyArray, "h w c"]) -> Any:
            check_shape(image, self.shape)
            own = photograph + (image - photograph) / np.where(mask > 0, mask, 1)
            return invert(jnp.clip(own, 0, 1))

        return inverted


def masked(
    photograph: Float[AnyArray, "h w c"],
    mask: Float[AnyArray, "h w"] | Bool[AnyArray, "h w"],
    param: Parameterization,
) -> Masked:
    """A photograph of which only the pixels inside a mask are optimised; all others stay as they are, bit by bit.

    Photograph and mask become part of the compiled program: others are compiled anew.

    Args:
        photograph: the image, in [0, 1].
        mask: 1 where the image is optimised, 0 where it is the photograph, a mixture of both between.
        param: what is seen inside the mask: a parameterisation of one image of the photograph's shape.

    Raises:
        ValueError: no image in [0, 1], a mask of another size, with values outside [0, 1] or 0 everywhere, or a
            parameterisation of another shape.

    Source: torch-dreams, `MaskedImageParam`.

    >>> from featvis.param import image
    >>> left = np.arange(8) < 4
    >>> half = masked(np.full((8, 8, 3), 0.5), np.tile(left, (8, 1)), image(8))
    >>> half(half.param.invert(np.zeros((8, 8, 3), np.float32)))[0, :, 0].round(2).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5]
    """
    (picture,) = next(batches(photograph))
    weights = np.asarray(mask, np.float32)
    if weights.shape != picture.shape[:2]:
        raise ValueError(f"the mask has shape {weights.shape}; expected {picture.shape[:2]}, that of the photograph")
    if not (weights.min() >= 0 and 0 < weights.max() <= 1):
        raise ValueError(
            f"the mask has values from {weights.min():g} to {weights.max():g}; expected 0 to 1, and not 0 everywhere"
        )
    if param.shape != picture.shape:
        raise ValueError(f"param makes images of shape {param.shape}; expected {picture.shape}, that of the photograph")
    return Masked(Frozen(picture.astype(np.float32)), Frozen(weights[..., None]), param)
