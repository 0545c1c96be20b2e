"""An Overview of Early Vision: the units of the first five layers sorted into families, and how some are made.

- Command: python -m experiments early_vision --model bvlc_googlenet
- Time: 8 minutes on two CPU cores with --model bvlc_googlenet, most of them for icons
- Expect: how the article sorts the 1,056 units of inception5h; the filters of the first layer; for the next four layers
  every family that was found, with icons and how much of the layer it is, beside what was published; whether icons
  drive their units more than any photograph does; and how complex Gabor filters, black-and-white units, small circles,
  triangles, boundaries and oriented fur are made of what lies below
- Source: *An Overview of Early Vision in InceptionV1* (Distill, 2020), taxonomy, figures on complex Gabor, black and
  white, small circle, triangle, boundary and fur circuits
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from circuits.families import published
from experiments.articles.early_vision import circuits as early_vision_circuits
from experiments.articles.early_vision import families as early_vision_families
from experiments.articles.early_vision import filters as early_vision_filters
from experiments.articles.early_vision import shapes as early_vision_shapes
from experiments.study import ArticleOptions, Study, run_article
from experiments.study.plots import CYCLE, drawn

SIZES = {"conv2d0": 64, "conv2d1": 64, "conv2d2": 192, "mixed3a": 256, "mixed3b": 480}
"""Units of the first five layers of inception5h."""
FAMILIES = {"conv2d0": 3, "conv2d1": 8, "conv2d2": 14, "mixed3a": 18, "mixed3b": 34}
"""Families into which the article sorts them."""

Sorted = Mapping[str, Sequence[tuple[str, Sequence[int]]]]
"""For each layer its families: name and units."""

Config = ArticleOptions


def run(config: Config) -> int:
    """Draw the article; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "The first layers of a network hold a few dozen kinds of units: Gabor filters, colour contrast, lines, curves, "
        "textures, boundaries. What each kind is made of can be read from the weights below it."
    )
    return run_article("early_vision", config, "An overview of early vision", lede, draw)


def draw(study: Study) -> None:
    """All figures and claims of the article."""
    show_taxonomy(study)
    early_vision_filters.show_filters(study)
    early_vision_families.show_families(study)
    early_vision_circuits.show_gabors(study)
    early_vision_circuits.show_colour(study)
    early_vision_shapes.show_shapes(study)


def show_taxonomy(study: Study) -> None:
    """How the article sorts the units of inception5h."""
    file = study.numbers_of("families.json")
    sorts = sorted_units(file)
    study.page.section(
        "The units of inception5h, as published",
        "People sorted all units of the first five layers. Every unit is in one family.",
    )
    rows = []
    for layer, families in sorts.items():
        units = [unit for _, members in families for unit in members]
        doubled, missing = len(units) - len(set(units)), len(set(range(SIZES[layer])) - set(units))
        rows.append([layer, len(families), len(set(units)), doubled, missing])
        study.claim(
            f"{layer}: families share all units among them",
            "each number from 0 to the layer's size less one, exactly once",
            measured=f"{len(families)} families, {len(set(units))} units, {doubled} twice, {missing} missing",
            published=f"{FAMILIES[layer]} families, {SIZES[layer]} units",
            holds=sorted(units) == list(range(SIZES[layer])) and len(families) == FAMILIES[layer],
            basis="published numbers",
            rows=(27,),
        )
    total = sum(row[2] for row in rows)
    study.claim(
        "Units in the five layers", "the same number", measured=total, published=1056, holds=total == 1056,
        basis="published numbers", rows=(27,),
    )  # fmt: skip
    lines = dict(sorts["conv2d2"])
    share = (len(lines.get("Line", ())) + len(lines.get("Shifted Line", ()))) / SIZES["conv2d2"]
    study.claim(
        "About a quarter of conv2d2 are lines, shifted ones with them", "25 %, within 1 point: the article rounds",
        measured=f"{share:.1%}", published="25 %", holds=abs(share - 0.25) <= 0.01, basis="published numbers",
        rows=(27,),
    )  # fmt: skip
    _check_shown(study, file)
    study.page.figure(
        "taxonomy",
        bars(sorts),
        "Families of each layer by their share of it, the largest first, by name where there is room. Later layers "
        "have more kinds, and fewer of each.",
        alt="Five bars of parts, from 3 in conv2d0 to 34 in mixed3b",
    )
    study.page.table("taxonomy", ["layer", "families", "units", "in two", "in none"], rows, "As published.")


def sorted_units(file: Mapping[str, Any] | None) -> Sorted:
    """The families of the first five layers: of the published file, or as they come with the library.

    >>> [len(families) for families in sorted_units(None).values()]
    [3, 8, 14, 18, 34]
    """
    if file is None:
        return {layer: [(family.name, family.units) for family in published(layer)] for layer in SIZES}
    layers = file["layers"]
    return {layer: [(group["name"], group["units"]) for group in layers[layer]["groups"]] for layer in SIZES}


def shown_percent(count: int, size: int) -> str:
    """A share as the article prints it: whole per cent, with one decimal where it would be less than 0.6.

    >>> shown_percent(28, 64), shown_percent(2, 480), shown_percent(1, 480)
    ('44', '0.4', '0.2')
    """
    percent = 100 * count / size
    return str(int(percent + 0.5)) if percent >= 0.6 else f"{percent:.1f}"


def _check_shown(study: Study, file: Mapping[str, Any] | None) -> None:
    text, expected = "Percentages of families are as the article prints them", "all of them"
    if file is None:
        why = "the published families are not at hand as printed"
        study.claim(text, expected, why=why, basis="published numbers", rows=(27,))
        return
    printed = [
        (group["percent_as_displayed"], shown_percent(len(group["units"]), SIZES[layer]))
        for layer in SIZES
        for group in file["layers"][layer]["groups"]
    ]
    right = sum(theirs == ours for theirs, ours in printed)
    study.claim(
        text, expected, measured=right, published=len(printed), holds=right == len(printed),
        basis="published numbers", rows=(27,),
    )  # fmt: skip


def bars(sorts: Sorted) -> Image.Image:
    """A bar for each layer, in parts: its families, the largest first.

    >>> bars({"conv2d0": [("Gabor Filters", range(28)), ("Other Units", range(36))]}).size
    (1000, 340)
    """

    def draw(axes: Any) -> None:
        for place, families in enumerate(sorts.values()):
            total, left = sum(len(units) for _, units in families), 0.0
            for i, (name, units) in enumerate(sorted(families, key=lambda family: -len(family[1]))):
                share = 100 * len(units) / total
                colour = "#d5d8dc" if name == "Other Units" else CYCLE[i % len(CYCLE)]
                axes.barh(place, share, left=left, color=colour, alpha=0.75, edgecolor="white", height=0.8)
                text = name.replace(" ", "\n", 1) if share < 12 else name
                # As large as fits; what would be too small to read is left out.
                size = min(8.0, 11.0 * share / max(map(len, text.split("\n"))))
                if size >= 6:
                    ink = "#1f2328" if name == "Other Units" else "white"
                    axes.text(left + share / 2, place, text, ha="center", va="center", fontsize=size, color=ink)
                left += share
        axes.set_yticks(range(len(sorts)), list(sorts))
        axes.invert_yaxis()
        axes.set_xlim(0, 100)

    return drawn(draw, "share of the layer's units in per cent", "", (10.0, 3.4))
