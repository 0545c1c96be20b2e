"""Changes that keep a file's format: right checksums, right lengths, wrong content."""

import ast
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

from fuzz import protobuf

Inner = Callable[[bytes, str], bytes]
"""Changes a part of a file that has a name of its own."""
Change = Callable[[bytes, Random, Inner], bytes]

_NAMES = ("../x.npy", "/x", "C:\\x", "a\\..\\..\\b", "", "x" * 300, "\x1b[31m.png", "n1/a\0.png", "./a/../../b.jpg")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 2**31, 2**63, 10**400, 1e308, "", "x" * 3000, "\x1b[31m", "../../x", [], {}, [[]], {"": 0},
)  # fmt: skip


def changes(data: bytes, name: str) -> list[Change]:
    """The changes that suit a file, by its content and the ending of its name."""
    start = data[:1].lstrip()
    if data[:4] == b"PK\3\4":
        return [_member, _member, _member, _archive]
    if data[:6] == b"\x93NUMPY":
        return [_array_header]
    if data[:8] == _SIGNATURE:
        return [_chunk]
    if start in (b"{", b"["):
        return [_json, _json, _json_text]
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") < len(data):
        return [_tensors_header]
    if name.endswith((".pb", ".caffemodel")):
        return [protobuf.change]
    return []


def _member(data: bytes, rng: Random, inner: Inner) -> bytes:
    """Another content of a member, with the right checksum."""
    members = _members(data)
    i = rng.randrange(len(members))
    info, content = members[i]
    members[i] = info, inner(content, info.filename)
    return _zipped(members, rng)


def _archive(data: bytes, rng: Random, _: Inner) -> bytes:
    """Other names, members twice or not at all, links instead of files."""
    members = _members(data)
    i = rng.randrange(len(members))
    info, content = members[i]
    match rng.randrange(6):
        case 0:
            members[i] = _named(rng.choice(_NAMES), info), content
        case 1:
            members.append(members[i])
        case 2:
            del members[i]
        case 3:
            link = _named(info.filename, info)
            link.create_system, link.external_attr = 3, 0o120777 << 16
            members[i] = link, b"/etc/passwd"
        case 4:
            rng.shuffle(members)
        case _:
            members += [(_named(f"{info.filename}{n}", info), content[:100]) for n in range(rng.choice((3, 300)))]
    return _zipped(members, rng)


def _members(data: bytes) -> list[tuple[zipfile.ZipInfo, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(info, archive.read(info)) for info in archive.infolist()]


def _named(name: str, like: zipfile.ZipInfo) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename, info.compress_type = name, like.compress_type
    return info


def _zipped(members: list[tuple[zipfile.ZipInfo, bytes]], rng: Random) -> bytes:
    buffer, squeeze = io.BytesIO(), rng.random() < 0.3
    with zipfile.ZipFile(buffer, "w") as archive:
        for known, content in members:
            info = _named(known.filename, known)
            info.external_attr, info.create_system = known.external_attr, known.create_system
            if squeeze:
                info.compress_type = zipfile.ZIP_DEFLATED
            # Without its complaint about names that are there already.
            archive.NameToInfo.pop(info.filename, None)
            archive.writestr(info, content)
    return buffer.getvalue()


def _array_header(data: bytes, rng: Random, _: Inner) -> bytes:
    length = struct.unpack("<H", data[8:10])[0]
    header, body = ast.literal_eval(data[10 : 10 + length].decode("latin-1")), data[10 + length :]
    shapes = ((), (0,), (-1,), (2**40,), (2**31, 2**31), (2**62, 4), (1,) * 40, (10**30,), (0, 2**60), (3, True))
    kinds = ("|O", "<f8", "<f2", ">f4", "|V4", "<U9", "<U999999999", "|b1", "<M8[s]", [("a", "<f4")], "garbage", "<f16")
    match rng.randrange(4):
        case 0:
            header["shape"] = rng.choice(shapes)
        case 1:
            header["descr"] = rng.choice(kinds)
        case 2:
            header["fortran_order"] = rng.choice((True, False, 3, None))
        case _:
            header[rng.choice(("shape", "descr", "fortran_order", "more"))] = rng.choice((None, "", 1, [], {}, (1.5,)))
    text = repr(header).encode("latin-1")
    if rng.random() < 0.1:
        text = rng.choice((b"(" * 200, b"-" * 9000 + b"1", b"[" * 60000, b"{'shape': __import__('os')}"))
    return data[:8] + struct.pack("<H", len(text) + 1) + text + b"\n" + body


def _tensors_header(data: bytes, rng: Random, _: Inner) -> bytes:
    length = int.from_bytes(data[:8], "little")
    body = data[8 + length :]
    header = _json(data[8 : 8 + length], rng, _)
    size = rng.choice((len(header),) * 5 + (2**63, 2**64 - 1, 100 << 20, len(data), 0))
    return size.to_bytes(8, "little") + header + body


def _chunk(data: bytes, rng: Random, inner: Inner) -> bytes:
    """Another content of a chunk, with the right checksum; chunks twice or not at all."""
    chunks, at = [], len(_SIGNATURE)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    i = rng.randrange(len(chunks))
    kind, body = chunks[i]
    match rng.randrange(5):
        case 0:
            chunks.insert(rng.randrange(len(chunks) + 1), chunks[i])
        case 1:
            del chunks[i]
        case 2 if kind == b"IHDR":
            sides = [rng.choice((0, 1, 24, 5000, 8000, 2**16, 2**31 - 1)) for _ in range(2)]
            chunks[i] = kind, struct.pack(">II", *sides) + body[8:]
        case 3 if kind == b"IDAT":
            chunks[i] = kind, zlib.compress(inner(zlib.decompress(body), "pixels"))
        case _ if kind == b"tEXt" and b"\0" in body:
            keyword, _, text = body.partition(b"\0")
            chunks[i] = kind, keyword + b"\0" + inner(text, "text.json")
        case _:
            chunks[i] = kind, inner(body, "chunk")
    pieces = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    return _SIGNATURE + b"".join(pieces)


def _json(data: bytes, rng: Random, _: Inner) -> bytes:
    """Another value, or another type of value, somewhere."""
    content = json.loads(data)
    holders = list(_holders(content))
    if not holders:
        return json.dumps(rng.choice(_VALUES)).encode()
    holder = rng.choice(holders)
    key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    match rng.randrange(5):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice(("more", "", "../../x", "\x1b[31m", "format"))] = holder[key]
        case 2 if isinstance(holder[key], str) and holder[key][:1] in ("{", "["):
            holder[key] = _json(holder[key].encode(), rng, _).decode()
        case 3:
            holder[key] = rng.choice(list(_holders(content)))
            return json.dumps(json.loads(json.dumps(content, check_circular=False))).encode()
        case _:
            holder[key] = rng.choice(_VALUES)
    return json.dumps(content).encode()


def _holders(content: Any) -> Any:
    if isinstance(content, dict | list) and content:
        yield content
        for item in content.values() if isinstance(content, dict) else content:
            yield from _holders(item)


def _json_text(data: bytes, rng: Random, _: Inner) -> bytes:
    """What JSON libraries do not write: numbers without end, keys twice, deep nesting."""
    content = json.loads(data)
    match rng.randrange(4):
        case 0:
            deep = rng.choice((900, 100_000))
            return data.rstrip()[:-1] + b',"deep":' + b"[" * deep + b"]" * deep + b"}"
        case 1 if isinstance(content, dict) and content:
            key = json.dumps(rng.choice(list(content))).encode()
            return data.rstrip()[:-1] + b"," + key + b":" + rng.choice((b"1e999", b"NaN", b"-Infinity", b"[]")) + b"}"
        case 2:
            return rng.choice((b"\xff\xfe", b"\xef\xbb\xbf")) + data
        case _:
            values = [str(value).encode() for value in (*range(10),)]
            value = rng.choice(values)
            return data.replace(value, rng.choice((b"1e999", b"NaN", b"9" * 5000, b"-0", b"1E400")), 1)
