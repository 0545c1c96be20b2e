import json

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from inception_jax.readers import safetensors as reader
from inception_jax.readers.contents import WeightsError


def test_arrays_and_metadata_are_exact():
    values = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    arrays = {"a": values, "b": values.astype(np.float16), "c": values.astype(ml_dtypes.bfloat16)}
    contents = reader.parse(safetensors.numpy.save(arrays | {"d": values.astype(np.float64)}, {"licence": "ours"}))
    assert contents.metadata == {"licence": "ours"}
    assert set(contents.arrays) == {"a", "b", "c", "d"}
    for name, array in contents.arrays.items():
        expected = arrays.get(name, values)
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)


def test_a_file_without_metadata():
    assert reader.parse(safetensors.numpy.save({"a": np.zeros(2, np.float32)})).metadata == {}


def header(**entries):
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a complete safetensors file"),
        (header(a={"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}), "not a complete safetensors file"),
        (
            header(a={"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}) + bytes(8),
            "not a complete safetensors file",
        ),
        (
            header(a={"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}) + bytes(8),
            "a has type I64; expected one of",
        ),
        ((2**62).to_bytes(8, "little") + b"{}", "not a complete safetensors file"),
    ],
)
def test_damage_is_one_error(data, message):
    with pytest.raises(WeightsError, match=message):
        reader.parse(data)
