"""Samples of an atlas: where they are taken, that they are the layer's activations, what they add to the classes."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import inception_jax
from featvis.recipes import atlas
from inception_jax.architecture import ARCHITECTURES

RNG = np.random.default_rng(0)
W1, W2 = RNG.standard_normal((3, 5)).astype(np.float32), RNG.standard_normal((5, 7)).astype(np.float32)
PHOTOS = RNG.random((7, 12, 16, 3)).astype(np.float32)
LABELS = np.array([3, 3, 0, 1, 2, 0, 4])


def toy(images, edits=None):
    """A network of somebody else's: linear, so that attributions add up."""
    edits = edits or {}
    n, height, width, _ = images.shape
    acts = {"fine": edits.get("fine", lambda a: a)(images @ W1)}
    acts["coarse"] = acts["fine"].reshape(n, height // 2, 2, width // 2, 2, 5).mean((2, 4))
    acts["logits"] = acts["coarse"].mean((1, 2)) @ W2
    return acts


def blind(images):
    return toy(images)


def batches(size, photos=PHOTOS, labels=LABELS):
    return [(photos[i : i + size], labels[i : i + size]) for i in range(0, len(photos), size)]


@pytest.fixture(scope="module")
def small():
    """The first three blocks of mini, narrower and with random weights: the real operations, at 32 pixels."""
    whole = ARCHITECTURES["mini"].scaled(1 / 4)
    return inception_jax.initialise(dataclasses.replace(whole, blocks=whole.blocks[:3], image_size=32, classes=20), 0)


def cells_of(samples, height, width):
    return (samples.places * (height, width)).astype(int)


def test_samples_are_the_layers_activations():
    samples = atlas.collect(toy, batches(3), "fine", positions=4, dtype=np.float32)
    rows, columns = cells_of(samples, 12, 16).T
    expected = (PHOTOS @ W1)[samples.images, rows, columns]
    # Sums of three products, in another order.
    np.testing.assert_allclose(samples.vectors, expected, rtol=1e-5, atol=1e-6)
    assert samples.images.tolist() == np.repeat(np.arange(7), 4).tolist()
    assert samples.labels.tolist() == np.repeat(LABELS, 4).tolist()
    assert repr(samples) == "<28 samples of fine from 7 images>"


def test_places_are_centres_of_positions():
    samples = atlas.collect(toy, batches(7), "fine", positions=4)
    np.testing.assert_allclose((cells_of(samples, 12, 16) + 0.5) / (12, 16), samples.places, rtol=1e-6)


@pytest.mark.parametrize("margin", [0, 1, 5])
def test_positions_are_inside_and_all_different(margin):
    count = (12 - 2 * margin) * (16 - 2 * margin)
    samples = atlas.collect(toy, batches(7), "fine", positions=count, margin=margin)
    for image in range(7):
        cells = cells_of(samples[samples.images == image], 12, 16)
        assert len({tuple(cell) for cell in cells.tolist()}) == count
        assert (cells >= margin).all()
        assert (cells < np.array([12, 16]) - margin).all()


def test_positions_are_drawn_evenly():
    photos = np.zeros((400, 12, 16, 3), np.float32)
    samples = atlas.collect(toy, [(photos, np.zeros(400, int))], "coarse", positions=6, margin=0)
    counts = np.histogram2d(*cells_of(samples, 6, 8).T, bins=(6, 8), range=((0, 6), (0, 8)))[0]
    # 50 a position, with a standard deviation of 6.6 (without replacement): five of them.
    assert np.abs(counts - 50).max() < 33


def test_the_seed_decides_and_the_batch_size_does_not():
    whole = atlas.collect(toy, batches(7), "fine", positions=3, logits="logits", seed=1)
    for size in (1, 2, 5):
        other = atlas.collect(toy, batches(size), "fine", positions=3, logits="logits", seed=1)
        for name in ("places", "images", "labels"):
            np.testing.assert_array_equal(getattr(whole, name), getattr(other, name))
        # Half precision keeps eleven bits; sums in another order may round the other way.
        np.testing.assert_allclose(whole.vectors, other.vectors, rtol=2e-3, atol=1e-6)
        np.testing.assert_allclose(whole.attributions, other.attributions, rtol=2e-3, atol=1e-6)
    other = atlas.collect(toy, batches(7), "fine", positions=3, seed=2)
    assert (whole.places != other.places).any(1).mean() > 0.8


def test_images_without_a_label_leave_no_trace():
    holes = np.insert(LABELS, [0, 3], -1)
    photos = np.insert(PHOTOS, [0, 3], 0.7, axis=0)
    expected = atlas.collect(toy, batches(7), "fine", positions=2)
    found = atlas.collect(toy, [*batches(4, photos, holes), (photos[:2], np.array([-1, -1]))], "fine", positions=2)
    for name in ("places", "images", "labels", "vectors"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_bytes_are_read_as_fractions():
    pixels = (PHOTOS * 255).round().astype(np.uint8)
    found = atlas.collect(toy, batches(7, pixels), "fine", dtype=np.float32)
    expected = atlas.collect(toy, batches(7, pixels / np.float32(255)), "fine", dtype=np.float32)
    np.testing.assert_array_equal(found.vectors, expected.vectors)


def test_attributions_of_all_positions_add_up_in_a_linear_network():
    samples = atlas.collect(toy, batches(3), "fine", positions=192, margin=0, logits="logits", dtype=np.float32)
    totals = samples.attributions.reshape(7, 192, 7).sum(1)
    # Sums of 192 float32 terms.
    np.testing.assert_allclose(totals, toy(PHOTOS)["logits"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", ["mixed3a", "mixed3b_pre_relu"])
def test_attributions_agree_with_a_gradient_per_class(small, layer):
    photos = np.random.default_rng(1).random((2, 32, 32, 3)).astype(np.float32)
    logits = "softmax2_pre_activation"
    samples = atlas.collect(small, [(photos, [0, 1])], layer, positions=3, margin=0, logits=logits, dtype=np.float32)

    @jax.jit
    def reference(model):
        acts = model(photos, taps=layer)[layer]
        scores = jax.jacrev(lambda acts: model(photos, taps=logits, edits={layer: lambda _: acts})[logits])
        return acts, scores(acts)

    acts, gradients = (np.asarray(array) for array in reference(small))
    rows, columns = cells_of(samples, *acts.shape[1:3]).T
    images = samples.images
    expected = np.einsum("su,scu->sc", acts[images, rows, columns], gradients[images, :, images, rows, columns])
    assert np.abs(expected).max() > 1e-3
    # Sums of some hundred float32 terms that partly cancel.
    np.testing.assert_allclose(samples.attributions, expected, rtol=1e-3, atol=1e-5)


def smooth(images, edits=None):
    """A network whose finite differences are those of a function with derivatives."""
    edits = edits or {}
    acts = {"first": edits.get("first", lambda a: a)(jnp.tanh(images @ W1))}
    acts["logits"] = jnp.tanh(acts["first"].mean((1, 2))) @ W2
    return acts


def test_attributions_agree_with_finite_differences():
    samples = atlas.collect(smooth, batches(7), "first", positions=2, logits="logits", dtype=np.float32)
    acts, step = np.asarray(smooth(PHOTOS)["first"], np.float64), 0.5
    for sample, (row, column) in enumerate(cells_of(samples, 12, 16)):
        image = samples.images[sample]
        change = np.zeros_like(acts)
        change[image, row, column] = step * acts[image, row, column]
        scores = [smooth(PHOTOS, {"first": lambda _, a=a: a})["logits"] for a in (acts + change, acts - change)]
        slope = (scores[0] - scores[1])[image] / (2 * step)
        # A sample is a 192nd of the mean: rounding of logits of about 1 over its small share, and the square of that.
        np.testing.assert_allclose(samples.attributions[sample], slope, rtol=1e-3, atol=3e-6)


def test_large_images_have_the_mean_of_several_logits():
    def with_positions(images, edits=None):
        acts = toy(images, edits)
        several = jnp.stack([acts["logits"], jnp.zeros_like(acts["logits"])], 1)[:, None]
        return {**acts, "logits": several}

    one, half = (atlas.collect(f, batches(7), "fine", logits="logits", dtype=np.float32) for f in (toy, with_positions))
    np.testing.assert_allclose(2 * half.attributions, one.attributions, rtol=1e-5, atol=1e-8)


def test_places_of_other_samples():
    fine = atlas.collect(toy, batches(7), "fine", positions=3, seed=4)
    coarse = atlas.collect(toy, batches(2), "coarse", like=fine, seed=5, dtype=np.float32)
    assert (cells_of(coarse, 6, 8) == cells_of(fine, 12, 16) // 2).all()
    rows, columns = cells_of(coarse, 6, 8).T
    expected = toy(PHOTOS)["coarse"][coarse.images, rows, columns]
    np.testing.assert_allclose(coarse.vectors, expected, rtol=1e-5, atol=1e-6)


def test_places_on_a_finer_map():
    coarse = atlas.collect(toy, batches(7), "coarse", positions=3)
    fine = atlas.collect(toy, batches(7), "fine", like=coarse)
    # The centre of a coarse position is where four fine ones meet.
    assert (cells_of(fine, 12, 16) == 2 * cells_of(coarse, 6, 8) + 1).all()


def test_choosing_samples():
    samples = atlas.collect(toy, batches(7), "fine", positions=5, logits="logits")
    assert repr(samples).endswith("from 7 images, attributed to 7 classes>")
    assert samples.winners.tolist() == samples.attributions.argmax(1).tolist()
    strongest = samples[samples.strongest(2, 6)]
    order = sorted(range(35), key=lambda i: -samples.attributions[i, 2])[:6]
    assert strongest.attributions[:, 2].tolist() == samples.attributions[order, 2].tolist()
    assert strongest.images.tolist() == samples.images[order].tolist()
    assert len(samples.strongest(2, 1000)) == 35
    won = samples[samples.winners == samples.winners[0]]
    assert set(won.winners.tolist()) == {samples.winners[0]}


def loud(images):
    return {"fine": images @ W1 * 1e6}


WITHOUT = atlas.collect(toy, batches(7), "fine")


@pytest.mark.parametrize(
    ("collect", "message"),
    [
        (lambda: atlas.collect(toy, [], "fine"), "there are no images; expected at least one with a label from 0 up"),
        (lambda: atlas.collect(toy, [(PHOTOS, -1 - LABELS)], "fine"), "there are no images"),
        (lambda: atlas.collect(toy, batches(7), "logits"), r"logits has no positions: its shape is \(1, 7\)"),
        (lambda: atlas.collect(toy, batches(7), "first"), r"the network returns no \['first'\]"),
        (
            lambda: atlas.collect(toy, batches(7), "fine", positions=0),
            "positions is 0, margin 1 and seed 0; expected 1, 0",
        ),
        (lambda: atlas.collect(toy, batches(7), "fine", margin=-1), "positions is 1, margin -1"),
        (
            lambda: atlas.collect(toy, batches(7), "coarse", positions=13, margin=2),
            r"coarse has 8 positions \(6x8 with a margin of 2\), and 13 were asked for; give fewer, a smaller margin",
        ),
        (lambda: atlas.collect(toy, batches(7), "coarse", margin=3), "coarse has 0 positions"),
        (lambda: atlas.collect(toy, batches(7), "fine", dtype=np.int32), "dtype is int32; expected float16 or float32"),
        (lambda: atlas.collect(toy, [(PHOTOS, LABELS[:3])], "fine"), r"labels have shape \(3,\)"),
        (lambda: atlas.collect(toy, [(PHOTOS, LABELS / 2)], "fine"), "expected 7 integers"),
        (lambda: atlas.collect(toy, [(PHOTOS[0], [1])], "fine"), r"images have shape \(12, 16, 3\)"),
        (lambda: atlas.collect(loud, batches(7), "fine"), "beyond float16; give dtype=np.float32"),
        (
            lambda: atlas.collect(blind, batches(7), "fine", logits="logits"),
            "this function takes images only; expected a model with an argument `edits`",
        ),
        (
            lambda: atlas.collect(toy, batches(7, PHOTOS, LABELS[::-1]), "fine", like=WITHOUT),
            "the images are not those of <7 samples of fine from 7 images>: their number or labels differ",
        ),
        (lambda: atlas.collect(toy, batches(7, PHOTOS[:3]), "fine", like=WITHOUT), "labels have shape"),
        (lambda: atlas.collect(toy, [(PHOTOS[:3], LABELS[:3])], "fine", like=WITHOUT), "their number or labels differ"),
        (lambda: atlas.collect(toy, [(PHOTOS, LABELS)] * 2, "fine", like=WITHOUT), "their number or labels differ"),
        (lambda: atlas.collect(toy, batches(7), "fine", like=WITHOUT[2:]), "expected all, as collected"),
        (lambda: WITHOUT.winners, "have no attributions; collect them with logits='softmax2_pre_activation'"),
        (
            lambda: atlas.collect(toy, batches(7), "fine", logits="logits").strongest(7, 1),
            "there is no class 7; expected 0 to 6",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_collected_is_refused(collect, message):
    with pytest.raises(ValueError, match=message):
        collect()


def test_a_layer_beyond_the_logits_is_refused(small):
    photos = np.zeros((1, 32, 32, 3), np.float32)
    with pytest.raises(ValueError, match="would have no effect"):
        atlas.collect(small, [(photos, [0])], "mixed4a", logits="mixed3a")


@pytest.mark.shared
def test_attributions_in_the_real_network_add_up_to_its_logits(bvlc, shared_dir):
    with np.load(shared_dir / "reference" / "bvlc_googlenet_activations.npz") as reference:
        images = (reference["input_rgb_minus_mean"] + np.float32(bvlc.architecture.input_mean)) / np.float32(255)
    logits = "softmax2_pre_activation"
    samples = atlas.collect(
        bvlc, [(images, [1, 207])], "mixed5b", positions=49, margin=0, logits=logits, dtype=np.float32
    )
    # From the last block on, the network is an average and a matrix.
    totals = samples.attributions.reshape(2, 49, 1000).sum(1) + np.asarray(bvlc.weights["softmax2"]["bias"])
    np.testing.assert_allclose(totals, bvlc(images, taps=logits)[logits], atol=1e-4)  # Sums of 1,024 x 49 products.
    # A goldfish and a golden retriever, in sum and by the votes of the positions.
    assert totals.argmax(1).tolist() == [1, 207]
    assert [np.bincount(samples.winners[samples.images == i]).argmax() for i in range(2)] == [1, 207]
