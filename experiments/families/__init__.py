"""Families: curve detectors, high-low frequency detectors and others, found in a network that nobody has labelled.

- Command: python -m experiments families --model bvlc_googlenet --images ../shared/data/imagenet-samples.zip
- Time: 14 minutes on two CPU cores beside other work with --photographs 1000, five of them for the photographs; about a
  minute with the bundled network and without photographs
- Expect: how many units of each layer respond to curves, high-low frequency, lines, gratings, colour contrast, centres
  and boundaries; for the families shown each unit with its visualisation, its tuning, the photographs that drive it
  most and the weights of its strongest inputs; which orientations a family covers, whether the photographs agree, and
  whether the weights between two families turn with orientation, with a permutation test. After *An Overview of Early
  Vision*, *Curve Detectors* and *Naturally Occurring Equivariance* (Distill, 2020). families.json and units.csv have
  all units with scores and orientations
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

import numpy as np

import inception_jax
from circuits.families import RULES, Search, find, published, sort_filters
from experiments import figures
from experiments.families.options import Config
from experiments.families.photographs import photographs, readings_of
from experiments.families.responses import measured
from experiments.families.turning import show_turning
from experiments.families.units import show_family
from experiments.figures import Figures
from experiments.options import UsageError
from experiments.page import filter_colours
from experiments.recipes.drawing import names
from featvis.sheet import sheet

__all__ = ["Config", "run"]


def run(config: Config) -> int:
    """Search, draw, test, write the page; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "Units sorted into families by what they respond to, without labels: each has been shown the same few hundred "
        "stimuli, and simple rules decide. Arrows point where a unit's stimulus points: where curves bulge, where high "
        "frequencies lie, across lines."
    )

    def draw(page: Figures, model: inception_jax.Model) -> None:
        if unknown := [name for name in config.show if name not in RULES]:
            raise UsageError(f"no family {unknown[0]!r}; expected some of {', '.join(RULES)}")
        found = find(measured(page, model, config.layers, config.step, config.side))
        shown = [f for f in found.families if f.name in config.show]
        _overview(page, found, config)
        _first_layer(page, model)
        seen = photographs(page, model, shown, config)
        readings = readings_of(shown, seen)
        for family in shown:
            show_family(page, model, found, family, seen, readings, config)
        show_turning(page, model, shown, config)
        _record(page, found, readings)

    return figures.run("families", config, "Families of units", lede, draw)


def _overview(page: Figures, found: Search, config: Config) -> None:
    """How many units of each layer belong to which family."""
    rows = []
    for layer in config.layers:
        counts = [len(found.family(layer, name)) for name in RULES]
        rows.append([layer, *counts, found.measured[layer].units - sum(counts)])
    page.section("What there is", "Units of each layer by family. A unit is in the one that it fits best, if any.")
    page.table("counts", ["layer", *RULES, "none of these"], rows, "A score of 0.5 makes a member.")


def _first_layer(page: Figures, model: inception_jax.Model) -> None:
    """The filters of the first layer, sorted by their weights."""
    kernel = np.asarray(model.weights["conv2d0"]["kernel"], np.float32)
    if kernel.shape[2] != 3 or min(kernel.shape[:2]) < 3:
        return
    found, theirs = sort_filters(kernel), published("conv2d0")
    page.section("The first layer", "Sorted by its weights alone, which are on red, green and blue.")
    shown = filter_colours(kernel)
    for family in found:
        if family.units:
            picture = sheet(shown[list(family.units)], columns=16, zoom=6)
            text = f"{family.name.capitalize()}: {len(family)} of {len(shown)} filters, the clearest first."
            (name,) = names([f"filters-{family.name}"])
            page.figure(name, picture, text, alt=text, coarse=True)
    rows = [
        [ours.name, len(ours), f"{len(ours) / len(shown):.0%}", f"{family.share():.0%}"]
        for ours, family in zip(found, theirs, strict=True)
    ]
    page.table("first_layer", ["kind", "filters", "share", "of inception5h, published"], rows, "By people there.")


def _record(page: Figures, found: Search, readings: dict[tuple[str, int], float]) -> None:
    """All units that belong to a family, as a table and as JSON."""
    rows = []
    for layer, unit, name, score, angle in found.rows():
        read = readings.get((layer, unit), float("nan"))
        rows.append(
            [f"{layer}:{unit}", name, score, "" if np.isnan(angle) else round(angle, 1), "" if np.isnan(read) else read]
        )
    page.section("All of them")
    page.table("units", ["unit", "family", "score", "orientation", "read from photographs"], rows, "In degrees.")
    families = [
        {"name": f.name, "layer": f.layer, "period": f.period, "units": f.units, "orientations": f.orientations,
         "scores": f.scores}
        for f in found.families
    ]  # fmt: skip
    page.directory.write_json("families.json", {"families": families})
