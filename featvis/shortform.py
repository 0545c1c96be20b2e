"""The field's short form for units: `"mixed4a:476"`."""

from collections.abc import Mapping
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
            raise ValueError(f"cannot read {text!r}; expected {FORMS}")
        chosen += [Unit(layer, number, negative) for number in _numbers(numbers, layer, layers[layer])]
    return chosen


def parse(text: str, layers: Mapping[str, int]) -> list[Objective]:
    """Channel objectives of the units that a short form names; see `units`.

    >>> [objective.label for objective in parse("mixed4a:10-11,-mixed4a:3", {"mixed4a": 508})]
    ['mixed4a:10', 'mixed4a:11', '-mixed4a:3']
    """
    channels = [(obj.channel(unit.layer, unit.number), unit.negative) for unit in units(text, layers)]
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
