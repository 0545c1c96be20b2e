"""The Building Blocks of Interpretability, its numbers: what the network said of six photographs, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import inception_jax
from experiments.options import usage_errors
from experiments.recipes.subject import LOGITS
from experiments.study import Study
from featvis import objectives as obj
from featvis import recipes
from featvis.recipes.given import activations
from inception_jax.bounded import read_array
from inception_jax.images import load_image
from inception_jax.labels import labels

FOLDER = "building_blocks"
"""Of the article's photographs, beside the published numbers: dog_cat.jpg or .png and so on, and dog_cat.npy with the
published activations of mixed4d."""
LAYER = "mixed4d"
LABRADOR, TIGER_CAT = 176, 55
RECALCULATED = {426: 1.6280, 436: 1.5054, 43: 1.1943, 493: -1.3174, 517: -1.5371, 221: -1.7238}
"""What units add to Labrador retriever rather than tiger cat in dog_cat. Source: a notebook of Captum, which has the
same network and photograph."""

_NONE = "the published numbers are not at hand"


def show_reference(study: Study) -> None:
    """The forward pass and the attributions of the article, as far as what they need is at hand."""
    found = study.numbers_of("building_blocks_reference.json")
    state_labels(study, found)
    state_photographs(study, found)
    state_parity(study)
    state_units(study, found)


def state_labels(study: Study, found: Mapping[str, Any] | None) -> None:
    """Whether classes have the numbers that the article gives them, and its attributions are read as meant."""
    text, expected = "The classes of inception5h are numbered as in the article", "the same name for every number"
    if found is None:
        study.claim(text, expected, why=_NONE, basis="published numbers", rows=(1,))
        return
    ours = labels(inception_jax.INCEPTION5H)
    same = sum(a == b for a, b in zip(ours, found["labels"], strict=False))
    count = len(found["labels"])
    study.claim(
        text, expected, measured=f"{same} of {count}", published=count, holds=same == count,
        basis="published numbers", rows=(1,),
    )  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What the network says of a photograph: its likeliest class, how likely, and the error of mixed4d if known."""

    number: int
    probability: float
    error: float | None


def state_photographs(study: Study, found: Mapping[str, Any] | None) -> None:
    """The likeliest class of the six photographs, and the activations of mixed4d."""
    text = "The six photographs have the published first classes, as likely as published"
    expected = "the same classes, probabilities within 0.01: photographs that were saved again differ a little"
    near, least = "Activations of mixed4d are as published", "a relative L2 error below 1e-3: other arithmetic"
    known: dict[str, Any] = {"basis": "published units", "rows": (1,)}
    published = {} if found is None else found["top5_softmax_and_teaser_attribution"]
    files = {name: path for name in published if (path := photograph(study, name)) is not None}
    why = "" if files else "the six photographs are not at hand"
    why = why if study.labelled else "needs the weights of inception5h"
    if why:
        first = {name: one["spatial_attr"][0] for name, one in published.items()}
        said = ", ".join(f"{found['labels'][one['n']]} {one['v']}" for one in first.values()) if found else None
        study.claim(text, expected, published=said, why=why, **known)
        study.claim(near, least, why=why, **known)
        return
    told = {name: _said(study, path) for name, path in files.items()}
    first = {name: published[name]["spatial_attr"][0] for name in files}
    apart = max(abs(told[name].probability - first[name]["v"]) for name in files)
    right = sum(told[name].number == first[name]["n"] for name in files)
    study.claim(
        text, expected, measured=f"{right} of {len(files)}, {apart:.3f} apart",
        holds=right == len(files) and apart < 0.01, **known,
    )  # fmt: skip
    errors = [one.error for one in told.values() if one.error is not None]
    if errors:
        study.claim(near, least, measured=f"{max(errors):.1e}", holds=max(errors) < 1e-3, **known)
    else:
        study.claim(near, least, why="the published activations are not at hand", **known)


def photograph(study: Study, name: str) -> Path | None:
    """The file of one of the article's photographs, if it is at hand."""
    folder = study.config.published and study.config.published / FOLDER
    found = sorted(folder.glob(f"{name}.*")) if folder else []
    return next((path for path in found if path.suffix.lower() in (".jpg", ".jpeg", ".png")), None)


def _said(study: Study, path: Path) -> Said:
    side = study.model.architecture.image_size
    with usage_errors():
        image = load_image(path, side, short_side=side)
    seen = activations(study.model, image[None], (LAYER, "softmax2"))
    shares = seen["softmax2"].reshape(-1, study.model.architecture.classes).mean(0)
    published = path.with_suffix(".npy")
    error = None
    if published.exists():
        with usage_errors():
            wanted = read_array(published)
        error = float(np.linalg.norm(seen[LAYER] - wanted) / np.linalg.norm(wanted))
    return Said(int(shares.argmax()), float(shares.max()), error)


def state_parity(study: Study) -> None:
    """For bvlc_googlenet, the forward pass beside an independent one."""
    if study.model.name != "bvlc_googlenet":
        return
    text = "Activations of mixed4d of this network are those of an independent implementation in float64"
    expected = "a relative L2 error below 1e-3, as is asked of inception5h"
    reference = study.numbers_of("../bvlc_googlenet_activations.npz")
    if reference is None:
        study.claim(text, expected, why="its activations are not at hand", basis="weights", rows=(1,))
        return
    mean = np.asarray(study.model.architecture.input_mean, np.float32)
    images = np.clip((reference["input_rgb_minus_mean"] + mean) / np.float32(255), 0, 1)
    seen = activations(study.model, images, (LAYER,))[LAYER]
    error = float(np.linalg.norm(seen - reference[LAYER]) / np.linalg.norm(reference[LAYER]))
    study.claim(text, expected, measured=f"{error:.1e}", holds=error < 1e-3, basis="weights", rows=(1,))


def state_units(study: Study, found: Mapping[str, Any] | None) -> None:
    """What six units add to one class rather than another, published twice, and here."""
    text = "Six units of mixed4d add to Labrador retriever rather than tiger cat as another recalculation found"
    here = "What these units add to Labrador retriever rather than tiger cat is what the article says"
    expected, known = "within 1 %", {"basis": "published numbers", "rows": (32,)}
    path = photograph(study, "dog_cat")
    needs = "the photograph is not at hand" if study.labelled else "needs the weights of inception5h"
    if found is None:
        study.claim(text, expected, why=_NONE, **known)
        study.claim(here, expected, why=_NONE if study.labelled else needs, basis="published units", rows=(32,))
        return
    teaser = found["top5_softmax_and_teaser_attribution"]["dog_cat"]["teaser"]
    published = differences(teaser, LABRADOR, TIGER_CAT)
    said = ", ".join(f"{unit} {published[unit]:+.3f}" for unit in RECALCULATED)
    worst = max(abs(published[unit] / value - 1) for unit, value in RECALCULATED.items())
    study.claim(text, expected, measured=f"{worst:.2%} apart", published=said, holds=worst < 0.01, **known)
    if not study.labelled or path is None:
        study.claim(here, expected, published=said, why=needs, basis="published units", rows=(32,))
        return
    side = study.model.architecture.image_size
    with usage_errors():
        image = load_image(path, side, short_side=side)
    logits = obj.class_logit(LOGITS, LABRADOR) - obj.class_logit(LOGITS, TIGER_CAT)
    channels = recipes.attribute(study.model, image[None], LAYER, logits).channels[0, 0]
    worst = max(abs(float(channels[unit]) / published[unit] - 1) for unit in RECALCULATED)
    study.claim(
        here, expected, measured=f"{worst:.2%} apart", published=said, holds=worst < 0.01, basis="published units",
        rows=(32,),
    )  # fmt: skip


def differences(teaser: Mapping[str, Any], first: int, second: int) -> dict[int, float]:
    """What units add to one class rather than another, as the article's data have it for its photographs.

    >>> differences({"1-2": [{"c": 7, "nv0": 1.5, "nv1": -0.5}, "..."]}, 1, 2)
    {7: 2.0}
    """
    entries = [one for one in teaser[f"{first}-{second}"] if isinstance(one, dict)]
    return {one["c"]: one["nv0"] - one["nv1"] for one in entries}
