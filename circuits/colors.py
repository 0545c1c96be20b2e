"""Weights as colours: the articles' colour maps, and many small tiles as one image."""

import numpy as np
from jaxtyping import Array, Float

from circuits.labelled import CircuitWeights, Weights

RED_BLUE = {-1.0: "0571b0", -0.5: "92c5de", 0.0: "f7f7f7", 0.5: "f4a582", 1.0: "ca0020"}
"""Red for positive weights, blue for negative ones, by value."""

ORANGE_BLUE = {-1.0: "007fff", 0.0: "ffffff", 1.0: "ff7f00"}
"""The colours of *High-Low Frequency Detectors*."""


def weights_to_rgb(
    weights: Float[np.ndarray | Array, "*shape"] | CircuitWeights,
    scale: float | None = None,
    colors: dict[float, str] | None = None,
) -> Float[np.ndarray, "*shape 3"]:
    """Colours of weights, RGB in [0, 1].

    Args:
        weights: any numbers.
        scale: the weight that has the colour of 1, by default the largest. Beyond it the colours go on in the same
            direction, up to the limits of each channel.
        colors: colours by value, between which they change linearly; by default `RED_BLUE`.

    Raises:
        ValueError: weights that are not finite, a scale that is not positive.

    Source: the tiles of *Thread: Circuits*; Captum, `weights_to_heatmap_2d`.

    >>> (weights_to_rgb(np.array([-1.0, 0.0, 0.5]), scale=1.0) * 255).round().astype(int).tolist()
    [[5, 113, 176], [247, 247, 247], [244, 165, 130]]
    """
    values = np.asarray(weights, np.float64)
    if not np.isfinite(values).all():
        raise ValueError("the weights are not all finite; expected numbers")
    largest = np.abs(values).max(initial=0)
    scale = float(largest or 1) if scale is None else scale
    if not scale > 0:
        raise ValueError(f"scale is {scale}; expected a positive number")
    anchors = RED_BLUE if colors is None else colors
    at = np.array(sorted(anchors))
    channels = np.array([list(bytes.fromhex(anchors[value])) for value in at]) / 255
    values = values / scale
    first = np.clip(np.searchsorted(at, values, side="right") - 1, 0, len(at) - 2)
    share = ((values - at[first]) / (at[first + 1] - at[first]))[..., None]
    return np.clip((1 - share) * channels[first] + share * channels[first + 1], 0, 1).astype(np.float32)


def small_multiples(
    weights: Weights,
    scale: float | None = None,
    colors: dict[float, str] | None = None,
    *,
    pixels: int = 8,
    gap: int = 2,
) -> Float[np.ndarray, "height width 3"]:
    """One image of the weights between several units: a row for each unit of the upper layer, on one scale.

    Args:
        weights: `[out, in, row, column]`.
        scale: as in `weights_to_rgb`.
        colors: as in `weights_to_rgb`.
        pixels: side of one weight.
        gap: white pixels between tiles.

    Raises:
        ValueError: another shape, a side below 1, a gap below 0, and what `weights_to_rgb` refuses.

    >>> small_multiples(np.zeros((2, 3, 5, 5)), pixels=4, gap=1).shape
    (41, 62, 3)
    """
    return mosaic(weights_to_rgb(weights, scale, colors), pixels=pixels, gap=gap)


def mosaic(
    tiles: Float[np.ndarray, "rows columns h w 3"], *, pixels: int = 8, gap: int = 2
) -> Float[np.ndarray, "height width 3"]:
    """One image of tiles that are colours already, such as those of `spatial_rgb`, on white.

    Args:
        tiles: RGB in [0, 1].
        pixels: side of one position.
        gap: white pixels between tiles.

    Raises:
        ValueError: another shape, a side below 1, a gap below 0.

    >>> mosaic(np.zeros((1, 2, 1, 1, 3)), pixels=1, gap=1)[0, :, 0]
    array([0., 1., 0.], dtype=float32)
    """
    if tiles.ndim != 5 or tiles.shape[-1] != 3 or not tiles.size:
        raise ValueError(f"tiles have shape {tiles.shape}; expected [rows, columns, height, width, 3]")
    if pixels < 1 or gap < 0:
        raise ValueError(f"pixels is {pixels} and gap is {gap}; expected at least 1 and at least 0")
    large = np.asarray(tiles, np.float32).repeat(pixels, 2).repeat(pixels, 3)
    spaced = np.pad(large, ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0)), constant_values=1)
    rows, columns, height, width, _ = spaced.shape
    image = spaced.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3)
    return image[: image.shape[0] - gap, : image.shape[1] - gap]
