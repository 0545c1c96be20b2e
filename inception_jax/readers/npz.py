"""NumPy archives (`.npz`) of arrays named as in this project, `conv2d0_w` and so on; never unpickled."""

import io
import json

import numpy as np

from inception_jax.readers.archive import Archive
from inception_jax.readers.contents import Contents, WeightsError, add, array_from, as_weights, plain

_HEADER = 2**17
"""Bytes at the beginning of a file within which the header ends; NumPy reads none that is longer."""

METADATA = "__metadata__"
"""The member that holds metadata as JSON text, as safetensors has it in its header."""


def parse(data: bytes) -> Contents:
    """Read an npz file. Half-precision arrays keep their type, float64 becomes float32.

    Raises:
        WeightsError: not an npz file, cut short, or with arrays that are not floats of the size they declare.
    """
    archive = Archive(data)
    arrays: dict[str, np.ndarray] = {}
    metadata: dict[str, str] = {}
    for member in archive.names:
        name = member.removesuffix(".npy")
        found = array(archive.read(member), name)
        if name == METADATA and found.dtype.kind == "U" and found.ndim == 0:
            metadata = _text_mapping(found.item())
        else:
            add(arrays, name, as_weights(found, name))
    return Contents(arrays, "npz", metadata=metadata)


def _text_mapping(text: str) -> dict[str, str]:
    try:
        mapping = json.loads(text)
    except (ValueError, RecursionError):
        mapping = None
    if not isinstance(mapping, dict) or not all(isinstance(value, str) for value in mapping.values()):
        raise WeightsError("the metadata is not a JSON object of strings")
    return mapping


def array(data: bytes | bytearray, name: str) -> np.ndarray:
    """The array in the bytes of an `.npy` file, which it shares; `name` is what errors call it.

    Raises:
        WeightsError: not an `.npy` file, Python objects, or another size than it declares.

    >>> buffer = io.BytesIO()
    >>> np.save(buffer, np.arange(3))
    >>> array(buffer.getvalue(), "a")
    array([0, 1, 2])
    """
    stream = io.BytesIO(bytes(data[:_HEADER]))
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, columns_first, dtype = read(stream)
    # The header is a Python literal, whose parser raises whatever it meets.
    except Exception as error:
        raise WeightsError(f"{name} is not a NumPy array: {plain(error)}") from None
    if dtype.hasobject:
        raise WeightsError(f"{name} holds pickled Python objects, which are not read; expected numbers")
    if not dtype.itemsize:
        raise WeightsError(f"{name} has type {dtype}, which takes no room; expected numbers")
    sides = [int(side) for side in (shape[::-1] if columns_first else shape)]
    found = array_from(memoryview(data)[stream.tell() :], dtype, sides, name)
    return found.T if columns_first else found
