"""A network small enough to draw with in a second."""

from pathlib import Path

import pytest

import inception_jax


@pytest.fixture(scope="session")
def toy_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight file: inception5h at a sixteenth of its width, random."""
    path = tmp_path_factory.mktemp("weights") / "toy.safetensors"
    inception_jax.save(inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0), path)
    return path
