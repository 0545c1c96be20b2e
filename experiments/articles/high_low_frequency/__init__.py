"""High-Low Frequency Detectors: units for high frequencies beside low ones, what they are made of and what they do.

- Command: python -m experiments high_low_frequency --model bvlc_googlenet
- Time: 5 minutes on two CPU cores with --model bvlc_googlenet, most of them for icons
- Expect: the family by orientation; heat maps over orientation and the ratio of two frequencies, each with one bright
  column; photographs that are textured on one side; weights that fall into two groups of inputs, one of which rises
  with frequency while the other falls, and which excite on opposite sides of every unit; the units that read the
  family, boundary detectors among them; the depth at which networks have it
- Source: *High-Low Frequency Detectors* (Distill, 2021)
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

import numpy as np

import circuits
from circuits.graphs import layers_below
from experiments.articles.high_low_frequency import factors, published
from experiments.articles.high_low_frequency.downstream import claim_list, show_downstream, show_universality
from experiments.articles.high_low_frequency.factors import Factored, factored
from experiments.articles.high_low_frequency.tuning import (
    Tuned,
    counted,
    family_of,
    measured,
    show_photographs,
    show_tuning,
)
from experiments.circuits import pictures
from experiments.families import pictures as plots
from experiments.study import ArticleOptions, Study, run_article
from experiments.study.unit_pictures import show_inputs

_TILE = 72
_SIZES = (5, 9)
"""Positions to a side of the weights from one layer below, and from two, as in the article."""


Config = ArticleOptions


def run(config: Config) -> int:
    """Draw the article; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "Units of early vision that nobody would have thought of: they look for high frequencies on one side and low "
        "frequencies on the other, as at the edge of something in front of a background that is out of focus."
    )
    return run_article("high_low_frequency", config, "High-low frequency detectors", lede, draw)


def draw(study: Study) -> None:
    """All figures and claims of the article."""
    family = family_of(study)
    tuned = measured(study, family) if family.units else None
    several: list[Factored] = []
    if tuned is None:
        study.page.section("None", "No unit of the early layers responds to high frequencies beside low ones.")
        claim_none(study)
    else:
        show_family(study, tuned)
        show_photographs(study, tuned)
        show_tuning(study, tuned)
    published.show_tuning(study, tuned)
    if tuned is not None:
        several = [
            factored(study, tuned, lower, factors.size_of(study, lower, tuned.layer, size))
            for lower, size in zip(layers_below(study.model, tuned.layer), _SIZES, strict=False)
        ]
        show_circuits(study, tuned, several)
    published.claim_factors(study, several, tuned)
    if tuned is not None:
        show_downstream(study, tuned)
    claim_list(study)
    show_universality(study)


def claim_none(study: Study) -> None:
    """What cannot be asked without a single unit of the family."""
    for text, row in (
        ("High-low frequency detectors need a difference", 10),
        ("Two factors, of high and of low frequencies, on opposite sides", 9),
        ("Boundary detectors are among the units that read high-low frequency detectors most", 11),
    ):
        study.claim(text, "of the units that were found", why="no high-low frequency detectors found", rows=(row,))


def show_family(study: Study, tuned: Tuned) -> None:
    """The units by orientation."""
    study.page.section(
        "The family", f"{counted(tuned.units)} of {tuned.layer}, each with the high frequencies on a side of its own."
    )
    icons = study.icons(tuned.layer, tuned.units)
    for first in range(0, len(tuned.units), 8):
        units = tuned.units[first : first + 8]
        rows = [[pictures.icon(icons[u], 120) for u in units]]
        rows.append([plots.polar(np.zeros(0), tuned.angles[u], 360.0, 120) for u in units])
        study.page.figure(
            f"family-{1 + first // 8}",
            pictures.columns(rows, [f"{u} ({tuned.angles[u]:.0f}°)" for u in units]),
            f"By orientation, arrows to the high frequencies: {', '.join(f'{tuned.layer}:{u}' for u in units)}.",
            alt=f"{len(units)} icons, dense on one side and smooth on the other, turned further and further",
        )


def show_circuits(study: Study, tuned: Tuned, several: list[Factored]) -> None:
    """What the units are made of, from one layer below and from two."""
    if not several:
        return
    near = several[0]
    show_weights(study, tuned, near)
    show_exception(study, tuned, near)
    for found in several:
        factors.show_factors(study, tuned, found)
        factors.show_responses(study, tuned, found)
    study.page.section("Where the factors excite", "High frequencies on one side, low ones on the other.")
    factors.show_places(study, tuned, several)
    for found in several:
        factors.claim_places(study, tuned, found)
    factors.claim_alone(study, tuned, near)


def show_weights(study: Study, tuned: Tuned, found: Factored) -> None:
    """Weights of three units from the strongest inputs of each factor."""
    high, low = (np.argsort(-one, kind="stable")[:4].tolist() for one in found.inputs)
    columns = [*high, *(n for n in low if n not in high)]
    rows = [u for u in (110, 136, 112) if u in tuned.units] if study.labelled else tuned.units[:3]
    study.page.section(
        f"Circuits from {found.lower}",
        "Units of the layer below that respond to high frequencies excite on one side and inhibit on the other; those "
        "that respond to low frequencies do the opposite.",
    )
    tops, lefts = study.icons(found.lower, columns), study.icons(tuned.layer, rows)
    chosen = found.weights[np.ix_([tuned.units.index(u) for u in rows], columns)]
    tiles = circuits.weights_to_rgb(chosen, float(np.abs(chosen).max()) or 1.0, circuits.ORANGE_BLUE)
    study.page.figure(
        "weights",
        pictures.matrix(
            [pictures.icon(lefts[u], _TILE) for u in rows],
            [pictures.icon(tops[n], _TILE) for n in columns],
            [[pictures.tile(one, _TILE) for one in row] for row in tiles],
            ([f"{u} ({tuned.angles[u]:.0f}°)" for u in rows], [f"{n}" for n in columns]),
        ),
        f"Weights of {counted(rows)} of {tuned.layer} from {len(high)} inputs for high frequencies and "
        f"{len(columns) - len(high)} for low ones, {', '.join(f'{found.lower}:{n}' for n in columns)}: orange excites, "
        "blue inhibits.",
        alt=f"{len(rows)} rows of tiles whose orange side changes between the two groups",
    )


def show_exception(study: Study, tuned: Tuned, found: Factored) -> None:
    """A unit that reads one of the layer below that is itself a detector, if there is such."""
    early = [181] if study.labelled else list(study.family(found.lower, "high-low frequency").units[:1])
    if not early:
        return
    lengths = np.linalg.norm(found.weights[:, early[0]], axis=(1, 2))
    unit = 70 if study.labelled else tuned.units[int(lengths.argmax())]
    tile = found.weights[tuned.units.index(unit), early]
    study.page.section("An exception", "Not every detector is made from scratch: some read one of the layer below.")
    show_inputs(
        study, "exception", found.lower, tuned.layer, unit, early, tile,
        f"{found.lower}:{early[0]} responds to high frequencies beside low ones already.",
    )  # fmt: skip
