"""PyTorch checkpoints (`.pth`, `.pt`) of Lucent's and Captum's InceptionV1, without PyTorch and without unpickling."""

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np

from inception_jax.readers import names
from inception_jax.readers.archive import Archive
from inception_jax.readers.contents import Contents, WeightsError, add, element_count, most_bytes
from inception_jax.readers.unpickle import MAX_PICKLE, Tensor, loads

_DTYPES = {
    "torch.FloatStorage": np.float32,
    "torch.DoubleStorage": np.float64,
    "torch.HalfStorage": np.float16,
    "torch.BFloat16Storage": jnp.bfloat16,
}
_NESTED = ("state_dict", "model_state_dict", "model")


def parse(data: bytes) -> Contents:
    """Read the state dict of a checkpoint in PyTorch's zip format.

    Raises:
        WeightsError: the format from before PyTorch 1.6; cut short; objects other than tensors; tensors that reach
            outside of their storage.
    """
    if data[:1] == b"\x80":
        raise WeightsError(
            "this is PyTorch's format from before version 1.6, a bare pickle, which is not read; save it again: "
            "torch.save(torch.load(old, weights_only=True), new)"
        )
    archive = Archive(data)
    pickles = [name for name in archive.names if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise WeightsError(f"expected one data.pkl in the zip archive; it holds {sorted(archive.names)[:10]}")
    root = pickles[0].removesuffix("data.pkl")
    order = archive.read(f"{root}byteorder", 16) if f"{root}byteorder" in archive.names else None
    read = functools.cache(lambda key: archive.read(f"{root}data/{key}"))
    tensors = _state_dict(loads(archive.read(pickles[0], MAX_PICKLE)))
    # Views can be much larger than what they view.
    most = most_bytes(len(data))
    if 4 * sum(element_count(tensor.shape, name, most) for name, tensor in tensors.items()) > most:
        raise WeightsError(f"the tensors take more than {most} bytes together")
    arrays: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        ours = names.from_torch(name) or name
        array = _array(read(tensor.storage.key), tensor, name, swapped=order == b"big")
        add(arrays, ours, names.to_our_layout(ours[:-2], array))
    return Contents(arrays, "PyTorch checkpoint", "inception5h")


def _state_dict(loaded: Any) -> dict[str, Tensor]:
    for name in _NESTED:
        if isinstance(loaded, dict) and isinstance(loaded.get(name), dict):
            loaded = loaded[name]
    tensors = {}
    if isinstance(loaded, dict):
        tensors = {k: v for k, v in loaded.items() if isinstance(k, str) and isinstance(v, Tensor)}
    if not tensors:
        raise WeightsError(f"no state dict: expected tensors by name, at the top or under one of {list(_NESTED)}")
    return tensors


def _array(data: bytearray, tensor: Tensor, name: str, *, swapped: bool) -> np.ndarray:
    storage, shape, strides = tensor.storage, tensor.shape, tensor.strides
    if storage.kind not in _DTYPES:
        raise WeightsError(f"{name} is stored as {storage.kind}; expected one of {list(_DTYPES)}")
    dtype = np.dtype(_DTYPES[storage.kind])
    if len(data) != storage.size * dtype.itemsize:
        raise WeightsError(f"{name}: its storage declares {storage.size} numbers, but has {len(data)} bytes")
    count = element_count(shape, name)
    last = tensor.offset + sum((side - 1) * step for side, step in zip(shape, strides, strict=False))
    fits = len(shape) == len(strides) and min((tensor.offset, *strides)) >= 0 and last < storage.size
    if count and not fits:
        raise WeightsError(
            f"{name} of shape {shape}, strides {strides} and offset {tensor.offset} reaches outside of its storage of "
            f"{storage.size} numbers"
        )
    numbers = np.frombuffer(data, np.uint16 if dtype == jnp.bfloat16 else dtype)
    view = (numbers.byteswap() if swapped else numbers).view(dtype)[tensor.offset :]
    steps = [step * dtype.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(view, shape, steps, writeable=False).astype(np.float32)
