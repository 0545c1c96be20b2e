"""Examples in a file that any program with NumPy reads."""

import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from circuits.examples.bins import bucket_edges, edges
from circuits.examples.found import Examples
from inception_jax.files import write_whole

_ARRAYS = tuple(field.name for field in dataclasses.fields(Examples) if field.name not in ("layer", "size", "images"))
_FACTS = ("size", "images")


def save(examples: Mapping[str, Examples], path: str | Path) -> None:
    """Write examples as `.npz`, all or nothing: an array `<layer>/<attribute>` for each, and the edges of bins.

    Args:
        examples: by layer.
        path: a file in an existing folder, replaced if it is there.

    Raises:
        OSError: the file could not be written.
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
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except OSError:
        raise
    except Exception as error:  # damaged archives fail in many ways
        raise ValueError(f"{path} is no file of examples that can be read: {error}") from error
    layers = dict.fromkeys(name.rsplit("/", 1)[0] for name in arrays if "/" in name)
    missing = [f"{layer}/{part}" for layer in layers for part in (*_FACTS, *_ARRAYS) if f"{layer}/{part}" not in arrays]
    if not layers or missing:
        raise ValueError(f"{path} is no file of examples: it has no {', '.join(missing[:3]) or 'layers'}")
    return {layer: _examples(layer, arrays) for layer in layers}


def _examples(layer: str, arrays: Mapping[str, np.ndarray]) -> Examples:
    height, width = arrays[f"{layer}/size"].tolist()
    parts = {part: arrays[f"{layer}/{part}"] for part in _ARRAYS}
    return Examples(layer=layer, size=(height, width), images=int(arrays[f"{layer}/images"]), **parts)
