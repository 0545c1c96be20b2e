"""Long lists in pieces: some of the objectives, batches that do not fit, several devices."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import featvis
from featvis import engine, param

SMALL = {"param": param.image(48), "progress": False}
UNITS = "mixed3a:0-5,conv2d0:0-2"


def render(model, objectives, **options):
    return featvis.render(model, objectives, **(SMALL | options))


def same(some, everything, places):
    assert some.labels == tuple(everything.labels[i] for i in places)
    assert some.origins == tuple(everything.origins[i] for i in places)
    np.testing.assert_array_equal(some.indices, places)
    np.testing.assert_array_equal(some.images, everything.images[places])
    np.testing.assert_array_equal(some.history, everything.history[places])
    np.testing.assert_array_equal(some.scores, everything.scores[places])


@pytest.mark.parametrize("places", [[5], [0, 2, 7], [4, 5, 6, 8]])
def test_some_of_a_list_are_as_in_the_whole(narrow, places):
    everything = render(narrow, UNITS, steps=18, batch=4, restarts=2)
    same(render(narrow, UNITS, steps=18, batch=4, restarts=2, only=places), everything, places)


def test_batches_with_nothing_wanted_do_not_run(narrow, monkeypatch):
    ran, run = [], engine.init
    monkeypatch.setattr(engine, "init", lambda program, keys, start: ran.append(len(keys)) or run(program, keys, start))
    render(narrow, "conv2d0:0-6", steps=1, batch=2, only=[3, 6])
    assert ran == [2, 1]


@pytest.mark.parametrize(
    ("only", "message"),
    [
        ([9], r"^only is \[9\]; expected places in the list of objectives, from 0 to 8$"),
        ([0, -1], r"^only is \[0, -1\]; expected places"),
        ([], r"^only is \[\]; expected places"),
    ],
)
def test_places_that_are_not_there(narrow, only, message):
    with pytest.raises(ValueError, match=message):
        render(narrow, UNITS, steps=1, only=only)


def scarce(monkeypatch, most):
    """Memory for `most` results at once."""
    widths, advance = [], engine.advance

    def limited(program, bound, units, *rest):
        widths.append(len(units.keys))
        if len(units.keys) > most:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes")
        return advance(program, bound, units, *rest)

    monkeypatch.setattr(engine, "advance", limited)
    return widths


def test_batches_that_do_not_fit_are_halved(narrow, monkeypatch):
    fitting = render(narrow, "conv2d0:0-5", steps=2, batch=2)
    widths, kept = scarce(monkeypatch, 2), []
    with pytest.warns(UserWarning, match=r"does not hold \d results at once; going on with") as seen:
        result = render(narrow, "conv2d0:0-5", steps=2, batch=8, on_batch=kept.append)
    assert [str(one.message).split("; ")[1] for one in seen] == ["going on with 4", "going on with 2"]
    assert widths == [8, 4, 2, 2, 2]
    assert [part.labels for part in kept] == [tuple(f"conv2d0:{i + j}" for j in range(2)) for i in (0, 2, 4)]
    same(result, fitting, range(6))


def test_nothing_finished_is_done_again_when_memory_runs_out(narrow, monkeypatch):
    widths, advance = [], engine.advance

    def later(program, bound, units, *rest):
        widths.append(len(units.keys))
        if len(widths) == 2:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes")
        return advance(program, bound, units, *rest)

    monkeypatch.setattr(engine, "advance", later)
    with pytest.warns(UserWarning, match="does not hold 4 results at once; going on with 2$"):
        result = render(narrow, "conv2d0:0-7", steps=2, batch=4)
    assert widths == [4, 4, 2, 2]
    assert [origin.width for origin in result.origins] == [4] * 4 + [2] * 4


def test_devices_that_are_none():
    with pytest.raises(ValueError, match=r"^devices are \[\]; expected some of \[.*\], each once$"):
        render(lambda images: {"pixels": images}, "pixels:0", steps=1, devices=[])
    with pytest.raises(ValueError, match="each once"):
        render(lambda images: {"pixels": images}, "pixels:0", steps=1, devices=jax.local_devices() * 2)


_EIGHT_DEVICES = """
import jax, numpy as np
import featvis, inception_jax

assert jax.local_device_count() == 8
model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 8), seed=0)
options = {"steps": 18, "param": featvis.param.image(32), "progress": False}

def render(batch, devices, share):
    return featvis.render(model, "conv2d0_pre_relu:*", batch=batch, devices=devices, share=share, **options)

for devices, share in ((None, "image"), (jax.devices()[2:5], "all")):
    count = len(devices or jax.devices())
    one, several = render(2, jax.devices()[:1], share), render(2 * count, devices, share)
    assert {origin.width % count for origin in several.origins} == {0}
    print(np.abs(one.images - several.images).max())
    print(np.abs(one.history - several.history).max() / np.abs(one.history).max())
"""


def test_eight_devices_make_the_images_of_one() -> None:
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", _EIGHT_DEVICES], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    differences = [float(word) for word in done.stdout.split()]
    assert len(differences) == 4
    # Each device has programs as wide as the one's, but XLA may compile them otherwise, and sums in another order are
    # rounded otherwise; 18 steps of Adam make more of that.
    assert max(differences) < 2e-3
