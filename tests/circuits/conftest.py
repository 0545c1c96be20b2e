"""Fixtures for tests of circuits."""

import json
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def thread(shared_dir: Path) -> Path:
    """The folder of numbers that the articles of *Thread: Circuits* published."""
    return shared_dir / "reference" / "thread"


@pytest.fixture(scope="session")
def tiles(thread: Path) -> list[dict]:
    """The published weight tiles."""
    return json.loads((thread / "weight_tiles.json").read_text())["tiles"]
