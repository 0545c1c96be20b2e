"""Circuits of a unit against the weights they are made of."""

import numpy as np
import pytest

from circuits import circuit, expanded_weights, norms


def test_one_layer_down_is_the_ranking_of_norms(narrow):
    found = circuit(narrow, "mixed3b", 20, depth=1, count=4, least=0)
    weights = expanded_weights(narrow, "mixed3a", "mixed3b", units=20)
    strength = norms(weights)[0]
    order = np.argsort(-strength)[:4]
    assert [unit.label for unit in found.units] == ["mixed3b:20", *(f"mixed3a:{i}" for i in order)]
    for edge, i in zip(found.edges, order, strict=True):
        assert (edge.source, edge.target) == (f"mixed3a:{i}", "mixed3b:20")
        np.testing.assert_allclose(edge.weights, weights[0, i], rtol=1e-5, atol=1e-7)  # Another batch of float32 sums.
        assert edge.share == edge.contribution == pytest.approx(strength[i] ** 2 / np.square(strength).sum(), rel=1e-5)
        assert edge.net == pytest.approx(weights[0, i].sum(), abs=1e-5)


def test_contributions_multiply_along_ways_and_add_up_over_them(narrow):
    found = circuit(narrow, "mixed3b", 20, depth=2, count=3, least=0)
    middle = found.layer("mixed3a")
    assert len(middle) == 3
    shares = np.square(norms(expanded_weights(narrow, "conv2d2", "mixed3a", units=[unit.number for unit in middle])))
    shares /= shares.sum(1, keepdims=True)
    expected: dict[int, float] = {}
    for row, unit in enumerate(middle):
        for i in np.argsort(-shares[row])[:3]:
            expected[int(i)] = expected.get(int(i), 0) + unit.contribution * shares[row, i]
    below = {unit.number: unit.contribution for unit in found.layer("conv2d2")}
    assert below == pytest.approx(expected, rel=1e-5)
    assert list(below.values()) == sorted(below.values(), reverse=True)
    # All inputs together are the whole.
    everything = circuit(narrow, "mixed3b", 20, depth=2, count=32, least=0)
    assert sum(unit.contribution for unit in everything.layer("conv2d2")) == pytest.approx(1, rel=1e-5)


def test_what_contributes_little_is_left_out(narrow):
    every = circuit(narrow, "mixed3b", 20, depth=2, count=32, least=0)
    limit = sorted(edge.contribution for edge in every.edges)[-10]
    found = circuit(narrow, "mixed3b", 20, depth=2, count=32, least=limit)
    assert all(edge.contribution >= limit for edge in found.edges)
    labels = {unit.label for unit in found.units}
    assert all({edge.source, edge.target} <= labels for edge in found.edges)
    assert labels == {"mixed3b:20"} | {edge.source for edge in found.edges}
    nothing = circuit(narrow, "mixed3b", 20, depth=2, least=1.0)
    assert [unit.label for unit in nothing.units] == ["mixed3b:20"]
    assert not nothing.edges


def test_layers_of_ones_own(narrow):
    found = circuit(narrow, "mixed3b_5x5", 2, depth=2, count=1, least=0, layers=["maxpool1", "conv2d0"])
    assert [unit.layer for unit in found.units] == ["mixed3b_5x5", "maxpool1", "conv2d0"]
    # Radii: a pool of stride 2 has 1, a 3x3 kernel adds 1, and another such pool doubles and adds 1.
    assert found.edges[1].weights.shape == (11, 11)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mixed3x", 0), "no layer 'mixed3x'; did you mean"),
        (("mixed3a", 32), "units has 32; expected unit numbers of 'mixed3a', 0 to 31"),
        (("mixed3a", 0, 4), "depth is 4; below 'mixed3a' there are 3 layers: expected 1 to 3"),
        (("conv2d0", 0, 1), "depth is 1; below 'conv2d0' there are 0 layers: expected 1 to 0"),
    ],
)
def test_what_has_no_circuit(arguments, message, narrow):
    with pytest.raises(ValueError, match=message):
        circuit(narrow, *arguments)
    with pytest.raises(ValueError, match=r"count is 0 and least is 0\.1; expected at least 1, and a share from 0 to 1"):
        circuit(narrow, "mixed3a", 0, count=0, least=0.1)
