"""What the experiment on families takes from the command line."""

from dataclasses import dataclass

from experiments.circuits.icons import IconOptions
from experiments.recipes.sources import SampleOptions

BATCH = 16
"""Images at a time."""


@dataclass(frozen=True)
class Config(IconOptions, SampleOptions):
    """Which layers, which families, and how many of their units."""

    layers: tuple[str, ...] = ("conv2d2", "mixed3a", "mixed3b")
    """Layers to search, in network order."""
    show: tuple[str, ...] = ("curves", "high-low frequency")
    """Families whose units are shown."""
    most: int = 12
    """Units of a family and layer that are shown, at most: the best."""
    side: int = 96
    """Side in pixels of the images of stimuli."""
    step: float = 15.0
    """Degrees between the orientations of stimuli: 45 divided by a whole number."""
    permutations: int = 1999
    """Of the tests whether weights turn with orientation."""
