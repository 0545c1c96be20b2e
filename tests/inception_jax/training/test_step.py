import dataclasses
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np

from inception_jax import INCEPTION5H, Architecture
from inception_jax.training import Recipe
from inception_jax.training.step import LOGITS, State, begin, compiled, logit_names, loss


def _batch(images: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (images, 32, 32, 3)).astype(np.uint8), np.arange(images, dtype=np.int32) % 3


def _train(arch: Architecture, recipe: Recipe, steps: int) -> tuple[State, State]:
    optimizer = recipe.transformation(steps, 100)
    advance = compiled(arch, recipe, optimizer, jax.sharding.SingleDeviceSharding(jax.devices()[0]))
    first = begin(arch, recipe, optimizer, seed=0)
    state = jax.tree.map(jnp.copy, first)
    for _ in range(steps):
        state = advance(state, *map(jnp.asarray, _batch(12)))
    return first, state


def test_the_loss_of_undecided_classifiers_is_known(small: Architecture) -> None:
    recipe = Recipe(label_smoothing=0.3)
    state = begin(small, recipe, recipe.transformation(1, 1), seed=0)
    images, labels = _batch(6)
    value, (statistics, correct) = loss(small, recipe, state.params, jnp.asarray(images), jnp.asarray(labels))
    np.testing.assert_allclose(value, np.log(3), rtol=1e-6)  # float32
    assert statistics.keys() == state.statistics.keys()
    assert int(correct) == 2  # constant logits name class 0, and a third are of it


def test_smoothed_cross_entropy_against_numpy(small: Architecture) -> None:
    recipe = Recipe(label_smoothing=0.3, weight_decay=5.0)
    params = begin(small, recipe, recipe.transformation(1, 1), seed=0).params
    bias = np.array([1.0, -0.5, 0.25])
    params["softmax2"]["bias"] = jnp.asarray(bias, jnp.float32)
    images, labels = _batch(6)
    value, _ = loss(small, recipe, params, jnp.asarray(images), jnp.asarray(labels))
    target = 0.7 * np.eye(3)[labels] + 0.1
    expected = -(target * (bias - np.log(np.exp(bias).sum()))).sum(1).mean()
    np.testing.assert_allclose(value, expected, rtol=1e-6)  # float32; the weight decay is not in it


def test_a_batch_is_learned_by_heart(small: Architecture) -> None:
    recipe = Recipe(learning_rate=0.1, warmup=0.0, label_smoothing=0.0)
    _, state = _train(small, recipe, 60)
    assert int(state.step) == 60
    assert int(state.sums.images) == 60 * 12
    images, labels = map(jnp.asarray, _batch(12))
    value, (_, correct) = loss(small, recipe, state.params, images, labels)
    assert float(value) < 0.2
    assert int(correct) == 12


def test_running_statistics_follow_the_batches(small: Architecture) -> None:
    recipe = Recipe(statistics_decay=0.75, learning_rate=1e-12, warmup=0.0)
    first, state = _train(small, recipe, 2)
    images, labels = map(jnp.asarray, _batch(12))
    _, (found, _) = loss(small, recipe, first.params, images, labels)
    for name, layer in found.items():
        # The same batch twice, weights as good as still: what is there first counts for nothing.
        np.testing.assert_allclose(state.statistics[name]["mean"], layer["mean"], rtol=1e-3, atol=1e-4, err_msg=name)


def test_bfloat16_keeps_float32_weights_and_learns(small: Architecture) -> None:
    recipe = Recipe(precision="bfloat16", learning_rate=0.1, warmup=0.0, label_smoothing=0.0)
    _, state = _train(small, recipe, 30)
    assert {w.dtype.name for w in jax.tree.leaves((state.params, state.statistics))} == {"float32"}
    assert float(state.sums.loss) / 30 < 0.8 * np.log(3)


def test_auxiliary_classifiers_count() -> None:
    arch = dataclasses.replace(INCEPTION5H.scaled(1 / 16), classes=3)
    assert logit_names(arch)[0] == LOGITS
    params = begin(arch, recipe := Recipe(head_weight=0.3, label_smoothing=0.0), recipe.transformation(1, 1), 0).params
    images = jnp.zeros((2, 224, 224, 3), jnp.uint8)
    value, _ = jax.eval_shape(lambda: loss(arch, recipe, params, images, jnp.array([0, 1])))
    assert value.shape == ()
    gradient = jax.eval_shape(jax.grad(lambda p: loss(arch, recipe, p, images, jnp.array([0, 1]))[0]), params)
    assert jax.tree.structure(gradient) == jax.tree.structure(params)


_TWO_DEVICES = """
import dataclasses, sys
import jax, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from inception_jax import INCEPTION5H
from inception_jax.training import Recipe
from inception_jax.training.step import begin, compiled

assert jax.device_count() == 2
arch = dataclasses.replace(INCEPTION5H, blocks=INCEPTION5H.blocks[:1], heads=()).scaled(1 / 16)
arch = dataclasses.replace(arch, classes=3, image_size=32, final_pool=None, strides=(2, 2, 1))
recipe = Recipe(learning_rate=0.05, warmup=0.0)
optimizer = recipe.transformation(3, 100)
rng = np.random.default_rng(0)
images = rng.integers(0, 256, (12, 32, 32, 3)).astype(np.uint8)
labels = np.arange(12, dtype=np.int32) % 3


def params(devices):
    mesh = jax.make_mesh((len(devices),), ("data",), axis_types=(AxisType.Auto,), devices=devices)
    whole, divided = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("data"))
    advance = compiled(arch, recipe, optimizer, whole)
    state = jax.device_put(begin(arch, recipe, optimizer, seed=0), whole)
    for _ in range(3):
        state = advance(state, *(jax.make_array_from_process_local_data(divided, x) for x in (images, labels)))
    assert all(w.sharding.is_fully_replicated for w in jax.tree.leaves(state))
    return jax.device_get((state.params, state.statistics, state.sums))


one, two = params(jax.devices()[:1]), params(jax.devices())
# The same sums in another order: float32 rounding, grown over three steps.
for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two)):
    np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-3 * max(np.abs(a).max(), 1e-3))
print("same")
"""


def test_two_devices_compute_what_one_does() -> None:
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", _TWO_DEVICES], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "same\n", done.stderr[-2000:]
