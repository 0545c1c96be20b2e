"""Strong connections, and excitation and inhibition."""

import numpy as np
import pytest

from circuits import CircuitWeights, balance, in_neighbours, norms, out_neighbours

WEIGHTS = np.random.default_rng(0).normal(size=(4, 6, 3, 3))


def test_norms_of_tiles():
    np.testing.assert_allclose(norms(WEIGHTS)[2, 5], np.linalg.norm(WEIGHTS[2, 5]))


def test_rankings_at_both_ends():
    table = [[np.linalg.norm(WEIGHTS[o, i]) for i in range(6)] for o in range(4)]
    found = in_neighbours(WEIGHTS, 2, count=6)
    assert found.units.tolist() == sorted(range(6), key=lambda i: -table[2][i])
    np.testing.assert_allclose(found.norms, sorted(table[2], reverse=True))
    assert out_neighbours(WEIGHTS, 5, count=3).units.tolist() == sorted(range(4), key=lambda o: -table[o][5])[:3]


def test_several_units_count_together():
    found = out_neighbours(WEIGHTS, [1, 4], count=1)
    together = [np.linalg.norm(WEIGHTS[o, [1, 4]]) for o in range(4)]
    assert found.units.tolist() == [int(np.argmax(together))]
    np.testing.assert_allclose(found.norms, [max(together)])


def test_excitation_and_inhibition():
    found = balance(WEIGHTS)
    tile = WEIGHTS[3, 1]
    np.testing.assert_allclose(found.excitation[3, 1], tile[tile > 0].sum())
    np.testing.assert_allclose(found.inhibition[3, 1], -tile[tile < 0].sum())
    np.testing.assert_allclose(found.net, WEIGHTS.sum((2, 3)))


def test_weights_with_labels_are_weights():
    labelled = CircuitWeights(WEIGHTS, "mixed3a", "mixed3b", tuple(range(4)), tuple(range(6)))
    np.testing.assert_array_equal(norms(labelled), norms(WEIGHTS))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((WEIGHTS, 4), "unit is 4; expected one or several of 0 to 3"),
        ((WEIGHTS, -1), "unit is -1; expected one or several of 0 to 3"),
        ((WEIGHTS, []), r"unit is \[\]; expected one or several of 0 to 3"),
        ((WEIGHTS, 0.5), "unit is 0.5; expected one or several of 0 to 3"),
        ((WEIGHTS, 0, 0), "count is 0; expected 1 or more"),
        ((WEIGHTS[0], 0), r"the weights have shape \(6, 3, 3\); expected \[out, in, row, column\]"),
        ((WEIGHTS * np.nan, 0), "the weights are not all finite; expected numbers"),
    ],
)
def test_what_cannot_be_ranked(arguments, message):
    with pytest.raises(ValueError, match=message):
        in_neighbours(*arguments)
