"""*Branch Specialization*, families: units of one kind keep to one branch, more than chance would have it."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from circuits import branch_units, by_branch, enrichment
from circuits.families import Family, published
from experiments.circuits import pictures
from experiments.study import Study
from experiments.study.plots import CYCLE, drawn
from inception_jax import INCEPTION5H, Architecture

CURVE_RELATED = ("Curves", "Double Curves", "Curves misc.", "Shallow Curves", "Curve Shapes", "Evolute",
                 "Circles / Loops")  # fmt: skip
"""Families of mixed3b that the article counts as curve-related."""
LEVEL = 0.01
"""Probability below which a family keeps to a branch, once it is multiplied by how many families and branches there are
to test (Bonferroni)."""


class Kept(NamedTuple):
    """How many units of a family a branch has, and how likely so many or more are by chance."""

    layer: str
    family: str
    branch: str
    found: int
    units: int
    expected: float
    p: float


def kept_to(families: Iterable[Family], architecture: Architecture) -> list[Kept]:
    """Every family in every branch of its block, the least likely first.

    >>> least = kept_to(published("mixed3a"), INCEPTION5H)[0]
    >>> least.family, least.branch, least.found, least.units
    ('BW vs Color', '5x5', 9, 9)
    """
    lines = []
    for family in families:
        branches = branch_units(architecture, family.layer)
        size = sum(map(len, branches.values()))
        for branch, found in by_branch(family.units, branches).items():
            width = len(branches[branch])
            p = enrichment(found, len(family), width, size)
            lines.append(
                Kept(family.layer, family.name, branch, found, len(family), len(family) * width / size, p)
            )  # fmt: skip
    return sorted(lines, key=lambda one: one.p)


def show_published(study: Study) -> None:
    """The families that were published of inception5h, whatever network is loaded: their numbers are all it takes."""
    study.page.section(
        "Published families",
        "Units of inception5h by family, as published. A branch of a block has so many units of a family by chance as "
        "the hypergeometric distribution says.",
    )
    judge_published(study)
    # Families of mixed4a are some, and unsorted units of it are not known to be in none.
    families = [family for layer in ("mixed3a", "mixed3b") for family in published(layer) if len(family) > 1]
    _show(study, "published", kept_to(families, INCEPTION5H), "published families of mixed3a and mixed3b")


def judge_published(study: Study) -> None:
    """The two probabilities that the article is about."""
    known: dict[str, Any] = {"basis": "published numbers", "rows": (13,)}
    black = {family.name: family for family in published("mixed3a")}["BW vs Color"].units
    curves = curve_related()
    for layer, name, units, count, stated in (
        ("mixed3a", "black-and-white detectors", black, 9, 2.48e-9),
        ("mixed3b", "curve-related units", curves, 30, 1.68e-23),
    ):
        branches = branch_units(INCEPTION5H, layer)
        found = by_branch(units, branches)["5x5"]
        p = enrichment(found, len(units), len(branches["5x5"]), sum(map(len, branches.values())))
        study.claim(
            f"All {name} of {layer} are in its 5x5 branch",
            f"{count} of {count}, and the probability to three digits",
            measured=f"{found} of {len(units)}, {p:.2e}",
            published=f"{count} of {count}, {stated:.2e}",
            holds=found == len(units) == count and f"{p:.2e}" == f"{stated:.2e}",
            **known,
        )
    groups = study.numbers_of("branch_specialization.json")
    text, expected = "The units of both are those that the article shows in its 5x5 branches", "the same sets"
    if groups is None:
        study.claim(text, expected, why="the published groups are not at hand", **known)
        return
    shown = groups["figure5_groups"]
    same = (set(shown["mixed3a"]["BW vs Color"]) == set(black), set(shown["mixed3b"]["Curve Related"]) == set(curves))
    study.claim(
        text, expected, measured=f"{sum(same)} of 2 alike", published="9 and 30 units", holds=all(same), **known
    )


def curve_related() -> list[int]:
    """Units of mixed3b that have to do with curves, as the article counts them.

    >>> len(curve_related())
    30
    """
    families = {family.name: family for family in published("mixed3b")}
    return sorted({unit for name in CURVE_RELATED for unit in families[name].units})


def show_found(study: Study) -> None:
    """The families that were found in another network, in its own branches."""
    if study.labelled:
        return
    layers = [layer for layer in study.layers("mixed3a", "mixed3b", "mixed4a") if layer in study.found.verdicts]
    families = [family for family in study.found.families if family.layer in layers and len(family) > 1]
    text = f"Families found in {study.model.name} keep to branches as well"
    expected = f"at least one with probability below {LEVEL}, times the number of families and branches"
    if not families:
        study.claim(text, expected, why="no family of two units or more was found", rows=(13,))
        return
    study.page.section(f"Families of {study.model.name}", "The same test, of families found by what units respond to.")
    lines = kept_to(families, study.model.architecture)
    _show(study, "found", lines, f"families found in {study.model.name}")
    sure = [one for one in lines if one.p * len(lines) < LEVEL]
    best = lines[0]
    study.claim(
        text,
        expected,
        measured=f"{len(sure)} of {len(lines)}; least {best.found} of {best.units} {best.family} of {best.layer} in "
        f"{best.branch}, {best.p:.1e}",
        published="black and white, curves",
        holds=bool(sure),
        rows=(13,),
    )
    _draw_units(study, sure, families)
    for layer, name in (("mixed3a", "black and white"), ("mixed3b", "curves")):
        mine = [one for one in lines if (one.layer, one.family, one.branch) == (layer, name, "5x5")]
        text = f"{name.capitalize()} of {layer} prefer its 5x5 branch, as in inception5h"
        if not mine:
            study.claim(text, "probability below 0.05", why=f"fewer than two units of {layer} are {name}", rows=(13,))
            continue
        study.claim(
            text,
            "probability below 0.05, for a question asked beforehand",
            measured=f"{mine[0].found} of {mine[0].units}, {mine[0].p:.2g}",
            published="all of them",
            holds=mine[0].p < 0.05,
            rows=(13,),
        )


def _show(study: Study, name: str, lines: Sequence[Kept], what: str) -> None:
    sure = [one for one in lines if one.p * len(lines) < LEVEL]
    study.page.figure(
        f"branches-{name}",
        stacked(lines),
        f"Where units of the {what} are, as shares of each family. The last bar of a layer is all its units.",
        alt="Bars divided into four branches; some families lie in one branch alone",
    )
    study.page.table(
        f"enriched-{name}",
        ["layer", "family", "branch", "in it", "units", "by chance", "probability", f"times {len(lines)}"],
        [[*one[:5], f"{one.expected:.1f}", f"{one.p:.2e}", f"{min(1.0, one.p * len(lines)):.1e}"] for one in sure]
        or [["none", "", "", 0, 0, "", "", ""]],
        f"All of the {what} that keep to a branch: of {len(lines)} pairs of family and branch, those whose probability "
        f"is below {LEVEL} once it is multiplied by their number.",
    )


def stacked(lines: Sequence[Kept], most: int = 36) -> Image.Image:
    """Shares of branches in each family, the families that keep to a branch most in front, layer by layer.

    >>> stacked(kept_to(published("mixed3a")[:3], INCEPTION5H)).width
    900
    """
    chosen: dict[tuple[str, str], dict[str, Kept]] = {}
    for one in lines:
        chosen.setdefault((one.layer, one.family), {})[one.branch] = one
    names = sorted(list(chosen)[:most], key=lambda name: name[0])
    branches = ("1x1", "3x3", "5x5", "pool_reduce")
    labels, rows = [], []
    for i, (layer, family) in enumerate(names):
        here = chosen[layer, family]
        labels.append(f"{layer} {family} ({here['1x1'].units})")
        rows.append([here[branch].found / here[branch].units for branch in branches])
        if i + 1 == len(names) or names[i + 1][0] != layer:
            labels.append(f"{layer}, by chance")
            rows.append([here[branch].expected / here[branch].units for branch in branches])

    def draw(axes: Any) -> None:
        left = np.zeros(len(rows))
        for i, branch in enumerate(branches):
            values = np.array(rows)[:, i]
            axes.barh(range(len(rows)), values, left=left, color=CYCLE[i], label=branch, height=0.75)
            left += values
        axes.set_yticks(range(len(rows)), labels)
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.legend(frameon=False, fontsize=8, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))

    return drawn(draw, "share of units", "", (9.0, 1.2 + 0.2 * len(rows)))


def _draw_units(study: Study, sure: Sequence[Kept], families: Sequence[Family]) -> None:
    """Icons of the units of the families that keep to a branch most."""
    by_name = {(family.layer, family.name): family for family in families}
    for i, one in enumerate(sure[: study.few(3)]):
        branch = branch_units(study.model.architecture, one.layer)[one.branch]
        units = [unit for unit in by_name[one.layer, one.family].units if unit in branch][: study.few(9)]
        icons = study.icons(one.layer, units)
        study.page.figure(
            f"kept-{i}",
            pictures.columns([[pictures.icon(icons[unit], 80) for unit in units]], [str(unit) for unit in units]),
            f"{one.family.capitalize()} of {one.layer}: {one.found} of {one.units} are in the branch {one.branch}; "
            f"by chance it would be {one.expected:.1f}. {', '.join(f'{one.layer}:{unit}' for unit in units)}.",
            alt=f"{len(units)} icons of {one.family}",
        )
