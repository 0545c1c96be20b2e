"""Data-set examples of networks: all layers in one pass, any function, several devices, receptive fields."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import inception_jax
from circuits.examples import Batch, Collector, collect, init, read, receptive_fields, units
from inception_jax import LINEAR

LAYERS = ("conv2d0_pre_relu", "mixed3a")


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """Ten images as bytes: noise in blocks, so that deeper layers see something, too."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (10, 8, 8, 3)) + rng.integers(-20, 20, (10, 8, 8, 3))
    return np.clip(blocks, 0, 255).astype(np.uint8).repeat(6, 1).repeat(6, 2)


def batches(photos: np.ndarray, size: int) -> list[Batch]:
    found = []
    for first in range(0, len(photos), size):
        images = np.zeros((size, *photos.shape[1:]), photos.dtype)
        part = photos[first : first + size]
        images[: len(part)] = part
        ids = np.full(size, -1, np.int32)
        ids[: len(part)] = np.arange(first, first + len(part))
        found.append(Batch(images, ids, ids % 2))
    return found


def test_all_units_of_all_layers_in_one_pass(narrow: inception_jax.Model, photos: np.ndarray) -> None:
    model = narrow
    found = read(collect(model, iter(batches(photos, 4)), LAYERS, count=3, samples=1, classes=2))
    acts = model(photos.astype(np.float32) / 255, taps=LAYERS)
    for name in LAYERS:
        values = np.asarray(acts[name], np.float64)
        flat = values.reshape(len(photos), -1, values.shape[-1])
        # Another batch size: the sums of convolutions may be rounded otherwise.
        near = {"rtol": 1e-4, "atol": 1e-4 * np.abs(values).max()}
        one = found[name]
        assert one.size == values.shape[1:3]
        np.testing.assert_allclose(one.top_values, -np.sort(-flat.max(1).T)[:, :3], **near)
        np.testing.assert_allclose(one.bottom_values, np.sort(flat.min(1).T)[:, :3], **near)
        for kept, ids, places in (
            (one.top_values, one.top_images, one.top_positions),
            (one.bottom_values, one.bottom_images, one.bottom_positions),
        ):
            there = values[ids, places[..., 0], places[..., 1], np.arange(values.shape[-1])[:, None]]
            np.testing.assert_allclose(kept, there, **near)
        np.testing.assert_allclose(one.moments[:, 0], flat.mean((0, 1)), **near)
        classes = [np.maximum(flat[label::2], 0).mean((0, 1)) for label in (0, 1)]
        np.testing.assert_allclose(one.class_means, classes, **near)
        assert (one.counts.sum(1) == flat.shape[0] * flat.shape[1]).all()


def test_any_function_will_do() -> None:
    images = np.random.default_rng(1).random((6, 4, 4, 3), np.float32)
    batch = Batch(images, np.arange(6), np.full(6, -1))
    found = read(collect(lambda x: {"double": 2 * x, "mean": x.mean((1, 2))}, [batch], ["double", "mean"], count=1))
    np.testing.assert_array_equal(found["double"].top_values[:, 0], 2 * images.max((0, 1, 2)))
    assert found["mean"].top_images[:, 0].tolist() == images.mean((1, 2)).argmax(0).tolist()


def test_a_state_goes_on(photos: np.ndarray) -> None:
    def model(x: jax.Array) -> dict[str, jax.Array]:
        return {"a": x - 0.5}

    parts = batches(photos, 5)
    whole = collect(model, parts, ["a"], count=2, samples=2)
    begun = collect(model, parts[:1], ["a"], count=2, samples=2)
    collector = Collector(model, ["a"], begun, jax.devices()[:1])
    collector.add(parts[1])
    # To the last bit: the same program, the same batches.
    jax.tree.map(np.testing.assert_array_equal, collector.state(), whole)
    # What was returned before is not what later batches write into.
    assert int(begun["a"].images) == 5


TWO_DEVICES = """
import json, jax, numpy as np
from circuits.examples import Batch, Collector, init
assert len(jax.local_devices()) == 2
images = np.random.default_rng(0).random((9, 4, 4, 3), np.float32)
def states(devices):
    collector = Collector(lambda x: {"a": x - 0.5}, ["a"], init({"a": 3}, count=2, samples=2, classes=2), devices)
    for first in (0, 3, 6):
        ids = np.arange(first, first + 3)
        collector.add(Batch(images[first:first + 3], ids, ids % 2))
        if first == 3:
            collector.state()  # In between, the devices' states become one.
    return collector.state()["a"]
one, two = states(jax.devices()[:1]), states(None)
differ = {}
for name, a, b in zip(one._fields, one, two):
    if name in ("sums", "class_sums"):
        a, b = np.asarray(a, np.float64).sum(-1), np.asarray(b, np.float64).sum(-1)
        differ[name] = float(np.abs(a - b).max() / np.abs(a).max())
    else:
        differ[name] = float(sum((x != y).sum() for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b))))
print(json.dumps(differ))
"""


def test_two_devices_find_what_one_does() -> None:
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    differ = json.loads(done.stdout)
    assert len(differ) == 11
    # Pairs of floats lose 2**-44 in each of a few additions.
    assert all(value < 1e-11 for value in differ.values()), differ


@pytest.mark.parametrize("fixture", ["narrow", "narrow_caffe"])
@pytest.mark.parametrize("layer", ["conv2d0", "maxpool0", "conv2d2_pre_relu", "mixed3a"])
def test_fields_are_where_gradients_are(fixture: str, layer: str, request: pytest.FixtureRequest) -> None:
    model: inception_jax.Model = request.getfixturevalue(fixture)
    size = (72, 96)
    fields = receptive_fields(model.architecture, layer, size)
    image = jnp.asarray(np.random.default_rng(0).random((1, *size, 3), np.float32))
    # Linearised, so that nothing that is seen has a gradient of zero: pools pass theirs to all of their inputs.
    value, pull = jax.vjp(lambda x: model(x, taps=layer, rules=LINEAR)[layer], image)
    for row, column in ((0, 0), (value.shape[1] // 2, value.shape[2] // 3), (value.shape[1] - 1, value.shape[2] - 1)):
        (gradient,) = pull(jnp.zeros_like(value).at[0, row, column].set(1.0))
        seen = np.asarray(abs(gradient[0]).max(-1) > 0)
        for (low, high), axis, length in zip(fields.box(row, column), (1, 0), size, strict=True):
            places = np.flatnonzero(seen.any(axis))
            assert (places[0], places[-1] + 1) == (max(low, 0), min(high, length))


def test_errors(narrow: inception_jax.Model) -> None:
    with pytest.raises(ValueError, match="there are no batches; expected at least one"):
        collect(narrow, [], ["conv2d0"])
    with pytest.raises(ValueError, match="there are no layers; expected names of activations"):
        Collector(narrow, [], init({"a": 1}))
    with pytest.raises(ValueError, match="no layer 'conv2d9'; did you mean"):
        units(narrow, ["conv2d9"], (32, 32, 3))
    with pytest.raises(ValueError, match="the model returns no b; it returns a"):
        units(lambda x: {"a": x}, ["b"], (32, 32, 3))
    with pytest.raises(ValueError, match="no layer 'conv2d9'; did you mean"):
        receptive_fields(narrow.architecture, "conv2d9", (32, 32))
    with pytest.raises(ValueError, match="images of 3x3 pixels give 'avgpool0' no map; expected larger ones"):
        receptive_fields(narrow.architecture, "avgpool0", (3, 3))
