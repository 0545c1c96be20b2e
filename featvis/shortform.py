"""The field's short form for objectives: `"mixed4a:476"`."""

import re
from collections.abc import Mapping

from featvis import objectives as obj
from featvis.algebra import Objective
from inception_jax.model import check_layer

FORMS = '"layer:unit", "layer:first-last", "layer:1,5,9", "layer:*" or any of them with a leading "-"'

_PATTERN = re.compile(r"(?P<sign>-?)(?P<layer>[^:]+):(?P<units>\*|[\d,\-]+)")


def parse(text: str, layers: Mapping[str, int]) -> list[Objective]:
    """Channel objectives from a short form; a leading minus gives negative units.

    Args:
        text: `"mixed4a:476"`, `"mixed4a:10-20"` (both ends included), `"mixed4a:1,5,9"`, `"mixed4a:*"`, and the same
            with a leading `-`.
        layers: number of units of each layer, `model.layers` for instance.

    Raises:
        ValueError: another form, an unknown layer, a unit the layer does not have.

    >>> [o.label for o in parse("mixed4a:10-12", {"mixed4a": 508})], parse("-mixed4a:3", {"mixed4a": 508})[0].label
    (['mixed4a:10', 'mixed4a:11', 'mixed4a:12'], '-mixed4a:3')
    """
    match = _PATTERN.fullmatch(text.strip())
    if not match:
        raise ValueError(f"cannot read objective {text!r}; expected {FORMS}")
    layer = match["layer"]
    check_layer(layer, layers)
    chosen = [obj.channel(layer, unit) for unit in _units(match["units"], layers[layer], text)]
    return [-objective for objective in chosen] if match["sign"] else chosen


def _units(text: str, count: int, whole: str) -> list[int]:
    if text == "*":
        return list(range(count))
    units: list[int] = []
    for part in text.split(","):
        ends = part.split("-")
        if len(ends) > 2 or not all(end.isdecimal() for end in ends):
            raise ValueError(f"cannot read units {part!r} of {whole!r}; expected {FORMS}")
        first, last = int(ends[0]), int(ends[-1])
        if first > last or last >= count:
            raise ValueError(f"units {part!r} of {whole!r} do not exist; the layer has units 0 to {count - 1}")
        units.extend(range(first, last + 1))
    return units
