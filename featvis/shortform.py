"""The field's short form for units: `"mixed4a:476"`."""

import warnings
from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from featvis import objectives as obj
from featvis.algebra import Objective
from inception_jax.model import check_layer

FORMS = (
    '"layer:unit", "layer:first-last", "layer:1,5,9", "layer:*", any of them with a leading "-", '
    "or several of them separated by commas"
)


class Unit(NamedTuple):
    """A unit of a layer, or its negative."""

    layer: str
    number: int
    negative: bool = False


def units(text: str, layers: Mapping[str, int]) -> list[Unit]:
    """The units that a short form names, in its order.

    Args:
        text: `"mixed4a:476"`, `"mixed4a:10-20"` (both ends included), `"mixed4a:1,5,9"`, `"mixed4a:*"`, the same with a
            leading `-` for negatives, and several of them: `"mixed3a:0-7,mixed4b:1,5"`.
        layers: number of units of each layer, `model.layers` for instance.

    Raises:
        ValueError: another form, an unknown layer, a unit the layer does not have.

    >>> units("-mixed3b:379,mixed4a:1-2", {"mixed3b": 480, "mixed4a": 508})[:2]
    [Unit(layer='mixed3b', number=379, negative=True), Unit(layer='mixed4a', number=1, negative=False)]
    """
    chosen: list[Unit] = []
    layer, negative = "", False
    for part in text.split(","):
        head, colon, numbers = part.strip().rpartition(":")
        if colon:
            layer, negative = head.removeprefix("-"), head.startswith("-")
            check_layer(layer, layers)
        elif not layer:
            if part.strip().removeprefix("-") in layers:
                raise ValueError(f'{part.strip()!r} names no units; expected "{part.strip()}:*" for all, or {FORMS}')
            raise ValueError(f"cannot read {text!r}; expected {FORMS}")
        chosen += [Unit(layer, number, negative) for number in _numbers(numbers, layer, layers[layer])]
    return chosen


def warn_of_negatives(units: Iterable[Unit], layers: Container[str]) -> None:
    """Say where the negatives of units are asked for that are never negative.

    Args:
        units: of any layers.
        layers: all names of the network's layers.

    >>> with warnings.catch_warnings(record=True, action="always") as said:
    ...     warn_of_negatives([Unit("mixed4a", 3, negative=True)], ["mixed4a_pre_relu", "mixed4a"])
    >>> print(said[0].message)
    mixed4a is never negative, and flat where it is 0; mixed4a_pre_relu shows more
    """
    for layer in dict.fromkeys(unit.layer for unit in units if unit.negative):
        better = f"{layer}_pre_relu"
        if better in layers:
            warnings.warn(f"{layer} is never negative, and flat where it is 0; {better} shows more", stacklevel=3)


def parse(text: str, layers: Mapping[str, int]) -> list[Objective]:
    """Channel objectives of the units that a short form names; see `units`.

    >>> [objective.label for objective in parse("mixed4a:10-11,-mixed4a:3", {"mixed4a": 508})]
    ['mixed4a:10', 'mixed4a:11', '-mixed4a:3']
    """
    named = units(text, layers)
    warn_of_negatives(named, layers)
    channels = [(obj.channel(unit.layer, unit.number), unit.negative) for unit in named]
    return [-channel if negative else channel for channel, negative in channels]


def _numbers(text: str, layer: str, count: int) -> range:
    if text == "*":
        return range(count)
    ends = text.split("-")
    if len(ends) > 2 or not all(end.isdecimal() for end in ends):
        raise ValueError(f"cannot read units {text!r} of {layer}; expected {FORMS}")
    first, last = int(ends[0]), int(ends[-1])
    if first > last or last >= count:
        raise ValueError(f"{layer} has no units {text!r}; it has units 0 to {count - 1}")
    return range(first, last + 1)
