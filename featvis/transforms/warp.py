"""Resampling of an image through an affine or projective view, with a gradient as cheap as the resampling itself."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def warp(
    image: Float[Array, "h w c"],
    matrix: Float[Array, "rows 3"],
    fill: Float[Array, ""] | float,
    size: tuple[int, int],
    reach: int,  # noqa: ARG001 (for the gradient)
) -> Float[Array, "h2 w2 c"]:
    """Sample `image` bilinearly on the grid of a view; differentiable in the image only.

    Args:
        image: any channel-last image.
        matrix: maps homogeneous output pixel indices (row, column, 1) to input pixel indices. The third row may be
            left out if the map is affine, which saves the division.
        fill: value of the plane outside the image.
        size: height and width of the output.
        reach: half-width, in output pixels, of the square that contains every output pixel an input pixel
            contributes to; `reach_of` computes it. The backward pass gathers over that square, because scattering is
            slower on CPUs and not deterministic on GPUs.

    >>> import jax.numpy as jnp
    >>> shift = jnp.array([[1.0, 0, 0], [0, 1, 1]])
    >>> warp(jnp.arange(3.0).reshape(1, 3, 1), shift, 0.0, (1, 3), 1)[0, :, 0]
    Array([1., 2., 0.], dtype=float32)
    """
    row, column = _apply(matrix, *_grid(size))
    top, left = jnp.floor(row), jnp.floor(column)
    down, right = (row - top)[..., None], (column - left)[..., None]
    corner = _reader(image - fill, top.astype(jnp.int32), left.astype(jnp.int32))
    upper = (1 - right) * corner(0, 0) + right * corner(0, 1)
    lower = (1 - right) * corner(1, 0) + right * corner(1, 1)
    return fill + (1 - down) * upper + down * lower


def reach_of(magnification: float) -> int:
    """The `reach` of a view that magnifies at most so much.

    A magnification by L moves two points that lie less than a pixel apart along both axes to less than L apart. For a
    similarity by `s` that turns by an angle, it is `s * (|cos| + |sin|)`.

    >>> reach_of(1.0), reach_of(1.1 * 1.16), reach_of(2.0 * 1.42)
    (1, 1, 3)
    """
    return max(1, int(magnification + 0.5))


def shift(row: float | Array, column: float | Array) -> Float[Array, "3 3"]:
    """A matrix that adds to row and column."""
    return jnp.array([[1.0, 0.0, row], [0.0, 1.0, column], [0.0, 0.0, 1.0]])


def about_centre(size: tuple[int, int], a: Array, b: Array, c: Array, d: Array) -> Float[Array, "3 3"]:
    """The matrix [[a, b], [c, d]] with its origin at the centre of an image of that size."""
    row, column = (size[0] - 1) / 2, (size[1] - 1) / 2
    return jnp.array([[a, b, row - a * row - b * column], [c, d, column - c * row - d * column], [0.0, 0.0, 1.0]])


def _forward(
    image: Array, matrix: Array, fill: Array | float, size: tuple[int, int], reach: int
) -> tuple[Array, tuple[Array, Array]]:
    # The image itself is not needed backwards, only its shape.
    return warp(image, matrix, fill, size, reach), (matrix, jnp.zeros((*image.shape[:2], 0), image.dtype))


def _backward(size: tuple[int, int], reach: int, saved: tuple[Array, Array], g: Array) -> tuple[Array, None, None]:
    del size
    matrix, like = saved
    height, width = like.shape[:2]
    row, column = _grid((height, width))
    out_row, out_column = (jnp.round(v) for v in _apply(_inverse(matrix), row, column))
    read = _reader(g, out_row.astype(jnp.int32), out_column.astype(jnp.int32))

    def add(k: int | Array, total: Array) -> Array:
        i, j = k // (2 * reach + 1) - reach, k % (2 * reach + 1) - reach
        source_row, source_column = _apply(matrix, out_row + i, out_column + j)
        weight = _triangle(source_row - row) * _triangle(source_column - column)
        return total + weight[..., None] * read(i, j)

    total, count = jnp.zeros((height, width, g.shape[2]), g.dtype), (2 * reach + 1) ** 2
    if reach > 1:
        # Written out, wide squares would take minutes to compile.
        return jax.lax.fori_loop(0, count, add, total), None, None
    for k in range(count):
        total = add(k, total)
    return total, None, None


warp.defvjp(_forward, _backward)


def _grid(size: tuple[int, int]) -> tuple[Float[Array, "h 1"], Float[Array, "1 w"]]:
    return jnp.arange(size[0], dtype=jnp.float32)[:, None], jnp.arange(size[1], dtype=jnp.float32)[None]


def _apply(matrix: Array, row: Array, column: Array) -> tuple[Array, Array]:
    values = [m[0] * row + m[1] * column + m[2] for m in matrix]
    if len(values) == 2:
        return values[0], values[1]
    # Points on the horizon go far away, not to infinity, whose products with zero would be NaN.
    depth = jnp.where(jnp.abs(values[2]) < 1e-6, 1e-6, values[2])
    return values[0] / depth, values[1] / depth


def _inverse(m: Array) -> Array:
    if len(m) == 3:
        # Cross products of the rows: the inverse up to a factor, which divides out.
        return jnp.stack([jnp.cross(m[1], m[2]), jnp.cross(m[2], m[0]), jnp.cross(m[0], m[1])], axis=1)
    determinant = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
    linear = jnp.array([[m[1, 1], -m[0, 1]], [-m[1, 0], m[0, 0]]]) / determinant
    # Written out, since GPUs round the factors of a matrix product.
    shift = -(linear[:, 0] * m[0, 2] + linear[:, 1] * m[1, 2])
    return jnp.concatenate([linear, shift[:, None]], axis=1)


def _reader(image: Array, row: Int[Array, "h w"], column: Int[Array, "h w"]):
    """A function of a row and column offset that reads `image` there, zero outside."""
    height, width = image.shape[:2]
    padded = jnp.pad(image, ((1, 1), (1, 1), (0, 0)))

    def read(i: int | Array, j: int | Array) -> Array:
        return padded[jnp.clip(row + i, -1, height) + 1, jnp.clip(column + j, -1, width) + 1]

    return read


def _triangle(x: Array) -> Array:
    return jnp.maximum(0, 1 - jnp.abs(x))
