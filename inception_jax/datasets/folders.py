"""One's own photographs: which files of a folder or zip belong to which split and class."""

import contextlib
import hashlib
import os
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from inception_jax.datasets.dataset import DatasetError
from inception_jax.images import FORMATS, ImageError, read_file
from inception_jax.photographs import class_id, inside, is_hidden, is_image, open_archive, read_member

_SPLITS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}


class Entry(NamedTuple):
    """A file or folder in the folder or zip file `archive`; `mark` is its date or checksum."""

    archive: Path
    name: str
    folder: bool
    size: int
    mark: int


class Member(NamedTuple):
    """An image file: the folder or zip file that it is in, its path there, its split, and its class."""

    archive: Path
    path: PurePosixPath
    split: str
    class_id: str

    @property
    def name(self) -> str:
        """Split, class and file name."""
        return f"{self.split}/{self.class_id}/{self.path.name}"


@dataclass(frozen=True)
class Listing:
    """The image files of a folder or zip file `source`, by name, their size in bytes, and the sorted classes."""

    source: Path
    members: tuple[Member, ...]
    classes: tuple[str, ...]
    size: int

    @contextlib.contextmanager
    def reader(self) -> Iterator[Callable[[Member], bytes]]:
        """A function that reads an image file; threads may share it."""
        with contextlib.ExitStack() as stack:
            archives = {
                path: stack.enter_context(open_archive(path))
                for path in {member.archive for member in self.members}
                if path.is_file()
            }
            yield lambda member: _read(archives.get(member.archive), member)


def entries(source: Path) -> list[Entry]:
    """What is in a folder, a zip file, or a folder of zip files, from their directories alone.

    Raises:
        ImageError: a file that is no zip file.
        DatasetError: links in a folder that lead out of it.
    """
    if source.is_file():
        return list(_zipped(source))
    found = list(_walked(source.resolve()))
    archives = [entry for entry in found if entry.name.lower().endswith(".zip") and "/" not in entry.name]
    return found + [entry for archive in archives for entry in _zipped(archive.archive / archive.name)]


def state(found: list[Entry]) -> str:
    """A checksum that changes when a file is added, changed or taken away."""
    digest = hashlib.sha256()
    endings = tuple(FORMATS)
    for entry in sorted(found, key=lambda entry: (entry.archive.name, entry.name)):
        if entry.folder or entry.name.lower().endswith(endings):
            digest.update(f"{entry.archive.is_file() and entry.archive.name}/{entry.name} ".encode())
            digest.update(f"{entry.size} {entry.mark}\n".encode())
    return digest.hexdigest()


def listing(source: Path, found: list[Entry]) -> Listing:
    """The image files among the entries of `source`, with their splits and classes.

    The innermost folder is the class. The one above it or the outermost, for which in a folder of zip files a zip
    file's name counts too, is the split if it has the name of one. Images that lie in no folder, where all do, are of
    one class with the name of the folder or zip file; otherwise they are left out.

    Raises:
        ImageError: paths that lead outside a zip file.
        DatasetError: no images, classes without images or that training does not know, a zip file that would unpack
            to more than it holds.
    """
    paths = {entry: inside(entry.archive, entry.name) for entry in found}
    images = [entry for entry in found if not entry.folder and is_image(paths[entry])]
    images = [entry for entry in images if len(paths[entry].parts) > 1] or images
    if not images:
        endings = ", ".join(FORMATS)
        raise DatasetError(f"no images in {source}; expected <class>/<name>.jpg or another of {endings}")
    _check_empty(source, paths, images)
    members = [_member(source, entry.archive, paths[entry]) for entry in images]
    members.sort(key=lambda member: (member.name, str(member.path)))
    return Listing(source, tuple(members), _classes(source, members), sum(entry.size for entry in images))


def some(names: list[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _walked(root: Path) -> Iterator[Entry]:
    pending = [""]
    while pending:
        outer = pending.pop()
        with os.scandir(root / outer) as items:
            for item in items:
                name = f"{outer}{item.name}"
                if is_hidden(PurePosixPath(item.name)):
                    continue
                if item.is_symlink() and (item.is_dir() or not Path(item.path).resolve().is_relative_to(root)):
                    kind = "a folder" if item.is_dir() else "a file outside"
                    raise DatasetError(
                        f"{item.path} is a link to {kind}; such links are not followed. "
                        "Copy what it leads to, or name that as the source"
                    )
                if item.is_dir():
                    pending.append(f"{name}/")
                    yield Entry(root, name, True, 0, 0)
                elif item.is_file():
                    stat = item.stat()
                    yield Entry(root, name, False, stat.st_size, stat.st_mtime_ns)


def _zipped(archive: Path) -> Iterator[Entry]:
    with open_archive(archive) as opened:
        infos = opened.infolist()
    if sum(info.compress_size for info in infos) > archive.stat().st_size:
        raise DatasetError(f"the members of {archive} overlap: it would unpack to more than it holds")
    for info in infos:
        yield Entry(archive, info.filename, info.is_dir(), info.file_size, info.CRC)


def _member(source: Path, archive: Path, path: PurePosixPath) -> Member:
    above = list(path.parts[:-2])
    if archive.is_file() and archive != source:
        above.insert(0, archive.stem)
    names = [name.lower() for name in (above[-1:] + above[:1])]
    split = next((_SPLITS[name] for name in names if name in _SPLITS), "train")
    return Member(archive, path, split, class_id(archive, path))


def _classes(source: Path, members: list[Member]) -> tuple[str, ...]:
    there: dict[str, set[str]] = {}
    for member in members:
        there.setdefault(member.split, set()).add(member.class_id)
    # Without training images, for testing only, the classes are what there is.
    classes = there.get("train") or set[str]().union(*there.values())
    for split, ids in sorted(there.items()):
        if strange := sorted(ids - classes):
            raise DatasetError(
                f"{split} of {source} has {len(strange)} classes that train has not: {some(strange)}; "
                "all splits need the class folders of train"
            )
        if missing := sorted(classes - ids):
            message = f"{split} of {source} has no images of {len(missing)} of {len(classes)} classes: {some(missing)}"
            warnings.warn(message, stacklevel=2)
    return tuple(sorted(classes))


def _check_empty(source: Path, paths: dict[Entry, PurePosixPath], images: list[Entry]) -> None:
    """A class folder without images is an error: labels are places in the list of classes, and others would shift."""
    classes = {(entry.archive, paths[entry].parent) for entry in images if paths[entry].parent.name}
    full = {(archive, folder) for archive, path in classes for folder in (path, *path.parents)}
    beside = {(archive, path.parent) for archive, path in classes}
    empty = sorted(
        str(path)
        for entry, path in paths.items()
        if entry.folder and (entry.archive, path) not in full and (entry.archive, path.parent) in beside
        if not is_hidden(path)
    )
    if empty:
        raise DatasetError(
            f"{len(empty)} class folders of {source} have no images: {some(empty)}; fill them or take them away"
        )


def _read(archive: zipfile.ZipFile | None, member: Member) -> bytes:
    if archive:
        return read_member(archive, member.path)
    try:
        return read_file(member.archive / member.path, member.archive)
    except ImageError as error:
        raise ImageError(str(error).replace(f"{member.archive}/", "", 1)) from error
