"""Cases of other tools' test suites about whole renderings; those about single pieces are with the pieces."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import featvis
from featvis import objectives as obj
from featvis import param, plan, recipes
from featvis.recipes.given import objective_values
from inception_jax import LUCID, STANDARD

RNG = np.random.default_rng(0)
FIRST, SECOND = RNG.normal(0, 0.3, (3, 3, 3, 8)).astype(np.float32), RNG.normal(0, 1, (8, 10)).astype(np.float32)
PHOTO = RNG.uniform(0.2, 0.8, (24, 24, 3)).astype(np.float32)


def network(images: Any) -> dict[str, Any]:
    """A convolution and a classifier."""
    dimensions = ("NHWC", "HWIO", "NHWC")
    conv = jax.nn.relu(
        jax.lax.conv_general_dilated(images - 0.5, jnp.asarray(FIRST), (1, 1), "SAME", dimension_numbers=dimensions)
    )
    return {"conv": conv, "logits": conv.mean((1, 2)) @ SECOND}


def other(images: Any) -> dict[str, Any]:
    """Another network, which sees colours only."""
    return {"colours": images.mean((1, 2))}


def render(model: Any, objectives: Any, **options: Any) -> featvis.Result:
    return featvis.render(model, objectives, **({"progress": False, "transforms": ()} | options))


# Lucid, test_integration.py.
@pytest.mark.parametrize(("decorrelate", "fft"), [(False, False), (False, True), (True, False), (True, True)])
def test_every_kind_of_image_changes(decorrelate: bool, fft: bool) -> None:
    p = param.image(24, decorrelate=decorrelate, fft=fft)
    result = render(network, "conv:3", param=p, steps=64, snapshots=[1])
    # Adam's 64 steps of 0.05 can move a pixel through the whole range; a hundredth of it is more than rounding.
    assert np.abs(result.images[0] - result.snapshots[0, 0]).mean() > 0.01
    assert result.scores[0] > 2 * result.history[0, 0]


# Lucid, test_integration.py: images of any channels.
@pytest.mark.parametrize("channels", [1, 7])
def test_images_of_any_channels(channels: int) -> None:
    result = render(lambda images: {"seen": images}, f"seen:{channels - 1}", param=param.image(12, channels=channels))
    assert result.images.shape == (1, 12, 12, channels)
    # 512 steps of 0.05 lead all but to white; the other channels stay about grey, since nothing asks for them.
    assert result.images[..., -1].mean() > 0.9
    assert np.abs(result.images[..., :-1] - 0.5).max(initial=0) < 0.1


# Lucent, test_render.py: two thresholds, two images.
def test_two_thresholds_give_two_images() -> None:
    result = render(
        network, "conv:1", param=param.image(128), transforms=featvis.transforms.LUCID, steps=4, snapshots=[2, 4]
    )
    assert result.snapshots.shape == (1, 2, 128, 128, 3)
    assert not np.array_equal(result.snapshots[:, 0], result.snapshots[:, 1])
    np.testing.assert_array_equal(result.snapshots[:, 1], result.images)


# Lucent, test_render.py: what its hook calls "input" and "labels".
def test_objectives_see_the_image_and_the_logits() -> None:
    seen: dict[str, tuple[int, ...]] = {}

    def shapes(acts: Any) -> Any:
        seen.update({name: acts[name].shape for name in ("input", "logits")})
        return acts["logits"][0, 0] + acts["input"].mean()

    render(network, obj.function(shapes, ["input", "logits"]), param=param.image((16, 20)), steps=1)
    assert seen == {"input": (1, 16, 20, 3), "logits": (1, 10)}


# Captum, test_optimization.py: the loss falls, and there is a history of as many steps.
def test_the_history_is_that_of_all_steps() -> None:
    result = render(network, obj.class_logit("logits", 4), param=param.image(16), steps=37)
    assert result.history.shape == (1, 37)
    assert np.isfinite(result.history).all()
    assert result.history[0, -1] > result.history[0, 0]


# Captum, test_optimization.py: the input alone.
def test_an_image_is_optimised_without_a_network() -> None:
    def silent(images: Any) -> dict[str, Any]:
        del images
        return {}

    result = render(silent, -obj.mean_square(constant=0.25), param=param.image(16, fft=False), steps=256)
    # Two grey levels; without transforms there is no noise to keep Adam from the optimum.
    np.testing.assert_allclose(result.images, 0.25, atol=0.01)


# Xplique, test_optim.py: Fourier or pixels, shapes, warm-up, and how often images are kept, in all combinations of two.
@pytest.mark.parametrize(
    ("fft", "shape", "rules"),
    [
        (True, (24, 24), LUCID),
        (True, (20, 28), STANDARD),
        (False, (24, 24), STANDARD),
        (False, (20, 28), LUCID),
    ],
    ids=["fft square warm", "fft wide", "pixels square", "pixels wide warm"],
)
def test_every_pair_of_settings(narrow: Any, fft: bool, shape: tuple[int, int], rules: Any) -> None:
    settings = {"param": param.image(shape, fft=fft), "rules": rules, "steps": 6}
    plain, kept = (render(narrow, "conv2d0:0-1", snapshots=often, **settings) for often in ((), range(1, 7)))
    assert plain.images.shape == (2, *shape, 3)
    assert kept.snapshots.shape == (2, 6, *shape, 3)
    for images in (plain.images, kept.snapshots):
        assert images.min() >= 0
        assert images.max() <= 1
    assert (plain.scores > plain.history[:, 0]).all()
    # Looking on the way changes nothing.
    np.testing.assert_array_equal(kept.images, plain.images)


# Xplique, test_objectives.py: all combinations of several lists of ids, at once.
def test_all_combinations_in_one_program() -> None:
    units = [obj.channel("conv", unit) for unit in (0, 1)], [obj.class_logit("logits", c) for c in (2, 5, 7)]
    combinations = [a + b for a, b in itertools.product(*units)]
    (group,) = plan.groups(plan.jobs(combinations, seed=0, restarts=1))
    assert len(group.kinds) == 1
    result = render(network, combinations, param=param.image(16), steps=2, batch=8)
    assert result.labels[:2] == ("conv:0 + logits:2", "conv:0 + logits:5")
    assert len({image.tobytes() for image in result.images}) == 6


# Horama, test_maco.py and test_fourier.py: on a dummy model.
@pytest.mark.parametrize("p", [param.maco(24), param.image(24, decay_power=1.5)], ids=["maco", "fourier"])
def test_other_spectra_are_rendered(p: Any) -> None:
    result = render(network, ["conv:0", "conv:1"], param=p, steps=24, transforms=featvis.transforms.BOXES)
    assert result.images.shape == (2, 24, 24, 3)
    assert ((result.images >= 0) & (result.images <= 1)).all()
    own = objective_values(network, ["conv:0", "conv:1"], result.images)
    # Each image is for its own unit; sums in another order.
    np.testing.assert_allclose(np.diagonal(own), result.scores, rtol=1e-5)
    assert (np.diagonal(own) > own[::-1].diagonal()).all()


# Horama, test_accentuation.py; faccent's accentuation.
def test_photographs_are_accentuated() -> None:
    acts = network(PHOTO[None])["conv"][0]
    unit, near = obj.channel("conv", 2), obj.content("conv", acts)
    settings = {"param": param.image(24), "start": PHOTO, "steps": 32}
    free, held = (render(network, objective, **settings) for objective in (unit, unit - 20 * near))
    before = objective_values(network, [unit], PHOTO[None])[0, 0]
    moved = [np.abs(result.images[0] - PHOTO).mean() for result in (free, held)]
    after = [objective_values(network, [unit], result.images)[0, 0] for result in (free, held)]
    assert before < after[1] < after[0]
    assert moved[1] < 0.5 * moved[0]


# torch-dreams, `ModelBunch`: several models at once.
def test_several_models_at_once() -> None:
    def both(images: Any) -> dict[str, Any]:
        return network(images) | other(images)

    red = obj.channel("colours", 0)
    alone, together = render(
        both, [obj.channel("conv", 1), obj.channel("conv", 1) + red], param=param.image(24), steps=48
    ).images
    assert together[..., 0].mean() > alone[..., 0].mean() + 0.05


# torch-dreams, `MaskedImageParam`.
def test_only_what_is_masked_changes() -> None:
    mask = np.zeros((24, 24), np.float32)
    mask[6:18, 4:20] = 1
    result = render(network, "conv:1", param=param.masked(PHOTO, mask, param.image(24)), steps=8)
    np.testing.assert_array_equal(result.images[0][mask == 0], PHOTO[mask == 0])
    assert np.abs(result.images[0] - PHOTO)[mask == 1].mean() > 0.05


# Lucid, test_channel_reducer.py: channels that are all alike have one component.
@pytest.mark.parametrize("n", [2, 5, 9])
def test_equal_channels_have_one_component(n: int) -> None:
    factors = recipes.reduce(np.repeat(np.eye(10)[..., None], 10, axis=-1), n)
    np.testing.assert_allclose(factors.directions[0], 10**-0.5, rtol=1e-5)  # float32
    # NMF begins with the mean, a tenth of the values, where a component is zero, and has no reason to change that.
    lengths = np.linalg.norm(factors.maps, axis=(0, 1))
    assert lengths[1:].max() < 0.02 * lengths[0]
