"""Circuits: curves that excite curves, a car from its parts, and the car again in superposition."""

import numpy as np
from jaxtyping import Bool, Float

import circuits
from circuits.families import Family, apart
from experiments.articles.zoom_in.late import Late, photographs
from experiments.articles.zoom_in.polysemantic import binomial
from experiments.circuits import diagram, pictures
from experiments.study import Study
from experiments.study.dogs import class_names
from experiments.study.unit_pictures import inputs_of, lean, separation, show_inputs

SAME, OPPOSITE = {379: 147, 385: 81, 342: 145, 330: 71}, {379: 145, 385: 71, 342: 147, 330: 81}
"""Curves of mixed3b of inception5h, with curves of mixed3a of the same orientation, and of the opposite one."""
CAR, PARTS = 447, (237, 491, 373)
"""The car of mixed4c of inception5h, and windows, body and wheels of mixed4b."""

_PAIRS, _PARTS, _SPREAD, _TOP, _SIDE = 4, 6, 10, 9, 88
_LEAST_CARS = 5


def show_curves(study: Study) -> None:
    """Curves excite curves of their own orientation, and inhibit opposite ones."""
    text = "Curves excite curves that bulge as they do, and inhibit opposite ones"
    expected = "more than half of all curves of mixed3b do either, with p below 0.05 by a sign test"
    if len(study.layers("mixed3a", "mixed3b")) < 2:
        study.claim(text, expected, published="4 and 4 of 4", why="the network has no mixed3b", rows=(26,))
        return
    upper, lower = study.family("mixed3b", "curves"), study.family("mixed3a", "curves")
    nearest = opposites(upper, lower)
    pairs = [(unit, SAME[unit], OPPOSITE[unit]) for unit in SAME] if study.labelled else nearest[:_PAIRS]
    if not pairs:
        why = "curves were not found in both mixed3a and mixed3b"
        study.claim(text, expected, published="4 and 4 of 4", why=why, rows=(26,))
        return
    found = [inputs_of(study, "mixed3a", "mixed3b", unit, 0, ends)[1] for unit, *ends in pairs]
    tops = study.icons("mixed3b", [unit for unit, *_ in pairs])
    below = study.icons("mixed3a", [n for _, *ends in pairs for n in ends])
    full = max(float(np.abs(tiles).max()) for tiles in found) or 1.0
    coloured = [[pictures.tile(one) for one in circuits.weights_to_rgb(tiles, full)] for tiles in found]
    study.page.section("A circuit: curves from curves", "Curve detectors are made of smaller ones, along the curve.")
    study.page.figure(
        "curves",
        pictures.columns(
            [
                [pictures.icon(tops[unit]) for unit, *_ in pairs],
                [pictures.icon(below[same]) for _, same, _ in pairs],
                [tiles[0] for tiles in coloured],
                [pictures.icon(below[other]) for *_, other in pairs],
                [tiles[1] for tiles in coloured],
            ],
            [f"mixed3b:{unit}" for unit, *_ in pairs],
            ["mixed3b", "same way", "weights", "opposite", "weights"],
        ),
        "Curves of mixed3b, each with the curve of mixed3a that bulges most nearly as it does, and the one that bulges "
        "most nearly the other way: "
        + "; ".join(f"mixed3b:{u} from mixed3a:{a} and mixed3a:{b}" for u, a, b in pairs)
        + ". In the article the first excite along the curve, and the second inhibit.",
        alt="Curves above curves of the same and of the opposite orientation, and red and blue tiles",
    )
    sums = [inputs_of(study, "mixed3a", "mixed3b", unit, 0, ends)[1].sum((1, 2)) for unit, *ends in nearest]
    positive, negative = sum(float(same) > 0 for same, _ in sums), sum(float(other) < 0 for _, other in sums)
    chance = [binomial(count, len(sums), 0.5) for count in (positive, negative)]
    study.claim(
        text,
        expected,
        measured=f"{positive} and {negative} of {len(sums)}, p {chance[0]:.2g} and {chance[1]:.2g}",
        published="4 and 4 of 4",
        holds=max(chance) < 0.05,
        rows=(26,),
    )


def opposites(upper: Family, lower: Family) -> list[tuple[int, int, int]]:
    """Each curve with the lower one nearest to its orientation, and the one nearest to the opposite, the best first.

    >>> below = Family("curves", "a", (1, 2), (10.0, 200.0))
    >>> opposites(Family("curves", "b", (7,), (0.0,)), below)
    [(7, 1, 2)]
    """
    if not lower.angles:
        return []

    def nearest(angle: float) -> int:
        return min(lower.angles, key=lambda unit: apart(lower.angles[unit], angle))

    return [(unit, nearest(angle), nearest(angle + 180)) for unit, angle in upper.angles.items()]


_CAR, _CAR_EXPECTED = "A car's parts are told apart by height", "weights lean further up and down than to the sides"
_BOTH, _BOTH_EXPECTED = (
    "Some of a car's parts lie above and some below",
    "weights of strong inputs that lean up, and such that lean down",
)
_SPREADS, _SPREADS_EXPECTED = (
    "The car is spread over units of mixed4d that are for other things",
    "three or more of the ten units that it excites most, as in the article, that tell dogs from other photographs "
    "in 6 of 10 pairs",
)


def show_car(study: Study, late: Late | None) -> None:
    """The unit for cars, its parts, and what becomes of it in the next layer."""
    missing, unit = car_unit(study, late)
    if unit is None:
        for text, expected in ((_CAR, _CAR_EXPECTED), (_BOTH, _BOTH_EXPECTED), (_SPREADS, _SPREADS_EXPECTED)):
            study.claim(text, expected, why=missing, rows=(26,))
        return
    label = f"mixed4c:{unit}"
    words = "by its published number"
    if late is not None and not study.labelled:
        tells = separation(late.highest["mixed4c"], late.cars)
        words = (
            f"because it tells {int(late.cars.sum())} photographs of cars from {int((~late.cars).sum())} others best "
            f"of all {int(_placed(study).sum())} units of the 3x3 and 5x5 branches: in {tells[unit]:.0%} of pairs"
        )
    study.page.section("A circuit: a car from its parts", f"{label} was chosen {words}.")
    _show_parts(study, unit)
    if late is not None and (places := late.top("mixed4c", unit, _TOP)):
        study.page.figure(
            "car-photographs",
            pictures.columns([photographs(study, late, places, _SIDE)], class_names([late.classes[i] for i in places])),
            f"The photographs that drive {label} most, by their classes: {sum(late.cars[i] for i in places)} of "
            f"{len(places)} show cars.",
            alt=f"{len(places)} photographs, of cars where the unit is for them",
        )
    _show_superposition(study, late, unit)


def car_unit(study: Study, late: Late | None) -> tuple[str, int | None]:
    """The unit for cars, or what is missing to find it."""
    if len(study.layers("mixed4b", "mixed4c", "mixed4d")) < 3:
        return "the network has no mixed4d", None
    if study.labelled:
        return "", CAR
    if late is None:
        return "no photographs", None
    if late.cars.sum() < _LEAST_CARS or late.cars.all():
        return f"{int(late.cars.sum())} of the photographs are known to show cars", None
    tells = separation(late.highest["mixed4c"], late.cars)
    # Others have no places for parts: 1x1 sees one position, and pooling takes all alike.
    return "", int(np.where(_placed(study), tells, -1).argmax())


def _placed(study: Study) -> Bool[np.ndarray, " units"]:
    """Which units of mixed4c have weights of their own for each position."""
    branches, placed = circuits.branch_units(study.model, "mixed4c"), np.zeros(study.model.layers["mixed4c"], bool)
    for name in ("3x3", "5x5"):
        placed[list(branches[name])] = True
    return placed


def parts_of(study: Study, unit: int) -> list[int]:
    """The units of mixed4b that are shown below the car: its parts as published, or its strongest inputs."""
    return list(PARTS) if study.labelled else inputs_of(study, "mixed4b", "mixed4c", unit, study.few(_PARTS))[0]


def _show_parts(study: Study, unit: int) -> None:
    count = study.few(_PARTS)
    if study.labelled:
        numbers, tiles = inputs_of(study, "mixed4b", "mixed4c", unit, 0, PARTS)
        show_inputs(study, "car", "mixed4b", "mixed4c", unit, numbers, tiles, "Windows, body and wheels of a car.")
    else:
        found = circuits.circuit(study.model, "mixed4c", unit, 1, count=count, least=0.0)
        icons = {f"mixed4c:{unit}": study.icons("mixed4c", [unit])[unit]}
        drawn = study.icons("mixed4b", [one.number for one in found.units[1:]])
        icons |= {f"mixed4b:{n}": icon for n, icon in drawn.items()}
        study.page.figure(
            "car",
            diagram.draw(found, icons),
            f"mixed4c:{unit} and its {len(drawn)} strongest inputs: {', '.join(f'mixed4b:{n}' for n in drawn)}. Red "
            "excites, blue inhibits. The parts of a car have their places above and below each other: look for tiles "
            "that are red in their upper half, and such that are red in their lower.",
            alt=f"mixed4c:{unit} above {len(drawn)} units, with a tile of weights on each line",
        )
        _, tiles = inputs_of(study, "mixed4b", "mixed4c", unit, 2 * _PARTS)
    down, across = np.array([lean(tile) for tile in tiles]).T
    strength = np.square(tiles).sum((1, 2))
    study.claim(
        _CAR, _CAR_EXPECTED,
        measured=f"mixed4c:{unit}: {spread(down, strength):.2f} against {spread(across, strength):.2f} positions",
        published="1.31 against 0.03", holds=spread(down, strength) > spread(across, strength), rows=(26,),
    )  # fmt: skip
    study.claim(
        _BOTH, _BOTH_EXPECTED, measured=f"from {down.min():+.2f} to {down.max():+.2f} positions downwards",
        published="-1.41 to +1.43", holds=bool(down.min() < 0 < down.max()), rows=(26,),
    )  # fmt: skip


def spread(leans: Float[np.ndarray, " n"], strength: Float[np.ndarray, " n"]) -> float:
    """The root of the mean square of leans, by the strength of each input.

    >>> spread(np.array([3.0, 0.0]), np.array([1.0, 0.0]))
    3.0
    """
    return float(np.sqrt((np.square(leans) * strength).sum() / max(float(strength.sum()), 1e-30)))


def _show_superposition(study: Study, late: Late | None, unit: int) -> None:
    def make() -> dict[str, np.ndarray]:
        return {"weights": study.weights("mixed4c", "mixed4d", inputs=[unit])}

    weights = study.page.kept("superposition", make)["weights"][:, 0]
    net = weights.sum((1, 2))
    excited = np.argsort(-net, kind="stable")[:_SPREAD]
    excited = excited[net[excited] > 0]
    if not len(excited):
        study.claim(_SPREADS, _SPREADS_EXPECTED, measured="it excites no unit of mixed4d", holds=False, rows=(26,))
        return
    shown = excited[:_PARTS].tolist()
    dogs = cars = None
    if late is not None and late.dogs.any() and late.cars.any():
        dogs, cars = (separation(late.highest["mixed4d"], of) for of in (late.dogs, late.cars))
    notes = [] if dogs is None or cars is None else [f"dogs {dogs[n]:.0%}, cars {cars[n]:.0%}" for n in shown]
    study.page.section(
        "Superposition",
        "In the article, the car is given on to several units that are for something else, dogs most of all, and can "
        "be read from them together.",
    )
    show_inputs(
        study, "superposition", "mixed4d", "mixed4c", unit, shown, weights[shown],
        "Its weights to those that it excites most. Below each, in how many pairs of photographs it is higher for a "
        "dog, and for a car, than for another photograph." if notes else "Its weights to those that it excites most.",
        notes, outward=True,
    )  # fmt: skip
    if dogs is None:
        why = "no photographs" if late is None else "the photographs do not show both dogs and cars"
        study.claim(_SPREADS, _SPREADS_EXPECTED, why=why, rows=(26,))
        return
    both = int((dogs[excited] >= 0.6).sum())
    study.claim(
        _SPREADS, _SPREADS_EXPECTED,
        measured=f"{both} of {len(excited)}; of the layer {float((dogs >= 0.6).mean()):.0%}",
        published="3 are shown", holds=both >= 3, rows=(26,),
    )  # fmt: skip
