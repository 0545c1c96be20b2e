"""Weights that turn, by construction and as published; the first layer; published families."""

import json
from collections import Counter

import numpy as np
import pytest
from scipy import ndimage

from circuits.families import (
    SYMMETRIES,
    Family,
    exchange,
    filter_features,
    hue_mix,
    mirrored,
    published,
    published_family,
    related,
    scaled,
    sort_filters,
    sums_by_angle,
    turn_together,
    turned,
)

EIGHTHS = np.arange(0.0, 360.0, 45.0)


def equivariant(noise=0.0, seed=0):
    """Eight units from eight inputs whose smooth tiles turn with them, and some noise."""
    y, x = np.mgrid[-4:5, -4:5]
    rng, w = np.random.default_rng(seed), np.zeros((8, 8, 9, 9))
    for i, unit in enumerate(np.deg2rad(EIGHTHS)):
        for j in range(8):
            turn = (j - i) % 8
            at = 2.0 * np.cos(unit + 0.7 * turn), 2.0 * np.sin(unit + 0.7 * turn)
            w[i, j] = np.cos(np.deg2rad(45.0 * turn)) * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 3)
    return w + noise * rng.standard_normal(w.shape)


@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0, 200.0])
def test_turned_against_scipy(degrees):
    tile = np.random.default_rng(0).random((7, 7))
    # scipy turns counter-clockwise as the picture is seen, with rows going down.
    expected = ndimage.rotate(tile, -degrees, reshape=False, order=1)
    inside = np.hypot(*(np.mgrid[:7, :7] - 3)) < 2.9  # At the border scipy does not interpolate with what is outside.
    np.testing.assert_allclose(turned(tile, degrees)[inside], expected[inside], atol=1e-9)


def test_turns_mirrors_and_scales_undo_each_other():
    tile = np.random.default_rng(0).random((2, 5, 5))
    np.testing.assert_allclose(turned(turned(tile, 90.0), -90.0), tile, atol=1e-12)
    np.testing.assert_allclose(turned(tile, 90.0), np.rot90(tile, -1, (1, 2)), atol=1e-12)
    np.testing.assert_allclose(mirrored(mirrored(tile, 90.0), 90.0), tile, atol=1e-12)
    np.testing.assert_array_equal(scaled(tile, 1.0), tile)


def test_hue_mix_is_a_group():
    np.testing.assert_allclose(hue_mix(40.0) @ hue_mix(80.0), hue_mix(120.0), atol=1e-12)
    np.testing.assert_allclose(hue_mix(77.0) @ np.ones(3), np.ones(3), atol=1e-12)
    np.testing.assert_allclose(hue_mix(77.0) @ hue_mix(77.0).T, np.eye(3), atol=1e-12)


def test_exchange():
    angles = np.array([0.0, 90.0, 180.0, 270.0, np.nan, 20.0, 110.0])
    periods = np.array([360.0] * 4 + [360.0] + [180.0] * 2)
    mix = exchange(angles, angles + 90.0, periods, width=1.0)
    expected = np.zeros((7, 7))
    for source, target in {0: 1, 1: 2, 2: 3, 3: 0, 4: 4, 5: 6, 6: 5}.items():
        expected[target, source] = 1
    np.testing.assert_allclose(mix, expected, atol=1e-12)
    np.testing.assert_allclose(exchange(angles, angles + 33.0, periods).sum(0), 1)


def test_sums_by_angle_against_the_definition():
    rng = np.random.default_rng(1)
    w, a, b = rng.standard_normal((5, 4, 3, 3)), rng.uniform(0, 360, 5), rng.uniform(0, 360, 4)
    found = sums_by_angle(w, a, b, permutations=49, seed=3)
    cosines = np.cos(np.deg2rad(a[:, None] - b))
    assert found.score == pytest.approx(np.corrcoef(w.sum((2, 3)).ravel(), cosines.ravel())[0, 1], abs=1e-12)
    assert len(found.null) == 49
    # A score that is nothing special is not called so, and p is never zero.
    assert found.p == (1 + (found.null >= found.score).sum()) / 50
    again = sums_by_angle(w, a, b, permutations=49, seed=3)
    np.testing.assert_array_equal(found.null, again.null)


def test_p_is_uniform_without_a_relation():
    rng = np.random.default_rng(0)
    ps = [
        sums_by_angle(rng.standard_normal((5, 5, 1, 1)), rng.uniform(0, 360, 5), rng.uniform(0, 360, 5),
                      permutations=99, seed=i).p
        for i in range(200)
    ]  # fmt: skip
    # The mean of 200 uniform numbers lies within 0.08 of a half in all but one case of ten thousand.
    assert abs(np.mean(ps) - 0.5) < 0.08
    assert np.mean(np.array(ps) <= 0.05) < 0.12


def test_turning_together():
    found = turn_together(equivariant(), EIGHTHS, EIGHTHS, steps=8, permutations=199)
    # Turning by odd eighths interpolates.
    assert found.score > 0.9
    assert found.p == 1 / 200
    assert found.null.max() < 0.7
    noisy = turn_together(equivariant(noise=0.3), EIGHTHS, EIGHTHS, steps=8, permutations=199)
    assert found.score > noisy.score > noisy.null.max()
    # With the wrong sense of rotation nothing is left.
    assert turn_together(equivariant(), -EIGHTHS, EIGHTHS, steps=8, permutations=9).score < 0.3


def test_turning_with_inputs_that_have_no_orientation():
    w = np.concatenate([equivariant(), np.ones((8, 1, 9, 9))], 1)
    inputs = np.append(EIGHTHS, np.nan)
    assert turn_together(w, EIGHTHS, inputs, steps=8, permutations=19).p == 0.05


def test_published_weights_turn(tiles):
    shown = [tile for tile in tiles if tile["figure"] == "Visualizing Weights fig 5"]
    upper = sorted({int(tile["to_unit"]) for tile in shown})
    lower = sorted({int(tile["from_unit"]) for tile in shown})
    w = np.zeros((len(upper), len(lower), 5, 5))
    for tile in shown:
        w[upper.index(int(tile["to_unit"])), lower.index(int(tile["from_unit"]))] = tile["values"]
    ends = [
        np.array([published_family(layer, "Curves").angles[unit] for unit in units])
        for layer, units in (("mixed3b", upper), ("mixed3a", lower))
    ]
    found = sums_by_angle(w, *ends, permutations=1999)
    # Computed from the same 64 tiles when they were decoded.
    assert found.score == pytest.approx(0.728, abs=5e-4)
    assert found.p < 0.001
    apart = np.abs((ends[0][:, None] - ends[1] + 180) % 360 - 180)
    sums = w.sum((2, 3))
    bands = ((0, 25), (25, 60), (60, 120), (120, 155), (155, 180.1))
    means = [sums[(apart >= low) & (apart < high)].mean() for low, high in bands]
    np.testing.assert_allclose(means, [2.38, 1.81, 0.24, -1.42, -3.02], atol=0.01)
    assert turn_together(w, *ends, permutations=199).p == 1 / 200


def test_relations_find_copies():
    rng = np.random.default_rng(0)
    base = ndimage.gaussian_filter(rng.standard_normal((3, 9, 9)), (0, 1.2, 1.2))
    base *= np.hypot(*(np.mgrid[:9, :9] - 4)) < 3.5
    other = ndimage.gaussian_filter(rng.standard_normal((3, 9, 9)), (0, 1.2, 1.2))
    turn = np.stack([base, turned(base, 90.0), other, turned(base, 225.0)])
    found = related(turn, "rotation")
    units, values = found.groups(0.9)[0]
    angles = dict(zip(units.tolist(), values.tolist(), strict=True))
    assert len(found.groups(0.9)) == 1
    assert set(angles) == {0, 1, 3}
    assert (angles[1] - angles[0]) % 360 == 90
    assert (angles[3] - angles[0]) % 360 == 225
    mirror = related(np.stack([base, mirrored(base, 30.0)]), "reflection")
    assert mirror.correlations[0, 1] > 0.9
    assert mirror.values[0, 1] == 30
    hue = related(np.stack([base, np.einsum("tf,frc->trc", hue_mix(60.0), base)]), "hue")
    assert hue.correlations[0, 1] == pytest.approx(1)
    assert hue.values[0, 1] == 60
    y, x = np.mgrid[-6:7, -6:7]
    blobs = np.stack([np.exp(-((x - 0.5 * s) ** 2 + 2 * y**2) / (2 * s**2)) for s in (2.0, 1.4)])[:, None]
    scale = related(blobs, "scale")
    assert scale.correlations[0, 1] > 0.98
    assert scale.values[0, 1] == 0.7


def test_relations_by_the_inputs_orientations():
    found = related(equivariant(), "rotation", EIGHTHS)
    np.testing.assert_array_equal(found.values[0], EIGHTHS)
    assert found.correlations[0].min() > 0.8
    mixed = np.concatenate([equivariant(), np.random.default_rng(0).standard_normal((24, 8, 9, 9)) * 0.2])
    test = related(mixed, "rotation", EIGHTHS).test(np.arange(8), permutations=199)
    assert test.p == 1 / 200


def test_published_families():
    sizes = {"conv2d0": 64, "conv2d1": 64, "conv2d2": 192, "mixed3a": 256, "mixed3b": 480}
    for layer, size in sizes.items():
        units = [unit for family in published(layer) for unit in family.units]
        assert sorted(units) == list(range(size)), layer
    assert sum(sizes.values()) == 1056
    shares = [round(100 * family.share()) for family in published("conv2d0")]
    assert shares == [44, 42, 14]
    counts = Counter(family.layer for family in published())
    assert [counts[layer] for layer in sizes] == [3, 8, 14, 18, 34]
    for family in published():
        assert len(set(family.units)) == len(family.units), family


def test_published_families_are_those_of_the_articles(thread):
    given = json.loads((thread / "families.json").read_text())["layers"]
    ours = {(family.layer, family.name): set(family.units) for family in published()}
    theirs = {(layer, group["name"]): set(group["units"]) for layer, it in given.items() for group in it["groups"]}
    assert ours == theirs
    for layer, name in (("conv2d2", "Tiny Curves"), ("mixed3a", "Curves"), ("mixed3b", "Curves")):
        curves = {
            unit["unit"]: unit["peak_deg"]
            for unit in json.loads((thread / "curve_units.json").read_text())["layers"][layer]
        }
        assert published_family(layer, name).angles == curves


def test_first_layer_of_the_article(thread):
    images = np.load(thread / "conv2d0_weight_images.npz")["images"] / 255
    found = sort_filters(np.moveaxis(images, 0, -1))
    ours = {unit: family.name[0] for family in found for unit in family.units}
    theirs = {unit: family.name[0].lower() for family in published("conv2d0") for unit in family.units}
    # G, C and O stand for the same kinds in both.
    assert sum(ours[unit] == theirs[unit] for unit in range(64)) == 57
    assert [len(family) for family in found] == [31, 25, 8]


def test_first_layer_by_construction():
    y, x = np.mgrid[-3:4, -3:4]
    envelope = np.exp(-(x**2 + y**2) / 8)
    gabor = [envelope * np.cos(1.8 * (x * np.cos(t) + y * np.sin(t))) for t in np.deg2rad([0.0, 60.0, 120.0])]
    red_green = np.stack([envelope * (x > 0), envelope * (x <= 0), 0 * envelope], -1)
    corner = np.zeros((7, 7, 3))
    corner[0, 0] = 1.0
    kernel = np.stack([*(np.repeat(one[..., None], 3, -1) for one in gabor), red_green, corner], -1)
    gabors, colours, other = sort_filters(kernel, "a")
    assert sorted(gabors.units) == [0, 1, 2]
    assert (colours.units, other.units) == ((3,), (4,))
    for unit, angle in gabors.angles.items():
        # Seven pixels leave the spectrum broad.
        assert abs((angle - 60.0 * unit + 90) % 180 - 90) < 5
    seen = filter_features(kernel)
    assert seen.colour[0] < 1e-9 < seen.colour[3]
    assert seen.border[4] == pytest.approx(1)


def test_distinct_against_all_subsets():
    rng = np.random.default_rng(0)
    for _ in range(20):
        angles = rng.uniform(0, 360, 6)
        family = Family("a", "b", tuple(range(6)), tuple(angles))
        best = 0
        for bits in range(1, 64):
            some = angles[[i for i in range(6) if bits >> i & 1]]
            gaps = np.abs((some[:, None] - some + 180) % 360 - 180) + 360 * np.eye(len(some))
            best = max(best, len(some) if gaps.min() >= 40 else 0)
        assert family.distinct(40.0) == best


W = np.ones((3, 3, 3, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: published("mixed5a"), "no families of 'mixed5a' are published; expected one of conv2d0"),
        (
            lambda: published_family("mixed3b", "curves"),
            "no family 'curves' of mixed3b is published; expected one of Other",
        ),
        (lambda: Family("a", "l", (1, 2), (0.0,)), "the family 'a' has 2 units and 1 orientations; expected as many"),
        (lambda: Family("a", "l", (1,)).share(), "no families of 'l' are published"),
        (lambda: sums_by_angle(W, np.zeros(2), np.zeros(3)), "there are 2 orientations of units for weights of shape"),
        (
            lambda: sums_by_angle(W, np.zeros(3), np.array([0, np.nan, 1.0])),
            "number 1 of the inputs is nan; expected deg",
        ),
        (lambda: sums_by_angle(W[:2], np.zeros(2), np.zeros(3)), "2 units have an orientation; expected three or more"),
        (lambda: sums_by_angle(W, np.zeros(3), np.zeros(3), permutations=0), "permutations is 0; expected 1 or more"),
        (lambda: turn_together(W[..., :2], np.zeros(3), np.zeros(3)), "tiles have 3x2 positions; expected square ones"),
        (lambda: turn_together(W, np.zeros(3), np.zeros(3), steps=1), "steps is 1; expected 2 or more to a turn"),
        (lambda: related(W, "shear"), "no symmetry 'shear'; expected one of rotation, reflection, scale, hue"),
        (lambda: related(W, "rotation", np.zeros(2)), "there are 2 angles for 3 inputs; expected one for each"),
        (lambda: related(W[:, :2], "hue"), "hue needs the hues of the 2 inputs; expected angles"),
        (lambda: related(W, "scale").test(np.array([1])), r"units are \[1\]; expected two or more of 0 to 2"),
        (lambda: filter_features(np.ones((2, 7, 3, 4))), r"the kernel has the shape \(2, 7, 3, 4\); expected"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_symmetries_begin_with_nothing_changed():
    tile = np.random.default_rng(0).random((5, 5))
    for name in ("rotation", "scale", "hue"):
        neutral = 1.0 if name == "scale" else 0.0
        assert neutral in SYMMETRIES[name].values
        np.testing.assert_allclose(SYMMETRIES[name].tiles(tile, neutral), tile, atol=1e-12)
