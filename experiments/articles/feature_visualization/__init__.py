"""Feature Visualization: what a network looks for, by optimisation; what helps, and why it is not noise.

- Command: python -m experiments feature_visualization --model bvlc_googlenet
- Time: 6 minutes on two CPU cores with --model bvlc_googlenet, more than a third of them compiling
- Expect: one unit as neuron, channel and layer, one class by its logit and by its probability; the course of an
  optimisation; the same units without regularisation, with a penalty and with transformations, as pixels and in Fourier
  space; units between what drives them down and up; several different images of one unit; sums of units, and rows
  between them
- Source: *Feature Visualization* (Olah et al. 2017), figures on objectives, diversity, the spectrum of examples,
  interaction, the enemy of feature visualisation, regularisation and preconditioning
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

import featvis
from experiments.articles.feature_visualization.regularisation import (
    beside,
    in_fourier,
    numbers_of,
    show_regularisation,
)
from experiments.recipes import diversity, interaction, spectrum
from experiments.recipes.drawing import row
from experiments.recipes.subject import LOGITS, class_names
from experiments.study import ArticleOptions, Study, run_article
from experiments.study.optimised import class_named, drawing, kept, listed
from featvis import objectives as obj
from featvis.recipes.given import objective_values

SPECTRA = (6, 41, 143, 240)
DIVERSE = (97, 143)
TOGETHER = (11, 97, 143)
"""Units of mixed4a whose spectra, variety and sums the article shows, or some of them; in other networks units of the
same numbers, which are others."""
KEEPS = 0.8
"""Of its activation alone, that a unit should keep where its images differ."""

Config = ArticleOptions


def run(config: Config) -> int:
    """Draw the article; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "An image can be optimised to raise whatever can be computed of it: a neuron, a channel, a layer, a class. "
        "What comes out shows what the network looks for, if it is kept from being noise."
    )
    return run_article("feature_visualization", config, "Feature visualization", lede, draw)


def draw(study: Study) -> None:
    """All figures and claims of the article."""
    layer = study.layers("mixed4a", "mixed3b")[0]
    show_objectives(study, layer)
    show_regularisation(study, layer)
    show_spectra(study, layer)
    show_diversity(study, layer)
    show_sums(study, layer)


@dataclass(frozen=True)
class Probability:
    """Of a class, from the logits, so that it is drawn by the program that draws those."""

    label: int

    def __call__(self, acts: Mapping[str, Array]) -> Float[Array, ""]:
        """Its mean over images, and over positions where there are several."""
        return jax.nn.softmax(acts[LOGITS])[..., self.label].mean()


def show_objectives(study: Study, layer: str) -> None:
    """One unit and one class, by different objectives."""
    unit, label = numbers_of(study, layer)[0], class_named(study.model, "goldfish")
    name = class_names(study.model)[label]
    seen = [obj.channel(layer, unit), *beside(layer, unit)]
    judged = [obj.class_logit(LOGITS, label), obj.function(Probability(label), [LOGITS], f"probability of {label}")]
    drawn = in_fourier(study, layer)["images"]
    first = np.concatenate([drawn[:1], drawn[-2:]])
    # The network may have no logits for smaller images.
    second = kept(study, "classes", judged, param=featvis.param.image(study.model.architecture.image_size))["images"]
    study.page.section("Objectives", "What an image is optimised for decides what it shows.")
    study.page.figure(
        "objectives",
        row([*first, *second]),
        f"The same steps for the channel of {layer}:{unit}, for its neuron in the middle, for the layer (squared "
        f"activations, as in DeepDream), for the logit of {name} and for its probability.",
        alt="Five images: a pattern all over, the same in one spot, a whole layer's patterns, and a class twice",
        rows=[["channel", "neuron", "layer", "class logit", "class probability"]],
    )
    values = objective_values(study.model, seen, first)
    best = [int(values[i].argmax()) == i for i in range(len(seen))]
    study.claim(
        "Of images for a channel, one of its neurons and their layer, each is the best for its own objective",
        "three of three",
        measured=f"{sum(best)} of {len(best)}",
        holds=all(best),
        basis="weights",
        rows=(32,),
    )
    logits = objective_values(study.model, judged[0], second)[0]
    study.claim(
        "Optimising a logit raises the evidence for its class further than optimising the probability, which can be "
        "raised by making others unlikely",
        "a higher logit",
        measured=f"{logits[0]:.1f} and {logits[1]:.1f}",
        holds=bool(logits[0] > logits[1]),
        basis="weights",
        rows=(32,),
    )


def show_spectra(study: Study, layer: str) -> None:
    """What drives units down and up, and photographs between."""
    numbers = listed(study, layer, SPECTRA)[: study.few(4)]
    chosen = list(study.photographs)[:300]
    side = study.model.architecture.image_size
    pixels = study.pixels(chosen)
    photos = np.stack(list(pixels.values())) / np.float32(255) if pixels else np.zeros((0, side, side, 3), np.float32)
    study.page.section("The spectrum of examples", "Photographs show what a unit answers to, optimisation what for.")
    config = spectrum.Config(units=f"{layer}_pre_relu:{','.join(map(str, numbers))}", examples=2, **drawing(study))
    rows = spectrum.draw(study.page.part("spectrum"), study.model, photos, config)
    beyond = sum(low < least and most < high for _, low, least, most, high in rows)
    study.claim(
        "Optimised images drive units further down and further up than any photograph",
        "all units shown",
        measured=f"{beyond} of {len(rows)}, beside {len(photos)} photographs" if len(photos) else None,
        holds=beyond == len(rows) if len(photos) else None,
        why="" if len(photos) else "no photographs",
        basis="weights",
        rows=(32,),
    )


def show_diversity(study: Study, layer: str) -> None:
    """Several images of one unit, with the term that makes them differ and without."""
    numbers = listed(study, layer, DIVERSE)[: study.few(2)]
    study.page.section("Diversity", "One image shows one facet of what a unit answers to.")
    config = diversity.Config(units=f"{layer}:{','.join(map(str, numbers))}", **drawing(study))
    rows = diversity.draw(study.page.part("diversity"), study.model, config)
    pairs = list(zip(rows[::2], rows[1::2], strict=True))
    differ = [after[3] < before[3] for before, after in pairs]
    share = [after[2] / max(before[2], 1e-12) for before, after in pairs]
    known: dict[str, Any] = {"basis": "weights", "rows": (32,)}
    said = ", ".join(f"{before[3]:.2f} to {after[3]:.2f}" for before, after in pairs)
    study.claim(
        "With the diversity term, images of a unit are less alike than images that do not know of each other",
        "a smaller mean cosine between Gram matrices, for all units",
        measured=said, holds=all(differ), **known,
    )  # fmt: skip
    study.claim(
        "Images that differ drive the unit nearly as well",
        f"at least {KEEPS:.0%} of the activation, all units: the term weighs {config.weight:g} of it",
        measured=", ".join(f"{one:.0%}" for one in share), holds=min(share) >= KEEPS, **known,
    )  # fmt: skip


def show_sums(study: Study, layer: str) -> None:
    """Units in pairs, and rows of images between them."""
    numbers = listed(study, layer, TOGETHER)
    study.page.section("Interaction between neurons", "Units act together: here are sums, and the way between two.")
    config = interaction.Config(units=f"{layer}:{','.join(map(str, numbers))}", between=3, **drawing(study))
    page = study.page.part("sums")
    images = interaction.together(page, study.model, config)
    interaction.between(page, study.model, config)
    values = objective_values(study.model, config.units, images.reshape(-1, *images.shape[2:]))
    values = values.reshape(-1, *images.shape[:2])
    found = []
    for a, b in zip(*np.triu_indices(len(numbers), 1), strict=True):
        both = values[a] + values[b]
        found.append(bool(both[a, b] > max(both[a, a], both[b, b])))
    study.claim(
        "An image of two units together drives their sum further than the image of either",
        "all pairs",
        measured=f"{sum(found)} of {len(found)}",
        holds=all(found),
        basis="weights",
        rows=(32,),
    )
