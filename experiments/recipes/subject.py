"""What an experiment is about: a model, a photograph, the classes asked for; and pictures of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image

import featvis
import inception_jax
from experiments.figures import Figures
from experiments.options import Options, usage_errors
from featvis import objectives as obj
from featvis.recipes import layer_activations
from featvis.sheet import sheet
from inception_jax.images import load_image
from inception_jax.photographs import photographs

LOGITS = "softmax2_pre_activation"

_WIDE = 240
"""Pixels, at least, of an image on a page."""
_ORANGE, _BLUE = np.array([0.85, 0.40, 0.05]), np.array([0.10, 0.40, 0.75])


@dataclass(frozen=True)
class SubjectOptions(Options):
    """Which photograph, which layer, and how its icons are drawn."""

    image: Path | None = None
    """A photograph, or a folder or zip file of photographs in class folders; without it, a drawn picture."""
    number: int = 0
    """Which photograph of a folder or zip file, from 0, in the order of classes and names."""
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
            chosen = [self._index(name) for name in names] or np.argsort(-scores, kind="stable")[:count].tolist()
        shares = np.exp(scores - scores.max())
        shares = shares / shares.sum()
        try:
            labels = inception_jax.labels(self.model)
        except ValueError:
            labels = [f"class {i}" for i in range(len(scores))]
        return [Class(labels[i], obj.class_logit(LOGITS, i), float(shares[i])) for i in chosen]

    def _index(self, name: str) -> int:
        if not name.isdecimal():
            return inception_jax.class_index(self.model, name)
        if int(name) >= (count := self.model.architecture.classes):
            raise ValueError(f"{self.model.name} has classes 0 to {count - 1}, not {name}")
        return int(name)

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
    size = model.architecture.image_size
    if config.image is None:
        return Subject(model, drawn(size), "a drawn picture")
    short_side = 8 * size // 7  # 256 for 224, as the networks are tested.
    with usage_errors():
        if not config.image.is_dir() and config.image.suffix.lower() != ".zip":
            return Subject(model, load_image(config.image, size, short_side=short_side), config.image.stem)
        found = photographs(config.image, short_side, size)
        if not 0 <= config.number < len(found):
            raise ValueError(f"number is {config.number}; {config.image} has photographs 0 to {len(found) - 1}")
        one = found[config.number]
    return Subject(model, one.image, Path(one.name).stem.replace("_", " "))


def drawn(size: int) -> Float[np.ndarray, "{size} {size} 3"]:
    """A picture for trying things out with nothing at hand: a ball on a chequered floor.

    >>> drawn(64).shape
    (64, 64, 3)
    """
    down, across = (np.indices((size, size)) + 0.5) / size
    depth = 0.25 / np.maximum(down - 0.5, 0.01)
    chequers = (np.floor(8 * depth) + np.floor(8 * (across - 0.5) * depth)) % 2
    floor = 0.35 + 0.4 * chequers[..., None] * np.array([1.0, 0.9, 0.7])
    sky = np.array([0.45, 0.65, 0.9]) + 0.4 * down[..., None]
    x, y = (across - 0.5) / 0.27, (down - 0.55) / 0.27
    height = np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    light = np.clip(0.25 + 0.75 * (-0.5 * x - 0.6 * y + 0.6 * height), 0.1, 1)
    ball = np.array([0.95, 0.35, 0.15]) * light[..., None]
    behind = np.where(down[..., None] > 0.55, floor, sky)
    return np.clip(np.where(height[..., None] > 0, ball, behind), 0, 1).astype(np.float32)


def icons(
    page: Figures,
    name: str,
    model: inception_jax.Model,
    objectives: Sequence[featvis.Objective],
    config: SubjectOptions,
) -> dict[str, np.ndarray]:
    """Images of objectives, drawn once and kept under a name: `images`, `history`, `scores`."""
    return page.kept(
        name,
        lambda: featvis.render(
            model, objectives, steps=config.steps, seed=config.seed, param=featvis.param.image(config.icon)
        ),
    )
