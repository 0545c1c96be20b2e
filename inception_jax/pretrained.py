"""Weights by name or file, and where they are looked for.

First in the files and folders that `INCEPTION_JAX_WEIGHTS` names (joined as in `PATH`), then in the cache
(`INCEPTION_JAX_CACHE`, by default the user's), then in `weights` inside the shared folder (`INCEPTION_JAX_SHARED`, by
default `shared` beside the project around the working directory). Failing these they are downloaded, once.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from inception_jax.cache import cache_folder, converted, copies, read_copy
from inception_jax.files import read_model
from inception_jax.model import Model
from inception_jax.readers import READERS, WeightsError
from inception_jax.registry import ENDINGS, REGISTRY, Pretrained, released

_WEIGHTS = "INCEPTION_JAX_WEIGHTS"


@dataclass(frozen=True)
class Found:
    """A weights file, the place it was found in, and the released network it is called after, if any."""

    path: Path
    place: str
    pretrained: Pretrained | None


def load(source: str | os.PathLike[str]) -> Model:
    """A model with the weights of a released network or of a file.

    Published files are checked against their checksums, and converted copies against their own.

    Args:
        source: a name in `REGISTRY`, looked for on this machine and else downloaded; or a weights file, .npz
            .safetensors .pb .zip .caffemodel or .pth.

    Raises:
        WeightsError: an unknown name, no such file, a file that is not what it should be, or no way to get one.

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
    return _load(released(str(source)))


def default() -> Model:
    """The model to use where none is named: what `find` finds first, else inception5h, downloaded.

    Raises:
        WeightsError: no weights anywhere and no download; the message lists all the ways to provide them.
    """
    found = find()
    if found is None:
        return _load(next(iter(REGISTRY.values())))
    return _load(found.pretrained) if found.pretrained else read_model(found.path)


def find(name: str | None = None) -> Found | None:
    """Where on this machine the weights of a released network are, by default of any; `None` if nowhere.

    Files are known by their names, and not read; without `name`, `INCEPTION_JAX_WEIGHTS` may give a file of any name.

    Raises:
        WeightsError: an unknown name; `INCEPTION_JAX_WEIGHTS` names nothing that exists or, without `name`, no weights.
    """
    if name is None:
        return next(_search(REGISTRY.values(), any_file=True), None)
    return next(_search([released(name)]), None)


def download(name: str) -> Path:
    """The converted copy of a released network in the cache, made from the published file, downloaded where missing.

    Raises:
        WeightsError: an unknown name, no network, another file than the published one, or a cache that cannot be
            written.
    """
    entry = released(name)
    originals = (found.path for found in _search([entry]) if found.path.name in entry.checksums)
    converted(entry, next(originals, None))
    if not (kept := copies(cache_folder(), entry)):
        raise WeightsError(f"{name} cannot be kept in the cache folder {cache_folder()}")
    return kept[0]


def _load(entry: Pretrained) -> Model:
    for found in _search([entry]):
        if found.path.name in entry.checksums:
            return converted(entry, found.path)
        if found.path.name in entry.copies:
            return read_model(found.path)
        if model := read_copy(found.path):
            return model
    return converted(entry, None)


def _search(entries: Iterable[Pretrained], any_file: bool = False) -> Iterator[Found]:
    entries = list(entries)
    given = [Path(part).expanduser() for part in os.environ.get(_WEIGHTS, "").split(os.pathsep) if part]
    if missing := [str(path) for path in given if not path.exists()]:
        raise WeightsError(f"{_WEIGHTS} names {' and '.join(missing)}; no such file or folder")
    found = [Found(path, _WEIGHTS, entry) for source in given for path, entry in _matches(source, entries, any_file)]
    if given and any_file and not found:
        names = ", ".join(name for entry in entries for name in (*entry.checksums, *entry.copies))
        raise WeightsError(
            f"{_WEIGHTS} names {os.environ[_WEIGHTS]}, but no weights are there; expected one of {names}"
        )
    yield from found
    for place, folders in (("cache", [cache_folder()]), ("shared folder", _shared_folders())):
        for folder in folders:
            yield from (Found(path, place, entry) for path, entry in _matches(folder, entries))


def _matches(
    source: Path, entries: list[Pretrained], any_file: bool = False
) -> Iterator[tuple[Path, Pretrained | None]]:
    if not source.is_file():
        yield from ((path, entry) for entry in entries for path in _files(source, entry))
        return
    entry = next((entry for entry in entries if source in _files(source.parent, entry)), None)
    if entry or any_file:
        yield source, entry


def _files(folder: Path, entry: Pretrained) -> list[Path]:
    named = (folder / name for name in (*entry.checksums, *entry.copies))
    return [*copies(folder, entry), *(path for path in named if path.is_file())]


def _shared_folders() -> list[Path]:
    if folder := os.environ.get("INCEPTION_JAX_SHARED"):
        return [Path(folder, "weights")]
    here = Path.cwd()
    roots = (root for root in (here, *here.parents) if (root / "pyproject.toml").is_file())
    return [root.parent / "shared" / "weights" for root in roots][:1]
