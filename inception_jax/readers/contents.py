"""What every weight reader returns, the one error they raise, and the bounds they keep."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np

MAX_BYTES = 2**30
"""Largest file, and largest sum of its arrays, that is read; the released networks have about 50 MB."""

_UNPACKED = 2**28

MAX_ARRAYS = 10_000
"""Most arrays of a file; the released networks have some 130."""

FLOATS = tuple(np.dtype(kind) for kind in (np.float32, np.float16, jnp.bfloat16, np.float64))
"""Types of weights that are read."""

Stated = Mapping[str, Mapping[str, Any]]
"""What a file itself says about the network: for each named activation, its operation's settings."""


class WeightsError(ValueError):
    """A weights file that cannot be read, or does not hold an InceptionV1."""


@dataclass(frozen=True)
class Contents:
    """A weights file in this project's terms.

    `arrays` has `<layer>_w` (HWIO, or `[in, out]`) and `<layer>_b`; arrays the reader has no name for keep the
    file's. `family` names the architecture whose files have this format and these names, where they tell. `stated`
    is what the file says about the operations (see `inception_jax.readers.stated`), `metadata` its free text.
    """

    arrays: Mapping[str, np.ndarray]
    format: str
    family: str | None = None
    stated: Stated = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


def most_bytes(size: int) -> int:
    """Most bytes that what is in a file of `size` bytes may take: weights hardly compress.

    >>> most_bytes(1000) // 2**20, most_bytes(2**27) // 2**20, most_bytes(2**30) // 2**20
    (256, 512, 1024)
    """
    return max(_UNPACKED, min(4 * size, MAX_BYTES), size)


def plain(text: object, most: int = 600) -> str:
    r"""`text` for a message: what comes from a file may be long, or move a terminal's cursor.

    >>> print(plain("a\x07b"), plain("a" * 700)[-8:])
    a\x07b aaaa ...
    """
    shown = str(text)[: most + 1]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    return shown if len(shown) <= most else f"{shown[:most]} ..."


def array_from(data: bytes | bytearray | memoryview, dtype: Any, shape: Sequence[int], name: str) -> np.ndarray:
    """The array of `shape` that `data` holds, which must be exactly its bytes.

    >>> array_from(bytes(8), "<f4", (2,), "conv2d0_b")
    array([0., 0.], dtype=float32)
    """
    needed = element_count(shape, name) * np.dtype(dtype).itemsize
    if needed != len(data):
        raise WeightsError(f"{name} of shape {tuple(shape)} needs {needed} bytes, but the file has {len(data)} for it")
    return np.frombuffer(data, dtype).reshape(shape)


def element_count(shape: Sequence[int], name: str, most: int = MAX_BYTES) -> int:
    """Elements of an array of `shape`; refuses negative sides and more than `most` bytes of float32."""
    # In this order: the product of a million large numbers takes minutes.
    within = len(shape) <= 8 and all(0 <= side <= MAX_BYTES for side in shape)
    if not within or 4 * (count := math.prod(shape)) > most:
        shown = plain(tuple(shape[:9]), 200)
        raise WeightsError(f"{name} has shape {shown}; expected an array of at most {most} bytes")
    return count


def add(arrays: dict[str, np.ndarray], name: str, array: np.ndarray) -> None:
    """Put `array` into `arrays`; refuses a second one of the same name, and too many of them."""
    if name in arrays:
        raise WeightsError(f"{name} is in the file twice")
    if len(arrays) == MAX_ARRAYS:
        raise WeightsError(f"the file has more than {MAX_ARRAYS} arrays")
    arrays[name] = array


def as_weights(array: np.ndarray, name: str) -> np.ndarray:
    """`array`, which must be of a floating-point type; float64 as float32."""
    if array.dtype not in FLOATS:
        raise WeightsError(f"{name} has type {array.dtype}; expected one of {[kind.name for kind in FLOATS]}")
    return array.astype(np.float32) if array.dtype == np.float64 else array
