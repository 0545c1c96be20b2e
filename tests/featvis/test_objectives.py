"""Every objective has an exact value on known activations, and rises under optimisation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from featvis import objectives as obj
from featvis.algebra import check
from featvis.shortform import parse

A = np.random.default_rng(0).standard_normal((1, 4, 5, 6)).astype(np.float32)
LOGITS = np.random.default_rng(1).standard_normal((1, 10)).astype(np.float32)
IMAGE = np.random.default_rng(2).random((1, 8, 9, 3)).astype(np.float32)
ACTS = {"a": jnp.asarray(A), "logits": jnp.asarray(LOGITS), "input": jnp.asarray(IMAGE)}
V = np.arange(6, dtype=np.float32) - 2


def cosines(a, v):
    return (a @ v) / ((np.linalg.norm(a, axis=-1) + 1e-4) * (np.linalg.norm(v) + 1e-4))


DIFFERENCES = np.abs(np.diff(IMAGE, axis=1)).sum() + np.abs(np.diff(IMAGE, axis=2)).sum()
TABLE = {
    "channel": (obj.channel("a", 3), A[..., 3].mean()),
    "channel of a flat layer": (obj.channel("logits", 3), LOGITS[0, 3]),
    "neuron": (obj.neuron("a", 2, row=1, column=3), A[0, 1, 3, 2]),
    "centre neuron": (obj.neuron("a", 2), A[0, 2, 2, 2]),
    "neuron with one coordinate": (obj.neuron("a", 2, row=0), A[0, 0, 2, 2]),
    "layer": (obj.layer("a"), (A**2).mean()),
    "direction": (obj.direction("a", V), (A @ V).mean()),
    "direction, cosine power": (obj.direction("a", V, 2.0), ((A @ V) * np.maximum(0.1, cosines(A, V)) ** 2).mean()),
    "class logit": (obj.class_logit("logits", 7), LOGITS[0, 7]),
    "total variation": (obj.total_variation(), DIFFERENCES),
    "l1": (obj.l1(constant=0.5), np.abs(IMAGE - 0.5).sum()),
    "l2": (obj.l2(constant=0.5), np.sqrt(1e-6 + ((IMAGE - 0.5) ** 2).sum())),
    "function": (obj.function(lambda acts: acts["a"].max(), ["a"], "peak"), A.max()),
    "sum": (obj.channel("a", 1) + obj.channel("a", 2) + 3, A[..., 1].mean() + A[..., 2].mean() + 3),
    "difference": (2 - obj.channel("a", 1) - 1, 1 - A[..., 1].mean()),
    "product": (obj.channel("a", 1) * obj.layer("a") * 2, A[..., 1].mean() * (A**2).mean() * 2),
    "quotient and negation": (-obj.channel("a", 1) / 4, -A[..., 1].mean() / 4),
}


@pytest.mark.parametrize("name", TABLE)
def test_exact_value(name):
    objective, expected = TABLE[name]
    np.testing.assert_allclose(objective(ACTS), expected, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", TABLE)
def test_rises_under_optimisation(name):
    objective = TABLE[name][0]
    values = [objective(ACTS)]
    acts = ACTS
    for _ in range(3):
        gradient = jax.grad(objective)(acts)
        acts = jax.tree.map(lambda a, g: a + 1e-3 * g, acts, gradient)
        values.append(objective(acts))
    assert np.all(np.diff(values) > 0)


@pytest.mark.parametrize("name", [n for n in TABLE if n != "function"])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_gradients_are_finite_on_constant_activations(name, value):
    acts = jax.tree.map(lambda a: jnp.full_like(a, value), ACTS)
    gradient = jax.grad(TABLE[name][0])(acts)
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(gradient))


def test_kinds_not_data_decide_what_is_compiled():
    assert obj.channel("a", 1).fn == obj.channel("a", 5).fn
    assert (obj.channel("a", 1) - 2 * obj.l1()).fn == (obj.channel("a", 3) - 7 * obj.l1()).fn
    assert obj.channel("a", 1).fn != obj.channel("b", 1).fn


def test_long_sums_do_not_recurse():
    total = obj.channel("a", 0)
    for _ in range(2000):
        total = total + obj.channel("a", 1)
    np.testing.assert_allclose(total(ACTS), A[..., 0].mean() + 2000 * A[..., 1].mean(), rtol=1e-3)


def test_labels():
    combined = obj.channel("a", 1) - 0.5 * (obj.layer("b") + obj.l1())
    assert combined.label == "a:1 + -1 * 0.5 * (b + l1(input))"
    assert combined.layers == ("a", "b", "input")
    assert combined.network_layers == ("a", "b")


def test_labels_tell_objectives_apart():
    """A unit's random numbers come from its label."""
    labels = [
        obj.l1().label,
        obj.l1(constant=0.2).label,
        obj.l2(constant=0.2).label,
        obj.l2(epsilon=0.1).label,
        obj.direction("a", V).label,
        obj.direction("a", V, 2.0).label,
        (-(obj.channel("a", 1) + obj.channel("a", 2))).label,
        (-obj.channel("a", 1) + obj.channel("a", 2)).label,
    ]
    assert len(set(labels)) == len(labels)


SHAPES = {"a": (1, 4, 5, 6), "logits": (1, 10)}


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (obj.channel("a", 6), "a has units 0 to 5; unit 6 was asked for"),
        (obj.channel("a", 0) + 2 * obj.channel("a", 9), "a has units 0 to 5; unit 9 was asked for"),
        (obj.neuron("a", 1, row=4), "row 4 lies outside a, which is 4x5 here"),
        (obj.neuron("logits", 1), r"logits has no positions: its shape is \(1, 10\)"),
        (obj.total_variation("logits"), r"logits has no positions: its shape is \(1, 10\)"),
        (obj.direction("a", np.ones(5)), r"the direction has shape \(5,\); a needs \(6,\)"),
    ],
)
def test_data_that_do_not_fit_are_refused(objective, message):
    with pytest.raises(ValueError, match=message):
        check(objective.fn, SHAPES, objective.data)


class Unhashable:
    __hash__ = None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: obj.neuron("a", 1, row=-1), "row is -1; expected 0 or more"),
        (lambda: obj.channel("a", 3.5), "unit is 3.5; expected a whole number"),
        (lambda: obj.class_logit(3, "softmax2"), "unit is 'softmax2'; expected a whole number"),
        (lambda: obj.function(max, "conv2d0"), r"layers is the text 'conv2d0'; expected a list of layer names"),
        (lambda: obj.function(Unhashable(), ["a"]), "is not hashable; expected a function or a frozen dataclass"),
        (lambda: obj.direction("a", np.ones((2, 3))), r"one finite number per unit; got shape \(2, 3\)"),
        (lambda: obj.direction("a", np.array([1, np.nan])), "one finite number per unit"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_impossible_objectives_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


LAYERS = {"mixed4a": 508, "mixed4a_1x1": 192}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("mixed4a:476", ["mixed4a:476"]),
        ("mixed4a:10-12", ["mixed4a:10", "mixed4a:11", "mixed4a:12"]),
        ("-mixed4a:1,5", ["-mixed4a:1", "-mixed4a:5"]),
        ("mixed4a:1-2,5,mixed4a_1x1:3", ["mixed4a:1", "mixed4a:2", "mixed4a:5", "mixed4a_1x1:3"]),
        ("-mixed4a:1,5, mixed4a_1x1:3 ,mixed4a:1", ["-mixed4a:1", "-mixed4a:5", "mixed4a_1x1:3", "mixed4a:1"]),
        ("mixed4a_1x1:0,2-3", ["mixed4a_1x1:0", "mixed4a_1x1:2", "mixed4a_1x1:3"]),
    ],
)
def test_short_forms(text, labels):
    assert [objective.label for objective in parse(text, LAYERS)] == labels


def test_all_units():
    assert len(parse("mixed4a:*", LAYERS)) == 508


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mixed4a", "^cannot read 'mixed4a'; expected \"layer:unit\""),
        ("mixed4b:3", "no layer 'mixed4b'; did you mean 'mixed4a'"),
        ("mixed4a:508", "^mixed4a has no units '508'; it has units 0 to 507"),
        ("mixed4a:9-3", "^mixed4a has no units '9-3'; it has units 0 to 507"),
        ("mixed4a_1x1:1,mixed4a:0-99999999999", "^mixed4a has no units '0-99999999999'"),
        ("mixed4a:1--3", "^cannot read units '1--3' of mixed4a; expected "),
        ("mixed4a:1,,3", "^cannot read units '' of mixed4a; expected "),
        ("mixed4a:all", "^cannot read units 'all' of mixed4a; expected "),
        ("3,mixed4a:1", "^cannot read '3,mixed4a:1'; expected "),
        ("", "^cannot read ''; expected "),
        ("mixed4a:-3", "^cannot read units '-3' of mixed4a"),
    ],
)
def test_bad_short_forms(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text, LAYERS)
