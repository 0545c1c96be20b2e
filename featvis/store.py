"""Results in a folder: a PNG for each image, exact arrays as NPZ, and a manifest in JSON."""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from featvis.pixels import grouped, picture
from inception_jax.bounded import FileError, arrays_in, opened, read_json

MANIFEST, ARRAYS = "manifest.json", "arrays.npz"

_FORMAT = "featvis 1"
# Names that Windows keeps for devices, whatever their ending.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


class Saved(NamedTuple):
    """What `load` finds: exactly what was given to `save`."""

    images: Float[np.ndarray, "n ..."]
    labels: tuple[str, ...]
    arrays: dict[str, np.ndarray]
    manifest: dict[str, Any]


def save(
    folder: str | Path,
    images: Float[Array | np.ndarray, "n ..."],
    labels: Sequence[str],
    arrays: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write results into a folder, all or nothing.

    Args:
        folder: made if it is not there, with those above it. Results saved in it before are replaced.
        images: `[n, height, width, channels]` in [0, 1], or `[n, images, height, width, channels]`.
        labels: one for each result; files are named after them, see `file_names`.
        arrays: more arrays, of numbers, booleans or text. Nothing is pickled.
        manifest: facts about the results, of JSON's types.
        overwrite: replace files of the same names that this function did not write, too.

    Returns:
        The folder.

    Raises:
        FileExistsError: a file of one of the names is there, and it was not written by this function.
        ValueError: another number of labels, an array of objects, a manifest that JSON cannot hold.
        OSError: the folder could not be written.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = save(folder, np.zeros((2, 8, 8, 3), np.float32), ["mixed4a:0", "-mixed4a:1"], manifest={"seed": 0})
    ...     sorted(file.name for file in Path(folder).iterdir()), load(folder).manifest
    (['arrays.npz', 'manifest.json', 'mixed4a_0.png', 'negative_mixed4a_1.png'], {'seed': 0})
    """
    results = grouped(images, labels=labels)
    kept = _checked(images, arrays or {})
    try:
        facts = json.loads(json.dumps(dict(manifest or {}), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"JSON cannot hold the manifest: {error}") from None
    count = results.shape[1]
    names = file_names([label if count == 1 else f"{label}_{j}" for label in labels for j in range(count)])
    files = [f"{name}.png" for name in names]

    folder = Path(folder)
    before = _files(folder)
    foreign = [name for name in (MANIFEST, ARRAYS, *files) if name not in before and (folder / name).exists()]
    if foreign and not overwrite:
        some = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
        raise FileExistsError(
            f"{folder} has files that were not saved from here: {some}; give another folder, or overwrite=True"
        )
    with _staged(folder) as stage:
        for file, image in zip(files, results.reshape(-1, *results.shape[2:]), strict=True):
            picture(image).save(stage / file)
        np.savez(stage / ARRAYS, **kept)
        content = {
            "format": _FORMAT,
            "arrays_sha256": hashlib.sha256((stage / ARRAYS).read_bytes()).hexdigest(),
            "results": [
                {"label": label, "files": files[i * count : (i + 1) * count]} for i, label in enumerate(labels)
            ],
            "facts": facts,
        }
        (stage / MANIFEST).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        # The manifest first: whatever happens then, it names what is this function's own.
        for name in (MANIFEST, ARRAYS, *files):
            (stage / name).replace(folder / name)
    for name in before - {MANIFEST, ARRAYS, *files}:
        (folder / name).unlink(missing_ok=True)
    return folder


def load(folder: str | Path) -> Saved:
    """What `save` wrote into a folder.

    Raises:
        ValueError: the folder's manifest is of another kind, or its arrays are those of another manifest.
        OSError: no such folder, or no permission.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load(save(folder, np.ones((1, 2, 2, 3)), ["a"], {"scores": np.ones(1)})).arrays
    {'scores': array([1.])}
    """
    folder = Path(folder)
    manifest = _read(folder)
    if manifest is None:
        raise ValueError(f"{folder / MANIFEST} is no manifest of saved results; expected one that says {_FORMAT!r}")
    with opened(folder / ARRAYS, within=folder) as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != manifest.get("arrays_sha256"):  # pyright: ignore[reportArgumentType]
            raise ValueError(f"{folder / ARRAYS} is not what {MANIFEST} describes; save the results again")
        arrays = dict(arrays_in(file, folder / ARRAYS))  # Of the same file, whatever takes its place meanwhile.
    labels = tuple(result["label"] for result in manifest["results"])
    images = arrays.pop("images", np.zeros(0))
    if images.ndim not in (4, 5) or len(images) != len(labels):
        raise ValueError(f"{folder / ARRAYS} has images of shape {images.shape}; expected {len(labels)} results")
    return Saved(images, labels, arrays, manifest["facts"])


def file_names(labels: Iterable[str]) -> list[str]:
    """A name for each label that every system takes as that of a file, without an ending; no two are alike.

    Letters, digits and `. + - _` stay, everything else becomes `_`, and a leading minus the word `negative`. Names are
    also told apart where systems do not tell capitals from small letters.

    >>> file_names(["mixed4a:476", "-mixed4a:476", "a:1^2 * b", "mixed4a 476", "nul"])
    ['mixed4a_476', 'negative_mixed4a_476', 'a_1_2_b', 'mixed4a_476_2', 'nul_']
    """
    names: list[str] = []
    taken = set[str]()
    for label in labels:
        spoken = re.sub(r"^\s*-", "negative_", label)
        plain = re.sub(r"[^A-Za-z0-9.+-]+", "_", spoken).strip("._-")[:100] or "image"
        if plain.lower().split(".")[0] in _DEVICES:
            plain = plain.replace(".", "_") + "_"
        name, again = plain, 1
        while name.lower() in taken:
            again += 1
            name = f"{plain}_{again}"
        taken.add(name.lower())
        names.append(name)
    return names


def _checked(images: Any, arrays: Mapping[str, Any]) -> dict[str, Any]:
    for name in arrays:
        if not name.isidentifier() or name in ("images", "file", "allow_pickle"):
            raise ValueError(f"an array cannot be called {name!r}; expected a plain name, such as 'scores'")
    checked = {"images": np.asarray(images)} | {name: np.asarray(array) for name, array in arrays.items()}
    for name, array in checked.items():
        if array.dtype.kind not in "biufcU":
            raise ValueError(f"array {name!r} has type {array.dtype}; expected numbers, booleans or text")
    return checked


def _read(folder: Path) -> dict[str, Any] | None:
    """The manifest in `folder`, if `save` wrote it."""
    try:
        content = read_json(folder / MANIFEST, folder)
    except FileError:
        return None
    ours = isinstance(content, dict) and content.get("format") == _FORMAT
    return content if ours and isinstance(content.get("facts"), dict) and _lists(content.get("results")) else None


def _lists(results: Any) -> bool:
    """Whether a manifest lists results as `save` does: a label and names of files for each."""
    return isinstance(results, list) and all(
        isinstance(result, dict)
        and isinstance(result.get("label"), str)
        and isinstance(result.get("files"), list)
        and all(isinstance(file, str) for file in result["files"])
        for result in results
    )


def _files(folder: Path) -> set[str]:
    """Names of the files in `folder` that `save` wrote."""
    manifest = _read(folder) if (folder / MANIFEST).exists() else None
    if manifest is None:
        return set()
    listed = [file for result in manifest["results"] for file in result["files"]]
    # Whatever a manifest says, nothing outside the folder is ours.
    return {MANIFEST, ARRAYS, *(file for file in listed if Path(file).name == file and file.endswith(".png"))}


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """A folder to write into before anything in `folder` changes. A block that fails leaves nothing behind."""
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".saving-", dir=folder))
    try:
        yield stage
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        if new:
            with suppress(OSError):  # Somebody else may have put something there.
                folder.rmdir()
        raise
    stage.rmdir()
