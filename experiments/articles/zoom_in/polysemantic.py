"""Units that answer to several things: their strongest photographs in groups."""

from math import comb

import numpy as np
from PIL import Image

from circuits import Facets, facets_of
from experiments.articles.zoom_in.late import Late, photographs
from experiments.circuits import pictures
from experiments.families import pictures as plots
from experiments.study import Study

POLYSEMANTIC = 55
"""Of mixed4e of inception5h: faces of cats, fronts of cars, legs of cats."""

_LAYER = "mixed4e"
_TOP, _GROUPS, _UNITS, _SIDE, _ACROSS = 16, 3, 48, 84, 8
_DRAWS = 19
"""Of the null: enough for p = 0.05."""
_TEXT = "Some units of mixed4e answer to several things"
_EXPECTED = "more units whose photographs fall into groups with p 0.05 than 5 % by chance; binomial p below 0.01"


def show_facets(study: Study, late: Late | None) -> None:
    """Whether photographs of units fall into groups, and those of the unit that has the clearest ones."""
    if late is None or _LAYER not in late.highest:
        why = "no photographs" if study.dataset is None else f"the network has no {_LAYER}"
        study.claim(_TEXT, _EXPECTED, why=why)
        return
    count = study.model.layers[_LAYER]
    sample = np.unique(np.linspace(0, count - 1, min(study.few(_UNITS), count)).round().astype(int)).tolist()
    if study.labelled:
        sample = list(dict.fromkeys([POLYSEMANTIC, *sample]))

    def make() -> dict[str, np.ndarray]:
        found = {unit: facets(late, unit) for unit in sample}
        known = {unit: one for unit, one in found.items() if one is not None}
        return {
            "units": np.array(list(known), int),
            "p": np.array([one.p for one in known.values()]),
            "scores": np.array([one.score for one in known.values()]),
            "labels": np.array([one.labels for one in known.values()] or np.zeros((0, 0), int)),
        }

    kept = study.page.kept("facets", make)
    units = kept["units"].tolist()
    if not units:
        study.claim(_TEXT, _EXPECTED, why=f"no unit of {_LAYER} is active in {_TOP} photographs")
        return
    divided = kept["p"] <= 0.05
    chance = binomial(int(divided.sum()), len(units), 0.05)
    study.claim(
        _TEXT,
        _EXPECTED,
        measured=f"{int(divided.sum())} of {len(units)} units, p {chance:.2g}",
        holds=chance < 0.01,
    )
    # The published one, or the one whose groups lie furthest apart.
    best = 0 if study.labelled and units[0] == POLYSEMANTIC else int((kept["scores"] + 2 * divided).argmax())
    clear = f"{int(divided.sum())} of {len(units)} units have groups that one lump would hardly show."
    _show(study, late, units[best], kept["labels"][best], float(kept["scores"][best]), clear)


def facets(late: Late, unit: int) -> Facets | None:
    """The groups of a unit's strongest photographs, by what else is in them; None for a unit that has too few."""
    features = late.features[late.top(_LAYER, unit, _TOP)]
    if len(features) < _TOP or not features.any(1).all():
        return None
    return facets_of(features, _GROUPS, draws=_DRAWS)


def binomial(least: int, count: int, share: float) -> float:
    """How often at least so many of a number of independent draws succeed by chance.

    >>> binomial(2, 2, 0.5), binomial(0, 5, 0.1)
    (0.25, 1.0)
    """
    few = sum(comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(least))
    return max(0.0, 1.0 - few)


def _show(study: Study, late: Late, unit: int, labels: np.ndarray, score: float, clear: str) -> None:
    label = f"{_LAYER}:{unit}"
    icon = study.icons(_LAYER, [unit])[unit]
    places = late.top(_LAYER, unit, _TOP)
    rows: list[tuple[str, list[Image.Image]]] = [(f"{label}\nlooks for", [pictures.icon(icon, _SIDE)])]
    for group in range(int(labels.max()) + 1):
        members = [place for place, own in zip(places, labels.tolist(), strict=True) if own == group]
        rows.append(
            (f"group {group + 1}\n{len(members)} photographs", photographs(study, late, members[:_ACROSS], _SIDE))
        )
    study.page.section(
        "Polysemantic units",
        "Some units answer to things that have nothing to do with each other. Their strongest photographs then fall "
        f"into groups, by what the last layer sees in them. {clear}",
    )
    study.page.figure(
        "facets",
        plots.lines(rows, _SIDE),
        f"{label} and its {_TOP} strongest photographs in {len(rows) - 1} groups, which lie {score:.2f} apart "
        "(silhouette: 1 for points, 0 for one lump).",
        alt=f"The icon of {label}, and {len(rows) - 1} rows of photographs of different things",
    )
