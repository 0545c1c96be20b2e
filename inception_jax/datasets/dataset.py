"""Data sets of labelled photographs with random access: those of tfds, and folders or zips of class folders."""

import dataclasses
import os
import re
from collections.abc import Container
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from inception_jax.images import ImageError
from inception_jax.readers.contents import plain

_ALIASES = {"val": "validation", "validation": "val"}


class DatasetError(ImageError):
    """A data set that cannot be opened or read; the message says what to do."""


class Example(NamedTuple):
    """The content of an image file, and the number of its class."""

    image: bytes
    label: int


@runtime_checkable
class Records(Protocol):
    """The stored examples, by number."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> bytes: ...


@dataclass(frozen=True)
class Dataset:
    """A sequence of examples, each read when asked for. See `open_dataset`.

    Attributes:
        name: what messages call it.
        split: the part of it that this is, such as `train[:90%]`.
        classes: names of the classes; labels are positions here.
        fingerprint: differs between data sets of different examples, classes or order.
    """

    # Not derived from `Sequence[Example]`: run-time type checkers would read images to check the items.

    name: str
    split: str
    classes: tuple[str, ...] = dataclasses.field(repr=False)
    fingerprint: str
    _records: Records = dataclasses.field(repr=False)
    _keys: tuple[str, str] = dataclasses.field(repr=False)

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Example:
        """One example, from 0 to the length less one.

        Raises:
            DatasetError: its record is damaged, or it has no label.
            IndexError: there is no such example.
        """
        from tensorflow_datasets.proto import tf_example_pb2

        if not 0 <= index < len(self):
            raise IndexError(f"example {index} of {self.name}, which has {len(self)}")
        try:
            # Ten times as fast as tfds' own reading, which converts every feature of the example.
            record = tf_example_pb2.Example.FromString(self._records[index])  # pyright: ignore[reportAttributeAccessIssue]
            features = record.features.feature
            image, label = (features[key] for key in self._keys)
            example = Example(image.bytes_list.value[0], label.int64_list.value[0])
        except Exception as error:  # files and records that are damaged fail in many ways
            raise DatasetError(f"{self.name}: example {index} of {self.split} is damaged: {plain(error)}") from error
        if not 0 <= example.label < len(self.classes):
            raise DatasetError(
                f"{self.name}: example {index} of {self.split} has label {example.label}, "
                f"expected 0 to {len(self.classes) - 1}; some data sets have splits without labels"
            )
        return example


def open_dataset(
    source: str | PathLike[str], split: str = "train", data_dir: str | PathLike[str] | None = None
) -> Dataset:
    """A data set of labelled photographs.

    Args:
        source: the name of a tfds data set (`imagenette`, `imagenet_resized/64x64`, `cifar10`); or the path of a
            folder or zip file in which every photograph lies in a folder named by its class, or of a folder of such
            zip files; or the path of a data set that tfds prepared. What exists as a path is taken as one.
        split: `train`, `validation` (also called `val`), `test`, or another that the data set has, or a part of one
            in the manner of tfds: `train[:90%]`, `train[90%:]`, `train+test`. In folders and zips, a folder of one of
            these names, outermost or just above the class folders, makes a split; without any, all is `train`.
        data_dir: where tfds has its data sets (by default its own folder), or, for folders and zips, where their
            prepared copy is kept (by default the cache folder).

    A folder or zip is prepared the first time: every photograph is decoded once, to find those that are damaged, and
    copied in a random order into a form that can be read fast. When its files change, another copy is made.

    Raises:
        DatasetError: nothing there, no such split, or data that cannot be used. The message says what to do.

    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat/tom.png", "dog/spike.png"):
    ...         path = pathlib.Path(folder, "photos", name)
    ...         path.parent.mkdir(parents=True)
    ...         Image.new("RGB", (40, 30)).save(path)
    ...     dataset = open_dataset(f"{folder}/photos", data_dir=folder)
    ...     len(dataset), dataset.classes, sorted(example.label for example in (dataset[0], dataset[1]))
    (2, ('cat', 'dog'), [0, 1])
    """
    from inception_jax.datasets import prepare, tfds

    path = Path(source).expanduser()
    try:
        with tfds.known_features():
            if path.exists():
                made_by_tfds = (path / "dataset_info.json").is_file()
                builder = tfds.at(path) if made_by_tfds else prepare.photographs(path, data_dir)
            elif isinstance(source, PathLike) or source.startswith((".", "/", "~")) or path.suffix == ".zip":
                raise DatasetError(f"no such file or folder: {source}; expected one, or the name of a tfds data set")
            else:
                builder = tfds.named(source, data_dir)
            return tfds.opened(builder, _known(split, builder.info.splits), os.fspath(source))
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # what tfds prepared and somebody damaged fails in many ways
        raise DatasetError(f"{source} cannot be read: {plain(error)}") from error


def _known(split: str, splits: Container[str]) -> str:
    """`split`, with `val` and `validation` called as the data set calls them."""

    def renamed(match: re.Match[str]) -> str:
        name = match[0]
        return _ALIASES[name] if name in _ALIASES and name not in splits and _ALIASES[name] in splits else name

    return re.sub(r"(?<![\w\[:])[A-Za-z_]\w*", renamed, split)
