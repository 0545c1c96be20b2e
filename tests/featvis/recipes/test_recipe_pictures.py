"""Neuron groups, activation grids, semantic dictionaries: what they hold, and what they make of icons."""

import jax.numpy as jnp
import numpy as np
import pytest

import featvis
from featvis import objectives as obj
from featvis.algebra import check
from featvis.recipes import (
    ActivationGrid,
    activation_grid,
    attribute,
    layer_activations,
    layer_maps,
    neuron_groups,
    semantic_dictionary,
)

RNG = np.random.default_rng(0)
MAPS = np.zeros((2, 4, 6, 3))
MAPS[:, 0, :, 0], MAPS[:, 1:, :3, 1], MAPS[:, 1:, 3:, 2] = 3, 2, 1
DIRECTIONS = np.kron(np.eye(3), [[0.6, 0.8]])
ACTS = (MAPS @ DIRECTIONS).astype(np.float32)
PHOTOS = RNG.random((2, 4, 6, 3)).astype(np.float32)
W = RNG.standard_normal((6, 5)).astype(np.float32)
PROBE = jnp.asarray(RNG.random((1, 2, 2, 6)), jnp.float32)


def planted(images, edits=None):
    """A network whose activations are known: three groups of units, each in its own region, and classes of them."""
    acts = {
        "signed": images - 0.5,
        "planted": np.resize(ACTS, (len(images), 4, 6, 6)) + 0 * images[..., :1],
    }
    acts["planted"] = (edits or {}).get("planted", lambda a: a)(acts["planted"])
    return acts | {"logits": acts["planted"].mean((1, 2)) @ W}


def test_activations_are_those_of_the_network():
    np.testing.assert_array_equal(layer_activations(planted, PHOTOS, "planted"), ACTS)
    np.testing.assert_array_equal(layer_maps(planted, PHOTOS.astype(np.float64), "planted"), ACTS)
    assert layer_activations(planted, PHOTOS, "logits").shape == (2, 5)


def test_groups_are_found_with_their_maps():
    groups = neuron_groups(planted, PHOTOS, "planted", n=3)
    # Strengths of 9, 4 and 1 times their areas of 6, 9 and 9 positions: the order of the planted groups.
    np.testing.assert_allclose(groups.factors.directions, DIRECTIONS, atol=1e-3)
    np.testing.assert_allclose(groups.maps, MAPS, atol=0.01)
    assert len(groups) == 3
    assert repr(groups) == "<3 groups of planted, 0.0% of its activations left over>"


def test_groups_in_colour():
    groups = neuron_groups(planted, PHOTOS, "planted", n=3)
    np.testing.assert_allclose(groups.colours, np.eye(3), atol=1e-3)
    # Each region has its group's colour, brighter where the group is stronger.
    strength = MAPS / np.percentile(MAPS, 99)
    np.testing.assert_allclose(groups.picture(), np.clip(strength, 0, 1), atol=0.01)


def test_groups_are_rendered_as_directions():
    groups = neuron_groups(planted, PHOTOS, "planted", n=3)
    for objective, direction in zip(groups.objectives(2.0), groups.factors.directions, strict=True):
        assert objective.label == obj.direction("planted", direction, 2.0).label
        assert float(objective({"planted": PROBE})) == pytest.approx(
            float(obj.direction("planted", direction, 2.0)({"planted": PROBE}))
        )


def test_groups_share_out_the_attribution():
    groups = neuron_groups(planted, PHOTOS, "planted", n=3)
    found = attribute(planted, PHOTOS, "planted", "logits:0,3")
    shares = groups.attribution(found)
    assert shares.shape == (2, 2, 3)
    # Groups share no units, so each has what its own units have; NMF leaves a thousandth.
    own = found.channels.reshape(2, 2, 3, 2).sum(-1)
    np.testing.assert_allclose(shares, own, atol=2e-3)
    with pytest.raises(ValueError, match="the attribution is to logits; expected planted, the layer of the groups"):
        groups.attribution(
            attribute(planted, PHOTOS, "planted", "logits:0").__class__(**vars(found) | {"layer": "logits"})
        )
    with pytest.raises(ValueError, match="directions have shape"):
        groups.attribution(attribute(planted, PHOTOS[:1], "planted", "logits:0"))


def test_groups_of_signed_layers_need_to_know_the_sign():
    with pytest.raises(ValueError, match='NMF takes none below 0; give signed="maps"'):
        neuron_groups(planted, PHOTOS, "signed", n=2)
    assert (neuron_groups(planted, PHOTOS, "signed", n=2, signed="maps").factors.directions >= 0).all()


def test_a_grid_has_a_direction_for_each_position():
    grid = activation_grid(planted, PHOTOS[0], "planted")
    np.testing.assert_array_equal(grid.vectors, ACTS[0])
    np.testing.assert_allclose(grid.magnitudes, MAPS[0].sum(-1), rtol=1e-6)
    objectives = grid.objectives(2.0)
    assert len(objectives) == 24
    for place, objective in enumerate(objectives):
        vector = ACTS[0].reshape(24, 6)[place]
        unit = obj.direction("planted", vector / np.linalg.norm(vector), 2.0)
        assert float(objective({"planted": PROBE})) == pytest.approx(float(unit({"planted": PROBE})), rel=1e-6)


def test_coherent_grids_share_what_their_groups_share():
    grid = activation_grid(planted, PHOTOS[0], "planted")
    images, objective = grid.coherent(size=(2, 3), groups=3)
    assert images.shape == (24, 2, 3, 3)
    shared, own = images.field.parts
    # Each position belongs to one group, which is as strong as it gets at all of its positions.
    np.testing.assert_allclose(shared.weights.array, 0.5 * (MAPS[0].reshape(24, 3) > 0), atol=0.01)
    np.testing.assert_array_equal(own.weights.array, 0.7 * np.eye(24))
    # What they are optimised for is the mean of what each is when it is alone.
    acts = jnp.asarray(RNG.random((24, 2, 2, 6)), jnp.float32)
    alone = [float(o({"planted": a[None]})) for o, a in zip(grid.objectives(), acts, strict=True)]
    assert float(objective({"planted": acts, "step": jnp.float32(0)})) == pytest.approx(np.mean(alone), rel=1e-5)
    with pytest.raises(ValueError, match=r"planted needs \(5,\)"):
        check(objective.fn, {"planted": (24, 2, 2, 5)}, objective.data)


def test_coherent_grids_are_rendered_as_one_result():
    images, objective = ActivationGrid("planted", ACTS[0, :1, :2]).coherent(size=(4, 6), groups=1)
    result = featvis.render(planted, objective, steps=1, param=images, transforms=())
    assert result.images.shape == (1, 2, 4, 6, 3)


VECTORS = np.array([[[4.0], [1.0], [0.0]], [[2.0], [4.0], [4.0]]])
GRID = ActivationGrid("a", VECTORS)
ICONS = np.broadcast_to(np.linspace(0, 0.5, 6)[:, None, None, None], (6, 8, 8, 3))
"""Six icons, each of one grey."""


def places(picture, side):
    """The picture's tiles, row by row."""
    height, width, _ = picture.shape
    tiles = picture.reshape(height // side, side, width // side, side, 3)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(-1, side, side, 3)


def test_grid_pictures_have_icons_in_their_places():
    picture = GRID.picture(ICONS)
    assert picture.shape == (16, 24, 3)
    np.testing.assert_allclose(places(picture, 8), ICONS)
    np.testing.assert_allclose(places(GRID.picture(ICONS, crop=2), 4), ICONS[:, 2:-2, 2:-2])


def test_opacity_shows_magnitude():
    share = np.array([1, 0.25, 0, 0.5, 1, 1])[:, None, None, None]
    expected = share * ICONS + 1 - share
    np.testing.assert_allclose(places(GRID.picture(ICONS, by="opacity"), 8), expected, atol=1e-6)


def test_size_shows_magnitude():
    tiles = places(GRID.picture(ICONS, by="size"), 8)
    # Areas in proportion to 1, 1/4, 0, 1/2, 1, 1: sides of 8, 4, at least 1, and 6 (5.7 rounded).
    sides = [8, 4, 1, 6, 8, 8]
    assert [round(float((tile[..., 0] < 0.9).sum()) ** 0.5) for tile in tiles] == sides
    for tile, icon in zip(tiles, ICONS, strict=True):
        # Eight bits.
        assert tile[4, 4, 0] == pytest.approx(icon[0, 0, 0], abs=0.5 / 255) or tile[3, 3, 0] < 0.9


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((ICONS[:5],), {}, r"icons have shape \(5, 8, 8, 3\); expected \(6, height, width, 3\)"),
        ((ICONS,), {"crop": 4}, "crop is 4; expected 0 or more, and less than half of 8 pixels"),
        ((ICONS,), {"by": "colour"}, "by is 'colour'; expected None, 'size' or 'opacity'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_icons_that_do_not_fit_are_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        GRID.picture(*arguments, **options)


def test_grids_of_nothing_are_blank():
    nothing = ActivationGrid("a", np.zeros((1, 2, 3)))
    assert np.isfinite(nothing.picture(ICONS[:2], by="opacity")).all()
    assert all(np.isfinite(objective.data).all() for objective in nothing.objectives())


def test_dictionaries_list_the_strongest_units():
    words = semantic_dictionary(planted, PHOTOS[1], "planted", k=3)
    acts = layer_maps(planted, PHOTOS[1:], "planted")[0]
    np.testing.assert_array_equal(words.activations, -np.sort(-acts, axis=-1)[..., :3])
    for row, column in np.ndindex(4, 6):
        np.testing.assert_array_equal(acts[row, column][words.units[row, column]], words.activations[row, column])
    # Of equal ones (zeros here) the first.
    assert words.units[0, 0].tolist() == [1, 0, 2]
    assert words.units[3, 5].tolist() == [5, 4, 0]
    assert words.peak == (0, 0)
    assert words.distinct == list(range(6))
    assert [objective.label for objective in words.objectives()] == [f"planted:{unit}" for unit in range(6)]


def test_dictionaries_say_what_their_units_add():
    words = semantic_dictionary(planted, PHOTOS[1], "planted", k=2)
    found = attribute(planted, PHOTOS[1:], "planted", "logits:0,3")
    shares = words.attribution(found)
    assert shares.shape == (2, 4, 6, 2)
    for target, row, column, place in np.ndindex(*shares.shape):
        expected = found.values[target, 0, row, column, words.units[row, column, place]]
        assert shares[target, row, column, place] == expected
    with pytest.raises(ValueError, match=r"of shape \(2, 4, 6, 6\); expected planted and one image of 4x6 positions"):
        words.attribution(attribute(planted, PHOTOS, "planted", "logits:0"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: activation_grid(planted, PHOTOS, "planted"),
            r"the image has shape \(2, 4, 6, 3\); expected one image",
        ),
        (lambda: semantic_dictionary(planted, PHOTOS, "planted"), r"the image has shape \(2, 4, 6, 3\); expected one"),
        (lambda: semantic_dictionary(planted, PHOTOS[0], "planted", k=7), "k is 7; planted has 1 to 6 units to show"),
        (lambda: activation_grid(planted, PHOTOS[0], "logits"), r"logits has no positions: its shape is \(1, 5\)"),
        (
            lambda: neuron_groups(planted, PHOTOS, "planted", n=99),
            "n is 99; 48 positions of 6 units have 1 to 6 direct",
        ),
        (lambda: neuron_groups(planted, PHOTOS[0], "planted"), "add a batch axis"),
        (lambda: neuron_groups(planted, PHOTOS, "other"), r"the network returns no \['other'\]"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_shown_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_icons_come_from_render():
    """The objectives of all three fit the layer that they are of."""
    made = [
        neuron_groups(planted, PHOTOS[:1], "planted", n=2).objectives(),
        activation_grid(planted, PHOTOS[0], "planted").objectives()[:2],
        semantic_dictionary(planted, PHOTOS[0], "planted", k=1).objectives()[:2],
    ]
    size = featvis.param.image((4, 6), fft=False)
    icons = featvis.render(planted, [o for part in made for o in part], steps=1, param=size, transforms=())
    assert icons.images.shape == (6, 4, 6, 3)
    assert icons.labels == tuple(o.label for part in made for o in part)
