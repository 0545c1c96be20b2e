"""Images that are not optimised: noise, and textures read at given places."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from featvis.color import AnyArray
from featvis.param.base import Size
from featvis.param.images import image


def sample(
    key: Key[Array, ""], size: Size, *, sd: float = 0.01, decay_power: float = 1.0, decorrelate: bool = True
) -> Float[Array, "h w 3"]:
    """A fresh random image with the spectrum and colours of natural ones, in [0, 1]: `image`, as it begins.

    Args:
        key: of the random numbers.
        size: side in pixels, or (height, width).
        sd: standard deviation of the Fourier coefficients; 0.01 is nearly grey, 0.5 is rich in contrast.
        decay_power: steepness of the spectrum.
        decorrelate: whether colours are those of natural images; else channels are independent.

    Raises:
        ValueError: a side below 1.

    Source: Lucid, `image_sample` and `rand_fft_image`.

    >>> import jax
    >>> sample(jax.random.key(0), (20, 30)).shape
    (20, 30, 3)
    """
    noise = image(size, sd=sd, decay_power=decay_power, decorrelate=decorrelate)
    return noise(noise.init(key))


def bilinear_sample(texture: Float[AnyArray, "h w c"], uv: Float[AnyArray, "*points 2"]) -> Float[Array, "*points c"]:
    """A texture at given places, interpolated between pixel centres, repeated in all directions.

    Args:
        texture: any image, its first row on top.
        uv: horizontal and vertical place; the texture's lower left corner is (0, 0), its upper right corner (1, 1).

    Source: Lucid, `bilinearly_sampled_image`, with OpenGL's `GL_REPEAT` and `GL_LINEAR`.

    >>> texture = jnp.arange(4.0).reshape(2, 2, 1)
    >>> bilinear_sample(texture, jnp.array([[0.25, 0.75], [0.5, 0.5]]))[:, 0]
    Array([0. , 1.5], dtype=float32)
    """
    texture, uv = jnp.asarray(texture), jnp.asarray(uv)
    height, width, _ = texture.shape
    row, column = (1 - uv[..., 1]) * height - 0.5, uv[..., 0] * width - 0.5
    top, left = jnp.floor(row), jnp.floor(column)
    down, right = (row - top)[..., None], (column - left)[..., None]

    def corner(i: int, j: int) -> Any:
        return texture[(top + i).astype(jnp.int32) % height, (left + j).astype(jnp.int32) % width]

    upper = (1 - right) * corner(0, 0) + right * corner(0, 1)
    lower = (1 - right) * corner(1, 0) + right * corner(1, 1)
    return (1 - down) * upper + down * lower
