"""What `doctor` finds: nothing where all is well, and each thing that is not."""

import dataclasses
import importlib.metadata
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import inception_jax
from experiments import doctor
from experiments.__main__ import main


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCEPTION_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")


def test_a_sound_installation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--seconds", "0.01"]) == 0
    shown = capsys.readouterr().out
    for expected in (
        "python",
        f"jax {jax.__version__}".split()[0],
        "cpu",
        "mini.safetensors",
        "conv2d0 of mini differs",
    ):
        assert expected in shown
    assert "steps of an image a second" in shown
    assert shown.endswith("nothing to look at\n")


def test_packages_of_other_versions_and_missing_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.metadata.version

    def version(name: str) -> str:
        if name == "tyro":
            raise importlib.metadata.PackageNotFoundError
        return "0.1" if name == "optax" else known(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    optax, tyro = sorted(doctor.packages().wrong)
    assert optax.startswith("optax 0.1: pip install 'optax<")
    assert tyro.startswith("tyro is missing: pip install 'tyro<2,>=1.0'")


def test_packages_of_extras_count_where_the_extra_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    requires = ["jax>=0.1", "ruff>=9999; extra == 'test'", "jax[cuda13]; extra == 'cuda13'", "no-such; extra == 'no'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: [*requires, "pytest<1; extra == 'no'"])
    found = doctor.packages()
    [ruff] = found.wrong
    assert re.fullmatch(r"ruff [\d.]+: pip install 'ruff>=9999'", ruff)
    assert [line.split()[0] for line in found.lines] == ["python", "inception-jax", "jax", "ruff"]


def test_an_accelerator_that_jax_does_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert doctor.devices().wrong == ()  # JAX_PLATFORMS says so.
    monkeypatch.delenv("JAX_PLATFORMS")
    expected = "there is an NVIDIA driver, and JAX computes on the CPU: pip install 'inception-jax[cuda13]'"
    assert doctor.devices().wrong == (expected,)


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    (wrong,) = doctor.caches().wrong
    assert wrong.endswith("cannot be written: set INCEPTION_JAX_CACHE to another folder")


def test_weights_that_are_named_and_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INCEPTION_JAX_WEIGHTS", str(tmp_path / "nowhere"))
    (wrong,) = doctor.caches().wrong
    assert "nowhere" in wrong


def test_a_device_that_computes_wrongly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    call = inception_jax.Model.__call__

    def wrong(model: inception_jax.Model, images: jax.Array, **options: str) -> dict[str, jax.Array]:
        return {name: a + 1e-3 * jnp.abs(a).max() for name, a in call(model, images, **options).items()}

    monkeypatch.setattr(inception_jax.Model, "__call__", wrong)
    assert main(["doctor", "--seconds", "0"]) == 1
    shown = capsys.readouterr().out
    assert "to look at:\n- convolutions are wrong on this device: compare with JAX_PLATFORMS=cpu" in shown
    assert "not measured" in shown


@pytest.mark.parametrize("architecture", [inception_jax.INCEPTION5H, inception_jax.MINI], ids=lambda a: a.name)
def test_the_first_convolution_is_right_with_every_stride(architecture: inception_jax.Architecture) -> None:
    plain = dataclasses.replace(architecture.scaled(1 / 16), name="toy")
    assert doctor.numbers(inception_jax.initialise(plain, seed=0)).wrong == ()
