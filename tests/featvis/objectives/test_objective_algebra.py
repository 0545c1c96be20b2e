"""Objectives as numbers: sums, products, powers, and their labels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_table import ACTS, A

from featvis import objectives as obj
from featvis.algebra import Objective

MEANS = A.mean((0, 1, 2))


def test_long_sums_do_not_recurse():
    total = obj.channel("a", 0)
    for _ in range(1100):
        total = total + obj.channel("a", 1)
    # float32 sums of 1,100 numbers.
    np.testing.assert_allclose(total(ACTS), MEANS[0] + 1100 * MEANS[1], rtol=1e-3)


def test_sum_of_a_thousand():
    total = obj.sum_of(obj.channel("a", i % 6) for i in range(1000)) + 1
    expected = 1 + sum(MEANS[i % 6] for i in range(1000))
    # float32 sums of 1,000 numbers.
    np.testing.assert_allclose(total(ACTS), expected, rtol=1e-4)
    assert len(total.label) == 100


def test_terms_of_one_kind_are_computed_together():
    def reads(count: int) -> int:
        total = obj.sum_of(obj.channel("a", i % 6) for i in range(count)) + obj.channel("b", 0)
        program = str(jax.make_jaxpr(total.fn)(ACTS, total.data))
        return program.count(" gather[") + program.count(" dynamic_slice[")

    assert reads(100) == reads(3) == 2


def test_objectives_of_one_kind_differ_in_numbers_alone():
    assert obj.channel("a", 1).kind == obj.channel("a", 5).kind
    assert (2 * obj.channel("a", 1) + obj.l1()).kind == (3 * obj.channel("a", 2) + obj.l1()).kind
    others = [
        obj.channel("a", 1),
        obj.channel("b", 1),
        obj.neuron("a", 1),
        -obj.channel("a", 1),
        *(obj.direction("a", np.ones(units)) for units in (2, 3)),
        Objective(obj.channel("a", 1).fn, np.float32(1), ("a",), "another type"),
        Objective(obj.channel("a", 1).fn, obj.channel("a", 1).data, ("a", "b"), "another layer, too"),
    ]
    assert len({objective.kind for objective in others}) == len(others)


def test_the_builtin_sum_adds_them_too():
    total = sum([obj.channel("a", 1), obj.channel("a", 2)])
    # float32 sums in another order than NumPy's, here and below.
    np.testing.assert_allclose(total(ACTS), MEANS[1] + MEANS[2], rtol=1e-5)


@pytest.mark.parametrize("number", [2, 2.0, np.float32(2), np.float64(2), np.int64(2), np.array(2.0), jnp.float32(2)])
@pytest.mark.usefixtures("unchecked")
def test_numbers_of_all_types_combine_from_both_sides(number):
    one = obj.channel("a", 1)
    for objective, expected in [
        (number * one, 2 * MEANS[1]),
        (one * number, 2 * MEANS[1]),
        (number + one, 2 + MEANS[1]),
        (number - one, 2 - MEANS[1]),
        (one - number, MEANS[1] - 2),
        (one / number, MEANS[1] / 2),
        (number / one, 2 / MEANS[1]),
        (one**number, MEANS[1] ** 2),
    ]:
        assert isinstance(objective, Objective)
        np.testing.assert_allclose(objective(ACTS), expected, rtol=1e-5)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0, 3.0, -1.0])
def test_slopes_of_powers(exponent):
    power = obj.channel("a", 0) ** exponent

    def slope(x: float) -> float:
        return float(jax.grad(power)({"a": jnp.full((1, 1, 1, 1), x)})["a"].sum())

    assert slope(4.0) == pytest.approx(exponent * 4 ** (exponent - 1), rel=1e-5)  # float32
    # At 0: that of the function where it is finite, else none.
    assert slope(0.0) == (1.0 if exponent == 1 else 0.0)


@pytest.mark.parametrize(
    ("combine", "message"),
    [
        (lambda o: o + "mixed4a:3", "objectives combine with objectives and finite numbers.*got 'mixed4a:3'"),
        (lambda o: [1.0] * o, r"got \[1.0\]"),
        (lambda o: o * np.ones(3), r"got array\(\[1., 1., 1.\]\)"),
        (lambda o: o * float("nan"), "got nan"),
        (lambda o: o**o, "powers are numbers; got Objective"),
        (lambda o: obj.sum_of([o, None]), "got None"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_other_things_do_not_combine(combine, message):
    with pytest.raises(TypeError, match=message):
        combine(obj.channel("a", 1))


def test_nothing_has_no_sum():
    with pytest.raises(ValueError, match="sum_of was given no objectives; expected at least one"):
        obj.sum_of([])


def test_division_by_zero_is_refused():
    with pytest.raises(ZeroDivisionError):
        obj.channel("a", 1) / 0


a, b = obj.channel("a", 1), obj.deepdream("b")


@pytest.mark.parametrize(
    ("objective", "label"),
    [
        (a - 0.5 * (b + obj.l1()), "a:1 + -1 * 0.5 * (deepdream(b) + l1(input))"),
        (-a, "-a:1"),
        (-(a + b), "-(a:1 + deepdream(b))"),
        (-a + b, "-a:1 + deepdream(b)"),
        (a / 4, "a:1 * 0.25"),
        (a / b, "a:1 * deepdream(b) ** -1"),
        ((a + b) ** 2, "(a:1 + deepdream(b)) ** 2"),
        ((a * b) ** 2, "(a:1 * deepdream(b)) ** 2"),
        (a * b**2, "a:1 * deepdream(b) ** 2"),
        (abs(a - 1), "|a:1 + -1|"),
        (1e-6 * a, "1e-06 * a:1"),
        (20000 * a, "20000 * a:1"),
    ],
)
def test_labels_read_like_formulae(objective, label):
    assert objective.label == label


def test_long_labels_keep_their_difference():
    first, second = (obj.sum_of(obj.channel("a", i) for i in [*range(50), last]) for last in (0, 1))
    assert len(first.label) == len(second.label) == 100
    assert first.label != second.label
    assert first.label.startswith("a:0 + a:1 + a:2")


def test_what_the_network_has_to_compute():
    combined = a * obj.decay(10) - b - obj.l1() + obj.facet("c", np.ones(3), "signed")
    assert combined.layers == ("a", "step", "b", "input", "c", "gradient:c")
    assert combined.network_layers == ("a", "b", "c")
