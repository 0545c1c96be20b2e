"""Networks small enough to draw with in a second, and pictures that are painted instead of optimised."""

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import jax
import numpy as np
import pytest

import featvis
import inception_jax
from experiments import figures
from featvis import request
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


@pytest.fixture(scope="session")
def shallow(shallow_weights: Path) -> inception_jax.Model:
    """The network of the file."""
    return inception_jax.load(shallow_weights)


@pytest.fixture(scope="session")
def numbered() -> inception_jax.Model:
    """A random network with the name, layers and units of inception5h: for images of 64 pixels, and thin inside."""
    blocks = tuple(
        (name, dataclasses.replace(block, conv3x3_bottleneck=4, conv5x5_bottleneck=4))
        for name, block in inception_jax.INCEPTION5H.blocks
        if isinstance(block, Block)
    )
    thin = dataclasses.replace(inception_jax.INCEPTION5H, blocks=blocks, heads=(), image_size=64, final_pool=None)
    return inception_jax.initialise(thin, seed=0)


@pytest.fixture
def labelled(numbered: inception_jax.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever network an experiment asks for, it gets the one with the units of inception5h."""
    monkeypatch.setattr(figures, "load_model", lambda _: numbered)


@pytest.fixture
def nothing_shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No photographs and published numbers but those that a test names."""
    monkeypatch.setenv("INCEPTION_JAX_SHARED", str(tmp_path / "nothing"))


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[list[featvis.Objective]]:
    """In place of `featvis.render`: images of random pixels, other ones for each call; what was asked for."""
    asked: list[list[featvis.Objective]] = []

    def render(model: object, objectives: Sequence[featvis.Objective], *, steps: int, param: Any, **_: Any) -> Mock:
        del model
        asked.append(list(objectives))
        images = np.random.default_rng(len(asked)).random((len(objectives), *param.shape), np.float32)
        scores = np.zeros(len(objectives))
        arrays = {"images": images, "history": np.zeros((len(objectives), steps)), "scores": scores}
        return Mock(featvis.Result, **arrays, interrupted=False)

    monkeypatch.setattr(featvis, "render", render)
    return asked


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of `featvis.render`, whose arguments it takes: images as they are before the first step."""
    arguments = inspect.signature(featvis.render)

    def render(
        model: Any,
        objectives: Any,
        *,
        param: Any,
        steps: int,
        seed: int = 0,
        snapshots: Sequence[int] = (),
        on_batch: Callable[[featvis.Result], None] = lambda _: None,
        **others: Any,
    ) -> featvis.Result:
        arguments.bind(model, objectives, **others)
        listed = request.resolve(model, objectives, request.images_shape(param))
        params = jax.vmap(param.init)(jax.random.split(jax.random.key(seed), len(listed)))
        images, count = np.asarray(jax.vmap(param)(params)), len(listed)
        result = featvis.Result(
            images=images,
            history=np.zeros((count, steps)),
            scores=np.zeros(count),
            labels=tuple(objective.label for objective in listed),
            indices=np.arange(count),
            steps_done=np.full(count, steps),
            reached=np.zeros(count, bool),
            snapshots=np.repeat(images[:, None], len(snapshots), 1),
            snapshot_steps=tuple(snapshots),
            origins=(),
            seed=seed,
            params=params,
        )
        on_batch(result)
        return result

    monkeypatch.setattr(featvis, "render", render)
    for name in ("diversity", "interaction", "patterns", "spectrum", "style"):
        monkeypatch.setattr(importlib.import_module(f"featvis.recipes.{name}"), "render", render)
