"""Naturally Occurring Equivariance in Neural Networks: families that turn, and weights that turn with them.

- Command: python -m experiments equivariance --model bvlc_googlenet
- Time: a minute and a half on two CPU cores
- Expect: curve detectors and high-low frequency detectors of each layer sorted by orientation; the weights between two
  families as a matrix, in which rows are copies of each other, turned; how sums of weights follow the difference in
  orientation (published for inception5h: correlation 0.73 with its cosine), and how often orientations that have
  changed hands at random do as well; units of the first layer that are copies of each other turned, mirrored, scaled
  and in another hue
- Source: *Naturally Occurring Equivariance in Neural Networks* (Distill, 2020), figures on rotational, scale, hue and
  reflected families, curve-curve, high-low and line circuits
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

from itertools import pairwise

import numpy as np

import circuits
from circuits.families import Family, published_family, related
from experiments.circuits import pictures
from experiments.families import pictures as plots
from experiments.families.turning import tested
from experiments.page import filter_colours
from experiments.study import ArticleOptions, Study, run_article
from experiments.study.plots import points

_SIDE = 56
PERMUTATIONS = 1999
"""Of orientations, in the tests whether weights turn with them."""

Config = ArticleOptions


def run(config: Config) -> int:
    """Draw the article; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "Many units of a network are copies of each other, turned, mirrored, scaled or in another hue; and the weights "
        "between them are copies too. Nobody asked for it: the network learned it."
    )
    return run_article("equivariance", config, "Naturally occurring equivariance", lede, draw)


def draw(study: Study) -> None:
    """All figures and claims of the article."""
    for name in ("curves", "high-low frequency"):
        show_family(study, name)
    show_turning(study)
    show_published(study)
    show_copies(study)


def show_family(study: Study, name: str) -> None:
    """Units of a family by orientation, layer by layer."""
    families = [study.family(layer, name) for layer in study.layers("conv2d2", "mixed3a", "mixed3b")]
    families = [family for family in families if len(family.angles) >= 3]
    if not families:
        return
    study.page.section(
        f"Rotation: {name}", "Units of one family, each at an orientation of its own: arrows say where it points."
    )
    for family in families:
        units = family.by_orientation(study.few(12))
        icons = study.icons(family.layer, units)
        rows = [[pictures.icon(icons[u], 72) for u in units]]
        rows.append([plots.polar(np.zeros(0), family.angles[u], 360.0, 72) for u in units])
        study.page.figure(
            f"{name.split()[0]}-{family.layer}",
            pictures.columns(rows, [f"{family.angles[u]:.0f}°" for u in units]),
            f"{len(units)} of {len(family.angles)} units of {family.layer}, by orientation: "
            f"{', '.join(f'{family.layer}:{u}' for u in units)}.",
            alt=f"{len(units)} icons of {name}, turned further and further",
        )


def show_turning(study: Study) -> None:
    """The weights between curve detectors of two layers, and whether they turn with orientation."""
    curves = [study.family(layer, "curves") for layer in study.layers("conv2d2", "mixed3a", "mixed3b")]
    curves = [family for family in curves if len(family.angles) >= 3]
    study.claim(
        "Curve detectors in at least two layers",
        "three or more units with orientations, in two layers",
        measured=", ".join(f"{len(f.angles)} in {f.layer}" for f in curves) or "none",
        published="12, 11 and 10",
        holds=len(curves) >= 2,
        rows=(22, 29),
    )
    for lower, upper in pairwise(curves):
        _show_pair(study, lower, upper)


def _show_pair(study: Study, lower: Family, upper: Family) -> None:
    name = f"{lower.layer}-{upper.layer}"
    _, kept = tested(study.page, study.model, lower, upper, PERMUTATIONS, study.config.seed)
    weights, sums, together = kept["weights"], float(kept["sums"]), float(kept["together"])
    study.page.section(f"Circuits of curves: {lower.layer} to {upper.layer}")
    rows, columns = upper.by_orientation(study.few(10)), lower.by_orientation(study.few(10))
    tops, lefts = study.icons(lower.layer, columns), study.icons(upper.layer, rows)
    chosen = weights[
        np.ix_([list(upper.angles).index(u) for u in rows], [list(lower.angles).index(u) for u in columns])
    ]
    tiles = circuits.weights_to_rgb(chosen, float(np.abs(chosen).max()) or 1.0)
    study.page.figure(
        f"matrix-{name}",
        pictures.matrix(
            [pictures.icon(lefts[u], _SIDE) for u in rows],
            [pictures.icon(tops[u], _SIDE) for u in columns],
            [[pictures.tile(one, _SIDE) for one in row] for row in tiles],
            ([f"{u} ({upper.angles[u]:.0f}°)" for u in rows], [f"{u} ({lower.angles[u]:.0f}°)" for u in columns]),
        ),
        f"Weights from curves of {lower.layer} (columns) to curves of {upper.layer} (rows), both by orientation, red "
        "where they excite. Curves excite curves of their own orientation along the curve, and inhibit opposite ones.",
        alt=f"{len(rows)} rows of {len(columns)} tiles, red about the diagonal and blue away from it",
    )
    differences = (np.subtract.outer(list(upper.angles.values()), list(lower.angles.values())) + 180) % 360 - 180
    study.page.figure(
        f"sums-{name}",
        points(np.abs(differences).ravel(), weights.sum((2, 3)).ravel(), "difference in orientation", "sum"),
        f"Sums of the weights of {weights.shape[0] * weights.shape[1]} pairs by their difference in orientation. "
        f"Correlation with its cosine: {sums:.2f}.",
        alt="Points that fall from excitation at 0 degrees to inhibition at 180",
    )
    study.page.figure(
        f"null-{name}",
        plots.histogram(kept["sums_null"], sums),
        f"The same correlation, in red, beside {PERMUTATIONS} permutations of the orientations: "
        f"p = {kept['p'][0]:.2g}. Turned upright, the weights of two units correlate {together:.2f}, "
        f"p = {kept['p'][1]:.2g}.",
        alt=f"A null distribution up to {kept['sums_null'].max():.2f}, a score of {sums:.2f}",
    )
    study.claim(
        f"Sums of weights from curves of {lower.layer} to {upper.layer} follow the cosine of the difference",
        "p below 0.001 beside permutations of the orientations",
        measured=f"correlation {sums:.2f}, p {kept['p'][0]:.2g}",
        published="0.73 (mixed3a to mixed3b)",
        holds=bool(kept["p"][0] < 0.001),
        rows=(22,),
    )
    study.claim(
        f"Weights from {lower.layer} to {upper.layer} are copies of each other, once units are turned upright",
        "p below 0.001 beside permutations of the orientations",
        measured=f"correlation {together:.2f}, p {kept['p'][1]:.2g}",
        holds=bool(kept["p"][1] < 0.001),
        rows=(22,),
    )


def show_published(study: Study) -> None:
    """The correlation in the tiles that the thread published."""
    text, expected = "Published tiles between curves follow the cosine of the difference", "0.73, within 0.01: rounding"
    tiles = study.numbers_of("weight_tiles.json")
    if tiles is None:
        why = "the published tiles are not at hand"
        study.claim(text, expected, published=0.73, why=why, basis="published numbers", rows=(22,))
        return
    below, above = (published_family(layer, "Curves").angles for layer in ("mixed3a", "mixed3b"))
    sums = {
        (tile["from_unit"], tile["to_unit"]): float(np.sum(tile["values"]))
        for tile in tiles["tiles"]
        if tile["figure"] == _MATRIX
    }
    cosines = np.cos(np.deg2rad([above[b] - below[a] for a, b in sums]))
    score = float(np.corrcoef(list(sums.values()), cosines)[0, 1])
    study.claim(
        text, expected, measured=round(score, 3), published=0.73, holds=abs(score - 0.728) < 0.01,
        basis="published numbers", rows=(22,),
    )  # fmt: skip


_MATRIX = "Visualizing Weights fig 5"
"""The published figure with the weights of eight curves to eight curves."""


def show_copies(study: Study) -> None:
    """Filters of the first layer that are copies of each other under a symmetry."""
    kernel = np.asarray(study.model.weights["conv2d0"]["kernel"], np.float32)
    if kernel.shape[2] != 3:
        return
    study.page.section("Copies in the first layer", "Filters whose weights become each other's, by symmetry.")
    filters, shown = np.moveaxis(kernel, (3, 2), (0, 1)), filter_colours(kernel)
    rows = []
    for symmetry in ("rotation", "reflection", "scale", "hue"):
        groups = related(filters, symmetry).groups(0.8)
        rows.append([symmetry, len(groups), int(sum(len(units) for units, _ in groups)), len(filters)])
        if groups:
            units = groups[0][0][:12].tolist()
            study.page.figure(
                f"copies-{symmetry}",
                pictures.columns([[pictures.tile(shown[u], 72) for u in units]], [f"conv2d0:{u}" for u in units]),
                f"The largest group of copies by {symmetry}.",
                alt=f"{len(units)} filters that are copies of each other",
            )
    study.page.table("copies", ["symmetry", "groups", "filters in them", "of"], rows, "Correlation 0.8 and more.")
