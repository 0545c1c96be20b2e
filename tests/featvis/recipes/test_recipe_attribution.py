"""Attribution: sums, exact values in linear networks, agreement with finite differences and with plain `jax.grad`."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import inception_jax
from featvis import objectives as obj
from featvis.recipes import attribute, attribute_positions, layer_activations, position_norm
from featvis.recipes.downstream import _gradients
from inception_jax import LINEAR, STANDARD, Rules
from inception_jax.gradients import max_pool_average_gradient

RNG = np.random.default_rng(0)
W1, W2, W3 = (RNG.standard_normal(shape).astype(np.float32) for shape in ((3, 5), (5, 4), (4, 6)))
PHOTOS = RNG.random((2, 4, 6, 3)).astype(np.float32)
THREE = [obj.channel("logits", 0), obj.channel("logits", 4), obj.neuron("second", 1, row=0, column=2)]


def toy(images, edits=None):
    """A network of somebody else's: smooth, so that finite differences are those of a function with derivatives."""
    acts = {}
    for name, layer in {
        "first": lambda: jnp.tanh(images @ W1),
        "second": lambda: jnp.tanh(acts["first"].reshape(len(images), 2, 2, 3, 2, 5).mean((2, 4)) @ W2),
        "logits": lambda: acts["second"].mean((1, 2)) @ W3,
    }.items():
        acts[name] = (edits or {}).get(name, lambda a: a)(layer())
    return acts


def logit(first, number=0):
    return toy(PHOTOS, {"first": lambda _: first})["logits"][:, number]


def test_gradients_are_finite_differences():
    found = attribute(toy, PHOTOS, "first", THREE[:2])
    acts = layer_activations(toy, PHOTOS, "first").astype(np.float64)
    for index in [(0, 0, 0, 0), (0, 3, 5, 2), (1, 2, 1, 4)]:
        step = np.zeros_like(acts)
        step[index] = 0.05
        for target, number in enumerate((0, 4)):
            slope = float((logit(acts + step, number) - logit(acts - step, number))[index[0]]) / 0.1
            # Rounding of float32 over a step of 0.05, and the third derivative times its square.
            assert found.gradients[target][index] == pytest.approx(slope, abs=2e-5)
            assert found.values[target][index] == pytest.approx(slope * acts[index], abs=2e-5)


def test_integrated_gradients_add_up_to_the_difference():
    baseline = RNG.standard_normal(5).astype(np.float32)
    for base in (0.0, baseline):
        found = attribute(toy, PHOTOS, "first", THREE, method="integrated", steps=50, baseline=base)
        difference = found.scores - found.baseline_scores
        assert (np.abs(difference) > 0.01).all()
        # Errors of the midpoint rule are of order 1 / 50 ** 2.
        np.testing.assert_allclose(found.values.sum((2, 3, 4)), difference, atol=1e-3)
        whole = np.broadcast_to(np.asarray(base, np.float32), (2, 4, 6, 5))
        np.testing.assert_allclose(found.baseline_scores[0], logit(whole), atol=1e-6)
        np.testing.assert_allclose(found.scores[0], toy(PHOTOS)["logits"][:, 0], atol=1e-6)
    gradient = attribute(toy, PHOTOS, "first", THREE)
    assert np.abs(gradient.values.sum((2, 3, 4)) - (gradient.scores - gradient.baseline_scores)).max() > 0.02


PATHS = {
    "gradient": lambda steps: np.ones((steps, 5)),
    "integrated": lambda steps: (np.arange(steps)[:, None] + 0.5) / steps * np.ones(5),
    "stochastic": lambda steps: (
        (np.arange(steps)[:, None] + 0.5) / steps * np.random.default_rng(7).random((2, steps, 5)).sum(0) / 1.5
    ),
}


@pytest.mark.parametrize("method", PATHS)
def test_paths_are_averages_of_gradients(method):
    found = attribute(toy, PHOTOS, "first", THREE[:1], method=method, steps=8, baseline=0.1, seed=7)
    acts = layer_activations(toy, PHOTOS, "first")
    points = 0.1 + PATHS[method](8)[:, None, None, None] * (acts - 0.1)
    mean = np.mean([jax.grad(lambda a: logit(a).sum())(point) for point in points.astype(np.float32)], axis=0)
    np.testing.assert_allclose(found.gradients[0], mean, atol=1e-6)
    np.testing.assert_array_equal(found.change, acts - np.float32(0.1))
    np.testing.assert_array_equal(found.values, found.gradients * found.change)


def test_stochastic_paths_differ_by_seed_and_not_by_call():
    options = {"method": "stochastic", "steps": 4}
    first, other, again = (attribute(toy, PHOTOS, "first", THREE, seed=seed, **options) for seed in (0, 1, 0))
    np.testing.assert_array_equal(first.gradients, again.gradients)
    assert not np.allclose(first.gradients, other.gradients, atol=1e-4)


def test_units_and_positions_add_up_to_the_same():
    found = attribute(toy, PHOTOS, "first", THREE)
    assert found.channels.shape == (3, 2, 5)
    assert found.positions.shape == (3, 2, 4, 6)
    total = found.values.sum((2, 3, 4))
    np.testing.assert_allclose(found.channels.sum(-1), total, atol=1e-6)
    np.testing.assert_allclose(found.positions.sum((-1, -2)), total, atol=1e-6)


def peak(acts):
    return acts["second"].max()


def test_together_as_alone():
    """Targets of several kinds, with and without data, and images: each as if it were the only one."""
    targets = ["logits:0", THREE[2], obj.function(peak, ["second"]), obj.channel("logits", 1) - 0.5 * obj.l1()]
    options = {"method": "integrated", "steps": 3}
    together = attribute(toy, PHOTOS, "first", [*targets, "logits:4"], **options)
    assert together.labels == ("logits:0", "second:1@0,2", "peak", targets[-1].label, "logits:4")
    for t, target in enumerate(targets):
        for i in range(2):
            alone = attribute(toy, PHOTOS[i : i + 1], "first", target, **options)
            # Sums in another order.
            np.testing.assert_allclose(together.values[t, i], alone.values[0, 0], atol=1e-6)
            np.testing.assert_allclose(together.scores[t, i], alone.scores[0, 0], rtol=1e-5)
            np.testing.assert_allclose(together.baseline_scores[t, i], alone.baseline_scores[0, 0], rtol=1e-5)


def test_other_classes_and_images_compile_nothing():
    attribute(toy, PHOTOS, "first", [obj.channel("logits", 0), obj.channel("logits", 1)])
    before = _gradients._cache_size()
    attribute(toy, 1 - PHOTOS, "first", [obj.channel("logits", 5), obj.channel("logits", 2)])
    assert _gradients._cache_size() == before


def test_parts_add_up_to_the_whole():
    found = attribute(toy, PHOTOS, "first", THREE)
    directions = RNG.standard_normal((3, 5)).astype(np.float32)
    maps = RNG.standard_normal((2, 4, 6, 3)).astype(np.float32)
    expected = np.einsum("nhwp,pu,tnhwu->tnp", maps, directions, found.gradients)
    np.testing.assert_allclose(found.along(directions, maps), expected, rtol=1e-4, atol=1e-5)


def test_positions_to_positions():
    """From every position of the second layer to every one of the first, by a loop of plain gradients."""
    found = attribute_positions(toy, PHOTOS, "first", "second")
    assert found.shape == (2, 2, 3, 4, 6)
    acts = layer_activations(toy, PHOTOS, "first")
    for row, column in np.ndindex(2, 3):

        def length(first, row=row, column=column):
            second = toy(PHOTOS, {"first": lambda _: first})["second"]
            return jnp.linalg.norm(second[:, row, column], axis=-1).sum()

        expected = (jax.grad(length)(acts) * acts).sum(-1)
        np.testing.assert_allclose(found[:, row, column], expected, atol=1e-5)
        # Each position of the second layer sees four of the first.
        assert (np.abs(found[:, row, column]) > 1e-6).sum() == 2 * 4


def test_position_norm_has_a_gradient_at_zero():
    gradient = jax.grad(position_norm("a", 0, 0))({"a": jnp.zeros((1, 1, 1, 3))})["a"]
    np.testing.assert_array_equal(gradient, 0)


SMOOTH = Rules(max_pool=max_pool_average_gradient)
IMAGES = RNG.random((1, 24, 24, 3)).astype(np.float32)


@pytest.mark.parametrize("rules", [STANDARD, LINEAR, SMOOTH], ids=["standard", "linear", "smooth"])
def test_our_models_follow_their_rules(narrow, rules):
    found = attribute(narrow, IMAGES, "conv2d2", "conv2d2:3,mixed3a_1x1:2", rules=rules)
    acts = layer_activations(narrow, IMAGES, "conv2d2")

    def forward(a):
        return narrow(IMAGES, taps="mixed3a_1x1", edits={"conv2d2": lambda _: a}, rules=rules)["mixed3a_1x1"]

    gradient = jax.grad(lambda a: forward(a)[..., 2].mean())(jnp.asarray(acts))
    assert np.abs(gradient).max() > 0
    # Convolutions differentiated by another algorithm.
    np.testing.assert_allclose(found.gradients[1], gradient, rtol=1e-3, atol=1e-5 * np.abs(gradient).max())
    # The layer itself: a unit's mean is attributed to that unit alone.
    np.testing.assert_allclose(found.channels[0, 0], np.eye(acts.shape[-1])[3] * acts[..., 3].mean(), rtol=1e-5)


def test_linear_networks_are_attributed_exactly(narrow):
    found = attribute(narrow, IMAGES, "mixed3a", ["mixed3b:0", "mixed3b:20"], rules=LINEAR)
    zeros = narrow(IMAGES, taps="mixed3b", edits={"mixed3a": lambda a: 0 * a}, rules=LINEAR)["mixed3b"]
    through = narrow(IMAGES, taps="mixed3b", edits={"mixed3a": lambda a: a}, rules=LINEAR)["mixed3b"]
    # The bias contribution is what is left where the layer is zero. Activations here are those of the real network.
    real = layer_activations(narrow, IMAGES, "mixed3a")
    forward = narrow(IMAGES, taps="mixed3b", edits={"mixed3a": lambda _: real}, rules=LINEAR)["mixed3b"]
    assert not np.allclose(through, forward, rtol=0.1)
    difference = (forward - zeros).mean((1, 2))[0, [0, 20]]
    np.testing.assert_allclose(found.channels.sum(-1)[:, 0], difference, rtol=1e-4)
    np.testing.assert_allclose(found.scores - found.baseline_scores, difference[:, None], rtol=1e-4)


def test_logits_are_the_bias_and_what_the_last_units_add():
    model = inception_jax.load("mini")
    photo = RNG.random((1, 64, 64, 3)).astype(np.float32)
    found = attribute(model, photo, "avgpool0", [obj.class_logit("softmax2_pre_activation", c) for c in (3, 70)])
    assert found.channels.shape == (2, 1, 384)
    logits = model(photo, taps="softmax2_pre_activation")["softmax2_pre_activation"]
    head = model.weights["softmax2"]
    np.testing.assert_allclose(found.gradients[:, 0], np.asarray(head["kernel"]).T[[3, 70]], rtol=1e-6)
    # Sums of 384 numbers in float32.
    sums = found.channels.sum(-1)[:, 0] + np.asarray(head["bias"])[[3, 70]]
    np.testing.assert_allclose(sums, logits[0, np.array([3, 70])], rtol=1e-4)


def images_only(images):
    return toy(images)


@dataclasses.dataclass(frozen=True)
class Unsigned:
    """A callable whose signature cannot be read."""

    __signature__ = "none"

    def __call__(self, images):
        return toy(images)


STEP = obj.function(lambda acts: acts["step"] * acts["logits"].sum(), ["logits", "step"], "late")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((toy, PHOTOS[0], "first", "logits:0"), {}, r"images have shape \(4, 6, 3\); .* \(add a batch axis: images\["),
        (
            (toy, (PHOTOS * 255).astype(np.uint8), "first", "logits:0"),
            {},
            "the batch of images has type uint8 and values from",
        ),
        ((toy, PHOTOS, "third", "logits:0"), {}, r"the network returns no \['third'\]; it returns"),
        ((toy, PHOTOS, "first", "logits:9"), {}, "logits has no units '9'; it has units 0 to 5"),
        ((toy, PHOTOS, "first", obj.channel("logits", 9)), {}, "logits has units 0 to 5; unit 9 was asked for"),
        ((toy, PHOTOS, "first", []), {}, "no objectives were given"),
        ((toy, PHOTOS, "first", obj.l1()), {}, r"l1\(input\) reads input; expected a target that reads a layer"),
        ((toy, PHOTOS, "first", STEP), {}, "late reads logits, step; expected a target that reads a layer"),
        (
            (toy, PHOTOS, "first", "logits:0"),
            {"method": "smooth"},
            "method is 'smooth'; expected gradient, ",
        ),
        ((toy, PHOTOS, "first", "logits:0"), {"steps": 0}, "steps is 0; expected a whole number, at least 1"),
        (
            (toy, PHOTOS, "first", "logits:0"),
            {"baseline": np.ones(4)},
            r"the baseline has shape \(4,\); expected one",
        ),
        ((toy, PHOTOS, "first", "logits:0"), {"rules": LINEAR}, "rules are for this project's models; function has gr"),
        (
            (images_only, PHOTOS, "first", "logits:0"),
            {},
            "this function takes images only; expected a model with",
        ),
        (
            (Unsigned(), PHOTOS, "first", "logits:0"),
            {},
            "this Unsigned takes images only; expected a model with",
        ),
        (
            (toy, PHOTOS, "first", position_norm("second", 2, 0)),
            {},
            "row 2, column 0 lies outside second, which is",
        ),
        ((toy, PHOTOS, "first", position_norm("logits", 0, 0)), {}, r"logits has no positions: its shape is \(1, 6\)"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_attributed_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        attribute(*arguments, **options)


def test_targets_must_come_after_the_layer(narrow):
    with pytest.raises(ValueError, match="mixed3b does not lead to mixed3a:0; expected a layer on the way to it"):
        attribute(narrow, IMAGES, "mixed3b", "mixed3a:0")
    with pytest.raises(ValueError, match="no layer 'mixed3z'; did you mean"):
        attribute(narrow, IMAGES, "mixed3z", "mixed3a:0")


def test_positions_are_needed_on_both_ends():
    with pytest.raises(ValueError, match="logits has no positions"):
        attribute_positions(toy, PHOTOS, "first", "logits")
    with pytest.raises(ValueError, match="logits has no positions"):
        attribute_positions(toy, PHOTOS, "logits", "second")


@pytest.mark.usefixtures("unchecked")
def test_positions_are_whole_numbers():
    with pytest.raises(ValueError, match="row is -1; expected 0 or more"):
        position_norm("second", -1, 0)
    with pytest.raises(ValueError, match=r"column is 1\.5; expected a whole number"):
        position_norm("second", 0, 1.5)


def test_parts_must_fit():
    found = attribute(toy, PHOTOS, "first", "logits:0")
    with pytest.raises(ValueError, match=r"directions have shape \(3, 4\) and maps .*; expected \(parts, 5\) and"):
        found.along(np.ones((3, 4)), np.ones((2, 4, 6, 3)))
    assert repr(found) == "<attribution of logits:0 to first, 2 images>"
