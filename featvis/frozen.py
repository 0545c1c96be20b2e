"""Arrays as static values: hashable, compared by content."""

from typing import Any

import numpy as np


class Frozen:
    """A read-only array that can be part of a hashable value, such as a parameterisation.

    Two of them are equal if shape, type and every bit are; programs that hold equal arrays are compiled once. The array
    becomes part of the compiled program, so it is meant for what all units share and for no more than a few megabytes.

    >>> Frozen([1.0, 2.0]) == Frozen([1.0, 2.0]), Frozen([1.0]) == Frozen([2.0])
    (True, False)
    """

    def __init__(self, array: Any) -> None:
        self.array = np.array(array)
        self.array.setflags(write=False)
        self._content = (self.array.shape, self.array.dtype.str, self.array.tobytes())
        self._hash = hash(self._content)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frozen) and self._content == other._content

    def __repr__(self) -> str:
        return f"Frozen({self.array.dtype}{list(self.array.shape)})"
