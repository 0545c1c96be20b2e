"""Numbers that are drawn anew each time."""

import jax
import numpy as np
import pytest
import scipy.stats

from featvis.transforms import changing, normal, uniform
from featvis.transforms.draws import as_draw

KEY = jax.random.key(0)
DRAWS = {
    "number": (lambda: as_draw(3, "x"), None),
    "list": (lambda: as_draw([1, 2, 2, 5], "x"), None),
    "uniform": (lambda: uniform(-1, 3), scipy.stats.uniform(-1, 4)),
    "normal": (lambda: normal(1, 2), scipy.stats.truncnorm(-2, 2, 1, 2)),
    "normal_cut": (lambda: normal(1, 2, cut=0.5), scipy.stats.truncnorm(-0.5, 0.5, 1, 2)),
}
every = pytest.mark.parametrize(("make", "law"), DRAWS.values(), ids=DRAWS)


@every
def test_draws_lie_in_their_bounds_and_equal_ones_are_equal(make, law):
    low, high = make().bounds
    values = np.asarray(make().sample(KEY, (2000,)))
    assert values.dtype == np.float32
    assert values.min() >= low - 1e-6
    assert values.max() <= high + 1e-6
    assert make().fixed == (low == high)
    assert make().largest == max(abs(low), abs(high))
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make().sample(KEY).shape == ()
    if law is not None:
        # The keys are fixed, and the distance of 2,000 draws from their law exceeds 0.036 once in a hundred times.
        assert scipy.stats.kstest(values, law.cdf).statistic < 0.036
        np.testing.assert_allclose((low, high), law.support(), rtol=1e-12)


def test_a_number_is_itself_and_a_list_counts_what_is_listed_twice():
    assert float(as_draw(3, "x").sample(KEY)) == 3
    values, counts = np.unique(np.asarray(as_draw([1, 2, 2, 5], "x").sample(KEY, (4000,))), return_counts=True)
    assert values.tolist() == [1, 2, 5]
    # Five standard deviations of a count.
    np.testing.assert_allclose(counts, [1000, 2000, 1000], atol=158)


def test_what_stands_for_a_distribution():
    draw = uniform(0, 1)
    assert as_draw(draw, "x") is draw
    assert as_draw(np.float64(0.5), "x") == as_draw(0.5, "x") == as_draw([0.5], "x") == as_draw(iter([0.5]), "x")
    assert as_draw(np.arange(3.0), "x") == as_draw(range(3), "x")


def test_changing_numbers_go_evenly_from_the_first_to_the_last():
    draw = changing(0.5, 0.1, 200)
    assert (draw.bounds, draw.fixed) == ((0.1, 0.5), False)
    for step, expected in ((0, 0.5), (50, 0.4), (100, 0.3), (200, 0.1), (1000, 0.1)):
        # Two products in float32.
        np.testing.assert_allclose(draw.at(step).sample(KEY), expected, rtol=1e-6)
    np.testing.assert_array_equal(draw.sample(KEY), draw.at(0).sample(KEY))


def test_changing_distributions_are_the_first_and_the_last_at_the_ends():
    draw = changing(uniform(4, 5), normal(1, 2), 10)
    assert draw.bounds == (-3, 5)
    for step, law in ((0, scipy.stats.uniform(4, 1)), (10, scipy.stats.truncnorm(-2, 2, 1, 2))):
        # As above.
        assert scipy.stats.kstest(np.asarray(draw.at(step).sample(KEY, (2000,))), law.cdf).statistic < 0.036
    values = np.asarray(draw.at(5).sample(KEY, (2000,)))
    assert values.min() >= (4 - 3) / 2
    assert values.max() <= (5 + 5) / 2
    # The mean of the means, to five standard errors of a mixture whose deviation is below 1.
    assert abs(values.mean() - (4.5 + 1) / 2) < 5 / 2000**0.5


def test_changing_numbers_may_change_to_changing_ones():
    draw = changing(changing(0, 4, 4), 10, 8)
    # After 2 of 8 steps a quarter of 10, and three quarters of what 2 of 4 steps make of 0 to 4.
    assert float(draw.at(2).sample(KEY)) == 0.25 * 10 + 0.75 * 2


def test_equal_ones_change_alike():
    assert changing(1, 2, 3) == changing(1, [2], 3) == changing(1, 2, 3).at(2)
    assert hash(changing(1, 2, 3)) == hash(changing(1, 2, 3).at(2))
    assert len({changing(1, 2, 3), changing(1, 2, 4), changing(2, 1, 3)}) == 3
    assert uniform(0, 1).at(5) == uniform(0, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: uniform(1, 0), r"^uniform\(1, 0\) has no numbers; expected finite bounds, the lower one first$"),
        (lambda: uniform(0, float("inf")), r"uniform\(0, inf\) has no numbers; expected finite bounds"),
        (lambda: normal(0, -1), r"^normal\(0, -1, cut=2.0\) is no distribution; expected finite numbers, a standard"),
        (
            lambda: normal(0, 1, cut=0),
            r"normal\(0, 1, cut=0\) .* a standard deviation of at least 0 and a cut above 0$",
        ),
        (lambda: changing(1, 2, 0), "^steps is 0; expected a whole number, at least 1$"),
        (lambda: changing(1, 2, 2.5), "^steps is 2.5; expected a whole number"),
        (lambda: changing([], 2, 1), r"^first numbers are \(\); expected at least one, all finite$"),
        (lambda: changing(1, float("inf"), 1), r"^last numbers are \(inf,\); expected at least one, all finite$"),
        (lambda: as_draw([], "scales", above=0), r"^scales are \(\); expected at least one, all above 0$"),
        (lambda: as_draw((1, 0), "scales", above=0), r"^scales are \(1.0, 0.0\); expected at least one, all above 0$"),
        (lambda: as_draw(-1, "sds", least=0), r"^sds are \(-1.0,\); expected at least one, all at least 0$"),
        (lambda: as_draw(float("nan"), "angles"), r"^angles are \(nan,\); expected at least one, all finite$"),
        (
            lambda: as_draw(uniform(0, 2), "sizes", above=0, most=1),
            r"^sizes are Uniform\(low=0.0, high=2.0\); expected at least one, all above 0 and at most 1$",
        ),
        (lambda: as_draw("12", "scales"), "^scales are '12'; expected a number, several numbers, uniform"),
        (lambda: as_draw([None], "scales"), r"^scales are \[None\]; expected a number, several numbers, uniform"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
