"""The units of a job: the file of each, and how `config.json` lists them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from featvis.shortform import Unit

IMAGES = "images"
MOST_UNITS = 1 << 17
"""Most units of a job."""

# What the readers of weights let into the names of layers.
_LAYER = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"


def stem(unit: Unit) -> str:
    """The name of a unit's file, without its ending.

    >>> stem(Unit("mixed4a", 3)), stem(Unit("mixed4a", 12, negative=True))
    ('0003', '0012_negative')
    """
    return f"{unit.number:04}{'_negative' if unit.negative else ''}"


def file(unit: Unit) -> str:
    """The file of a unit, in the directory of its job.

    >>> file(Unit("mixed4a", 3))
    'images/mixed4a/0003.png'
    """
    return f"{IMAGES}/{unit.layer}/{stem(unit)}.png"


def claim(unit: Unit) -> str:
    """The name of the claim on a unit.

    >>> claim(Unit("mixed4a", 3))
    'mixed4a-0003'
    """
    return f"{unit.layer}-{stem(unit)}"


def signed(unit: Unit) -> str:
    """A unit's layer, with a minus where its negative is meant: such units are worked off together.

    >>> signed(Unit("mixed4a", 12, negative=True))
    '-mixed4a'
    """
    return f"{'-' if unit.negative else ''}{unit.layer}"


def lists(units: Iterable[Unit]) -> dict[str, list[Unit]]:
    """Units by signed layer, each once, in order of appearance.

    >>> [len(part) for part in lists([Unit("a", 1), Unit("b", 0), Unit("a", 2), Unit("a", 1)]).values()]
    [2, 1]
    """
    found: dict[str, dict[Unit, None]] = {}
    for unit in units:
        found.setdefault(signed(unit), {})[unit] = None
    return {layer: list(part) for layer, part in found.items()}


def spelled(units: Iterable[Unit]) -> dict[str, str]:
    """The numbers of units by signed layer, as people write them.

    >>> spelled([*(Unit("mixed4a", n) for n in (0, 1, 2, 7)), Unit("mixed4b", 1, negative=True)])
    {'mixed4a': '0-2,7', '-mixed4b': '1'}
    """
    return {layer: _ranges([unit.number for unit in part]) for layer, part in lists(units).items()}


def short_form(units: Iterable[Unit]) -> str:
    """Units as `--units` takes them.

    >>> short_form([Unit("mixed4a", 0), Unit("mixed4a", 1), Unit("mixed4b", 1, negative=True)])
    'mixed4a:0-1,-mixed4b:1'
    """
    return ",".join(f"{layer}:{numbers}" for layer, numbers in spelled(units).items())


def read(content: Any) -> list[Unit]:
    """The units that `spelled` wrote.

    Raises:
        ValueError: content of another kind.

    >>> read({"mixed4a": "0-2,7"})[-1]
    Unit(layer='mixed4a', number=7, negative=False)
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"units are {str(content)[:40]!r}; expected numbers by layer")
    found: list[Unit] = []
    for layer, numbers in content.items():
        if not re.fullmatch(f"-?{_LAYER}", layer):
            raise ValueError(f"{layer[:40]!r} is no name of a layer")
        if len(str(numbers)) > MOST_UNITS * 8:
            raise ValueError(f"there are more than {MOST_UNITS} units")
        for part in str(numbers).split(","):
            if not (match := re.fullmatch(r"(\d{1,7})(?:-(\d{1,7}))?", part)):
                raise ValueError(f"units of {layer} are {str(numbers)[:40]!r}; expected numbers such as 0-15,20")
            first, last = int(match[1]), int(match[2] or match[1])
            if len(found) + last - first >= MOST_UNITS:
                raise ValueError(f"there are more than {MOST_UNITS} units")
            found += [Unit(layer.removeprefix("-"), n, layer.startswith("-")) for n in range(first, last + 1)]
    return found


def _ranges(numbers: Iterable[int]) -> str:
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)
