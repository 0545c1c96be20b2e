import os
import pickle

import ml_dtypes
import numpy as np
import pytest
from weight_files import checkpoint, dict_pickle, evil_pickle, simple_checkpoint, tensor_pickle, text, zip_of

from inception_jax.readers import checkpoint as reader
from inception_jax.readers.contents import WeightsError
from inception_jax.readers.unpickle import loads

NUMBERS = np.random.default_rng(0).standard_normal(24).astype("<f4")


def read_one(name, storage="FloatStorage", data=None, size=24, shape=(2, 3), strides=(3, 1), offset=0, **m):
    pickled = dict_pickle({name: tensor_pickle("0", storage, size, shape, strides, offset)})
    (array,) = reader.parse(checkpoint(pickled, {"0": data or NUMBERS.tobytes()}, **m)).arrays.values()
    return array


def test_views_of_a_storage():
    # A transposed view that starts at the fourth number; dense layers are turned from [out, in] to [in, out].
    array = read_one("fc.weight", shape=(2, 3), strides=(1, 2), offset=4)
    np.testing.assert_array_equal(array, NUMBERS[4:10].reshape(3, 2))
    array = read_one("fc.weight", shape=(2, 3), strides=(12, 4))
    np.testing.assert_array_equal(array, NUMBERS.reshape(2, 12)[:, ::4][:, :3].T)
    np.testing.assert_array_equal(read_one("fc.bias", shape=(3,), strides=(0,), offset=5), NUMBERS[[5, 5, 5]])
    kernel = read_one("conv2.weight", shape=(4, 3, 2, 1), strides=(6, 2, 1, 1))
    np.testing.assert_array_equal(kernel, NUMBERS.reshape(4, 3, 2, 1).transpose(2, 3, 1, 0))


@pytest.mark.parametrize(
    ("storage", "dtype"),
    [
        ("FloatStorage", np.float32),
        ("DoubleStorage", np.float64),
        ("HalfStorage", np.float16),
        ("BFloat16Storage", ml_dtypes.bfloat16),
    ],
)
def test_number_types_in_both_byte_orders(storage, dtype):
    numbers = NUMBERS.astype(dtype)
    expected = numbers[:6].reshape(2, 3).T.astype(np.float32)
    np.testing.assert_array_equal(read_one("fc.weight", storage, numbers.tobytes()), expected)
    swapped = numbers.view(f"u{numbers.itemsize}").byteswap().tobytes()
    np.testing.assert_array_equal(read_one("fc.weight", storage, swapped, byteorder=b"big"), expected)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"shape": (8, 6)},
            r"fc.weight of shape \(8, 6\), strides \(3, 1\) and offset 0 reaches outside of its storage",
        ),
        ({"offset": 19}, "offset 19 reaches outside of its storage of 24 numbers"),
        ({"offset": -1}, "offset -1 reaches outside"),
        ({"strides": (-3, 1), "offset": 12}, r"strides \(-3, 1\) and offset 12 reaches outside"),
        ({"strides": (1,)}, r"strides \(1,\) and offset 0 reaches outside"),
        ({"shape": (2**15, 2**15), "strides": (0, 0)}, "expected an array of at most 268435456 bytes"),
        ({"shape": (-2, 3)}, "expected an array of at most"),
        ({"size": 25}, "fc.weight: its storage declares 25 numbers, but has 96 bytes"),
        ({"storage": "LongStorage"}, "fc.weight is stored as torch.LongStorage; expected one of"),
    ],
)
def test_tensors_must_lie_inside_their_storage(wrong, message):
    with pytest.raises(WeightsError, match=message):
        read_one("fc.weight", **wrong)


def test_expanded_tensors_are_bounded_together():
    entries = {f"{i}.weight": tensor_pickle("0", "FloatStorage", 24, (2**12, 2**13), (0, 0)) for i in range(3)}
    with pytest.raises(WeightsError, match="the tensors take more than 268435456 bytes together"):
        reader.parse(checkpoint(dict_pickle(entries), {"0": NUMBERS.tobytes()}))


@pytest.mark.parametrize("outer", ["state_dict", "model"])
def test_a_state_dict_inside_a_dictionary(outer):
    inner = dict_pickle({"fc.bias": tensor_pickle("0", "FloatStorage", 24, (3,), (1,))})[2:-1]
    data = checkpoint(dict_pickle({"epoch": b"K\x03", outer: inner}), {"0": NUMBERS.tobytes()})
    np.testing.assert_array_equal(reader.parse(data).arrays["softmax2_b"], NUMBERS[:3])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "format from before version 1.6, a bare pickle.*save it again"),
        (zip_of({"archive/version": b"3"}), "expected one data.pkl in the zip archive; it holds"),
        (checkpoint(dict_pickle({"epoch": b"K\x03"}), {}), "no state dict: expected tensors by name, at the top or"),
        (checkpoint(b"\x80\x02].", {}), "no state dict"),
        (
            checkpoint(dict_pickle({"a": tensor_pickle("../x", "FloatStorage", 1, (1,), (1,))}), {"0": b""}),
            "the zip archive has no member 'archive/data/../x'",
        ),
    ],
)
def test_other_archives_are_refused(data, message):
    with pytest.raises(WeightsError, match=message):
        reader.parse(data)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(("name", "function"), [("posix.system", os.system), ("builtins.eval", eval)])
def test_a_malicious_pickle_is_refused_and_not_executed(protocol, name, function, tmp_path):
    proof = tmp_path / "executed"
    argument = f"touch {proof}" if function is os.system else f"open({str(proof)!r}, 'w').close()"
    pickled = evil_pickle(protocol, function, argument)
    # Protocol 2 uses the names of Python 2.
    asked = name if protocol > 2 else name.replace("builtins", "__builtin__")
    with pytest.raises(
        WeightsError, match=f"asks for {asked}, which weights do not need; refused, and nothing was exec"
    ):
        reader.parse(checkpoint(pickled, {}))
    assert not proof.exists()
    # Python's own unpickler shows that the pickle does what it is refused for.
    pickle.loads(pickled)
    assert proof.exists()


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"\x80\x02}", "the pickle is damaged"),
        (b"\x80\x02.", "the pickle is damaged: IndexError"),
        (b"\x80\x02t.", "the pickle is damaged"),
        (b"\x80\x02h\x05.", "the pickle is damaged: KeyError: 5"),
        (b"\x80\x02}(]K\x01u.", "the pickle has a list for a key; expected text or a number"),
        (b"\x80\x02}(K\x01u.", "the pickle is damaged: ValueError"),
        (b"\x80\x02]K\x01K\x02s.", "the pickle treats a list as a dict"),
        (b"\x80\x02}K\x01a.", "the pickle treats a dict as a list"),
        (b"\x80\x02K\x01)R.", "the pickle treats a int as a Global"),
        (b"\x80\x02ccollections\nOrderedDict\n}R.", "the pickle treats a dict as a tuple"),
        (
            b"\x80\x02ccollections\nOrderedDict\n(K\x01tR.",
            "calls collections.OrderedDict with arguments it does not take",
        ),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.", "_rebuild_tensor_v2 with arguments it does not take"),
        (b"\x80\x02" + text("x") + b"Q.", "refers to something that is not a tensor's storage"),
        (b"\x80\x04K\x01K\x02\x93.", "the pickle treats a int as a str"),
        (b"\x80\x02K\x01K\x02b.", "the pickle treats a int as a dict"),
        (b"\x80\x02ctorch\nFloatStorage\n)\x81.", "the pickle asks for the pickle operation NEWOBJ"),
        (b"(ios\nsystem\n.", "the pickle asks for the pickle operation INST"),
        (b"\x80\x02\x82\x01.", "the pickle asks for the pickle operation EXT1"),
    ],
)
def test_odd_pickles_are_one_error(pickled, message):
    with pytest.raises(WeightsError, match=message):
        loads(pickled)


def test_the_size_of_a_pickle_is_bounded():
    with pytest.raises(WeightsError, match="the pickle has 4194305 bytes; at most 4194304 are read"):
        loads(bytes(2**22 + 1))


def test_names_nobody_knows_are_kept():
    contents = reader.parse(simple_checkpoint({"inception3a.branch1.conv.weight": np.zeros((2, 2, 1, 1), np.float32)}))
    assert list(contents.arrays) == ["inception3a.branch1.conv.weight"]
