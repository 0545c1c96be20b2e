"""Weights between families: early curves and lines to curve detectors, one layer back and two."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image

import circuits
from circuits.families import Family, apart
from experiments.articles.curve_circuits.decomposed import published_tiles
from experiments.circuits import pictures
from experiments.study import Study
from experiments.study.plots import points

_UPPER = "mixed3b"
_SIDE = 48
_SIMILAR, _OPPOSITE = 25.0, 155.0
"""Differences in orientation up to which, and from which on, curves are similar and opposite."""
PERMUTATIONS = 1999
_ROUNDED = 4.0
"""Published tiles are whole numbers: below this root mean square, rounding alone takes the correlation under 0.99."""


def show_weights(study: Study, curves: Family) -> None:
    """Weight matrices from early curves and from lines to curve detectors."""
    study.page.section(
        "Early curves and lines make curves",
        "At each position, a curve detector is excited by earlier curves of its own orientation and inhibited by those "
        "that bulge the other way, which its edges could be mistaken for.",
    )
    upper = curves.by_orientation(study.few(10))
    _show_curves(study, curves, upper)
    study.page.section(
        "Lines, two layers back",
        "Lines of conv2d2 are pure: each stands for one orientation. Their weights to curve detectors, two layers "
        "further on, follow the tangent of the curve, from one side of it to the other.",
    )
    _show_lines(study, curves, upper)
    _claim_tiles(study)


def tangent(
    weights: Float[np.ndarray, "out in row column"],
    curves: Float[np.ndarray, " out"],
    lines: Float[np.ndarray, " in"],
    seed: int = 0,
) -> tuple[float, float]:
    """Whether lines excite the curves whose middle they touch: a correlation, and its p beside shuffled lines.

    The weights in the middle, three positions wide, are compared with the cosine of twice the difference between the
    direction of the curve and the line's normal, which is 1 for a tangent and -1 for a line across.

    Args:
        weights: of curves from lines.
        curves: directions in which the curves bulge.
        lines: normals of the lines.
        seed: of the permutations.

    >>> angles = np.arange(0.0, 180.0, 15.0)
    >>> weights = np.cos(2 * np.deg2rad(angles[:, None] - angles))[..., None, None]
    >>> tangent(weights, angles, angles)
    (1.0, 0.0005)
    """
    sums = _middle(weights)
    rng = np.random.default_rng(seed)

    def score(order: np.ndarray) -> float:
        along = np.cos(2 * np.deg2rad(np.subtract.outer(curves, lines[order])))
        return float(np.corrcoef(along.ravel(), sums.ravel())[0, 1]) if sums.std() > 0 else 0.0

    found = score(np.arange(len(lines)))
    null = np.array([score(rng.permutation(len(lines))) for _ in range(PERMUTATIONS)])
    return round(found, 9), float((1 + (null >= found - 1e-9).sum()) / (1 + PERMUTATIONS))


def _show_curves(study: Study, curves: Family, upper: list[int]) -> None:
    early = study.family("mixed3a", "curves") if "mixed3a" in study.model.layers else Family("curves", "mixed3a", ())
    lower = early.by_orientation(study.few(10))
    text = "Curve detectors are excited by early curves of their orientation, and inhibited by opposite ones"
    expected = f"mean sum of weights above 0 within {_SIMILAR:g} degrees, below 0 from {_OPPOSITE:g} on"
    if not upper or not lower:
        why = f"no curves were found in {_UPPER if not upper else 'mixed3a'}"
        study.page.section("", f"Nothing can be shown: {why}.")
        study.claim(text, expected, why=why)
        return
    weights = _kept(study, "curves", "mixed3a", upper, lower)
    _matrix(study, "matrix-curves", early, curves, weights, "Red along the diagonal, blue away from it: curves of one "
            "orientation excite, opposite ones inhibit, and the change is smooth.")  # fmt: skip
    _pairs(study, early, curves, upper, lower, weights)
    between = apart(*np.meshgrid([curves.angles[u] for u in upper], [early.angles[u] for u in lower], indexing="ij"))
    sums = weights.sum((2, 3))
    near, far = sums[between <= _SIMILAR], sums[between >= _OPPOSITE]
    if not len(near) or not len(far):
        study.claim(text, expected, why="no pairs of early curves and curves of similar, or of opposite, orientation")
        return
    study.claim(
        text, expected, measured=f"{near.mean():+.3g} of {len(near)} pairs, {far.mean():+.3g} of {len(far)}",
        published="+2.38 and -3.02, in units of the figure", holds=bool(near.mean() > 0 > far.mean()),
    )  # fmt: skip


def _pairs(
    study: Study, early: Family, curves: Family, upper: list[int], lower: list[int], weights: np.ndarray
) -> None:
    """For each curve the early curve nearest to its orientation, and the one nearest to the opposite."""
    between = apart(*np.meshgrid([curves.angles[u] for u in upper], [early.angles[u] for u in lower], indexing="ij"))
    icons, own = study.icons("mixed3a", lower), study.icons(_UPPER, upper)
    scale = float(np.abs(weights).max()) or 1.0
    rows = [[pictures.icon(own[u], 64) for u in upper]]
    for nearest in (between.argmin(1), between.argmax(1)):
        rows.append([pictures.icon(icons[lower[j]], 64) for j in nearest])
        rows.append([pictures.tile(circuits.weights_to_rgb(weights[i, j], scale), 64) for i, j in enumerate(nearest)])
    study.page.figure(
        "pairs",
        pictures.columns(
            rows, [f"{curves.angles[u]:.0f}°" for u in upper], [_UPPER, "most alike", "weights", "opposite", "weights"]
        ),
        f"Each curve detector with the early curve that is most like it, and with its opposite: what excites it, in "
        f"red, lies along the curve, and what inhibits it too. {_listed(_UPPER, upper)}; {_listed('mixed3a', lower)}.",
        alt=f"{len(upper)} curve detectors, below them weights that are red for similar and blue for opposite curves",
    )


def _show_lines(study: Study, curves: Family, upper: list[int]) -> None:
    text = "Lines of conv2d2 excite the curve detectors whose middle they touch, two layers on"
    expected = f"correlation with the cosine of twice the difference above 0, p below 0.001 of {PERMUTATIONS}"
    lines = study.family("conv2d2", "lines") if "conv2d2" in study.model.layers else Family("lines", "conv2d2", ())
    listed = lines.by_orientation(study.few(12))
    if study.labelled and (numbers := study.numbers_of("expanded_conv2d2_to_mixed3b.json")) is not None:
        listed, upper = list(numbers["upstream_order"]), list(numbers["downstream_order"])
    if not upper or not listed:
        why = f"no curves were found in {_UPPER}" if not upper else "no lines were found in conv2d2"
        study.page.section("", f"Nothing can be shown: {why}.")
        study.claim(text, expected, why=why, rows=(5,))
        return
    weights = _kept(study, "lines", "conv2d2", upper, listed)
    shown = min(12, len(listed))
    part = Family("lines", "conv2d2", tuple(listed[:shown]), tuple(lines.angles.get(u, np.nan) for u in listed[:shown]))
    most = "Each line excites along the curve where the curve has its orientation, and inhibits where it lies across."
    _matrix(study, "matrix-lines", part, curves, weights[:, :shown], most, listed[:shown], upper)
    # The article numbers lines, and does not say how they lie.
    angles = (study.found.family("conv2d2", "lines") if study.labelled else lines).angles
    known = [i for i, unit in enumerate(listed) if unit in angles]
    if len(known) < 3:
        study.claim(text, expected, why="the orientations of lines are not known", rows=(5,))
        return
    ends = np.array([curves.angles[u] for u in upper]), np.array([angles[listed[i]] for i in known])
    weights = weights[:, known]
    score, p = tangent(weights, *ends, study.config.seed)
    study.page.figure(
        "tangents",
        _scatter(weights, *ends),
        f"The weights in the middle of each tile, by the angle between the line and the tangent of the curve: lines "
        f"excite along it and inhibit across. Correlation with the cosine of twice the angle: {score:.2f}.",
        alt="Points that fall from excitation for tangents to inhibition for lines across",
    )
    study.claim(
        text, expected, measured=f"correlation {score:.2f}, p {p:.2g}", holds=score > 0 and p < 0.001, rows=(5,),
    )  # fmt: skip


def _scatter(weights: np.ndarray, curves: np.ndarray, lines: np.ndarray) -> Image.Image:
    sums = _middle(weights)
    away = apart(*np.meshgrid(curves, lines, indexing="ij"), 180.0)
    return points(away.ravel(), sums.ravel(), "degrees between line and tangent", "weight in the middle")


def _middle(weights: np.ndarray) -> np.ndarray:
    """Sums of the weights in the middle of each tile, three positions wide."""
    return _central(weights, min(3, *weights.shape[2:])).sum((2, 3))


def _kept(study: Study, name: str, layer: str, upper: Sequence[int], lower: Sequence[int]) -> np.ndarray:
    def make() -> Mapping[str, np.ndarray]:
        return {"weights": study.weights(layer, _UPPER, list(upper), inputs=list(lower))}

    return study.page.kept(f"matrix-{name}", make)["weights"]


def _matrix(
    study: Study,
    name: str,
    lower: Family,
    curves: Family,
    weights: np.ndarray,
    caption: str,
    columns: Sequence[int] | None = None,
    rows: Sequence[int] | None = None,
) -> None:
    columns = lower.by_orientation(weights.shape[1]) if columns is None else columns
    rows = curves.by_orientation(weights.shape[0]) if rows is None else rows
    tops, lefts = study.icons(lower.layer, columns), study.icons(_UPPER, rows)
    tiles = circuits.weights_to_rgb(weights, float(np.quantile(np.abs(weights), 0.998)) or 1.0)
    study.page.figure(
        name,
        pictures.matrix(
            [pictures.icon(lefts[u], _SIDE) for u in rows],
            [pictures.icon(tops[u], _SIDE) for u in columns],
            [[pictures.tile(one, _SIDE) for one in row] for row in tiles],
            ([_angle(curves, u) for u in rows], [_angle(lower, u) for u in columns]),
        ),
        f"Weights from {lower.name} of {lower.layer} (columns) to curves of {_UPPER} (rows), by orientation. {caption} "
        f"{_listed(lower.layer, columns)} to {_listed(_UPPER, rows)}.",
        alt=f"{len(rows)} rows of {len(columns)} tiles of weights, red where they excite and blue where they inhibit",
    )


def _angle(family: Family, unit: int) -> str:
    return f"{unit} ({family.angles[unit]:.0f}°)" if unit in family.angles else str(unit)


def _listed(layer: str, units: Sequence[int]) -> str:
    return ", ".join(f"{layer}:{unit}" for unit in units)


def _claim_tiles(study: Study) -> None:
    """The published two-layer weights, of units that go by their published numbers."""
    text = "Expanded weights over two layers, from lines of conv2d2 to curves of mixed3b"
    expected = (
        f"correlation at least 0.99 with each of the 330 published tiles but those whose root mean square is under "
        f"{_ROUNDED:g} of 66, which their rounding to whole numbers keeps below"
    )
    numbers = study.numbers_of("expanded_conv2d2_to_mixed3b.json") if study.labelled else None
    if numbers is None:
        why = "the published tiles are not at hand" if study.labelled else "needs the weights of inception5h"
        study.claim(text, expected, published="330 tiles", why=why, basis="published units", rows=(5,))
        return
    theirs = published_tiles(numbers)
    ours = _kept(study, "lines", "conv2d2", numbers["downstream_order"], numbers["upstream_order"])
    scores = np.array([[np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(*rows, strict=True)]
                       for rows in zip(_central(ours, 9), theirs, strict=True)])  # fmt: skip
    clear = np.sqrt((theirs**2).mean((2, 3))) >= _ROUNDED
    study.claim(
        text, expected,
        measured=f"{int((scores[clear] >= 0.99).sum())} of {int(clear.sum())} tiles, lowest {scores[clear].min():.3f}; "
        f"of all 330 {int((scores >= 0.99).sum())}",
        published="330 tiles", holds=bool((scores[clear] >= 0.99).all()), rows=(5,),
    )  # fmt: skip


def _central(weights: np.ndarray, size: int) -> np.ndarray:
    """The middle of each tile; of two middles the earlier, as in the articles."""
    rows, columns = ((n - size) // 2 for n in weights.shape[2:])
    return weights[:, :, rows : rows + size, columns : columns + size]
