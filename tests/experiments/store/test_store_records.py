import base64
import io
import json
import math
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from store_toys import pixels, record

from experiments.store.records import UnfitError, decode, encode, peek
from featvis.shortform import Unit


@pytest.fixture
def data() -> bytes:
    return encode(pixels(), record())


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "0000.png"
    path.write_bytes(content)
    return path


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_text(text: str) -> bytes:
    """A PNG file with another record, written by Pillow."""
    about = PngInfo()
    about.add_text("inception-jax", text)
    buffer = io.BytesIO()
    Image.fromarray(pixels()[0]).save(buffer, "PNG", pnginfo=about)
    return buffer.getvalue()


def test_the_file_is_an_ordinary_picture_with_a_text(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels()[0])
        known = json.loads(image.text["inception-jax"])  # type: ignore[attr-defined]
    assert {name: known[name] for name in ("layer", "unit", "label", "score", "steps", "seconds")} == {
        "layer": "a",
        "unit": 0,
        "label": "a:0",
        "score": 0.5,
        "steps": 2,
        "seconds": 1.5,
    }
    assert known["origin"] == {"key": [1, 2], "slot": 3, "width": 4}
    history = np.frombuffer(zlib.decompress(base64.b64decode(known["history"])), "<f4")
    assert history.tolist() == [0.25, 0.5]
    # Whoever reads the file from its beginning has the record before the pixels.
    assert data.index(b"inception-jax") < data.index(b"IDAT")


@pytest.mark.parametrize("images", [1, 3])
def test_files_come_back(images: int, tmp_path: Path) -> None:
    unit = Unit("mixed4a", 12, negative=True)
    history = np.array([math.nan, -1e-30], np.float32)
    made = record(unit, images=images, score=math.nan, history=history, label='"\u00fc\0\n')
    shown, known = decode(encode(pixels(images), made))
    np.testing.assert_array_equal(shown, pixels(images))
    for back in (known, peek(written(tmp_path, encode(pixels(images), made)))):
        assert (back.unit, back.label, back.origin, back.images) == (unit, made.label, made.origin, images)
        assert math.isnan(back.score)
        np.testing.assert_array_equal(back.history, history)


def test_every_wrong_byte_is_found(data: bytes, tmp_path: Path) -> None:
    pixels_begin = data.index(b"IDAT") - 4
    for place in range(len(data)):
        wrong = data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]
        with pytest.raises(UnfitError):
            decode(wrong)
        if place < pixels_begin or place >= len(data) - 12:
            with pytest.raises(UnfitError):
                peek(written(tmp_path, wrong))


def test_every_cut_is_found(data: bytes, tmp_path: Path) -> None:
    for length in range(len(data)):
        with pytest.raises(UnfitError):
            decode(data[:length])
        with pytest.raises(UnfitError):
            peek(written(tmp_path, data[:length]))


def changed(**content: Any) -> bytes:
    """A file whose record has other content; what is `...` is left out."""
    with Image.open(io.BytesIO(encode(pixels(), record()))) as image:
        known = json.loads(image.text["inception-jax"]) | content  # type: ignore[attr-defined]
    return with_text(json.dumps({name: value for name, value in known.items() if value is not ...}))


BOMB = base64.b64encode(zlib.compress(bytes(1 << 20))).decode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: b"", "is no PNG file"),
        (lambda: b"GIF89a" + bytes(100), "is no PNG file"),
        (lambda: with_text("{}"), "has a record that cannot be read: 'identity'"),
        (lambda: with_text("[" * 100_000), "has a record that cannot be read: "),
        (lambda: with_text("[]"), "has a record that cannot be read: "),
        (lambda: with_text("1"), "has a record that cannot be read: "),
        (lambda: changed(label=...), "has a record that cannot be read: 'label'"),
        (lambda: changed(label=3, unit="x"), "has a record that cannot be read: unit, label of another type"),
        (lambda: changed(unit=True), "has a record that cannot be read: unit of another type"),
        (lambda: changed(unit=-1), "has a record that cannot be read: numbers that are not whole, or below 0"),
        (lambda: changed(images=0), "has a record that cannot be read: numbers that are not whole, or below 0"),
        (lambda: changed(images=3), "has pixels of shape (4, 4, 3); expected 3 RGB images side by side"),
        (lambda: changed(origin={"key": [0.5], "slot": 0, "width": 1}), "has a record that cannot be read: numbers"),
        (lambda: changed(origin={}), "has a record that cannot be read: 'key'"),
        (lambda: changed(steps=3), "has a record that cannot be read: a history that has not 3 steps"),
        (lambda: changed(history=BOMB), "has a record that cannot be read: a history that has not 2 steps"),
        (lambda: changed(history="!"), "has a record that cannot be read: "),
        (lambda: changed(history="abcd"), "has a record that cannot be read: "),
        (lambda: changed(steps=10**30), "has a record that cannot be read: "),
        (lambda: changed(seconds=10**400), "has a record that cannot be read: "),
        (lambda: with_text("x").replace(b"inception-jax", b"inception-xxx"), "is damaged: the checksum of a 'tEXt'"),
        (lambda: encode(pixels(), record()) + b"more", "goes on after its end"),
        (
            lambda: b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1 << 16, 1 << 16, 8, 2, 0, 0, 0)),
            "has 65536 x 65536 pixels; at most 33554432 are decoded",
        ),
    ],
)
def test_files_of_other_kinds_are_refused(content: Any, message: str) -> None:
    with pytest.raises(UnfitError, match=f"^{re.escape(message)}"):
        decode(content())


@pytest.mark.parametrize("read", [decode, peek])
def test_pictures_without_a_record(read: Any, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(pixels()[0]).save(buffer, "PNG")
    given = buffer.getvalue() if read is decode else written(tmp_path, buffer.getvalue())
    with pytest.raises(UnfitError, match=r"^has no record of the kind 'inception-jax'$"):
        read(given)


def test_pixels_that_cannot_be_decoded(data: bytes) -> None:
    start, length = data.index(b"IDAT") - 4, struct.unpack(">I", data[data.index(b"IDAT") - 4 :][:4])[0]
    spoilt = data[:start] + chunk(b"IDAT", bytes(length)) + data[start + 12 + length :]
    with pytest.raises(UnfitError, match=r"^cannot be decoded: "):
        decode(spoilt)


def test_large_files_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)  # A hole: it takes no room.
    with pytest.raises(UnfitError, match=r"^has 67108865 bytes; at most 67108864 are read$"):
        peek(path)
