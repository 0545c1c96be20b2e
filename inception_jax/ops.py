"""The arithmetic of the layers: plain functions on NHWC arrays, written for fast gradients.

Two of them depart from the obvious XLA operation, because its gradient is slow (CPU, jax 0.10 to 0.12):
max-pooling as maxima of shifted slices (the gradient of `reduce_window` costs 4 to 15 times as much), and
`conv_fast_vjp`, whose input gradient is an ordinary convolution (the stock one is up to 20 times slower inside a
device loop).
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from inception_jax.architecture import LRN
from inception_jax.nodes import AvgPool, L2Pool, MaxPool, explicit_padding, output_size

Padding = tuple[tuple[int, int], tuple[int, int]]
Convolution = Callable[[Array, Array, int, Padding], Array]

Pool = MaxPool | L2Pool

_DIMENSIONS = ("NHWC", "HWIO", "NHWC")
_TINY = 1e-12


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME padding before and after an axis of length `size`.

    >>> same_padding(224, 7, 2), same_padding(225, 7, 2)
    ((2, 3), (3, 3))
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def conv_padding(shape: tuple[int, ...], kernel: int, stride: int, rule: str) -> Padding:
    """Padding of a convolution over NHWC `shape` under the rule `"same"` or `"caffe"`.

    >>> conv_padding((1, 224, 225, 3), 7, 2, "same"), conv_padding((1, 224, 225, 3), 7, 2, "caffe")
    (((2, 3), (3, 3)), ((3, 3), (3, 3)))
    """
    if rule == "caffe":
        side = (kernel // 2, kernel // 2)
        return side, side
    return same_padding(shape[1], kernel, stride), same_padding(shape[2], kernel, stride)


def conv(
    x: Float[Array, "n h w i"], kernel: Float[Array, "kh kw i o"], stride: int, padding: Padding
) -> Float[Array, "n h2 w2 o"]:
    """Convolution by XLA, differentiable in every mode.

    >>> conv(jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1)), 1, ((1, 1), (1, 1)))[0, 1, :, 0]
    Array([6., 9., 9., 6.], dtype=float32)
    """
    if kernel.shape[:2] == (1, 1) and stride == 1:
        return jnp.einsum("nhwi,io->nhwo", x, kernel[0, 0])
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=_DIMENSIONS)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv_fast_vjp(x: Array, kernel: Array, stride: int, padding: Padding) -> Array:
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=_DIMENSIONS)


def _conv_forward(x: Array, kernel: Array, stride: int, padding: Padding) -> tuple[Array, tuple[Array, Array]]:
    return _conv_fast_vjp(x, kernel, stride, padding), (x, kernel)


def _conv_backward(stride: int, padding: Padding, saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, kernel = saved
    flipped = kernel[::-1, ::-1].swapaxes(2, 3)
    pads = []
    for axis, (low, _) in enumerate(padding):
        size, k = x.shape[1 + axis], kernel.shape[axis]
        before = k - 1 - low
        pads.append((before, size + k - 1 - before - ((g.shape[1 + axis] - 1) * stride + 1)))
    dx = lax.conv_general_dilated(
        g, flipped, (1, 1), pads, lhs_dilation=(stride, stride), dimension_numbers=_DIMENSIONS
    )
    # Dead code, removed by XLA, unless the weights are differentiated.
    _, pull = jax.vjp(
        lambda k: lax.conv_general_dilated(x, k, (stride, stride), padding, None, None, _DIMENSIONS), kernel
    )
    return dx, pull(g)[0]


_conv_fast_vjp.defvjp(_conv_forward, _conv_backward)


def conv_fast_vjp(
    x: Float[Array, "n h w i"], kernel: Float[Array, "kh kw i o"], stride: int, padding: Padding
) -> Float[Array, "n h2 w2 o"]:
    """The same convolution with a reverse-mode gradient that stays fast in device loops; it has no `jvp`.

    >>> x, kernel = jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1))
    >>> jax.grad(lambda x: conv_fast_vjp(x, kernel, 1, ((1, 1), (1, 1))).sum())(x)[0, 1, :, 0]
    Array([6., 9., 9., 6.], dtype=float32)
    """
    if kernel.shape[:2] == (1, 1) and stride == 1:
        return conv(x, kernel, stride, padding)
    return _conv_fast_vjp(x, kernel, stride, padding)


def grouped(convolution: Convolution, groups: int) -> Convolution:
    """`convolution` in `groups`: each part of the units, in order, sees its own part of the channels alone.

    The kernel has the shape `[kh, kw, i / groups, o]`. The parts are convolved one after another, which is meant for
    few groups: XLA's grouped convolution is 4 to 6 times slower on CPUs, its gradients up to 30 times (jax 0.10).

    >>> kernel = jnp.array([1.0, 10.0]).reshape(1, 1, 1, 2)
    >>> grouped(conv, 2)(jnp.ones((1, 1, 1, 2)), kernel, 1, ((0, 0), (0, 0))).ravel()
    Array([ 1., 10.], dtype=float32)
    """
    if groups == 1:
        return convolution

    def in_parts(x: Array, kernel: Array, stride: int, padding: Padding) -> Array:
        parts = zip(jnp.split(x, groups, axis=-1), jnp.split(kernel, groups, axis=-1), strict=True)
        return jnp.concatenate([convolution(*part, stride, padding) for part in parts], axis=-1)

    return in_parts


def pool_padding(shape: tuple[int, ...], pool: Pool, rule: str) -> Padding:
    """Padding of a max or L2 pool over NHWC `shape`. Caffe's last window may reach past the image, never start there.

    >>> pool = MaxPool(64, 2)
    >>> pool_padding((1, 112, 113, 64), pool, "same"), pool_padding((1, 112, 113, 64), pool, "caffe")
    (((0, 1), (1, 1)), ((0, 1), (0, 0)))
    """
    pads = []
    for size in shape[1:3]:
        if rule == "same":
            pads.append(same_padding(size, pool.size, pool.stride))
        else:
            low = explicit_padding(pool)
            span = (output_size(size, pool, rule) - 1) * pool.stride + pool.size
            pads.append((low, span - size - low))
    return pads[0], pads[1]


def max_pool(x: Float[Array, "n h w c"], pool: MaxPool, padding: Padding) -> Float[Array, "n h2 w2 c"]:
    """Maximum over windows. Where several inputs share the maximum, they share the gradient.

    >>> max_pool(jnp.arange(4.0).reshape(1, 2, 2, 1), MaxPool(1, 2), ((0, 1), (0, 1))).ravel()
    Array([3.], dtype=float32)
    """
    padded = _pad(x, padding, -jnp.inf)
    return _windows(_windows(padded, pool, 1, jnp.maximum), pool, 2, jnp.maximum)


def average_windows(x: Float[Array, "n h w c"], pool: Pool, padding: Padding) -> Float[Array, "n h2 w2 c"]:
    """Average over the windows of another pool, counting only the elements inside the image (as TensorFlow does).

    >>> average_windows(jnp.arange(4.0).reshape(1, 2, 2, 1), MaxPool(1, 2), ((0, 1), (0, 1))).ravel()
    Array([1.5], dtype=float32)
    """
    total = _window_sum(x, pool, padding)
    count = _window_sum(jnp.ones((1, *x.shape[1:3], 1), x.dtype), pool, padding)
    return total / count


def l2_pool(x: Float[Array, "n h w c"], pool: L2Pool, padding: Padding) -> Float[Array, "n h2 w2 c"]:
    """Root of the mean square over windows, of the elements inside the image; in float32 whatever the input's type.

    >>> l2_pool(jnp.array([1.0, 1.0, 7.0, 7.0]).reshape(1, 2, 2, 1), L2Pool(1, 2), ((0, 1), (0, 1))).ravel()
    Array([5.], dtype=float32)
    """
    wide = x.astype(jnp.float32)
    # Windows of dead units are all zero, where the root alone has an infinite slope: its gradient would be NaN.
    return jnp.sqrt(average_windows(wide * wide, pool, padding) + _TINY).astype(x.dtype)


def _window_sum(x: Array, pool: Pool, padding: Padding) -> Array:
    return _windows(_windows(_pad(x, padding, 0.0), pool, 1, jnp.add), pool, 2, jnp.add)


def _pad(x: Array, padding: Padding, value: float) -> Array:
    (top, bottom), (left, right) = padding
    return lax.pad(x, jnp.asarray(value, x.dtype), ((0, 0, 0), (top, bottom, 0), (left, right, 0), (0, 0, 0)))


def _windows(x: Array, pool: Pool, axis: int, reduce: Callable[[Array, Array], Array]) -> Array:
    out = (x.shape[axis] - pool.size) // pool.stride + 1
    span = (out - 1) * pool.stride + 1
    slices = [lax.slice_in_dim(x, i, i + span, pool.stride, axis) for i in range(pool.size)]
    result = slices[0]
    for other in slices[1:]:
        result = reduce(result, other)
    return result


def avg_pool(x: Float[Array, "n h w c"], pool: AvgPool, rule: str) -> Float[Array, "n *rest c"]:
    """Average over windows, counting only the elements inside the image.

    TensorFlow's VALID windows all lie inside; under the rule `"caffe"` the last one may reach past the image. With
    `pool.squeeze`, a single position becomes `[n, c]`, as the average of everything does.

    >>> avg_pool(jnp.ones((2, 7, 7, 5)), AvgPool(5, 7, squeeze=True), "same").shape
    (2, 5)
    """
    if pool.axes != "xy":
        return x.mean({"x": 2, "y": 1}[pool.axes], keepdims=True)
    if pool.size is None:
        return x.mean((1, 2))
    sides, counts = [], []
    for size in x.shape[1:3]:
        out = output_size(size, pool, rule)
        starts = np.arange(out) * pool.stride
        sides.append((0, max(0, int(starts[-1]) + pool.size - size)))
        counts.append(np.minimum(starts + pool.size, size) - starts)
    count = np.multiply.outer(*counts)[..., None]
    window, stride = (1, pool.size, pool.size, 1), (1, pool.stride, pool.stride, 1)
    # A Python scalar as initial value keeps reduce_window differentiable under jit.
    y = lax.reduce_window(x, 0.0, lax.add, window, stride, ((0, 0), *sides, (0, 0))) / jnp.asarray(count, x.dtype)
    return y[:, 0, 0] if pool.squeeze and y.shape[1:3] == (1, 1) else y


def local_response_norm(x: Float[Array, "n h w c"], lrn: LRN) -> Float[Array, "n h w c"]:
    """Divide by a power of the energy in neighbouring channels; computed in float32 whatever the input's type.

    Source: Krizhevsky et al. 2012, section 3.3; `tf.nn.local_response_normalization`.

    >>> local_response_norm(jnp.ones((1, 1, 1, 3)), LRN(radius=1, alpha=1.0, beta=0.5, bias=2.0)).ravel().round(4)
    Array([0.5   , 0.4472, 0.5   ], dtype=float32)
    """
    channels = x.shape[-1]
    distance = np.abs(np.arange(channels)[:, None] - np.arange(channels)[None])
    band = jnp.asarray(distance <= lrn.radius, jnp.float32) * lrn.alpha
    wide = x.astype(jnp.float32)
    # At the default precision, GPUs would round the squares to ten bits.
    energy = lrn.bias + jnp.einsum("nhwi,io->nhwo", wide * wide, band, precision=lax.Precision.HIGHEST)
    return (wide * _inverse_power(energy, lrn.beta)).astype(x.dtype)


def _inverse_power(x: Array, beta: float) -> Array:
    # Square roots are several times cheaper than a general power, and these are the two released networks.
    if beta == 0.5:
        return lax.rsqrt(x)
    if beta == 0.75:
        root = lax.rsqrt(x)
        return root * jnp.sqrt(root)
    return x**-beta
