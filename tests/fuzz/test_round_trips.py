"""What was written is what is read, whatever it is."""

import io
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import featvis.store
from experiments.rundir import RunDirectory
from experiments.store import records, units
from featvis.result import Origin
from featvis.shortform import Unit
from fuzz.results import record
from inception_jax.bounded import read_array, read_arrays, read_json
from inception_jax.readers import npz
from inception_jax.training import log

QUICK = settings(max_examples=40, deadline=None, derandomize=True)

kinds = st.one_of(
    arrays.floating_dtypes(sizes=(16, 32, 64), endianness="="),
    arrays.integer_dtypes(),
    arrays.unsigned_integer_dtypes(),
    arrays.boolean_dtypes(),
    arrays.complex_number_dtypes(),
    arrays.unicode_string_dtypes(endianness="=", max_len=5),
)
some_arrays = kinds.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0)))
names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name not in ("file", "images"))
words = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@QUICK
@given(st.dictionaries(names, some_arrays, max_size=4), st.booleans())
def test_arrays(content: dict[str, np.ndarray], squeezed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.npz")
        (np.savez_compressed if squeezed else np.savez)(path, **content)
        found = read_arrays(path)
        assert found.keys() == content.keys()
        assert all(same(found[name], array) for name, array in content.items())
        assert all(array.flags.writeable for array in found.values())
        RunDirectory(Path(folder)).write_arrays("b.npz", content)
        again = RunDirectory(Path(folder)).read_arrays("b.npz")
        assert all(same(again[name], array) for name, array in content.items())


@QUICK
@given(some_arrays, st.sampled_from("CF"))
def test_an_array_alone(array: np.ndarray, order: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "a.npy"), np.asarray(array, order=order))
        assert same(read_array(Path(folder, "a.npy")), array)


@QUICK
@given(
    arrays.arrays(np.float32, arrays.array_shapes(min_dims=1, max_dims=4)), st.sampled_from([(1, 0), (2, 0), (3, 0)])
)
def test_versions_of_numpys_format(array: np.ndarray, version: tuple[int, int]) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version)
    assert same(npz.array(buffer.getvalue(), "a"), array)


@QUICK
@given(st.dictionaries(words, values, max_size=5))
def test_json(content: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory(Path(folder))
        run.write_json("a.json", content)
        assert run.read_json("a.json") == content == read_json(run.path / "a.json")


@QUICK
@given(
    images=arrays.arrays(np.float32, (2, 3, 4, 3), elements=st.floats(0, 1, width=32)),
    labels=st.lists(words, min_size=2, max_size=2),
    extra=st.dictionaries(names, some_arrays, max_size=2),
    facts=st.dictionaries(words, values, max_size=3),
)
def test_saved_images(
    images: np.ndarray, labels: list[str], extra: dict[str, np.ndarray], facts: dict[str, Any]
) -> None:
    extra.pop("allow_pickle", None)
    with tempfile.TemporaryDirectory() as folder:
        found = featvis.store.load(featvis.store.save(folder, images, labels, extra, facts))
        assert same(found.images, images)
        assert (found.labels, found.manifest) == (tuple(labels), facts)
        assert found.arrays.keys() == extra.keys()
        assert all(same(found.arrays[name], array) for name, array in extra.items())


whole = st.integers(0, 2**32)
seconds = st.floats(0, 1e9)
printable = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)


@QUICK
@given(
    pixels=st.integers(1, 4).flatmap(lambda n: arrays.arrays(np.uint8, (n, 3, 5, 3))),
    history=arrays.arrays(np.float32, st.integers(0, 50)),
    unit=st.builds(Unit, printable, whole, st.booleans()),
    label=printable,
    score=st.floats(),
    times=st.tuples(seconds, seconds),
    origin=st.builds(Origin, st.tuples(whole, whole), whole, whole),
)
def test_records(pixels: Any, history: Any, unit: Unit, label: str, score: float, times: Any, origin: Origin) -> None:
    made = record(
        unit, label=label, score=score, seconds=times[0], compile_seconds=times[1], origin=origin, history=history,
        steps=len(history), images=len(pixels),
    )  # fmt: skip
    back, found = records.decode(records.encode(pixels, made))
    assert same(back, pixels)
    assert same(found.history, history)
    assert found.score == score or (math.isnan(found.score) and not math.isfinite(score))
    names = ("identity", "unit", "label", "steps", "seconds", "compile_seconds", "origin", "device", "images")
    assert all(getattr(found, name) == getattr(made, name) for name in names)


@QUICK
@given(st.lists(st.builds(Unit, st.sampled_from("abc"), st.integers(0, 9_999_999), st.booleans()), max_size=20))
def test_units(wanted: list[Unit]) -> None:
    assert units.read(units.spelled(wanted)) == [unit for part in units.lists(wanted).values() for unit in part]


finite = st.floats(allow_nan=False)


@QUICK
@given(
    st.lists(
        st.builds(
            log.Row, whole, finite, whole, finite, finite, finite, finite, finite, whole,
            *[st.none() | finite] * 3,
        ),
        max_size=5,
    )
)  # fmt: skip
def test_tables_of_a_training(rows: list[log.Row]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log.write(rows, Path(folder, "log.csv"))
        assert log.read(Path(folder, "log.csv")) == rows
