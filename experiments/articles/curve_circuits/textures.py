"""Textures: the units that make curve detectors robust to what surfaces look like, in a few groups."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

import circuits
from circuits.families import Family, published_family
from experiments.circuits import pictures
from experiments.circuits.icons import cropped, drawn
from experiments.study import Study
from featvis import objectives as obj

_LOWER, _UPPER = "mixed3a", "mixed3b"
FACTORS = 9
"""Groups that the article shows."""
_ALIKE = 0.8
_SIDE = 72
SHUFFLES = 199


def show_textures(study: Study, curves: Family) -> None:
    """Groups of texture units by their weights to curve detectors."""
    study.page.section(
        "Textures",
        "Curve detectors find the same curve in metal, wood and fur. Besides lines and early curves they read many "
        "units for textures, here in groups: non-negative factors of the weights, each a direction over units that "
        "acts on all curve detectors by a tile of its own.",
    )
    family = textures(study)
    units = curves.by_orientation(10)
    if units and len(family) > 1:
        _show(study, family, units)
    else:
        _claim_missing(study, "no curves were found" if not units else f"no {_kind(study)} were found in {_LOWER}")
    _claim_published(study)


def textures(study: Study) -> Family:
    """Texture units of mixed3a: as published, and for other networks those that gratings drive most."""
    if _LOWER not in study.model.layers:
        return Family("textures", _LOWER, ())
    return published_family(_LOWER, "Texture") if study.labelled else study.family(_LOWER, "gabors")


def matched(one: Float[np.ndarray, "k in"], other: Float[np.ndarray, "k in"]) -> Float[np.ndarray, " k"]:
    """Correlations of factors with those of another fit, one to one, such that they are as high as can be together.

    >>> one = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 5.0]])
    >>> matched(one, 3 * one[::-1]).round(6).tolist()
    [1.0, 1.0]
    """
    from scipy.optimize import linear_sum_assignment

    def upright(values: np.ndarray) -> np.ndarray:
        centred = values - values.mean(1, keepdims=True)
        return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-30)

    table = upright(np.asarray(one, np.float64)) @ upright(np.asarray(other, np.float64)).T
    return table[linear_sum_assignment(-table)]


def agreement(
    weights: Float[np.ndarray, "out in row column"], factors: int, seed: int = 0
) -> tuple[float, float, float]:
    """How alike the groups are that one half of the units and the other lead to.

    Args:
        weights: of units from those that are grouped.
        factors: how many groups.
        seed: of the fits and shuffles.

    Returns:
        The mean correlation of groups after matching; the largest of `SHUFFLES` with the inputs of one half shuffled;
        and p beside these.
    """
    one, other = (circuits.nmf(weights[start::2], factors, seed=seed).inputs for start in (0, 1))
    found, rng = float(matched(one, other).mean()), np.random.default_rng(seed)
    null = [float(matched(one, other[:, rng.permutation(other.shape[1])]).mean()) for _ in range(SHUFFLES)]
    return found, max(null), float((1 + (np.array(null) >= found).sum()) / (1 + SHUFFLES))


def _kind(study: Study) -> str:
    return "textures" if study.labelled else "units that gratings drive most"


def _show(study: Study, family: Family, units: list[int]) -> None:
    listed = list(family.units)
    count = min(FACTORS, len(listed) - 1)

    def make() -> dict[str, np.ndarray]:
        weights = study.weights(_LOWER, _UPPER, units, inputs=listed)
        found = circuits.nmf(weights, count, seed=study.config.seed)
        return {"weights": weights, "maps": found.maps, "inputs": found.inputs, "error": np.array(found.error)}

    kept = study.page.kept("textures", make)
    whole = np.zeros((count, study.model.layers[_LOWER]), np.float32)
    whole[:, listed] = kept["inputs"]
    wanted = [obj.direction_neuron(_LOWER, one) for one in whole]
    images = cropped(study.model, _LOWER, drawn(study.page, "drawing-textures", study.model, wanted, study.drawing))
    strongest = np.argsort(-kept["inputs"], axis=1, kind="stable")[:, :2]
    icons = study.icons(_LOWER, [listed[j] for j in strongest.ravel()])
    shown = units[:: max(1, len(units) // 4)][:4]
    own = study.icons(_UPPER, shown)
    tiles = circuits.weights_to_rgb(kept["maps"], float(np.abs(kept["maps"]).max()) or 1.0)
    rows = [[pictures.icon(image, _SIDE) for image in images]]
    rows += [[pictures.icon(icons[listed[strongest[k, j]]], _SIDE) for k in range(count)] for j in range(2)]
    rows += [[pictures.tile(one, _SIDE) for one in tiles[units.index(u)]] for u in shown]
    pairs = "; ".join(f"{_LOWER}:{listed[a]} and {_LOWER}:{listed[b]}" for a, b in strongest)
    study.page.figure(
        "textures",
        pictures.columns(rows, [f"factor {k + 1}" for k in range(count)],
                         ["direction", "strongest", "second", *(f"to {_UPPER}:{u}" for u in shown)]),
        f"{count} non-negative factors of the weights from {len(listed)} {_kind(study)} of {_LOWER} to {len(units)} "
        f"curve detectors, those that contribute most first: the direction, drawn; its two strongest units ({pairs}); "
        f"and how it acts on {', '.join(f'{_UPPER}:{u}' for u in shown)}. {kept['error']:.0%} of the weights' length "
        "are left over.",
        alt=f"{count} textures, their strongest units, and tiles of weights to {len(own)} curve detectors",
    )  # fmt: skip
    _claim(study, kept, listed, count)


def _claim(study: Study, kept: Mapping[str, np.ndarray], listed: list[int], count: int) -> None:
    text, expected = "Nine factors of texture units", f"mean correlation above {_ALIKE} after matching one to one"
    numbers = study.numbers_of("texture_factors.json") if study.labelled else None
    if numbers is None:
        why = "the published factors are not at hand" if study.labelled else "needs the weights of inception5h"
        study.claim(text, expected, published="9 over 65 units", why=why, basis="published units", rows=(24,))
    else:
        theirs = directions(numbers)[:, listed]
        alike = matched(kept["inputs"], theirs)
        study.claim(
            text, expected, measured=f"mean {alike.mean():.2f}, lowest {alike.min():.2f}", published="9 over 65 units",
            holds=bool(alike.mean() > _ALIKE), rows=(24,),
        )  # fmt: skip
    text = "One half of the curve detectors groups texture units as the other half does"
    expected = f"groups correlate more than with shuffled units, p below 0.05 of {SHUFFLES}"
    if min(len(kept["weights"][0::2]), len(kept["weights"][1::2])) < 1:
        study.claim(text, expected, why="there is one curve detector", rows=(24,))
        return
    score, most, p = agreement(kept["weights"], count, study.config.seed)
    study.claim(
        text, expected, measured=f"mean correlation {score:.2f}, at most {most:.2f} by chance, p {p:.2g}",
        holds=p < 0.05, rows=(24,),
    )  # fmt: skip


def _claim_missing(study: Study, why: str) -> None:
    study.page.section("", f"Nothing can be shown: {why}.")
    expected = f"mean correlation above {_ALIKE} after matching one to one"
    needs = why if study.labelled else "needs the weights of inception5h"
    study.claim("Nine factors of texture units", expected, published="9 over 65 units", why=needs,
                basis="published units", rows=(24,))  # fmt: skip
    study.claim("One half of the curve detectors groups texture units as the other half does",
                "groups correlate more than with shuffled units", why=why, rows=(24,))  # fmt: skip


def directions(numbers: Mapping[str, Any]) -> Float[np.ndarray, "k 256"]:
    """The published factors, over all units of mixed3a.

    Args:
        numbers: of `texture_factors.json`.

    >>> directions({"directions": [{"3": 0.5}]})[0, :5].tolist()
    [0.0, 0.0, 0.0, 0.5, 0.0]
    """
    found = np.zeros((len(numbers["directions"]), 256))
    for row, given in zip(found, numbers["directions"], strict=True):
        row[[int(unit) for unit in given]] = list(given.values())
    return found


def _claim_published(study: Study) -> None:
    text = "Published: nine factors, over the 65 units of the family of textures and no other"
    expected, known = "exactly", {"basis": "published numbers", "rows": (24,), "published": "9 over 65 units"}
    numbers = study.numbers_of("texture_factors.json")
    if numbers is None:
        study.claim(text, expected, why="the published factors are not at hand", **known)
        return
    found = directions(numbers)
    used, family = set(np.flatnonzero(found.any(0)).tolist()), set(published_family(_LOWER, "Texture").units)
    study.claim(
        text, expected, measured=f"{len(found)} over {len(used)} units, {len(used - family)} of them other",
        holds=bool(len(found) == FACTORS and used == family and (found >= 0).all()), **known,
    )  # fmt: skip
