"""Grids of lower resolution, against SciPy's interpolation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from param_table import random_params
from scipy.ndimage import map_coordinates

from featvis import param
from featvis.param.fields import linear_weights


def enlarged(grid, size):
    """Bilinear, corners on corners."""
    grid = np.asarray(grid, np.float64)
    places = np.meshgrid(*(np.linspace(0, n - 1, m) for n, m in zip(grid.shape[:2], size, strict=True)), indexing="ij")
    channels = [map_coordinates(grid[..., c], places, order=1) for c in range(grid.shape[2])]
    return np.stack(channels, -1)


@pytest.mark.parametrize(("size", "underlying"), [((8, 8), (4, 4)), ((9, 14), (3, 14)), ((7, 5), (1, 2)), ((1, 6), 1)])
def test_low_resolution_is_interpolated(size, underlying):
    p = param.lowres(size, underlying)
    params = random_params(p, 0)
    # Float32 sums of four products.
    np.testing.assert_allclose(p.field(params), enlarged(params, size), atol=1e-6)


@pytest.mark.parametrize("offset", [(0, 0), (2, 0), (0, 3), (8, 9), 4])
def test_offset_moves_the_content_and_mirrors_it_at_the_edge(offset):
    still, moved = param.lowres((8, 9), (4, 3)), param.lowres((8, 9), (4, 3), offset=offset)
    params = random_params(still, 0)
    down, right = offset if isinstance(offset, tuple) else (offset, offset)
    expected = np.pad(still.field(params), ((down, 0), (right, 0), (0, 0)), mode="symmetric")[:8, :9]
    np.testing.assert_allclose(moved.field(params), expected, atol=1e-7)


@pytest.mark.parametrize("size", [(16, 16), (11, 18)])
def test_a_pyramid_is_the_sum_of_its_levels(size):
    p = param.laplacian(size, 4)
    params = random_params(p, 0)
    height, width = size
    assert [level.shape for level in params] == [(height // k, width // k, 3) for k in (8, 4, 2, 1)]
    np.testing.assert_allclose(p.field(params), sum(enlarged(level, size) for level in params), atol=2e-6)


def test_a_pyramid_inverts_from_coarse_to_fine():
    p = param.laplacian(16, 3)
    smooth = jnp.broadcast_to(jnp.linspace(-1, 1, 16)[:, None, None], (16, 16, 3))
    coarse, *finer = p.field.invert(smooth)
    # The coarsest level can say it all; float32 of a least-squares solution.
    np.testing.assert_allclose(coarse, enlarged(smooth, (4, 4)), atol=1e-5)
    assert all(np.abs(level).max() < 1e-5 for level in finer)


def test_low_resolution_inverts_by_least_squares():
    field = param.lowres((8, 6), (3, 2)).field
    raw = np.random.default_rng(0).normal(size=(8, 6, 3)).astype(np.float32)
    basis = np.stack([np.ravel(enlarged(one, (8, 6))) for one in np.eye(6).reshape(6, 3, 2, 1)], -1)
    expected = np.linalg.lstsq(basis, raw.reshape(48, 3), rcond=None)[0].reshape(3, 2, 3)
    np.testing.assert_allclose(field.invert(jnp.asarray(raw)), expected, atol=1e-5)


def test_weights_interpolate():
    points, at = np.array([-1.0, 0.5, 2.0]), np.linspace(-2, 3, 11)
    values = np.array([3.0, -1.0, 7.0])
    np.testing.assert_allclose(linear_weights(at, points) @ values, np.interp(at, points, values))
    np.testing.assert_allclose(linear_weights(at, points).sum(1), 1)


def test_levels_are_drawn_independently():
    fine, coarse = (param.laplacian((8, 16), 2).init(jax.random.key(0))[i] for i in (1, 0))
    assert not np.isin(np.asarray(coarse), np.asarray(fine)).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: param.laplacian(8, 5), "levels is 5; expected a whole number, from 1 to 4"),
        (lambda: param.laplacian((7, 90), 0), "levels is 0; expected a whole number, from 1 to 3"),
        (lambda: param.lowres(8, (4, 9)), r"underlying is \(4, 9\), larger than the image, 8x8"),
        (lambda: param.lowres(8, 0), "image size is 0; expected sides"),
        (lambda: param.lowres(8, 4, offset=-1), "offset is -1; expected a whole number, from 0 to 8"),
        (lambda: param.lowres((8, 6), 4, offset=(8, 7)), "offset is 7; expected a whole number, from 0 to 6"),
        (lambda: param.lowres(8, 4, squash="cut"), "squash is 'cut'; expected 'sigmoid' or 'clip'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
