"""A curve detector taken apart: what it wants of an earlier layer at each position, drawn, and how strongly."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from PIL import Image

import featvis
from circuits.families import Family, apart, published_family
from circuits.tuning import receptive_field
from experiments.circuits import pictures
from experiments.circuits.icons import canvas, cropped, drawn
from experiments.circuits.units import read_at
from experiments.study import Study
from featvis import objectives as obj

UPPER = "mixed3b"
"""Where the curve detectors are."""
_LOWER = ("conv2d2", "mixed3a")
_NEAR = 30.0
"""Degrees: a third of the axes lie so close to the tangent by chance."""
_FAINTEST = 0.2
"""Positions whose weights are shorter than this share of the longest are left empty."""
_SIDE = 84


def show_decomposed(study: Study, curves: Family) -> None:
    """The best curve detector in pictures of its weights, and where all of them look."""
    study.page.section(
        "What a curve detector is made of",
        "Without its ReLUs, the network between an earlier layer and a curve detector is linear, and at each position "
        "its weights are a direction in the space of the earlier layer's units. A direction can be drawn. The further "
        "back, the simpler the shapes, all along the tangent of the curve.",
    )
    angles = dict(list(curves.angles.items())[: study.few(10)])
    kept = {
        layer: study.page.kept(
            f"weights-{layer}", lambda layer=layer: {"weights": study.weights(layer, UPPER, list(angles))}
        )["weights"]
        for layer in (study.layers(*_LOWER) if angles else [])
    }
    if not kept:
        study.page.section("", f"Nothing can be shown: no curve detectors were found in {UPPER}.")
    else:
        _draw_one(study, next(iter(angles)), {layer: weights[0] for layer, weights in kept.items()})
        _draw_all(study, curves.by_orientation(len(angles)), list(angles), kept)
    _claim_axes(study, angles, kept)


def axes(strengths: Float[np.ndarray, "n row column"]) -> Float[np.ndarray, " n"]:
    """The axis along which each map extends, in degrees from 0 to 180, clockwise from the right.

    It is the axis of largest variance of the positions, each weighted by its strength squared.

    >>> line = np.zeros((2, 5, 5))
    >>> line[0, 2], line[1, :, 2] = 1.0, 1.0
    >>> axes(line).tolist()
    [0.0, 90.0]
    """
    y, x = (np.indices(strengths.shape[1:]) - (np.array(strengths.shape[1:])[:, None, None] - 1) / 2).astype(float)
    found = []
    for one in strengths:
        share = one**2 / max(float((one**2).sum()), 1e-30)
        places = np.stack([(x - (share * x).sum()).ravel(), (y - (share * y).sum()).ravel()])
        across, along = np.linalg.eigh((places * share.ravel()) @ places.T)[1][:, 1]
        found.append(np.rad2deg(np.arctan2(along, across)) % 180)
    return np.round(found, 9)


def off_tangent(strengths: Float[np.ndarray, "n row column"], angles: Float[np.ndarray, " n"]) -> np.ndarray:
    """Degrees, at most 90, between the axis along which each map extends and the tangent of its curve.

    Args:
        strengths: of the weights at each position.
        angles: directions in which the curves bulge.

    >>> line = np.zeros((1, 5, 5))
    >>> line[0, 2] = 1.0
    >>> off_tangent(line, np.array([270.0])).tolist(), off_tangent(line, np.array([180.0])).tolist()
    ([0.0], [90.0])
    """
    return apart(axes(strengths), (np.asarray(angles) + 90), 180.0)


def _draw_one(study: Study, unit: int, kept: dict[str, np.ndarray]) -> None:
    """A grid of feature visualisations for each layer, as opaque as the weights are strong."""
    panels: list[Image.Image] = []
    for layer, weights in kept.items():
        at = read_at(study.model, layer, UPPER)
        lengths = np.linalg.norm(weights, axis=0)
        strengths = lengths / (lengths.max() or 1.0)
        places = [tuple(place) for place in np.argwhere(strengths >= _FAINTEST)]
        if not places:
            continue
        wanted = [obj.direction_neuron(at, (weights[:, r, c] / lengths[r, c]).astype(np.float32)) for r, c in places]
        config = replace(study.drawing, size=_size(study, at))
        grey = featvis.param.grey(_size(study, at))
        icons = cropped(study.model, at, drawn(study.page, f"decomposed-{layer}", study.model, wanted, config, grey))
        grid = np.ones((*strengths.shape, *icons.shape[1:]), np.float32)
        for place, image in zip(places, icons, strict=True):
            grid[place] = image
        edge = _empty_edge(strengths >= _FAINTEST)
        inside = tuple(slice(edge, size - edge) for size in strengths.shape)
        shown = np.where(strengths >= _FAINTEST, strengths, 0)[inside]
        panels.append(pictures.field(grid[inside], shown, max(24, 392 // len(shown))))
    if not panels:
        return
    label, own = f"{UPPER}:{unit}", study.icons(UPPER, [unit])[unit]
    names = [f"{layer} ({w.shape[1]}x{w.shape[2]} positions)" for layer, w in kept.items()]
    study.page.figure(
        "decomposed",
        pictures.across([*panels, pictures.icon(own, 160)], [*names[: len(panels)], label]),
        f"{label} taken apart: at each position an image, in grey, that the direction of its weights there responds to "
        f"most, as opaque as the weights are long; those under {_FAINTEST:.0%} of the longest are left out. Lines and "
        "small curves lie along the curve, and turn with it.",
        alt=f"Grids of lines and of small curves, which together make the curve that {label} looks for",
    )


def _empty_edge(used: np.ndarray) -> int:
    """Positions along all borders of which none is used."""
    edge = 0
    while not (used[edge].any() or used[:, edge].any() or used[-1 - edge].any() or used[:, -1 - edge].any()):
        edge += 1
    return edge


def _draw_all(study: Study, order: list[int], units: list[int], kept: dict[str, np.ndarray]) -> None:
    icons = study.icons(UPPER, order)
    rows = [[pictures.icon(icons[u], _SIDE) for u in order]]
    for weights in kept.values():
        lengths = np.linalg.norm(weights, axis=1)[[units.index(u) for u in order]]
        dark = lengths / np.maximum(lengths.max((1, 2), keepdims=True), 1e-30)
        rows.append([pictures.tile(1 - 0.9 * one[..., None] * np.ones(3), _SIDE) for one in dark])
    study.page.figure(
        "strengths",
        pictures.columns(rows, [f"{UPPER}:{u}" for u in order], ["looks for", *kept]),
        f"Where {len(order)} curve detectors look: the length of their weights to {' and '.join(kept)} at each "
        "position, the darker the longer, of each unit and layer by its own largest. Strong weights lie along the arc.",
        alt=f"{len(order)} curves, and below each dark positions in the shape of its arc",
    )


def _claim_axes(study: Study, angles: dict[int, float], kept: dict[str, np.ndarray]) -> None:
    text = "The strongest weights of curve detectors lie along the tangent of the curve"
    expected = f"the axis of the weights to {{}} within {_NEAR:g} degrees of the tangent, for three of four"
    rows = (21,)
    for layer in _LOWER:
        if layer not in kept or not angles:
            why = f"no curve detectors were found in {UPPER}" if not angles else f"{study.model.name} has no {layer}"
            study.claim(text, expected.format(layer), why=why, rows=rows)
            continue
        off = off_tangent(np.linalg.norm(kept[layer], axis=1), np.array(list(angles.values())))
        near = int((off <= _NEAR).sum())
        study.claim(
            text, expected.format(layer), measured=f"{near} of {len(off)}, median {np.median(off):.0f} degrees",
            holds=near >= 0.75 * len(off), rows=rows,
        )  # fmt: skip
    expected = "within 15 degrees for each of ten: a tile has nine positions across, and its arc bends"
    numbers = study.numbers_of("expanded_conv2d2_to_mixed3b.json")
    if numbers is None:
        why = "the published weights are not at hand"
        study.claim(f"Published: {text}", expected, why=why, basis="published numbers", rows=(5, 21))
        return
    off = published_axes(numbers)
    study.claim(
        f"Published, over 33 lines of conv2d2: {text[0].lower()}{text[1:]}", expected,
        measured=f"{int((off <= 15).sum())} of {len(off)}, at most {off.max():.1f} degrees",
        published="figures", holds=bool((off <= 15).all()), basis="published numbers", rows=(5, 21),
    )  # fmt: skip


def published_axes(numbers: dict) -> Float[np.ndarray, " units"]:
    """How far the published weights from lines of conv2d2 extend off the tangent of each curve, in degrees."""
    known = published_family(UPPER, "Curves").angles
    lengths = np.linalg.norm(published_tiles(numbers), axis=1)
    return off_tangent(lengths, np.array([known[unit] for unit in numbers["downstream_order"]]))


def published_tiles(numbers: dict) -> Float[np.ndarray, "curves lines 9 9"]:
    """The published two-layer weights, a tile for each curve of mixed3b and each line of conv2d2.

    Args:
        numbers: of `expanded_conv2d2_to_mixed3b.json`.
    """
    return np.array(
        [[numbers["weights"][f"{line}-{curve}"] for line in numbers["upstream_order"]]
         for curve in numbers["downstream_order"]], float,
    )  # fmt: skip


def _size(study: Study, at: str) -> int:
    """Side of the images in which icons are drawn: what the middle sees, and room to move it."""
    whole = canvas(study.config, study.model)
    seen = receptive_field(study.model, at, study.model.architecture.image_size).size[0]
    return min(whole, -(-(seen + 16) // 8) * 8)
