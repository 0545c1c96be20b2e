"""Neuron groups: the few directions that a photograph's activations are made of, drawn, and what they add to classes.

- Command: python -m experiments neuron_groups --image ../shared/data/imagenet-samples.zip --number 323
- Time: about a minute on two CPU cores with the bundled network, of which half is compiling
- Expect: six groups of units, found by non-negative matrix factorisation, each with its place in the photograph, an
  icon of what its units see together, and its attribution to the likeliest classes; after Olah et al. 2018, "The
  Building Blocks of Interpretability". groups.npz and attribution.csv have the numbers
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

from dataclasses import dataclass

import numpy as np

import inception_jax
from experiments import figures
from experiments.figures import Figures
from experiments.options import usage_errors
from experiments.recipes.subject import Subject, SubjectOptions, icons, subject
from featvis import recipes


@dataclass(frozen=True)
class Config(SubjectOptions):
    """Which photograph and layer, how many groups, which classes."""

    groups: int = 6
    """Number of groups."""
    classes: tuple[str, ...] = ()
    """Classes to attribute to, by name or number; by default the three likeliest."""
    cossim_pow: float = 0.0
    """How much the angle counts in drawing icons; 0 draws whatever lies far along the direction."""


def run(config: Config) -> int:
    """Find the groups, draw their icons, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "Units that are active together in one photograph, found by non-negative matrix factorisation of its "
        "activations. Each group is a direction in the space of units: it has a place, an icon optimised for it, and "
        "something to say about classes."
    )

    def drawn(page: Figures, model: inception_jax.Model) -> None:
        draw(page, subject(config, model), config)

    return figures.run("neuron_groups", config, f"Neuron groups of {config.layer}", lede, drawn)


def draw(page: Figures, about: Subject, config: Config) -> recipes.NeuronGroups:
    """Find the groups and draw their icons; returns the groups.

    Raises:
        UsageError: the request cannot be met.
    """
    classes = about.classes(config.classes, 3)
    with usage_errors():
        groups = recipes.neuron_groups(about.model, about.batch, config.layer, config.groups, seed=config.seed)
        found = recipes.attribute(about.model, about.batch, config.layer, [one.logit for one in classes])
        added = groups.attribution(found)[:, 0]
        drawn = icons(page, "icons", about.model, groups.objectives(config.cossim_pow), config)
    arrays = {"directions": groups.factors.directions, "maps": groups.maps[0], "colours": groups.colours}
    page.directory.write_arrays(page.named("groups.npz"), arrays)
    names, maps = [f"group {i}" for i in range(len(groups))], np.moveaxis(groups.maps[0], -1, 0)

    page.figure(
        "photograph",
        about.row([about.image, about.spread(groups.picture()[0])]),
        f"{about.name.capitalize()}, and the groups in it, each in a colour of its own.",
        alt=f"{about.name}, and a map of its groups",
    )
    page.numbers({"groups": len(groups), "of the activations left over": f"{groups.factors.error:.0%}"})
    page.section(
        "Groups",
        "The strongest first, framed in their colours, with what each adds to the logit of the first class.",
    )
    page.gallery(
        [
            page.tile(
                f"group-{i}",
                _framed(drawn["images"][i], groups.colours[i]),
                name,
                note=f"{classes[0].name} {added[0, i]:+.2f}",
                curve=drawn["history"][i],
            )
            for i, name in enumerate(names)
        ]
    )
    page.figure(
        "maps",
        about.row([about.spotlight(values) for values in maps]),
        "Where each group is.",
        alt="The photograph, lit where each group is",
        rows=[names],
    )
    page.section("Classes")
    page.table(
        "attribution",
        ["class", "probability", *names],
        [[one.name, f"{one.probability:.1%}", *map(float, adds)] for one, adds in zip(classes, added, strict=True)],
        "What each group adds to the logit of a class: its part of the activations times the gradient.",
    )
    return groups


def _framed(image: np.ndarray, colour: np.ndarray, width: int = 3) -> np.ndarray:
    frame = np.broadcast_to(colour, (image.shape[0] + 2 * width, image.shape[1] + 2 * width, 3)).copy()
    frame[width:-width, width:-width] = image
    return frame
