"""Protocol-buffer messages, decoded by hand: a few dozen lines instead of a dependency and generated code.

Source: https://protobuf.dev/programming-guides/encoding/. Every length is checked against the bytes that are there.
"""

import re
import struct
from typing import Any

import numpy as np

from inception_jax.readers.contents import WeightsError

MAX_FIELDS = 300_000
"""Most fields of a message with all that is read in it. A run of single floats counts as one; the released graph has
about 400 nodes."""

MAX_PACKED = 2**24
"""Most integers of a packed field."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Message:
    """The fields of one message by number, in file order; `what` names it in errors.

    >>> message = Message(bytes([8, 150, 1, 18, 2, 104, 105]), "greeting")
    >>> message.integer(1), message.text(2), message.text(3)
    (150, 'hi', '')
    """

    def __init__(self, data: bytes | bytearray | memoryview, what: str, inside: "Message | None" = None) -> None:
        self.what = what
        self._fields: dict[int, list[tuple[int, int | memoryview]]] = {}
        self._left: list[int] = [MAX_FIELDS] if inside is None else inside._left
        data, at = memoryview(data), 0
        while at < len(data):
            if not self._left[0]:
                raise WeightsError(f"{what} has more than {MAX_FIELDS} fields")
            self._left[0] -= 1
            tag, value_at = self._varint(data, at)
            number, kind = tag >> 3, tag & 7
            if kind == _VARINT:
                value, end = self._varint(data, value_at)
            elif kind == _BYTES:
                length, value_at = self._varint(data, value_at)
                value, end = self._take(data, value_at, length), value_at + length
            elif kind == _FIXED64:
                value, end = self._take(data, value_at, 8), value_at + 8
            elif kind == _FIXED32:
                value, end = self._floats_in_a_row(data, at, value_at)
            else:
                raise WeightsError(f"{what} has a field of wire type {kind}; the file is damaged or of another format")
            self._fields.setdefault(number, []).append((kind, value))
            at = end

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def messages(self, number: int, what: str) -> list["Message"]:
        """The messages in a repeated field."""
        return [Message(data, what, self) for data in self._bytes(number)]

    def message(self, number: int, what: str) -> "Message":
        """The message in a field; an empty one where there is none."""
        return Message((self._bytes(number) or [memoryview(b"")])[-1], what, self)

    def data(self, number: int) -> memoryview:
        """The bytes in a field, none by default."""
        return (self._bytes(number) or [memoryview(b"")])[-1]

    def texts(self, number: int) -> list[str]:
        """The strings in a repeated field."""
        try:
            return [str(data, "utf-8") for data in self._bytes(number)]
        except UnicodeDecodeError:
            raise WeightsError(f"{self.what} has text that is not UTF-8 in field {number}") from None

    def text(self, number: int, default: str = "") -> str:
        """The string in a field."""
        return (self.texts(number) or [default])[-1]

    def integers(self, number: int) -> list[int]:
        """The int32 or int64 numbers in a repeated field, packed or not."""
        return self.whole(number).tolist()

    def whole(self, number: int, bits: int = 64) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """The same as an array; no other numbers than those of `bits`, without a sign if there are fewer than 64."""
        pieces = [np.zeros(0, np.uint64)]
        for kind, value in self._fields.get(number, []):
            if isinstance(value, int):
                pieces.append(np.array([value], np.uint64))
            elif kind == _BYTES:
                pieces.append(self._packed(value))
            else:
                raise self._mistyped(number)
        found = np.concatenate(pieces)
        if bits < 64 and (found >> np.uint64(bits)).any():
            raise WeightsError(f"{self.what} has numbers of more than {bits} bits in field {number}")
        return found.view(np.int64)

    def integer(self, number: int, default: int = 0) -> int:
        """The integer, enumeration or boolean in a field."""
        return (self.integers(number) or [default])[-1]

    def floats(self, number: int, size: int = 4) -> bytes | memoryview:
        """The little-endian floats of `size` bytes in a repeated field, packed or not, as bytes."""
        allowed = (_BYTES, {4: _FIXED32, 8: _FIXED64}[size])
        pieces = [self._checked(number, kind, value, *allowed) for kind, value in self._fields.get(number, [])]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def real(self, number: int, default: float) -> float:
        """The float in a field."""
        data = self.floats(number)
        return struct.unpack_from("<f", data, len(data) - 4)[0] if len(data) >= 4 else default

    def _bytes(self, number: int) -> list[memoryview]:
        return [self._checked(number, kind, value, _BYTES) for kind, value in self._fields.get(number, [])]

    def _checked(self, number: int, kind: int, value: int | memoryview, *kinds: int) -> memoryview:
        if kind not in kinds or isinstance(value, int):
            raise self._mistyped(number)
        return value

    def _mistyped(self, number: int) -> WeightsError:
        return WeightsError(f"{self.what} has another type of value in field {number} than its format says")

    def _take(self, data: memoryview, at: int, length: int) -> memoryview:
        if length > len(data) - at:
            raise self._short()
        return data[at : at + length]

    def _varint(self, data: memoryview, at: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= len(data):
                raise self._short()
            byte = data[at]
            value |= (byte & 127) << shift
            at += 1
            if byte < 128:
                return value & (2**64 - 1), at
        raise self._overlong()

    def _overlong(self) -> WeightsError:
        return WeightsError(f"{self.what} has an integer longer than 64 bits; the file is damaged or of another format")

    def _packed(self, data: memoryview) -> "np.ndarray[Any, np.dtype[np.uint64]]":
        # Seven bits a byte, the lowest first; all bytes of a number but its last have the eighth bit set.
        digits = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(digits < 128)
        if len(digits) and (not len(ends) or ends[-1] != len(digits) - 1):
            raise self._short()
        if len(ends) > MAX_PACKED:
            raise WeightsError(f"{self.what} has a list of {len(ends)} integers; at most {MAX_PACKED} are read")
        starts = np.concatenate([ends[:0], [0], ends[:-1] + 1])[: len(ends)]
        lengths = ends - starts + 1
        if (longest := lengths.max(initial=0)) > 10:
            raise self._overlong()
        found = np.zeros(len(ends), np.uint64)
        for place in range(longest):
            there = lengths > place
            bits = (digits[starts[there] + place] & np.uint8(127)).astype(np.uint64)
            found[there] |= bits << np.uint64(7 * place)
        return found

    def _floats_in_a_row(self, data: memoryview, at: int, value_at: int) -> tuple[memoryview, int]:
        # Unpacked floats each repeat the tag; a network's millions of them would take Python minutes one by one.
        tag = bytes(data[at:value_at])
        row = re.compile(b"(?:" + re.escape(tag) + rb"[\s\S]{4})++").match(data, at)
        if row is None:
            raise self._short()
        records = np.frombuffer(row.group(), np.uint8).reshape(-1, len(tag) + 4)
        return memoryview(records[:, len(tag) :].tobytes()), row.end()

    def _short(self) -> WeightsError:
        return WeightsError(f"{self.what} is cut short: the file is incomplete or damaged")
