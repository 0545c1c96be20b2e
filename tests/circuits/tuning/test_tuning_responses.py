"""Responses over grids: units of known tuning, the hand-written network, and images drawn and run one by one."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circuits import handwritten_network
from circuits.interventions import ablate, edited
from circuits.stimuli import Boundary, Curve, Grating
from circuits.tuning import Tuning, circular_mean, echo, peak, responses, width

SIZE = 33
KNOWN = np.array([0.0, 40.0, 95.0, 180.0, 310.0])


def bank(images):
    """Linear filters that know no stimuli: slopes of brightness under a round window, at known orientations."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    window = np.exp(-(x**2 + y**2) / (2 * 5.0**2))
    turns = np.deg2rad(KNOWN)[:, None, None]
    filters = window * (np.cos(turns) * x + np.sin(turns) * y) / 100
    answers = jnp.einsum("nhwc,uhw->nu", images, filters)
    return {"bank": jax.nn.relu(answers)[:, None, None], "bank_pre_relu": answers[:, None, None]}


def test_filters_of_known_orientation():
    white = Boundary(ink=(1.0, 1.0, 1.0), paper=(0.0, 0.0, 0.0))
    grid = {"orientation": np.arange(0, 360, 5.0), "blur": [0.5, 2.0]}
    found = responses(bank, "bank", white, grid, size=SIZE)
    assert found.values.shape == (72, 2, 5)
    curves, angles = found.curve("orientation"), grid["orientation"]
    np.testing.assert_array_equal(peak(curves, angles), KNOWN)
    np.testing.assert_array_equal(found.best()["orientation"], KNOWN)
    away = (circular_mean(curves, angles) - KNOWN + 180) % 360 - 180
    # The grid of pixels is not round.
    np.testing.assert_allclose(away, 0, atol=0.1)
    # A half-wave of a cosine: the half lies 60 degrees to each side, and the opposite is silent.
    np.testing.assert_allclose(width(curves, angles), 120, atol=5 + 1e-9)
    np.testing.assert_allclose(echo(curves, angles), 0, atol=1e-3)
    # All of it is tuning to orientation, none to blur.
    assert (found.invariance("blur") > 0.9).all()
    assert (found.invariance("orientation") < 0.1).all()
    swapped = responses(bank, "bank", dataclasses.replace(white, polarity=-1.0), grid, size=SIZE)
    np.testing.assert_array_equal(peak(swapped.curve("orientation"), angles), (KNOWN + 180) % 360)


def test_the_hand_written_network():
    grid = {"orientation": np.arange(0, 360, 5.0), "radius": [40.0, 60.0]}
    found = responses(handwritten_network(), "mixed3b", Curve(), grid, size=81)
    curves = found.mean("radius").values[:, :24]
    away = (peak(curves, grid["orientation"]) - 15 * np.arange(24) + 180) % 360 - 180
    # The step of the grid.
    assert np.abs(away).max() <= 5
    # The published units of mixed3b have echoes of at most 0.028.
    assert echo(curves, grid["orientation"]).max() < 0.0285


@pytest.fixture(scope="module")
def drawn():
    grid = {"orientation": np.array([0.0, 70.0, 200.0]), "wavelength": np.array([5.0, 9.0])}
    images = Grating(
        orientation=np.repeat(grid["orientation"], 2), wavelength=np.tile(grid["wavelength"], 3), x=2.0
    ).image(48)
    return grid, images


AT = {
    "middle": lambda maps: maps[:, 2, 2],
    "max": lambda maps: maps.max((1, 2)),
    "mean": lambda maps: maps.mean((1, 2)),
    (0, 3): lambda maps: maps[:, 0, 3],
}


@pytest.mark.parametrize("at", AT, ids=str)
def test_against_images_one_by_one(at, drawn, narrow):
    grid, images = drawn
    layers = ("mixed3a", "mixed3a_pre_relu")
    found = responses(narrow, layers, Grating(x=2.0), grid, size=48, at=at, batch=4)
    acts = jax.jit(lambda model, images: model(images, taps=layers))(narrow, images)
    for layer in layers:
        assert acts[layer].shape[1:3] == (6, 6)
        expected = AT[at](np.asarray(acts[layer])).reshape(3, 2, -1)
        assert found[layer].values.shape == expected.shape
        # float32 sums in another order.
        np.testing.assert_allclose(found[layer].values, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    if at == "middle":
        pre, post = (found[layer].values for layer in reversed(layers))
        np.testing.assert_allclose(post, np.maximum(pre, 0), atol=1e-5 * post.max())


@pytest.mark.parametrize("batch", [None, 1, 4, 5, 100])
def test_batches_are_one_program(batch):
    traced = []

    def model(images):
        traced.append(images.shape)
        return {"mean": images.mean((1, 2))}

    colors = np.random.default_rng(0).random((7, 3))
    grid = {"ink": colors, "orientation": [0.0, 90.0]}
    found = responses(model, "mean", Boundary(blur=1.0), grid, size=8, batch=batch)
    assert len(traced) == 1
    assert found.values.shape == (7, 2, 3)
    # Middles are in pixel 4 of 8: pixels 5 to 7 are ink, and half of pixel 4. On the other side are four of paper.
    share = Boundary(blur=1.0, ink=(0.0, 0.0, 0.0)).image(8)[0, :, 0].mean()
    np.testing.assert_allclose(found.values[:, 0], (1 - share) * colors + share, atol=1e-6)


def test_edited_models(narrow):
    without = edited(narrow, ablate("conv2d2", [1, 2]))
    found = responses(without, "conv2d2", Curve(), {"orientation": [0.0, 90.0]}, size=32)
    assert not found.values[:, [1, 2]].any()
    assert found.values.any()


def test_parts_of_a_tuning():
    values = np.random.default_rng(0).random((3, 4, 2))
    tuning = Tuning("a", {"x": np.arange(3.0), "y": np.arange(0, 40, 10.0)}, values)
    np.testing.assert_array_equal(tuning.mean("y").values, values.mean(1))
    np.testing.assert_array_equal(tuning.max("x", "y").values, values.max((0, 1)))
    assert list(tuning.mean("y").axes) == ["x"]
    np.testing.assert_array_equal(tuning.at(y=19.0).values, values[:, 2])
    np.testing.assert_array_equal(tuning.at(y=3.0, x=1.0).values, values[1, 0])
    place = np.unravel_index(values[..., 1].argmax(), (3, 4))
    best = tuning.best()
    assert (best["x"][1], best["y"][1]) == (place[0], 10 * place[1])
    assert repr(tuning.at(x=0.0, y=0.0)) == "<tuning of a: no axes, 2 units>"
    with pytest.raises(ValueError, match="no axis 'z'; expected 'x' or 'y'"):
        tuning.mean("z")
    with pytest.raises(ValueError, match="no axis 'z'; expected 'x' or 'y'"):
        tuning.at(z=1.0)
    with pytest.raises(
        ValueError, match=r"responses have shape \(3, 4, 2\) for axes of \(3,\); expected these and the"
    ):
        Tuning("a", {"x": np.arange(3.0)}, values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": {}}, "axes is empty; expected parameters of the stimulus with their values: orientation, radius"),
        ({"axes": {"phase": [1.0]}}, "curve has no parameter 'phase'; it has orientation, radius"),
        ({"axes": {"radius": []}}, r"values of radius have shape \(0,\); expected \[n\], one or more"),
        ({"axes": {"ink": [0.0, 1.0]}}, r"values of ink have shape \(2,\); expected \[n, 3\], one or more"),
        ({"axes": {"radius": [np.nan]}}, "values of radius are not all finite; expected numbers"),
        ({"stimulus": Curve(radius=np.ones(2))}, r"the stimulus has parameters of shape \(2,\); expected one stimulus"),
        ({"layers": "mixed3z"}, "no layer 'mixed3z'; did you mean"),
        ({"layers": ()}, "layers is empty; expected a layer's name, or several"),
        ({"model": bank, "layers": "conv"}, "the model returns no conv; it returns bank, bank_pre_relu"),
        ({"at": (9, 0)}, r"at is \(9, 0\); 'conv2d2' has a map of 9x9: expected a row, 0 to 8, and"),
        ({"batch": 0}, "batch is 0; expected 1 or more images at a time"),
        ({"size": 0}, "size is 0; expected a side in pixels"),
    ],
)
def test_messages(changes, message, narrow):
    plain = {"model": narrow, "layers": "conv2d2", "stimulus": Curve(), "axes": {"radius": [10.0]}, "size": SIZE}
    given = plain | changes
    with pytest.raises(ValueError, match=message):
        responses(given.pop("model"), given.pop("layers"), given.pop("stimulus"), given.pop("axes"), **given)


@pytest.mark.usefixtures("unchecked")
def test_a_position_that_is_none(narrow):
    with pytest.raises(ValueError, match="at is 'center'; expected 'middle', 'max', 'mean', or a row and a column of"):
        responses(narrow, "conv2d2", Curve(), {"radius": [10.0]}, size=SIZE, at="center")
