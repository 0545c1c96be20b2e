"""What units of the later layers do with photographs, those of dogs mirrored as well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from PIL import Image

import inception_jax
from experiments.options import usage_errors
from experiments.study import Study
from experiments.study.dogs import car_classes, dog_classes

LAYERS = ("mixed4a", "mixed4b", "mixed4c", "mixed4d", "mixed4e")
"""The layers with dogs and cars."""


@dataclass(frozen=True)
class Late:
    """Responses to photographs.

    Attributes:
        numbers: of the photographs.
        classes: name of each one's class.
        highest: by layer, each unit's largest activation anywhere in each photograph.
        mirrored: the same of photographs of dogs, mirrored.
        features: mean activations in the last layer, for what things there are in a photograph.
    """

    numbers: Int[np.ndarray, " n"]
    classes: Sequence[str]
    highest: Mapping[str, Float[np.ndarray, "n units"]]
    mirrored: Mapping[str, Float[np.ndarray, "dogs units"]]
    features: Float[np.ndarray, "n features"]

    @property
    def dogs(self) -> Bool[np.ndarray, " n"]:
        """Which photographs show dogs."""
        return dog_classes(self.classes)

    @property
    def cars(self) -> Bool[np.ndarray, " n"]:
        """Which photographs show cars."""
        return car_classes(self.classes)

    def top(self, layer: str, unit: int, count: int) -> list[int]:
        """Places in `numbers` of the photographs that drive a unit most, the strongest first."""
        values = self.highest[layer][:, unit]
        return [int(i) for i in np.argsort(-values, kind="stable")[:count] if values[i] > 0]


def late_responses(study: Study) -> Late | None:
    """Responses to all photographs that are taken, and to all of cars, of which there are few; None without any."""
    layers = study.layers(*LAYERS)
    if study.dataset is None or not layers:
        return None
    dataset = study.dataset[0]
    last = study.model.architecture.main_layers[-1]

    def make() -> dict[str, np.ndarray]:
        taken = range(min(len(dataset), max(study.config.photographs, 1)))
        with usage_errors():
            labels = np.array([dataset[i].label for i in taken])
        first = np.zeros(len(taken), bool)
        first[list(study.photographs)] = True
        numbers = np.flatnonzero(first | car_classes(dataset.classes)[labels])
        found = _responses(study, layers, last, numbers, mirrored=False)
        dogs = found["numbers"][dog_classes(dataset.classes)[labels[found["numbers"]]]]
        # A network need not have seen any dog.
        turned = _responses(study, layers, last, dogs[: study.few(150)], mirrored=True) if len(dogs) else {}
        return {
            "numbers": found["numbers"],
            "labels": labels[found["numbers"]],
            "features": found["features"],
            **{f"{layer}/highest": found[layer] for layer in layers},
            **{f"{layer}/mirrored": turned.get(layer, found[layer][:0]) for layer in layers},
        }

    kept = study.page.kept("late", make)
    return Late(
        numbers=kept["numbers"],
        classes=[dataset.classes[label] for label in kept["labels"]],
        highest={layer: kept[f"{layer}/highest"] for layer in layers},
        mirrored={layer: kept[f"{layer}/mirrored"] for layer in layers},
        features=kept["features"],
    )


def photographs(study: Study, late: Late, places: Sequence[int], side: int, *, mirrored: bool = False) -> list:
    """Whole photographs at a size.

    Args:
        study: with photographs.
        late: whose photographs they are.
        places: in `late.numbers`.
        side: in pixels.
        mirrored: left to right.
    """
    numbers = [int(late.numbers[place]) for place in places]
    pixels = study.pixels(numbers)
    shown = [pixels[n][:, ::-1] if mirrored else pixels[n] for n in numbers]
    return [Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC) for one in shown]


def _responses(
    study: Study, layers: Sequence[str], last: str, numbers: Int[np.ndarray, " n"], *, mirrored: bool
) -> dict[str, np.ndarray]:
    found: list[dict[str, np.ndarray]] = []
    for batch in study.batches(numbers.tolist()):
        images = batch.images.astype(np.float32) / 255
        read = _RUN(study.model, images[:, :, ::-1] if mirrored else images, (*layers, last))
        there = batch.ids >= 0
        found.append({"numbers": batch.ids[there], **{name: np.asarray(v)[there] for name, v in read.items()}})
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def _highest(
    model: inception_jax.Model, images: Float[Array, "n h w 3"], layers: tuple[str, ...]
) -> dict[str, Float[Array, "n units"]]:
    acts = model(images, taps=layers)
    highest = {layer: acts[layer].max((1, 2)) for layer in layers[:-1]}
    return {**highest, "features": acts[layers[-1]].mean((1, 2))}


_RUN = jax.jit(_highest, static_argnums=2)
