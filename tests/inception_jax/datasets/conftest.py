"""Fixtures of the tests of data sets."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("INCEPTION_JAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "datasets"
