"""Attribution: which positions of a photograph, and which units, speak for a class and against another.

- Command: python -m experiments attribution --image ../shared/data/imagenet-samples.zip --number 323
- Time: about a minute on two CPU cores with the bundled network, of which half is compiling
- Expect: maps of what each position adds to the likeliest classes, the units that speak most for the first class and
  for the second, drawn, and what positions of one layer add to positions of a later one; after Olah et al. 2018, "The
  Building Blocks of Interpretability". channels.csv has the numbers of the units shown, by three methods
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np

import inception_jax
from experiments import figures
from experiments.figures import Figures
from experiments.options import usage_errors
from experiments.recipes.subject import Class, Subject, SubjectOptions, icons, subject
from featvis import objectives as obj
from featvis import recipes
from featvis.recipes.attribution import Method
from inception_jax import STANDARD, Rules
from inception_jax.gradients import max_pool_l2_gradient


@dataclass(frozen=True)
class Config(SubjectOptions):
    """Which photograph, layers and classes, and by which method."""

    to: str = "mixed5a"
    """A later layer, whose positions are attributed to those of `--layer`."""
    classes: tuple[str, ...] = ()
    """Two classes or more to tell apart, by name or number; by default the three likeliest."""
    method: Method = "gradient"
    """How the maps and the order of units are made: gradient, integrated (along a straight path) or stochastic."""
    points: int = 50
    """Points of the paths."""
    smooth: bool = True
    """Make maps with a softer gradient of max-pools."""
    units: int = 4
    """Units shown for each of the first two classes."""

    @property
    def rules(self) -> Rules:
        """Gradient rules of the maps."""
        return Rules(max_pool=max_pool_l2_gradient) if self.smooth else STANDARD  # pyright: ignore[reportArgumentType]


def run(config: Config) -> int:
    """Attribute, draw the icons, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "What the activations of a layer add to a class: activation times gradient, summed over units for a map of "
        "positions, or over positions for a number of each unit."
    )

    def drawn(page: Figures, model: inception_jax.Model) -> None:
        draw(page, subject(config, model), config)

    return figures.run("attribution", config, f"Attribution to {config.layer}", lede, drawn)


def draw(page: Figures, about: Subject, config: Config) -> dict[str, recipes.Attribution]:
    """Attribute and draw the icons; returns what tells the first two classes apart by method, nothing for one class.

    Raises:
        UsageError: the request cannot be met.
    """
    classes = about.classes(config.classes, 3)
    said = ", ".join(f"{one.name} {one.probability:.1%}" for one in classes)
    caption = f"{about.name.capitalize()}. The network says: {said}."
    page.figure("photograph", about.row([about.image]), caption, alt=about.name)
    with usage_errors():
        # First, because it is quick to find what cannot be.
        between = recipes.attribute_positions(about.model, about.batch, config.layer, config.to, rules=config.rules)[0]
        _maps(page, about, classes, config)
        by_method = _units(page, about, classes[0], classes[1], config) if len(classes) > 1 else {}
    _positions(page, about, between, config)
    return by_method


def _maps(page: Figures, about: Subject, classes: list[Class], config: Config) -> None:
    found = recipes.attribute(
        about.model,
        about.batch,
        config.layer,
        [one.logit for one in classes],
        method=config.method,
        steps=config.points,
        seed=config.seed,
        rules=config.rules,
    )
    maps = found.positions[:, 0]
    page.section("From classes to positions")
    page.figure(
        "classes",
        about.row([about.signed(values, float(np.abs(maps).max())) for values in maps]),
        f"What each position of {config.layer} adds to the logit of a class (orange) or takes from it (blue).",
        alt="Maps of attribution over the photograph",
        rows=[[one.name for one in classes]],
    )


def _units(
    page: Figures, about: Subject, first: Class, second: Class, config: Config
) -> dict[str, recipes.Attribution]:
    """Units that tell two classes apart, by every method."""
    by_method = {
        method: recipes.attribute(
            about.model,
            about.batch,
            config.layer,
            first.logit - second.logit,
            method=method,
            steps=config.points,
            seed=config.seed,
        )
        for method in get_args(Method)
    }
    channels = {method: found.channels[0, 0] for method, found in by_method.items()}
    chosen = channels[config.method]
    order = np.argsort(-chosen, kind="stable").tolist()
    count = min(config.units, len(order) // 2)
    shown = [*order[:count], *order[len(order) - count :][::-1]]
    labels = [f"{config.layer}:{unit}" for unit in shown]
    drawn = icons(page, "icons", about.model, [obj.channel(config.layer, unit) for unit in shown], config)
    tiles = [
        page.tile(f"unit-{unit}", image, label, caption=f"{chosen[unit]:+.3f}")
        for unit, image, label in zip(shown, drawn["images"], labels, strict=True)
    ]
    page.section(f"Units for {first.name}", f"What speaks for {first.name} rather than {second.name}.")
    page.gallery(tiles[:count])
    page.section(f"Units for {second.name}", f"What speaks for {second.name} rather than {first.name}.")
    page.gallery(tiles[count:])
    page.table(
        "channels",
        ["unit", *channels],
        [
            [label, *(float(values[unit]) for values in channels.values())]
            for unit, label in zip(shown, labels, strict=True)
        ],
        f"What each unit adds to the difference of the logits of {first.name} and {second.name}, by three methods.",
    )
    return by_method


def _positions(page: Figures, about: Subject, found: np.ndarray, config: Config) -> None:
    """From some positions of the later layer back to the earlier one."""
    height, width = found.shape[:2]
    places = [(row, column) for row in (height // 4, 3 * height // 4) for column in (width // 4, 3 * width // 4)]
    pictures, labels = [], []
    for place in dict.fromkeys(places):
        lit = np.zeros((height, width))
        lit[place] = 1
        pictures += [about.spotlight(lit), about.signed(found[place])]
        labels += [f"{place[0]},{place[1]} of {config.to}", f"on {config.layer}"]
    page.section("From positions to positions")
    page.figure(
        "positions",
        about.row(pictures),
        f"What each position of {config.layer} adds to a position of {config.to}, whose value is the length of its "
        "vector of activations: in pairs, the position and the map.",
        alt="Pairs of a lit position and a map of attribution",
        rows=[labels],
    )
