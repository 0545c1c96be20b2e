"""The contract with models: any callable from images to named activations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

import inception_jax
from inception_jax import ops
from inception_jax.gradients import REDIRECT_STEPS, STANDARD, Rules, redirected_relu
from inception_jax.graph import graph
from inception_jax.model import check_layer

Network = Callable[[Float[Array, "n h w c"]], Mapping[str, Float[Array, "n ..."]]]
"""Images to named activations. If it is a pytree (a `Model`, an Equinox module, `jax.tree_util.Partial(apply,
variables)`), its arrays are passed to the compiled program as arguments; other callables are compiled in."""


@partial(jax.tree_util.register_dataclass, data_fields=["arrays"], meta_fields=["treedef", "static"])
@dataclass(frozen=True)
class Bound:
    """A network split into arrays (data) and everything else (static), so that it can cross `jax.jit`."""

    arrays: list[Any]
    treedef: Any
    static: tuple[Any, ...]

    @classmethod
    def of(cls, network: Network) -> "Bound":
        """Split `network`."""
        leaves, treedef = jax.tree.flatten(network)
        is_array = [isinstance(leaf, jax.Array) or hasattr(leaf, "__array__") for leaf in leaves]
        arrays = [leaf for leaf, yes in zip(leaves, is_array, strict=True) if yes]
        static = tuple(_ARRAY if yes else leaf for leaf, yes in zip(leaves, is_array, strict=True))
        return cls(arrays, treedef, static)

    @property
    def network(self) -> Network:
        """The network again."""
        arrays = iter(self.arrays)
        return jax.tree.unflatten(self.treedef, [next(arrays) if leaf is _ARRAY else leaf for leaf in self.static])


class _Array:
    def __repr__(self) -> str:
        return "<array>"


_ARRAY = _Array()


def activations(
    network: Network,
    images: Float[Array, "n h w c"],
    layers: tuple[str, ...],
    rules: Rules,
    added: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """The activations `layers` of `images`, in float32.

    Our own models stop at the deepest of the layers, follow `rules`, and may have something `added` to activations on
    the way; for other networks, XLA removes what is not used, and their gradients are their own.
    """
    if isinstance(network, inception_jax.Model):
        edits = {name: partial(_plus, more) for name, more in (added or {}).items()}
        acts = network(images, taps=layers, rules=rules, edits=edits) if layers else {}
    else:
        acts = network(images)
    return {name: acts[name].astype(jnp.float32) for name in layers}


def _plus(more: Array, activation: Array) -> Array:
    return activation + more.astype(activation.dtype)


def activation_shapes(
    network: Network, layers: tuple[str, ...], images: tuple[int, int, int, int]
) -> dict[str, tuple[int, ...]]:
    """Shapes of `layers` for images of the shape `images`, without computing anything.

    Raises:
        ValueError: an unknown layer, or images too small for it.
    """
    acts = _abstract(network, layers, images)
    if missing := [name for name in layers if name not in acts]:
        raise ValueError(f"the network returns no {missing}; it returns {sorted(acts)}")
    shapes = {name: acts[name].shape for name in layers}
    for name, shape in shapes.items():
        if len(shape) < 2 or shape[0] != images[0]:
            raise ValueError(
                f"the network's {name!r} has shape {shape} for {images[0]} images; expected one activation for each "
                f"image, with units on the last axis, such as [{images[0]}, height, width, units]"
            )
    return shapes


def unit_counts(network: Network, images: tuple[int, int, int, int]) -> Mapping[str, int]:
    """Number of units of every layer the network has."""
    if isinstance(network, inception_jax.Model):
        return network.layers
    acts = _abstract(network, (), images)
    return {name: value.shape[-1] for name, value in acts.items() if len(value.shape) > 1}


def activation_bytes(network: Network, layers: tuple[str, ...], images: tuple[int, int, int, int]) -> int:
    """Memory that the activations on the way to `layers` take for images of the shape `images`.

    For networks that are not ours: memory of every intermediate value, which may be several times as much.
    """
    if isinstance(network, inception_jax.Model):
        return sum(value.size * value.dtype.itemsize for value in _abstract(network, layers, images).values())
    return _intermediate_bytes(jax.make_jaxpr(network)(jax.ShapeDtypeStruct(images, jnp.float32)).jaxpr)


def _intermediate_bytes(jaxpr: Any) -> int:
    total = 0
    for equation in jaxpr.eqns:
        inner = [getattr(value, "jaxpr", value) for value in equation.params.values()]
        inner = [value for value in inner if hasattr(value, "eqns")]
        total += sum(map(_intermediate_bytes, inner))
        if not inner:
            total += sum(v.aval.size * v.aval.dtype.itemsize for v in equation.outvars if hasattr(v.aval, "size"))
    return total


def _abstract(
    network: Network, layers: tuple[str, ...], images: tuple[int, int, int, int]
) -> Mapping[str, jax.ShapeDtypeStruct]:
    """Shapes and types of the activations on the way to `layers`; of all, where the network is not one of ours."""
    image = jax.ShapeDtypeStruct(images, jnp.float32)
    if not isinstance(network, inception_jax.Model):
        return _named(network, jax.eval_shape(network, image))
    for name in layers:
        check_layer(name, network.layers)
    taps = graph(network.architecture).upto(layers)
    return jax.eval_shape(lambda x: network(x, taps=taps), image) if taps else {}


def _named(network: Network, acts: Any) -> Mapping[str, jax.ShapeDtypeStruct]:
    """What a network that is not ours returned, once it is known to be a dict of named arrays."""
    if isinstance(acts, Mapping):
        wrong = [f"{type(value).__name__} for {name!r}" for name, value in acts.items() if not hasattr(value, "shape")]
    else:
        wrong = [f"an array of shape {acts.shape}" if hasattr(acts, "shape") else f"a {type(acts).__name__}"]
    if wrong:
        raise ValueError(
            f"the network {getattr(network, '__name__', type(network).__name__)} returns {', '.join(wrong)}; expected "
            'a dict of named activations, such as {"conv1": array}, each an array [images, height, width, units]'
        )
    return acts


def rules_at(rules: Rules, step: int | Array) -> Rules:
    """The rules of optimisation step `step`: gradients of ReLUs are redirected only at first, as in Lucid."""
    if rules.relu is redirected_relu:
        rules = replace(rules, relu=partial(redirected_relu, active=step < REDIRECT_STEPS))
    return fast(rules)


def fast(rules: Rules = STANDARD) -> Rules:
    """`rules` with the convolution whose gradient is fastest on the default device."""
    if rules.conv is ops.conv and jax.default_backend() == "cpu":
        return replace(rules, conv=ops.conv_fast_vjp)
    return rules
