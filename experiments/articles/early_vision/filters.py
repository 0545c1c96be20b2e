"""The first layer: its filters as they are, beside the published pictures of them."""

import numpy as np
from jaxtyping import Float

from circuits.families import published, sort_filters
from experiments.page import filter_colours
from experiments.study import Study
from featvis.sheet import sheet

_COLUMNS = 16
_KINDS = {"gabors": "Gabor Filters", "colour contrast": "Color Contrast", "other": "Other Units"}
"""What `sort_filters` tells apart, by its name in the article."""


def show_filters(study: Study) -> None:
    """The filters, sorted by their weights, and whether they are the published ones."""
    kernel = np.asarray(study.model.weights["conv2d0"]["kernel"], np.float32)
    theirs = study.numbers_of("conv2d0_weight_images.npz")
    pictures = None if theirs is None else theirs["images"].astype(np.float32) / 255
    _claim_same(study, kernel, pictures)
    _claim_sorted(study, pictures)
    if kernel.shape[2] != 3 or min(kernel.shape[:2]) < 3:
        return
    study.page.section(
        "conv2d0",
        "Filters of the first layer are on red, green and blue and can be seen as they are; zero is grey. They are "
        "sorted by their weights alone.",
    )
    shown, found = filter_colours(kernel), sort_filters(kernel)
    rows = []
    for family, theirs_of in zip(found, published("conv2d0"), strict=True):
        rows.append(
            [family.name, len(family), f"{len(family) / len(shown):.0%}", len(theirs_of), f"{theirs_of.share():.0%}"]
        )
        if family.units:
            study.page.figure(
                f"filters-{family.name.replace(' ', '-')}",
                sheet(shown[list(family.units)], [str(u) for u in family.units], _COLUMNS, zoom=6),
                f"{family.name.capitalize()}: {len(family)} of {len(shown)} filters, {len(family) / len(shown):.0%}, "
                f"the clearest first, with their numbers. Published: {theirs_of.share():.0%}.",
                alt=f"{len(family)} filters of the first layer: {family.name}",
            )
    study.page.table("filters", ["kind", "filters", "share", "published", "share published"], rows, "Of conv2d0.")
    both = (len(found[0]) + len(found[1])) / len(shown)
    study.claim(
        "Most of the first layer is Gabor filters and colour contrast",
        "more than half",
        measured=f"{both:.0%}",
        published="86 %",
        holds=both > 0.5,
        basis="weights",
        rows=(2,),
    )
    if pictures is not None and not study.labelled:
        study.page.figure(
            "filters-published",
            sheet(pictures, [str(u) for u in range(len(pictures))], _COLUMNS, zoom=6),
            "For comparison, the 64 filters of inception5h as they were published, in the order of their numbers.",
            alt="64 published filters: Gabor patches of all orientations, and coloured patches",
        )


def alike(
    filters: Float[np.ndarray, "n rows columns 3"], pictures: Float[np.ndarray, "m rows columns 3"]
) -> Float[np.ndarray, "n m"]:
    """The correlation of each filter with each picture, whatever the scale and the zero of each.

    >>> alike(np.eye(12).reshape(12, 2, 2, 3), 5 - np.eye(12).reshape(12, 2, 2, 3))[0, 0].round(6)
    np.float64(-1.0)
    """
    return _standard(filters) @ _standard(pictures).T


def _standard(images: np.ndarray) -> np.ndarray:
    """Images as rows of mean 0 and length 1; of zeros where an image is even."""
    rows = np.reshape(images, (len(images), -1)).astype(np.float64)
    rows = rows - rows.mean(1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _claim_same(study: Study, kernel: np.ndarray, pictures: np.ndarray | None) -> None:
    text, expected = "Filters are the published ones", "correlation above 0.99, and no other picture closer, for all 64"
    missing = (
        "needs the weights of inception5h"
        if not study.labelled
        else "the published filters are not at hand"
        if pictures is None
        else ""
    )
    if missing or pictures is None:
        study.claim(text, expected, why=missing, published="64 of 64", rows=(2,))
        return
    found = alike(np.moveaxis(kernel, -1, 0), pictures)
    own = np.diag(found)
    right = int(((own > 0.99) & (found.argmax(1) == np.arange(len(found)))).sum())
    study.claim(
        text, expected, measured=f"{right} of {len(found)}, the least {own.min():.3f}", published="64 of 64",
        holds=right == len(pictures), rows=(2,),
    )  # fmt: skip


def _claim_sorted(study: Study, pictures: np.ndarray | None) -> None:
    text = "Published filters, sorted by their weights alone, fall into the article's kinds"
    expected = "more than 34 of 64, which kinds in random order reach once in a hundred times"
    if pictures is None:
        why = "the published filters are not at hand"
        study.claim(text, expected, why=why, basis="published numbers", rows=(2,))
        return
    kinds = {
        unit: _KINDS[family.name] for family in sort_filters(np.moveaxis(pictures, 0, -1)) for unit in family.units
    }
    right = sum(kinds[unit] == family.name for family in published("conv2d0") for unit in family.units)
    study.claim(
        text, expected, measured=f"{right} of {len(pictures)}", published="64 of 64, by people", holds=right > 34,
        basis="published numbers", rows=(2,),
    )  # fmt: skip
