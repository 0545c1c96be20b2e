"""Joint tuning: data-set examples turned around, and what all units of a layer answer to them."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num

from circuits.tuning.curves import peak
from circuits.tuning.grid import Tuning
from circuits.tuning.sweep import At, Network, sweep


def rotated(
    images: Float[Array | np.ndarray, "n h w c"], angles: Num[Array | np.ndarray, " n"]
) -> Float[Array, "n h w c"]:
    """Images turned clockwise about their middles, each by its own angle.

    Between pixels they are cubic (Catmull-Rom), which blurs little, so that an image is about as sharp at all angles;
    turns by 90 degrees move square images' pixels and nothing else. Beyond their borders images are mirrored.

    Args:
        images: in [0, 1], in which results stay.
        angles: degrees, clockwise, in the direction in which orientations of stimuli are counted.

    Raises:
        ValueError: as many angles as there are images not.

    Source: Keys, *Cubic convolution interpolation for digital image processing*, 1981.

    >>> image = jnp.array([[0.0, 1.0], [0.0, 0.0]])[None, ..., None]
    >>> rotated(image, jnp.array([90.0]))[0, ..., 0].round(3)
    Array([[0., 0.],
           [0., 1.]], dtype=float32)
    """
    if len(images) != len(angles):
        raise ValueError(f"there are {len(angles)} angles for {len(images)} images; expected one for each")
    return _all_turned(jnp.asarray(images), jnp.deg2rad(jnp.asarray(angles)))


def joint_tuning(
    model: Network,
    layer: str,
    images: Float[Array | np.ndarray, "n h w 3"],
    angles: Num[np.ndarray, " angles"],
    *,
    at: At = "middle",
    batch: int | None = None,
) -> Tuning:
    """Responses of all units of a layer to photographs that are turned around: axes `example` and `angle`.

    Args:
        model: any function from images to named activations.
        layer: a layer's name.
        images: photographs that a unit responds to, with what it responds to in the middle. Corners that turn in are
            mirrored; let images be larger than the units' receptive fields by half.
        angles: by which they are turned, in degrees, clockwise.
        at: as in `responses`.
        batch: as in `responses`.

    Raises:
        ValueError: no images or angles, layers that the model does not have, a position outside the map.

    Source: *Curve Detectors* (Distill, 2020): 0 to 359 degrees, the strongest data-set examples of each unit.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((2, 48, 48, 3), np.float32)
    >>> found = joint_tuning(model, "mixed3a", photos, np.arange(0.0, 360.0, 90.0))
    >>> found, aligned(found, int(found.values.max((0, 1)).argmax()))
    (<tuning of mixed3a: example 2, angle 4, 16 units>, <tuning of mixed3a: angle 4, 16 units>)
    """
    if not len(images) or not len(angles):
        raise ValueError(f"there are {len(images)} images and {len(angles)} angles; expected one or more of both")
    turns = np.asarray(angles, float)
    pictures = _Turns(jnp.asarray(images, jnp.float32), jnp.asarray(turns, jnp.float32))
    values = sweep(model, layer, pictures, len(images) * len(turns), at, batch)[layer]
    axes = {"example": np.arange(len(images), dtype=float), "angle": turns}
    return Tuning(layer, axes, values.reshape(len(images), len(turns), -1))


def aligned(tuning: Tuning, unit: int) -> Tuning:
    """Joint tuning with each example turned so that a unit's largest response comes at angle zero; mean of examples.

    What other units do then shows how much further the example must be turned for them: their orientation relative to
    the unit's.

    Args:
        tuning: made by `joint_tuning`, with angles that go around evenly, once, from zero.
        unit: the reference, by number.

    Raises:
        ValueError: other axes or angles, a unit that there is not, one that responds to no example.

    Source: *Curve Detectors* (Distill, 2020), "joint tuning".

    >>> values = np.array([[[0.0], [3.0], [1.0], [0.0]], [[2.0], [0.0], [0.0], [0.0]]])
    >>> axes = {"example": np.arange(2.0), "angle": np.arange(0.0, 360.0, 90.0)}
    >>> aligned(Tuning("a", axes, values), 0).values[:, 0]
    array([2.5, 0.5, 0. , 0. ])
    """
    if list(tuning.axes) != ["example", "angle"]:
        raise ValueError(f"the axes are {', '.join(tuning.axes) or 'none'}; expected example and angle")
    angles, units = tuning.axes["angle"], tuning.values.shape[-1]
    if not np.allclose(angles, np.arange(len(angles)) * 360 / len(angles)):
        raise ValueError(f"angles go from {angles[0]:g} to {angles[-1]:g}; expected even steps around, from zero")
    if not 0 <= unit < units:
        raise ValueError(f"unit is {unit}; expected 0 to {units - 1}")
    peaks = peak(tuning.values[..., unit].T, angles)
    if np.isnan(peaks).all():
        raise ValueError(f"unit {unit} responds to no example; expected one that it responds to")
    shifts = np.round(peaks[~np.isnan(peaks)] / 360 * len(angles)).astype(int)
    turned = [np.roll(each, -shift, 0) for each, shift in zip(tuning.values[~np.isnan(peaks)], shifts, strict=True)]
    return Tuning(tuning.layer, {"angle": angles}, np.mean(turned, 0))


@partial(jax.tree_util.register_dataclass, data_fields=["images", "angles"], meta_fields=[])
@dataclass(frozen=True, eq=False)
class _Turns:
    images: Any
    angles: Any

    def __call__(self, numbers: Int[Array, " n"]) -> Float[Array, "n h w 3"]:
        example, turn = jnp.unravel_index(numbers, (len(self.images), len(self.angles)))
        return rotated(self.images[example], self.angles[turn])


@jax.jit
def _all_turned(images: Float[Array, "n h w c"], angles: Float[Array, " n"]) -> Float[Array, "n h w c"]:
    return jax.vmap(_turned)(images, angles)


def _turned(image: Float[Array, "h w c"], angle: Float[Array, ""]) -> Float[Array, "h w c"]:
    height, width = image.shape[:2]
    middle = (height - 1) / 2, (width - 1) / 2
    y, x = jnp.meshgrid(jnp.arange(height) - middle[0], jnp.arange(width) - middle[1], indexing="ij")
    c, s = jnp.cos(angle), jnp.sin(angle)
    # Where each pixel comes from. Quarter turns are whole numbers but for rounding.
    rows, columns = (_settled(at) for at in (c * y - s * x + middle[0], c * x + s * y + middle[1]))
    total = jnp.zeros_like(image)
    for row, by in _taps(rows):
        for column, weight in _taps(columns):
            total += (by * weight)[..., None] * image[_mirrored(row, height), _mirrored(column, width)]
    return jnp.clip(total, 0.0, 1.0)


def _settled(place: Array) -> Array:
    return jnp.where(jnp.abs(place - jnp.round(place)) < 1e-4, jnp.round(place), place)


def _taps(place: Array) -> list[tuple[Array, Array]]:
    """The four pixels around a place along an axis, and their weights."""
    first = jnp.floor(place)
    t = place - first
    weights = (
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    )
    return [(first.astype(int) + offset, weight) for offset, weight in enumerate(weights, -1)]


def _mirrored(number: Array, count: int) -> Array:
    around = number % max(2 * count - 2, 1)
    return jnp.minimum(around, max(2 * count - 2, 1) - around) if count > 1 else jnp.zeros_like(number)
