"""Families of units: those that were published of `inception5h`, and what they have in common with those found."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Family:
    """Units of a layer that respond to one kind of thing, often each at an orientation of its own.

    Attributes:
        name: of the family.
        layer: of the units.
        units: their numbers, those that were found with the best scores first.
        orientations: of each unit, in degrees clockwise from the right; NaN where it is not known or there is none.
        scores: how well each fits, in [0, 1]; NaN where nobody measured it.
        period: after how many degrees an orientation is the same again; `None` for families without.

    Raises:
        ValueError: not as many orientations or scores as units.

    >>> curves = Family("curves", "mixed3b", (413, 386), (175.0, 96.0), (0.92, 0.92))
    >>> curves.label, len(curves)
    ('mixed3b:413,386', 2)
    """

    name: str
    layer: str
    units: tuple[int, ...]
    orientations: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    period: float | None = 360.0

    def __post_init__(self) -> None:
        for name in ("orientations", "scores"):
            given = getattr(self, name) or (float("nan"),) * len(self.units)
            if len(given) != len(self.units):
                raise ValueError(
                    f"the family {self.name!r} has {len(self.units)} units and {len(given)} {name}; "
                    "expected as many, or none"
                )
            object.__setattr__(self, name, given)

    def __len__(self) -> int:
        return len(self.units)

    @property
    def label(self) -> str:
        """The units in the field's short form, as `featvis.render` takes it."""
        return f"{self.layer}:{','.join(map(str, self.units))}"

    @property
    def angles(self) -> dict[int, float]:
        """Orientations of the units that have one, by their numbers."""
        return {u: angle for u, angle in zip(self.units, self.orientations, strict=True) if np.isfinite(angle)}

    def by_orientation(self, most: int) -> list[int]:
        """The best units that have an orientation, at most so many, by orientation.

        >>> Family("curves", "mixed3b", (5, 7, 9), (90.0, float("nan"), 10.0)).by_orientation(3)
        [9, 5]
        """
        return sorted(list(self.angles)[:most], key=self.angles.__getitem__)

    def distinct(self, apart: float = 20.0) -> int:
        """How many orientations there are of which each two lie at least so many degrees apart.

        >>> Family("curves", "mixed3b", (1, 2, 3), (350.0, 5.0, 30.0)).distinct(20.0)
        2
        """
        period = self.period or 360.0
        angles = np.sort(np.mod(list(self.angles.values()), period))
        most = 0
        for first in range(len(angles)):
            turned = np.sort(np.mod(angles - angles[first], period))
            count, last = 1, 0.0
            for angle in turned[1:]:
                if angle - last >= apart and period - angle >= apart:
                    count, last = count + 1, angle
            most = max(most, count)
        return most

    def share(self) -> float:
        """Share of the layer's units, of a published family.

        Raises:
            ValueError: a layer of which no families are published.

        >>> round(published("conv2d0")[0].share(), 4)
        0.4375
        """
        sizes = _published()["sizes"]
        if self.layer not in sizes:
            raise ValueError(f"no families of {self.layer!r} are published; expected one of {', '.join(sizes)}")
        return len(self.units) / sizes[self.layer]


def published(layer: str | None = None) -> tuple[Family, ...]:
    """The families that the articles name in `inception5h`.

    Those of conv2d0, conv2d1, conv2d2, mixed3a and mixed3b sort all units of their layers, 1,056 together. Those of
    mixed4a to mixed4d are some. Curves and six of the high-low frequency detectors have orientations.

    Args:
        layer: only those of a layer.

    Raises:
        ValueError: a layer of which no families are published.

    Source: *An Overview of Early Vision in InceptionV1* (Distill, 2020); orientations from *Curve Circuits* and
    *High-Low Frequency Detectors* (Distill, 2021).

    >>> [family.name for family in published("conv2d0")]
    ['Gabor Filters', 'Color Contrast', 'Other Units']
    >>> published_family("mixed3b", "Curves").angles[379]
    243.0
    """
    data = _published()
    if layer is not None and layer not in data["families"]:
        raise ValueError(f"no families of {layer!r} are published; expected one of {', '.join(data['families'])}")
    return tuple(
        Family(name, where, tuple(units), _angles(data, where, units))
        for where, families in data["families"].items()
        if layer in (None, where)
        for name, units in families.items()
    )


def published_family(layer: str, name: str) -> Family:
    """One published family, by its name in the article.

    Raises:
        ValueError: no such layer or family.

    >>> len(published_family("mixed3a", "High-Low Frequency"))
    15
    """
    known = {family.name: family for family in published(layer)}
    if name not in known:
        raise ValueError(f"no family {name!r} of {layer} is published; expected one of {', '.join(known)}")
    return known[name]


def _angles(data: dict[str, Any], layer: str, units: list[int]) -> tuple[float, ...]:
    known = data["orientations"].get(layer, {})
    return tuple(float("nan") if (angle := known.get(str(unit))) is None else float(angle) for unit in units)


@cache
def _published() -> dict[str, Any]:
    return json.loads((resources.files("circuits") / "data" / "families.json").read_text(encoding="utf-8"))
