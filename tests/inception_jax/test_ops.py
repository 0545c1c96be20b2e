"""Layer arithmetic against loops in NumPy float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inception_jax import ops
from inception_jax.architecture import BVLC_GOOGLENET, INCEPTION5H, LRN
from inception_jax.nodes import AvgPool, Conv, L2Pool, MaxPool, output_size

SIZES = [(7, 8), (8, 9), (11, 12), (14, 15)]
# Sums of at most a few hundred float32 products of size one: rounding stays below 1e-5.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def windows(x, kernel, stride, rule, ceil, fill):
    """Windows of each output position by the documented rules, padded with `fill`: [n, h2, w2, k, k, c]."""
    starts = []
    for size in x.shape[1:3]:
        if rule == "same":
            count = -(-size // stride)
            low = max((count - 1) * stride + kernel - size, 0) // 2
        else:
            low = kernel // 2 if not (ceil and stride > 1) else 0
            span = size + 2 * low - kernel
            count = (-(-span // stride) if ceil else span // stride) + 1
            if ceil and low and (count - 1) * stride >= size + low:
                count -= 1
        starts.append([i * stride - low for i in range(count)])
    out = np.full((len(x), len(starts[0]), len(starts[1]), kernel, kernel, x.shape[3]), fill, np.float64)
    for i, top in enumerate(starts[0]):
        for j, left in enumerate(starts[1]):
            for r in range(kernel):
                for c in range(kernel):
                    if 0 <= top + r < x.shape[1] and 0 <= left + c < x.shape[2]:
                        out[:, i, j, r, c] = x[:, top + r, left + c]
    return out


@pytest.mark.parametrize("rule", ["same", "caffe"])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (5, 1), (7, 2)])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("function", [ops.conv, ops.conv_fast_vjp])
def test_convolution(size, kernel, stride, rule, function):
    x, w = random(2, *size, 3), random(kernel, kernel, 3, 4, seed=1)
    expected = np.einsum("nijrcx,rcxo->nijo", windows(x, kernel, stride, rule, False, 0), w)
    got = function(jnp.asarray(x), jnp.asarray(w), stride, ops.conv_padding(x.shape, kernel, stride, rule))
    np.testing.assert_allclose(got, expected, **CLOSE)
    assert got.shape[1] == output_size(size[0], Conv("", kernel, 3, 4, stride), rule)


@pytest.mark.parametrize("rule", ["same", "caffe"])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (5, 1), (7, 2), (3, 2)])
@pytest.mark.parametrize("size", SIZES)
def test_fast_gradients_are_the_stock_ones(size, kernel, stride, rule):
    x, w = jnp.asarray(random(2, *size, 3)), jnp.asarray(random(kernel, kernel, 3, 4, seed=1))
    padding = ops.conv_padding(x.shape, kernel, stride, rule)

    def gradients(function):
        return jax.grad(lambda x, w: jnp.sin(function(x, w, stride, padding)).sum(), (0, 1))(x, w)

    for fast, stock in zip(gradients(ops.conv_fast_vjp), gradients(ops.conv), strict=True):
        # The weight gradient sums over all positions, so its rounding is a few times larger.
        np.testing.assert_allclose(fast, stock, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("groups", [2, 4])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (5, 1), (3, 2)])
@pytest.mark.parametrize("function", [ops.conv, ops.conv_fast_vjp])
def test_groups_are_those_of_xla(kernel, stride, groups, function):
    x, w = jnp.asarray(random(2, 11, 12, 8)), jnp.asarray(random(kernel, kernel, 8 // groups, 12, seed=1))
    padding = ops.conv_padding(x.shape, kernel, stride, "same")

    def stock(x, w):
        return jax.lax.conv_general_dilated(
            x, w, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups
        )

    def ours(x, w):
        return ops.grouped(function, groups)(x, w, stride, padding)

    def gradients(function):
        return jax.grad(lambda x, w: jnp.sin(function(x, w)).sum(), (0, 1))(x, w)

    np.testing.assert_allclose(ours(x, w), stock(x, w), **CLOSE)
    for got, expected in zip(gradients(ours), gradients(stock), strict=True):
        # The weight gradient sums over all positions, so its rounding is a few times larger.
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rule", ["same", "caffe"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_max_pool(size, stride, rule):
    x, pool = random(2, *size, 3), MaxPool(3, stride)
    got = ops.max_pool(jnp.asarray(x), pool, ops.pool_padding(x.shape, pool, rule))
    np.testing.assert_array_equal(got, windows(x, 3, stride, rule, True, -np.inf).max((3, 4)))
    assert got.shape[1:3] == tuple(output_size(s, pool, rule) for s in size)


@pytest.mark.parametrize("rule", ["same", "caffe"])
@pytest.mark.parametrize("stride", [1, 2])
def test_average_windows_count_only_the_image(stride, rule):
    x, pool = random(2, 7, 8, 3), MaxPool(3, stride)
    got = ops.average_windows(jnp.asarray(x), pool, ops.pool_padding(x.shape, pool, rule))
    np.testing.assert_allclose(got, np.nanmean(windows(x, 3, stride, rule, True, np.nan), (3, 4)), **CLOSE)


@pytest.mark.parametrize("rule", ["same", "caffe"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_l2_pool(size, stride, rule):
    x, pool = random(2, *size, 3), L2Pool(3, stride)
    got = ops.l2_pool(jnp.asarray(x), pool, ops.pool_padding(x.shape, pool, rule))
    expected = np.sqrt(np.nanmean(windows(x, 3, stride, rule, True, np.nan) ** 2, (3, 4)))
    np.testing.assert_allclose(got, expected, **CLOSE)
    assert got.shape[1:3] == tuple(output_size(s, pool, rule) for s in size)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_l2_pool_of_zeros_and_of_large_numbers(dtype):
    def total(x):
        return ops.l2_pool(x, L2Pool(1, 1), ((1, 1), (1, 1))).astype(jnp.float32).sum()

    value, gradient = jax.value_and_grad(total)(jnp.zeros((1, 4, 4, 1), dtype))
    assert (float(value) < 1e-3, gradient.dtype) == (True, dtype)
    np.testing.assert_array_equal(gradient, 0)
    # The square of 1000 is more than half precision holds.
    assert float(total(jnp.full((1, 4, 4, 1), 1000, dtype))) == 16_000


def test_tied_maxima_share_the_gradient():
    pool = MaxPool(1, 1)
    gradient = jax.grad(lambda x: ops.max_pool(x, pool, ((1, 1), (1, 1))).sum())(jnp.zeros((1, 4, 4, 1)))
    # Nothing is lost and nothing is made: 16 windows give a gradient of 16 in all.
    assert float(gradient.sum()) == 16.0
    assert float(gradient.min()) > 0


@pytest.mark.parametrize("lrn", [INCEPTION5H.lrn, BVLC_GOOGLENET.lrn, LRN(1, 0.3, 0.6, 1.5)])
def test_local_response_norm(lrn):
    x = 30 * random(2, 3, 4, 13)
    expected = np.empty(x.shape)
    for c in range(13):
        near = x[..., max(0, c - lrn.radius) : c + lrn.radius + 1].astype(np.float64)
        expected[..., c] = x[..., c] / (lrn.bias + lrn.alpha * (near**2).sum(-1)) ** lrn.beta
    np.testing.assert_allclose(ops.local_response_norm(jnp.asarray(x), lrn), expected, rtol=1e-5)


def test_avg_pool_keeps_positions_when_there_are_several():
    x = random(2, 8, 7, 3)
    got = ops.avg_pool(jnp.asarray(x), AvgPool(3, 7, squeeze=True), "same")
    np.testing.assert_allclose(got[:, 1, 0], x[:, 1:8].mean((1, 2)), **CLOSE)
    assert ops.avg_pool(jnp.asarray(x[:, :7]), AvgPool(3, 7, squeeze=True), "same").shape == (2, 3)


@pytest.mark.parametrize(("axes", "axis", "shape"), [("x", 2, (2, 8, 1, 3)), ("y", 1, (2, 1, 7, 3))])
def test_averages_along_one_axis_keep_their_positions(axes, axis, shape):
    x = random(2, 8, 7, 3)
    got = ops.avg_pool(jnp.asarray(x), AvgPool(3, None, axes=axes), "same")
    assert got.shape == shape
    np.testing.assert_allclose(got.squeeze(axis), x.mean(axis), **CLOSE)


def test_caffe_rounds_average_pools_up():
    x, pool = random(2, 13, 14, 3), AvgPool(3, 5, stride=3)
    got = ops.avg_pool(jnp.asarray(x), pool, "caffe")
    assert got.shape == (2, 4, 4, 3)
    # The last rows' window starts at 9 and has four of its five rows inside the image.
    np.testing.assert_allclose(got[:, 3, 1], x[:, 9:13, 3:8].mean((1, 2)), **CLOSE)
    assert ops.avg_pool(jnp.asarray(x), pool, "same").shape == (2, 3, 4, 3)
