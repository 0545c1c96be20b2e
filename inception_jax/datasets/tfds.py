"""Reading what tensorflow-datasets prepared, in ArrayRecord or TFRECORD files, without TensorFlow."""

import hashlib
import json
import socket
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from inception_jax.bounded import read_json
from inception_jax.datasets.dataset import Dataset, DatasetError
from inception_jax.datasets.folders import some
from inception_jax.datasets.tfrecords import TFRecords
from inception_jax.readers.contents import plain


def at(folder: Path) -> Any:
    """The builder of a data set that tfds prepared in `folder`."""
    import tensorflow_datasets

    try:
        read_json(folder / "dataset_info.json", folder)
        _check_types(read_json(folder / "features.json", folder))
        return tensorflow_datasets.builder_from_directory(folder)
    except Exception as error:  # damaged files fail in many ways
        raise DatasetError(f"{folder} is no data set that tfds can read: {plain(error)}") from error


def _check_types(features: Any) -> None:
    """Raise `TypeError` for types of numbers that there are not; tfds would load TensorFlow to ask it."""
    pending = [features]
    while pending:
        item = pending.pop()
        pending += item.values() if isinstance(item, dict) else item if isinstance(item, list) else []
        if isinstance(item, dict) and isinstance(kind := item.get("dtype", "string"), str):
            np.dtype(kind if kind not in ("string", "bfloat16") else "object")


@contextmanager
def known_features() -> Iterator[None]:
    """Lets tfds make features of its own kinds, and of those that are loaded already.

    Of others that a data set names it would import the module, wherever that comes from.
    """
    from tensorflow_datasets.core.features import feature

    connector: Any = feature.FeatureConnector
    there = connector.__dict__["cls_from_name"]

    def checked(cls: Any, name: str) -> Any:
        if name not in cls._registered_features and not name.startswith("tensorflow_datasets."):
            raise DatasetError(f"features of the kind {name}, which is none of tfds; import its module first")
        return there.__get__(None, cls)(name)

    connector.cls_from_name = classmethod(checked)
    try:
        yield
    finally:
        connector.cls_from_name = there


def named(name: str, data_dir: str | PathLike[str] | None) -> Any:
    """The builder of a tfds data set: what is on disk in any version, else prepared now.

    Raises:
        DatasetError: no such data set, or one that can be neither found nor prepared.
    """
    import tensorflow_datasets
    from tensorflow_datasets.core import read_only_builder, registered

    where: dict[str, Any] = {} if data_dir is None else {"data_dir": str(Path(data_dir).expanduser())}
    try:
        builder = tensorflow_datasets.builder(name, **where)
        if builder.info.splits:
            return builder
    except registered.DatasetNotFoundError as error:
        raise DatasetError(
            f"no file or folder {name!r}, and no tfds data set of that name; expected one of these, such as "
            "'imagenette'; tensorflow_datasets.list_builders() lists the names"
        ) from error
    except Exception as error:
        raise DatasetError(f"tfds cannot open {name}: {error}") from error
    try:
        return read_only_builder.builder_from_files(name, **where)
    except registered.DatasetNotFoundError:
        return _prepared(builder, name)


def _prepared(builder: Any, name: str) -> Any:
    try:
        _check_network()
        builder.download_and_prepare(file_format="array_record")
    except Exception as error:
        command = f"tensorflow_datasets.builder({name!r}).download_and_prepare(file_format='array_record')"
        raise DatasetError(
            f"{name} is not in {builder.data_dir}, and tfds cannot prepare it here ({type(error).__name__}: {error}).\n"
            "Any one of these provides it:\n"
            "- give data_dir, if tfds has prepared it in another folder\n"
            f"- where there is a network, and TensorFlow if tfds asks for it, run in Python {command}, and copy that\n"
            "- give the path of a folder or zip file of class folders instead of a name"
        ) from error
    return builder


def _check_network() -> None:
    """Raises `OSError` if there is no network: tfds tries for minutes before it says so."""
    if not urllib.request.getproxies():
        socket.getaddrinfo("www.tensorflow.org", 443)


def opened(builder: Any, split: str, name: str) -> Dataset:
    """A split of a builder's data set, with random access.

    Raises:
        DatasetError: no such split, other features than an image and a label, other files than are read here.
    """
    info = builder.info
    try:
        part = info.splits[split]
        instructions = part.file_instructions
        count = part.num_examples
    except Exception as error:  # tfds raises what its parsers raise
        raise DatasetError(
            f"{name} has no split {split!r}; it has {', '.join(info.splits) or 'none'}, and parts of them "
            "such as 'train[:90%]'"
        ) from error
    if not count:
        raise DatasetError(f"split {split!r} of {name} is empty")
    if missing := [i.filename for i in instructions if not Path(i.filename).is_file()]:
        raise DatasetError(f"{len(missing)} files of {name} are missing: {some(missing)}; prepare or copy it again")
    image, label = _features(info, name)
    labels = info.features[label]
    classes = tuple(labels.names or map(str, range(labels.num_classes)))
    facts = [
        info.full_name,
        (info.metadata or {}).get("content"),
        classes,
        [(i.skip, i.take) for i in instructions],
        count,
    ]
    facts.append([(s.name, s.shard_lengths, s.num_bytes) for s in info.splits.values()])
    return Dataset(
        name=name,
        split=split,
        classes=classes,
        fingerprint=hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:32],
        _records=_records(builder, split, instructions, name),
        _keys=(image, label),
    )


def _features(info: Any, name: str) -> tuple[str, str]:
    """The names of the image and the label of an example."""
    import tensorflow_datasets

    kinds = (tensorflow_datasets.features.Image, tensorflow_datasets.features.ClassLabel)
    keys = info.supervised_keys if info.supervised_keys and len(info.supervised_keys) == 2 else ("image", "label")
    for key, kind in zip(keys, kinds, strict=True):
        if key not in info.features or not isinstance(info.features[key], kind):
            raise DatasetError(
                f"{name} is no data set of labelled photographs: expected a {kind.__name__} feature {key!r}, "
                f"it has {dict(info.features)}"
            )
    return keys


def _records(builder: Any, split: str, instructions: Any, name: str) -> Any:
    import tensorflow_datasets

    formats = [form.value for form in builder.info.available_file_formats()]
    try:
        if "array_record" in formats:
            _allow_open_files(len(instructions))
            raw = tensorflow_datasets.decode.DeserializeMethod.RAW_BYTES
            return builder.as_data_source(split, deserialize_method=raw, file_format="array_record").data_source
        if "tfrecord" in formats:
            return TFRecords(instructions)
    except (OSError, ValueError) as error:
        raise DatasetError(f"the files of {name} in {builder.data_dir} cannot be read: {error}") from error
    raise DatasetError(f"the files of {name} are {', '.join(formats) or 'missing'}; expected array_record or tfrecord")


def _allow_open_files(count: int) -> None:
    """ArrayRecord files stay open once they are read; large data sets have more than a process may open by default."""
    if sys.platform == "win32":
        return
    import resource

    needed = count + 256  # for everything else
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
