"""Caricatures: what each layer makes of a photograph, exaggerated, and what it can still tell of it.

- Command: python -m experiments caricature --image ../shared/data/imagenet-samples.zip --number 323
- Time: 5 minutes on one CPU core with bvlc_googlenet and --steps 160
- Expect: for each layer a caricature, in which what the layer sees in the photograph is exaggerated, and an inversion,
  an image that the layer can hardly tell from the photograph. Early layers keep everything; the deeper the layer, the
  less is left of places and the more of things. After Lucid's recipe and Mahendran and Vedaldi 2015
- Resume: Ctrl-C keeps the row that is done, the same command goes on from there
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import inception_jax
from experiments import figures
from experiments.figures import Figures, finished
from experiments.recipes.drawing import DrawingOptions, row, side
from experiments.recipes.sources import PhotographOptions, photograph
from featvis import recipes
from featvis.recipes.caricature import Start


@dataclass(frozen=True)
class Config(PhotographOptions, DrawingOptions):
    """Which photograph and layers, and how closely the images keep to it."""

    layers: tuple[str, ...] = ("conv2d0", "conv2d2", "mixed3a", "mixed3b", "mixed4a", "mixed4c", "mixed4e", "mixed5b")
    """Layers, of those that `python -m inception_jax summary` shows."""
    cossim_pow: float = 0.0
    """How much the angle counts in caricatures; the more, the closer they keep to the photograph."""
    start: Start = "noise"
    """What images begin with."""


def run(config: Config) -> int:
    """Draw both rows, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "What layers make of one photograph. Caricatures exaggerate what a layer sees, inversions are as near to the "
        "photograph as the layer can tell."
    )

    def draw(page: Figures, model: inception_jax.Model) -> None:
        image, name = photograph(config.image, config.number, side(config, model))
        options: dict[str, Any] = {"steps": config.steps, "seed": config.seed, "start": config.start}
        layers = list(config.layers)

        def piece(make: Callable[..., recipes.Caricatures], **more: Any) -> Callable[[], dict[str, np.ndarray]]:
            def made() -> dict[str, np.ndarray]:
                found = make(model, image, config.layers, **options, **more)
                return finished(found.result) | {"images": found.images, "scores": found.scores}

            return made

        page.figure("photograph", row([image]), f"{name.capitalize()}.", alt=name)
        exaggerated = page.kept("caricature", piece(recipes.caricature, cossim_pow=config.cossim_pow))
        page.section("Caricatures")
        text = "What each layer sees in it, exaggerated: the largest dot product with its activations."
        page.figure("caricature", row(exaggerated["images"]), text, alt=f"{len(layers)} images", rows=[layers])
        inverted = page.kept("inversion", piece(recipes.feature_inversion))
        page.section("Inversions")
        left = [f"{-score:.1%}" for score in inverted["scores"].tolist()]
        text = (
            "What each layer can tell of it: the smallest distance to its activations. The percentage is the squared "
            "distance that is left, of the squared length of the activations."
        )
        page.figure("inversion", row(inverted["images"]), text, alt=f"{len(layers)} images", rows=[layers, left])

    return figures.run("caricature", config, "Caricatures of a photograph", lede, draw)
