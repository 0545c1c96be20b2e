"""Gradient rules: how ReLUs and max-pools pass gradients back, apart from what they compute.

`Rules` names one function for each of the network's non-linear operations. `STANDARD` is plain differentiation.
`LINEAR` replaces the operations themselves (ReLU by the identity, max and L2 pools by average pools), which is the
linearised network of the circuits articles. The other rules leave the forward pass as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from inception_jax import ops
from inception_jax.nodes import L2Pool, MaxPool

REDIRECT_STEPS = 17
"""Optimisation steps during which Lucid redirects ReLU gradients (its step counter is compared with `<= 16`)."""


@jax.custom_vjp
def _redirected(x: Array, active: Array) -> Array:  # noqa: ARG001 (for the gradient)
    return jax.nn.relu(x)


def _redirected_forward(x: Array, active: Array) -> tuple[Array, tuple[Array, Array]]:
    return jax.nn.relu(x), (x, active)


def _redirected_backward(saved: tuple[Array, Array], g: Array) -> tuple[Array, None]:
    x, active = saved
    alive = x >= 0
    # A sum of sizes, like Lucid's norm; `all` compiles a third slower.
    dead_image = jnp.abs(jnp.where(alive, g, 0)).sum(tuple(range(1, g.ndim)), keepdims=True) == 0
    return jnp.where(alive | (active & dead_image & (g <= 0)), g, 0), None


_redirected.defvjp(_redirected_forward, _redirected_backward)


def redirected_relu(x: Float[Array, "n *rest"], active: bool | Bool[Array, ""] = True) -> Float[Array, "n *rest"]:
    """ReLU that lets gradients through for images whose plain gradient would be zero everywhere.

    For each image of the batch: where the plain gradient has any non-zero entry, it is used. Otherwise the incoming
    gradient `g` (of a loss that is minimised) passes, blocked only where `x < 0` and `g > 0`, that is where the step
    would push an inactive unit further down. `active=False` gives the plain gradient; pass
    `step < REDIRECT_STEPS` for Lucid's schedule. Source: Lucid, `misc/redirected_relu_grad.py`, for which `x == 0` is
    active too.

    >>> import jax
    >>> jax.grad(lambda x: redirected_relu(x).sum())(jnp.array([[-1.0]]))
    Array([[0.]], dtype=float32)
    >>> jax.grad(lambda x: -redirected_relu(x).sum())(jnp.array([[-1.0]]))
    Array([[-1.]], dtype=float32)
    """
    return _redirected(x, jnp.asarray(active))


def linear_relu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The identity, in place of a ReLU.

    >>> linear_relu(jnp.array([-1.0, 2.0]))
    Array([-1.,  2.], dtype=float32)
    """
    return x


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def max_pool_average_gradient(x: Array, pool: MaxPool, padding: ops.Padding) -> Array:
    """Max-pool whose gradient is that of an average pool. Source: Lucid, `make_smoothed_maxpool_grad("avg")`.

    >>> pool, padding = MaxPool(1, 2), ((0, 1), (0, 1))
    >>> jax.grad(lambda x: max_pool_average_gradient(x, pool, padding).sum())(jnp.ones((1, 2, 2, 1))).ravel()
    Array([0.25, 0.25, 0.25, 0.25], dtype=float32)
    """
    return ops.max_pool(x, pool, padding)


def _average_forward(x: Array, pool: MaxPool, padding: ops.Padding) -> tuple[Array, Array]:
    return ops.max_pool(x, pool, padding), x


def _average_backward(pool: MaxPool, padding: ops.Padding, x: Array, g: Array) -> tuple[Array]:
    return jax.vjp(lambda x: ops.average_windows(x, pool, padding), x)[1](g)


max_pool_average_gradient.defvjp(_average_forward, _average_backward)


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def max_pool_l2_gradient(x: Array, pool: MaxPool, padding: ops.Padding) -> Array:
    """Max-pool with the gradient of `avg(x**2) / (0.01 + avg(|x|))`, a softer maximum.

    Source: Lucid, `make_smoothed_maxpool_grad("L2")`.

    >>> pool, padding = MaxPool(1, 2), ((0, 1), (0, 1))
    >>> x = jnp.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 2, 2, 1)
    >>> gradient = jax.grad(lambda x: max_pool_l2_gradient(x, pool, padding).sum())(x)
    >>> [round(float(g), 3) for g in gradient.ravel()]
    [-0.098, 0.101, 0.3, 0.499]
    """
    return ops.max_pool(x, pool, padding)


def _l2_backward(pool: MaxPool, padding: ops.Padding, x: Array, g: Array) -> tuple[Array]:
    def soft(x: Array) -> Array:
        energy = ops.average_windows(x * x, pool, padding)
        return energy / (1e-2 + ops.average_windows(jnp.abs(x), pool, padding))

    return jax.vjp(soft, x)[1](g)


max_pool_l2_gradient.defvjp(_average_forward, _l2_backward)


@dataclass(frozen=True)
class Rules:
    """The functions a forward pass uses for its ReLUs, pools and convolutions.

    `relu` maps an array to an array of its shape; `max_pool`, `conv` and `l2_pool` have the signatures of the functions
    of these names in `ops`. Any function of the right signature will do.
    """

    relu: Callable[[Array], Array] = jax.nn.relu
    max_pool: Callable[[Array, MaxPool, ops.Padding], Array] = ops.max_pool
    conv: ops.Convolution = ops.conv
    l2_pool: Callable[[Array, L2Pool, ops.Padding], Array] = ops.l2_pool


STANDARD = Rules()
"""Plain differentiation."""

LINEAR = Rules(relu=linear_relu, max_pool=ops.average_windows, l2_pool=ops.average_windows)
"""The linearised network of the circuits articles."""

LUCID = Rules(relu=redirected_relu)
"""Redirected ReLU gradients; `featvis.render` redirects them in the first `REDIRECT_STEPS` steps, as Lucid does."""
