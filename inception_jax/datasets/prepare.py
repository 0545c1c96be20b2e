"""The prepared copy of one's own photographs: checked, in random order, in the form of a tfds data set."""

import hashlib
import shutil
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from inception_jax.cache import cache_folder, locked
from inception_jax.datasets import tfds
from inception_jax.datasets.dataset import DatasetError
from inception_jax.datasets.folders import Listing, Member, entries, listing, some, state
from inception_jax.images import ImageError, load_rgb, open_image

_VERSION = "1.0.0"
"""To be raised when the copies come to be made otherwise."""

_AT_ONCE = 64
"""Photographs that are read and checked together."""

_PER_FILE = 10_000
"""Photographs in a file of the copy."""


class _Checked(NamedTuple):
    member: Member
    data: bytes
    checksum: str
    damage: str


def photographs(source: Path, data_dir: str | PathLike[str] | None) -> Any:
    """The tfds builder of the prepared copy of a folder or zip file `source`, which is made now if it is not there.

    It is made again when a file in `source` changes. A warning tells how many photographs are damaged; they are left
    out of the copy.

    Raises:
        DatasetError: data that cannot be used, see `folders.listing`; no room for the copy.
    """
    folder = Path(data_dir).expanduser() if data_dir else cache_folder() / "datasets"
    try:
        found = entries(source)
        copy = folder / f"photographs-{_VERSION}-{state(found)[:16]}"
        if not copy.is_dir():
            with locked(folder):
                if not copy.is_dir():
                    _make(listing(source, found), copy)
    except ImageError as error:
        begins = str(error).removeprefix("cannot read ").startswith(str(source))
        raise DatasetError(str(error) if begins else f"{source}: {error}") from error
    except OSError as error:
        raise DatasetError(f"cannot read {source}: {error.strerror or error}") from error
    builder = tfds.at(copy)
    facts = builder.info.metadata
    if facts["damaged"]:
        names = some(facts["such as"]) + (", ..." if facts["damaged"] > len(facts["such as"]) else "")
        message = f"skipped {facts['damaged']} of {facts['images']} images in {source} that cannot be read: {names}"
        warnings.warn(message, stacklevel=3)
    return builder


def _make(found: Listing, copy: Path) -> None:
    folder = copy.parent
    temporary = folder / f".{copy.name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if found.size > (free := shutil.disk_usage(folder).free):
            raise OSError(28, f"{found.size:,} bytes are needed, {free:,} are free")
        shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed
        temporary.mkdir()
        _fill(found, temporary)
        temporary.rename(copy)
    except OSError as error:
        raise DatasetError(
            f"{found.source} cannot be prepared in {folder}: {error.strerror or error}; "
            "give data_dir, or set INCEPTION_JAX_CACHE to another folder"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fill(found: Listing, folder: Path) -> None:
    """Write the copy into an empty folder, a part of the photographs at a time."""
    from tqdm import tqdm

    writer, metadata = _writer(found, folder)
    damaged: list[str] = []
    kept: Counter[tuple[str, str]] = Counter()
    content = hashlib.sha256()
    # In random order, so that slices are random parts: by a hash of the name, which is the same everywhere.
    members = sorted(found.members, key=lambda m: hashlib.sha256(f"{m.name} {m.path}".encode()).digest())
    with (
        tqdm(total=len(members), desc=f"preparing {found.source.name}", unit=" images", disable=None) as bar,
        found.reader() as read,
        warnings.catch_warnings(action="ignore"),  # Pillow's, about harmless flaws in metadata
        ThreadPoolExecutor() as pool,
    ):
        for start in range(0, len(members), _AT_ONCE):
            examples: dict[str, list[dict[str, Any]]] = {}
            for member, data, checksum, damage in pool.map(
                lambda member: _check(member, read), members[start : start + _AT_ONCE]
            ):
                bar.update()
                if damage:
                    damaged.append(damage)
                    continue
                kept[member.split, member.class_id] += 1
                content.update(f"{member.name} {checksum}\n".encode())
                example = {"image": data, "label": member.class_id, "name": str(member.path)}
                examples.setdefault(member.split, []).append(example)
            writer.add_examples(examples)
    wanted = {(member.split, member.class_id) for member in members}
    if lost := sorted(f"{split}/{class_id}" for split, class_id in wanted - kept.keys()):
        raise DatasetError(f"every image of {some(lost)} in {found.source} is damaged; the first: {damaged[0]}")
    metadata |= {"content": content.hexdigest(), "images": len(members), "damaged": len(damaged)}
    metadata["such as"] = damaged[:3]
    writer.close_all()


def _writer(found: Listing, folder: Path) -> tuple[Any, dict[str, Any]]:
    """A writer of tfds examples, which needs neither TensorFlow nor memory, and the metadata that it will write."""
    import tensorflow_datasets
    from tensorflow_datasets.core import dataset_info

    features = tensorflow_datasets.features.FeaturesDict(
        {
            "image": tensorflow_datasets.features.Image(),
            "label": tensorflow_datasets.features.ClassLabel(names=found.classes),
            "name": tensorflow_datasets.features.Text(),
        }
    )
    version = tensorflow_datasets.core.Version(_VERSION)
    metadata = tensorflow_datasets.core.MetadataDict()
    info = dataset_info.DatasetInfo(
        builder=dataset_info.DatasetIdentity("photographs", version, str(folder), __name__),
        features=features,
        supervised_keys=("image", "label"),
        metadata=metadata,
    )
    writer = tensorflow_datasets.core.SequentialWriter(info, _PER_FILE, file_format="array_record")
    writer.initialize_splits(sorted({member.split for member in found.members}))
    return writer, metadata


def _check(member: Member, read: Any) -> _Checked:
    try:
        data = read(member)
        load_rgb(open_image(data, str(member.path)), str(member.path))
    except ImageError as error:
        return _Checked(member, b"", "", str(error))
    return _Checked(member, data, hashlib.sha256(data).hexdigest(), "")
