"""Changes inside protocol-buffer messages, with right lengths around them."""

from collections.abc import Callable
from random import Random
from typing import Any


def change(data: bytes, rng: Random, inner: Callable[[bytes, str], bytes]) -> bytes:
    """Another value in a protocol-buffer message, with right lengths around it."""
    fields = _fields(data)
    i = rng.randrange(len(fields))
    number, kind, value = fields[i]
    if kind == 2 and isinstance(value, bytes) and rng.random() < 0.7:
        try:
            value = change(value, rng, inner)
        except (ValueError, IndexError):
            value = inner(value, "bytes")
        fields[i] = number, kind, value
    else:
        match rng.randrange(5):
            case 0:
                fields.insert(i, fields[i])
            case 1:
                del fields[i]
            case 2:
                fields[i] = rng.choice((0, 1, number + 1, 2**28)), kind, value
            case 3 if kind == 2:
                fields[i] = number, 0, rng.choice((0, 1, 2**31, 2**63))
            case _:
                fields[i] = number, 0, rng.choice((0, 1, 3, 2**16, 2**31, 2**63, 2**64 - 1))
    return b"".join(_field(*field) for field in fields)


def _fields(data: bytes) -> list[tuple[int, int, Any]]:
    found, at = [], 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(data, at)
        elif kind == 2:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
        elif kind in (1, 5):
            size = {1: 8, 5: 4}[kind]
            value, at = data[at : at + size], at + size
        else:
            raise ValueError("no message")
        if at > len(data) or not number:
            raise ValueError("no message")
        found.append((number, kind, value))
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def _coded(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, kind: int, value: Any) -> bytes:
    tag = _coded(number << 3 | kind)
    if kind == 0:
        return tag + _coded(value)
    return tag + (_coded(len(value)) if kind == 2 else b"") + value
