"""Safetensors files, the format this project writes: arrays named `conv2d0_w` and so on, and text about them."""

import json

import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, deserialize

from inception_jax.readers.contents import Contents, WeightsError, add, array_from, as_weights

MAX_HEADER = 2**22
"""Most bytes of a header; with the names of a thousand classes it has 60,000."""

_DTYPES = {"F16": np.float16, "BF16": jnp.bfloat16, "F32": np.float32, "F64": np.float64}


def parse(data: bytes) -> Contents:
    """Read a safetensors file. Half-precision arrays keep their type, float64 becomes float32.

    Raises:
        WeightsError: not a safetensors file, cut short, or with arrays that are not floats.
    """
    if (length := int.from_bytes(data[:8], "little")) > MAX_HEADER:
        raise WeightsError(
            f"not a complete safetensors file: a header of {length} bytes; at most {MAX_HEADER} are read"
        )
    try:
        # Checks the header and that the arrays tile the rest of the file.
        tensors = deserialize(data)
    except SafetensorError as error:
        raise WeightsError(f"not a complete safetensors file: {error}") from None
    arrays: dict[str, np.ndarray] = {}
    for name, tensor in tensors:
        if tensor["dtype"] not in _DTYPES:
            raise WeightsError(f"{name} has type {tensor['dtype']}; expected one of {list(_DTYPES)}")
        array = array_from(tensor["data"], _DTYPES[tensor["dtype"]], tensor["shape"], name)
        add(arrays, name, as_weights(array, name))
    header = json.loads(data[8 : 8 + length])
    return Contents(arrays, "safetensors", metadata=header.get("__metadata__") or {})
