import struct

import numpy as np
import pytest
from weight_files import field, fields, varint

from inception_jax.readers.contents import WeightsError
from inception_jax.readers.wire import Message


def test_agrees_with_googles_decoder():
    descriptor = pytest.importorskip("google.protobuf.descriptor_pb2")
    original = descriptor.FileDescriptorProto()
    descriptor.DESCRIPTOR.CopyToProto(original)
    message = Message(original.SerializeToString(), "descriptor")
    assert message.text(1) == original.name
    types = message.messages(4, "type")
    assert [kind.text(1) for kind in types] == [kind.name for kind in original.message_type]
    ours = [[(f.text(1), f.integer(3), f.integer(5)) for f in kind.messages(2, "field")] for kind in types]
    assert ours == [[(f.name, f.number, f.type) for f in kind.field] for kind in original.message_type]


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**31, 2**63 - 1, -1, -(2**63)])
def test_integers_keep_their_sign(value):
    assert Message(field(1, value), "a").integer(1) == value
    assert Message(field(1, varint(value) + varint(7)), "a").integers(1) == [value, 7]


def test_repeated_floats_are_the_same_packed_and_not():
    values = np.random.default_rng(0).standard_normal(1000).astype("<f4")
    single = b"".join(b"\x2d" + value.tobytes() for value in values)
    for data in (field(5, values.tobytes()), single, field(5, values[:9].tobytes()) + single[45:]):
        assert bytes(Message(data, "a").floats(5)) == values.tobytes()


def test_a_row_of_floats_ends_where_another_field_begins():
    message = Message(field(5, 1.5) + field(5, 2.5) + field(4, 3.5) + field(5, 4.5), "a")
    assert np.frombuffer(message.floats(5), "<f4").tolist() == [1.5, 2.5, 4.5]
    assert message.real(4, 0.0) == 3.5


def test_the_last_of_several_values_counts_and_absent_ones_have_defaults():
    message = Message(field(1, 1) + field(1, 2) + fields(2, ["a", "b"]) + field(3, 0.25) + field(3, 0.5), "a")
    assert (message.integer(1), message.text(2), message.real(3, 0.0)) == (2, "b", 0.5)
    assert (message.integer(9, 5), message.text(9, "x"), message.real(9, 0.1)) == (5, "x", 0.1)
    assert message.texts(2) == ["a", "b"]
    assert 1 in message
    assert 9 not in message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (field(2, "hello")[:-1], "greeting is cut short"),
        (field(3, 0.5)[:-1], "greeting is cut short"),
        (b"\x09" + bytes(7), "greeting is cut short"),
        (b"\x08\x80", "greeting is cut short"),
        (b"\x08" + b"\xff" * 11, "integer longer than 64 bits"),
        (b"\x0b", "wire type 3"),
        (b"\x0f", "wire type 7"),
    ],
)
def test_damage_is_named(data, message):
    with pytest.raises(WeightsError, match=message):
        Message(data, "greeting")


@pytest.mark.parametrize("read", ["text", "texts", "integers", "messages", "data", "floats"])
def test_a_field_of_another_type_is_an_error(read):
    message = Message(field(1, 7) + b"\x11" + struct.pack("<d", 1.0), "greeting")
    number = 2 if read in ("integers", "floats") else 1
    with pytest.raises(WeightsError, match=f"greeting has another type of value in field {number}"):
        getattr(message, read)(number, *(["a"] if read == "messages" else []))


def test_text_must_be_utf8():
    with pytest.raises(WeightsError, match="greeting has text that is not UTF-8 in field 1"):
        Message(field(1, b"\xff\xfe"), "greeting").text(1)


def test_the_number_of_fields_is_bounded(monkeypatch):
    monkeypatch.setattr("inception_jax.readers.wire.MAX_FIELDS", 10)
    assert Message(field(1, 1) * 10, "greeting").integers(1) == [1] * 10
    with pytest.raises(WeightsError, match="greeting has more than 10 fields"):
        Message(field(1, 1) * 11, "greeting")
