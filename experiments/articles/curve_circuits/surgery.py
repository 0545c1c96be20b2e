"""Curve detectors cut out of a network, and others put in their place: what it answers to photographs then.

What lies below the curve detectors is computed once for each photograph, what lies above for each change.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

import circuits
import inception_jax
from circuits.families import Family
from circuits.interventions.values import Upstream
from experiments.articles.curve_circuits.handwritten import fitted
from experiments.options import UsageError, usage_errors
from experiments.study import Study
from inception_jax.labels import synsets

LAYER = "mixed3b"
LOGITS = "softmax2_pre_activation"
RANDOM = 20
"""Families of other units, as large, that are cut out as well."""
MISPLACED = 3
"""Times that hand-written curves are put where others belong."""
_PIECE = 96
"""Photographs after which what is done is kept."""
_BATCH = 16
_GAIN = 64
"""Photographs on which the hand-written curves are made as active as those they replace."""
WHOLE, WITHOUT, WRITTEN = "whole", "without curve detectors", "with hand-written ones"

Change = Callable[[Array, Array], Array]
"""From the map of mixed3b and the photographs to the map that the network goes on with."""


@dataclass(frozen=True)
class Answers:
    """What the network answers to photographs under each change.

    Attributes:
        names: of the changes.
        ranks: of the right class, from 1.
        losses: cross-entropies.
        active: mean activation over photographs and positions, by unit of mixed3b.
        families: the units that each change is about; none for the network as it is.
    """

    names: tuple[str, ...]
    ranks: Int[np.ndarray, "changes photographs"]
    losses: Float[np.ndarray, "changes photographs"]
    active: Float[np.ndarray, " units"]
    families: tuple[tuple[int, ...], ...]

    def top5(self, name: str) -> float:
        """Share of photographs whose class is among the first five."""
        return float((self.ranks[self.names.index(name)] <= 5).mean())

    def loss(self, name: str) -> float:
        """Mean cross-entropy."""
        return float(self.losses[self.names.index(name)].mean())

    def named(self, begin: str) -> list[str]:
        """The changes whose names begin so."""
        return [name for name in self.names if name.startswith(begin)]


def asked(study: Study, curves: Family, outputs: np.ndarray) -> Answers:
    """Answers of the network with each of its changes, on photographs; kept in pieces."""
    numbers = numbers_of(study, outputs)
    gain = float(study.page.kept("gain", lambda: {"gain": _gain(study, curves, numbers[:_GAIN])})["gain"])
    counts = {"random": study.few(RANDOM), "misplaced": study.few(MISPLACED)}
    made, about = changes(study.model, curves.angles, gain, **counts, seed=study.config.seed)
    pieces = []
    for start in range(0, len(numbers), _PIECE):
        part = numbers[start : start + _PIECE]

        def make(part: list[int] = part) -> dict[str, np.ndarray]:
            return _asked(study, part, outputs, made)

        pieces.append(study.page.kept(f"answers-{start // _PIECE:03d}", make))
    ranks, losses = (np.concatenate([piece[name] for piece in pieces], 1) for name in ("ranks", "losses"))
    counts = [piece["ranks"].shape[1] for piece in pieces]
    active = np.average([piece["active"] for piece in pieces], axis=0, weights=counts)
    return Answers(tuple(made), ranks, losses, active, about)


def class_outputs(model: inception_jax.Model, classes: tuple[str, ...]) -> Int[np.ndarray, " classes"]:
    """The output of each class of a data set by its WordNet id; -1 where the network has none, or no names.

    >>> class_outputs(inception_jax.load("mini"), ("n01443537", "n00000000")).tolist()
    [0, -1]
    """
    try:
        known = {wnid: i for i, wnid in enumerate(synsets(model)) if wnid}
    except ValueError:
        return np.full(len(classes), -1)
    return np.array([known.get(name, -1) for name in classes], int)


def numbers_of(study: Study, outputs: np.ndarray) -> list[int]:
    """The photographs whose class the network has."""
    assert study.dataset is not None
    with usage_errors():
        return [n for n in study.photographs if outputs[study.dataset[0][n].label] >= 0]


def changes(
    model: inception_jax.Model,
    family: Mapping[int, float],
    gain: float,
    *,
    random: int = RANDOM,
    misplaced: int = MISPLACED,
    seed: int = 0,
) -> tuple[dict[str, Change], tuple[tuple[int, ...], ...]]:
    """What is done to the map of mixed3b, by name, and the units that each is about.

    Args:
        model: the network.
        family: directions of the curve detectors, by unit.
        gain: of the hand-written curves.
        random: families of other units, as large, that are cut out as well.
        misplaced: times that hand-written curves are put in each other's places.
        seed: of both.
    """
    rng, donor = np.random.default_rng(seed), fitted(model)
    units = tuple(family)
    others = np.setdiff1d(np.arange(model.layers[LAYER]), units)
    places = circuits.curves_by_angle(family)
    made: dict[str, Change] = {WHOLE: lambda maps, _: maps}
    about: list[tuple[int, ...]] = [()]

    def cut(name: str, numbers: tuple[int, ...]) -> None:
        edit = circuits.ablate(LAYER, list(numbers))
        made[name] = lambda maps, _: edit(maps)
        about.append(numbers)

    def put(name: str, sources: Mapping[int, int]) -> None:
        edit = circuits.graft(LAYER, sources, donor, gain=gain)
        made[name] = lambda maps, images: edit(maps, Upstream(images, lambda *_: {}))
        about.append(units)

    cut(WITHOUT, units)
    put(WRITTEN, places)
    for i in range(misplaced):
        put(f"misplaced {i}", dict(zip(places, rng.permutation(list(places.values())).tolist(), strict=True)))
    for i in range(random):
        cut(f"random {i}", tuple(int(n) for n in rng.choice(others, min(len(units), len(others)), replace=False)))
    return made, tuple(about)


def judged(
    logits: Float[np.ndarray, "n classes"], labels: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The rank of each right class, from 1, and the cross-entropy; equal logits count against the network.

    >>> ranks, losses = judged(np.array([[0.0, 1.0, 1.0]]), np.array([1]))
    >>> ranks.tolist(), losses.round(3).tolist()
    ([2], [0.862])
    """
    right = np.take_along_axis(logits, labels[:, None], 1)
    top = logits.max(1, keepdims=True)
    losses = np.log(np.exp(logits - top).sum(1)) - (right - top)[:, 0]
    return (logits >= right).sum(1), losses


def _gain(study: Study, curves: Family, numbers: list[int]) -> np.ndarray:
    """How much the hand-written curves are to be multiplied by; 1 where they are silent."""
    pixels = study.pixels(numbers)
    images = np.stack([pixels[n] for n in sorted(pixels)]).astype(np.float32) / 255
    places = circuits.curves_by_angle(curves.angles)
    try:
        return np.array(circuits.matching_gain(study.model, images, LAYER, places, fitted(study.model)))
    except ValueError:
        return np.array(1.0)


def _asked(study: Study, numbers: list[int], outputs: np.ndarray, made: Mapping[str, Change]) -> dict[str, np.ndarray]:
    """Ranks and losses of some photographs under every change: what lies below mixed3b is computed once."""
    ranks, losses, total, count = [], [], np.zeros(study.model.layers[LAYER]), 0
    for batch in study.batches(numbers, min(_BATCH, len(numbers))):
        valid = np.asarray(batch.ids) >= 0
        images = jnp.asarray(batch.images, jnp.float32) / 255
        maps = below(study.model, images)
        labels = outputs[np.asarray(batch.labels)[valid]]
        found = [judged(np.asarray(above(study.model, images, change(maps, images)), np.float64)[valid], labels)
                 for change in made.values()]  # fmt: skip
        ranks.append([one for one, _ in found])
        losses.append([one for _, one in found])
        total += np.asarray(maps, np.float64)[valid].mean((1, 2)).sum(0)
        count += int(valid.sum())
    if not count:
        raise UsageError(f"none of photographs {numbers[0]} to {numbers[-1]} can be read; expected images")
    return {"ranks": np.concatenate(ranks, 1), "losses": np.concatenate(losses, 1), "active": total / count}


@jax.jit
def below(model: inception_jax.Model, images: Shaped[Array, "n h w 3"]) -> Float[Array, "n rows columns units"]:
    """The map of mixed3b."""
    return model(images, taps=LAYER)[LAYER]


@jax.jit
def above(
    model: inception_jax.Model, images: Shaped[Array, "n h w 3"], maps: Float[Array, "n rows columns units"]
) -> Float[Array, "n classes"]:
    """The logits for a map of mixed3b; of the images only the size counts, the compiler leaves out what is replaced."""
    return model(images, taps=LOGITS, edits={LAYER: partial(_given, maps)})[LOGITS]


def _given(maps: Array, _: Array) -> Array:
    return maps
