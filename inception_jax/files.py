"""Models from weights files and into them, and how files of any kind are written whole."""

import hashlib
import io
import json
import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors.numpy

from inception_jax import readers
from inception_jax.bounded import FileError, read_bytes
from inception_jax.model import Model
from inception_jax.readers import MAX_BYTES, WeightsError
from inception_jax.readers.npz import METADATA
from inception_jax.readers.recognise import flat_shapes, recognise
from inception_jax.readers.serialise import from_json, to_json

_LOG = logging.getLogger(__name__)
_SAVED_TYPES = {".safetensors": ("float32", "float16", "bfloat16"), ".npz": ("float32", "float16")}


def read_model(path: str | Path, sha256: str | None = None) -> Model:
    """The model in a weights file.

    Args:
        path: a `.safetensors` or `.npz` file of this project; inception5h as TensorFlow's `.pb` or the released `.zip`
            around it; GoogLeNet as Caffe's `.caffemodel`; Lucent's or Captum's InceptionV1 as PyTorch's `.pth` or
            `.pt`. At most 1 GiB.
        sha256: the checksum the file must have, as 64 hexadecimal digits.

    Returns:
        A model whose `provenance` has the file's name, format and SHA-256, the licence if it is known, and the
        `origin` of weights that were saved by this project.

    Raises:
        WeightsError: another checksum; a damaged file; weights that are not an InceptionV1's, or only nearly so.
        OSError: no such file, or no permission.

    >>> import inception_jax, tempfile
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/small.safetensors")
    ...     read_model(f"{folder}/small.safetensors").architecture == model.architecture
    True
    """
    path = Path(path)
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise WeightsError(f"{path.name} has {size} bytes; at most {MAX_BYTES} are read")
        data = read_bytes(path, MAX_BYTES)
    except FileError as error:
        raise WeightsError(str(error)) from None
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None and digest != sha256.lower():
        raise WeightsError(f"{path.name} has SHA-256 {digest}, expected {sha256.lower()}: not the file that was meant")
    contents = readers.parse(path.name, data)
    try:
        architecture = recognise(contents)
        origin = _origin(contents.metadata)
    except WeightsError as error:
        raise readers.named(path.name, error) from None
    weights: dict[str, dict[str, Any]] = {}
    for name in flat_shapes(architecture):
        part = {"w": "kernel", "b": "bias"}[name[-1]]
        weights.setdefault(name[:-2], {})[part] = contents.arrays[name]
    provenance = {"source": path.name, "format": contents.format, "sha256": digest}
    if origin:
        provenance |= {k: v for k, v in origin.items() if k == "licence"} | {"origin": origin}
    _LOG.info("read %s: %s, %s bytes, SHA-256 %s", path, architecture.name, f"{size:,}", digest)
    # Unlike `jnp.asarray`, this compiles nothing.
    return Model(architecture, jax.device_put(weights), provenance)


def save(model: Model, path: str | Path) -> None:
    """Write a model's weights with its architecture and provenance, all or nothing.

    Weights keep their type, and are read back and compared before the file gets its name.

    Args:
        model: the model.
        path: a file in an existing folder, replaced if it is there. `.safetensors` is recommended; `.npz` is for
            programs that only have NumPy.

    Raises:
        ValueError: another ending; weights of a type that the format does not have; an architecture out of range.
        OSError: the file could not be written, or reads back differently.

    >>> import inception_jax, tempfile
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/small.npz")
    ...     inception_jax.load(f"{folder}/small.npz").provenance["format"]
    'npz'
    """
    path = Path(path)
    if path.suffix not in _SAVED_TYPES:
        raise ValueError(f"cannot save as {path.name!r}; expected a name ending in {' or '.join(_SAVED_TYPES)}")
    # Contiguous, because safetensors writes the memory of a transposed view as it lies.
    arrays = {
        f"{layer}_{suffix}": np.ascontiguousarray(parts[part])
        for layer, parts in model.weights.items()
        for part, suffix in (("kernel", "w"), ("bias", "b"))
    }
    accepted = _SAVED_TYPES[path.suffix]
    if wrong := sorted({array.dtype.name for array in arrays.values()} - set(accepted)):
        raise ValueError(
            f"weights have type {', '.join(wrong)}; {path.suffix} files hold {' or '.join(accepted)}: "
            "use model.astype, or save as .safetensors"
        )
    # Read back here, because a file whose architecture is not valid could not be loaded.
    if from_json(to_json(model.architecture)) != model.architecture:
        raise ValueError(f"the architecture of {model.name} does not survive being written as JSON")
    provenance = dict(model.provenance.get("origin", model.provenance))
    metadata = {"architecture": to_json(model.architecture), "provenance": json.dumps(provenance, default=str)}
    with replacing(path) as temporary:
        temporary.write_bytes(_encode(path.suffix, arrays, metadata))
        back = readers.parse(path.name, temporary.read_bytes())
        if not (_identical(arrays, back.arrays) and back.metadata == metadata):
            raise OSError(f"{path.name} reads back differently from what was written; nothing was saved")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`, which takes its place if the block ends well and is removed if not.

    Args:
        path: a file in an existing folder, replaced if it is there.

    Raises:
        OSError: the temporary file could not be moved to its place.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder, "notes.txt")) as temporary:
    ...         _ = temporary.write_text("all or nothing")
    ...     Path(folder, "notes.txt").read_text(), len(list(Path(folder).iterdir()))
    ('all or nothing', 1)
    """
    # Beside it, because only within a file system is moving a file one step.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` into the file `path`, or leave what is there.

    Raises:
        OSError: the file could not be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder, "a"), b"content")
    ...     Path(folder, "a").read_bytes()
    b'content'
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _encode(ending: str, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    if ending == ".safetensors":
        return safetensors.numpy.save(arrays, metadata)
    buffer, members = io.BytesIO(), dict[str, Any](arrays)
    members[METADATA] = np.array(json.dumps(metadata))
    np.savez(buffer, **members)
    return buffer.getvalue()


def _identical(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(
        x.dtype == b[name].dtype and x.shape == b[name].shape and x.tobytes() == b[name].tobytes()
        for name, x in a.items()
    )


def _origin(metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        origin = json.loads(metadata.get("provenance", "{}"))
    except (ValueError, RecursionError):
        origin = None
    if not isinstance(origin, dict):
        raise WeightsError("the metadata's provenance is not a JSON object")
    return origin
