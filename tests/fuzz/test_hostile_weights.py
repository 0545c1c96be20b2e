"""Weights that are made to do harm: each is one error, in little time and memory."""

import io
import json
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from weight_files import (
    checkpoint,
    const,
    dict_pickle,
    evil_pickle,
    field,
    layer,
    node,
    shape_proto,
    tensor_pickle,
    zip_of,
)

from fuzz.cases import outcome
from fuzz.reader import Reader
from fuzz.weights import seeds
from inception_jax import readers
from inception_jax.bounded import FileError, read_array, read_arrays, read_json
from inception_jax.files import read_model
from inception_jax.readers import WeightsError, wire

QUICK = 5.0
"""Seconds: what the slowest of these take is a second on one core."""
LITTLE = 2**30


def header(content: bytes, size: int | None = None) -> bytes:
    return (len(content) if size is None else size).to_bytes(8, "little") + content


def empty_members(count: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in range(count):
            archive.writestr(f"{i}", b"")
    return buffer.getvalue()


def zeros(megabytes: int) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((megabytes, 2**18), np.float32))
    return zip_of({"conv2d0_w.npy": buffer.getvalue()}, zipfile.ZIP_DEFLATED)


def shape(sides: int) -> bytes:
    return const("x_w", field(1, 1) + field(2, field(2, field(1, 2**40)) * sides) + field(4, b"abcd"))


NESTED = b"\x80\x02}(K\x01\x85q\x00" + b"h\x00h\x00\x86q\x00" * 60 + b"K\x01u."
"""A dictionary whose key is a tuple of two tuples of two tuples ...: its hash takes 2**60 steps."""
REPEATED = tensor_pickle("0", "FloatStorage", 1, (2**14, 2**14), (0, 0))

EMPTY = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
FIELDS = 20_000

HOSTILE = {
    "a header of exabytes": ("a.safetensors", header(b"{}", 2**63), r"a header of 9223372036854775808 bytes"),
    "a header of 4 MB and more": ("a.safetensors", header(b" " * (2**22 + 1)), r"a header of 4194305 bytes; at most"),
    "many empty tensors": (
        "a.safetensors",
        header(json.dumps(dict.fromkeys(map(str, range(11_000)), EMPTY)).encode()),
        "the file has more than 10000 arrays",
    ),
    "metadata that are null": ("a.safetensors", header(b'{"__metadata__":null}   '), "no array is named"),
    "a list of many members": ("a.npz", empty_members(90_000), "a list of members of 45.* bytes; at most 4194304"),
    "a zip bomb": ("a.npz", zeros(300), "unpacks to 3145.* bytes; at most 268435456 are read"),
    "a shape of many sides": ("a.pb", shape(5_000), r"x_w has shape \(1099511627776, .*; expected an array"),
    "a large shape of one number": (
        "a.pb",
        const("x_w", field(1, 1) + field(2, shape_proto((2**14, 2**14))) + field(5, struct.pack("<f", 0))),
        r"x_w has shape \(16384, 16384\); expected an array of at most 268435456 bytes",
    ),
    "a packed shape of many sides": (
        "a.caffemodel",
        layer("conv1/7x7_s2", "Convolution", [], [], [field(7, field(1, b"\xff\x7f" * 10**6)) + field(5, b"abcd")]),
        r"conv2d0_w has shape \(16383, .*; expected an array",
    ),
    "many fields": ("a.pb", field(1, b"") * 10**5, f"the graph has more than {FIELDS} fields"),
    "many fields inside each other": ("a.pb", field(1, field(5, b"") * 10**5), f"has more than {FIELDS} fields"),
    "a key that takes for ever": ("a.pth", checkpoint(NESTED, {}), "the pickle has a tuple for a key"),
    "many operations": ("a.pth", checkpoint(b"\x80\x02" + b"K\x01" * 10**6, {}), "more than 500000 operations"),
    "a large view of one number": (
        "a.pth",
        checkpoint(dict_pickle({"x.weight": REPEATED}), {"0": bytes(4)}),
        r"x\.weight has shape \(16384, 16384\); expected an array of at most 268435456 bytes",
    ),
    "a name that moves the cursor": ("a.pb", node("\x1b[2J", "X") + const("\x1b[2J_w", b""), r"\\x1b\[2J_w has"),
    "a name as long as a book": ("a.npz", zip_of({"x" * 60_000: b""}), "^a.npz: x{500,1500} ...$"),
}


@pytest.mark.parametrize(("name", "data", "message"), HOSTILE.values(), ids=HOSTILE)
def test_weights_are_refused_at_once(name: str, data: bytes, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A fifteenth: checks of types, which only tests have, make each field several times as slow.
    monkeypatch.setattr(wire, "MAX_FIELDS", FIELDS)

    def read(folder: Path) -> None:
        with pytest.raises(WeightsError, match=message) as caught:
            read_model(folder / name)
        raise caught.value

    found = outcome(Reader(list, (read,), (WeightsError,), given=lambda _: [name]), {name: data})
    assert found.kind == "refused", found
    assert found.seconds < QUICK
    assert found.memory < LITTLE


def test_pickles_are_not_executed_wherever_they_are(tmp_path: Path) -> None:
    made = tmp_path / "made"
    evil = evil_pickle(2, os.mkdir, str(made))
    start = np.lib.format.magic(1, 0) + struct.pack("<H", 64)
    objects = start + b"{'descr': '|O', 'fortran_order': False, 'shape': ()}".ljust(63) + b"\n" + evil
    for name, data in {
        "a.npz": zip_of({"conv2d0_w.npy": objects}),
        "a.pth": checkpoint(evil, {}),
        "b.pth": evil,
        "c.npz": evil,
        "a.safetensors": evil,
    }.items():
        with pytest.raises(WeightsError, match=f"^{name}: "):
            readers.parse(name, data)
    (tmp_path / "b.npz").write_bytes(zip_of({"a.npy": objects}))
    (tmp_path / "b.npy").write_bytes(objects)
    with pytest.raises(FileError, match=r"b\.npz cannot be read: a\.npy holds pickled Python objects"):
        read_arrays(tmp_path / "b.npz")
    with pytest.raises(FileError, match=r"b\.npy cannot be read: b\.npy holds pickled Python objects"):
        read_array(tmp_path / "b.npy")
    assert not made.exists()


def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npz")
    for path in (tmp_path / "a.npz", Path("/dev/zero")):
        with pytest.raises(WeightsError, match=f"^{path} is no regular file$"):
            read_model(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 51 + "]" * 51, "is nested in more than 50 levels"),
        ("[" * 10**6, "is nested in more than 50 levels"),
        ('{"a": ' * 60 + "1" + "}" * 60, "is nested in more than 50 levels"),
        ("9" * 5000, "is no JSON: Exceeds the limit"),
        ("[" + "[]," * (2**20) + "[]]", "has 1048578 lists and objects; at most 1048576 are read"),
        (" " * (2**24 + 1), "has more than 16777216 bytes, the most that is read"),
        ("\xff", "is no JSON: "),
        ("", "is no JSON: Expecting value"),
    ],
)
def test_json_within_bounds(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FileError, match=f"^{path} {message}"):
        read_json(path)


def test_json_that_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1, "b": [1e999, NaN], "a": 2, "c": ' + "[" * 49 + "]" * 49 + "}")
    found = read_json(path)
    assert (found["a"], found["b"][0]) == (2, float("inf"))
    with pytest.raises(FileError, match=r"a\.json has no 'd'; expected it beside a, b, c$"):
        found["d"]


def test_a_link_may_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "run" / "a.json").symlink_to(tmp_path / "secret.json")
    (tmp_path / "run" / "b.json").write_text('{"b": 1}')
    (tmp_path / "run" / "c.json").symlink_to("b.json")
    assert read_json(tmp_path / "run" / "c.json", tmp_path / "run") == {"b": 1}
    with pytest.raises(FileError, match=r"a\.json is a link that leads out of .*run; such links are not followed$"):
        read_json(tmp_path / "run" / "a.json", tmp_path / "run")


def test_whole_networks_are_still_read(tmp_path: Path) -> None:
    for ending, files in seeds().items():
        if ending != ".caffemodel":
            (tmp_path / f"a{ending}").write_bytes(files[-1])
            assert read_model(tmp_path / f"a{ending}").architecture.stem is not None
