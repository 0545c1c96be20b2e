"""The cache of published networks: their files, checked, and the converted copies that are read from then on."""

import contextlib
import dataclasses
import hashlib
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from inception_jax.files import read_model, save
from inception_jax.model import Model
from inception_jax.readers import WeightsError
from inception_jax.registry import DEFAULT, ENDINGS, Published

_CONVERSION = 1
"""Part of the converted copies' names; to be raised when the readers come to read more, or otherwise."""


def cache_folder() -> Path:
    """`INCEPTION_JAX_CACHE`, by default the user's cache folder; it may not exist yet."""
    if folder := os.environ.get("INCEPTION_JAX_CACHE"):
        return Path(folder).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("inception-jax", appauthor=False))


def copies(folder: Path, entry: Published) -> list[Path]:
    """The converted copies of a network in `folder`, which carry their SHA-256 in their names; normally one."""
    return sorted(folder.glob(f"{entry.name}-{_CONVERSION}-{'[0-9a-f]' * 64}.safetensors"))


def read_copy(path: Path) -> Model | None:
    """The model in a converted copy; `None`, with a warning, if the file is not what its name says.

    Such a file is deleted where it is in the cache.
    """
    try:
        return read_model(path, sha256=path.stem.rpartition("-")[2])
    except WeightsError as error:
        warnings.warn(f"a converted copy is damaged and will be made again: {error}", stacklevel=2)
        if path.parent == cache_folder():
            with contextlib.suppress(OSError):
                path.unlink()
        return None


def converted(entry: Published, original: Path | None) -> Model:
    """The model in a published file, downloaded if `original` is `None`; the converted copy is read or else written.

    Raises:
        WeightsError: another file than the published one, or no way to get that.
    """
    with locked(cache_folder()):
        for copy in copies(cache_folder(), entry):
            if model := read_copy(copy):
                return model
        original = original or _fetch(entry)
        _check(original, entry.checksums[original.name])
        model = read_model(original)
        facts = {"pretrained": entry.name, "url": entry.urls[0], "licence": entry.licence}
        origin = {**model.provenance.get("origin", {}), **model.provenance, **facts}
        origin.pop("origin", None)
        model = dataclasses.replace(model, provenance={**model.provenance, "licence": entry.licence, "origin": origin})
        try:
            # Read back, so that the first load and later ones give the same provenance.
            return read_model(_store(model, entry))
        except OSError as error:
            warnings.warn(f"{entry.name} is not cached: {_unwritable(error)}", stacklevel=2)
            return model


def file_checksum(path: Path, algorithm: str = "sha256") -> str:
    """The checksum of a file, as hexadecimal digits.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     file_checksum(Path(file.name))[:8]
    'e3b0c442'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _unwritable(error: OSError) -> str:
    """What to tell about a cache folder that cannot be written."""
    reason = error.strerror or str(error)
    return f"the cache folder {cache_folder()} cannot be written ({reason}); set INCEPTION_JAX_CACHE to another"


def _check(original: Path, checksum: str) -> None:
    algorithm, expected = checksum.split(":")
    if (actual := file_checksum(original, algorithm)) != expected:
        raise WeightsError(
            f"{original} is not the published {original.name}: its {algorithm} is {actual}, expected {expected}; "
            "fetch it again, or give other weights another name"
        )


def _store(model: Model, entry: Published) -> Path:
    temporary = cache_folder() / f".{entry.name}-{os.getpid()}.safetensors"
    try:
        save(model, temporary)
        name = f"{entry.name}-{_CONVERSION}-{file_checksum(temporary)}.safetensors"
        return temporary.replace(cache_folder() / name)
    finally:
        temporary.unlink(missing_ok=True)


def _fetch(entry: Published) -> Path:
    # Imported here: models from files need no HTTP client, and machines without a network often have none.
    from inception_jax.download import DownloadError, download_file

    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "permission denied")
        return download_file(entry.urls, folder / entry.file, entry.checksums[entry.file], entry.size)
    except DownloadError as error:
        reason = f"they cannot be downloaded ({error})"
    except OSError as error:
        reason = _unwritable(error)
    raise WeightsError(
        f"no weights of {entry.name} on this machine, and {reason}.\n"
        "Any one of these provides them:\n"
        f"- set INCEPTION_JAX_WEIGHTS to {entry.file}, or to a folder that holds it\n"
        f"- name a file: --model FILE on the command line, load(FILE) in Python ({ENDINGS})\n"
        f"- where there is a network, run: python -m inception_jax download {entry.name}\n"
        f"- fetch {entry.urls[0]} by hand and put it into {folder}\n"
        f"{DEFAULT} needs none of them: it is in the package."
    )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lets one process at a time write into a cache folder; the others wait and find what it made."""
    with contextlib.ExitStack() as stack:
        # Without a lock, at worst several processes do the same work: files appear whole or not at all.
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((folder / ".lock").open("w"))
            if sys.platform != "win32":
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX)
        yield
