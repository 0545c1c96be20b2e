"""Caricatures, inversion, textures and style transfer: what becomes of photographs."""

import jax
import numpy as np
import optax
import pytest

import featvis
from featvis.recipes import caricature, feature_inversion, style_transfer, texture
from featvis.recipes.given import activations, objective_values

RNG = np.random.default_rng(0)
DOWN, ACROSS = (np.indices((12, 12)) + 0.5) / 12
PHOTO = np.stack([DOWN, 0.5 + 0.4 * np.sin(9 * ACROSS), 1 - DOWN * ACROSS], -1).astype(np.float32)
STRIPES = np.where((np.arange(16) % 2 < 1)[None, :, None], [0.9, 0.2, 0.1], [0.1, 0.8, 0.3])
STRIPES = np.broadcast_to(STRIPES, (16, 16, 3)).astype(np.float32)
KERNEL = (0.5 * RNG.standard_normal((3, 3, 3, 5))).astype(np.float32)


def toy(images):
    """Colours, which tell everything, a convolution with positions, and its means, which tell little."""
    dimensions = ("NHWC", "HWIO", "NHWC")
    conv = jax.nn.relu(jax.lax.conv_general_dilated(images, KERNEL, (1, 1), "SAME", dimension_numbers=dimensions))
    return {"rgb": images - 0.5, "conv": conv, "means": conv.mean((1, 2))}


def fast(steps=60, **more):
    return {"steps": steps, "optimizer": OPTIMIZER, "transforms": (), **more}


OPTIMIZER, STILL = optax.adam(0.3), optax.sgd(0.0)


def acts(images, layer):
    """Activations of one image."""
    return activations(toy, np.asarray(images)[None], [layer])[layer][0]


def noise():
    return np.asarray(featvis.param.sample(jax.random.key(0), PHOTO.shape[:2]))


@pytest.mark.parametrize("static", [False, True])
def test_caricatures_raise_the_dot_product(static):
    found = caricature(toy, PHOTO, ["rgb", "conv", "means"], static=static, **fast())
    assert found.layers == ("rgb", "conv", "means")
    assert found.images.shape == (3, 12, 12, 3)
    assert repr(found) == "<a photograph of 12x12 pixels as seen by rgb, conv, means>"
    np.testing.assert_array_equal(found.photograph, PHOTO)
    for layer, image, score in zip(found.layers, found.images, found.scores, strict=True):
        seen = acts(PHOTO, layer)
        dots = [float((acts(picture, layer) * seen).sum()) for picture in (image, noise())]
        # A sum of up to 720 numbers in another order.
        assert score == pytest.approx(dots[0], rel=1e-4)
        # More than the photograph itself: exaggerated.
        assert dots[0] > max(dots[1], 0) * 1.2
        assert dots[0] > float((seen * seen).sum())


def test_angles_keep_caricatures_close():
    def cosine(power):
        image = caricature(toy, PHOTO, "conv", cossim_pow=power, **fast()).images[0]
        a, b = acts(image, "conv").ravel(), acts(PHOTO, "conv").ravel()
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    assert cosine(4.0) > cosine(0.0)


def test_inversion_recovers_what_the_layer_tells():
    found = feature_inversion(toy, PHOTO, ["rgb", "means"], **fast(150))
    # Fractions of the photograph's activations: nothing to begin with, nearly all at the end.
    assert found.result.history[0, 0] < -0.8
    assert (found.scores > -1e-2).all()
    for layer, image, score in zip(found.layers, found.images, found.scores, strict=True):
        left = np.square(acts(image, layer) - acts(PHOTO, layer)).sum() / np.square(acts(PHOTO, layer)).sum()
        assert score == pytest.approx(-left, rel=1e-3)
    # Colours tell the photograph; means of a convolution do not.
    rgb, means = np.abs(found.images - PHOTO).mean((1, 2, 3))
    assert rgb < 0.05 < 0.1 < means


def test_starting_with_the_photograph():
    options = fast(1, start="photograph", optimizer=STILL)
    found = feature_inversion(toy, PHOTO, "rgb", **options)
    # Up to the rounding of the sigmoid and its inverse, which stays half a grey level from 0 and 1.
    np.testing.assert_allclose(found.images[0], PHOTO, atol=2e-3)
    for history in (found.result.history, feature_inversion(toy, PHOTO, "rgb", static=True, **options).result.history):
        np.testing.assert_allclose(history, 0, atol=1e-6)


def test_only_what_is_not_static_moves_with_the_image():
    options = {"start": "photograph", "optimizer": STILL}
    options |= {"transforms": [featvis.transforms.pad(2), featvis.transforms.jitter(4)]}
    moving = feature_inversion(toy, PHOTO, "rgb", **fast(4, **options))
    static = feature_inversion(toy, PHOTO, "rgb", static=True, **fast(4, **options))
    # Photograph and image are the same under the same transforms, and one pixel of shift already differs.
    np.testing.assert_allclose(moving.result.history, 0, atol=1e-6)
    assert static.result.history.min() < -1e-2


def gram(images, layer="conv"):
    flat = acts(images, layer).reshape(-1, KERNEL.shape[-1])
    return flat.T @ flat / len(flat)


def test_textures_have_the_gram_matrix_of_the_style():
    result = texture(toy, STRIPES, layers="conv", param=featvis.param.image(12), **fast(150))
    assert result.images.shape == (1, 12, 12, 3)
    left, before = (np.abs(gram(image) - gram(STRIPES)).mean() for image in (result.images[0], noise()))
    assert left < 0.1 * before
    # The score is that difference as a fraction.
    assert result.scores[0] == pytest.approx(-left / np.abs(gram(STRIPES)).mean(), rel=1e-3)


def test_the_weight_of_content_decides():
    def draw(content_weight):
        result = style_transfer(
            toy, PHOTO, STRIPES, content_layers="rgb", style_layers="conv", content_weight=content_weight, **fast(100)
        )
        assert result.images.shape == (1, 1, 12, 12, 3)
        image = result.images[0, 0]
        return np.abs(image - PHOTO).mean(), np.abs(gram(image) - gram(STRIPES)).mean()

    (content_only, without_style), (in_between, with_style), (without_content, style_only) = map(draw, (1e3, 0.3, 0.0))
    assert content_only < 0.5 * in_between < 0.4 * without_content
    assert style_only < with_style < 0.2 * without_style
    assert content_only < 0.05


def test_style_transfer_scores_both_parts():
    options = {"content_layers": ["rgb", "conv"], "style_layers": "conv", "content_weight": 2.0}
    result = style_transfer(toy, PHOTO, STRIPES, start="photograph", **options, **fast(4))
    image = result.images[0, 0]
    style = np.abs(gram(image) - gram(STRIPES)).mean() / np.abs(gram(STRIPES)).mean()
    content = np.mean(
        [
            np.abs(acts(image, layer) - acts(PHOTO, layer)).mean() / np.abs(acts(PHOTO, layer)).mean()
            for layer in ("rgb", "conv")
        ]
    )
    assert result.scores[0] == pytest.approx(-style - 2 * content, rel=1e-3)
    # The first step begins with the photograph, where content is as it should be.
    first = np.abs(gram(PHOTO) - gram(STRIPES)).mean() / np.abs(gram(STRIPES)).mean()
    assert result.history[0, 0] == pytest.approx(-first, rel=1e-3)


def test_styles_of_dead_layers_are_finite():
    def dead(images):
        return {"dead": 0 * images}

    result = texture(dead, STRIPES, layers="dead", param=featvis.param.image(12), **fast(1))
    assert result.scores[0] == 0
    assert objective_values(dead, "dead:0", PHOTO[None])[0, 0] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: caricature(toy, PHOTO[None], "rgb"),
            r"^the photograph has shape \(1, 12, 12, 3\); expected one image",
        ),
        (lambda: caricature(toy, PHOTO, []), r"^layers are \[\]; expected at least one name, each once$"),
        (lambda: caricature(toy, PHOTO, "rgb", start="grey"), "^start is 'grey'; expected 'noise' or 'photograph'$"),
        (lambda: caricature(toy, PHOTO, "rgb", cossim_pow=-1.0), "^cossim_pow is -1.0; expected a number from 0 up$"),
        (lambda: caricature(toy, PHOTO, "rbg"), r"^the network returns no \['rbg'\]"),
        (
            lambda: feature_inversion(toy, PHOTO, "rgb", param=featvis.param.image(8)),
            r"^param makes images of shape \(8, 8, 3\); expected \(12, 12, 3\), that of the photograph$",
        ),
        (lambda: caricature(toy, PHOTO, "rgb", param=featvis.param.cppn(12)), "cannot begin with an image"),
        (
            lambda: texture(toy, 255 * STRIPES, layers="rgb"),
            "^style has type float32 and values from 25.5 to 229.5; exp",
        ),
        (lambda: texture(toy, STRIPES, layers="means"), r"^means has no positions: its shape is \(1, 5\); style needs"),
        (
            lambda: texture(toy, STRIPES),
            r"^the network returns no \['conv2d0', 'conv2d2', .*; it returns \['conv', 'mea",
        ),
        (
            lambda: style_transfer(toy, PHOTO, STRIPES, content_layers="rgb", style_layers="rgb", content_weight=-1.0),
            "^content_weight is -1.0; expected a number from 0 up$",
        ),
        (
            lambda: style_transfer(
                toy, PHOTO, STRIPES, content_layers="rgb", style_layers="rgb", param=featvis.param.image(8)
            ),
            r"^param makes images of shape \(8, 8, 3\); expected \(12, 12, 3\), that of `content`$",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
