"""NumPy archives (`.npz`) of arrays named as in this project, `conv2d0_w` and so on; never unpickled."""

import io
import json

import numpy as np

from inception_jax.readers.archive import Archive
from inception_jax.readers.contents import Contents, WeightsError, add, array_from, as_weights

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
        array = _array(archive.read(member), name)
        if name == METADATA and array.dtype.kind == "U" and array.ndim == 0:
            metadata = _text_mapping(array.item())
        else:
            add(arrays, name, as_weights(array, name))
    return Contents(arrays, "npz", metadata=metadata)


def _text_mapping(text: str) -> dict[str, str]:
    try:
        mapping = json.loads(text)
    except (ValueError, RecursionError):
        mapping = None
    if not isinstance(mapping, dict) or not all(isinstance(value, str) for value in mapping.values()):
        raise WeightsError("the metadata is not a JSON object of strings")
    return mapping


def _array(data: bytes, name: str) -> np.ndarray:
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, columns_first, dtype = read(stream)
    # The header is a Python literal, whose parser raises whatever it meets.
    except Exception as error:
        raise WeightsError(f"{name} is not a NumPy array: {error}") from None
    if dtype.hasobject:
        raise WeightsError(f"{name} holds pickled Python objects, which are not read; expected numbers")
    array = array_from(data[stream.tell() :], dtype, shape[::-1] if columns_first else shape, name)
    return array.T if columns_first else array
