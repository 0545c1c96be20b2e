"""A unit for dogs whichever way they face, and its circuit: two mirrored units below, and mirrored weights."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from experiments.articles.zoom_in.late import Late, photographs
from experiments.circuits import pictures
from experiments.study import Study
from experiments.study.measures import correlation
from experiments.study.unit_pictures import inputs_of, lean, separation, show_inputs

HEAD, LEFT, RIGHT = 418, (234, 308), (325, 222)
"""Units of inception5h: the head of mixed4b that does not care for poses, and the oriented ones of mixed4a."""

_UPPER, _LOWER = "mixed4b", "mixed4a"
_BEST, _SHOWN, _SIDE = 8, 9, 92
_LEAST_DOGS = 8

_TEXT = "A unit of mixed4b is for dogs, whichever way they face"
_EXPECTED = (
    "above other photographs in 9 of 10 pairs; mirrored dogs drive it 0.8 as much or more, a quarter less at most"
)
_CIRCUIT = "Two units that are for mirrored dogs have mirrored weights to it"
_CIRCUIT_EXPECTED = "p below 0.05 beside other units in place of the second"
_SIDES = "Two mirrored units for dogs excite the unit for both from opposite sides"


@dataclass(frozen=True)
class Head:
    """A unit for dogs, and how it was found."""

    unit: int
    how: str


def show_dogs(study: Study, late: Late | None) -> Head | None:
    """A unit that is for dogs in all poses: photographs that drive it, and what it does once they are mirrored."""
    missing = _missing(study, late)
    if missing or late is None:
        study.claim(_TEXT, _EXPECTED, why=missing, rows=(26,))
        return Head(HEAD, "by its published number") if study.labelled else None
    tells = separation(late.highest[_UPPER], late.dogs)
    same = agreement(late.highest[_UPPER][late.dogs][: len(late.mirrored[_UPPER])], late.mirrored[_UPPER])
    if study.labelled:
        head = Head(HEAD, "by its published number")
    else:
        best = np.argsort(-tells, kind="stable")[:_BEST]
        unit = int(best[same[best].argmax()])
        how = f"among the {_BEST} units of {_UPPER} that tell dogs best: mirrored dogs change it least"
        head = Head(unit, how)
    label = f"{_UPPER}:{head.unit}"
    study.page.section(
        "A feature: dogs in any pose",
        f"{label} was found {head.how}. It is higher for a dog than for "
        f"another photograph in {tells[head.unit]:.0%} of pairs.",
    )
    places = late.top(_UPPER, head.unit, _SHOWN)
    if places:
        row = [photographs(study, late, places, _SIDE)]
        study.page.figure(
            "dog-photographs",
            pictures.columns(row, [f"{late.highest[_UPPER][i, head.unit]:.3g}" for i in places]),
            f"The photographs that drive {label} most, with its largest activation in each. "
            f"{sum(late.dogs[i] for i in places)} of {len(places)} are of breeds of dogs.",
            alt=f"{len(places)} photographs, most of them of dogs",
        )
    two = agreement(*(np.roll(late.mirrored[_UPPER], shift, 0) for shift in (0, 1)))
    study.claim(
        _TEXT,
        _EXPECTED,
        measured=f"{label}: {tells[head.unit]:.2f} of pairs; {same[head.unit]:.2f} as much, "
        f"{two[head.unit]:.2f} of two different dogs",
        holds=bool(tells[head.unit] >= 0.9 and same[head.unit] >= 0.8),
        rows=(26,),
    )
    return head


def agreement(one: Float[np.ndarray, "n units"], other: Float[np.ndarray, "n units"]) -> Float[np.ndarray, " units"]:
    """How alike two lists of responses are: the mean of the smaller one over the larger, from 0 to 1.

    >>> agreement(np.array([[2.0], [1.0]]), np.array([[1.0], [1.0]]))
    array([0.75])
    """
    large = np.maximum(one, other)
    return (np.minimum(one, other) / np.where(large > 0, large, 1)).mean(0)


def show_dog_circuit(study: Study, late: Late | None, head: Head | None) -> None:
    """The two mirrored units below the head, and the weights between."""
    missing = "" if head is not None and _LOWER in study.model.layers else _missing(study, late)
    pair = None if missing else (LEFT[0], RIGHT[0]) if study.labelled else _pair(late)
    if missing or head is None or pair is None:
        why = missing or "no two units of mixed4a are for dogs and mirror images of each other"
        study.claim(_CIRCUIT, _CIRCUIT_EXPECTED, published="0.96 to 0.98", why=why, rows=(26,))
        return
    left, right = (LEFT, RIGHT) if study.labelled else ((pair[0],), (pair[1],))
    chosen = [*left, *right]
    _, every = inputs_of(study, _LOWER, _UPPER, head.unit, 0, range(study.model.layers[_LOWER]))
    tiles = every[chosen]
    leans = [lean(tile)[1] for tile in tiles]
    study.page.section(
        "A circuit: dogs that face left, dogs that face right",
        f"Two units of {_LOWER} respond to dogs, each to those that the other responds to once they are mirrored. "
        "The unit above takes both, each from one side: the snout must lie where it points.",
    )
    show_inputs(
        study, "dog-circuit", _LOWER, _UPPER, head.unit, chosen, tiles,
        "In the article, the weights of one are those of the other, mirrored.",
        [f"leans {'right' if x > 0 else 'left'} {abs(x):.2f}" for x in leans],
    )  # fmt: skip
    if late is not None:
        rows, heads = [], []
        for unit in (pair[0], pair[1]):
            places = late.top(_LOWER, unit, _SHOWN)
            rows.append(photographs(study, late, places, _SIDE))
            heads.append(f"{_LOWER}:{unit}")
        if len(rows[0]) == len(rows[1]) > 0:
            study.page.figure(
                "dog-poses",
                pictures.columns(rows, [""] * len(rows[0]), heads),
                f"The photographs that drive {heads[0]} and {heads[1]} most.",
                alt="Two rows of photographs of dogs, which face one way and the other",
            )
    found = np.array([correlation(every[left[0]], other[:, ::-1]) for other in every])
    own = found[right[0]]
    others = np.delete(found, [left[0], right[0]])
    p = (1 + int((others >= own).sum())) / (1 + len(others))
    study.claim(
        _CIRCUIT,
        _CIRCUIT_EXPECTED,
        measured=f"{_LOWER}:{left[0]} and {_LOWER}:{right[0]}: correlation {own:.2f}, p {p:.2g}",
        published="0.96 to 0.98",
        holds=p < 0.05,
        rows=(26,),
    )
    ends = leans[0], leans[len(left)]
    study.claim(
        _SIDES,
        "opposite signs of how far right the weights lean, in positions",
        measured=f"{ends[0]:+.2f} and {ends[1]:+.2f}",
        published="-0.82 and +0.66, or -0.68 and +0.84",
        holds=ends[0] * ends[1] < 0,
        rows=(26,),
    )


def _pair(late: Late | None) -> tuple[int, int] | None:
    """Of the units that tell dogs, the two that are most alike once dogs are mirrored, and least alike before."""
    assert late is not None
    tells = separation(late.highest[_LOWER], late.dogs)
    units = np.argsort(-tells, kind="stable")[: 3 * _BEST]
    units = units[tells[units] > 0.7]
    plain = late.highest[_LOWER][late.dogs][: len(late.mirrored[_LOWER])][:, units]
    table = mirrored_table(plain, late.mirrored[_LOWER][:, units])
    if len(units) < 2 or not (table > 0).any():
        return None
    first, second = np.unravel_index(table.argmax(), table.shape)
    return int(units[first]), int(units[second])


def mirrored_table(
    plain: Float[np.ndarray, "n units"], mirrored: Float[np.ndarray, "n units"]
) -> Float[np.ndarray, "units units"]:
    """How much more two units are alike across mirroring than each is like itself; the same both ways, 0 within one.

    >>> views = np.array([[3.0, 0.0], [0.0, 1.0], [1.0, 2.0]])
    >>> mirrored_table(views, views[:, ::-1]).round(2).tolist()
    [[0.0, 1.65], [1.65, 0.0]]
    """
    both = np.array([[correlation(one, other) for other in mirrored.T] for one in plain.T]).reshape(len(plain.T), -1)
    own = np.diag(both)
    table = (both + both.T) / 2 - (own[:, None] + own) / 2
    np.fill_diagonal(table, 0.0)
    return table


def _missing(study: Study, late: Late | None) -> str:
    """What it takes to find a unit for dogs, where it is missing."""
    if study.dataset is None:
        return "no photographs"
    if late is None or _UPPER not in late.highest:
        return f"the network has no {_UPPER}"
    if late.dogs.sum() < _LEAST_DOGS or late.dogs.all():
        return f"{int(late.dogs.sum())} of the photographs are known to show dogs"
    return ""
