"""Fixtures that all tests share."""

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import jax
import jaxtyping
import numpy as np
import pytest
from PIL import Image

import inception_jax

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("INCEPTION_JAX_SHARED", ROOT.parent / "shared"))


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled programs between runs: most of the suite's time is compilation."""
    # Of threads that wait for each other, those of a few processes on as many cores keep each other from working.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    jax.config.update("jax_compilation_cache_dir", str(config.rootpath / ".pytest_cache" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no process is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True, scope="module")
def _few_programs() -> Generator[None, None, None]:
    """Forget compiled programs when there are many: a large one takes hundreds of Linux's 65,530 memory maps."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 10_000:
        jax.clear_caches()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI, tests of the shared files may skip only where there is no shared folder at all."""
    report = yield
    if report.skipped and item.get_closest_marker("shared") and os.environ.get("CI") == "true" and SHARED.exists():
        report.outcome = "failed"
        report.longrepr = f"skipped, though {SHARED} exists: {report.longreprtext}"
    return report


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real weights, photographs and reference numbers beside the project."""
    if not (SHARED / "weights").is_dir():
        pytest.skip(f"no shared folder at {SHARED}; set INCEPTION_JAX_SHARED to run this test")
    return SHARED.resolve()


@pytest.fixture(scope="session")
def thread(shared_dir: Path) -> Path:
    """The folder of numbers that the articles of *Thread: Circuits* published."""
    return shared_dir / "reference" / "thread"


@pytest.fixture(scope="session")
def tiles(thread: Path) -> list[dict[str, Any]]:
    """The published weight tiles."""
    return json.loads((thread / "weight_tiles.json").read_text())["tiles"]


@pytest.fixture(scope="session")
def bvlc(shared_dir: Path) -> inception_jax.Model:
    """The real BVLC GoogLeNet."""
    return inception_jax.load(shared_dir / "weights" / "bvlc_googlenet.npz")


@pytest.fixture(scope="session")
def narrow() -> inception_jax.Model:
    """inception5h, heads included, with an eighth of its channels and random weights."""
    return inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 8), seed=0)


@pytest.fixture(scope="session")
def narrow_caffe() -> inception_jax.Model:
    """BVLC GoogLeNet with an eighth of its channels and random weights."""
    return inception_jax.initialise(inception_jax.BVLC_GOOGLENET.scaled(1 / 8), seed=0)


@pytest.fixture
def unchecked() -> Generator[None, None, None]:
    """Without the annotations' checks, for tests that pass what the annotations forbid."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


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
