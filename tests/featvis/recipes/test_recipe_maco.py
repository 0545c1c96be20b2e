"""MaCo: images seen through many crops at every update."""

import sys
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import featvis
from featvis import transforms as t
from featvis.param.spectrum import natural
from featvis.recipes import maco
from featvis.recipes.maco import views

SMALL = featvis.param.maco(16, natural(16, contrast=0.5))


def rgb(images):
    return {"rgb": images}


def magnitudes(image):
    """Of the Fourier coefficients of decorrelated colours before the sigmoid, without the mean and those that are real
    in all real images."""
    raw = featvis.color.from_rgb(np.log(image / (1 - image)))
    found = np.abs(np.fft.rfft2(np.moveaxis(np.asarray(raw), -1, 0)))
    return found[:, 1:8, 1:8]


def test_phases_change_once_in_as_many_steps_as_there_are_crops():
    result = maco(rgb, "rgb:0", updates=3, crops=4, view=8, param=SMALL, snapshots=range(1, 13))
    shown = result.snapshots[0]
    changed = [bool(np.abs(after - before).max() > 1e-3) for before, after in pairwise(shown)]
    # Updates are the steps 4, 8 and 12; the first is seen after 3 steps and before 4.
    assert changed == [step in (4, 8, 12) for step in range(2, 13)]
    assert result.history.shape == (1, 12)
    np.testing.assert_allclose(magnitudes(result.images[0]), magnitudes(shown[0]), rtol=1e-3)


def test_an_update_has_the_mean_of_the_gradients_of_its_crops():
    start = np.asarray(SMALL(jnp.ones(SMALL.init(jax.random.key(0)).shape)))
    options = {"view": 8, "param": SMALL, "start": start, "optimizer": optax.sgd(1.0), "transforms": ()}
    # Without transforms all views are one, so a mean of four is one, where a sum would be four.
    four, one = (maco(rgb, "rgb:1", updates=1, crops=crops, **options).images[0] for crops in (4, 1))
    assert np.abs(one - start).max() > 1e-4
    np.testing.assert_allclose(four, one, atol=1e-6)


def test_views_have_the_published_numbers():
    boxes, noise, more = views(200, 8)
    for step, mean in ((0, 0.5), (100, (0.5 + 0.075) / 2), (200, 0.075)):
        draw = jax.vmap(lambda key, step=step: boxes.at(step).draw(key, (64, 64, 3)))
        sides, corners = draw(jax.random.split(jax.random.key(0), 1000))
        # Deviations are at most 0.05: five standard errors.
        assert abs(sides.mean() - mean) < 5 * 0.05 / 1000**0.5
        assert sides.min() >= 0.05
        # Centres vary by 0.13, cut at two standard deviations of 0.15.
        assert abs((corners + sides[:, None] / 2).mean() - 0.5) < 5 * 0.13 / 2000**0.5
    assert t.output_shape((boxes, noise, more), (64, 48, 3)) == (8, 8, 3)
    assert noise == t.noise(0.04)
    added = more.draw(jax.random.key(0), (64, 64, 3))
    assert 0.0199 < np.abs(added).max() <= 0.02 + 1e-6


def test_boxes_shrink_in_the_course_of_the_optimisation():
    def slope(images):
        """The mean difference of neighbours, far smaller where a smooth image is enlarged."""
        return {"slope": jnp.abs(images[:, :, 1:] - images[:, :, :-1]).mean((1, 2))}

    result = maco(
        slope, "slope:0", updates=30, crops=1, view=16, param=featvis.param.maco(64), optimizer=optax.sgd(0.0)
    )
    first, last = result.history[0, :10].mean(), result.history[0, -10:].mean()
    still = maco(
        slope,
        "slope:0",
        updates=30,
        crops=1,
        view=16,
        param=featvis.param.maco(64),
        optimizer=optax.sgd(0.0),
        transforms=views(10_000, 16),
    )
    # Nothing is optimised: noise of 0.04 makes differences of about 0.05, the image itself the rest.
    assert last < 0.8 * first
    assert still.history[0, -10:].mean() > 0.9 * first


def test_views_have_the_size_that_the_network_knows(narrow, monkeypatch):
    asked = []

    def noted(*_, **settings):
        asked.append(settings)
        raise NotImplementedError

    monkeypatch.setattr(sys.modules["featvis.recipes.maco"], "render", noted)
    for model, side in ((narrow, 224), (rgb, 16)):
        with pytest.raises(NotImplementedError):
            maco(model, "conv2d0:0", param=SMALL)
        assert asked[-1]["transforms"] == views(256 * 32, side)
        assert asked[-1]["steps"] == 256 * 32
    assert asked[0]["optimizer"] is asked[1]["optimizer"], "one object, so that nothing is compiled twice"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"updates": 0}, "updates is 0; expected a whole number, at least 1"),
        ({"crops": 0}, "crops is 0; expected a whole number, at least 1"),
        ({"view": 0}, r"target size is \(0, 0\); expected at least 1 pixel a side"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        maco(rgb, "rgb:0", param=SMALL, **options)
