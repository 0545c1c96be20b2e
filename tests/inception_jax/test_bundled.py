"""The networks in the package."""

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy

import inception_jax
from inception_jax import labels, pretrained
from inception_jax.files import read_model, save
from inception_jax.graph import graph
from inception_jax.readers import WeightsError
from inception_jax.registry import DEFAULT, REGISTRY, Bundled

DATA = Path(inception_jax.__file__).parent / "data"
BUNDLED = [entry for entry in REGISTRY.values() if isinstance(entry, Bundled)]
EACH = pytest.mark.parametrize("entry", BUNDLED, ids=lambda entry: entry.name)


def test_the_registry_lists_what_is_there() -> None:
    assert sorted(entry.path for entry in BUNDLED) == sorted(DATA.glob("*.safetensors"))
    assert [entry.name for entry in BUNDLED] == list(REGISTRY)[: len(BUNDLED)]  # First in lists.
    assert DEFAULT == BUNDLED[0].name == "mini"


@EACH
def test_files_are_those_of_the_registry_and_small(entry: Bundled) -> None:
    data = entry.path.read_bytes()
    assert hashlib.sha256(data).hexdigest() == entry.sha256
    assert len(data) == entry.size < 2_000_000  # Every clone carries them.


@EACH
def test_a_card_lies_beside_the_weights(entry: Bundled) -> None:
    assert entry.name in entry.path.with_suffix(".md").read_text(encoding="utf-8")


@EACH
def test_float32_in_memory(entry: Bundled) -> None:
    model = inception_jax.load(entry.name)
    stored = safetensors.numpy.load_file(entry.path)
    assert {array.dtype for array in stored.values()} == {np.dtype(np.float16)}
    assert {array.dtype for array in jax.tree.leaves(model.weights)} == {np.dtype(np.float32)}
    assert len(stored) == 2 * len(model.weights)
    for layer, parts in model.weights.items():
        # Every float16 is a float32.
        np.testing.assert_array_equal(parts["kernel"], stored[f"{layer}_w"])
        np.testing.assert_array_equal(parts["bias"], stored[f"{layer}_b"])


@EACH
def test_family(entry: Bundled) -> None:
    """Layers are called as in inception5h, and images are small."""
    model = inception_jax.load(entry.name)
    trunk = graph(dataclasses.replace(inception_jax.INCEPTION5H, heads=()))
    assert list(model.layers) == [node.name for node in trunk.nodes]
    assert model.architecture.image_size == 64
    assert model.architecture.classes == len(set(labels(model))) == 200


def test_mini_is_the_architecture_of_that_name() -> None:
    assert inception_jax.load("mini").architecture == inception_jax.ARCHITECTURES["mini"]


def test_provenance_travels_with_copies(tmp_path: Path) -> None:
    model = inception_jax.load("mini")
    assert model.provenance["sha256"] == REGISTRY["mini"].checksums["mini.safetensors"].removeprefix("sha256:")
    assert model.provenance["licence"] == "Apache-2.0"
    save(model, tmp_path / "copy.npz")
    copy = read_model(tmp_path / "copy.npz")
    assert copy.provenance["origin"] == json.loads(json.dumps(model.provenance["origin"]))
    assert copy.provenance["origin"]["pretrained"] == "mini"
    assert copy.provenance["licence"] == "Apache-2.0"
    assert labels(copy) == labels(model)


def test_needs_neither_network_nor_cache(tmp_path: Path) -> None:
    program = (
        "import socket\n"
        "def refuse(*_): raise AssertionError('no network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "import inception_jax\n"
        "print(inception_jax.load('mini').name)\n"
    )
    missing = tmp_path / "none"
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(missing),
        "INCEPTION_JAX_CACHE": str(missing),
        "PYTHONPATH": str(DATA.parents[1]),
    }
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert (done.stdout, done.stderr) == ("mini\n", "")
    assert list(tmp_path.iterdir()) == []


def test_only_the_file_in_the_package_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mini.safetensors").write_bytes(b"another")
    monkeypatch.setenv("INCEPTION_JAX_WEIGHTS", str(tmp_path))
    assert pretrained.find("mini") == pretrained.Found(DATA / "mini.safetensors", "bundled")
    assert pretrained.download("mini") == DATA / "mini.safetensors"
    assert inception_jax.load("mini").name == "mini"


def test_other_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = dataclasses.replace(REGISTRY["mini"], sha256="0" * 64)  # type: ignore[type-var]
    monkeypatch.setattr("inception_jax.pretrained.REGISTRY", {"mini": entry})
    with pytest.raises(WeightsError, match=rf"^mini\.safetensors has SHA-256 [0-9a-f]{{64}}, expected {'0' * 64}"):
        inception_jax.load("mini")


def test_half_precision_of_other_files_is_kept(tmp_path: Path) -> None:
    copy = tmp_path / "mini.safetensors"
    copy.write_bytes((DATA / "mini.safetensors").read_bytes())
    model = inception_jax.load(copy)
    assert {array.dtype for array in jax.tree.leaves(model.weights)} == {np.dtype(np.float16)}
