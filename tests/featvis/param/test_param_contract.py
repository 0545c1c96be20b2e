"""What every parameterisation promises."""

import jax
import numpy as np
import pytest
from param_table import TABLE, begun, facts, fit

from featvis import param
from inception_jax.photographs import photographs

SIZES = [(11, 14), (14, 11)]
SQUARE = (24, 24)
ANY = pytest.mark.parametrize("name", TABLE)
EVERY = [pytest.param(name, size, id=f"{name} {size[0]}x{size[1]}") for name in TABLE for size in SIZES]
EVERYWHERE = pytest.mark.parametrize(("name", "size"), EVERY)


@EVERYWHERE
def test_images_have_the_declared_shape_and_range(name, size):
    found = facts(name, size)
    assert isinstance(found["param"], param.Parameterization)
    for image in (*found["images"], found["far"]):
        assert image.shape == found["param"].shape == found["target"].shape
        assert image.dtype == np.float32
        assert float(image.min()) >= 0
        assert float(image.max()) <= 1


@ANY
def test_random_numbers_are_those_of_the_key(name):
    p, (first, second) = TABLE[name].make(SQUARE), (begun(name, SQUARE, seed) for seed in (0, 1))
    again = p.init(jax.random.key(0))
    assert jax.tree.all(jax.tree.map(np.array_equal, first, again))
    assert not np.array_equal(p(first), p(second))


@EVERYWHERE
def test_a_batch_is_the_single_images(name, size):
    found = facts(name, size)
    # Sums in float32 in another order.
    np.testing.assert_allclose(found["batch"], np.stack(found["images"]), atol=2e-6)


@EVERYWHERE
def test_gradients_are_finite(name, size):
    found = facts(name, size)
    for gradient in (found["gradient"], found["gradient at zero"]):
        leaves = jax.tree.leaves(gradient)
        assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert any(np.any(leaf) for leaf in jax.tree.leaves(found["gradient"]))


@EVERYWHERE
def test_an_image_comes_back_from_its_parameters(name, size):
    found = facts(name, size)
    if "cppn" in name:
        assert not hasattr(found["param"], "invert")
        return
    # Float32 through a transform, a logit and the inverse of a colour basis, whose columns differ eightfold.
    np.testing.assert_allclose(found["round trip"], found["target"], atol=3e-5)


@ANY
def test_values_are_hashable_and_equal_if_made_alike(name):
    first, second = TABLE[name].make((11, 14)), TABLE[name].make((11, 14))
    assert first == second
    assert hash(first) == hash(second)
    assert first != TABLE[name].make((14, 11))


def test_members_differ():
    made = [member.make((11, 14)) for member in TABLE.values()]
    assert len(set(made)) == len(made)


@ANY
def test_opacity_is_declared(name):
    assert getattr(TABLE[name].make((8, 8)), "alpha", False) == ("transparent" in name)


@ANY
def test_fits_a_picture(name):
    member = TABLE[name]
    # Lucid's tests ask the same of a photograph: 0.01 within 1,000 steps.
    assert fit(member.make(SQUARE), begun(name, SQUARE, 0), member.target(SQUARE)) < 0.01


@pytest.mark.shared
@pytest.mark.parametrize(
    "p",
    [param.image(112), param.image(112, fft=False), param.laplacian(112), param.image(112, squash="clip")],
    ids=["fft", "pixels", "laplacian", "clip"],
)
def test_fits_a_photograph(p, shared_dir):
    source = photographs(shared_dir / "data" / "imagenet-samples.zip", short_side=112, crop=112)
    assert fit(p, p.init(jax.random.key(0)), source[1].image) < 0.01


@pytest.mark.shared
def test_a_photograph_comes_back(shared_dir):
    source = photographs(shared_dir / "data" / "imagenet-samples.zip", short_side=112, crop=112)
    picture = source[1].image
    p = param.image(112)
    # Half a grey level, where values are too near 0 or 1, and rounding.
    np.testing.assert_allclose(p(p.invert(picture)), picture, atol=1 / 512 + 3e-5)


def test_an_image_of_another_shape_has_no_parameters():
    for p in (param.image(8), param.perturbed(np.full((8, 8, 3), 0.5), 1.0)):
        with pytest.raises(ValueError, match=r"the image has shape \(8, 9, 3\); expected \(8, 8, 3\)"):
            p.invert(np.zeros((8, 9, 3), np.float32))
    with pytest.raises(ValueError, match=r"shape \(1, 8, 8, 3\); expected \(2, 8, 8, 3\)"):
        param.stack(param.image(8), 2).invert(np.zeros((1, 8, 8, 3), np.float32))
