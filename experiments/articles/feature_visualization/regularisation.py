"""Feature Visualization, the enemy: images without regularisation, with it, and in a better space."""

from collections.abc import Mapping
from typing import Any

import numpy as np

import featvis
from experiments.circuits import pictures
from experiments.recipes.drawing import row
from experiments.study import Study
from experiments.study.measures import high_share
from experiments.study.optimised import drawing, kept, listed
from experiments.study.plots import courses
from featvis import objectives as obj
from featvis.recipes.given import objective_values

UNITS = (11, 97, 143, 240)
PENALTY = 0.5
"""What the penalty takes from an image without it, as a share of what its unit reaches there."""
PIXELS, FOURIER = "pixels", "Fourier"
WAYS = ("nothing", "penalty", "transformations")

Drawn = Mapping[tuple[str, str], np.ndarray]
"""Images by space and way."""


def numbers_of(study: Study, layer: str) -> list[int]:
    """The units that are drawn."""
    return listed(study, layer, UNITS)[: study.few(4)]


def beside(layer: str, unit: int) -> list[featvis.Objective]:
    """What is drawn with the units in one program: the first one in one place, and their whole layer."""
    return [obj.neuron(layer, unit), obj.deepdream(layer)]


def in_fourier(study: Study, layer: str) -> dict[str, np.ndarray]:
    """Images of the units in Fourier space through transformations, and at their end what is `beside` them."""
    numbers = numbers_of(study, layer)
    objectives = [obj.channel(layer, number) for number in numbers] + beside(layer, numbers[0])
    return kept(study, "fourier-transformations", objectives, snapshots=_taken(study))


def show_regularisation(study: Study, layer: str) -> None:
    """The same units as pixels in three ways, and in Fourier space."""
    numbers = numbers_of(study, layer)
    units, labels = [obj.channel(layer, n) for n in numbers], [f"{layer}:{n}" for n in numbers]
    fourier = {name: values[: len(numbers)] for name, values in in_fourier(study, layer).items()}
    pixels = _as_pixels(study, units)
    drawn = {(PIXELS, way): pixels[way]["images"] for way in WAYS} | {(FOURIER, WAYS[2]): fourier["images"]}
    _show_course(study, labels[0], fourier)
    _show_enemy(study, labels, drawn)
    _show_rise(study, {PIXELS: pixels[WAYS[2]]["history"], FOURIER: fourier["history"]})
    _state(study, units, drawn)


def _taken(study: Study) -> list[int]:
    """Steps after which images are kept."""
    return [number for number in (1, 4, 16, 48) if number < study.drawing.steps]


def _as_pixels(study: Study, units: list[featvis.Objective]) -> dict[str, dict[str, np.ndarray]]:
    """Images of the units with nothing, with a penalty and with transformations."""
    param = featvis.param.image(drawing(study)["size"], fft=False, decorrelate=False)
    rough = obj.total_variation()

    def piece(way: str, weights: np.ndarray) -> dict[str, np.ndarray]:
        # A weight of zero, so that both are one program.
        penalised = [unit + -float(weight) * rough for unit, weight in zip(units, weights, strict=True)]
        return kept(study, f"pixels-{way}", penalised, param=param, transforms=())

    bare = piece("nothing", np.zeros(len(units)))
    reached = np.diag(objective_values(study.model, units, bare["images"]))
    roughness = objective_values(study.model, rough, bare["images"])[0]
    penalty = piece("penalty", PENALTY * reached / np.maximum(roughness, 1e-6))
    return {"nothing": bare, "penalty": penalty, "transformations": kept(study, "pixels-moved", units, param=param)}


def _show_course(study: Study, label: str, found: Mapping[str, np.ndarray]) -> None:
    study.page.section("Optimisation", "From noise to an image, step by step.")
    study.page.figure(
        "course",
        row([*found["snapshots"][0], found["images"][0]]),
        f"An image for {label} in the course of {study.drawing.steps} steps.",
        alt=f"{len(found['snapshots'][0]) + 1} images, from a grey blur to a pattern",
        rows=[[f"step {number}" for number in (*_taken(study), study.drawing.steps)]],
    )


def _show_enemy(study: Study, labels: list[str], drawn: Drawn) -> None:
    study.page.section(
        "The enemy of feature visualization",
        "Without regularisation an optimised image fills with high frequencies that the network answers to and that "
        "nobody sees in photographs.",
    )
    study.page.figure(
        "enemy",
        pictures.columns(
            [[pictures.icon(image, 120) for image in images] for images in drawn.values()],
            labels,
            [way if space == PIXELS else space for space, way in drawn],
        ),
        "Optimised as pixels: with nothing else, with a penalty on total variation, and through random "
        "transformations; and through the same in Fourier space and decorrelated colours.",
        alt=f"Four rows of images, the first of noise, for {len(labels)} units",
    )


def _show_rise(study: Study, histories: Mapping[str, np.ndarray]) -> None:
    steps = np.arange(study.drawing.steps)
    # Each unit by the best that it reaches here, so that all count alike.
    best = np.maximum(np.maximum.reduce([np.nanmax(values, 1) for values in histories.values()]), 1e-12)
    lines = {space: (steps, (values / best[:, None]).mean(0)) for space, values in histories.items()}
    study.page.section("Preconditioning", "The same steepest ascent in another space is another direction.")
    study.page.figure(
        "preconditioning",
        courses(lines, "step", "of the best reached"),
        f"How fast the objective of {len(best)} units rises through the same transformations.",
        alt="Two curves that rise, one for pixels and one for Fourier space",
    )


def _state(study: Study, units: list[featvis.Objective], drawn: Drawn) -> None:
    high = {key: float(high_share(images).mean()) for key, images in drawn.items()}
    reached = {key: np.diag(objective_values(study.model, units, images)) for key, images in drawn.items()}
    study.page.table(
        "regularisation",
        ["space", "regularised by", "activation", "energy in high frequencies"],
        [[*key, float(reached[key].mean()), f"{high[key]:.1%}"] for key in drawn],
        f"Means over {len(units)} units. High are frequencies above a quarter of a cycle per pixel.",
    )
    known: dict[str, Any] = {"basis": "weights", "rows": (32,)}
    alone, penalty, moved = (high[PIXELS, way] for way in WAYS)
    study.claim(
        "Pixels optimised without regularisation have more of their energy in high frequencies than with a penalty or "
        "with transformations",
        "more than with either",
        measured=f"{alone:.0%}, and {penalty:.0%} and {moved:.0%}",
        holds=alone > max(penalty, moved),
        **known,
    )
    study.claim(
        "Through the same transformations, images in Fourier space have less of their energy there than pixels",
        "less",
        measured=f"{high[FOURIER, WAYS[2]]:.0%} and {moved:.0%}",
        holds=high[FOURIER, WAYS[2]] < moved,
        **known,
    )
    ratio = reached[FOURIER, WAYS[2]] / np.maximum(reached[PIXELS, WAYS[2]], 1e-12)
    study.claim(
        "Through transformations, Fourier space reaches higher activations than pixels in the same steps",
        "a median ratio above 1",
        measured=f"{np.median(ratio):.2g} times, higher for {int((ratio > 1).sum())} of {len(ratio)} units",
        holds=bool(np.median(ratio) > 1),
        **known,
    )
