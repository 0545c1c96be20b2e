import re

import numpy as np
import pytest

import inception_jax
from inception_jax import Architecture
from inception_jax.datasets import Batch
from inception_jax.training import evaluate


def _batches(labels: list[int]) -> list[Batch]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (len(labels), 32, 32, 3)).astype(np.uint8)
    return [Batch(images[i : i + 4], np.array(labels[i : i + 4], np.int32), 1) for i in range(0, len(labels), 4)]


def test_against_numpy(small: Architecture) -> None:
    model = inception_jax.initialise(small, seed=3)
    batches = _batches([0, 1, 2, -1, 1, 1, 2, 0, 0])
    found = evaluate(model, batches)
    images = np.concatenate([batch.images for batch in batches]).astype(np.float32) / 255
    labels = np.concatenate([batch.labels for batch in batches])
    logits = np.asarray(model(images, taps="softmax2_pre_activation")["softmax2_pre_activation"], np.float64)
    known = labels >= 0
    assert found.images == known.sum() == 8
    assert found.damaged == 3
    assert found.top1 == (logits.argmax(1) == labels)[known].mean()
    assert found.top5 == 1  # of three classes
    losses = np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1)) + logits.max(1) - logits[range(9), labels]
    assert found.loss == pytest.approx(losses[known].mean(), rel=1e-4)  # float32


def test_constant_logits_are_never_right(small: Architecture) -> None:
    model = inception_jax.initialise(small, seed=0)
    model.weights["softmax2"]["kernel"] = 0 * model.weights["softmax2"]["kernel"]
    assert evaluate(model, _batches([0, 1, 2])).top1 == 0


def test_refusals(small: Architecture) -> None:
    model = inception_jax.initialise(small, seed=0)
    with pytest.raises(ValueError, match=re.escape(f"label 3 in the data; {model.name} has 3 classes")):
        evaluate(model, _batches([0, 3]))
    with pytest.raises(ValueError, match=r"no images to evaluate .*; 1 were damaged"):
        evaluate(model, _batches([-1]))
