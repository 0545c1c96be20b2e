"""Oriented fur: a unit and its mirror image, made of units that are mirror images of each other."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

import inception_jax
from circuits.matching import best_matches, joint_moments_of
from experiments.articles.early_vision.circuits import PERMUTATIONS
from experiments.circuits.pictures import columns
from experiments.study import Study
from experiments.study.dogs import dog_classes
from experiments.study.measures import correlation
from experiments.study.unit_pictures import crops, inputs_of, share_of_top, show_inputs

LEFT, RIGHT = 404, 333
_LEFT_INPUTS, _RIGHT_INPUTS = (47, 26, 63, 46), (46, 63, 26, 47)
_INPUTS, _CROPS, _SIDE = 4, 8, 88
_PHOTOGRAPHS, _PLACES = 200, 24
"""Photographs that are mirrored, and places of each that are compared."""


def show_fur(study: Study) -> None:
    """A unit for fur on animals, its mirror image, and whether their weights are mirrored."""
    text = "Two units that are mirror images have mirrored weights, from inputs that are mirror images too"
    expected = "mean correlation of mirrored tiles with p below 0.05 beside other inputs in their place"
    layers = study.layers("mixed3a", "mixed3b")
    dogs = None if study.dataset is None else dog_classes(study.dataset[0].classes)
    missing = ""
    if len(layers) < 2:
        missing = "the network has no mixed3b"
    elif study.dataset is None:
        missing = "no photographs"
    elif not study.labelled and (dogs is None or not dogs.any()):
        missing = "the photographs do not say which show dogs"
    if missing:
        study.claim(text, expected, published="0.75 in the published tiles", why=missing)
        return
    partners = mirrored_partners(study)
    unit, other = (LEFT, RIGHT) if study.labelled else _furry(study, dogs, partners["mixed3b"])
    if unit is None or other is None:
        why = "no unit of mixed3b that is another one's mirror image has dogs among its strongest photographs"
        study.claim(text, expected, published="0.75 in the published tiles", why=why)
        return
    numbers, tiles = inputs_of(study, "mixed3a", "mixed3b", unit, _INPUTS, _LEFT_INPUTS if study.labelled else None)
    twins = list(_RIGHT_INPUTS) if study.labelled else partners["mixed3a"][numbers].tolist()
    # Units that are silent have no partner.
    known = [i for i, twin in enumerate(twins) if twin >= 0]
    numbers, twins, tiles = [numbers[i] for i in known], [twins[i] for i in known], tiles[known]
    _, every = inputs_of(study, "mixed3a", "mixed3b", other, 0, range(study.model.layers["mixed3a"]))
    study.page.section(
        "Oriented fur",
        "Fur that lies one way, and its mirror image. Which units are mirror images of each other was "
        + ("published." if study.labelled else "found by showing photographs together with their mirror images.")
        + " The weights of the second are then the weights of the first, mirrored.",
    )
    show_inputs(study, "fur-left", "mixed3a", "mixed3b", unit, numbers, tiles, "Its strongest inputs.")
    show_inputs(
        study, "fur-right", "mixed3a", "mixed3b", other, twins, every[twins],
        f"The mirror images of the inputs of mixed3b:{unit}, in the same order: compare the tiles.",
    )  # fmt: skip
    rows = [[one.resize((_SIDE, _SIDE)) for one in crops(study, "mixed3b", u, _CROPS)] for u in (unit, other)]
    if len(rows[0]) == len(rows[1]) > 0:
        study.page.figure(
            "fur-photographs",
            columns(rows, [""] * len(rows[0]), [f"mixed3b:{unit}", f"mixed3b:{other}"]),
            f"What mixed3b:{unit} and mixed3b:{other} see of the photographs that drive them most.",
            alt="Two rows of photographs, of animals with fur where the units are for it",
        )
    score, p = mirrored_weights(tiles, every, np.array(twins), study.config.seed)
    study.claim(
        text,
        expected,
        measured=f"mixed3b:{unit} and mixed3b:{other}: {score:.2f}, p {p:.2g}",
        published="0.75 in the published tiles",
        holds=p < 0.05,
    )


def mirrored_weights(
    tiles: Float[np.ndarray, "n row column"],
    others: Float[np.ndarray, "inputs row column"],
    twins: Int[np.ndarray, " n"],
    seed: int = 0,
) -> tuple[float, float]:
    """How much weights are the mirror images of a second unit's, and how often they are so from other inputs.

    Args:
        tiles: weights of the first unit, of some inputs.
        others: weights of the second, of all inputs.
        twins: of each of those inputs, its mirror image.
        seed: of the inputs that are taken in their place.

    Returns:
        The mean correlation of each tile with its twin's, mirrored, and p.

    >>> one = np.array([[[0.0, 1.0, 3.0]]])
    >>> mirrored_weights(one, one[..., ::-1], np.array([0]))[0]
    1.0
    """
    table = np.array([[correlation(tile, other[:, ::-1]) for other in others] for tile in tiles])
    own = float(table[np.arange(len(twins)), twins].mean())
    draws = np.random.default_rng(seed).integers(0, table.shape[1], (PERMUTATIONS, len(tiles)))
    null = table[np.arange(len(tiles)), draws].mean(1)
    return own, (1 + int((null >= own).sum())) / (1 + PERMUTATIONS)


def mirrored_partners(study: Study) -> dict[str, Int[np.ndarray, " units"]]:
    """For each unit of mixed3a and mixed3b the one that sees in mirrored photographs what it sees itself."""
    layers = ("mixed3a", "mixed3b")

    def make() -> dict[str, np.ndarray]:
        numbers = list(study.photographs)[: study.few(_PHOTOGRAPHS)]
        both = [(layer, layer) for layer in layers]
        photos = _photographs(study, numbers)
        networks = _plain(study.model, layers), _mirrored(study.model, layers)
        found = joint_moments_of(*networks, photos, both, per_image=_PLACES, seed=study.config.seed)
        return {layer: best_matches(one).partners for layer, one in zip(layers, found, strict=True)}

    return study.page.kept("mirrored", make)


def _photographs(study: Study, numbers: list[int]) -> Iterator[np.ndarray]:
    for batch in study.batches(numbers):
        # The last batch is filled up with what are no photographs.
        yield batch.images[batch.ids >= 0].astype(np.float32) / 255


def _plain(model: inception_jax.Model, layers: tuple[str, ...]) -> Callable[[Any], dict[str, Any]]:
    return jax.jit(lambda images: model(images, taps=layers))


def _mirrored(model: inception_jax.Model, layers: tuple[str, ...]) -> Callable[[Any], dict[str, Any]]:
    """The network on mirrored images, and its maps mirrored back."""

    def run(images: Any) -> dict[str, Any]:
        acts = model(images[:, :, ::-1], taps=layers)
        return {layer: acts[layer][:, :, ::-1] for layer in layers}

    return jax.jit(run)


def _furry(study: Study, dogs: np.ndarray | None, partners: np.ndarray) -> tuple[int | None, int | None]:
    """The unit with most dogs in its strongest photographs, of those that are another one's mirror image."""
    assert dogs is not None
    units = np.arange(len(partners))
    paired = (partners >= 0) & (partners != units) & (partners[partners] == units)
    share = share_of_top(study, "mixed3b", dogs)
    if not (share * paired).any():
        return None, None
    unit = int((share * paired).argmax())
    return unit, int(partners[unit])
