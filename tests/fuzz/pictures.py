"""Readers of photographs and of data sets of them, and small ones of each kind."""

import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from fuzz.reader import Reader, Tree, tree, write
from inception_jax import datasets
from inception_jax.datasets.preparation import Preparation
from inception_jax.datasets.tfrecords import TFRecords
from inception_jax.images import ImageError, load_image
from inception_jax.photographs import photographs


def picture(kind: str, mode: str = "RGB", size: tuple[int, int] = (24, 16), **how: object) -> bytes:
    """A small image file."""
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


@cache
def images() -> dict[str, list[bytes]]:
    """Image files by their ending."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a photograph"
    return {
        ".png": [
            picture("PNG"), picture("PNG", "P", transparency=3), picture("PNG", "RGBA"), picture("PNG", "I;16"),
            picture("PNG", "1"), picture("PNG", "LA"), picture("PNG", exif=exif),
        ],
        ".jpg": [
            picture("JPEG", exif=exif), picture("JPEG", progressive=True), picture("JPEG", "CMYK"),
            picture("JPEG", "L", restart_marker_rows=1),
        ],
        ".gif": [
            picture("GIF", "P"),
            picture("GIF", "P", save_all=True, append_images=[Image.new("P", (24, 16))], duration=10, loop=0),
        ],
        ".bmp": [picture("BMP"), picture("BMP", "P"), picture("BMP", "1")],
        ".ppm": [picture("PPM"), picture("PPM", "L"), b"P3\n2 2\n255\n" + b"1 2 3 " * 4],
        ".tif": [
            picture("TIFF"), picture("TIFF", compression="tiff_lzw"), picture("TIFF", compression="jpeg"),
            picture("TIFF", "L", compression="tiff_deflate"), picture("TIFF", "F"), picture("TIFF", "I;16"),
        ],
        ".webp": [picture("WEBP"), picture("WEBP", "RGBA", lossless=True), picture("WEBP", exif=exif)],
    }  # fmt: skip


_PREPARATION = Preparation(size=8, short_side=9, saturation=0.5)
READ_IMAGE: Sequence[Callable[[Path], object]] = (
    lambda folder: load_image(folder / "a"),
    lambda folder: load_image(folder / "a", 8, short_side=10),
    lambda folder: _PREPARATION.test((folder / "a").read_bytes(), str(folder / "a")),
    lambda folder: _PREPARATION.train((folder / "a").read_bytes(), str(folder / "a"), np.random.default_rng(0)),
)


def _folder(zipped: bool = False) -> Tree:
    found = {
        "train/cat/a.png": images()[".png"][0],
        "train/cat/b.jpg": images()[".jpg"][0],
        "train/dog/a.gif": images()[".gif"][0],
        "val/cat/c.webp": images()[".webp"][0],
        "val/dog/d.png": images()[".png"][2],
    }
    if not zipped:
        return {f"photos/{name}": data for name, data in found.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in found.items():
            archive.writestr(name, data)
    return {"photos.zip": buffer.getvalue()}


def _read_photographs(folder: Path) -> None:
    list(photographs(next(folder.iterdir()), 10, 8))


def _skip_damaged(folder: Path) -> None:
    list(photographs(next(folder.iterdir()), 10, 8).batches(2, skip_damaged=True))


def _read_dataset(folder: Path) -> None:
    source = next(folder.iterdir())
    with tempfile.TemporaryDirectory() as copy:
        for split in ("train", "validation"):
            found = datasets.open_dataset(source, split, copy)
            for i in range(len(found)):
                found[i]


@cache
def prepared() -> Tree:
    """What tfds, or this project, prepared."""
    with tempfile.TemporaryDirectory() as place:
        write(_folder(), Path(place))
        datasets.open_dataset(Path(place, "photos"), "train", Path(place, "copy"))
        copy = next(Path(place, "copy").glob("photographs-*"))
        shutil.move(copy, Path(place, "set"))
        return {f"set/{name}": data for name, data in tree(Path(place, "set")).items()}


def _read_prepared(folder: Path) -> None:
    found = datasets.open_dataset(folder / "set", "train")
    for i in range(len(found)):
        found[i]


def _records() -> Sequence[Tree]:
    parts = [b"first record", b"", b"x" * 300]
    chain = b"".join(len(p).to_bytes(8, "little") + bytes(4) + p + bytes(4) for p in parts)
    return [{"a.tfrecord": chain}]


def _read_records(folder: Path) -> None:
    name = folder / "a.tfrecord"
    found = TFRecords([SimpleNamespace(filename=str(name), skip=0, take=3, examples_in_shard=3)])
    for i in range(len(found)):
        found[i]


def _image(ending: str) -> Reader:
    return Reader(lambda: [{"a": data} for data in images()[ending]], READ_IMAGE, (ImageError,), 0.7)


PICTURES = {f"image{ending}": _image(ending) for ending in images()}
PICTURES |= {
    "photographs.zip": Reader(lambda: [_folder(zipped=True)], (_read_photographs, _skip_damaged), (ImageError,)),
    "photographs folder": Reader(lambda: [_folder()], (_read_photographs, _skip_damaged), (ImageError,), 0.3),
    "data set.zip": Reader(lambda: [_folder(zipped=True)], (_read_dataset,), (ImageError,), 0.3),
    "prepared data set": Reader(lambda: [prepared()], (_read_prepared,), (ImageError,), 0.3),
    "records": Reader(_records, (_read_records,), (ValueError,), 0.5),
}
