import copy
import dataclasses
import hashlib
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

import inception_jax
from inception_jax import Model, initialise
from inception_jax.files import read_model, replacing, save, write_whole
from inception_jax.readers import WeightsError

SMALL = dataclasses.replace(inception_jax.INCEPTION5H.scaled(1 / 16), classes=10)
ENDINGS = pytest.mark.parametrize("ending", [".safetensors", ".npz"])


@pytest.fixture(scope="module")
def model():
    return initialise(SMALL, seed=0)


def assert_same(a, b):
    assert a.architecture == b.architecture
    assert a.weights.keys() == b.weights.keys()
    for x, y in zip(jax.tree.leaves(a.weights), jax.tree.leaves(b.weights), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


@pytest.mark.parametrize("before", [None, b"before"])
def test_files_appear_whole_or_not_at_all(before, tmp_path):
    path = tmp_path / "a.txt"
    if before is not None:
        path.write_bytes(before)
    there = [(file.name, file.read_bytes()) for file in tmp_path.iterdir()]

    def interrupted():
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            assert temporary.parent == path.parent
            assert before is None or path.read_bytes() == before
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == there
    write_whole(path, b"after")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.txt", b"after")]
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "a.txt", b"after")


@ENDINGS
def test_round_trip(ending, model, tmp_path):
    path = tmp_path / f"small{ending}"
    save(model, path)
    back = read_model(path)
    assert_same(back, model)
    assert back.provenance == {
        "source": path.name,
        "format": ending[1:],
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "origin": {"source": "random weights, seed 0"},
    }
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@ENDINGS
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_kept(ending, dtype, model, tmp_path):
    path = tmp_path / f"half{ending}"
    # Converted by NumPy, because JAX would compile a conversion for each shape.
    half = Model(SMALL, jax.tree.map(lambda w: jnp.asarray(np.asarray(w).astype(jnp.dtype(dtype))), model.weights))
    if ending == ".npz" and dtype == "bfloat16":
        with pytest.raises(
            ValueError, match=r"weights have type bfloat16; \.npz files hold float32 or float16: use model"
        ):
            save(half, path)
        assert not list(tmp_path.iterdir())
    else:
        save(half, path)
        assert_same(read_model(path), half)


@ENDINGS
def test_transposed_views(ending, model, tmp_path):
    # Views whose memory lies in another order than their indices.
    views = jax.tree.map(lambda w: np.ascontiguousarray(np.asarray(w).T).T, model.weights)
    assert not views["conv2d0"]["kernel"].flags.c_contiguous
    strange = copy.copy(model)
    # Past the constructor, which is only meant to take JAX arrays.
    object.__setattr__(strange, "weights", views)
    save(strange, tmp_path / f"views{ending}")
    assert_same(read_model(tmp_path / f"views{ending}"), model)


def test_provenance_keeps_the_first_origin_and_its_licence(model, tmp_path):
    first = Model(SMALL, model.weights, {"source": "inception5h.zip", "sha256": "ab", "licence": "Apache-2.0"})
    save(first, tmp_path / "a.safetensors")
    save(read_model(tmp_path / "a.safetensors"), tmp_path / "b.npz")
    provenance = read_model(tmp_path / "b.npz").provenance
    assert provenance["origin"] == first.provenance
    assert provenance["licence"] == "Apache-2.0"
    assert provenance["source"] == "b.npz"


def test_other_programs_can_read_what_is_saved(model, tmp_path):
    save(model, tmp_path / "a.safetensors")
    save(model, tmp_path / "a.npz")
    tensors = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    with np.load(tmp_path / "a.npz") as archive:
        assert set(archive.files) == {*tensors, "__metadata__"}
        for name, array in tensors.items():
            np.testing.assert_array_equal(archive[name], array)
    np.testing.assert_array_equal(tensors["softmax2_w"], model.weights["softmax2"]["kernel"])


def test_the_checksum_comes_first(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"not an archive")
    digest = hashlib.sha256(b"not an archive").hexdigest()
    with pytest.raises(
        WeightsError, match=f"^a.npz has SHA-256 {digest}, expected {'0' * 64}: not the file that was m"
    ):
        read_model(path, sha256="0" * 64)
    with pytest.raises(WeightsError, match=r"^a\.npz: not a complete zip archive: File is not a zip file"):
        read_model(path, sha256=digest.upper())


def test_sizes_are_bounded(model, tmp_path, monkeypatch):
    save(model, tmp_path / "a.npz")
    size = (tmp_path / "a.npz").stat().st_size
    monkeypatch.setattr("inception_jax.files.MAX_BYTES", 1000)
    with pytest.raises(WeightsError, match=rf"^a\.npz has {size} bytes; at most 1000 are read$"):
        read_model(tmp_path / "a.npz")


def test_missing_files_are_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_model(tmp_path / "nowhere.npz")


def test_arrays_that_do_not_fit_the_metadata(model, tmp_path):
    save(model, tmp_path / "a.safetensors")
    tensors = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    with safetensors.safe_open(tmp_path / "a.safetensors", "np") as file:
        metadata = file.metadata()
    del tensors["conv2d0_b"]
    tensors["nn0_b"] = tensors["nn0_b"][:3]
    safetensors.numpy.save_file(tensors, tmp_path / "b.safetensors", metadata)
    with pytest.raises(WeightsError) as error:
        read_model(tmp_path / "b.safetensors")
    assert str(error.value) == (
        "b.safetensors: the weights do not fit inception5h-x0.0625: missing conv2d0_b (4,); "
        "nn0_b has shape (3,), expected (64,)"
    )
    safetensors.numpy.save_file(tensors, tmp_path / "c.safetensors", metadata | {"architecture": "{}"})
    with pytest.raises(WeightsError, match=r"^c\.safetensors: the file does not describe a valid network: archit"):
        read_model(tmp_path / "c.safetensors")


@pytest.mark.parametrize("text", ["[]", "{", "3"])
def test_provenance_must_be_an_object(text, model, tmp_path):
    save(model, tmp_path / "a.safetensors")
    tensors = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    with safetensors.safe_open(tmp_path / "a.safetensors", "np") as file:
        metadata = file.metadata() | {"provenance": text}
    safetensors.numpy.save_file(tensors, tmp_path / "b.safetensors", metadata)
    with pytest.raises(WeightsError, match=r"^b\.safetensors: the metadata's provenance is not a JSON object"):
        read_model(tmp_path / "b.safetensors")


def test_saving_is_all_or_nothing(model, tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match=r"cannot save as 'a\.pb'; expected a name ending in \.safetensors or \.npz"):
        save(model, tmp_path / "a.pb")
    with pytest.raises(FileNotFoundError):
        save(model, tmp_path / "missing" / "a.npz")

    def scrambled(arrays, metadata):
        return correct(arrays | {"conv2d0_b": -1 - arrays["conv2d0_b"]}, metadata)

    correct = safetensors.numpy.save
    monkeypatch.setattr("safetensors.numpy.save", scrambled)
    with pytest.raises(
        OSError, match=r"a\.safetensors reads back differently from what was written; nothing was saved"
    ):
        save(model, path)
    assert path.read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    monkeypatch.undo()
    save(model, path)
    assert_same(read_model(path), model)


def test_architectures_that_could_not_be_read_are_not_saved(tmp_path):
    wide = dataclasses.replace(SMALL, input_scale=float("inf"))
    with pytest.raises(ValueError, match=r"architecture\.input_scale is inf; expected a number"):
        save(Model(wide, initialise(SMALL, seed=0).weights), tmp_path / "a.npz")
    assert not list(tmp_path.iterdir())


def test_weights_of_other_types_are_not_saved(model, tmp_path):
    weights = model.weights | {"conv2d0": jax.tree.map(lambda w: w.astype(jnp.int32), model.weights["conv2d0"])}
    with pytest.raises(ValueError, match=r"weights have type int32; \.safetensors files hold float32 or float16 or bf"):
        save(Model(SMALL, weights), tmp_path / "a.safetensors")


@pytest.mark.shared
def test_the_released_googlenet(shared_dir, tmp_path):
    path = shared_dir / "weights" / "bvlc_googlenet.npz"
    model = read_model(path)
    assert model.architecture == dataclasses.replace(inception_jax.BVLC_GOOGLENET, heads=())
    assert sum(w.size for w in jax.tree.leaves(model.weights)) == 6_998_552
    with np.load(path, allow_pickle=False) as original:
        for ending in (".safetensors", ".npz"):
            save(model, tmp_path / f"copy{ending}")
            back = read_model(tmp_path / f"copy{ending}")
            assert back.architecture == model.architecture
            assert len(original.files) == 2 * len(back.weights) == 116
            for name in original.files:
                array = back.weights[name[:-2]]["kernel" if name.endswith("_w") else "bias"]
                np.testing.assert_array_equal(np.asarray(array), original[name])
    assert json.loads(json.dumps(dict(back.provenance)))["origin"]["source"] == "bvlc_googlenet.npz"
