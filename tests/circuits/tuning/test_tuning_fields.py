"""Receptive fields against the support of gradients, and effective ones against plain differentiation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circuits.tuning import effective_field, effective_radius, receptive_field
from inception_jax.gradients import LINEAR


def support(model, layer, size, position):
    """Rows and columns of all pixels that a unit's gradient reaches, pools averaging and without ReLUs."""
    image = np.random.default_rng(0).random((1, *size, 3), np.float32)
    gradient = jax.jit(jax.grad(lambda x: model(x, taps=layer, rules=LINEAR)[layer][0][position].sum()))(image)
    rows, columns = np.nonzero(np.abs(np.asarray(gradient[0])).sum(-1))
    return (rows.min(), rows.max() + 1), (columns.min(), columns.max() + 1)


@pytest.mark.parametrize("name", ["narrow", "narrow_caffe"])
@pytest.mark.parametrize(
    ("layer", "size", "position"),
    [
        ("conv2d2", (48, 40), None),
        ("conv2d2", (48, 40), (0, 9)),
        ("mixed3a_1x1", (64, 64), (3, 3)),
        ("mixed3a", (96, 120), None),
    ],
)
def test_against_the_support_of_gradients(name, layer, size, position, request):
    model = request.getfixturevalue(name)
    found = receptive_field(model, layer, size, position)
    maps = jax.eval_shape(lambda x: model(x, taps=layer)[layer], jax.ShapeDtypeStruct((1, *size, 3), np.float32)).shape
    place = position or ((maps[1] - 1) // 2, (maps[2] - 1) // 2)
    inside = tuple((max(first, 0), min(last, n)) for (first, last), n in zip(found.box, size, strict=True))
    assert support(model, layer, size, place) == inside


def test_middles(narrow, narrow_caffe):
    """At 224 pixels the middle position, of two the earlier, is a pixel or two from pixel 112."""
    assert receptive_field(narrow, "mixed3b").middle == (111, 111)
    assert receptive_field(narrow_caffe, "mixed3b").middle == (110, 110)
    assert receptive_field(narrow, "conv2d0", 9, (1, 2)).box == ((-1, 6), (1, 8))
    assert receptive_field(narrow, "conv2d0", 9, (1, 2)).size == (7, 7)


def test_effective_field_is_the_mean_gradient(narrow):
    images = np.random.default_rng(1).random((2, 40, 40, 3), np.float32)
    units = [3, 1, 4]
    found = effective_field(narrow, "conv2d2_pre_relu", images, units, batch=2)

    @jax.jit
    def gradient(image, unit):
        return jax.grad(lambda x: narrow(x[None], taps="conv2d2_pre_relu")["conv2d2_pre_relu"][0, 4, 4, unit])(image)

    expected = [np.mean([np.abs(gradient(image, unit)).sum(-1) for image in images], 0) for unit in units]
    # float32 sums in another order.
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * np.max(expected))
    (top, bottom), (left, right) = receptive_field(narrow, "conv2d2", 40).box
    outside = found.copy()
    outside[:, max(top, 0) : bottom, max(left, 0) : right] = 0
    assert not outside.any()


def test_fields_of_any_model():
    filters = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)

    def model(images):
        return {"a": jnp.einsum("nhwc,uhwc->nu", images, filters)}

    found = effective_field(model, "a", np.zeros((1, 8, 8, 3), np.float32))
    np.testing.assert_allclose(found, np.abs(filters).sum(-1), rtol=1e-6)
    both = effective_field(model, "a", np.zeros((1, 8, 8, 3), np.float32), np.float32([[1, -1]]))
    np.testing.assert_allclose(both[0], np.abs(filters[0] - filters[1]).sum(-1), rtol=1e-5)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_radius_of_a_gaussian(share):
    rows, columns = np.mgrid[:101, :101]
    field = np.exp(-((rows - 48) ** 2 + (columns - 53) ** 2) / (2 * 8.0**2))
    expected = 8 * np.sqrt(-2 * np.log(1 - share))
    for middle in (None, (48.0, 53.0)):
        # Circles of whole pixels.
        assert effective_radius(field[None], share, middle)[0] == pytest.approx(expected, abs=0.5)
    assert np.isnan(effective_radius(np.zeros((1, 5, 5)))).all()


def test_messages(narrow):
    image = np.zeros((1, 33, 33, 3), np.float32)
    with pytest.raises(ValueError, match=r"position is \(9, 0\); 'conv2d2' has a map of 9x9: expected a row, 0 to 8"):
        receptive_field(narrow, "conv2d2", 33, (9, 0))
    with pytest.raises(ValueError, match="no layer 'conv2d9'; did you mean"):
        receptive_field(narrow, "conv2d9", 33)
    with pytest.raises(ValueError, match="there are no images; expected at least one"):
        effective_field(narrow, "conv2d2", image[:0])
    with pytest.raises(ValueError, match="units has 24; expected unit numbers of 'conv2d2', 0 to 23"):
        effective_field(narrow, "conv2d2", image, 24)
    with pytest.raises(ValueError, match="batch is 0; expected 1 or more units at a time"):
        effective_field(narrow, "conv2d2", image, batch=0)
    with pytest.raises(ValueError, match="share is 0; expected a number over 0 and up to 1"):
        effective_radius(np.ones((1, 3, 3)), 0)
    with pytest.raises(ValueError, match="fields are negative or not finite; expected sizes of gradients, 0 or more"):
        effective_radius(-np.ones((1, 3, 3)))
