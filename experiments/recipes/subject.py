"""What an experiment is about: a model, a photograph, the classes asked for; and pictures of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image

import featvis
import inception_jax
from experiments.figures import Figures, finished
from experiments.options import usage_errors
from experiments.recipes.sources import PhotographOptions, photograph
from featvis import objectives as obj
from featvis.recipes import layer_activations
from featvis.sheet import sheet

LOGITS = "softmax2_pre_activation"

_WIDE = 240
"""Pixels, at least, of an image on a page."""
_ORANGE, _BLUE = np.array([0.85, 0.40, 0.05]), np.array([0.10, 0.40, 0.75])


@dataclass(frozen=True)
class SubjectOptions(PhotographOptions):
    """Which photograph, which layer, and how its icons are drawn."""

    layer: str = "mixed4d"
    """A layer with positions, of those that `python -m inception_jax summary` shows."""
    steps: int = 256
    """Steps of optimisation of each icon."""
    icon: int = 64
    """Side of the icons in pixels."""


class Class(NamedTuple):
    """A class: its label, the objective to attribute to, and how likely the model finds it."""

    name: str
    logit: featvis.Objective
    probability: float


@dataclass(frozen=True)
class Subject:
    """A model, and a photograph as it takes it."""

    model: inception_jax.Model
    image: Float[np.ndarray, "h w 3"]
    name: str

    @property
    def batch(self) -> Float[np.ndarray, "1 h w 3"]:
        """The photograph as a batch of one."""
        return self.image[None]

    def classes(self, names: Sequence[str], count: int) -> list[Class]:
        """Classes by name or number, or the `count` that the model finds likeliest.

        Raises:
            UsageError: no such class.
        """
        with usage_errors():
            logits = layer_activations(self.model, self.batch, LOGITS).reshape(-1, self.model.architecture.classes)
            scores = logits.mean(0)
            likeliest = np.argsort(-scores, kind="stable")[:count].tolist()
            chosen = [class_number(self.model, name) for name in names] or likeliest
        shares = np.exp(scores - scores.max())
        shares = shares / shares.sum()
        labels = class_names(self.model)
        return [Class(labels[i], obj.class_logit(LOGITS, i), float(shares[i])) for i in chosen]

    def spread(self, values: Float[np.ndarray, "rows columns ..."]) -> Float[np.ndarray, "h w ..."]:
        """What each position has, as large as the photograph, in squares."""
        places = zip(self.image.shape[:2], values.shape[:2], strict=True)
        rows, columns = (np.arange(side) * count // side for side, count in places)
        return values[np.ix_(rows, columns)]

    def spotlight(self, values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "h w 3"]:
        """The photograph, dark but where values from 0 up are high."""
        share = self.spread(values / (values.max() or 1))[..., None]
        return self.image * (0.12 + 0.88 * np.clip(share, 0, 1))

    def signed(self, values: Float[np.ndarray, "rows columns"], full: float | None = None) -> np.ndarray:
        """Values over a pale photograph: orange where they are above zero, blue below, strongest from `full` on."""
        share = self.spread(values / (full or np.abs(values).max() or 1))[..., None]
        strength = np.clip(np.abs(share), 0, 1) ** 0.7
        pale = 0.65 + 0.35 * self.image.mean(-1, keepdims=True)
        return (pale * (1 - strength) + np.where(share > 0, _ORANGE, _BLUE) * strength).astype(np.float32)

    def row(self, images: Sequence[Float[np.ndarray, "h w 3"]]) -> Image.Image:
        """Pictures of the photograph side by side, enlarged to what can be seen on a page."""
        return sheet(np.stack(images), columns=len(images), zoom=-(-_WIDE // self.image.shape[1]))


def subject(config: SubjectOptions, model: inception_jax.Model) -> Subject:
    """The photograph that `--image` names: its central square, of the size of the images of the model's training.

    Raises:
        UsageError: a file that cannot be read, or no photograph of that number in it.
    """
    return Subject(model, *photograph(config.image, config.number, model.architecture.image_size))


def class_names(model: inception_jax.Model) -> list[str]:
    """What the classes of a model are called, by their numbers where nobody said so."""
    try:
        return list(inception_jax.labels(model))
    except ValueError:
        return [f"class {i}" for i in range(model.architecture.classes)]


def class_number(model: inception_jax.Model, name: str) -> int:
    """Number of the class that a name, a WordNet id or the number itself means.

    Raises:
        ValueError: no such class.
    """
    if not name.isdecimal():
        return inception_jax.class_index(model, name)
    if int(name) >= (count := model.architecture.classes):
        raise ValueError(f"{model.name} has classes 0 to {count - 1}, not {name}")
    return int(name)


def icons(
    page: Figures,
    name: str,
    model: inception_jax.Model,
    objectives: Sequence[featvis.Objective],
    config: SubjectOptions,
) -> dict[str, np.ndarray]:
    """Images of objectives, drawn once and kept under a name: `images`, `history`, `scores`."""
    param = featvis.param.image(config.icon)
    return page.kept(
        name, lambda: finished(featvis.render(model, objectives, steps=config.steps, seed=config.seed, param=param))
    )
