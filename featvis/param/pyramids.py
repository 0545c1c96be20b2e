"""Smooth images, and sums of images of several resolutions."""

from collections.abc import Iterable

from featvis import color
from featvis.color import Colors
from featvis.param.base import Size, check_count, sides
from featvis.param.fields import Field, LowRes, Pixels, Sum
from featvis.param.images import Image, paint
from featvis.param.squash import Squash


def lowres(
    size: Size,
    underlying: Size,
    *,
    sd: float = 0.01,
    offset: int | tuple[int, int] = 0,
    colors: Colors | None = color.IMAGENET,
    squash: Squash = "sigmoid",
    alpha: bool = False,
) -> Image:
    """A smooth image: a smaller one, enlarged bilinearly.

    Args:
        size: side in pixels, or (height, width).
        underlying: size of the smaller image, at most `size`. The corner pixels of both lie on each other.
        sd: standard deviation of the initial parameters.
        offset: pixels by which the content is moved down and to the right, like a phase; at most `size`. What comes in
            at the edges is a mirror image.
        colors: as in `image`; None for none.
        squash: as in `image`.
        alpha: as in `image`.

    Raises:
        ValueError: a size or offset out of range.

    Source: Lucid, `lowres_tensor`, which rounds the grid's lower right corner off; Lucent's has it as here.

    >>> import jax
    >>> lowres(32, 4).field.init(jax.random.key(0)).shape
    (4, 4, 3)
    """
    (height, width), (low, narrow) = sides(size), sides(underlying)
    down, right = offset if isinstance(offset, tuple) else (offset, offset)
    if low > height or narrow > width:
        raise ValueError(f"underlying is {underlying}, larger than the image, {height}x{width}; expected at most that")
    moves = check_count("offset", down, 0, height), check_count("offset", right, 0, width)
    return paint(lambda shape: LowRes(shape, (low, narrow), float(sd), moves), size, colors, squash, alpha)


def laplacian(
    size: Size = 128,
    levels: int = 4,
    *,
    sd: float = 0.01,
    colors: Colors | None = color.IMAGENET,
    squash: Squash = "sigmoid",
    alpha: bool = False,
) -> Image:
    """The sum of images of the full size, half of it, a quarter, and so on, enlarged bilinearly.

    Args:
        size: side in pixels, or (height, width).
        levels: number of images; `2 ** (levels - 1)` is at most the shorter side.
        sd: standard deviation of the initial parameters.
        colors: as in `image`; None for none.
        squash: as in `image`.
        alpha: as in `image`.

    Raises:
        ValueError: a size or number of levels out of range.

    Source: Lucid, `laplacian_pyramid_image`; Captum, `LaplacianImage`, which repeats pixels instead.

    >>> import jax
    >>> [params.shape[:2] for params in laplacian(32, 3).init(jax.random.key(0))]
    [(8, 8), (16, 16), (32, 32)]
    """
    most = min(sides(size)).bit_length()
    check_count("levels", levels, 1, most)
    return paint(lambda shape: pyramid(shape, range(levels), sd), size, colors, squash, alpha)


def pyramid(shape: tuple[int, int, int], octaves: Iterable[int], sd: float) -> Sum:
    """The sum of grids at `1 / 2 ** octave` of the resolution, at least one pixel a side, the coarsest first."""
    height, width, _ = shape

    def grid(octave: int) -> Field:
        low = max(1, height >> octave), max(1, width >> octave)
        return LowRes(shape, low, float(sd)) if octave else Pixels(shape, float(sd))

    return Sum(tuple(grid(octave) for octave in sorted(octaves, reverse=True)))
