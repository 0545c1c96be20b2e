"""Measures of images and vectors by which the articles on feature visualisation are judged."""

import numpy as np
from jaxtyping import Float


def high_share(images: Float[np.ndarray, "n h w _"]) -> Float[np.ndarray, " n"]:
    """Share of an image's energy, its mean left out, in frequencies above a quarter of a cycle per pixel.

    >>> high_share(np.indices((8, 8)).sum(0)[None, ..., None] % 2.0)  # A chequered floor.
    array([1.])
    """
    power = np.abs(np.fft.fft2(np.asarray(images, np.float64), axes=(1, 2))) ** 2
    power[:, 0, 0] = 0
    down, across = (np.fft.fftfreq(side) for side in images.shape[1:3])
    high = np.hypot(down[:, None], across) > 0.25
    return power[:, high].sum((1, 2)) / np.maximum(power.sum((1, 2, 3)), 1e-12)


def likeness(
    seen: Float[np.ndarray, "n units"], wanted: Float[np.ndarray, "n units"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Cosine of each vector with the one that was wanted, and the mean of those with all others.

    >>> [values.tolist() for values in likeness(np.eye(3), np.eye(3))]
    [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """
    lengths = [np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12) for rows in (seen, wanted)]
    cosines = (seen / lengths[0]) @ (wanted / lengths[1]).T
    own = np.diag(cosines)
    return own, (cosines.sum(1) - own) / max(len(own) - 1, 1)


def smaller(image: Float[np.ndarray, "h w c"], side: int) -> Float[np.ndarray, "{side} {side} c"]:
    """An image made smaller by averaging.

    >>> smaller(np.arange(4.0).reshape(2, 2, 1), 1).ravel()
    array([1.5])
    """
    factor = image.shape[0] // side
    return image.reshape(side, factor, side, factor, -1).mean((1, 3))


def correlation(one: Float[np.ndarray, "*shape"], other: Float[np.ndarray, "*shape"]) -> float:
    """Pearson's correlation of two arrays of one shape; 0 where one of them is constant.

    >>> correlation(np.arange(4.0), 7 - 2 * np.arange(4.0)), correlation(np.ones(3), np.arange(3.0))
    (-1.0, 0.0)
    """
    a, b = (np.ravel(values).astype(np.float64) for values in (one, other))
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return round(float(a @ b) / size, 12) if size > 0 else 0.0


def inside(values: Float[np.ndarray, "n h w"]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Means over the middle quarter of maps, and over the rest.

    >>> [means.tolist() for means in inside(np.pad(np.ones((1, 2, 2)), ((0, 0), (1, 1), (1, 1))))]
    [[1.0], [0.0]]
    """
    _, height, width = values.shape
    mask = np.zeros((height, width), bool)
    mask[height // 4 : height - height // 4, width // 4 : width - width // 4] = True
    return values[:, mask].mean(1), values[:, ~mask].mean(1)


def on_chequers(image: Float[np.ndarray, "h w 4"], square: int = 8) -> Float[np.ndarray, "h w 3"]:
    """An image with opacity on a floor of light and dark squares.

    >>> on_chequers(np.zeros((16, 16, 4)))[::8, ::8, 0].round(2).tolist()
    [[0.6, 0.9], [0.9, 0.6]]
    """
    floor = 0.6 + 0.3 * ((np.indices(image.shape[:2]) // square).sum(0) % 2)[..., None]
    return image[..., 3:] * image[..., :3] + (1 - image[..., 3:]) * floor
