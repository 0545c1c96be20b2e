"""Families in a network that nobody has labelled, from what its units respond to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.families.battery import Battery
from circuits.families.family import Family
from circuits.families.measuring import Measured, measure
from circuits.families.rules import RULES, THRESHOLD, Rule, Verdict


@dataclass(frozen=True, eq=False, repr=False)
class Search:
    """What was found in some layers: see `search`.

    Attributes:
        families: with their units, the best first; a unit is in one at most, and none is empty.
        verdicts: by layer and family, of all units, those included that belong to another family.
        measured: the responses that the rules judged, by layer.
    """

    families: tuple[Family, ...]
    verdicts: Mapping[str, Mapping[str, Verdict]]
    measured: Mapping[str, Measured]

    def __repr__(self) -> str:
        return f"<{len(self.families)} families of {sum(map(len, self.families))} units in {', '.join(self.measured)}>"

    def family(self, layer: str, name: str) -> Family:
        """The family of a layer, empty if no unit belongs to it.

        Raises:
            ValueError: a layer or family that nobody looked for.

        >>> find({}).family("mixed3b", "curves")
        Traceback (most recent call last):
        ValueError: nobody looked for 'curves' in 'mixed3b'; looked for were no families, in no layers
        """
        if layer not in self.verdicts or name not in self.verdicts[layer]:
            known = ", ".join(next(iter(self.verdicts.values()), ())) or "no families"
            layers = ", ".join(self.verdicts) or "no layers"
            raise ValueError(f"nobody looked for {name!r} in {layer!r}; looked for were {known}, in {layers}")
        for family in self.families:
            if (family.layer, family.name) == (layer, name):
                return family
        return Family(name, layer, ())

    def rows(self) -> list[tuple[str, int, str, float, float]]:
        """Layer, unit, family, score and orientation of each unit that belongs to a family."""
        return [
            (family.layer, unit, family.name, score, angle)
            for family in self.families
            for unit, score, angle in zip(family.units, family.scores, family.orientations, strict=True)
        ]


def search(
    model: Any,
    layers: Sequence[str],
    *,
    rules: Mapping[str, Rule] = RULES,
    probes: Battery | None = None,
    threshold: float = THRESHOLD,
    size: int = 96,
    reach: int = 1,
    batch: int = 16,
) -> Search:
    """Find families of units by what they respond to: one pass over a battery of stimuli, and a table of rules.

    Every rule has a few criteria, each met from 0 to 1, and a unit's score is the least of them. It belongs to the
    family whose rule it meets best, if it meets it at least half.

    Args:
        model: this project's, an edited one, or any function from images to named activations.
        layers: named activations with positions, after the ReLU.
        rules: by the name of the family.
        probes: the stimuli; by default `battery()`.
        threshold: the least score of a member.
        size: side of the images in pixels; best what the highest layer sees.
        reach: how many positions to each side of the middle one count.
        batch: images at a time.

    Raises:
        ValueError: no rules, as `measure`.

    >>> from circuits import handwritten_network
    >>> found = search(handwritten_network(), ["mixed3b"], size=64)
    >>> len(found.family("mixed3b", "curves"))
    24
    """
    return find(measure(model, layers, probes, size=size, reach=reach, batch=batch), rules, threshold)


def find(measured: Mapping[str, Measured], rules: Mapping[str, Rule] = RULES, threshold: float = THRESHOLD) -> Search:
    """As `search`, from responses that were measured before.

    Raises:
        ValueError: no rules.

    >>> find({})
    <0 families of 0 units in >
    """
    if not rules:
        raise ValueError("there are no rules; expected a table of them, such as RULES")
    verdicts = {layer: {name: rule.judge(seen) for name, rule in rules.items()} for layer, seen in measured.items()}
    families = [
        family
        for layer, judged in verdicts.items()
        for family in _families(layer, judged, rules, threshold)
        if family.units
    ]
    return Search(tuple(families), verdicts, dict(measured))


def _families(layer: str, judged: Mapping[str, Verdict], rules: Mapping[str, Rule], threshold: float) -> list[Family]:
    scores = np.stack([verdict.scores for verdict in judged.values()])
    best = np.where(scores.max(0) >= threshold, scores.argmax(0), -1)
    found = []
    for number, (name, verdict) in enumerate(judged.items()):
        units = np.flatnonzero(best == number)
        units = units[np.argsort(-scores[number, units], kind="stable")]
        angles = tuple(verdict.orientations[units].tolist())
        found.append(
            Family(
                name, layer, tuple(units.tolist()), angles, tuple(scores[number, units].tolist()), rules[name].period
            )
        )
    return found
