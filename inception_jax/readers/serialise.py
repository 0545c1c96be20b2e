"""Architectures as JSON text and back, with every field checked on the way back."""

import dataclasses
import json
import math
import re
import types
from typing import Any, Literal, get_args, get_origin, get_type_hints

from inception_jax.architecture import Architecture
from inception_jax.graph import graph
from inception_jax.nodes import INPUT

MAX_NUMBER = 2**16
"""Largest integer in an architecture, channel counts among them."""

MAX_ITEMS = 64
"""Most blocks of an architecture."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def to_json(arch: Architecture) -> str:
    """`arch` as JSON text.

    >>> from inception_jax.architecture import INCEPTION5H
    >>> from_json(to_json(INCEPTION5H)) == INCEPTION5H
    True
    """
    return json.dumps(dataclasses.asdict(arch))


def from_json(text: str) -> Architecture:
    """The architecture in `text`.

    Raises:
        ValueError: not JSON; fields missing, unknown, of a wrong type or out of range; layers of the same name; an
            architecture that `Architecture` or `graph` refuses.
    """
    try:
        arch = _build(Architecture, json.loads(text), "architecture")
        names = [INPUT, *(node.name for node in graph(arch).nodes)]
    except RecursionError:
        raise ValueError("the architecture is nested too deeply") from None
    if len(set(names)) < len(names):
        raise ValueError("the architecture has several layers of the same name")
    return arch


def _build(kind: Any, value: Any, where: str) -> Any:
    kinds = get_args(kind) if get_origin(kind) is types.UnionType else (kind,)
    if types.NoneType in kinds and isinstance(value, types.NoneType):
        return None
    kind = kinds[0]
    if dataclasses.is_dataclass(kind):
        return _dataclass([kind for kind in kinds if kind is not types.NoneType], value, where)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind), value, where)
    if get_origin(kind) is Literal:
        good = value in get_args(kind)
    elif kind is int:
        good = type(value) is int and 0 < value <= MAX_NUMBER
    elif kind is float:
        good = type(value) in (int, float) and math.isfinite(value)
    else:
        good = type(value) is str and _NAME.fullmatch(value) is not None
    if not good:
        raise ValueError(f"{where} is {value!r}; expected {_words(kind)}")
    return float(value) if kind is float else value


def _dataclass(kinds: list[Any], value: Any, where: str) -> Any:
    for kind in kinds:
        hints = get_type_hints(kind)
        # Files written before a field existed lack it, and mean its default.
        needed = {field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING}
        if isinstance(value, dict) and needed <= set(value) <= set(hints):
            return kind(**{name: _build(hints[name], item, f"{where}.{name}") for name, item in value.items()})
    found = sorted(value) if isinstance(value, dict) else type(value).__name__
    expected = " or ".join(str(sorted(get_type_hints(kind))) for kind in kinds)
    raise ValueError(f"{where} has {found}; expected the fields {expected}")


def _tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise ValueError(f"{where} is not a list of at most {MAX_ITEMS} items")
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(value) != len(kinds):
        raise ValueError(f"{where} has {len(value)} items; expected {len(kinds)}")
    return tuple(_build(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, value, strict=True)))


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {get_args(kind)}"
    words = {int: f"a whole number from 1 to {MAX_NUMBER}", float: "a number"}
    return words.get(kind, "a name of at most 64 letters, digits, _, . and -")
