"""Colour decorrelation: bases in which the colours of natural images are nearly independent.

`IMAGENET` is the usual one, `I1I2I3` and `GREY` are others. For a network that was trained on other images, `estimate`
the basis of those, with `featvis.param.spectrum.estimate` for what else `featvis.param.maco` wants to know of them:

>>> images = np.random.default_rng(0).random((4, 16, 16, 3))
>>> colors = estimate(images)
>>> from featvis import param
>>> param.image(64, colors=colors).shape
(64, 64, 3)
>>> param.maco(64, param.spectrum.estimate(images, 64, colors=colors), colors=colors).shape
(64, 64, 3)
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from featvis.frozen import Frozen

AnyArray = Array | np.ndarray

Images = Float[AnyArray, "..."] | Iterable[Float[AnyArray, "..."]]
"""Images `[n, height, width, channels]` in [0, 1], one image, or an iterable of such batches."""


@dataclass(frozen=True)
class Colors:
    """A colour basis: `rgb = matrix @ components`, on top of the mean colour where colours are clipped.

    Attributes:
        matrix: one row for each channel of the image, one column for each component.
        mean: the mean colour in [0, 1], one number for each channel.
    """

    matrix: Frozen
    mean: tuple[float, ...]

    @property
    def inverse(self) -> Float[np.ndarray, "components channels"]:
        """The way back, in float64; of least squares where there are fewer components than channels."""
        return np.linalg.pinv(self.matrix.array.astype(np.float64))


def to_rgb(
    image: Float[AnyArray, "*b h w components"], colors: Colors | None = None
) -> Float[Array, "*b h w channels"]:
    """Decorrelated colours to RGB, unbounded on both sides; in the basis `IMAGENET` unless told otherwise.

    Source: Lucid, `param/color.py`.

    >>> [round(float(v), 4) for v in to_rgb(jnp.array([[[1.0, 0.0, 0.0]]]))[0, 0]]
    [0.5628, 0.5845, 0.5845]
    """
    matrix = (colors or IMAGENET).matrix.array
    # At the default precision, GPUs would round colours to ten bits.
    return jnp.matmul(image, matrix.T, precision=jax.lax.Precision.HIGHEST)


def from_rgb(
    image: Float[AnyArray, "*b h w channels"], colors: Colors | None = None
) -> Float[Array, "*b h w components"]:
    """RGB to decorrelated colours, the inverse of `to_rgb`.

    >>> components = jnp.array([[[0.3, -0.2, 0.5]]])
    >>> bool(jnp.allclose(from_rgb(to_rgb(components)), components, atol=1e-5))
    True
    """
    matrix = (colors or IMAGENET).inverse.astype(np.float32)
    return jnp.matmul(image, matrix.T, precision=jax.lax.Precision.HIGHEST)


def estimate(images: Images) -> Colors:
    """The colour basis of a data set: the square root of its colours' covariance, as `IMAGENET` is of ImageNet's.

    Columns are the principal colours, strongest first, as long as their standard deviation, all divided by the longest.
    Sums are kept in float64, one batch in memory at a time. Any number of channels will do.

    Args:
        images: `[n, height, width, channels]` in [0, 1], or batches of such, of any sizes.

    Raises:
        ValueError: no images, values outside [0, 1], colours that do not vary, or batches of different channels.

    Source: Lucid, `param/color.py` (the matrix) and Captum, `dataset_klt_matrix`, whose covariance takes rows of
    pixels for channels.

    >>> noise = np.random.default_rng(0).random((8, 8, 1), np.float32)
    >>> estimate(noise * [1.0, 0.5, 0.0]).matrix.array[:, 0].round(3)
    array([0.894, 0.447, 0.   ], dtype=float32)
    """
    count, total, products = 0, np.zeros(()), np.zeros(())
    for batch in batches(images):
        pixels = batch.reshape(-1, batch.shape[-1]).astype(np.float64)
        if count and pixels.shape[1] != len(total):
            raise ValueError(f"images have {len(total)} and {pixels.shape[1]} channels; expected one number of them")
        count, total, products = count + len(pixels), total + pixels.sum(0), products + pixels.T @ pixels
    mean = total / count
    values, vectors = np.linalg.eigh(products / count - np.outer(mean, mean))
    if values[-1] < 1e-12:
        raise ValueError("all pixels have one colour; expected images whose colours vary")
    root = (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1]
    # A principal colour has no sign of its own: the first channel rises with it, as in `IMAGENET`.
    root *= np.where(root[0] < 0, -1, 1)
    return _basis(root, mean)


def batches(images: Images) -> Iterator[Float[np.ndarray, "n h w c"]]:
    """Images as batches, checked.

    Raises:
        ValueError: no images, another number of axes, or values outside [0, 1].

    >>> [batch.shape for batch in batches(np.zeros((4, 5, 3)))]
    [(1, 4, 5, 3)]
    """
    found = False
    for batch in [images] if isinstance(images, np.ndarray | jax.Array) else images:
        array = np.asarray(batch)
        if array.ndim not in (3, 4) or not array.size:
            raise ValueError(f"images have shape {array.shape}; expected [n, height, width, channels] or one of them")
        if not (array.min() >= 0 and array.max() <= 1):
            raise ValueError(f"images have values from {array.min():g} to {array.max():g}; expected 0 to 1")
        found = True
        yield array if array.ndim == 4 else array[None]
    if not found:
        raise ValueError("there are no images; expected at least one")


def _basis(matrix: np.ndarray, mean: Iterable[float]) -> Colors:
    """Scaled so that the longest column is 1."""
    matrix = matrix.astype(np.float32)
    return Colors(Frozen(matrix / np.linalg.norm(matrix, axis=0).max()), tuple(float(v) for v in mean))


_MEAN = (0.48, 0.46, 0.41)

IMAGENET = _basis(np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]), _MEAN)
"""Square root of ImageNet's RGB covariance, scaled so that its longest column is 1, and ImageNet's mean colour.
Source: Lucid, `param/color.py`."""

I1I2I3 = _basis(np.linalg.inv([[1 / 3, 1 / 3, 1 / 3], [1 / 2, 0, -1 / 2], [-1 / 4, 1 / 2, -1 / 4]]), _MEAN)
"""Brightness, red against blue, green against both. Source: Ohta et al. 1980, *Color information for region
segmentation*; Captum, `ToRGB("i1i2i3")`, which applies the matrix from RGB where this is the one to RGB."""

GREY = Colors(Frozen(np.ones((3, 1), np.float32)), (sum(_MEAN) / 3,) * 3)
"""One component, shown as three equal channels. Source: Lucid, `grayscale_image_rgb`."""
