"""What the articles on feature visualisation have in common: units, photographs, how images are drawn and kept."""

from collections.abc import Sequence
from typing import Any

import numpy as np

import featvis
import inception_jax
from experiments.circuits.icons import canvas
from experiments.figures import finished
from experiments.recipes.sources import drawn
from experiments.recipes.subject import Subject, class_number
from experiments.study import Study
from inception_jax.images import ImageError

WANTED = "n02099712"
"""Labrador retriever, as in *The Building Blocks of Interpretability*, where there is a photograph of one."""


def drawing(study: Study) -> dict[str, Any]:
    """Size, steps and seed of images, as the recipes' options have them."""
    return {"size": canvas(study.config, study.model), "steps": study.drawing.steps, "seed": study.config.seed}


def listed(study: Study, layer: str, numbers: Sequence[int]) -> list[int]:
    """Units of those numbers, counted from the first again where a narrow layer has fewer; each once."""
    return list(dict.fromkeys(number % study.model.layers[layer] for number in numbers))


def class_named(model: inception_jax.Model, name: str) -> int:
    """Number of a class, or the first one's where the network does not know the name."""
    try:
        return class_number(model, name)
    except ValueError:
        return 0


def kept(study: Study, name: str, objectives: Sequence[featvis.Objective], **options: Any) -> dict[str, np.ndarray]:
    """Images of objectives, drawn once: `images`, `history`, `scores`, and `snapshots` where they are asked for.

    Args:
        study: the article's.
        name: of the piece of work.
        objectives: what to draw.
        options: of `featvis.render`; by default the size and the steps of the article.
    """
    given = drawing(study)
    param = featvis.param.image(given.pop("size"))

    def make() -> dict[str, np.ndarray]:
        result = featvis.render(study.model, objectives, **{"param": param, **given, **options})
        return finished(result) | {"snapshots": result.snapshots}

    return study.page.kept(name, make)


def subjects(study: Study, count: int) -> list[Subject]:
    """Photographs: first one of a Labrador retriever if there is any, then others; a drawn picture without any."""
    side = study.model.architecture.image_size
    dataset = study.dataset[0] if study.dataset is not None else ()
    known = range(min(len(dataset), study.config.photographs))
    named = [n for n in known if _class_of(dataset, n) == WANTED]
    order = list(dict.fromkeys([*named[:1], *known]))[:count]
    pixels = study.pixels(order)
    names = {n: "a photograph of a Labrador retriever" if n in named else f"photograph {n}" for n in order}
    found = [Subject(study.model, pixels[n] / np.float32(255), names[n]) for n in order if n in pixels]
    return found or [Subject(study.model, drawn(side), "a drawn picture")]


def _class_of(dataset: Any, number: int) -> str:
    """Name of the class of a photograph; nothing for one that is damaged."""
    try:
        return dataset.classes[dataset[number].label]
    except ImageError:
        return ""
