"""Readers of what earlier runs left, and small results of each kind."""

import json
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from store_toys import FACTS, SETTINGS, Quick, pixels, record

import featvis.store
from circuits import examples
from circuits.examples.state import init, update
from experiments import page, provenance, thread
from experiments.examples import shards
from experiments.microscope import atlas, site
from experiments.options import UsageError
from experiments.rundir import RunDirectory, open_run
from experiments.store import loading, manifest, status, units, verify
from experiments.store.claims import Claims
from experiments.store.opening import begin, claims_in, device_kind, recorded
from experiments.store.store import Store
from experiments.study.options import ArticleOptions
from experiments.study.study import Study
from featvis.shortform import Unit
from fuzz.pictures import picture
from fuzz.reader import Reader, Tree, tree
from fuzz.weights import small_network
from inception_jax.bounded import FileError, read_array
from inception_jax.training import log
from inception_jax.training.checkpoints import checkpoints
from inception_jax.training.step import State, no_sums


def made(write: Callable[[Path], Any]) -> Callable[[], Sequence[Tree]]:
    """Seeds from a function that writes into a folder."""

    @cache
    def seeds() -> Sequence[Tree]:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder))
            return [tree(Path(folder))]

    return seeds


def _save_images(folder: Path) -> None:
    arrays = {"scores": np.ones(2), "names": np.array(["a", "b"])}
    featvis.store.save(folder / "out", np.zeros((2, 2, 4, 4, 3), np.float32), ["a:0", "b"], arrays, {"seed": 0})


def _load_images(folder: Path) -> None:
    found = featvis.store.load(folder / "out")
    assert len(found.labels) == len(found.images)


def _save_again(folder: Path) -> None:
    featvis.store.save(folder / "out", np.zeros((1, 4, 4, 3), np.float32), ["a:0"], overwrite=True)


def _some_examples() -> Any:
    rng = np.random.default_rng(0)
    state = init({"a": 3, "b": 2}, count=2, samples=1, classes=2)
    acts = {"a": jnp.asarray(rng.normal(size=(4, 2, 2, 3))), "b": jnp.asarray(rng.normal(size=(4, 2)))}
    return update(state, acts, np.arange(4), np.array([0, 1, 0, 1]))


def _save_examples(folder: Path) -> None:
    examples.save(examples.read(_some_examples()), folder / "examples.npz")


def _load_examples(folder: Path) -> None:
    for found in examples.load(folder).values():
        repr(found), found.positive, found.selectivity, found.top_classes()


class _Pass(shards.Pass):
    """One that needs no network and no photographs."""

    def file(self, share: shards.Share) -> Path:
        return self.folder / f"share-{share.number}.npz"

    def empty(self) -> Any:
        return init({"a": 3, "b": 2}, count=2, samples=1, classes=2)


def _work(folder: Path) -> shards.Pass:
    work = object.__new__(_Pass)
    work.__dict__["folder"] = folder
    return work


def _save_share(folder: Path) -> None:
    shards._write(_work(folder), shards.Share(0, 1), shards.Progress(_some_examples(), 4, 0, [1]))


def _count_share(folder: Path) -> None:
    shards._done(_work(folder), shards.Share(0, 1))


def _load_share(folder: Path) -> None:
    shards.read(_work(folder), shards.Share(0, 1))


def _begin_run(folder: Path) -> None:
    run = open_run(folder / "run", SETTINGS, FACTS)
    claim = {
        "text": "a",
        "expected": "b",
        "basis": "weights",
        "measured": 1,
        "published": None,
        "holds": True,
        "why": "",
    }
    metrics = {"finished": True, "seconds": {"a": 1.5}, "units": ["a:0"], "numbers": {"n": 1}}
    run.write_json("metrics.json", {**metrics, "claims": [{**claim, "rows": [1], "status": "holds"}]})
    run.write_arrays("kept.npz", {"images": np.zeros((1, 2, 2, 3), np.float32), "names": np.array(["x"])})
    run.write_image("images/a.png", np.zeros((4, 4, 3)))
    run.write_json("data/made.json", {"microscope": 1, "made": {"a": "b"}})


_RUN: Sequence[Callable[[Path], Any]] = (
    lambda folder: page.provenance(RunDirectory(folder / "run").config),
    lambda folder: sum(RunDirectory(folder / "run").metrics.get("seconds", {}).values()),
    lambda folder: RunDirectory(folder / "run").read_arrays("kept.npz")["images"],
    lambda folder: RunDirectory(folder / "run").read_image("images/a.png"),
    lambda folder: thread._told("zoom_in", RunDirectory(folder / "run"), 1.0),
    lambda folder: site.begin(folder / "run"),
    lambda folder: open_run(folder / "run", SETTINGS, FACTS),
)


def _draw(folder: Path) -> None:
    job = folder / "job"
    begun = open_run(job, SETTINGS, FACTS)
    wanted = [Unit("a", 0), Unit("a", 1, negative=True), Unit("b", 2)]
    begun.write_json(
        "config.json", {**begun.config, "units": units.spelled(wanted), "widths": {device_kind(): {"a": 4}}}
    )
    store = Store(job, begun.config["identity"])
    for unit in wanted[:2]:
        store.write(pixels(2), record(unit, identity=store.identity, images=2))
    manifest.write(begun, manifest.entries(store, wanted), 1)
    with Claims(job / "claims") as claims:
        claims.take("b-0002")
        kept = (job / "claims" / "b-0002").read_bytes()
    (job / "claims").mkdir()
    (job / "claims" / "b-0002").write_bytes(kept)


def _join(folder: Path) -> None:
    with claims_in(folder / "job") as claims:
        joined = begin(folder / "job", SETTINGS, FACTS, Quick([]), [Unit("a", 5)], claims)
        assert joined.widths["a"] > 0


_JOB: Sequence[Callable[[Path], Any]] = (
    lambda folder: status.run(status.Config(folder / "job")),
    lambda folder: verify.run(verify.Config(folder / "job")),
    lambda folder: loading.load(folder / "job"),
    lambda folder: manifest.fresh(*recorded(folder / "job")),
    _join,
)


def _publish(folder: Path) -> None:
    known = {"labels": ["a", "b"], "tiles": [{"layer": "mixed3a", "weights": [[0.5, 1.0]], "unit": 3}], "count": 2}
    (folder / "numbers.json").write_text(json.dumps(known))
    np.savez(folder / "numbers.npz", a=np.arange(3), b=np.zeros((2, 2)))
    np.save(folder / "numbers.npy", np.zeros((2, 2), np.float32))


def _numbers(folder: Path, name: str) -> Any:
    study = object.__new__(Study)  # Nothing looks at its page and its network.
    study.config = ArticleOptions(published=folder)
    return study.numbers_of(name)


_PUBLISHED: Sequence[Callable[[Path], Any]] = (
    lambda folder: _numbers(folder, "numbers.json")["labels"],
    lambda folder: _numbers(folder, "numbers.npz")["a"],
    lambda folder: read_array(folder / "numbers.npy"),
)


def _write_atlas(folder: Path) -> None:
    digest = provenance.weights_digest(small_network().weights)
    run = open_run(folder / "atlas", {**SETTINGS, "arrays_sha256": digest}, FACTS)
    cell = {"row": 0, "column": 1, "icon": "images/0.png", "samples": 9, "photographs": 4, "classes": [{"class": "a"}]}
    cells = {"atlas": {"layer": "mixed3a", "cells": [cell, {**cell, "row": 1, "samples": 3}]}}
    run.write_json("atlas.json", {"rows": 2, "columns": 2, "atlases": cells})
    (folder / "atlas" / "images").mkdir()
    (folder / "atlas" / "images" / "0.png").write_bytes(picture("PNG"))


def _show_atlas(folder: Path) -> None:
    found = atlas.read(folder / "atlas", small_network())
    json.dumps(found, allow_nan=False)
    with tempfile.TemporaryDirectory() as place:
        atlas.write(site.begin(Path(place, "site")), folder / "atlas", found)


def _log(folder: Path) -> None:
    log.write(
        [log.Row(100, 0.5, 64, 0.1, 5.0, 0.01, 60.0, 200.0, 0), log.Row(200, 1, 64, 0, 5, 0, 9, 2, 0, 1, 0, 1)],
        folder / "log.csv",
    )


def _state() -> State:
    params = {"a": {"kernel": jnp.ones((3, 2)), "bias": jnp.zeros(2)}}
    return State(jnp.zeros((), jnp.int32), params, {}, {"momentum": params}, no_sums())


def _checkpoint(folder: Path) -> None:
    with checkpoints(folder / "checkpoints") as kept:
        kept.save(3, _state())


def _restore(folder: Path) -> None:
    with checkpoints(folder / "checkpoints") as kept:
        kept.latest(_state())


RESULTS = {
    "saved images": Reader(made(_save_images), (_load_images, _save_again), (ValueError,)),
    "examples": Reader(made(_save_examples), (_load_examples,), (ValueError,)),
    "share of examples": Reader(made(_save_share), (_count_share, _load_share), (UsageError,)),
    "run": Reader(made(_begin_run), _RUN, (UsageError,)),
    "job": Reader(made(_draw), _JOB, (UsageError,), given=lambda folder: [str(folder), "images/"]),
    "published numbers": Reader(made(_publish), _PUBLISHED, (UsageError, FileError)),
    "atlas": Reader(made(_write_atlas), (_show_atlas,), (UsageError,), 0.7),
    "training log": Reader(made(_log), (lambda folder: log.read(folder / "log.csv"),), (ValueError,)),
    "checkpoint": Reader(made(_checkpoint), (_restore,), (ValueError,), 0.2),
}
