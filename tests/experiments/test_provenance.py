import dataclasses
import json
import platform
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import inception_jax
from experiments import provenance
from experiments.feature_vis import Config

IDENTITY = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", folder, *IDENTITY, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_commit_is_that_of_the_checkout(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "one")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert provenance.git_commit(tmp_path) == head
    (tmp_path / "untracked").touch()
    assert provenance.git_commit(tmp_path) == head
    (tmp_path / "a").write_text("2")
    assert provenance.git_commit(tmp_path) == f"{head}+changes"
    (tmp_path / "site-packages").mkdir()
    assert provenance.git_commit(tmp_path / "site-packages") is None


def test_no_commit_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.git_commit() is None


def test_digest_depends_on_names_shapes_types_and_values() -> None:
    base = {"a": {"kernel": jnp.arange(4.0), "bias": jnp.zeros(2)}}
    digest = provenance.weights_digest(base)
    same = {"a": {"bias": jnp.zeros(2), "kernel": jnp.arange(4.0)}}
    assert provenance.weights_digest(same) == digest
    others = [
        {"b": base["a"]},
        {"a": {**base["a"], "kernel": jnp.arange(4.0).reshape(2, 2)}},
        {"a": {**base["a"], "kernel": jnp.arange(4.0).astype(jnp.bfloat16)}},
        {"a": {**base["a"], "kernel": jnp.arange(4.0) + 1}},
    ]
    assert digest not in map(provenance.weights_digest, others)


def test_settings_are_what_decides_the_results() -> None:
    model = {"architecture": "mini", "arrays_sha256": "ab", "source": "mini.safetensors"}
    base = provenance.settings("feature_vis", Config(size=64), model)
    for other in (Config(size=64, out=Path("o")), Config(size=64, force=True, batch=3), Config(size=64, model="m.npz")):
        assert provenance.settings("feature_vis", other, model) == base
    assert provenance.settings("feature_vis", Config(), model, size=64) == base
    for other in (Config(size=65), Config(size=64, seed=1), Config(size=64, steps=9)):
        assert provenance.settings("feature_vis", other, model) != base
    assert provenance.settings("feature_vis", Config(size=64), {**model, "arrays_sha256": "cd"}) != base


def test_versions_are_those_of_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"jax", "numpy", "scikit-learn", "tensorflow-datasets"} <= provenance.versions().keys()
    monkeypatch.setattr(provenance, "PACKAGES", ("numpy", "a-package-that-nobody-made"))
    assert provenance.versions() == {"python": platform.python_version(), "numpy": np.__version__}


def test_facts_fit_json() -> None:
    facts = provenance.facts("feature_vis", Config(out=Path("a", "b"), seed=2), {"architecture": "mini"})
    assert json.loads(json.dumps(facts)) == facts
    assert facts["config"]["out"] == str(Path("a", "b"))
    assert facts["seed"] == facts["config"]["seed"] == 2
    assert facts["model"] == {"architecture": "mini"}
    assert datetime.now(UTC) - datetime.fromisoformat(facts["started"]) < timedelta(minutes=1)


def test_model_facts_keep_what_json_can_hold() -> None:
    model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    origin = {"sha256": "ab", "classes": ["cat", "dog"]}
    model = dataclasses.replace(model, provenance={"source": Path("here"), "origin": origin})
    facts = provenance.model_facts(model)
    assert facts == {
        "architecture": "inception5h-x0.0625",
        "source": "here",
        "origin": {"sha256": "ab"},
        "arrays_sha256": provenance.weights_digest(model.weights),
    }
    assert model.provenance["origin"]["classes"] == ["cat", "dog"]
