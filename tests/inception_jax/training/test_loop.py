import dataclasses
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

from inception_jax import Architecture, Model, datasets
from inception_jax.datasets import Batch, Dataset
from inception_jax.training import LOG, Recipe, TrainingError, loop, train
from inception_jax.training.log import read

Data = tuple[Dataset, Dataset]
RECIPE = Recipe(epochs=8, batch=8, sizes=(24, 32), learning_rate=0.1, warmup=0.1, statistics_decay=0.8, calibration=2)


def _run(small: Architecture, data: Data, folder: Path, stop_after: int | None = None) -> Model:
    return train(
        small,
        RECIPE,
        *data,
        folder,
        stop_after=stop_after,
        report_every=8,
        evaluate_every=24,
        progress=False,
    ).model


@pytest.fixture(scope="module")
def whole(small: Architecture, data: Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path]:
    """A run without interruption, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return _run(small, data, folder), folder


def _same(a: Model, b: Model) -> bool:
    return jax.tree.all(jax.tree.map(lambda x, y: np.array_equal(x, y), a.weights, b.weights))


def test_it_learns(whole: tuple[Model, Path]) -> None:
    rows = read(whole[1] / LOG)
    assert [row.step for row in rows] == [8, 16, 24, 32, 40, 48]
    assert [row.size for row in rows] == [24, 24, 24, 32, 32, 32]
    assert [row.validation_top1 is not None for row in rows] == [False, False, True, False, False, True]
    assert rows[-1].validation_top1 == 1  # red, blue and stripes are easy
    assert rows[-1].train_loss < 0.8 * rows[0].train_loss
    assert rows[-1].epoch == 8
    assert rows[-1].learning_rate < rows[0].learning_rate
    assert (whole[1] / "curves.png").stat().st_size > 1000


def test_stopping_changes_nothing(small: Architecture, data: Data, whole: tuple[Model, Path], tmp_path: Path) -> None:
    for stop in (5, 29):  # neither at a row of the log
        _run(small, data, tmp_path, stop)
    assert _same(_run(small, data, tmp_path), whole[0])
    figures = [dataclasses.replace(row, seconds=0, images_per_second=0) for row in read(tmp_path / LOG)]
    assert figures == [dataclasses.replace(row, seconds=0, images_per_second=0) for row in read(whole[1] / LOG)]


_SCRIPT = """
import dataclasses, sys
from pathlib import Path
import jax
from inception_jax import datasets
from inception_jax.readers.serialise import from_json
from inception_jax.training import Recipe, train

photographs, kept, folder, arch, recipe, cache = sys.argv[1:]
jax.config.update("jax_compilation_cache_dir", cache)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
data = [datasets.open_dataset(photographs, split, kept) for split in ("train", "validation")]
print("ready", flush=True)
train(from_json(arch), eval(recipe), *data, Path(folder), report_every=8, evaluate_every=24, progress=False)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_killing_changes_nothing(
    end: signal.Signals,
    small: Architecture,
    data: Data,
    whole: tuple[Model, Path],
    photographs: Path,
    tmp_path: Path,
) -> None:
    from inception_jax.readers.serialise import to_json

    kept, cache = tmp_path / "kept", tmp_path / "cache"
    arguments = [photographs, kept, tmp_path / "run", to_json(small), repr(RECIPE), cache]
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, *map(str, arguments)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    # Any time between the first checkpoint and the end will do, in the middle of writing too.
    deadline = time.monotonic() + 300
    saved = tmp_path / "run" / "checkpoints"
    while not any(path.name.isdigit() for path in saved.glob("*")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(random.uniform(0, 1))
    process.send_signal(end)
    process.wait()
    process.stdout.close()
    assert any(path.name.isdigit() for path in saved.iterdir())
    assert _same(_run(small, data, tmp_path / "run"), whole[0])


def test_batch_norm_is_folded_into_the_model(whole: tuple[Model, Path]) -> None:
    assert all(set(layer) == {"kernel", "bias"} for layer in whole[0].weights.values())


def test_a_loss_that_explodes_ends_the_run(small: Architecture, data: Data, tmp_path: Path) -> None:
    wild = Recipe(epochs=4, batch=8, learning_rate=3e38, warmup=0.0, batch_norm=False)
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) between steps .* lower learning rate than 3e\+38"):
        train(small, wild, *data, tmp_path, report_every=4, evaluate_every=4, progress=False)
    assert not list((tmp_path / "checkpoints").glob("[0-9]*"))


def test_damaged_images_are_counted(
    small: Architecture, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*args: object, **options: object) -> Iterator[Batch]:
        return (batch._replace(damaged=2) for batch in datasets.train_batches(*args, **options))  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(loop, "train_batches", damaged)
    with pytest.warns(UserWarning, match="8 images of .* could not be read between steps 0 and 4; others took their"):
        trained = train(small, RECIPE, *data, tmp_path, stop_after=4, report_every=4, evaluate_every=40, progress=False)
    assert trained.rows[0].damaged == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arch": {"classes": 7}}, "has 7 classes; .* has 3"),
        (
            {"arch": {"final_average": "none"}},
            r"sizes are \(24, 32\), but the logits .* of 32 pixels leave; leave sizes",
        ),
        ({"batch": 6, "devices": 4}, "a batch of 6 images does not divide over 4 devices; expected a multiple of 4"),
        ({"evaluate_every": 10}, "evaluate_every is 10; expected a multiple of report_every, 4"),
    ],
)
def test_refusals(
    change: dict, message: str, small: Architecture, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "devices" in change:
        monkeypatch.setattr(jax, "device_count", lambda: change["devices"])
    arch = dataclasses.replace(small, **change.get("arch", {}))
    recipe = dataclasses.replace(RECIPE, batch=change.get("batch", 8))
    with pytest.raises(ValueError, match=message):
        train(arch, recipe, *data, tmp_path, report_every=4, evaluate_every=change.get("evaluate_every", 4))


def test_other_classes_to_judge_by_are_refused(small: Architecture, data: Data, tmp_path: Path) -> None:
    other = dataclasses.replace(data[1], classes=("a", "b", "c"))
    with pytest.raises(ValueError, match=re.escape("training data have 3 classes and validation data 3, or others")):
        train(small, RECIPE, data[0], other, tmp_path)


def test_one_class_is_refused(small: Architecture, data: Data, tmp_path: Path) -> None:
    alone = [dataclasses.replace(part, classes=("cat",)) for part in data]
    with pytest.raises(ValueError, match=r"are of one class, cat; expected a folder for each of two or more classes"):
        train(small, RECIPE, *alone, tmp_path)


def test_checkpoints_of_another_network_are_refused(
    small: Architecture, data: Data, whole: tuple[Model, Path], tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").symlink_to(whole[1] / "checkpoints")
    wide = dataclasses.replace(small, stem=(8, 8, 8))
    with pytest.raises(ValueError, match=r"checkpoints holds checkpoints of another network or optimiser"):
        train(wide, RECIPE, *data, tmp_path, report_every=8, evaluate_every=24)
