"""Weights by name: the order of the places they are looked for in, downloads, and the cache."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import jax
import numpy as np
import platformdirs
import pytest
from web_server import Refuse, Web, serve

import inception_jax
from inception_jax import cache, pretrained
from inception_jax.files import read_model, save
from inception_jax.readers import WeightsError
from inception_jax.registry import DEFAULT, REGISTRY, Published


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network in a file that somebody published."""
    model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=1)
    path = tmp_path_factory.mktemp("published") / "small.npz"
    save(model, path)
    return path


@pytest.fixture
def web(published: Path) -> Iterator[Web]:
    with serve(published.read_bytes()) as server:
        yield server


@pytest.fixture(autouse=True)
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: Path, web: Web) -> Published:
    """A machine without weights, where `small` is the one network with a name, at the server `web`."""
    for variable in ("INCEPTION_JAX_WEIGHTS", "INCEPTION_JAX_SHARED"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("INCEPTION_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "project" / "deep").mkdir(parents=True)
    (tmp_path / "project" / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path / "project" / "deep")
    data = published.read_bytes()
    checksum = f"sha256:{hashlib.sha256(data).hexdigest()}"
    small = Published("small", {"small.npz": checksum}, (web.url,), len(data), "CC0", ("small.safetensors",))
    for module in ("pretrained", "registry"):
        monkeypatch.setattr(f"inception_jax.{module}.REGISTRY", MappingProxyType({"small": small}))
    return small


def place(model_file: Path, folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(model_file, folder / name))


def same_weights(a: inception_jax.Model, b: inception_jax.Model) -> bool:
    return a.architecture == b.architecture and jax.tree.all(jax.tree.map(np.array_equal, a.weights, b.weights))


def other_model(path: Path) -> Path:
    """A weights file that is not the published one."""
    save(inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=2), path)
    return path


def test_downloads_once_and_then_reads_the_converted_copy(web: Web, published: Path, tmp_path: Path) -> None:
    first, second = pretrained.load("small"), pretrained.load("small")
    assert same_weights(first, read_model(published))
    assert same_weights(first, second)
    assert len(web.requests) == 1
    assert first.provenance == second.provenance
    copy = next((tmp_path / "cache").glob("small-*.safetensors"))
    assert first.provenance["source"] == copy.name
    assert hashlib.sha256(copy.read_bytes()).hexdigest() in copy.name
    origin = first.provenance["origin"]
    assert origin["sha256"] == hashlib.sha256(published.read_bytes()).hexdigest()
    assert (origin["licence"], origin["url"], origin["pretrained"]) == ("CC0", web.url, "small")
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [".lock", copy.name, "small.npz"]


def test_damaged_copy_is_made_again_without_a_download(web: Web) -> None:
    expected = pretrained.load("small")
    copy = pretrained.download("small")
    copy.write_bytes(copy.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.warns(UserWarning, match="a converted copy is damaged and will be made again: small-1-.* has SHA-256"):
        assert same_weights(pretrained.load("small"), expected)
    assert len(web.requests) == 1
    assert same_weights(pretrained.load("small"), expected)


def test_first_variable_then_cache_then_shared_folder(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pretrained.find("small") is None
    shared = place(published, tmp_path / "shared" / "weights", "small.npz")
    found = pretrained.find("small")
    assert found is not None
    assert (found.place, found.path) == ("shared folder", shared)

    cached = place(published, tmp_path / "cache", "small.npz")
    found = pretrained.find("small")
    assert found is not None
    assert (found.place, found.path) == ("cache", cached)

    given = place(published, tmp_path / "mine", "small.npz")
    monkeypatch.setenv("INCEPTION_JAX_WEIGHTS", os.pathsep.join([str(tmp_path / "project"), str(tmp_path / "mine")]))
    found = pretrained.find("small")
    assert found is not None
    assert (found.place, found.path) == ("INCEPTION_JAX_WEIGHTS", given)


def test_shared_folder_of_the_variable(tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCEPTION_JAX_SHARED", str(tmp_path / "elsewhere"))
    path = place(published, tmp_path / "elsewhere" / "weights", "small.npz")
    found = pretrained.find("small")
    assert found is not None
    assert found.path == path


def test_local_original_needs_no_network(web: Web, tmp_path: Path, published: Path) -> None:
    place(published, tmp_path / "shared" / "weights", "small.npz")
    assert same_weights(pretrained.load("small"), read_model(published))
    assert web.requests == []
    found = pretrained.find("small")
    assert found is not None
    assert found.place == "cache"  # the converted copy, from now on


def test_other_file_under_the_published_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    other_model(tmp_path / "cache" / "small.npz")
    with pytest.raises(WeightsError, match=r"cache/small\.npz is not the published small\.npz: its sha256 is"):
        pretrained.load("small")


def test_copies_without_a_published_checksum_are_taken_as_they_are(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = other_model(tmp_path / "small.safetensors")
    monkeypatch.setenv("INCEPTION_JAX_WEIGHTS", str(mine))
    assert same_weights(pretrained.load("small"), read_model(mine))
    assert web.requests == []
    assert not (tmp_path / "cache").exists()


def test_files_of_other_names_are_passed_over(
    web: Web, tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = other_model(tmp_path / "finetuned.safetensors")
    monkeypatch.setenv("INCEPTION_JAX_WEIGHTS", str(mine))
    place(published, tmp_path, "small.npz")  # Beside a file that was named is not inside a folder that was.
    assert pretrained.find("small") is None
    assert same_weights(pretrained.load("small"), read_model(published))
    assert len(web.requests) == 1


def test_variable_that_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCEPTION_JAX_WEIGHTS", str(tmp_path / "none"))
    with pytest.raises(WeightsError, match=r"INCEPTION_JAX_WEIGHTS names .*none; no such file or folder"):
        pretrained.load("small")


def test_no_weights_anywhere_lists_the_ways(web: Web, tmp_path: Path) -> None:
    web.answers = [Refuse(404)]
    with pytest.raises(WeightsError) as raised:
        pretrained.load("small")
    assert str(raised.value).splitlines() == [
        "no weights of small on this machine, and they cannot be downloaded "
        f"({web.url}: the server answers 404 Not Found).",
        "Any one of these provides them:",
        "- set INCEPTION_JAX_WEIGHTS to small.npz, or to a folder that holds it",
        "- name a file: --model FILE on the command line, load(FILE) in Python "
        "(.safetensors .npz .pb .zip .caffemodel .pth .pt)",
        "- where there is a network, run: python -m inception_jax download small",
        f"- fetch {web.url} by hand and put it into {tmp_path / 'cache'}",
        "mini needs none of them: it is in the package.",
    ]


def test_wrong_download_leaves_nothing_behind(web: Web, tmp_path: Path) -> None:
    web.content = bytes(len(web.content))
    with pytest.raises(WeightsError, match="does not match the known hash"):
        pretrained.load("small")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


@pytest.fixture
def blocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that cannot be made: its parent is a file."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("INCEPTION_JAX_CACHE", str(tmp_path / "file" / "cache"))
    return tmp_path / "file" / "cache"


def test_unwritable_cache_is_named_before_downloading(web: Web, blocked: Path) -> None:
    with pytest.raises(
        WeightsError, match=rf"the cache folder {blocked} cannot be written \(Not a directory\); set INC"
    ):
        pretrained.load("small")
    assert web.requests == []


@pytest.mark.usefixtures("blocked")
def test_unwritable_cache_does_not_keep_from_loading(tmp_path: Path, published: Path) -> None:
    place(published, tmp_path / "shared" / "weights", "small.npz")
    with pytest.warns(UserWarning, match="small is not cached: the cache folder .* cannot be written"):
        assert same_weights(pretrained.load("small"), read_model(published))
    with (
        pytest.warns(UserWarning, match="small is not cached"),
        pytest.raises(WeightsError, match="small cannot be kept in the cache folder"),
    ):
        pretrained.download("small")


def test_read_only_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests may run as root, who can write everywhere.
    monkeypatch.setattr("inception_jax.cache.os.access", lambda *_: False)
    with pytest.raises(WeightsError, match=r"cache cannot be written \(permission denied\)"):
        pretrained.load("small")


def test_cache_folder_defaults_to_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INCEPTION_JAX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_folder() == Path(platformdirs.user_cache_dir("inception-jax", appauthor=False))


def test_file_by_path(published: Path) -> None:
    assert same_weights(pretrained.load(published), pretrained.load(str(published)))


def test_unknown_sources(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights 'smal'; did you mean 'small'\\? expected small, or a file"):
        pretrained.load("smal")
    with pytest.raises(WeightsError, match=r"none\.npz is no file; expected a weights file \(\.safetensors \.npz"):
        pretrained.load(tmp_path / "none.npz")
    with pytest.raises(WeightsError, match="is no file; expected a weights file"):
        pretrained.load(tmp_path)


def test_simultaneous_loads_download_once(web: Web) -> None:
    with ThreadPoolExecutor(3) as pool:
        models = list(pool.map(pretrained.load, ["small"] * 3))
    assert len(web.requests) == 1
    assert all(same_weights(model, models[0]) for model in models)


def test_published_networks_are_complete() -> None:
    for name, known in REGISTRY.items():
        if isinstance(known, Published):
            assert known.name == name in inception_jax.ARCHITECTURES
            assert known.urls[0].endswith(f"/{known.file}")
        for checksum in known.checksums.values():
            algorithm, digits = checksum.split(":")
            assert len(digits) == 2 * hashlib.new(algorithm).digest_size
    with pytest.raises(TypeError):
        REGISTRY["x"] = REGISTRY[DEFAULT]  # type: ignore[index]
