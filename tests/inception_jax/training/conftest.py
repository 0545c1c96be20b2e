"""A small network and a small set of photographs that it can learn to tell apart."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inception_jax import INCEPTION5H, Architecture, datasets

CLASSES = ("blue", "red", "striped")


@pytest.fixture(scope="session")
def small() -> Architecture:
    """The stem and one block, a sixteenth as wide, for images of 32 pixels."""
    blocks = INCEPTION5H.blocks[:1]
    scaled = dataclasses.replace(INCEPTION5H, blocks=blocks, heads=()).scaled(1 / 16)
    return dataclasses.replace(scaled, classes=len(CLASSES), image_size=32, final_pool=None, strides=(2, 2, 1))


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders in two splits: noise that is blue, red, or grey with stripes."""
    folder, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for split, count in (("train", 16), ("val", 4)):
        for name in CLASSES:
            (folder / split / name).mkdir(parents=True)
            for i in range(count):
                Image.fromarray(_photograph(name, rng)).save(folder / split / name / f"{i}.png")
    return folder


def _photograph(name: str, rng: np.random.Generator) -> np.ndarray:
    image = rng.integers(60, 120, (40, 36, 3))
    if name == "striped":
        image[::4] += 100
    else:
        image[..., {"red": 0, "blue": 2}[name]] += 100
    return image.astype(np.uint8)


@pytest.fixture(scope="session")
def data(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[datasets.Dataset, datasets.Dataset]:
    """The photographs to learn from and to judge by."""
    kept = tmp_path_factory.mktemp("prepared")
    return datasets.open_dataset(photographs, "train", kept), datasets.open_dataset(photographs, "validation", kept)
