"""What is wrong with a file, of whatever format, is one error that begins with the file's name."""

import io
import json
import zipfile

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from weight_files import (
    caffe_conv,
    caffe_dense,
    caffe_lrn,
    caffe_pool,
    const,
    conv,
    field,
    layer,
    lrn,
    pool,
    simple_checkpoint,
    tensor_proto,
    zip_of,
)

from inception_jax import readers
from inception_jax.files import read_model
from inception_jax.readers import Contents, WeightsError
from inception_jax.readers.npz import METADATA


def small_files():
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    arrays = {"conv2d0_w": draw(7, 7, 3, 2), "conv2d0_b": draw(2)}
    npz = io.BytesIO()
    np.savez(npz, **arrays, **{METADATA: np.array(json.dumps({"licence": "ours"}))})
    graph = b"".join(const(name, tensor_proto(array)) for name, array in arrays.items())
    graph += b"".join(conv("conv2d0", "input", 2)) + pool("maxpool0", "MaxPool", "conv2d0", 3, 2, "SAME")
    graph += lrn("localresponsenorm0", "maxpool0")
    weights = {"conv1/7x7_s2.weight": draw(2, 3, 7, 7), "conv1/7x7_s2.bias": draw(2)}
    weights |= {"loss1/fc.weight": draw(3, 32), "loss1/fc.bias": draw(3)}
    caffe = layer("data", "Data", [], ["data"], transform=field(3, 224) + field(5, 104.0))
    for old in (False, True):
        caffe += caffe_conv("conv1/7x7_s2", "data", weights, 7, 2, old=old) if old else b""
        caffe += caffe_pool("pool1/3x3_s2", "conv1/7x7_s2", 3, 2, old=old)
        caffe += caffe_lrn("pool1/norm1", "pool1/3x3_s2", old=old)
    caffe += caffe_dense("loss1/fc", "loss1/conv", weights)
    torch = {"conv1.weight": draw(2, 3, 7, 7), "conv1.bias": draw(2), "fc.weight": draw(3, 2)}
    return {
        "a.npz": npz.getvalue(),
        "a.safetensors": safetensors.numpy.save(arrays, {"licence": "ours"}),
        "a.pb": graph,
        "a.zip": zip_of({"graph.pb": graph, "labels.txt": b"dummy"}),
        "a.caffemodel": caffe,
        "a.pth": simple_checkpoint(torch),
        "a.pt": simple_checkpoint(torch),
    }


FILES = small_files()


def test_there_is_a_small_file_for_every_reader():
    assert {name[1:] for name in FILES} == set(readers.READERS)
    for name, data in FILES.items():
        assert {"conv2d0_w", "conv2d0_b"} < set(readers.parse(name, data).arrays) | {"more"}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_file_cut_short_is_one_error(name, part, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES[name][: int(part * len(FILES[name]))])
    with pytest.raises(WeightsError, match=rf"^{name}: ") as error:
        read_model(path)
    assert error.value.__cause__ is None
    # Cut between two messages, a protocol buffer is whole but lacks arrays; everywhere else the damage itself shows.
    expected = "incomplete|cut short|not a complete|not a TensorFlow|not a Caffe|missing|no array"
    with pytest.raises(WeightsError, match=expected):
        read_model(path)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def outcome(name, data):
    """The contents, or else the message of the one error that is allowed."""
    try:
        return readers.parse(name, data)
    except WeightsError as error:
        return str(error) if error.__cause__ is None else "an error with a cause"


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_format_has_no_known_arrays(name):
    others = [data for other, data in FILES.items() if other != name and {other, name} != {"a.pt", "a.pth"}]
    for data in (*others, b"\x00" * 1000, b"\xff" * 1000, b"<html>not found</html>"):
        found = outcome(name, data)
        # Protocol buffers do not say what they are, so one can be read as another.
        assert not found.arrays if isinstance(found, Contents) else found.startswith(f"{name}: ")


@st.composite
def damage(draw, data):
    """`data` with some bytes changed, and sometimes without its second half."""
    damaged = bytearray(data)
    # Most of a file is numbers; what describes them lies at the ends.
    places = st.one_of(st.integers(0, 200), st.integers(-400, -1), st.integers(0, len(data) - 1))
    for place, value in draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=6)):
        damaged[place % len(damaged)] = value
    return bytes(damaged[: draw(st.sampled_from([len(data)] * 3 + [len(data) // 2]))])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_changed_bytes_give_a_result_or_the_one_error(data):
    name = data.draw(st.sampled_from(sorted(FILES)))
    original = FILES[name]
    if zipfile.is_zipfile(io.BytesIO(original)) and data.draw(st.booleans()):
        # Inside an archive with the right checksums, or those would be all that is tested.
        with zipfile.ZipFile(io.BytesIO(original)) as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
        member = data.draw(st.sampled_from(sorted(members)))
        damaged = zip_of(members | {member: data.draw(damage(members[member]))})
    else:
        damaged = data.draw(damage(original))
    found = outcome(name, damaged)
    assert isinstance(found, Contents) or found.startswith(f"{name}: ")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(FILES)), noise=st.binary(max_size=200))
def test_noise_gives_the_one_error(name, noise):
    found = outcome(name, noise)
    assert not found.arrays if isinstance(found, Contents) else found.startswith(f"{name}: ")


def test_other_endings_are_refused():
    with pytest.raises(
        WeightsError, match=r"^a\.h5: files ending in '\.h5' are not read; expected one of \.safetensors, "
    ):
        readers.parse("a.h5", b"")
    assert readers.parse("A.NPZ", FILES["a.npz"]).format == "npz"


def test_what_no_reader_foresaw_is_still_the_one_error(monkeypatch):
    def broken(data):
        return data[10**6]

    monkeypatch.setitem(readers.READERS, ".npz", broken)
    message = r"^a\.npz: damaged, or not a \.npz file \(IndexError: index out of range\)$"
    with pytest.raises(WeightsError, match=message):
        readers.parse("a.npz", b"")
