"""Examples in a file that any program with NumPy reads."""

import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from circuits.examples.bins import BINS, BUCKETS, bucket_edges, edges
from circuits.examples.found import Examples
from inception_jax.bounded import FileError, read_arrays
from inception_jax.files import write_whole
from inception_jax.readers.contents import plain

_ARRAYS = tuple(field.name for field in dataclasses.fields(Examples) if field.name not in ("layer", "size", "images"))
_FACTS = ("size", "images")
_SHAPES: Mapping[str, tuple[str, tuple[str | int, ...]]] = {
    "size": ("iu", (2,)),
    "images": ("iu", ()),
    **{f"{end}_values": ("f", ("units", "k")) for end in ("top", "bottom")},
    **{f"{end}_images": ("iu", ("units", "k")) for end in ("top", "bottom")},
    **{f"{end}_positions": ("iu", ("units", "k", 2)) for end in ("top", "bottom")},
    "sample_values": ("f", ("units", BUCKETS, "samples")),
    "sample_images": ("iu", ("units", BUCKETS, "samples")),
    "sample_positions": ("iu", ("units", BUCKETS, "samples", 2)),
    "counts": ("iu", ("units", BINS)),
    "moments": ("f", ("units", 4)),
    "active": ("f", ("units",)),
    "class_images": ("iu", ("classes",)),
    "class_means": ("f", ("classes", "units")),
}
"""Kind and shape of each array."""


def save(examples: Mapping[str, Examples], path: str | Path) -> None:
    """Write examples as `.npz`, all or nothing: an array `<layer>/<attribute>` for each, and the edges of bins.

    Args:
        examples: by layer.
        path: a file in an existing folder, replaced if it is there.

    Raises:
        OSError: the file could not be written.

    >>> import tempfile
    >>> from circuits.examples.found import read
    >>> from circuits.examples.state import init
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(read(init({"a": 3, "b": 2})), f"{folder}/examples.npz")
    ...     list(load(f"{folder}/examples.npz"))
    ['a', 'b']
    """
    arrays = {
        f"{name}/{part}": np.asarray(getattr(found, part))
        for name, found in examples.items()
        for part in (*_FACTS, *_ARRAYS)
    }
    arrays |= {"edges": edges(), "bucket_edges": bucket_edges()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_whole(Path(path), buffer.getvalue())


def load(path: str | Path) -> dict[str, Examples]:
    """The examples in a file that `save` wrote, by layer.

    Args:
        path: a file, or the directory of a run.

    Raises:
        ValueError: a file that holds something else, or is damaged.
        OSError: no such file.

    >>> import tempfile
    >>> from circuits.examples.found import read
    >>> from circuits.examples.state import init
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(read(init({"a": 3})), f"{folder}/examples.npz")
    ...     load(folder)["a"]
    <examples of 3 units of a, 0 images>
    """
    path = Path(path)
    path = path / "examples.npz" if path.is_dir() else path
    try:
        arrays = read_arrays(path)
    except FileError as error:
        raise ValueError(f"{path} is no file of examples that can be read: {error}") from error
    layers = dict.fromkeys(name.rsplit("/", 1)[0] for name in arrays if "/" in name)
    missing = [f"{layer}/{part}" for layer in layers for part in (*_FACTS, *_ARRAYS) if f"{layer}/{part}" not in arrays]
    if not layers or missing:
        raise ValueError(f"{path} is no file of examples: it has no {plain(', '.join(missing[:3])) or 'layers'}")
    for layer in layers:
        if odd := _odd(layer, arrays):
            raise ValueError(f"{path} is no file of examples: {plain(odd)}")
    return {layer: _examples(layer, arrays) for layer in layers}


def _odd(layer: str, arrays: Mapping[str, np.ndarray]) -> str:
    """What is wrong with the arrays of a layer, of which there are all; nothing if they fit each other."""
    sides: dict[str, int] = {}
    for part, (kinds, shape) in _SHAPES.items():
        array = arrays[f"{layer}/{part}"]
        fits = array.dtype.kind in kinds and array.ndim == len(shape)
        fits = fits and all(
            side == (sides.setdefault(name, side) if isinstance(name, str) else name)
            for side, name in zip(array.shape, shape, strict=True)
        )
        if not fits:
            expected = ", ".join(str(sides.get(name, name) if isinstance(name, str) else name) for name in shape)
            return f"{layer}/{part} has type {array.dtype} and shape {array.shape}; expected [{expected}]"
    if (arrays[f"{layer}/size"] < 0).any() or arrays[f"{layer}/images"] < 0:
        return f"{layer} has a size or a number of images below 0"
    return ""


def _examples(layer: str, arrays: Mapping[str, np.ndarray]) -> Examples:
    height, width = arrays[f"{layer}/size"].tolist()
    parts = {part: arrays[f"{layer}/{part}"] for part in _ARRAYS}
    return Examples(layer=layer, size=(height, width), images=int(arrays[f"{layer}/images"]), **parts)
