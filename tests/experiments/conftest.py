"""Networks small enough to draw with in a second."""

import dataclasses
from pathlib import Path

import pytest

import inception_jax
from inception_jax import Block


@pytest.fixture(scope="session")
def toy_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight file: inception5h at a sixteenth of its width, random."""
    path = tmp_path_factory.mktemp("weights") / "toy.safetensors"
    inception_jax.save(inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0), path)
    return path


@pytest.fixture(scope="session")
def shallow_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight file of a network that is quick to compile down to its logits: two blocks of 4x4 positions, random."""
    shallow = dataclasses.replace(
        inception_jax.MINI,
        name="shallow",
        stem=(4, 4, 8),
        blocks=(("mixed3a", Block(4, 4, 4, 2, 4, 4)), ("mixed3b", Block(4, 4, 4, 2, 4, 4))),
        classes=10,
        image_size=32,
        strides=(2, 2, 2),
    )
    path = tmp_path_factory.mktemp("weights") / "shallow.safetensors"
    inception_jax.save(inception_jax.initialise(shallow, seed=0), path)
    return path
