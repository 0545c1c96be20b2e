"""*Branch Specialization*, without branches: first-layer units in the order of what they are connected to."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from circuits import svd
from circuits.factors import Singular
from circuits.families import published_family, sort_filters
from experiments.circuits import pictures
from experiments.study import Study
from experiments.study.plots import CYCLE, drawn

LEAST = 0.9
"""Area under the curve from which on colour and grey count as apart: row 28 of the reproductions."""


def show_order(study: Study) -> None:
    """Singular vectors of the strengths of connections between the first layers, and whether they part colours."""
    text = "Colour and grey units of the first layer of tf-slim's InceptionV1 are apart along the first singular vector"
    expected = f"area under the curve above {LEAST}"
    study.claim(text, expected, why="needs the weights of tf-slim, which are not at hand", basis="weights", rows=(28,))
    layers = study.layers("conv2d0", "conv2d1", "conv2d2")
    if len(layers) < 3 or np.shape(study.model.weights["conv2d0"]["kernel"])[2] != 3:
        study.claim("The same here", expected, why="the network has another stem", basis="weights", rows=(28,))
        return
    study.page.section(
        "Without branches",
        "Units of the first layers are in no branch. Ordered by what they are connected to (singular vectors of the "
        "absolute weights), they part all the same: colour on one side, black and white on the other.",
    )
    colour, grey = first_layer(study)
    for upper in layers[1:]:
        found = study.page.kept(f"singular-{upper}", lambda upper=upper: _vectors(study, upper)._asdict())
        _draw(study, upper, found["inputs"], colour, grey)
        text = f"The same of {study.model.name}, by weights from conv2d0 to {upper}"
        expected = f"area under the curve above {LEAST} along vector 0, whichever end colours lie at (0.5: not apart)"
        if min(len(colour), len(grey)) < 2:
            why = "fewer than two units of the first layer are coloured, or grey"
            study.claim(text, expected, why=why, basis="weights", rows=(28,))
            continue
        areas = [apart(vector[list(colour)], vector[list(grey)]) for vector in found["inputs"][:2]]
        study.claim(
            text,
            expected,
            measured=f"{areas[0]:.3f} along vector 0, {areas[1]:.3f} along vector 1; {len(colour)} and {len(grey)} "
            "units",
            published="apart, in a picture",
            holds=areas[0] > LEAST,
            basis="weights",
            rows=(28,),
        )


def first_layer(study: Study) -> tuple[Sequence[int], Sequence[int]]:
    """Colour contrast and Gabor filters of conv2d0: as published for inception5h, else sorted by their weights."""
    if study.labelled:
        colour, grey = (published_family("conv2d0", name).units for name in ("Color Contrast", "Gabor Filters"))
        return colour, grey
    kinds = {family.name: family.units for family in sort_filters(study.model.weights["conv2d0"]["kernel"])}
    return kinds.get("colour contrast", ()), kinds.get("gabors", ())


def apart(some: Float[np.ndarray, " n"], others: Float[np.ndarray, " m"]) -> float:
    """How well a value tells two groups apart: area under the ROC curve, 1 perfectly, 0.5 not at all.

    Which group has the larger values does not matter, because the sign of a singular vector means nothing.

    >>> apart(np.array([1.0, 2.0]), np.array([3.0, 4.0])), apart(np.array([1.0, 4.0]), np.array([2.0, 3.0]))
    (1.0, 0.5)
    """
    above = (some[:, None] > others).mean() + 0.5 * (some[:, None] == others).mean()
    return float(max(above, 1 - above))


def _vectors(study: Study, upper: str) -> Singular:
    weights = study.weights("conv2d0", upper)
    return svd(weights, min(3, *weights.shape[:2]))


def _draw(study: Study, upper: str, vectors: np.ndarray, colour: Sequence[int], grey: Sequence[int]) -> None:
    kernel = np.moveaxis(np.asarray(study.model.weights["conv2d0"]["kernel"], np.float32), 3, 0)
    shown = 0.5 + 0.5 * kernel / np.maximum(np.abs(kernel).max((1, 2, 3), keepdims=True), 1e-9)
    kinds = {**dict.fromkeys(colour, 0), **dict.fromkeys(grey, 1)}

    def draw(axes: Any) -> None:
        from matplotlib.offsetbox import AnnotationBbox, OffsetImage

        along, up = vectors[1], vectors[0]
        axes.scatter(along, up, s=1, alpha=0)
        for unit in range(len(kernel)):
            image = np.asarray(pictures.tile(shown[unit], 28))
            edge = CYCLE[kinds[unit]] if unit in kinds else "#9aa0a6"
            frame = {"edgecolor": edge, "linewidth": 1.4, "boxstyle": "square,pad=0"}
            axes.add_artist(
                AnnotationBbox(OffsetImage(image, zoom=0.72), (along[unit], up[unit]), bboxprops=frame, pad=0.08)
            )
        axes.margins(0.08)

    study.page.figure(
        f"order-{upper}",
        drawn(draw, "singular vector 1", "singular vector 0", (7.6, 6.0)),
        f"Filters of conv2d0 where singular vectors of the absolute weights to {upper} put them: framed in red those "
        "of colour contrast, in blue Gabor filters. Colours gather on one side.",
        alt="Small filters scattered over two axes, coloured ones apart from grey ones",
    )
    _row(study, upper, vectors[1], shown)


def _row(study: Study, upper: str, vector: np.ndarray, shown: np.ndarray) -> None:
    order = np.argsort(vector, kind="stable")
    lines = [[pictures.tile(shown[unit], 40) for unit in part] for part in np.array_split(order, -(-len(order) // 16))]
    width = max(map(len, lines))
    blank = pictures.tile(np.ones((1, 1, 3)), 40)
    study.page.figure(
        f"sorted-{upper}",
        pictures.columns([line + [blank] * (width - len(line)) for line in lines], [""] * width),
        f"The same filters in the order of singular vector 1 of the weights to {upper}, line by line.",
        alt="Filters from grey to coloured",
    )
