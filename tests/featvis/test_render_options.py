"""What `render` can do besides: several images, starts, targets, snapshots, shared draws, line searches, origins."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image

import featvis
from featvis import engine, param, plan, store
from featvis import objectives as obj
from featvis.result import Origin
from inception_jax import STANDARD

SMALL = {"param": param.image(48), "progress": False}


def render(model, objectives, **options):
    return featvis.render(model, objectives, **(SMALL | options))


@dataclass(frozen=True)
class Pixels:
    """Pixels themselves, of one image or of several, which can begin with a photograph."""

    shape: tuple[int, ...]
    alpha: bool = False

    def init(self, key):
        return 0.1 * jax.random.normal(key, self.shape)

    def __call__(self, params):
        return jax.nn.sigmoid(params)

    def invert(self, image):
        safe = jnp.clip(image, 1e-4, 1 - 1e-4)
        return jnp.log(safe / (1 - safe))


def whole(images):
    """A network whose activations are the images."""
    return {"pixels": images, "mean": images.mean((1, 2))}


def peak(acts):
    return acts["mixed3a"].max()


def difference(acts):
    """How much the images of a result differ."""
    first, second = acts["pixels"]
    return jnp.abs(first - second).mean()


def test_kinds_in_one_program_come_out_as_alone(narrow):
    kinds = [
        obj.channel("mixed3a", 1),
        obj.neuron("mixed3a", 2),
        obj.direction("mixed3a", np.ones(narrow.layers["mixed3a"])),
        obj.function(peak, ["mixed3a"]),
    ]
    together = render(narrow, kinds, steps=6, batch=4)
    assert together.labels == tuple(kind.label for kind in kinds)
    for i, kind in enumerate(kinds):
        alone = render(narrow, kind, steps=6)
        # As for units of one kind: sums in another order, and Adam divides small gradients by their own size.
        np.testing.assert_allclose(together.images[i], alone.images[0], atol=2e-3)


def test_kinds_that_read_the_same_layers_share_a_program():
    deep, shallow = obj.channel("mixed4a", 0), obj.channel("mixed3a", 0)
    listed = [deep, shallow, obj.neuron("mixed4a", 1), deep - obj.total_variation(), obj.channel("mixed4a", 9)]
    groups = plan.groups(plan.jobs(listed, 0, 1))
    assert [(group.layers, len(group.kinds), len(group.jobs)) for group in groups] == [
        (("mixed4a",), 3, 4),
        (("mixed3a",), 1, 1),
    ]


def test_too_many_kinds_for_one_program():
    listed = [obj.direction("mixed3a", np.ones(n)) for n in range(1, 2 + plan.MOST_KINDS)]
    assert [len(group.kinds) for group in plan.groups(plan.jobs(listed, 0, 1))] == [plan.MOST_KINDS, 1]


def test_facets_read_the_gradient_of_the_objective_alone(narrow):
    start = np.random.default_rng(0).uniform(0.2, 0.8, (48, 48, 3)).astype(np.float32)
    weights = np.random.default_rng(1).standard_normal(narrow.layers["mixed3a"])
    unit, facet = obj.channel("mixed3b", 3), obj.facet("mixed3a", weights, "positive")
    settings = {"param": Pixels((48, 48, 3)), "start": start, "transforms": [], "steps": 1, "rules": STANDARD}
    found = render(narrow, unit + 0.5 * facet, **settings).history[0, 0]

    # The same by the model's own edits and JAX's gradient.
    def alone(more):
        return narrow(start[None], taps=["mixed3b"], edits={"mixed3a": lambda a: a + more})["mixed3b"][..., 3].mean()

    acts = narrow(start[None], taps=["mixed3a", "mixed3b"])
    gradient = jax.grad(alone)(jnp.zeros_like(acts["mixed3a"]))
    expected = acts["mixed3b"][..., 3].mean() + 0.5 * (acts["mixed3a"] * jax.nn.relu(gradient) * weights).sum()
    # Sums of ten thousand float32 numbers, in another order.
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_gradients_at_layers_need_a_network_of_ours():
    with pytest.raises(ValueError, match="needs the gradient at pixels, which is not computed here"):
        render(whole, obj.channel("mean", 0) + obj.facet("pixels", np.ones(3), "signed"), param=Pixels((8, 8, 3)))


def test_several_images_of_one_result():
    result = render(whole, [obj.function(difference, ["pixels"])] * 3, param=Pixels((2, 16, 16, 3)), steps=40)
    assert result.images.shape == (3, 2, 16, 16, 3)
    assert repr(result) == "<3 times 2 images of 16x16 pixels: difference, difference, difference>"
    np.testing.assert_allclose(result.scores, np.abs(result.images[:, 0] - result.images[:, 1]).mean((1, 2, 3)), 1e-5)
    assert (result.scores > 2 * result.history[:, 0]).all()


@pytest.mark.parametrize(("share", "same"), [("image", False), ("result", True), ("all", True)])
def test_draws_are_shared_as_asked(share, same):
    # Objectives see what random noise was added: the draws are equal where the difference of equal images is zero.
    result = render(
        whole,
        obj.function(difference, ["pixels"]),
        param=Pixels((2, 8, 8, 3)),
        start=np.full((2, 8, 8, 3), 0.5),
        transforms=[noisy],
        share=share,
        steps=1,
    )
    assert (result.history[0, 0] == 0) == same


def noisy(key, image):
    return image + jax.random.normal(key, image.shape)


def test_all_units_may_share_their_draws():
    # Two units that differ in name alone see the same noise only where it is shared.
    listed = [obj.channel("pixels", 1) * 1.0, obj.channel("pixels", 1) + 0.0]
    options = {"transforms": [noisy], "param": Pixels((8, 8, 3)), "start": np.full((8, 8, 3), 0.5), "steps": 1}
    shared = render(whole, listed, share="all", **options).history[:, 0]
    own = render(whole, listed, share="image", **options).history[:, 0]
    assert shared[0] == shared[1]
    assert own[0] != own[1]


def test_an_image_begins_where_it_is_told():
    start = np.linspace(0.1, 0.9, 2 * 16 * 16 * 3).reshape(2, 16, 16, 3).astype(np.float32)
    result = render(whole, "pixels:0,1", param=Pixels((16, 16, 3)), start=start, steps=2, optimizer=optax.sgd(0.0))
    # Back and forth through the sigmoid, in float32.
    np.testing.assert_allclose(result.images, start, atol=1e-5)
    np.testing.assert_allclose(jax.nn.sigmoid(result.params), start, atol=1e-5)


def test_a_target_ends_an_optimisation():
    free = render(whole, "pixels:0-1", param=Pixels((8, 8, 3)), transforms=[], steps=60, batch=2)
    target = [float(free.history[0, 20]), np.inf]
    result = render(whole, "pixels:0-1", param=Pixels((8, 8, 3)), transforms=[], steps=60, stop_at=target, batch=2)
    assert result.reached.tolist() == [True, False]
    assert result.steps_done.tolist() == [20, 60]
    assert not result.interrupted
    # The same optimisation up to there, then nothing.
    np.testing.assert_array_equal(result.history[0, :21], free.history[0, :21])
    assert np.isnan(result.history[0, 21:]).all()
    # The mean over pixels, computed by another program.
    np.testing.assert_allclose(result.images[0, ..., 0].mean(), target[0], rtol=1e-5)
    # The program that can stop is another one than the one that cannot: rounding of float32 may differ.
    np.testing.assert_allclose(result.images[1], free.images[1], rtol=0, atol=1e-6)


def test_targets_reached_by_all_save_the_rest(monkeypatch):
    calls = []
    advance = engine.advance
    monkeypatch.setattr(engine, "advance", lambda *a: calls.append(1) or advance(*a))
    result = render(whole, "pixels:0", param=Pixels((8, 8, 3)), steps=160, stop_at=0.0, snapshots=[150])
    assert len(calls) == 1
    assert result.steps_done.tolist() == [0]
    np.testing.assert_array_equal(result.snapshots[:, 0], result.images)


def test_snapshots_are_the_images_of_shorter_runs(narrow):
    long = render(narrow, "conv2d0:1", steps=21, snapshots=[21, 3, 16])
    assert long.snapshot_steps == (3, 16, 21)
    assert long.snapshots.shape == (1, 3, 48, 48, 3)
    for place, steps in enumerate(long.snapshot_steps):
        np.testing.assert_array_equal(long.snapshots[:, place], render(narrow, "conv2d0:1", steps=steps).images)


def test_snapshots_of_an_interrupted_run_are_missing(monkeypatch):
    advance = engine.advance
    calls = []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return advance(*arguments)

    monkeypatch.setattr(engine, "advance", interrupted)
    result = render(whole, "pixels:0", param=Pixels((8, 8, 3)), steps=32, snapshots=[8, 32])
    assert result.steps_done.tolist() == [8]
    assert np.isfinite(result.snapshots[0, 0]).all()
    assert np.isnan(result.snapshots[0, 1]).all()


def test_line_searches_find_the_optimum_of_a_parabola():
    def closeness(acts):
        return -jnp.square(acts["pixels"] - 0.3).mean()

    result = render(
        whole,
        [obj.function(closeness, ["pixels"], "near 0.3"), obj.function(closeness, ["pixels"], "again")],
        param=Pixels((4, 4, 3)),
        transforms=[],
        optimizer=optax.lbfgs(),
        steps=12,
    )
    # L-BFGS converges faster than linearly; plain gradient descent is far away after as many steps.
    np.testing.assert_allclose(result.images, 0.3, atol=1e-3)
    assert (np.diff(result.history[:, :4]) >= 0).all()


def test_any_image_can_be_made_again(narrow):
    listed = ["mixed3a:0-5", "-mixed3a_pre_relu:1", "conv2d0:3"]
    whole_job = render(narrow, listed, steps=18, restarts=2, batch=4)
    names = ["mixed3a:4", "-mixed3a_pre_relu:1", "conv2d0:3"]
    places = [whole_job.labels.index(name) for name in names]
    stored = [tuple(whole_job.origins[i]) for i in places]
    some = render(narrow, names, steps=18, batch=4, origins=[Origin(*origin) for origin in stored])
    np.testing.assert_array_equal(some.images, whole_job.images[places])
    np.testing.assert_array_equal(some.history, whole_job.history[places])


def test_transparent_images_are_seen_on_random_backgrounds():
    result = render(whole, "pixels:0-1", param=Pixels((8, 8, 4), alpha=True), transforms=[], steps=64)
    assert result.images.shape == (2, 8, 8, 4)
    # Opaque and of its colour is what shows best on every background.
    assert (result.images[..., 3] > 0.8).all()
    on_grey = result.images[..., :3] * result.images[..., 3:] + 0.5 * (1 - result.images[..., 3:])
    np.testing.assert_allclose(result.scores, [on_grey[i, ..., i].mean() for i in range(2)], rtol=1e-5)


def test_networks_of_other_channels():
    result = render(whole, "pixels:4", param=Pixels((8, 8, 7)), steps=8)
    assert result.images.shape == (1, 8, 8, 7)
    assert result.scores[0] > result.history[0, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"snapshots": [0]}, r"snapshots are \[0\]; expected numbers of steps from 1 to 4"),
        ({"snapshots": [2, 5]}, r"snapshots are \[2, 5\]; expected numbers of steps from 1 to 4"),
        ({"stop_at": [1.0, 2.0, 3.0]}, "stop_at has 3 values for 2 objectives; expected one, or one for each"),
        ({"start": np.zeros((8, 8, 3))}, r"start has shape \(8, 8, 3\); expected \(16, 16, 3\), or \(2, 16, 16, 3\)"),
        ({"start": np.full((16, 16, 3), 2.0)}, "start has values from 2 to 2; expected 0 to 1"),
        ({"origins": []}, "0 origins for 2 objectives and 1 restarts; expected one for each"),
    ],
)
def test_errors_say_what_is_expected(options, message):
    with pytest.raises(ValueError, match=message):
        render(whole, "pixels:0-1", param=Pixels((16, 16, 3)), steps=4, **options)


def test_our_networks_take_colour_images(narrow):
    with pytest.raises(ValueError, match=r"images have 1 channels after the transforms; inception5h.* takes 3"):
        render(narrow, "conv2d0:1", param=Pixels((48, 48, 1)))


def test_starting_needs_an_inverse():
    class Random:
        shape = (8, 8, 3)

        def init(self, key):
            return jax.random.normal(key, self.shape)

        def __call__(self, params):
            return jax.nn.sigmoid(params)

    with pytest.raises(ValueError, match=r"cannot begin with an image; featvis.param.image and others with `invert`"):
        render(whole, "pixels:0", param=Random(), start=np.zeros((8, 8, 3)))


def test_results_show_and_keep_themselves(tmp_path):
    result = render(whole, "pixels:0-2", param=Pixels((16, 16, 3)), steps=6, snapshots=[2, 4], stop_at=[0.0, 1.0, 1.0])
    html = result._repr_html_()
    assert html.count("<img") == 3
    assert "pixels:2" in html
    assert "<h1" in result.to_html(title="Three")
    # Three images of 16 pixels, four gaps of 8, a line of text.
    assert result.sheet(columns=3).size == (3 * 16 + 4 * 8, 16 + 13 + 3 * 8)
    again = featvis.Result.load(result.save(tmp_path / "saved"))
    for name in ("images", "history", "scores", "indices", "steps_done", "reached", "snapshots"):
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name))
        assert getattr(again, name).dtype == getattr(result, name).dtype
    for name in ("labels", "snapshot_steps", "origins", "seed", "interrupted"):
        assert getattr(again, name) == getattr(result, name)


def test_videos_end_with_the_image(tmp_path):
    result = render(whole, "pixels:0-1", param=Pixels((2, 16, 16, 3)), steps=6, snapshots=[2, 4])
    result.video(tmp_path / "two.png", unit=1)
    with Image.open(tmp_path / "two.png") as video:
        assert (video.n_frames, video.size) == (3, (32, 16))
        video.seek(2)
        # Eight bits a channel.
        np.testing.assert_allclose(np.asarray(video)[:, 16:, :3] / 255, result.images[1, 1], atol=0.5 / 255 + 1e-6)


def test_videos_need_snapshots(tmp_path):
    result = render(whole, "pixels:0", param=Pixels((8, 8, 3)), steps=1)
    with pytest.raises(ValueError, match="there are no snapshots; render with snapshots="):
        result.video(tmp_path / "none.webp")


def test_other_folders_are_no_results(tmp_path):
    store.save(tmp_path / "other", np.zeros((1, 8, 8, 3)), ["a"])
    with pytest.raises(ValueError, match=r"holds no result of featvis.render: history, scores, .* are missing"):
        featvis.Result.load(tmp_path / "other")
