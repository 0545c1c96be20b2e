"""What the microscope takes from the command line."""

from dataclasses import dataclass
from pathlib import Path

from experiments.neurons import MAIN
from experiments.recipes.sources import DataOptions


@dataclass(frozen=True)
class Config(DataOptions):
    """Which network, what is known of it already, and how much is made of what is not."""

    stores: tuple[Path, ...] = ()
    """Directories of `neurons` or `feature_vis`, finished or not, whose visualisations are shown: those that raise
    units, those that lower them, several of each. Without any, all units are drawn with few steps."""
    examples: Path | None = None
    """Directory of `examples`; by default one is made where there are photographs."""
    atlas: Path | None = None
    """Directory of `atlas`; by default one is made where there are photographs."""
    layers: tuple[str, ...] = (MAIN,)
    """The layers that are shown; `main` are the stem's convolutions and the blocks."""
    steps: int = 64
    """Steps of optimisation of units, and of the atlas' icons, that have to be drawn; 0 draws nothing."""
    size: int | None = None
    """Side of their images in pixels; by default that of the images of the training, at most 128."""
    pictured: int = 24
    """Photographs that have a page of their own."""
    group_layer: str = "mixed4d"
    """The layer of the atlas, and of the groups of units on the pages of photographs."""
    grid: int = 14
    """Rows and columns of the atlas."""
    work: Path | None = None
    """Directory for what is computed on the way; by default one of the network's below results/."""
