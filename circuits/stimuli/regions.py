"""Stimuli made of regions: a boundary between two brightnesses or colours, a centre and its surround."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import jax
from jax.scipy.special import erf
from jaxtyping import Array, Float

from circuits.stimuli.coverage import inside, length
from circuits.stimuli.lines import along
from circuits.stimuli.stimulus import Parameter, Range, Share, Stimulus, Turn


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Boundary(Stimulus):
    """A straight boundary through the middle, ink on one side and paper on the other: of brightness, or of colour.

    Attributes:
        orientation: direction from the boundary to the ink.
        blur: standard deviation of the Gaussian that blurs it, in pixels.

    >>> Boundary(ink=(1.0, 0.5, 0.0), paper=(0.0, 0.5, 1.0)).image(32).shape
    (32, 32, 3)
    """

    orientation: Turn = 0.0
    blur: Annotated[Parameter, Range(0.0, 8.0)] = 0.0

    name: ClassVar[str] = "boundary"

    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has."""
        across, _ = along(x, y, self.orientation)
        # A pixel is a box, whose variance of 1/12 adds to that of the blur.
        return 0.5 + 0.5 * erf(across / (2 * (self.blur**2 + 1 / 12)) ** 0.5)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class CenterSurround(Stimulus):
    """A disc of ink with a ring of paper around it, on a ground between the two.

    Attributes:
        radius: of the disc.
        surround: width of the ring.
        ground: how much ink the ground has, 0 to 1.

    >>> CenterSurround(radius=4.0, surround=4.0).image(32).shape
    (32, 32, 3)
    """

    radius: Annotated[Parameter, Range(2.0, 30.0)] = 8.0
    surround: Annotated[Parameter, Range(2.0, 30.0)] = 8.0
    ground: Share = 0.5

    name: ClassVar[str] = "center_surround"

    def cover(self, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
        """How much ink each pixel has."""
        disc = inside(lambda x, y: length(x, y) - self.radius, x, y)
        whole = inside(lambda x, y: length(x, y) - self.radius - self.surround, x, y)
        return disc + self.ground * (1 - whole)
