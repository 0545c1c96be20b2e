"""Semantic dictionary: the strongest units at some positions of a photograph, each by its icon.

- Command: python -m experiments semantic_dictionary --image ../shared/data/imagenet-samples.zip --number 323
- Time: about a minute on two CPU cores with the bundled network, of which half is compiling
- Expect: for each of four positions, the units that are most active there, drawn by feature visualisation, with their
  activations and what they add to the likeliest class; after Olah et al. 2018, "The Building Blocks of
  Interpretability". dictionary.csv has the numbers
- Resume: Ctrl-C keeps the positions that are done, the same command goes on from there
"""

from dataclasses import dataclass

import numpy as np

import inception_jax
from experiments import figures
from experiments.figures import Figures
from experiments.options import UsageError, usage_errors
from experiments.recipes.subject import Subject, SubjectOptions, icons, subject
from featvis import objectives as obj
from featvis import recipes

Place = tuple[int, int]


@dataclass(frozen=True)
class Config(SubjectOptions):
    """Which photograph, layer and positions."""

    positions: tuple[str, ...] = ()
    """Positions of the layer as row,column from 0; by default the strongest, none beside another."""
    count: int = 4
    """Positions to choose, where none are given."""
    units: int = 4
    """Units at each position."""
    classes: tuple[str, ...] = ()
    """Classes to attribute to, by name or number; by default the likeliest."""


def run(config: Config) -> int:
    """Look up the units, draw their icons, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "What the network sees at some positions of a photograph, in its own words: the units that are most active "
        "there, each shown by an image optimised for it."
    )

    def drawn(page: Figures, model: inception_jax.Model) -> None:
        draw(page, subject(config, model), config)

    return figures.run("semantic_dictionary", config, f"Semantic dictionary of {config.layer}", lede, drawn)


def draw(page: Figures, about: Subject, config: Config) -> recipes.SemanticDictionary:
    """Look up the units and draw their icons; returns the dictionary.

    Raises:
        UsageError: the request cannot be met.
    """
    classes = about.classes(config.classes, 1)
    with usage_errors():
        words = recipes.semantic_dictionary(about.model, about.image, config.layer, config.units)
        found = recipes.attribute(about.model, about.batch, config.layer, [one.logit for one in classes])
        added = words.attribution(found)
    places = _given(config, words) if config.positions else _strongest(words, config.count)
    lit = np.zeros(words.units.shape[:2])
    lit[tuple(np.transpose(places))] = 1
    page.figure(
        "photograph",
        about.row([about.image, about.spotlight(lit)]),
        f"{about.name.capitalize()}, and the positions that are looked up.",
        alt=f"{about.name}, twice, the second time lit at {len(places)} positions",
    )
    rows = []
    for row, column in places:
        units = words.units[row, column].tolist()
        labels = [f"{config.layer}:{unit}" for unit in units]
        values, adds = words.activations[row, column], added[:, row, column]
        objectives = [obj.channel(config.layer, unit) for unit in units]
        with usage_errors():
            drawn = icons(page, f"row{row}column{column}", about.model, objectives, config)
        page.section(f"Row {row}, column {column}")
        page.gallery(
            [
                page.tile(
                    f"row-{row}-column-{column}-unit-{units[i]}",
                    drawn["images"][i],
                    label,
                    caption=f"{values[i]:.3g}",
                    note=f"{classes[0].name} {adds[0, i]:+.3f}",
                )
                for i, label in enumerate(labels)
            ]
        )
        rows += [[f"{row},{column}", label, *map(float, (values[i], *adds[:, i]))] for i, label in enumerate(labels)]
    page.section("All of them")
    page.table(
        "dictionary",
        ["position", "unit", "activation", *(one.name for one in classes)],
        rows,
        "Activations, and what they add to the logits of classes: activation times gradient.",
    )
    return words


def _strongest(words: recipes.SemanticDictionary, count: int) -> list[Place]:
    """The positions of the strongest activations, none beside another."""
    order = np.argsort(-words.activations[..., 0], axis=None, kind="stable")
    chosen: list[Place] = []
    for row, column in np.transpose(np.unravel_index(order, words.units.shape[:2])).tolist():
        if len(chosen) < count and all(max(abs(row - r), abs(column - c)) > 1 for r, c in chosen):
            chosen.append((row, column))
    return chosen


def _given(config: Config, words: recipes.SemanticDictionary) -> list[Place]:
    height, width, _ = words.units.shape
    places: list[Place] = []
    for text in config.positions:
        parts = text.split(",")
        if len(parts) != 2 or not all(part.isdecimal() for part in parts):
            raise UsageError(f"cannot read position {text!r}; expected row,column, such as 3,5")
        row, column = map(int, parts)
        if row >= height or column >= width:
            raise UsageError(f"position {text} lies outside {words.layer}, which is {height}x{width} here")
        places.append((row, column))
    return list(dict.fromkeys(places))
