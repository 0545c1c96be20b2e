"""How units respond to drawn stimuli, and the families that this puts them into."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import inception_jax
from circuits.families import RULES, Family, Measured, find, published
from experiments.families.responses import measured
from experiments.figures import Figures

STEP, SIDE = 15.0, 96
"""Degrees between orientations, and side in pixels, of the stimuli."""


class Curve(NamedTuple):
    """A tuning curve that pages show: the stimulus, what varies, and after how many degrees it is the same again."""

    stimulus: str
    axis: str
    period: float | None
    says: str


CURVES = (
    Curve("curve", "orientation", 360.0, "curves, by where they bulge"),
    Curve("curve", "radius", None, "curves, by radius in pixels"),
    Curve("line", "orientation", 180.0, "lines"),
    Curve("grating", "orientation", 180.0, "gratings"),
    Curve("grating", "wavelength", None, "gratings, by wavelength in pixels"),
    Curve("boundary", "orientation", 360.0, "edges of brightness"),
    Curve("high_low", "orientation", 360.0, "high beside low frequencies"),
    Curve("hue_centre", "hue", 360.0, "coloured discs in their opposite, by hue"),
)
"""The tuning curves of a unit's page: means over everything else that varies."""


class Member(NamedTuple):
    """A unit's place in a family; the score and the orientation are NaN where there is none."""

    family: Family
    score: float
    orientation: float


@dataclass(frozen=True, eq=False)
class Responses:
    """What stimuli say of the units of all layers.

    Attributes:
        measured: the responses, by layer.
        families: with their units.
    """

    measured: Mapping[str, Measured]
    families: Sequence[Family]

    def membership(self, layer: str) -> dict[int, list[Member]]:
        """The families of each unit of a layer that has any."""
        found: dict[int, list[Member]] = {}
        for family in self.families:
            if family.layer == layer:
                for unit, score, angle in zip(family.units, family.scores, family.orientations, strict=True):
                    found.setdefault(unit, []).append(Member(family, score, angle))
        return found

    def tuning(self, layer: str) -> list[dict[str, Any]]:
        """For each of `CURVES` the values of what varies, and the responses `[values, units]`."""
        seen = self.measured[layer]
        return [
            {
                "says": curve.says,
                "axis": curve.axis,
                "period": curve.period,
                "at": np.asarray(seen.axes[curve.stimulus][curve.axis], float),
                "responses": seen.mean(curve.stimulus, curve.axis),
            }
            for curve in CURVES
        ]


def responses(page: Figures, model: inception_jax.Model, layers: Sequence[str]) -> Responses:
    """Responses of all units, measured once and kept with a run.

    Families are those that rules find by these responses; for `inception5h` those that were published come first.

    Raises:
        UsageError: the request cannot be met.
    """
    seen = measured(page, model, layers, STEP, SIDE)
    known = [f for f in published() if f.layer in layers] if model.name == "inception5h" else []
    known = [f for f in known if max(f.units, default=-1) < model.layers[f.layer]]
    return Responses(seen, [*known, *find(seen).families])


def about(family: Family) -> str:
    """What a family responds to, in words; empty for those that people named."""
    rule = RULES.get(family.name)
    return rule.about if rule else ""
