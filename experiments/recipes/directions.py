"""Directions of a layer: what lies along single units, pairs of them, random directions, and factors of photographs.

- Command: python -m experiments directions
- Time: two minutes on one CPU core with bvlc_googlenet, --steps 96 and --photographs 200
- Expect: units are often easier to name than random directions, which show mixtures; pairs show both units, or
  something new; after Olah et al. 2017, "Feature Visualization". With --images, the directions that the activations of
  photographs are made of, by NMF and by PCA
- Resume: Ctrl-C keeps the rows that are done, the same command goes on from there
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import featvis
import inception_jax
from experiments import figures
from experiments.figures import Figures, finished
from experiments.options import UsageError, usage_errors
from experiments.recipes.drawing import DrawingOptions, row, side
from experiments.recipes.sources import SampleOptions, sample
from featvis import recipes
from featvis.recipes import layer_activations
from inception_jax.model import check_layer

PIXELS = 10_000
"""Positions of photographs, at most, that factors are made from."""


@dataclass(frozen=True)
class Config(SampleOptions, DrawingOptions):
    """Which layer, and how many directions of each kind."""

    layer: str = "mixed4b"
    """The layer, of those that `python -m inception_jax summary` shows."""
    count: int = 6
    """Directions of each kind."""
    photographs: int = 200
    """Photographs to take of it, at most."""
    cossim_pow: float = 0.0
    """How much the angle counts; 0 draws whatever lies far along the direction."""


def run(config: Config) -> int:
    """Draw a row for each kind of direction, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        f"A layer's activations are vectors with a number for each unit. Here is what {config.layer} sees along "
        "some directions of their space, each by an image optimised for it."
    )

    def draw(page: Figures, model: inception_jax.Model) -> None:
        with usage_errors():
            check_layer(config.layer, model.layers)
        units = model.layers[config.layer]
        if not 1 <= config.count < units:
            raise UsageError(f"--count is {config.count}; {config.layer} has {units} units, expected 1 to {units - 1}")
        own = np.eye(units, dtype=np.float32)[: config.count]
        pairs = [(i, i + 1) for i in range(config.count)]
        chance = recipes.random_directions(config.count, units, seed=config.seed)
        _kind(page, model, config, "Units", own, [f"unit {i}" for i in range(config.count)])
        _kind(page, model, config, "Pairs", recipes.pair_directions(pairs, units), [f"{a} and {b}" for a, b in pairs])
        _kind(page, model, config, "Chance", chance, [f"random {i}" for i in range(config.count)])
        photos = sample(config, model)
        for method in ("nmf", "pca") if len(photos) else ():
            factors = page.kept(method, _factors(model, photos, method, config))
            labels = [f"{method.upper()} {i}" for i in range(config.count)]
            _kind(page, model, config, f"Photographs, by {method.upper()}", factors["directions"], labels)

    return figures.run("directions", config, f"Directions of {config.layer}", lede, draw)


def _kind(
    page: Figures, model: inception_jax.Model, config: Config, heading: str, vectors: np.ndarray, labels: list[str]
) -> None:
    name = f"row-{labels[0].split()[0].lower()}"
    drawn = page.kept(
        name,
        lambda: finished(
            recipes.directions(
                model,
                config.layer,
                vectors,
                cossim_pow=config.cossim_pow,
                labels=labels,
                param=featvis.param.image(side(config, model)),
                steps=config.steps,
                seed=config.seed,
            )
        ),
    )
    page.section(heading)
    page.figure(name, row(drawn["images"]), f"{heading} of {config.layer}.", alt=", ".join(labels), rows=[labels])


def _factors(
    model: inception_jax.Model, photos: np.ndarray, method: str, config: Config
) -> Callable[[], dict[str, np.ndarray]]:
    def made() -> dict[str, np.ndarray]:
        parts = [layer_activations(model, photos[i : i + 16], config.layer) for i in range(0, len(photos), 16)]
        rows = np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])
        some = np.random.default_rng(config.seed).permutation(len(rows))[:PIXELS]
        signed = "maps" if method == "nmf" and rows.min() < 0 else None
        found = recipes.reduce(rows[some], config.count, method, signed=signed, seed=config.seed)
        return {"directions": found.directions}

    return made
