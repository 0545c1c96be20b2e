"""Affine resampling of an image, with a gradient as cheap as the resampling itself."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def warp(
    image: Float[Array, "h w c"],
    matrix: Float[Array, "3 3"],
    size: tuple[int, int],
    fill: float,
    reach: int,  # noqa: ARG001 (for the gradient)
) -> Float[Array, "h2 w2 c"]:
    """Sample `image` bilinearly on the grid of an affine view; differentiable in the image only.

    Args:
        image: any channel-last image.
        matrix: maps homogeneous output pixel indices (row, column, 1) to input pixel indices.
        size: height and width of the output.
        fill: value of the plane outside the image.
        reach: half-width, in output pixels, of the square that contains every output pixel an input pixel
            contributes to; `reach_of` computes it. The backward pass gathers over that square, because scattering is
            slower on CPUs and not deterministic on GPUs.

    >>> import jax.numpy as jnp
    >>> shift = jnp.array([[1.0, 0, 0], [0, 1, 1], [0, 0, 1]])
    >>> warp(jnp.arange(3.0).reshape(1, 3, 1), shift, (1, 3), 0.0, 1)[0, :, 0]
    Array([1., 2., 0.], dtype=float32)
    """
    row, column = _apply(matrix, *_grid(size))
    top, left = jnp.floor(row), jnp.floor(column)
    down, right = (row - top)[..., None], (column - left)[..., None]
    corner = _reader(image - fill, top.astype(jnp.int32), left.astype(jnp.int32))
    upper = (1 - right) * corner(0, 0) + right * corner(0, 1)
    lower = (1 - right) * corner(1, 0) + right * corner(1, 1)
    return fill + (1 - down) * upper + down * lower


def reach_of(largest_scale: float, absolute_cos_plus_sin: float) -> int:
    """The `reach` of a similarity that magnifies at most `largest_scale` and turns by an angle of that |cos| + |sin|.

    >>> reach_of(1.0, 1.0), reach_of(1.1, 1.16), reach_of(2.0, 1.42)
    (1, 1, 3)
    """
    return max(1, int(largest_scale * absolute_cos_plus_sin + 0.5))


def _forward(
    image: Array, matrix: Array, size: tuple[int, int], fill: float, reach: int
) -> tuple[Array, tuple[Array, Array]]:
    # The image itself is not needed backwards, only its shape.
    return warp(image, matrix, size, fill, reach), (matrix, jnp.zeros((*image.shape[:2], 0), image.dtype))


def _backward(
    size: tuple[int, int], fill: float, reach: int, saved: tuple[Array, Array], g: Array
) -> tuple[Array, None]:
    del size, fill
    matrix, like = saved
    height, width = like.shape[:2]
    row, column = _grid((height, width))
    out_row, out_column = (jnp.round(v) for v in _apply(_inverse(matrix), row, column))
    read = _reader(g, out_row.astype(jnp.int32), out_column.astype(jnp.int32))
    total = jnp.zeros((height, width, g.shape[2]), g.dtype)
    for i in range(-reach, reach + 1):
        for j in range(-reach, reach + 1):
            source_row, source_column = _apply(matrix, out_row + i, out_column + j)
            weight = _triangle(source_row - row) * _triangle(source_column - column)
            total = total + weight[..., None] * read(i, j)
    return total, None


warp.defvjp(_forward, _backward)


def _grid(size: tuple[int, int]) -> tuple[Float[Array, "h 1"], Float[Array, "1 w"]]:
    return jnp.arange(size[0], dtype=jnp.float32)[:, None], jnp.arange(size[1], dtype=jnp.float32)[None]


def _apply(matrix: Array, row: Array, column: Array) -> tuple[Array, Array]:
    return (
        matrix[0, 0] * row + matrix[0, 1] * column + matrix[0, 2],
        matrix[1, 0] * row + matrix[1, 1] * column + matrix[1, 2],
    )


def _inverse(m: Array) -> Array:
    determinant = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
    linear = jnp.array([[m[1, 1], -m[0, 1]], [-m[1, 0], m[0, 0]]]) / determinant
    # Written out, since GPUs round the factors of a matrix product.
    shift = -(linear[:, 0] * m[0, 2] + linear[:, 1] * m[1, 2])
    return jnp.concatenate([linear, shift[:, None]], axis=1)


def _reader(image: Array, row: Int[Array, "h w"], column: Int[Array, "h w"]):
    """A function of a row and column offset that reads `image` there, zero outside."""
    height, width = image.shape[:2]
    padded = jnp.pad(image, ((1, 1), (1, 1), (0, 0)))

    def read(i: int, j: int) -> Array:
        return padded[jnp.clip(row + i, -1, height) + 1, jnp.clip(column + j, -1, width) + 1]

    return read


def _triangle(x: Array) -> Array:
    return jnp.maximum(0, 1 - jnp.abs(x))
