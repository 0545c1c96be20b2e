import json
import os
import re
from pathlib import Path

import pytest
from store_toys import Quick, job, pixels, record, some

from experiments import store
from experiments.options import UsageError
from experiments.store import manifest
from experiments.store.work import ALONE, work
from featvis.shortform import Unit

A, B = some("a", 5), some("b", 3)


@pytest.fixture
def done(tmp_path: Path) -> Path:
    with job(tmp_path, [*B, *A]) as opened:
        work(opened, ALONE)
    return tmp_path


def test_everything_as_arrays(done: Path) -> None:
    loaded = store.load(done)
    assert len(loaded) == 8
    assert loaded.layers == ("b",) * 3 + ("a",) * 5
    assert loaded.units.tolist() == [0, 1, 2, 0, 1, 2, 3, 4]
    assert loaded.labels[3:5] == ("a:0", "a:1")
    # The toy's images are as bright as their unit's number, and so are its scores.
    assert loaded.images.shape == (8, 4, 4, 3)
    assert (loaded.images == loaded.units[:, None, None, None]).all()
    assert loaded.scores.tolist() == loaded.units.tolist()
    assert loaded.history.tolist() == [[0, unit] for unit in loaded.units]
    assert not loaded.negative.any()


def test_some_layers(done: Path) -> None:
    assert store.load(str(done), layers=["a"]).labels == tuple(f"a:{n}" for n in range(5))
    with pytest.raises(UsageError, match=re.escape(f"{done} has no layer 'c'; it has b, a")):
        store.load(done, layers=["a", "c"])


def test_what_is_missing_is_left_out(done: Path) -> None:
    (done / "images/a/0001.png").unlink()
    assert store.load(done, layers=["a"]).units.tolist() == [0, 2, 3, 4]


def test_several_images_of_each_unit(tmp_path: Path) -> None:
    with job(tmp_path, [Unit("a", 0, negative=True), Unit("a", 1)]) as opened:
        for i, unit in enumerate(opened.units):
            opened.store.write(pixels(3, seed=i), record(unit, images=3, identity=opened.store.identity))
    loaded = store.load(tmp_path)
    assert loaded.images.shape == (2, 3, 4, 4, 3)
    assert (loaded.images[1] == pixels(3, seed=1)).all()
    assert loaded.negative.tolist() == [True, False]


@pytest.mark.parametrize("images", [2, 1])
def test_results_that_do_not_fit_together(images: int, done: Path) -> None:
    with job(done, A) as opened:
        steps = record().history[:1]
        other = record(A[1], images=images, identity=opened.store.identity, history=steps, steps=1)
        opened.store.write(pixels(images), other)
    message = {2: r"has images of shape \(2, 4, 4, 3\), others have \(1, 4, 4, 3\)", 1: "has 1 steps, others have 2"}
    with pytest.raises(
        UsageError, match=rf"^images/a/0001\.png {message[images]}; see `python .* verify .* --repair`$"
    ):
        store.load(done)


def test_damaged_files(done: Path) -> None:
    (done / "images/a/0001.png").write_bytes(b"x" * 100)
    with pytest.raises(UsageError, match=r"^images/a/0001\.png is no PNG file; see `python -m experiments verify .*`$"):
        store.load(done)


def test_jobs_without_results(tmp_path: Path) -> None:
    with job(tmp_path, A):
        pass
    with pytest.raises(UsageError, match=r"has no finished units yet; see `python -m experiments status .*`$"):
        store.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "holds no job of units; expected a directory of `neurons` or `feature_vis`"),
        ('{"identity": 3, "units": {}}', "holds no job of units"),
        ('{"identity": "ab", "units": {"../../x": "0"}}', "'../../x' is no name of a layer"),
        ("[" * 100_000, "cannot read "),
        ("[]", "expected a JSON object"),
    ],
)
def test_directories_of_other_kinds(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UsageError, match=re.escape(message)):
        store.load(tmp_path)


def test_manifests_come_from_the_files_alone(done: Path) -> None:
    written = []
    for _ in range(2):
        with job(done, A) as opened:
            manifest.write(opened.directory, manifest.entries(opened.store, opened.units), missing=0)
            assert manifest.fresh(opened.directory, opened.store, opened.units)
        written.append([(done / name).read_bytes() for name in ("manifest.json", "metrics.json")])
        (done / "manifest.json").unlink()
    assert written[0] == written[1]
    listed = json.loads(written[0][0])["units"]
    assert [unit["file"] for unit in listed[:4]] == [f"images/b/000{n}.png" for n in range(3)] + ["images/a/0000.png"]


def test_manifests_that_are_out_of_date(done: Path) -> None:
    with job(done, A) as opened:
        directory, results, units = opened.directory, opened.store, opened.units

        def write() -> None:
            manifest.write(directory, manifest.entries(results, units), missing=0)
            assert manifest.fresh(directory, results, units)

        assert not manifest.fresh(directory, results, units)
        write()
        data = results.read(A[0])
        results.file(A[0]).unlink()
        assert not manifest.fresh(directory, results, units)
        write()
        results.file(A[0]).write_bytes(data)
        assert not manifest.fresh(directory, results, units)
        write()
        # As if it had been drawn once more, a moment later: a file system's clock may tick only every few milliseconds.
        later = (done / "manifest.json").stat().st_mtime_ns + 1_000_000
        os.utime(results.file(A[0]), ns=(later, later))
        assert not manifest.fresh(directory, results, units)


def test_checksums_of_manifests_from_elsewhere(done: Path) -> None:
    with job(done, A) as opened:
        for content in ('{"units": 3}', '{"units": [3, {}]}', "{}"):
            (done / "manifest.json").write_text(content)
            assert set(manifest.checksums(opened.directory)) <= {"None"}


def test_totals_are_sums() -> None:
    found = manifest.totals([record(seconds=1.5, images=2), record(seconds=0.5, compile_seconds=3.0)], restarts=2)
    assert found == {
        "units": 2,
        "wall_seconds": 5.25,
        "compile_seconds": 3.25,
        # Two attempts of two steps, of two images and of one.
        "image_steps": 12,
        "image_steps_per_second": 6.0,
    }


def test_nothing_is_drawn_for_what_is_there(done: Path) -> None:
    log: list[list[Unit]] = []
    with job(done, A, Quick(log)) as opened:
        work(opened, ALONE)
    assert log == []
