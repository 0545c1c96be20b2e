"""Several images of one result."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from param_table import enlarged, random_params, sigmoid

from featvis import color, param
from featvis.param.spectrum import natural

# The constants of Lucid's color.py, typed again.
COVARIANCE_ROOT = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]) / 0.4619524


def test_a_stack_is_its_images():
    one = param.image((8, 9), fft=False)
    p = param.stack(one, 3)
    params = random_params(p, 0)
    np.testing.assert_allclose(p(params), np.stack([one(each) for each in params]), atol=1e-7)
    # Gradients of one image's values reach its parameters only.
    gradient = jax.grad(lambda q: p(q)[1].sum())(params)
    assert [bool(np.any(each)) for each in gradient] == [False, True, False]


def test_images_of_a_stack_begin_differently():
    images = param.stack(param.image(8, fft=False), 3).init(jax.random.key(0))
    assert not np.array_equal(images[0], images[1])
    assert not np.array_equal(images[1], images[2])


def test_only_what_has_an_inverse_is_stacked_with_one():
    assert hasattr(param.stack(param.image(8), 2), "invert")
    assert not hasattr(param.stack(param.cppn(8), 2), "invert")


def test_mixed_images_are_those_of_their_parameterisations():
    kinds = param.image(8), param.cppn(8, hidden=8, layers=2), param.maco(8)
    p = param.mixed(*kinds)
    params = random_params(p, 0)
    np.testing.assert_allclose(p(params), np.stack([one(q) for one, q in zip(kinds, params, strict=True)]), atol=1e-7)
    assert not hasattr(p, "invert")


def test_mixed_images_begin_differently():
    first, second = param.mixed(param.image(8), param.image(8)).init(jax.random.key(0))
    assert not np.array_equal(first, second)


def test_shared_parts_are_added_before_colours():
    p = param.shared(param.image((8, 12), fft=False), 3, ((1, 4), (2, 2)))
    everyone, ends, own = random_params(p, 0)
    assert (everyone.shape, ends.shape, own.shape) == ((1, 2, 3, 3), (2, 4, 6, 3), (3, 8, 12, 3))
    raw = np.stack(
        [
            own[image]
            + enlarged(everyone[0], (8, 12))
            + (1 - t) * enlarged(ends[0], (8, 12))
            + t * enlarged(ends[1], (8, 12))
            for image, t in enumerate((0, 0.5, 1))
        ]
    )
    # Float32 sums of a dozen numbers of size one.
    np.testing.assert_allclose(p(params=(everyone, ends, own)), sigmoid(raw @ COVARIANCE_ROOT.T), atol=2e-6)


def test_aligned_shares_at_the_resolutions_of_the_article():
    p = param.aligned((32, 48), 4)
    shapes = [leaf.shape for leaf in jax.eval_shape(p.init, jax.random.key(0))]
    assert shapes == [
        (1, 16, 24, 3),
        (1, 8, 12, 3),
        (1, 4, 6, 3),
        (2, 4, 6, 3),
        (1, 2, 3, 3),
        (2, 2, 3, 3),
        (4, 2, 3, 32, 25),
    ]
    assert param.aligned(8, 2).shape == (2, 8, 8, 3)


@pytest.mark.parametrize(("objectives", "steps", "size"), [(2, 2, (8, 8)), (3, 5, (9, 16)), (4, 4, (3, 5))])
def test_the_interpolation_basis_keeps_its_laws(objectives, steps, size):
    p = param.interpolation_basis(objectives, steps, size)
    images = np.asarray(p(random_params(p, 0)))
    assert images.shape == (objectives * (objectives - 1) // 2 * steps, *size, 3)
    grid = p.grid(images)
    assert grid.shape == (objectives, objectives, steps, *size, 3)
    for a in range(objectives):
        for b in range(objectives):
            assert np.array_equal(grid[a, b], grid[b, a, ::-1])
            # An objective's own image is one, whatever the pair; float32 sums in another order.
            np.testing.assert_allclose(grid[a, b, 0], grid[a, a, 0], atol=2e-6)
            assert np.array_equal(grid[a, a, 0], grid[a, a, -1])
    # Yet images between the same two differ.
    assert all(np.abs(x - y).max() > 0.01 for x, y in zip(grid[0, 1], grid[0, 1, 1:], strict=False))


def test_weights_say_what_each_image_is_for():
    p = param.interpolation_basis(3, 3, 4)
    expected = [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [1, 0, 0], [0.5, 0, 0.5], [0, 0, 1], [0, 1, 0], [0, 0.5, 0.5]]
    assert p.weights.tolist() == [*expected, [0, 0, 1]]
    assert p.pairs == [(0, 1), (0, 2), (1, 2)]


def test_images_between_objectives_have_a_part_of_their_own():
    p = param.interpolation_basis(2, 4, 8)
    params = random_params(p, 0)
    base, moved = p(params), p((*params[:2], jax.tree.map(jnp.zeros_like, params[2])))
    changed = [bool(np.abs(x - y).max() > 1e-3) for x, y in zip(base, moved, strict=True)]
    assert changed == [False, True, True, False]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: param.stack(param.image(8), 0), "images is 0; expected a whole number, at least 1"),
        (lambda: param.stack(param.stack(param.image(8), 2), 2), "param makes 2 images; expected a parameterisation"),
        (param.mixed, r"the parameterisations have shapes \[\]; expected one or more of one shape"),
        (
            lambda: param.mixed(param.image(8), param.image((8, 9))),
            r"have shapes \[\(8, 8, 3\), \(8, 9, 3\)\]; expected one or more of one shape",
        ),
        (
            lambda: param.mixed(param.image(8, alpha=True), param.image(8, channels=4)),
            "of one shape, with opacity or without",
        ),
        (lambda: param.mixed(param.image(8), param.aligned(8, 2)), "param makes 2 images; expected a parameterisation"),
        (lambda: param.shared(param.aligned(8, 2), 2), "param makes 2 images; expected a parameterisation of one"),
        (lambda: param.shared(param.image(8), 2, ((3, 2),)), "sources of a level is 3; expected .* from 1 to 2"),
        (lambda: param.shared(param.image(8), 2, ((1, 9),)), "factor of a level is 9; expected .* from 1 to 8"),
        (lambda: param.aligned(8, 1), "images is 1; expected a whole number, at least 2"),
        (lambda: param.interpolation_basis(1), "objectives is 1; expected a whole number, at least 2"),
        (lambda: param.interpolation_basis(2, 1), "steps is 1; expected a whole number, at least 2"),
        (lambda: param.maco(8, natural(8, 1)), "the spectrum has 1 channels; the colours have 3 components"),
        (lambda: param.maco(8, natural(8), colors=color.GREY), "the spectrum has 3 channels; the colours have 1 comp"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
