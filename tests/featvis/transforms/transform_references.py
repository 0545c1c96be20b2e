"""What transforms do to an image, given what they draw: in NumPy, in float64, pixel by pixel."""

import functools
import math

import jax
import numpy as np

from featvis import transforms

_apply = functools.partial(jax.jit, static_argnums=0)(transforms.apply)


def apply(chain, key, image):
    """`transforms.apply`, compiled: the test run keeps compiled programs."""
    return _apply(tuple(chain), key, image)


def picture(height=20, width=24, channels=3, seed=0):
    return np.random.default_rng(seed).random((height, width, channels)).astype(np.float32)


def bilinear(image, row, column, fill):
    """Value of the plane at (row, column): `image` on a ground of `fill`."""
    top, left = math.floor(row), math.floor(column)
    total = np.zeros(image.shape[2])
    for r in (top, top + 1):
        for c in (left, left + 1):
            weight = (1 - abs(row - r)) * (1 - abs(column - c))
            inside = 0 <= r < image.shape[0] and 0 <= c < image.shape[1]
            total += weight * (image[r, c] if inside else np.full(image.shape[2], fill))
    return total


def view(image, size, to_input, fill=0.5):
    return np.array([[bilinear(image, *to_input(r, c), fill) for c in range(size[1])] for r in range(size[0])])


def turned(y, x, angle):
    """Where a point comes from that was turned counter-clockwise, on a screen whose rows go down."""
    return y * math.cos(angle) + x * math.sin(angle), x * math.cos(angle) - y * math.sin(angle)


def centred(image, to_input):
    """A view of the same size, in coordinates whose origin is the image's centre."""
    row, column = (image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2

    def to_pixels(r, c):
        y, x = to_input(r - row, c - column)
        return y + row, x + column

    return view(image, image.shape[:2], to_pixels)


def crop(image, size, offset):
    top, left = (round(float(v)) for v in offset)
    return image[top : top + size[0], left : left + size[1]]


def crop_or_pad(image, size, fill=0.5):
    big = np.pad(image, ((size[0], size[0]), (size[1], size[1]), (0, 0)), constant_values=fill)
    return crop(big, size, ((big.shape[0] - size[0]) // 2, (big.shape[1] - size[1]) // 2))


def affine(y, x, draws):
    """Where a point comes from that was scaled, sheared, turned and moved."""
    angle, scale, shear, (down, right) = draws
    y, x = turned(y - down, x - right, angle)
    return y / scale, (x - shear * y) / scale


def homography(image, draws):
    """As `affine`, seen at an angle."""
    draws, perspective = draws
    slopes = np.asarray(perspective) / (np.array(image.shape[:2]) / 2)

    def to_input(y, x):
        depth = 1 + slopes @ [y, x]
        return affine(y / depth, x / depth, draws)

    return centred(image, to_input)


def box(image, size, corner, sides):
    """A box, in pixels measured from the image's upper left corner, resized: a triangle as wide as the larger pixel."""

    def weights(count, out, start, side):
        step, result = side / out, np.zeros((out, count))
        for i in range(out):
            centre = start + (i + 0.5) * step
            for j in range(count):
                result[i, j] = max(0, 1 - abs(centre - (j + 0.5)) / max(1, step))
        return result / result.sum(1, keepdims=True)

    rows = weights(image.shape[0], size[0], corner[0], sides[0])
    columns = weights(image.shape[1], size[1], corner[1], sides[1])
    return np.einsum("ij,kl,jlc->ikc", rows, columns, image)


def box_crop(image, size, draws):
    side, corner = float(draws[0]), np.asarray(draws[1])
    sides = np.array(image.shape[:2])
    return box(image, size, corner * sides, side * sides)


def blur(image, sigma):
    result, (height, width, _) = np.zeros(image.shape), image.shape
    for r in range(height):
        for c in range(width):
            y, x = np.arange(height) - r, np.arange(width) - c
            kernel = np.exp(-(y[:, None] ** 2 + x**2) / (2 * float(sigma) ** 2))
            result[r, c] = (kernel[..., None] * image).sum((0, 1)) / kernel.sum()
    return result


def colours(image, draws):
    """Brightness, contrast, then saturation and hue as length and angle of a complex number."""
    brightness, contrast, saturation, angle = (float(v) for v in draws)
    opacity, rgb = image[..., 3:], image[..., :3] * brightness
    mean = rgb.mean((0, 1))
    rgb = mean + contrast * (rgb - mean)
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
    yiq = rgb @ to_yiq.T
    chroma = (yiq[..., 1] + 1j * yiq[..., 2]) * saturation * np.exp(1j * angle)
    yiq = np.stack([yiq[..., 0], chroma.real, chroma.imag], axis=-1)
    return np.concatenate([np.linalg.solve(to_yiq, yiq[..., None])[..., 0], opacity], axis=-1)


def blend(image, background):
    return image[..., 3:] * image[..., :3] + (1 - image[..., 3:]) * np.asarray(background)
