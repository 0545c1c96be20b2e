"""Changes to the bytes of a file that know nothing of its format, and the choice between these and others."""

import re
import struct
from collections.abc import Callable, Sequence
from random import Random

from fuzz import structure

NUMBERS = (
    0,
    1,
    127,
    128,
    255,
    2**15,
    2**16 - 1,
    2**24,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**48,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
"""Numbers at which sizes and signs change."""
WORDS = (b"-1", b"0", b"1e999", b"NaN", b"1" * 30, b"9" * 5000, b"null", b"{}", b"[]", b'"\\ud800"', b"1.5", b"true")

_MOST = 1 << 20
"""Files do not grow beyond this; bombs have tests of their own."""


def mutated(data: bytes, name: str, others: Sequence[bytes], rng: Random) -> bytes:
    """`data` with one to four changes.

    Args:
        data: of a file.
        name: of the file, or of the member of an archive.
        others: other files that parts may be taken from.
        rng: decides all of it.
    """
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        known = structure.changes(data, name)
        if known and rng.random() < 0.6:
            try:
                data = rng.choice(known)(data, rng, lambda part, inner: mutated(part, inner, others, rng))
                continue
            except Exception:  # An earlier change has broken the format.
                pass
        data = rng.choice(_PLAIN)(data, rng, others)
    return data[:_MOST]


def _flip(data: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _replace(data: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 4))):
        changed[_place(data, rng)] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return bytes(changed)


def _number(data: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    size, order = rng.choice((2, 4, 8)), rng.choice("<>")
    value = struct.pack(f"{order}Q", rng.choice(NUMBERS))
    value = value[:size] if order == "<" else value[-size:]
    at = _place(data, rng)
    return data[:at] + value + data[at + size :]


def _word(data: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    digits = list(re.finditer(rb"\d+", data[:65536]))
    if not digits:
        return _replace(data, rng, ())
    there = rng.choice(digits)
    return data[: there.start()] + rng.choice(WORDS) + data[there.end() :]


def _cut(data: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    return data[
        : rng.choice((0, len(data) // 2, rng.randrange(len(data) + 1), max(0, len(data) - rng.randrange(1, 30))))
    ]


def _insert(data: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    at = _place(data, rng)
    return data[:at] + rng.randbytes(rng.choice((1, 2, 16, 300))) + data[at:]


def _remove(data: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    at = _place(data, rng)
    return data[:at] + data[at + rng.choice((1, 2, 4, 64)) :]


def _repeat(data: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    at = _place(data, rng)
    part = data[at : at + rng.choice((1, 8, 64, 1024))]
    return data[:at] + part * rng.choice((2, 2, 3, 100)) + data[at + len(part) :]


def _splice(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others) if others else data
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _place(data: bytes, rng: Random) -> int:
    """Somewhere in a file: most of it is numbers, and what describes them lies at its ends."""
    if not data:
        return 0
    place = rng.choice((rng.randrange(200), -rng.randrange(1, 400), rng.randrange(len(data))))
    return place % len(data)


def _safe(
    change: Callable[[bytes, Random, Sequence[bytes]], bytes],
) -> Callable[[bytes, Random, Sequence[bytes]], bytes]:
    return lambda data, rng, others: change(data or b"\0", rng, others)


_PLAIN = tuple(map(_safe, (_flip, _flip, _replace, _number, _word, _cut, _insert, _remove, _repeat, _splice)))
