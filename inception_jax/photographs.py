"""Photographs sorted by class: folders, or a zip of folders, whose names are the classes' ids."""

import contextlib
import dataclasses
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple, overload

import numpy as np
from jaxtyping import Float32

from inception_jax.bounded import FileError, opened
from inception_jax.images import FORMATS, MAX_BYTES, ImageError, check_lengths, decode_image, read_file
from inception_jax.readers.archive import open_zip
from inception_jax.readers.contents import plain

_UNPACKED, _RATIO = 2**23, 20
"""Image files hardly compress; those that are larger unpack to at most so many times what they take in a zip file."""

_DIRECTORY = 2**28
"""Most bytes of a zip file's list of members: some 130 for each of the 1.3 million photographs of ImageNet."""

_Load = Callable[[PurePosixPath], Float32[np.ndarray, "h w 3"]]


class Photograph(NamedTuple):
    """An image, RGB in [0, 1], the class id that its folder is called by, and its file name."""

    image: Float32[np.ndarray, "h w 3"]
    class_id: str
    name: str


class Batch(NamedTuple):
    """Images stacked, RGB in [0, 1], with the class id and file name of each."""

    images: Float32[np.ndarray, "n h w 3"]
    class_ids: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Photographs:
    """A sequence of photographs, each read when asked for; a slice is such a sequence again. See `photographs`."""

    # Not derived from `Sequence[Photograph]`: run-time type checkers would read images to check the items.

    source: Path
    members: tuple[PurePosixPath, ...] = dataclasses.field(repr=False)
    short_side: int | None
    crop: int | None

    def __len__(self) -> int:
        return len(self.members)

    @overload
    def __getitem__(self, index: int) -> Photograph: ...
    @overload
    def __getitem__(self, index: slice) -> "Photographs": ...
    def __getitem__(self, index: int | slice) -> "Photograph | Photographs":
        """One photograph, or a part of the sequence."""
        if isinstance(index, slice):
            return dataclasses.replace(self, members=self.members[index])
        member = self.members[index]
        with self._loader() as load:
            return Photograph(load(member), class_id(self.source, member), member.name)

    def __iter__(self) -> Iterator[Photograph]:
        """All photographs in order, by class id and then by name."""
        with self._loader() as load:
            for member in self.members:
                yield Photograph(load(member), class_id(self.source, member), member.name)

    @property
    def class_ids(self) -> tuple[str, ...]:
        """The class id of each photograph, without reading any."""
        return tuple(class_id(self.source, member) for member in self.members)

    def batches(self, n: int, *, skip_damaged: bool = False) -> Iterator[Batch]:
        """The photographs in batches of `n`, in order; the last batch may be smaller.

        Args:
            n: images in a batch, 1 or more; they need one size, so give `photographs` a `crop`.
            skip_damaged: leave out images that cannot be read, and warn of their number at the end.

        Raises:
            ImageError: an image that cannot be read, unless `skip_damaged`; images of different sizes.
            ValueError: `n` below 1.
        """
        if n < 1:
            raise ValueError(f"n is {n}; expected 1 or more images in a batch")
        damaged: list[str] = []
        pending: list[Photograph] = []
        with self._loader() as load:
            for member in self.members:
                try:
                    pending.append(Photograph(load(member), class_id(self.source, member), member.name))
                except ImageError:
                    if not skip_damaged:
                        raise
                    damaged.append(str(member))
                if len(pending) == n:
                    yield _stack(pending)
                    pending = []
        if pending:
            yield _stack(pending)
        if damaged:
            some = ", ".join(damaged[:3]) + (", ..." if len(damaged) > 3 else "")
            message = f"skipped {len(damaged)} of {len(self)} images in {self.source} that cannot be read: {some}"
            warnings.warn(message, stacklevel=2)

    @contextlib.contextmanager
    def _loader(self) -> Iterator[_Load]:
        sizes = {"size": self.crop, "short_side": self.short_side}
        if self.source.is_dir():
            yield lambda member: decode_image(
                read_file(self.source / member, self.source), str(self.source / member), **sizes
            )
            return
        with open_archive(self.source) as archive:
            yield lambda member: decode_image(read_member(archive, member), f"{self.source}: {member}", **sizes)


def photographs(source: str | PathLike[str], short_side: int | None = 256, crop: int | None = 224) -> Photographs:
    """The photographs in `source`, a folder or zip file in which every image lies in a folder named by its class id.

    Outer folders do not matter: `n01440764/a.jpg` and `val/n01440764/a.jpg` have the same class. Images that lie in no
    folder, where all do, are of one class with the name of `source`; otherwise they are left out. What is no image by
    its name, and hidden files, are passed over. The defaults are the preparation that the networks are tested with.

    Args:
        source: folder or zip file.
        short_side: length in pixels to which each image's shorter side is resized; `None` leaves it.
        crop: side in pixels of the central square; `None` keeps the whole image.

    Raises:
        ImageError: nothing there, no zip file, no images in it, or a member that names a path outside the archive.
            Links that lead out of a folder are refused when they are read.
        ValueError: lengths below 1, or `crop` above `short_side`.

    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pathlib.Path(folder, "n01440764").mkdir()
    ...     Image.new("L", (300, 400)).save(f"{folder}/n01440764/grey.png")
    ...     [(p.image.shape, p.class_id, p.name) for p in photographs(folder)]
    [((224, 224, 3), 'n01440764', 'grey.png')]
    """
    check_lengths(crop, short_side)
    source = Path(source)
    if source.is_dir():
        paths = [PurePosixPath(path.relative_to(source).as_posix()) for path in source.rglob("*") if path.is_file()]
    else:
        with open_archive(source) as archive:
            paths = [inside(source, name) for name in archive.namelist()]
    found = [path for path in paths if is_image(path)]
    members = [path for path in found if len(path.parts) > 1] or found
    if not members:
        raise ImageError(f"no images in {source}; expected <class id>/<name>.jpg or another of {', '.join(FORMATS)}")
    return Photographs(source, tuple(sorted(members, key=lambda m: (m.parent.name, m.name))), short_side, crop)


def is_image(path: PurePosixPath) -> bool:
    """Whether a file in a folder or zip file is an image, by its name, and not hidden."""
    return path.suffix.lower() in FORMATS and not is_hidden(path)


def class_id(source: Path, path: PurePosixPath) -> str:
    """The name of the folder that an image lies in; if it lies in none, that of the folder or zip file `source`."""
    return path.parent.name or (source.stem if source.is_file() else source.resolve().name)


def is_hidden(path: PurePosixPath) -> bool:
    """Whether a file or a folder that it lies in is hidden, or is what macOS adds to zip files."""
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)


@contextlib.contextmanager
def open_archive(source: Path) -> Iterator[zipfile.ZipFile]:
    """An open zip file of images.

    Raises:
        ImageError: no such file, or none that can be read.
    """
    try:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(opened(source))
            archive = stack.enter_context(open_zip(file, _DIRECTORY))
            archive.filename = str(source)
            kept = stack.pop_all()
    except FileError as error:
        raise ImageError(str(error)) from None
    except OSError as error:
        raise ImageError(f"cannot read {source}: {error.strerror or plain(error)}") from error
    except Exception as error:  # damaged archives fail in many ways
        said = plain(error)
        raise ImageError(f"{source} is no zip file ({said}); expected a folder or a zip file of images") from error
    with kept:
        yield archive


def inside(source: Path, name: str) -> PurePosixPath:
    """`name` as a path, if it stays inside the archive. Nothing is unpacked here, but such a file is not to trust."""
    path = PurePosixPath(name)
    if any(".." in p.parts or p.anchor for p in (path, PureWindowsPath(name))):
        raise ImageError(f"{source} names a path outside itself, {name[:200]!r}; a zip file of images has none")
    if not name.isprintable():
        raise ImageError(f"{source} has a file name of characters that cannot be printed, {name[:200]!r}")
    return path


def read_member(archive: zipfile.ZipFile, member: PurePosixPath) -> bytes:
    """The bytes of a file in a zip file, at most one more than `MAX_BYTES`; an `ImageError` if it is damaged."""
    try:
        info = archive.getinfo(str(member))
        if info.file_size > max(_UNPACKED, _RATIO * info.compress_size):
            raise zipfile.BadZipFile(f"it unpacks to {info.file_size:,} bytes, {_RATIO} times what it takes or more")
        with archive.open(info) as file:
            return file.read(MAX_BYTES + 1)
    except Exception as error:  # of zlib, struct, or RuntimeError for an encrypted member
        raise ImageError(f"{archive.filename}: {member} is damaged: {plain(error)}") from error


def _stack(photos: list[Photograph]) -> Batch:
    images, class_ids, names = zip(*photos, strict=True)
    if len(shapes := {image.shape for image in images}) > 1:
        raise ImageError(f"images of different sizes, {sorted(shapes)}, do not stack; give `photographs` a crop")
    return Batch(np.stack(images), class_ids, names)
