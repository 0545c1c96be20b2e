"""Small pictures, folders and zip files of them, and data sets in memory, for the tests."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from inception_jax.datasets import Dataset


def encoded(image: Image.Image, form: str = "png", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def plain(colour: object = "red", size: tuple[int, int] = (8, 8), mode: str = "RGB", form: str = "png") -> bytes:
    return encoded(Image.new(mode, size, colour), form)  # type: ignore[arg-type]


def noise(seed: int, size: tuple[int, int] = (8, 8), form: str = "png") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), form)


def some_files(splits: Iterable[str] = ("",), classes: Iterable[str] = ("cat", "dog"), n: int = 3) -> dict[str, bytes]:
    """`n` different pictures of each class of each split."""
    names = [f"{split}{class_id}/{i}.png" for split in splits for class_id in classes for i in range(n)]
    return {name: noise(seed) for seed, name in enumerate(names)}


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def record(image: bytes, label: int) -> bytes:
    """An example as tfds stores it."""
    from tensorflow_datasets.proto import tf_example_pb2

    example = tf_example_pb2.Example()  # pyright: ignore[reportAttributeAccessIssue]
    example.features.feature["image"].bytes_list.value.append(image)
    example.features.feature["label"].int64_list.value.append(label)
    return example.SerializeToString()


def in_memory(images: list[bytes], labels: list[int], classes: int) -> Dataset:
    """A data set of these images."""
    names = tuple(map(str, range(classes)))
    records = [record(image, label) for image, label in zip(images, labels, strict=True)]
    return Dataset("memory", "train", names, "0", records, ("image", "label"))
