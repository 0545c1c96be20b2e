import jax
import jax.numpy as jnp
import numpy as np

from inception_jax import Architecture, Model
from inception_jax.graph import INPUT, graph
from inception_jax.network import Weights
from inception_jax.training.batchnorm import EPSILON, TrainingNetwork, batch_statistics, fold, initial
from inception_jax.training.step import LOGITS


def _random(small: Architecture) -> Weights:
    """Parameters that nothing cancels in."""
    params, _ = initial(small, seed=0, batch_norm=True)
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda w: w + jnp.asarray(0.1 * rng.standard_normal(w.shape), jnp.float32), params)


def test_folding_keeps_every_activation(small: Architecture) -> None:
    params = _random(small)
    images = np.random.default_rng(1).uniform(size=(5, 32, 32, 3)).astype(np.float32)
    network = TrainingNetwork(small, params)
    names = graph(small).upto([LOGITS])
    pixels = jnp.asarray(images) * 255 - jnp.asarray(small.input_mean)
    expected = network({INPUT: pixels}, names)
    # With the statistics of this very batch, the plain network computes the same.
    model = Model(small, jax.tree.map(jnp.asarray, fold(params, batch_statistics(network, params))))
    for name, value in model(images, until=LOGITS).items():
        scale = np.abs(expected[name]).max()
        # Both are float32 chains of about ten layers: errors of some 1e-6 a layer.
        np.testing.assert_allclose(value, expected[name], atol=1e-4 * scale, err_msg=name)


def test_statistics_are_those_of_the_batch(small: Architecture) -> None:
    params = _random(small)
    images = jnp.asarray(np.random.default_rng(2).uniform(-120, 120, (4, 32, 32, 3)), jnp.float32)
    network = TrainingNetwork(small, params)
    acts = network({INPUT: images}, graph(small).upto(["conv2d1"]))
    found = batch_statistics(network, {name: params[name] for name in ("conv2d0", "conv2d1")})
    kernel = np.asarray(params["conv2d1"]["kernel"], np.float64)[0, 0]
    before = np.asarray(acts["localresponsenorm0"], np.float64) @ kernel
    # float64 against float32 sums over some thousand elements.
    np.testing.assert_allclose(found["conv2d1"]["mean"], before.mean((0, 1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["conv2d1"]["variance"], before.var((0, 1, 2)), rtol=1e-3, atol=1e-6)
    normal = (before - before.mean((0, 1, 2))) / np.sqrt(before.var((0, 1, 2)) + EPSILON)
    layer = {part: np.asarray(value, np.float64) for part, value in params["conv2d1"].items()}
    np.testing.assert_allclose(acts["conv2d1_pre_relu"], normal * layer["scale"] + layer["bias"], atol=1e-3)


def test_classifiers_begin_undecided(small: Architecture) -> None:
    params, statistics = initial(small, seed=0, batch_norm=False)
    assert statistics == {}
    assert all("scale" not in layer for layer in params.values())
    assert not np.any(params["softmax2"]["kernel"])
