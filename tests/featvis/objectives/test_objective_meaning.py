"""What single objectives are for, beyond their values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_table import ACTS, BLURRED, IMAGE, A, V, W

import featvis
from featvis import objectives as obj

KNOWN = {"a": jnp.full((2, 1, 1, 2), 1.3), "input": jnp.zeros((2, 8, 8, 3))}


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (obj.channel("a", 0), 1.3),
        (obj.neuron("a", 1), 1.3),
        (obj.deepdream("a"), 1.3**2),
        (obj.total_variation("a"), 0),
        (obj.on(obj.l1("a"), 0), 2.6),
        (obj.on(obj.l2("a"), 0), 1.3 * 2**0.5),
        (-obj.diversity("a"), -1),
        (obj.interpolate(obj.channel("a", 0), obj.channel("a", 1)), 2.6),
        (obj.alignment("a"), 0),
        (obj.direction_neuron("a", np.ones(2)), 2.6),
        (obj.direction_neuron("a", np.ones(2), whitening=np.ones((2, 2))), 5.2),
        (obj.tensor_direction("a", np.ones((1, 1, 2))), 2.6),
        (obj.direction("a", np.zeros(2)), 0),
        (obj.sum_of(obj.on(obj.channel("a", 0), i % 2) for i in range(400)), 520),
    ],
    ids=lambda value: getattr(value, "label", None),
)
def test_the_values_that_captum_tests(objective, expected):
    """Two images of one position, whose two units are 1.3."""
    # float32, and 1e-6 under the root.
    assert float(objective(KNOWN)) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("vector", "expected"), [([3, 4], 1), ([-4, 3], 0), ([-3, -4], -1)])
def test_cosine_of_parallel_orthogonal_and_opposite_vectors(vector, expected):
    acts = {"a": jnp.array([[[[6.0, 8.0]]]])}
    # 1e-4 is added to lengths of 10 and 5.
    assert float(obj.cosine("a", np.array(vector, float))(acts)) == pytest.approx(expected, abs=1e-4)


def test_the_power_prefers_the_angle():
    """Of two activations with the same dot product, the one along the direction counts more."""
    along, aside = ({"a": jnp.array([[a]])} for a in ([1.0, 0.0], [1.0, 1.0]))
    plain, angled = (obj.direction("a", np.array([1.0, 0.0]), power) for power in (0.0, 2.0))
    assert float(plain(along)) == float(plain(aside)) == 1.0
    # The cosine of 45 degrees, squared; 1e-4 is added to both lengths.
    assert float(angled(aside)) == pytest.approx(0.5 * float(angled(along)), rel=1e-3)


def test_whitening_is_linear_in_the_vector():
    matrix = np.random.default_rng(0).standard_normal((6, 6))
    both = obj.direction("a", V + W, whitening=matrix)(ACTS)
    each = obj.direction("a", V, whitening=matrix)(ACTS) + obj.direction("a", W, whitening=matrix)(ACTS)
    np.testing.assert_allclose(both, each, rtol=1e-4, atol=1e-5)  # float32 sums.


@pytest.mark.parametrize("objective", [obj.blur_input_each_step(), obj.blur_alpha_each_step()])
def test_a_step_replaces_the_image_by_a_blurred_one(objective):
    """(1 - k) * image + k * blurred, of all channels or of the opacity."""
    gradient = jax.grad(objective)({"input": ACTS["input"]})["input"]
    expected = 0.7 * IMAGE + 0.3 * BLURRED
    if objective.label == "blur(alpha)":
        expected[..., :3] = IMAGE[..., :3]
    np.testing.assert_allclose(IMAGE - 0.3 * gradient, expected, atol=1e-5)  # float32 sums of 9 numbers.


def test_a_map_of_weights_is_resized():
    acts = {"a": jnp.arange(1.0, 5.0).reshape(1, 1, 4, 1)}
    facet = obj.facet("a", np.array([0.0, 1.0]).reshape(1, 2, 1))
    assert float(facet(acts)) == pytest.approx(np.dot([0, 0.25, 0.75, 1], [1, 2, 3, 4]))


def test_attributions_count_as_constant():
    facet = obj.facet("a", V, "signed")
    gradients = jax.grad(facet)(ACTS)
    np.testing.assert_allclose(gradients["a"], ACTS["gradient:a"] * V, rtol=1e-6)  # float32
    assert not gradients["gradient:a"].any()


@pytest.mark.parametrize(
    "objective", [obj.caricature("a", 1, 2.0), obj.inversion("a", 1), obj.content("a", 1), obj.style("a", 1)]
)
def test_a_reference_is_not_pulled_along(objective):
    gradient = jax.grad(objective)(ACTS)["a"]
    assert not gradient[1].any()
    assert gradient[0].any()
    assert gradient[2].any()


def test_a_photograph_is_closest_to_itself():
    photograph, other = {"a": ACTS["a"][:1]}, {"a": ACTS["a"][1:2]}
    for closeness in (obj.inversion("a", A[0]), -obj.content("a", A[0]), -obj.style("a", A[0])):
        assert float(closeness(photograph)) == pytest.approx(0, abs=1e-6)  # float32 products.
        assert float(closeness(other)) < -0.1


def test_diversity_of_images_that_are_the_same_and_of_such_that_share_nothing():
    same = {"a": jnp.tile(ACTS["a"][:1], (4, 1, 1, 1))}
    apart = {"a": jnp.eye(3).reshape(3, 1, 1, 3) * jnp.array([1.0, 5.0, 0.1]).reshape(3, 1, 1, 1)}
    # Three others each; float32 sums.
    assert float(obj.diversity("a")(same)) == pytest.approx(3, rel=1e-5)
    assert float(obj.diversity("a")(apart)) == pytest.approx(0, abs=1e-6)
    assert float(obj.alignment("a")(same)) == 0


@pytest.mark.parametrize("step", [0, 40, 100, 250])
def test_schedules(step):
    acts = {"step": jnp.float32(step)}
    assert float(obj.decay(100)(acts)) == pytest.approx(max(0, 1 - step / 100))
    assert float(obj.only_after(100)(acts)) == float(step >= 100)
    assert float(obj.schedule(halved)(acts)) == step / 2


def halved(step):
    return step / 2


def test_render_takes_all_kinds(narrow):
    photograph = np.full((32, 32, 3), 0.5, np.float32)
    acts = narrow(photograph[None], taps=("conv2d0",))["conv2d0"][0]
    units = acts.shape[-1]
    listed = [
        obj.channel("conv2d0", 1) * obj.decay(10) - 0.1 * obj.blur_input_each_step(),
        obj.direction_neuron("conv2d0", np.ones(units), cossim_pow=2),
        obj.caricature("conv2d0", acts, 1.0) - obj.input_difference(photograph),
        -obj.style("conv2d0", acts),
    ]
    result = featvis.render(
        narrow, listed, steps=2, param=featvis.param.image(32), transforms=[], progress=False, batch=4
    )
    assert np.isfinite(result.history).all()
    assert list(result.labels) == [objective.label for objective in listed]
