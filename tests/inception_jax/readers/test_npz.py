import io
import json
import zipfile

import numpy as np
import pytest
from weight_files import zip_of

from inception_jax.readers import npz
from inception_jax.readers.contents import WeightsError


def npz_of(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy_of(header, data=b"", version=b"\x01\x00"):
    text = f"{header}\n".encode()
    return b"\x93NUMPY" + version + len(text).to_bytes(2 if version == b"\x01\x00" else 4, "little") + text + data


def test_arrays_are_exact_in_either_memory_order():
    values = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    half, double = values.astype(np.float16), values.astype(np.float64) + 1e-12
    data = npz_of(a_w=values, b_w=np.asfortranarray(values), c_w=half, d_w=double, e_w=np.float32(3))
    arrays = npz.parse(data).arrays
    expected = {"a_w": values, "b_w": values, "c_w": half, "d_w": double.astype(np.float32), "e_w": np.float32(3)}
    assert arrays.keys() == expected.keys()
    for name, array in arrays.items():
        assert array.dtype == expected[name].dtype
        np.testing.assert_array_equal(array, expected[name])


def test_newer_headers_and_compression():
    values = np.arange(6, dtype="<f4").reshape(2, 3)
    member = npy_of({"descr": "<f4", "fortran_order": False, "shape": (2, 3)}, values.tobytes(), b"\x02\x00")
    arrays = npz.parse(zip_of({"a.npy": member}, zipfile.ZIP_DEFLATED)).arrays
    np.testing.assert_array_equal(arrays["a"], values)


def test_metadata_is_text():
    assert npz.parse(npz_of(**{npz.METADATA: np.array(json.dumps({"a": "b"}))})).metadata == {"a": "b"}
    for wrong in ("{", "[]", '{"a": 1}', "[" * 100_000):
        with pytest.raises(WeightsError, match="the metadata is not a JSON object of strings"):
            npz.parse(npz_of(**{npz.METADATA: np.array(wrong)}))


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (
            npy_of({"descr": "|O", "fortran_order": False, "shape": (1,)}),
            "a holds pickled Python objects, which are not",
        ),
        (
            npy_of({"descr": "<f4", "fortran_order": False, "shape": (3,)}, bytes(8)),
            r"a of shape \(3,\) needs 12 bytes",
        ),
        (npy_of({"descr": "<f4", "fortran_order": False, "shape": (3,)}, bytes(16)), "but the file has 16 for it"),
        (npy_of({"descr": "<f4", "fortran_order": False, "shape": (2**40,)}), "expected an array of at most"),
        (npy_of({"descr": "<f4", "fortran_order": False, "shape": (-1,)}), "expected an array of at most"),
        (
            npy_of({"descr": "<i8", "fortran_order": False, "shape": (1,)}, bytes(8)),
            "a has type int64; expected one of",
        ),
        (npy_of({"descr": "<f4", "shape": (1,)}), "a is not a NumPy array"),
        (npy_of("((((("), "a is not a NumPy array"),
        (b"\x93NUMPY\x07\x00", "a is not a NumPy array"),
        (b"", "a is not a NumPy array"),
    ],
)
def test_members_must_be_arrays_of_floats(member, message):
    with pytest.raises(WeightsError, match=message):
        npz.parse(zip_of({"a.npy": member}))


def test_pickled_objects_are_not_touched():
    data = npz_of(conv2d0_w=np.array([{"a": 1}], object))
    with pytest.raises(WeightsError, match="conv2d0_w holds pickled Python objects"):
        npz.parse(data)
