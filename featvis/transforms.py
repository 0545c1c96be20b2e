"""Transformations that an image must survive while it is optimised.

A transform is a hashable value. The geometric ones (`pad`, `jitter`, `random_scale`, `random_rotate`,
`crop_or_pad_to`) describe a view of the plane on which the image lies; neighbouring ones are composed into one affine
view, which is sampled once. Any function `(key, image) -> image` with a static output shape is a transform too.

Shapes are static: where Lucid's `random_scale` changes the size of the image from step to step, ours keeps the canvas
and scales its content about the centre, so nothing recompiles.
"""

import abc
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from featvis.warp import reach_of, warp

Size = tuple[int, int]
ImageTransform = Callable[[Key[Array, ""], Float[Array, "h w c"]], Float[Array, "h2 w2 c"]]


class Geometric(abc.ABC):
    """A random similarity of the plane. Subclasses give the output's size and a matrix to input pixel indices."""

    def size(self, size: Size, original: Size) -> Size:
        """Size of the output, from the input's and that of the image before all transforms."""
        del original
        return size

    @abc.abstractmethod
    def matrix(self, key: Key[Array, ""], size: Size, out: Size) -> Float[Array, "3 3"]:
        """Draw the map from output pixel indices (row, column, 1) to input pixel indices."""

    @property
    def stretch(self) -> tuple[float, float]:
        """Largest magnification and largest angle in radians."""
        return 1.0, 0.0


@dataclass(frozen=True)
class Pad(Geometric):
    """See `pad`."""

    width: int
    value: float

    def size(self, size: Size, original: Size) -> Size:
        """Larger by the padding."""
        del original
        return size[0] + 2 * self.width, size[1] + 2 * self.width

    def matrix(self, key: Key[Array, ""], size: Size, out: Size) -> Float[Array, "3 3"]:
        """A shift."""
        del key, size, out
        return _shift(-self.width, -self.width)


@dataclass(frozen=True)
class Jitter(Geometric):
    """See `jitter`."""

    pixels: int

    def size(self, size: Size, original: Size) -> Size:
        """Smaller by the jitter."""
        del original
        return size[0] - self.pixels, size[1] - self.pixels

    def matrix(self, key: Key[Array, ""], size: Size, out: Size) -> Float[Array, "3 3"]:
        """A whole number of pixels along each axis."""
        del size, out
        row, column = jax.random.randint(key, (2,), 0, self.pixels + 1).astype(jnp.float32)
        return _shift(row, column)


@dataclass(frozen=True)
class RandomScale(Geometric):
    """See `random_scale`."""

    scales: tuple[float, ...]

    def matrix(self, key: Key[Array, ""], size: Size, out: Size) -> Float[Array, "3 3"]:
        """Scaling about the centre."""
        del out
        inverse = 1 / jax.random.choice(key, jnp.asarray(self.scales, jnp.float32))
        return _about_centre(size, inverse, jnp.zeros_like(inverse))

    @property
    def stretch(self) -> tuple[float, float]:
        """Largest scale."""
        return max(self.scales), 0.0


@dataclass(frozen=True)
class RandomRotate(Geometric):
    """See `random_rotate`."""

    degrees: tuple[float, ...]

    def matrix(self, key: Key[Array, ""], size: Size, out: Size) -> Float[Array, "3 3"]:
        """Rotation about the centre."""
        del out
        angle = jax.random.choice(key, jnp.deg2rad(jnp.asarray(self.degrees, jnp.float32)))
        return _about_centre(size, jnp.cos(angle), jnp.sin(angle))

    @property
    def stretch(self) -> tuple[float, float]:
        """Largest angle."""
        return 1.0, math.radians(max(abs(d) for d in self.degrees))


@dataclass(frozen=True)
class CropOrPadTo(Geometric):
    """See `crop_or_pad_to`."""

    target: Size | None

    def size(self, size: Size, original: Size) -> Size:
        """The target size."""
        del size
        return self.target or original

    def matrix(self, key: Key[Array, ""], size: Size, out: Size) -> Float[Array, "3 3"]:
        """A shift that keeps the centre."""
        del key
        return _shift((size[0] - out[0]) // 2, (size[1] - out[1]) // 2)


Transform = Geometric | ImageTransform


def pad(width: int, value: float = 0.5) -> Pad:
    """Add `width` pixels of `value` on each side. `value` also fills the plane beyond.

    Raises:
        ValueError: a negative width.

    >>> pad(2)
    Pad(width=2, value=0.5)
    """
    if width < 0:
        raise ValueError(f"pad width is {width}; expected 0 or more pixels")
    return Pad(int(width), float(value))


def jitter(pixels: int) -> Jitter:
    """Crop `pixels` rows and columns at a random whole offset, so the output is that much smaller.

    Raises:
        ValueError: a negative number.

    >>> output_size([jitter(8)], (128, 128))
    (120, 120)
    """
    if pixels < 0:
        raise ValueError(f"jitter is {pixels}; expected 0 or more pixels")
    return Jitter(int(pixels))


def random_scale(scales: Iterable[float]) -> RandomScale:
    """Scale the content about the centre by one of `scales`, drawn uniformly, on the same canvas.

    Raises:
        ValueError: no scale, or one that is not above 0.

    >>> random_scale([0.9, 1, 1.1])
    RandomScale(scales=(0.9, 1.0, 1.1))
    """
    values = tuple(float(s) for s in scales)
    if not values or min(values) <= 0:
        raise ValueError(f"scales are {values}; expected at least one, all above 0")
    return RandomScale(values)


def random_rotate(degrees: Iterable[float]) -> RandomRotate:
    """Rotate the content counter-clockwise about the centre by one of `degrees`, drawn uniformly, on the same canvas.

    Raises:
        ValueError: no angle.

    >>> random_rotate(range(-5, 6, 5))
    RandomRotate(degrees=(-5.0, 0.0, 5.0))
    """
    values = tuple(float(d) for d in degrees)
    if not values:
        raise ValueError("degrees is empty; expected at least one angle")
    return RandomRotate(values)


def crop_or_pad_to(height: int | None = None, width: int | None = None) -> CropOrPadTo:
    """Crop or pad about the centre to a size in pixels, by default to that of the image before all transforms.

    Raises:
        ValueError: a side below 1.

    >>> output_size([pad(12), crop_or_pad_to(100)], (128, 128)), output_size([pad(12), crop_or_pad_to()], (128, 128))
    ((100, 100), (128, 128))
    """
    if height is None:
        return CropOrPadTo(None)
    target = (height, height if width is None else width)
    if min(target) < 1:
        raise ValueError(f"target size is {target}; expected at least 1 pixel a side")
    return CropOrPadTo(target)


LUCID = (
    pad(12),
    jitter(8),
    random_scale(1 + (i - 5) / 50 for i in range(11)),
    random_rotate([*range(-10, 11), 0, 0, 0, 0, 0]),
    jitter(4),
    crop_or_pad_to(),
)
"""Lucid's `standard_transforms` on a canvas of the image's own size. Rotation is bilinear and the plane outside the
image grey, where Lucid rotates to the nearest pixel and fills corners with black."""


def output_size(transforms: Sequence[Transform], size: Size) -> Size:
    """Size of the image after `transforms`, for checks before anything is compiled.

    Raises:
        ValueError: a transform leaves nothing of the image.

    >>> output_size(LUCID, (128, 128)), output_size([pad(12), jitter(8)], (128, 128))
    ((128, 128), (144, 144))
    """
    original = size
    for transform in transforms:
        if isinstance(transform, Geometric):
            size = transform.size(size, original)
        else:
            spec = jax.ShapeDtypeStruct((*size, 3), jnp.float32)
            size = jax.eval_shape(transform, jax.eval_shape(lambda: jax.random.key(0)), spec).shape[:2]
        if min(size) < 1:
            raise ValueError(f"{transform} leaves an image of {size[0]}x{size[1]} pixels; give a larger image")
    return size


def apply(
    transforms: Sequence[Transform], key: Key[Array, ""], image: Float[Array, "h w c"]
) -> Float[Array, "h2 w2 c"]:
    """Draw `transforms` with `key` and apply them to one image, in order.

    >>> import jax, jax.numpy as jnp
    >>> apply(LUCID, jax.random.key(0), jnp.zeros((64, 64, 3))).shape
    (64, 64, 3)
    """
    original: Size = (image.shape[0], image.shape[1])
    view, size, cropped = list[tuple[Geometric, Key[Array, ""]]](), original, False
    for transform, subkey in zip(transforms, jax.random.split(key, max(1, len(transforms))), strict=False):
        if not isinstance(transform, Geometric):
            image, view, cropped = transform(subkey, _sample(view, image, original)), [], False
            size = (image.shape[0], image.shape[1])
            continue
        out = transform.size(size, original)
        # One plane has one colour, and what was cropped must not come back: both ask for a second sampling.
        fills = {t.value for t in (transform, *(t for t, _ in view)) if isinstance(t, Pad)}
        if len(fills) > 1 or (cropped and max(out[0] - size[0], out[1] - size[1]) > 0):
            image, view, cropped = _sample(view, image, original), [], False
        view.append((transform, subkey))
        cropped, size = cropped or min(out[0] - size[0], out[1] - size[1]) < 0, out
    return _sample(view, image, original)


def _sample(view: list[tuple[Geometric, Key[Array, ""]]], image: Array, original: Size) -> Array:
    if not view:
        return image
    size: Size = (image.shape[0], image.shape[1])
    matrix, fill, scale, angle = jnp.eye(3), 0.5, 1.0, 0.0
    for transform, key in view:
        out = transform.size(size, original)
        # At the default precision, GPUs would move the samples by a tenth of a pixel.
        matrix = jnp.matmul(matrix, transform.matrix(key, size, out), precision=jax.lax.Precision.HIGHEST)
        fill = transform.value if isinstance(transform, Pad) else fill
        scale, angle = scale * transform.stretch[0], angle + transform.stretch[1]
        size = out
    angle = min(angle, math.pi / 4)
    return warp(image, matrix.astype(jnp.float32), size, fill, reach_of(scale, math.cos(angle) + math.sin(angle)))


def _shift(row: float | Array, column: float | Array) -> Float[Array, "3 3"]:
    return jnp.array([[1.0, 0.0, row], [0.0, 1.0, column], [0.0, 0.0, 1.0]])


def _about_centre(size: Size, cos: Array, sin: Array) -> Float[Array, "3 3"]:
    row, column = (size[0] - 1) / 2, (size[1] - 1) / 2
    return jnp.array(
        [
            [cos, sin, row - cos * row - sin * column],
            [-sin, cos, column + sin * row - cos * column],
            [0.0, 0.0, 1.0],
        ]
    )
