"""Closeness to a reference: a photograph's activations, given as an array, or another image of the same result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from featvis.algebra import INPUT, Activations, Objective, Shapes, number
from featvis.objectives.base import OfLayer, array, digest, gram, root, whole

Reference = Float[Array | np.ndarray, "*hw units"] | int
"""One image's activations, without the axis of images; or the number of an image of the same result."""


@dataclass(frozen=True)
class _Comparison(OfLayer):
    """The mean over images of `measure(features(activations), reference)`."""

    features: Callable[[Array], Array]
    measure: Callable[[Array, Array], Array]

    def mean(self, images: Array, reference: Array) -> Array:
        return jax.vmap(lambda a: self.measure(self.features(a), reference))(images).mean()


@dataclass(frozen=True)
class _WithGiven(_Comparison):
    def __call__(self, acts: Activations, data: Any) -> Array:
        return self.mean(acts[self.layer], jnp.asarray(data))

    def check(self, shapes: Shapes, data: Any) -> None:
        seen = jax.eval_shape(self.features, jax.ShapeDtypeStruct(shapes[self.layer][1:], jnp.float32)).shape
        if data.shape != seen:
            raise ValueError(f"the reference has shape {data.shape}; {self.layer} has {seen} here")


@dataclass(frozen=True)
class _WithImage(_Comparison):
    def __call__(self, acts: Activations, data: Any) -> Array:
        a = acts[self.layer]
        others = jnp.take(a, (data + 1 + jnp.arange(len(a) - 1)) % len(a), axis=0, mode="clip")
        reference = jax.lax.dynamic_index_in_dim(a, data, keepdims=False)
        return self.mean(others, jax.lax.stop_gradient(self.features(reference)))

    def check(self, shapes: Shapes, data: Any) -> None:
        self.check_several(shapes)
        if int(data) >= (count := shapes[self.layer][0]):
            raise ValueError(f"the reference is image {int(data)}; a result has images 0 to {count - 1} here")


def caricature(layer: str, reference: Reference, cossim_pow: float = 0.0) -> Objective:
    """`dot * max(0.1, cosine) ** cossim_pow` with a reference: what the layer sees in it, exaggerated.

    Args:
        layer: of any kind.
        reference: activations of one photograph, at all positions; or the number of the image that holds it, which the
            other images of the result are then compared with. Only the latter is seen through the same transforms.
        cossim_pow: from 0. The higher, the more the angle counts, and the less the length.

    Raises:
        ValueError: another number of axes, numbers that are not finite, a negative power.

    Source: Lucid, `dot_compare` of its recipe for caricatures, which divides by one length only; here a cosine is a
    cosine. Attribution caricatures have attributions instead of activations for their reference.

    >>> import jax.numpy as jnp
    >>> float(caricature("a", jnp.ones((2, 2, 3)))({"a": jnp.full((1, 2, 2, 3), 2.0)}))
    24.0
    """
    power = float(cossim_pow)
    if not 0 <= power < float("inf"):
        raise ValueError(f"cossim_pow is {cossim_pow}; expected a number from 0 up")
    name = "caricature" + (f"^{number(power)}" if power else "")
    return _towards(layer, reference, name, _itself, _DotCosine(power))


def inversion(layer: str, reference: Reference) -> Objective:
    """Minus the summed squared difference from a reference, divided by the reference's sum of squares.

    What rises is an image that the layer cannot tell from the photograph.

    Args:
        layer: of any kind.
        reference: as in `caricature`.

    Raises:
        ValueError: another number of axes, or numbers that are not finite.

    Source: Mahendran and Vedaldi 2015, *Understanding Deep Image Representations by Inverting Them*. What Lucid calls
    feature inversion is `caricature`.

    >>> import jax.numpy as jnp
    >>> float(inversion("a", jnp.full((2, 2, 3), 2.0))({"a": jnp.ones((1, 2, 2, 3))}))
    -0.25
    """
    return _towards(layer, reference, "inversion", _itself, _relative)


def content(layer: str, reference: Reference) -> Objective:
    """Mean absolute difference from a reference; subtract it to stay close.

    Args:
        layer: of any kind.
        reference: as in `caricature`.

    Raises:
        ValueError: another number of axes, or numbers that are not finite.

    Source: `activation_difference` of Lucid's notebooks on style transfer.

    >>> import jax.numpy as jnp
    >>> float(content("a", jnp.full((2, 2, 3), 2.0))({"a": jnp.ones((1, 2, 2, 3))}))
    1.0
    """
    return _towards(layer, reference, "content", _itself, _mean_l1)


def style(layer: str, reference: Float[Array | np.ndarray, "h w units"] | int) -> Objective:
    """Mean absolute difference between Gram matrices, `acts.T @ acts / positions`; subtract it for a similar texture.

    Args:
        layer: one with positions.
        reference: as in `caricature`, of an image of any size.

    Raises:
        ValueError: another number of axes, or numbers that are not finite.

    Source: Lucid, `StyleLoss`, of one layer and without moving averages (`sum_of` adds layers); Gatys et al. 2015, *A
    Neural Algorithm of Artistic Style*.

    >>> import jax.numpy as jnp
    >>> float(style("a", jnp.full((5, 5, 3), 2.0))({"a": jnp.ones((1, 2, 2, 3))}))
    3.0
    """
    return _towards(layer, reference, "style", gram, _mean_l1)


def input_difference(reference: Reference) -> Objective:
    """Root of the mean squared difference between the image and a photograph, both in [0, 1]; subtract it.

    Args:
        reference: the photograph; or the number of the image that holds it.

    Raises:
        ValueError: another number of axes, or numbers that are not finite.

    Source: Lucid, `input_diff`.

    >>> import jax.numpy as jnp
    >>> float(input_difference(jnp.zeros((2, 2, 3)))({"input": jnp.full((1, 2, 2, 3), 0.5)}))
    0.5
    """
    return _towards(INPUT, reference, "difference", _itself, _root_mean_square)


def _towards(
    layer: str,
    reference: Reference,
    name: str,
    features: Callable[[Array], Array],
    measure: Callable[[Array, Array], Array],
) -> Objective:
    if np.ndim(reference) == 0:
        image = whole("reference", reference)
        fn = _WithImage(layer, features, measure)
        return Objective(fn, np.int32(image), (layer,), f"{layer}:{name}#{image}")
    axes = "units" if np.ndim(reference) == 1 else "height width units"
    given = array("the reference", reference, axes)
    data = np.asarray(features(jnp.asarray(given)))
    return Objective(_WithGiven(layer, features, measure), data, (layer,), f"{layer}:{name}-{digest(given)}")


def _itself(a: Array) -> Array:
    return a


@dataclass(frozen=True)
class _DotCosine:
    power: float

    def __call__(self, a: Array, reference: Array) -> Array:
        dot = (a * reference).sum()
        if not self.power:
            return dot
        length, other = (root(jnp.square(x).sum()) + 1e-6 for x in (a, reference))
        return dot * jnp.maximum(0.1, dot / (length * other)) ** self.power


def _relative(a: Array, reference: Array) -> Array:
    return -jnp.square(a - reference).sum() / jnp.maximum(jnp.square(reference).sum(), 1e-6)


def _mean_l1(a: Array, reference: Array) -> Array:
    return jnp.abs(a - reference).mean()


def _root_mean_square(a: Array, reference: Array) -> Array:
    return root(jnp.square(a - reference).mean())
