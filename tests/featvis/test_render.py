"""The compiled program: batching, keys, restarts, interruption, other people's models."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import featvis
import inception_jax
from featvis import engine, memory, network, param, plan, transforms
from featvis import objectives as obj
from inception_jax.gradients import max_pool_average_gradient, redirected_relu

SMALL = {"param": param.image(48), "progress": False}


def render(model, objectives, **options):
    return featvis.render(model, objectives, **(SMALL | options))


def test_eight_together_equal_eight_alone(narrow):
    together = render(narrow, "mixed3a:0-7", steps=8, batch=8)
    for i, label in enumerate(together.labels):
        alone = render(narrow, label, steps=8)
        # Convolutions add in another order in a batch, and Adam divides small gradients by their own size.
        np.testing.assert_allclose(together.images[i], alone.images[0], atol=2e-3)


def test_the_same_call_gives_the_same_bits_and_compiles_nothing(narrow):
    options = {"steps": 20, "restarts": 2}
    first = render(narrow, ["mixed3a:1", "-mixed3a_pre_relu:2"], **options)
    before = [f.jitted._cache_size() for f in (engine.init, engine.advance, engine.finish)]
    again = render(narrow, ["mixed3a:1", "-mixed3a_pre_relu:2"], **options)
    assert [f.jitted._cache_size() for f in (engine.init, engine.advance, engine.finish)] == before
    for name in ("images", "history", "scores"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_units_seeds_and_steps_are_data(narrow):
    render(narrow, "mixed3a:1", steps=3)
    before = engine.advance.jitted._cache_size()
    render(narrow, "mixed3a:5", steps=21, seed=9)
    assert engine.advance.jitted._cache_size() == before


def test_chunks_do_not_show(narrow):
    whole = render(narrow, "conv2d0:1", steps=20)
    step = render(narrow, "conv2d0:1", steps=16)
    np.testing.assert_array_equal(whole.history[:, :16], step.history)
    assert np.isfinite(whole.history).all()
    assert whole.steps_done.tolist() == [20]


def test_images_rise_on_their_own_objective(narrow):
    result = render(narrow, ["mixed3a:4", "mixed3a:2", "mixed3b:3"], steps=32)
    assert (result.history[:, -8:].mean(1) > 2 * np.abs(result.history[:, 0])).all()
    acts = narrow(result.images, taps=["mixed3a", "mixed3b"])
    own = [acts["mixed3a"][0, ..., 4], acts["mixed3a"][1, ..., 2], acts["mixed3b"][2, ..., 3]]
    np.testing.assert_allclose(result.scores, [a.mean() for a in own], rtol=1e-4)


def test_order_is_that_of_the_list(narrow):
    labels = ["mixed3a:1", "conv2d0:0", "mixed3a:0", "conv2d0:3"]
    result = render(narrow, labels, steps=1)
    assert list(result.labels) == labels
    assert result.indices.tolist() == [0, 1, 2, 3]


def test_listed_twice_means_two_images(narrow):
    result = render(narrow, ["conv2d0:1", "conv2d0:1"], steps=2)
    assert not np.allclose(*result.images)
    np.testing.assert_array_equal(result.images[0], render(narrow, ["conv2d0:1", "conv2d0:1"], steps=2).images[0])


def test_the_best_attempt_is_kept(narrow):
    three = render(narrow, "mixed3a:2", steps=4, restarts=3)
    one = render(narrow, "mixed3a:2", steps=4)
    assert three.images.shape == one.images.shape
    words = [job.key for job in plan.jobs([obj.channel("mixed3a", 2)], 0, 3)]
    keys = jax.random.wrap_key_data(jnp.array(words, jnp.uint32))
    scores = attempt_scores(narrow, keys)
    np.testing.assert_allclose(three.scores[0], max(scores), rtol=1e-3)
    np.testing.assert_allclose(one.scores[0], scores[0], rtol=1e-3)


def attempt_scores(model, keys):
    """The same optimisations as plain loops, step by step."""
    p, optimizer = SMALL["param"], optax.adam(0.05)

    @jax.jit
    def score(params):
        return model(p(params)[None], taps=["mixed3a"])["mixed3a"][..., 2].mean()

    @jax.jit
    def gradient(params, key, step):
        return jax.grad(value)(params, jax.random.fold_in(jax.random.fold_in(key, 1), step))

    def value(params, key):
        image = transforms.apply(transforms.LUCID, key, p(params))
        rules = inception_jax.Rules(relu=lambda x: inception_jax.gradients.redirected_relu(x, True))
        return model(image[None], taps=["mixed3a"], rules=rules)["mixed3a"][..., 2].mean()

    scores = []
    for key in keys:
        params = p.init(jax.random.fold_in(key, 0))
        state = optimizer.init(params)
        for step in range(4):
            rise = gradient(params, key, step)
            updates, state = optimizer.update(jax.tree.map(jnp.negative, rise), state)
            params = optax.apply_updates(params, updates)
        scores.append(float(score(params)))
    return scores


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_constant_images_have_finite_gradients(narrow, value):
    # A pixel parameterisation that starts from black, grey or white.
    start = float(np.log(np.clip(value, 1e-6, 1 - 1e-6) / (1 - np.clip(value, 1e-6, 1 - 1e-6))))
    result = render(narrow, "mixed3a:0-1", steps=3, param=Constant(start))
    assert np.isfinite(result.images).all()
    assert np.isfinite(result.history).all()


class Constant:
    """A parameterisation of one's own."""

    shape = (48, 48, 3)

    def __init__(self, start):
        self.start = start

    def init(self, key):
        del key
        return jnp.full(self.shape, self.start)

    def __call__(self, params):
        return jax.nn.sigmoid(params)


def test_own_functions_optimisers_and_objectives(narrow):
    result = render(
        narrow,
        [obj.channel("mixed3a", 1) - 1e-4 * obj.total_variation(), obj.function(peak, ["mixed3a"])],
        steps=3,
        optimizer=optax.sgd(1.0),
        transforms=[lambda key, image: image + 0.01 * jax.random.normal(key, image.shape)],
        rules=inception_jax.LINEAR,
    )
    assert result.images.shape == (2, 48, 48, 3)


def peak(acts):
    return acts["mixed3a"].max()


def test_bfloat16_keeps_float32_parameters(narrow):
    half = render(narrow, "mixed3a:2", steps=32, dtype=jnp.bfloat16)
    full = render(narrow, "mixed3a:2", steps=32)
    assert half.images.dtype == np.float32
    # The same optimisation with 8-bit mantissas: another image, about as good.
    assert half.scores[0] > 0.8 * full.scores[0]


def test_ctrl_c_returns_what_is_done(narrow, monkeypatch):
    calls = []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return advance(*arguments)

    advance = engine.advance
    monkeypatch.setattr(engine, "advance", interrupted)
    stored = []
    result = render(narrow, "conv2d0:0-5", steps=32, batch=2, on_batch=stored.append)
    # Two chunks finish the first two units, the next two had one chunk, the last two none.
    assert result.labels == ("conv2d0:0", "conv2d0:1", "conv2d0:2", "conv2d0:3")
    assert result.steps_done.tolist() == [32, 32, 16, 16]
    assert result.interrupted
    assert np.isnan(result.history[2, 16:]).all()
    assert np.isfinite(result.history[2, :16]).all()
    assert [len(part) for part in stored] == [2, 2]
    assert repr(result) == "<4 images of 48x48 pixels: conv2d0:0, conv2d0:1, conv2d0:2, conv2d0:3>"


def test_ctrl_c_between_batches_is_an_interruption_too(narrow, monkeypatch):
    interrupt_second_batch(monkeypatch)
    result = render(narrow, "conv2d0:0-3", steps=2, batch=2)
    assert result.steps_done.tolist() == [2, 2]
    assert result.interrupted


def test_ctrl_c_between_attempts_leaves_the_unit_unfinished(narrow, monkeypatch):
    interrupt_second_batch(monkeypatch)
    result = render(narrow, "conv2d0:0", steps=2, batch=1, restarts=2)
    assert result.steps_done.tolist() == [0]
    assert np.isfinite(result.history).all()


@pytest.mark.parametrize("where", ["finish", "on_batch"])
def test_ctrl_c_anywhere_keeps_what_is_finished(narrow, monkeypatch, where):
    def after_a_batch(part):
        stored.append(part)
        if where == "finish":
            monkeypatch.setattr(engine, "finish", interrupt)
        else:
            raise KeyboardInterrupt

    stored = []
    result = render(narrow, "conv2d0:0-3", steps=2, batch=2, on_batch=after_a_batch)
    assert result.labels == ("conv2d0:0", "conv2d0:1")
    assert result.interrupted


def test_lists_of_all_lengths_need_few_programs():
    jobs = plan.jobs([obj.channel("mixed3a", 0)], 0, 1)
    groups = [plan.Group((), (), [], jobs * n) for n in range(1, 600)]
    widths = {len(batch.padded) for group in groups for batch in plan.batches(group, 256, jobs)}
    assert widths == {1, 2, 4, 8, 16, 32, 64, 128, 256}


def test_lucids_schedule_goes_with_other_rules(narrow):
    smooth = inception_jax.Rules(relu=redirected_relu, max_pool=max_pool_average_gradient)
    results = [render(narrow, "mixed3a:2", steps=18, rules=r) for r in (inception_jax.LUCID, smooth)]
    assert not np.array_equal(results[0].images, results[1].images)
    assert network.rules_at(smooth, 16).relu(DEAD).shape == DEAD.shape
    gradients = [jax.grad(lambda x, s=s: -network.rules_at(smooth, s).relu(x).sum())(DEAD) for s in (16, 17)]
    assert [float(g[0, 0]) for g in gradients] == [-1.0, 0.0]


DEAD = jnp.array([[-1.0, -2.0]])


def test_out_of_memory_is_a_memory_error(narrow, monkeypatch):
    def too_much(*_):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes")

    monkeypatch.setattr(engine, "advance", too_much)
    with pytest.raises(MemoryError, match=r"^the device's memory does not hold 1 results at once$"):
        render(narrow, "conv2d0:0", steps=2)


def interrupt(*_):
    raise KeyboardInterrupt


def interrupt_second_batch(monkeypatch):
    """The first steps make the start of the next batch a Ctrl-C."""

    def advance_once(*arguments):
        monkeypatch.setattr(engine, "init", interrupt)
        return advance(*arguments)

    advance = engine.advance
    monkeypatch.setattr(engine, "advance", advance_once)


def test_ctrl_c_before_anything_is_done_is_ctrl_c(narrow, monkeypatch):
    monkeypatch.setattr(engine, "advance", interrupt)
    with pytest.raises(KeyboardInterrupt):
        render(narrow, "conv2d0:0", steps=2)


def two_layers(images):
    first = jax.lax.conv_general_dilated(images, KERNEL, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return {"first": first, "second": jax.nn.relu(first).mean((1, 2))}


KERNEL = jnp.asarray(np.random.default_rng(0).standard_normal((5, 5, 3, 4)), jnp.float32)


def test_any_function_is_a_model():
    result = render(two_layers, ["first:1", "second:0-2"], steps=8)
    assert result.labels == ("first:1", "second:0", "second:1", "second:2")
    assert result.scores[0] > abs(result.history[0, 0])


def test_a_pytree_model_brings_its_arrays_as_arguments():
    def apply(kernel, images):
        return {"first": jnp.tanh(jnp.einsum("nhwc,cd->nhwd", images, kernel))}

    first = render(jax.tree_util.Partial(apply, jnp.eye(3)), "first:0", steps=4)
    before = engine.advance.jitted._cache_size()
    second = render(jax.tree_util.Partial(apply, -jnp.eye(3)), "first:0", steps=4)
    assert engine.advance.jitted._cache_size() == before
    assert first.images[..., 0].mean() > 0.5 > second.images[..., 0].mean()


def test_batches_fit_the_memory_of_a_device(monkeypatch):
    class Device:
        platform = "gpu"

        def memory_stats(self):
            return {"bytes_limit": 20 << 30, "bytes_in_use": 4 << 30}

    monkeypatch.setattr(jax, "local_devices", lambda: [Device()])
    assert memory.batch_size(1 << 20) == memory.ACCELERATOR_LIMIT
    assert memory.batch_size(1 << 30) == 5
    assert memory.batch_size(1 << 40) == 1


def test_batches_fit_the_memory_of_the_host():
    assert memory.batch_size(1 << 20) == memory.CPU_BATCH
    assert memory.batch_size(1 << 50) == 1


def test_other_networks_are_sized_by_their_intermediates():
    def logits_only(images):
        return {"logits": jax.jit(lambda x: jnp.exp(x).sum((1, 2)))(images)}

    size = network.activation_bytes(logits_only, ("logits",), (1, 224, 224, 3))
    assert size >= 4 * 224 * 224 * 3


@pytest.mark.parametrize(
    ("objectives", "options", "message"),
    [
        ("mixed4z:1", {}, "no layer 'mixed4z'; did you mean"),
        (obj.channel("mixed4z", 1), {}, "no layer 'mixed4z'"),
        (obj.channel("conv2d0", 99), {}, "conv2d0 has units 0 to 7; unit 99 was asked for"),
        ([], {}, "no objectives were given; expected at least one"),
        ([3], {}, "3 is no objective; expected"),
        ("conv2d0:1", {"steps": 0}, "steps is 0; expected a whole number, at least 1"),
        ("conv2d0:1", {"restarts": 0}, "restarts is 0; expected a whole number, at least 1"),
        ("conv2d0:1", {"batch": 0}, "batch is 0; expected a whole number, at least 1"),
        ("conv2d0:1", {"dtype": jnp.int32}, "expected a floating-point type"),
        ("softmax2:1", {}, "48x48 pixels give 'avgpool0' a map of 2x2, but it needs at least 7x7"),
        ("conv2d0:1", {"param": lambda: param.image(48)}, "expected a parameterisation, such as"),
        ("conv2d0:1", {"transforms": [transforms.jitter(64)]}, "leaves an image of -16x-16 pixels"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_errors_come_before_anything_is_compiled(narrow, objectives, options, message):
    with pytest.raises(ValueError, match=message):
        render(narrow, objectives, **options)


def test_other_models_cast_themselves():
    with pytest.raises(ValueError, match="dtype bfloat16 is for this project's models; cast function yourself"):
        render(two_layers, "first:1", dtype=jnp.bfloat16)

    with pytest.raises(ValueError, match="rules are for this project's models; function has gradients of its own"):
        render(two_layers, "first:1", rules=inception_jax.LINEAR)


def test_what_is_compiled_must_be_hashable(narrow):
    class Weighted:
        __hash__ = None

        def __call__(self, _, image):
            return image

    with pytest.raises(ValueError, match=r"transforms cannot be compiled once and reused .* frozen dataclasses"):
        render(narrow, "conv2d0:1", transforms=[Weighted()])


def test_networks_without_the_layer_are_refused():
    with pytest.raises(ValueError, match=r"the network returns no \['third'\]; it returns \['first', 'second'\]"):
        render(two_layers, obj.channel("third", 0))
