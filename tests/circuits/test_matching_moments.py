"""Moments of two layers: against stored activations, merged, streamed in batches of any sizes."""

import functools
import tracemalloc

import jax
import numpy as np
import pytest

from circuits import ablate, edited
from circuits.matching import JointMoments, joint_moments, joint_moments_of, moments_of

FIELDS = ("mean_a", "mean_b", "cov_a", "cov_b", "cov_ab")


def same(found, expected, rtol=1e-9):
    """Moments agree, relative to the largest of each kind: float64 loses 3 to 5 of its 16 digits in sums like these."""
    assert (found.layers, found.count) == (expected.layers, expected.count)
    for name in FIELDS:
        one, two = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(one, two, rtol=0, atol=rtol * np.abs(two).max(), err_msg=name)


@pytest.fixture(scope="module")
def rows():
    """Samples of units that depend on each other, far from zero: where sums of squares would lose digits."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 5)) + 1e4
    return a, a[:, :3] @ rng.normal(size=(3, 4)) + rng.normal(size=(200, 4))


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(1).random((7, 32, 32, 3), np.float32)


def test_numpy_says_the_same(rows):
    a, b = rows
    found = moments_of(a, b)
    full = np.cov(np.concatenate([a, b], 1).T, bias=True)
    expected = JointMoments(("A", "B"), 200, a.mean(0), b.mean(0), full[:5, :5], full[5:, 5:], full[:5, 5:])
    same(found, expected)
    np.testing.assert_allclose(found.correlation, np.corrcoef(a.T, b.T)[:5, 5:], atol=1e-9)
    same(found.swapped, moments_of(b, a, ("B", "A")))


@pytest.mark.parametrize("cuts", [[1], [199], [3, 4, 90], [50, 100, 150]])
def test_merged_shards_are_the_whole(rows, cuts):
    whole = moments_of(*rows)
    shards = [moments_of(*pair) for pair in zip(*(np.split(r, cuts) for r in rows), strict=True)]
    forward = functools.reduce(JointMoments.merge, shards)
    backward = functools.reduce(lambda late, early: early.merge(late), shards[::-1])  # The other grouping.
    crossed = functools.reduce(JointMoments.merge, shards[::-1])  # The other order.
    for found in (forward, backward, crossed):
        same(found, whole)


def test_units_that_never_change():
    """Their correlation is zero, not a rounding error over another: constants that binary fractions cannot hold."""
    rng = np.random.default_rng(0)
    a, b = np.full((300, 2), 0.1), rng.normal(size=(300, 2))
    a[:, 1] = b[:, 0]
    found = functools.reduce(JointMoments.merge, (moments_of(a[i : i + 7], b[i : i + 7]) for i in range(0, 300, 7)))
    np.testing.assert_array_equal(found.correlation[0], 0)
    assert found.correlation[1, 0] == pytest.approx(1)
    # A direction along which units cancel.
    b[:, 1] = 0.3 * b[:, 0]
    along = moments_of(b, b).along(a=np.array([[0.3, -1.0], [1.0, 0.0]]))
    np.testing.assert_array_equal(along.correlation[0], 0)
    np.testing.assert_allclose(along.correlation[1], 1)


def test_tiny_and_huge_units_correlate():
    a = np.random.default_rng(0).normal(size=(50, 1))
    found = moments_of(a * [[1e-150, 1e150]], -a)
    np.testing.assert_allclose(found.correlation, -1)


def test_directions(rows):
    a, b = rows
    rng = np.random.default_rng(2)
    left, right = rng.normal(size=(2, 5)), rng.normal(size=(3, 4))
    same(moments_of(a, b).along(left, right), moments_of(a @ left.T, b @ right.T))
    same(moments_of(a, b).along(b=np.eye(4)[[2]]), moments_of(a, b[:, [2]]))


def stored(network, photos, layer):
    return np.asarray(network(photos, taps=layer)[layer], np.float64)


def test_streaming_is_what_storing_gives(narrow, narrow_caffe, photos):
    """Two networks, one layer of each; both have maps of 8x8 there."""
    one, two = stored(narrow, photos, "conv2d2"), stored(narrow_caffe, photos, "localresponsenorm1")
    assert one.shape[1:3] == two.shape[1:3] == (8, 8)
    found = joint_moments(narrow, narrow_caffe, photos, "conv2d2", "localresponsenorm1")
    flat = [values.reshape(-1, values.shape[-1]) for values in (one, two)]
    # Single images are computed by other programs: float32.
    same(found, moments_of(*flat, ("conv2d2", "localresponsenorm1")), rtol=1e-5)
    with np.errstate(invalid="ignore"):  # Some units are silent, which NumPy divides by.
        expected = np.corrcoef(flat[0].T, flat[1].T)[: one.shape[-1], one.shape[-1] :]
    np.testing.assert_allclose(found.correlation, np.nan_to_num(expected), atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"shift": 3}, {"per_image": 5, "shift": 2}, {"positions": "max", "shift": 1}])
@pytest.mark.parametrize("sizes", [[1] * 7, [2, 5], [6, 0, 1]])
def test_batches_make_no_difference(photos, sizes, options):
    def network(images):
        return {"a": images[:, ::2, ::2] ** 2, "b": images[..., :2]}

    ends = np.cumsum(sizes)
    batches = (photos[end - size : end] for end, size in zip(ends, sizes, strict=True))  # Read once, as it must be.
    same(joint_moments(network, network, batches, "a", "b", **options),
         joint_moments(network, network, [photos], "a", "b", **options))  # fmt: skip


def test_memory_does_not_grow_with_images(photos):
    def network(images):
        return {"a": np.concatenate([images] * 4, -1)}

    peaks = []
    for count in (5, 25):
        tracemalloc.start()
        joint_moments(network, network, (photos + 0 for _ in range(count)), "a", shift=3)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A batch's activations are 0.7 MB in float64: one more that is kept would show.
    assert peaks[1] < peaks[0] + 3e5


def test_places_of_maps_of_different_sizes():
    """A picture that is a slope in both directions is itself at any size, where places match."""

    def slope(size):
        middle = (np.arange(size) + 0.5) / size
        return np.stack(np.broadcast_arrays(middle[:, None], 3 * middle), -1)

    rng = np.random.default_rng(0)
    images = rng.random((3, 1, 1, 1))
    networks = [lambda images, n=n: {"a": images * slope(n)} for n in (4, 6, 12)]
    for large in networks[1:]:
        found = joint_moments(networks[0], large, images, "a")
        assert found.count == 3 * 16
        np.testing.assert_allclose(found.cov_a, found.cov_b, rtol=1e-12)
        np.testing.assert_allclose(np.diag(found.correlation), 1, rtol=1e-12)
        same(found.swapped, joint_moments(large, networks[0], images, "a"))


@pytest.mark.parametrize(("positions", "pool"), [("mean", np.mean), ("max", np.max)])
def test_images_as_samples(narrow, photos, positions, pool):
    pairs = [("conv2d0", "mixed3a"), ("mixed3a", "mixed3a")]
    found = joint_moments_of(narrow, narrow, photos, pairs, positions=positions)
    for each, layers in zip(found, pairs, strict=True):
        expected = moments_of(*(pool(stored(narrow, photos, layer), (1, 2)) for layer in layers), layers)
        same(each, expected, rtol=1e-5)  # float32, as above.


def test_layers_without_a_map(photos):
    """Vectors beside vectors are samples as they are; numbers from any framework will do."""

    def network(images):
        return {"logits": np.asarray(images).mean((1, 2)).tolist(), "map": images}

    found = joint_moments(network, network, photos, "logits", "map", positions="mean")
    expected = photos.astype(np.float64).mean((1, 2))
    np.testing.assert_allclose(np.diag(found.correlation), 1, rtol=1e-4)  # float32 means of 1,024 pixels.
    np.testing.assert_allclose(found.mean_a, expected.mean(0), rtol=1e-6)


def test_shifted_images(photos):
    """With `shift`, an image of A is beside an earlier one of B: what permuted pictures would give."""

    def network(images):
        return {"a": images[:, :4, :4]}

    rows = photos[:, :4, :4].astype(np.float64)
    found = joint_moments(network, network, photos, "a", shift=2)
    same(found, moments_of(rows[2:].reshape(-1, 3), rows[:-2].reshape(-1, 3), ("a", "a")))


def test_drawn_places_are_those_of_both(photos):
    """Of few places in each image, all are found in the end, and both layers have the same."""

    def network(images):
        return {"a": images[:, :3, :3], "b": 2 * images[:, :3, :3]}

    many = np.tile(photos[:1], (300, 1, 1, 1))
    found = joint_moments(network, network, many, "a", "b", per_image=2)
    assert found.count == 600
    np.testing.assert_allclose(np.diag(found.correlation), 1, rtol=1e-12)
    # 600 draws of 9 values between 0 and 1: a standard error of 0.3 / 24.
    np.testing.assert_allclose(found.mean_a, photos[0, :3, :3].mean((0, 1)), atol=0.05)
    again, other = (joint_moments(network, network, many, "a", "b", per_image=2, seed=seed) for seed in (0, 1))
    same(again, found, rtol=0)
    assert (other.mean_a != found.mean_a).all()
    whole = joint_moments(network, network, photos, "a", "b")
    same(joint_moments(network, network, photos, "a", "b", per_image=9), whole)


def test_each_network_has_images_of_its_own(photos):
    def network(images):
        assert images.shape[1:3] in ((16, 16), (8, 8)), images.shape
        return {"a": images}

    found = joint_moments(network, network, photos, "a", prepare_a=16, prepare_b=lambda images: images[:, ::4, ::4])
    small = np.asarray(jax.image.resize(photos, (7, 16, 16, 3), "linear"), np.float64)
    halved = (small[:, ::2] + small[:, 1::2]) / 2
    halved = (halved[:, :, ::2] + halved[:, :, 1::2]) / 2  # The middle of four positions.
    same(found, moments_of(halved.reshape(-1, 3), photos[:, ::4, ::4].reshape(-1, 3), ("a", "a")))


def test_edited_networks(narrow, photos):
    silenced = edited(narrow, ablate("mixed3a", [2, 5]))
    found = joint_moments(narrow, silenced, photos, "mixed3a")
    np.testing.assert_array_equal(found.correlation[:, [2, 5]], 0)
    assert found.correlation[3, 3] == pytest.approx(1)


ROWS = moments_of(np.eye(3), np.eye(3)[:, :2])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: moments_of(np.eye(3), np.eye(2)), r"shapes \(3, 3\) and \(2, 2\); expected \[samples, units\] twice"),
        (lambda: moments_of(np.zeros((0, 1)), np.zeros((0, 1))), "with as many samples, one or more"),
        (lambda: moments_of(np.eye(2), np.eye(2) * np.nan, ("x", "y")), "activations of y are not all finite"),
        (lambda: ROWS.merge(ROWS.swapped), "are of B and A with 2 and 3 units; expected A and B with 3 and 2 units"),
        (lambda: ROWS.along(b=np.eye(3)), r"directions over B have shape \(3, 3\); expected \[n, 2\], all finite"),
        (lambda: ROWS.along(a=np.full((1, 3), np.inf)), r"over A have shape \(1, 3\); expected \[n, 3\], all finite"),
        (
            lambda: JointMoments(("A", "B"), 0, ROWS.mean_a, ROWS.mean_b, ROWS.cov_a, ROWS.cov_b, ROWS.cov_ab),
            "count is 0; expected 1 or more samples",
        ),
        (
            lambda: JointMoments(("A", "B"), 1, ROWS.mean_a, ROWS.mean_b, ROWS.cov_a, ROWS.cov_b, ROWS.cov_ab.T),
            r"cov_ab has shape \(2, 3\); expected \(3, 2\) for 3 and 2 units",
        ),
    ],
)
def test_what_has_no_moments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def toy(images):
    return {"map": images, "flat": images[:, 0, 0], "one": images[0, 0, 0], "fewer": images[1:], "bad": images * np.nan}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pairs": []}, "there are no pairs of layers; expected at least one, a layer of a and a layer of b"),
        ({"pairs": [("map", "maps")]}, "the network returns no maps; it returns bad, fewer, flat, map, one"),
        ({"pairs": [("map", "flat")]}, r'which have no positions in common; positions="mean" and "max" compare whole'),
        ({"pairs": [("one", "map")]}, r"of one have shape \(3,\) for 7 images; expected \[n, units\] or \[n, height"),
        ({"pairs": [("map", "fewer")]}, r"activations of fewer have shape \(6, 32, 32, 3\) for 7 images"),
        ({"pairs": [("map", "bad")]}, "activations of bad are not all finite; expected numbers"),
        ({"positions": "min"}, "positions is 'min'; expected 'matched' or 'mean' or 'max'"),
        ({"per_image": 0}, "per_image is 0; expected 1 or more, or None for all positions"),
        ({"shift": -1}, "shift is -1; expected 0, or how many images earlier those of b are"),
        ({"shift": 7}, "there are 7 images; expected more than 7, as those of b are so many earlier"),
        ({"images": []}, "there are 0 images; expected at least one"),
        ({"images": np.zeros((0, 4, 4, 3))}, "there are 0 images; expected at least one"),
        (
            {"images": list(np.zeros((2, 4, 4, 3)))},
            r"batch 0 of the images has shape \(4, 4, 3\); expected",
        ),
        (
            {"images": [np.ones((1, 4, 4, 3)), np.ones((1, 8, 8, 3))], "shift": 1},
            "maps have 16 positions in some",
        ),
        ({"prepare_b": 0}, "prepare_b is 0; expected a side in pixels, 1 or more, a function of images, or None"),
    ],
)
def test_images_and_layers_that_do_not_fit(photos, change, message):
    given = {"images": [photos], "pairs": [("map", "map")]} | change
    with pytest.raises(ValueError, match=message):
        joint_moments_of(toy, toy, **given)


def test_layers_that_networks_do_not_have(narrow, photos):
    with pytest.raises(ValueError, match="no layer 'mixed3c'"):
        joint_moments(narrow, narrow, photos, "mixed3a", "mixed3c")
    with pytest.raises(ValueError, match="no layer 'mixed3c'"):
        joint_moments(edited(narrow, ablate("mixed3a", 2)), narrow, photos, "mixed3c", "mixed3a")
