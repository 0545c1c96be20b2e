"""A network small enough to draw with in a second, and photographs few enough to train on in a few."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inception_jax


@pytest.fixture(scope="session")
def toy_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight file: inception5h at a sixteenth of its width, random."""
    path = tmp_path_factory.mktemp("weights") / "toy.safetensors"
    inception_jax.save(inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0), path)
    return path


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes in two splits: red and blue noise."""
    folder, rng = tmp_path_factory.mktemp("data") / "photographs", np.random.default_rng(0)
    for split, count in (("train", 8), ("val", 4)):
        for channel, name in enumerate(("n01443537", "n02099601")):
            (folder / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 100, (40, 40, 3))
                pixels[..., channel] += 100
                Image.fromarray(pixels.astype(np.uint8)).save(folder / split / name / f"{i}.jpg")
    return folder
