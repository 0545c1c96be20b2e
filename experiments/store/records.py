"""One unit's result as one PNG file: the pixels, and before them a record of what they are and how they were made.

The record is a text chunk, `inception-jax`, which viewers ignore. PNG's checksums cover it like the pixels.
"""

import base64
import io
import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from featvis.result import Origin
from featvis.shortform import Unit
from inception_jax.bounded import FileError, opened
from inception_jax.readers.contents import plain

KEYWORD = "inception-jax"
MOST_BYTES = 64 << 20
"""Largest file that is read."""
MOST_PIXELS = 1 << 25
"""Most pixels of a file that is decoded."""
MOST_STEPS = 1 << 20
"""Most steps of an optimisation."""
MOST_TEXT = 8 << 20
"""Longest record, in bytes; that of so many steps takes six million."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
_NUMBER = (int, float)
_KINDS: dict[str, tuple[type, ...]] = {
    "identity": (str,),
    "layer": (str,),
    "unit": (int,),
    "negative": (bool,),
    "images": (int,),
    "label": (str,),
    "score": (*_NUMBER, NoneType),
    "steps": (int,),
    "seconds": _NUMBER,
    "compile_seconds": _NUMBER,
    "origin": (dict,),
    "device": (str,),
    "history": (str,),
}


class UnfitError(ValueError):
    """A file that is no unit's result, or not the one that was looked for; the message says what is wrong with it."""


@dataclass(frozen=True, eq=False)
class Record:
    """What the image of a unit is, and how it was made.

    Attributes:
        identity: of the job's settings.
        unit: which unit.
        label: of its objective.
        score: of the image, or of all of its images, as shown; NaN where the objective did not end finite.
        steps: of the optimisation.
        seconds: its share of the time that its batch took, without compiling.
        compile_seconds: its share of the time that compiling for its batch took.
        origin: random key and place in the batch, for `featvis.render(..., origins=...)`.
        device: what drew it.
        images: how many images there are of the unit, side by side.
        history: the objective at each step.
    """

    identity: str
    unit: Unit
    label: str
    score: float
    steps: int
    seconds: float
    compile_seconds: float
    origin: Origin
    device: str
    images: int
    history: Float[np.ndarray, " steps"]


def encode(pixels: UInt8[np.ndarray, "images h w 3"], record: Record) -> bytes:
    """The file of a unit: its images side by side, with their record.

    >>> history = np.array([0.5, 0.75], np.float32)
    >>> record = Record("ab", Unit("a", 1), "a:1", 0.75, 2, 1.0, 0.0, Origin((1, 2), 0, 4), "cpu", 2, history)
    >>> back, known = decode(encode(np.zeros((2, 8, 8, 3), np.uint8), record))
    >>> back.shape, known.label, known.history.tolist()
    ((2, 8, 8, 3), 'a:1', [0.5, 0.75])
    """
    about = PngInfo()
    about.add_text(KEYWORD, json.dumps(_to_json(record), allow_nan=False))
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(list(pixels), axis=1)).save(buffer, "PNG", pnginfo=about)
    return buffer.getvalue()


def decode(data: bytes) -> tuple[UInt8[np.ndarray, "images h w 3"], Record]:
    """Images and record of a file, once all of its checksums have been compared.

    Raises:
        UnfitError: a damaged file, or one that `encode` did not write.
    """
    file = io.BytesIO(data)
    _header(file)
    record = None
    for kind, body in _chunks(file):
        record = _record(body) if record is None and kind == b"tEXt" else record
    if record is None:
        raise UnfitError(f"has no record of the kind {KEYWORD!r}")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            strip = np.asarray(image)
    except Exception as error:  # Pillow's decoders fail in many ways
        raise UnfitError(f"cannot be decoded: {plain(error)}") from error
    if strip.ndim != 3 or strip.shape[2] != 3 or strip.shape[1] % record.images:
        raise UnfitError(f"has pixels of shape {strip.shape}; expected {record.images} RGB images side by side")
    return np.stack(np.split(strip, record.images, axis=1)), record


def peek(path: Path, within: Path | None = None) -> Record:
    """The record of a file, and a look at its end; the pixels are not read.

    Args:
        path: of the file.
        within: folder that it must lie in, links followed.

    Raises:
        UnfitError: what `decode` refuses, as far as it can be seen so; links that lead elsewhere.
        OSError: no such file, or no permission.
    """
    with unfit(path), opened(path, within=within) as file:
        _header(file)
        for kind, body in _chunks(file):
            if kind == b"IDAT":
                break
            if kind == b"tEXt" and (record := _record(body)):
                file.seek(-len(_END), io.SEEK_END)
                if file.read() != _END:
                    raise UnfitError("is cut short")
                return record
    raise UnfitError(f"has no record of the kind {KEYWORD!r}")


@contextmanager
def unfit(path: Path) -> Iterator[None]:
    """Turns a `FileError`, which names the file, into an `UnfitError`, which does not."""
    try:
        yield
    except FileError as error:
        raise UnfitError(str(error).removeprefix(f"{path} ")) from error


def _header(file: io.BufferedIOBase) -> None:
    """Check what comes before the chunks, and the size that the first of them announces."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size > MOST_BYTES:
        raise UnfitError(f"has {size} bytes; at most {MOST_BYTES} are read")
    start = file.read(len(_SIGNATURE) + 16)
    if len(start) < len(_SIGNATURE) + 16 or not start.startswith(_SIGNATURE) or start[12:16] != b"IHDR":
        raise UnfitError("is no PNG file")
    width, height = struct.unpack(">II", start[16:24])
    if width * height > MOST_PIXELS:
        raise UnfitError(f"has {width} x {height} pixels; at most {MOST_PIXELS} are decoded")
    file.seek(len(_SIGNATURE))


def _chunks(file: io.BufferedIOBase) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each chunk up to the last, whose checksums are right."""
    kind = b""
    while kind != b"IEND":
        start = file.read(8)
        length, kind = struct.unpack(">I4s", start) if len(start) == 8 else (MOST_BYTES + 1, b"")
        body = file.read(length) if length <= MOST_BYTES else b""
        checksum = file.read(4)
        if len(body) < length or len(checksum) < 4:
            raise UnfitError("is cut short")
        if zlib.crc32(kind + body) != int.from_bytes(checksum):
            raise UnfitError(f"is damaged: the checksum of a {kind.decode('latin-1')!r} chunk is wrong")
        yield kind, body
    if file.read(1):
        raise UnfitError("goes on after its end")


def _to_json(record: Record) -> dict[str, Any]:
    packed = zlib.compress(record.history.astype("<f4").tobytes())
    return {
        "identity": record.identity,
        "layer": record.unit.layer,
        "unit": record.unit.number,
        "negative": record.unit.negative,
        "images": record.images,
        "label": record.label,
        "score": record.score if math.isfinite(record.score) else None,
        "steps": record.steps,
        "seconds": record.seconds,
        "compile_seconds": record.compile_seconds,
        "origin": record.origin._asdict(),
        "device": record.device,
        "history": base64.b64encode(packed).decode(),
    }


def _record(body: bytes) -> Record | None:
    """The record in a text chunk; None for other texts."""
    keyword, _, text = body.partition(b"\0")
    if keyword != KEYWORD.encode():
        return None
    if len(text) > MOST_TEXT:
        raise UnfitError(f"has a record of {len(text)} bytes; at most {MOST_TEXT} are read")
    try:
        return _from_json(json.loads(text))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, zlib.error) as error:
        raise UnfitError(f"has a record that cannot be read: {plain(error)}") from error


def _from_json(content: Mapping[str, Any]) -> Record:
    if wrong := [name for name, kinds in _KINDS.items() if type(content[name]) not in kinds]:
        raise ValueError(f"{', '.join(wrong)} of another type")
    steps, origin = content["steps"], content["origin"]
    numbers = [*origin["key"], origin["slot"], origin["width"], content["unit"], content["images"] - 1, steps]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("numbers that are not whole, or below 0")
    if steps > MOST_STEPS:
        raise ValueError(f"{plain(steps, 40)} steps; at most {MOST_STEPS} are read")
    if not all(content[name].isprintable() for name in ("identity", "layer", "device")):
        raise ValueError("text that cannot be printed")
    # A compressed text may stand for far more than it is long.
    unpacked = zlib.decompressobj().decompress(base64.b64decode(content["history"], validate=True), 4 * steps + 1)
    if len(unpacked) != 4 * steps:
        raise ValueError(f"a history that has not {steps} steps")
    score = content["score"]
    return Record(
        identity=content["identity"],
        unit=Unit(content["layer"], content["unit"], content["negative"]),
        label=content["label"],
        score=math.nan if score is None else float(score),
        steps=steps,
        seconds=float(content["seconds"]),
        compile_seconds=float(content["compile_seconds"]),
        origin=Origin(tuple(origin["key"]), origin["slot"], origin["width"]),
        device=content["device"],
        images=content["images"],
        history=np.frombuffer(unpacked, "<f4").astype(np.float32),
    )
