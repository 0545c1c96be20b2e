"""General affine views, and perspective."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from featvis.transforms.base import Drawn, Geometric, Shape, Size
from featvis.transforms.draws import Draw, Values, as_draw
from featvis.transforms.turn import Number, turned
from featvis.transforms.warp import about_centre, reach_of, shift, warp


@dataclass(frozen=True)
class RandomAffine(Geometric):
    """See `random_affine`."""

    degrees: Draw
    scales: Draw
    shear: Draw
    shifts: Draw

    @property
    def magnification(self) -> float:
        """The product of what scale, shear and rotation magnify."""
        return self.scales.bounds[1] * (1 + self.shear.largest) * turned(self.degrees)

    def draw(self, key: Key[Array, ""], shape: Shape) -> tuple[Number, Number, Number, Float[Array, "2"]]:
        """Angle in radians, scale, shear, and the shift down and to the right."""
        del shape
        keys = jax.random.split(key, 4)
        angle, scale = jnp.deg2rad(self.degrees.sample(keys[0])), self.scales.sample(keys[1])
        return angle, scale, self.shear.sample(keys[2]), self.shifts.sample(keys[3], (2,))

    def matrix(
        self, draws: tuple[Number, Number, Number, Float[Array, "2"]], size: Size, out: Size
    ) -> Float[Array, "3 3"]:
        """The inverse of scaling, shearing, turning and moving, in that order."""
        del out
        angle, scale, shear, (down, right) = draws
        c, s = jnp.cos(angle) / scale, jnp.sin(angle) / scale
        # Rows (c, s), (-s, c) turn back; then a point's column loses `shear` of its row.
        linear = about_centre(size, c, s, -s - shear * c, c - shear * s)
        return _product(linear, shift(-down, -right))


@dataclass(frozen=True)
class RandomHomography(Drawn):
    """See `random_homography`."""

    affine: RandomAffine
    perspective: Draw

    def draw(self, key: Key[Array, ""], shape: Shape) -> tuple[Any, Float[Array, "2"]]:
        """What the affine part draws, and the perspective along rows and columns."""
        affine_key, key = jax.random.split(key)
        return self.affine.draw(affine_key, shape), self.perspective.sample(key, (2,))

    def act(self, image: Float[Array, "h w c"], draws: tuple[Any, Float[Array, "2"]]) -> Float[Array, "h w c"]:
        """The image, sampled once."""
        size = (image.shape[0], image.shape[1])
        affine, perspective = draws
        centre = (jnp.array(size) - 1) / 2
        # Points become (x, w), where w = 1 + slopes times x, with the origin at the centre.
        tilt = jnp.eye(3).at[2, :2].set(perspective / (jnp.array(size) / 2))
        tilt = _product(_product(shift(*centre), tilt), shift(*-centre))
        matrix = _product(self.affine.matrix(affine, size, size), tilt)
        return warp(image, matrix, 0.5, size, reach_of(self._magnification(size)))

    def _magnification(self, size: Size) -> float:
        # The tilt's inverse has the Jacobian w (1 + x q'), where w = 1 + q'x, x the output's distance from the centre
        # and q the slopes. Four pixels more than the image has, for what is sampled half outside.
        most = self.perspective.largest * (1 + 4 / min(size))
        ratio = max(size) / min(size)
        return self.affine.magnification * (1 + 2 * most) * (1 + most * (1 + ratio))


def random_affine(
    degrees: Values = 0.0, scales: Values = 1.0, shear: Values = 0.0, shifts: Values = 0.0
) -> RandomAffine:
    """Scale, shear, turn and move the content about the centre, in that order, on the same canvas.

    Args:
        degrees: counter-clockwise.
        scales: above 0.
        shear: columns to the right per row down.
        shifts: pixels down and to the right, each drawn on its own.

    Raises:
        ValueError: no numbers, or some that are out of range.

    Source: Lucid's `homography` on its branch `new-transforms`, all but the perspective.

    >>> random_affine(shear=0.1).magnification
    1.1
    """
    return RandomAffine(
        as_draw(degrees, "degrees"),
        as_draw(scales, "scales", above=0),
        as_draw(shear, "shears"),
        as_draw(shifts, "shifts"),
    )


def random_homography(
    perspective: Values, degrees: Values = 0.0, scales: Values = 1.0, shear: Values = 0.0, shifts: Values = 0.0
) -> RandomHomography:
    """`random_affine`, then seen at an angle. It is sampled on its own, outside the common view of its neighbours.

    Args:
        perspective: by how much an edge is magnified against the centre line, at most 0.45 either way; drawn for
            rows and columns on their own. 0.1 magnifies the lower edge by 1.1 and the upper one by 0.9.
        degrees, scales, shear, shifts: see `random_affine`.

    Raises:
        ValueError: no numbers, or some that are out of range.

    Source: Lucid, `homography` on its branch `new-transforms`, which at 128 pixels is about
    `random_homography(normal(0, 0.0064), normal(0, 2.5), shear=normal(0, 0.01), shifts=normal(0, 3.6))` with its
    vanishing points measured from the first pixel.

    >>> random_homography(0.1).perspective
    Choice(values=(0.1,))
    """
    tilt = as_draw(perspective, "perspectives", least=-0.45, most=0.45)
    return RandomHomography(random_affine(degrees, scales, shear, shifts), tilt)


def _product(a: Array, b: Array) -> Float[Array, "3 3"]:
    # At the default precision, GPUs would move the samples by a tenth of a pixel.
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
