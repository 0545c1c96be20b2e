"""The atlas itself: averages of cells, what is rendered for each, and icons in their places."""

import jax.numpy as jnp
import numpy as np
import pytest

from featvis.recipes import atlas
from featvis.recipes.atlas import icons as module

RNG = np.random.default_rng(0)
SAMPLES = atlas.Samples(
    layer="a",
    vectors=RNG.random((40, 6)).astype(np.float32),
    images=np.repeat(np.arange(20), 2),
    labels=np.zeros(40, int),
    places=np.full((40, 2), 0.5, np.float32),
    attributions=RNG.standard_normal((40, 9)).astype(np.float16),
)
# Twenty samples at the top left, ten below, ten at the bottom right; nothing at the top right.
POINTS = np.repeat([[0.1, 0.1], [0.1, 0.9], [0.9, 0.9]], [20, 10, 10], axis=0)
CELLS = atlas.gather(POINTS, (2, 2), least=1)
ATLAS = atlas.activation_atlas(SAMPLES, CELLS)
PARTS = [slice(0, 20), slice(20, 30), slice(30, 40)]
COLOURS = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
ICONS = np.broadcast_to(COLOURS[:, None, None], (3, 8, 8, 3))


def test_each_cell_has_the_averages_of_its_samples():
    assert len(ATLAS) == 3
    assert repr(ATLAS) == "<atlas of a, 3 cells of 2x2, 40 samples in them>"
    for i, part in enumerate(PARTS):
        # Rounded to float32 once.
        np.testing.assert_allclose(ATLAS.vectors[i], SAMPLES.vectors[part].astype(float).mean(0), rtol=1e-6)
        np.testing.assert_allclose(ATLAS.attributions[i], SAMPLES.attributions[part].astype(float).mean(0), rtol=1e-6)
        assert ATLAS.images[i] == len(set(SAMPLES.images[part].tolist()))


def test_classes_that_cells_add_most_to():
    for i, part in enumerate(PARTS):
        means = SAMPLES.attributions[part].astype(float).mean(0)
        assert ATLAS.top_classes(3)[i].tolist() == sorted(range(9), key=lambda c, m=means: -m[c])[:3]
    without = atlas.activation_atlas(atlas.Samples(**{**vars(SAMPLES), "attributions": None}), CELLS)
    assert without.attributions is None
    assert without.top_classes().shape == (3, 0)


@pytest.mark.parametrize("power", [0.0, 2.0])
@pytest.mark.parametrize("whitened", [False, True])
def test_icons_show_the_direction_at_the_centre(power, whitened):
    acts = RNG.standard_normal((1, 5, 5, 6)).astype(np.float32)
    matrix = atlas.whitening(SAMPLES.vectors) if whitened else None
    for vector, objective in zip(ATLAS.vectors, ATLAS.objectives(matrix, power), strict=True):
        wanted = vector / np.linalg.norm(vector)
        if whitened:
            moments = SAMPLES.vectors.T @ SAMPLES.vectors / 40
            wanted = np.linalg.solve(moments + 0.1 * np.trace(moments) / 6 * np.eye(6), wanted)
        dot = acts[0, 2, 2] @ wanted
        cosine = dot / (np.linalg.norm(acts[0, 2, 2]) * np.linalg.norm(wanted))
        # Lucid's constants in the lengths, 1e-4 of about 1, and float32.
        np.testing.assert_allclose(objective({"a": jnp.asarray(acts)}), dot * max(0.1, cosine) ** power, rtol=2e-3)


def test_whitening_makes_units_independent(monkeypatch):
    mixed = (RNG.standard_normal((5000, 4)) @ RNG.standard_normal((4, 4))).astype(np.float16)
    inverse = atlas.whitening(mixed, ridge=1e-9)
    wide = mixed.astype(float)
    # The inverse amplifies rounding by the moments' condition number, some hundred.
    np.testing.assert_allclose(inverse @ (wide.T @ wide / 5000), np.eye(4), atol=1e-4)
    monkeypatch.setattr(module, "_CHUNK", 7)
    np.testing.assert_allclose(atlas.whitening(mixed, ridge=1e-9), inverse, rtol=1e-5)


def test_a_ridge_keeps_what_is_never_active_finite():
    inverse = atlas.whitening(np.diag([1.0, 0.0]), ridge=0.1)
    # Moments 1/2 and 0, with a mean of 1/4.
    np.testing.assert_allclose(inverse, np.diag([1 / 0.525, 1 / 0.025]), rtol=1e-6)


def test_icons_are_in_their_places():
    pixels = np.asarray(ATLAS.picture(ICONS, least=1.0))
    assert pixels.shape == (16, 16, 3)
    for (row, column), colour in zip([(0, 0), (1, 0), (1, 1)], COLOURS * 255, strict=True):
        assert (pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] == colour).all()
    assert (pixels[:8, 8:] == 255).all()


def test_icons_are_as_large_as_there_are_samples():
    counts = np.array([400, 100, 50, 25, 1])
    points = np.repeat(np.stack([(np.arange(5) + 0.5) / 5, np.full(5, 0.5)], 1), counts, axis=0)
    samples = atlas.Samples(
        "a", np.ones((576, 2), np.float32), np.arange(576), np.zeros(576, int), np.zeros((576, 2), np.float32)
    )
    drawn = atlas.activation_atlas(samples, atlas.gather(points, (1, 5), least=1))
    pixels = np.asarray(drawn.picture(np.zeros((5, 40, 40, 3), np.float32), least=0.5))
    widths = [(pixels[20, 40 * i : 40 * i + 40] == 0).all(-1).sum() for i in range(5)]
    # The median is 50: full size from there on, then the root of the count, then the least.
    assert widths == [40, 40, 40, 28, 20]
    larger = drawn.picture(np.zeros((5, 40, 40, 3), np.float32), side=80)
    assert larger.size == (400, 80)


def test_captions_stay_on_their_icons():
    plain = np.asarray(ATLAS.picture(ICONS, side=64, least=1.0), int)
    said = np.asarray(ATLAS.picture(ICONS, ["", "", "a class of a very long name"], side=64, least=1.0), int)
    changed = np.abs(plain - said).max(-1) > 0
    assert changed[64:, 64:].sum() > 100
    assert not changed[:64].any()
    assert not changed[:, :64].any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: atlas.activation_atlas(SAMPLES[:35], CELLS),
            "go up to sample 39, and there are 35; expected cells of",
        ),
        (lambda: ATLAS.picture(ICONS[:2]), r"icons have shape \(2, 8, 8, 3\); expected square ones, \(3, side"),
        (lambda: ATLAS.picture(ICONS[:, :6]), r"icons have shape \(3, 6, 8, 3\); expected square ones"),
        (lambda: ATLAS.picture(ICONS, ["one"]), "1 captions were given for 3 cells; expected one for each"),
        (lambda: ATLAS.picture(ICONS, side=0), "side is 0 and least 0.5; expected at least 1, and above 0 to 1"),
        (lambda: ATLAS.picture(ICONS, least=0.0), "side is 8 and least 0.0"),
        (lambda: atlas.whitening(SAMPLES.vectors, ridge=0), r"vectors have shape \(40, 6\) and ridge is 0; expected"),
        (lambda: atlas.whitening(SAMPLES.vectors[:0]), r"vectors have shape \(0, 6\)"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
