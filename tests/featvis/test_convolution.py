"""The convolution for models of one's own, beside JAX's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

import featvis

LAYOUT = ("NHWC", "HWIO", "NHWC")


def both(shape: tuple[int, ...], kernel: tuple[int, ...], *args: Any, **others: Any) -> list[Any]:
    """Value and both gradients, by this project and by JAX."""
    random = np.random.default_rng(0)
    x, k = (jnp.asarray(random.standard_normal(size), jnp.float32) for size in (shape, kernel))

    def energy(conv, x, k):
        return (conv(x, k, *args, **others) ** 2).sum()

    return [
        jax.value_and_grad(lambda x, k, conv=conv: energy(conv, x, k), (0, 1))(x, k)
        for conv in (featvis.conv_general_dilated, lax.conv_general_dilated)
    ]


@pytest.mark.parametrize(
    ("channels", "strides", "padding", "others"),
    [
        (3, (1, 1), "SAME", {}),
        (3, (2, 2), "VALID", {}),
        (3, (2, 2), ((2, 1), (0, 3)), {"precision": None, "feature_group_count": 1, "rhs_dilation": (1, 1)}),
        (3, (1, 2), "SAME", {}),
        (3, (1, 1), "SAME", {"rhs_dilation": (2, 2)}),
        (3, (1, 1), "SAME", {"lhs_dilation": (1, 2)}),
        (1, (1, 1), "SAME", {"feature_group_count": 3}),
    ],
)
def test_it_is_the_same_function(channels, strides, padding, others):
    if "lhs_dilation" in others:
        padding = ((1, 1), (1, 1))  # Rules are not defined for these.
    ours, theirs = both((2, 9, 8, 3), (3, 4, channels, 6), strides, padding, dimension_numbers=LAYOUT, **others)
    for mine, reference in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        # Sums of some 500 float32 products, in another order.
        np.testing.assert_allclose(mine, reference, rtol=1e-5, atol=1e-4)


def test_other_layouts_and_axes_are_left_to_jax():
    for shape, kernel, layout in [
        ((2, 3, 9, 8), (6, 3, 3, 3), ("NCHW", "OIHW", "NCHW")),
        ((2, 9, 3), (3, 3, 6), ("NWC", "WIO", "NWC")),
    ]:
        ours, theirs = both(shape, kernel, (1,) * (len(shape) - 2), "SAME", dimension_numbers=layout)
        assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), ours, theirs))


def test_what_is_fast_has_no_forward_mode_and_what_is_not_has():
    kernel = jnp.ones((3, 3, 1, 1))

    def forward(**others: Any) -> Any:
        return jax.jvp(
            lambda x: featvis.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=LAYOUT, **others),
            (jnp.ones((1, 4, 4, 1)),),
            (jnp.ones((1, 4, 4, 1)),),
        )

    assert forward(rhs_dilation=(2, 2))[1].shape == (1, 4, 4, 1)
    with pytest.raises(TypeError, match="forward-mode"):
        forward()


@pytest.mark.parametrize("padding", ["SAME", "VALID", "CIRCULAR", 2])
def test_flax_takes_it(padding):
    images = jnp.asarray(np.random.default_rng(1).random((2, 8, 8, 3)), jnp.float32)
    ours = nnx.Conv(3, 4, (3, 3), padding=padding, rngs=nnx.Rngs(0), conv_general_dilated=featvis.conv_general_dilated)
    theirs = nnx.Conv(3, 4, (3, 3), padding=padding, rngs=nnx.Rngs(0))
    np.testing.assert_allclose(ours(images), theirs(images), rtol=1e-5, atol=1e-6)  # Rounding of 27 products.
