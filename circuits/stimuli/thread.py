"""The curves that *Thread: Circuits* measured radial tuning with, pixel by pixel."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.stimuli.coverage import length
from circuits.stimuli.lines import along
from circuits.stimuli.stimulus import Parameter, Range, Stimulus, Turn

_HALF_WIDTH = 1.5
"""Of the published line, whose ink falls off evenly from its middle, in pixels."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class ThreadCurve(Stimulus):
    """The article's curve: a circle through the middle, whose ink is `1 - distance / 1.5` where that is positive.

    It is sampled in the middles of the pixels, as the published raster is: a triangular profile needs nothing else.

    Attributes:
        orientation: direction in which it bulges, phi of the published tuning data. The article's figures of stimuli
            count their theta from curves that bulge to the left: theta is phi - 180.
        radius: of the circle.

    Source: measured on the published sheet of stimuli of *Curve Circuits* (Distill, 2021), whose cells show 100 degrees
    of the circle to either side. How large the images were that the network saw is not published.

    >>> ThreadCurve(orientation=180.0, radius=57.4).image(60)[30, 28:33, 0].round(1)
    Array([1. , 0.7, 0. , 0.7, 1. ], dtype=float32)
    """

    orientation: Turn = 0.0
    radius: Annotated[Parameter, Range(11.0, 290.0)] = 60.0

    name: ClassVar[str] = "thread_curve"

    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has."""
        u, v = along(x, y, self.orientation)
        distance = jnp.abs(length(u + self.radius, v) - self.radius)
        return jnp.maximum(0.0, 1 - distance / _HALF_WIDTH)


def thread_orientations() -> Float[np.ndarray, " orientations"]:
    """The 720 orientations of the article, half a degree apart, in degrees.

    >>> thread_orientations()[[0, 1, -1]]
    array([  0. ,   0.5, 359.5])
    """
    return np.arange(720) / 2


def thread_radii() -> Float[np.ndarray, " radii"]:
    """The 80 radii of the article in pixels, from 286.8 downwards, a fifth every 40.

    Source: circle fits to the published stimuli, good to one per cent.

    >>> thread_radii()[[0, 40, 79]].round(2)
    array([286.8 ,  57.36,  11.94])
    """
    return 286.8 * 5 ** (-np.arange(80) / 40)
