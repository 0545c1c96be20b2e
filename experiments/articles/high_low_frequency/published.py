"""What was published of high-low frequency detectors: their tuning and factors, and how near the measured ones come."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from circuits.families import apart
from circuits.tuning import circular_mean
from experiments.articles.high_low_frequency.factors import STEADY, Factored, direction_of, opposed, steadiness
from experiments.articles.high_low_frequency.tuning import Tuned, heat
from experiments.circuits import pictures
from experiments.study import Study
from experiments.study.measures import correlation

PUBLISHED = {136: 91.0, 108: 163.0, 132: 219.0, 88: 284.0, 110: 0.0, 180: 62.0}
"""Angles of six units of mixed3a of inception5h: towards the high frequencies, clockwise from the right."""


def show_tuning(study: Study, tuned: Tuned | None) -> None:
    """The published heat maps, their circular means, and how near the measured ones come."""
    arrays = study.numbers_of("high_low_tuning.npz")
    listed = ", ".join(f"{angle:.0f}" for angle in PUBLISHED.values())
    text, expected = "Circular means of six published tuning heat maps", "as published, within a degree: rounding"
    found: dict[int, float] = {}
    if arrays is None:
        why = "the published heat maps are not at hand"
        study.claim(text, expected, published=listed, why=why, basis="published numbers", rows=(10,))
    else:
        found = published_angles(arrays["hl"], arrays["hl_units"])
        maps = [heat(one, (0.0, 360.0, 10.0, 1.0)) for one in arrays["hl"]]
        study.page.figure(
            "tuning-published",
            pictures.columns([maps], [f"{u} ({angle:.0f}°)" for u, angle in found.items()]),
            "The same, as published for six units of mixed3a of inception5h.",
            alt="Six published heat maps, each with one bright column",
        )
        study.claim(
            text,
            expected,
            measured=", ".join(f"{found[u]:.1f}" for u in PUBLISHED),
            published=listed,
            holds=all(apart(found[u], angle) <= 1.0 for u, angle in PUBLISHED.items()),
            basis="published numbers",
            rows=(10,),
        )
    text, expected = (
        "Angles of six published units, by stimuli of our own",
        "within 15 degrees: other waves, other size",
    )
    if not study.labelled or tuned is None:
        study.claim(text, expected, published=listed, why="needs the weights of inception5h", rows=(10,))
        return
    off = [apart(tuned.angles[u], found.get(u, angle)) for u, angle in PUBLISHED.items()]
    study.claim(
        text,
        expected,
        measured=", ".join(f"{tuned.angles[u]:.0f}" for u in PUBLISHED),
        published=listed,
        # Of a silent unit the difference is NaN, which is not within anything.
        holds=all(one <= 15.0 for one in off),
        rows=(10,),
    )


def published_angles(maps: Float[np.ndarray, "units ratios 360"], units: np.ndarray) -> dict[int, float]:
    """Circular means of heat maps whose columns are degrees, by unit.

    >>> column = np.zeros((1, 2, 360), np.float32)
    >>> column[..., 80:101] = 1.0
    >>> {unit: round(angle, 3) for unit, angle in published_angles(column, np.array([136])).items()}
    {136: 90.0}
    """
    means = circular_mean(maps.mean(1).T, np.arange(360.0))
    return dict(zip(units.tolist(), means.tolist(), strict=True))


def claim_factors(study: Study, several: list[Factored], tuned: Tuned | None) -> None:
    """What was published of factors: their sides, what they respond to, their inputs and tiles."""
    numbers, arrays = study.numbers_of("high_low_frequency.json"), study.numbers_of("high_low_tuning.npz")
    known: dict[str, Any] = {"basis": "published numbers"}
    text, expected = "Published factors: one rises with frequency, one falls", f"rank correlations as above, {STEADY}"
    if arrays is None:
        study.claim(text, expected, why="the published responses are not at hand", rows=(10,), **known)
    else:
        rises, falls = (steadiness(arrays[name].astype(float).mean(1)) for name in ("hf", "lf"))
        holds = rises >= STEADY and falls <= -STEADY
        study.claim(text, expected, measured=f"{rises:.3f} and {falls:.2f}", holds=holds, rows=(10,), **known)
    text = "Published factors of six units lie on opposite sides, that of high frequencies as tuning says"
    expected = "sides more than 90 degrees apart, that of the high ones within 15 degrees of the published angle"
    if numbers is None:
        study.claim(text, expected, why="the published factors are not at hand", rows=(9,), **known)
    else:
        tiles = {
            (unit, lower): [np.array(pair[name]) for name in ("HF", "LF")]
            for unit, by_layer in numbers["nmf_spatial_factors"].items()
            for lower, pair in by_layer.items()
        }
        angles = {unit: one["circular_mean_deg"] for unit, one in numbers["tuning_peaks"].items()}
        near = [
            opposed(*pair) and apart(direction_of(pair[0]), angles[unit]) <= 15 for (unit, _), pair in tiles.items()
        ]
        study.claim(text, expected, measured=f"{sum(near)} of {len(near)}", holds=all(near), rows=(9,), **known)
    text = "Spatial factors, and the five strongest inputs of both, as published"
    expected = "12 of 12 tiles correlate at least 0.98; lists from conv2d2 and conv2d1 alike, amounts within 0.05"
    if not study.labelled or tuned is None or numbers is None:
        why = "needs the weights of inception5h" if not study.labelled else "the published factors are not at hand"
        study.claim(text, expected, why=why, rows=(9,))
        return
    lists, tiles, least = 0, 0, 1.0
    for one in several:
        found = agreement(one, tuned.units, numbers)
        lists, tiles = lists + found["lists"], tiles + sum(score >= 0.98 for score in found["tiles"])
        least = min([least, *found["tiles"]])
    study.claim(
        text, expected, measured=f"{tiles} of 12 tiles, least {least:.3f}; {lists} of 4 lists", published="12, 4",
        holds=tiles == 12 and lists == 4, rows=(9,),
    )  # fmt: skip


def agreement(found: Factored, units: list[int], numbers: Mapping[str, Any]) -> dict[str, Any]:
    """How factors compare with the published ones.

    Args:
        found: of inception5h, from conv2d2 or conv2d1.
        units: of mixed3a, in the order of the factors' maps.
        numbers: high_low_frequency.json.

    Returns:
        `lists`, how many of the two lists of five inputs are alike, in order, with amounts within 0.05 of the first;
        `tiles`, correlations of the published spatial factors from conv2d2 with those found.
    """
    lists, scores = 0, []
    for factor, name in enumerate(("HF", "LF")):
        numbered, amounts = zip(*numbers["nmf_components"][found.lower][name], strict=True)
        own = found.inputs[factor]
        alike = np.argsort(-own, kind="stable")[: len(numbered)].tolist() == list(numbered)
        shares = own[list(numbered)] / max(float(own[numbered[0]]), 1e-30)
        lists += alike and bool(np.abs(shares - np.array(amounts) / amounts[0]).max() <= 0.05)
        if found.lower == "conv2d2":
            for unit, tiles in numbers["nmf_spatial_factors"].items():
                published = np.array(tiles["conv2d2_at_maxpool1"][name])
                scores.append(correlation(found.maps[units.index(int(unit)), factor], published))
    return {"lists": lists, "tiles": scores}
