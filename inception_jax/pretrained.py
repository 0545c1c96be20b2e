"""Weights by name or file, and where they are looked for.

Those in the package are read from there. Those published elsewhere are looked for first in the files and folders that
`INCEPTION_JAX_WEIGHTS` names (joined as in `PATH`), then in the cache (`INCEPTION_JAX_CACHE`, by default the user's),
then in `weights` inside the shared folder (`INCEPTION_JAX_SHARED`, by default `shared` beside the project around the
working directory). Failing these they are downloaded, once.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from inception_jax.cache import cache_folder, converted, copies, read_copy
from inception_jax.files import read_model
from inception_jax.model import Model
from inception_jax.readers import READERS, WeightsError
from inception_jax.registry import ENDINGS, REGISTRY, Bundled, Published, registered

_WEIGHTS = "INCEPTION_JAX_WEIGHTS"


@dataclass(frozen=True)
class Found:
    """A weights file, and the place it was found in."""

    path: Path
    place: str


def load(source: str | os.PathLike[str]) -> Model:
    """A model with the weights of a network by name, or of a file.

    Bundled and published files are checked against their checksums, and converted copies against their own.

    Args:
        source: a name in `REGISTRY` (`python -m inception_jax list`): in the package, or looked for on this machine
            and else downloaded; or a weights file, .npz .safetensors .pb .zip .caffemodel or .pth.

    Returns:
        Bundled networks in float32, though their files hold float16; others as their file has them.

    Raises:
        WeightsError: an unknown name, no such file, a file that is not what it should be, or no way to get one.

    >>> load("mini")
    <mini, 647,808 parameters from mini.safetensors>
    >>> load("inception5")
    Traceback (most recent call last):
    inception_jax.readers.contents.WeightsError: no weights 'inception5'; did you mean 'inception5h'? expected ...
    """
    if source in REGISTRY:
        return _load(REGISTRY[str(source)])
    path = Path(source)
    if path.is_file():
        return read_model(path)
    if path.suffix.lower() in READERS or path.exists():
        raise WeightsError(f"{path} is no file; expected a weights file ({ENDINGS})")
    return _load(registered(str(source)))


def find(name: str) -> Found | None:
    """Where on this machine the weights of a network are; `None` if nowhere. Files are known by their names, not read.

    Raises:
        WeightsError: an unknown name, or `INCEPTION_JAX_WEIGHTS` names nothing that exists.

    >>> find("mini").place
    'bundled'
    """
    entry = registered(name)
    return Found(entry.path, "bundled") if isinstance(entry, Bundled) else next(_search(entry), None)


def download(name: str) -> Path:
    """The converted copy of a published network in the cache, made from its file, which is downloaded where missing.

    Of bundled networks, which need no download, the file in the package.

    Raises:
        WeightsError: an unknown name, no network, another file than the published one, or a cache that cannot be
            written.
    """
    entry = registered(name)
    if isinstance(entry, Bundled):
        return entry.path
    originals = (found.path for found in _search(entry) if found.path.name in entry.checksums)
    converted(entry, next(originals, None))
    if not (kept := copies(cache_folder(), entry)):
        raise WeightsError(f"{name} cannot be kept in the cache folder {cache_folder()}")
    return kept[0]


def _load(entry: Bundled | Published) -> Model:
    if isinstance(entry, Bundled):
        return _bundled(entry)
    for found in _search(entry):
        if found.path.name in entry.checksums:
            return converted(entry, found.path)
        if found.path.name in entry.copies:
            return read_model(found.path)
        if model := read_copy(found.path):
            return model
    return converted(entry, None)


def _bundled(entry: Bundled) -> Model:
    model = read_model(entry.path, sha256=entry.sha256)
    # Converted by NumPy, because JAX would compile a conversion for each shape.
    weights = jax.device_put(jax.tree.map(lambda w: np.asarray(w, np.float32), model.weights))
    facts = {"pretrained": entry.name, "licence": entry.licence}
    origin = model.provenance.get("origin", {}) | facts
    return Model(model.architecture, weights, {**model.provenance, "licence": entry.licence, "origin": origin})


def _search(entry: Published) -> Iterator[Found]:
    given = [Path(part).expanduser() for part in os.environ.get(_WEIGHTS, "").split(os.pathsep) if part]
    if missing := [str(path) for path in given if not path.exists()]:
        raise WeightsError(f"{_WEIGHTS} names {' and '.join(missing)}; no such file or folder")
    for place, sources in ((_WEIGHTS, given), ("cache", [cache_folder()]), ("shared folder", _shared_folders())):
        yield from (Found(path, place) for source in sources for path in _files(source, entry))


def _files(source: Path, entry: Published) -> list[Path]:
    """The files of a network in a folder, or of a file that file if it is one of them."""
    folder = source.parent if source.is_file() else source
    named = (folder / name for name in (*entry.checksums, *entry.copies))
    found = [*copies(folder, entry), *(path for path in named if path.is_file())]
    return [path for path in found if source in (folder, path)]


def _shared_folders() -> list[Path]:
    if folder := os.environ.get("INCEPTION_JAX_SHARED"):
        return [Path(folder, "weights")]
    here = Path.cwd()
    roots = (root for root in (here, *here.parents) if (root / "pyproject.toml").is_file())
    return [root.parent / "shared" / "weights" for root in roots][:1]
