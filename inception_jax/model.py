"""`Model`: an architecture with its weights, called on images to get named activations."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from inception_jax.architecture import Architecture
from inception_jax.gradients import LINEAR, STANDARD, Rules
from inception_jax.graph import graph, weight_shapes
from inception_jax.network import Network, Weights, branches
from inception_jax.nodes import INPUT, Dense, map_sizes

Edit = Callable[[Array], Array]


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True, repr=False, eq=False)
class Model:
    """An InceptionV1 with weights: an immutable pytree and a pure function from images to named activations.

    `weights` is a plain dict, `{layer: {"kernel": HWIO or [in, out], "bias": [out]}}`. `provenance` says where they
    came from (source, SHA-256, licence); it belongs to the loaded object and does not travel through JAX
    transformations. Pass a model to `jax.jit` as an argument, so that its weights are data and not program.

    >>> import inception_jax, jax.numpy as jnp
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> acts = model(jnp.zeros((1, 64, 64, 3)), until="mixed3a")
    >>> acts["mixed3a"].shape, model.layers["mixed3a"]
    ((1, 8, 8, 16), 16)
    """

    architecture: Architecture
    weights: Weights
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.architecture, Architecture) and isinstance(self.weights, Mapping):
            check_weights(self.architecture, self.weights)

    def __repr__(self) -> str:
        count = sum(int(np.size(w)) for w in jax.tree.leaves(self.weights))
        return f"<{self.name}, {count:,} parameters from {self.provenance.get('source', 'unnamed arrays')}>"

    def tree_flatten(self) -> tuple[tuple[Weights], Architecture]:
        """Weights are the only data; the architecture is static."""
        return (self.weights,), self.architecture

    @classmethod
    def tree_unflatten(cls, architecture: Architecture, children: tuple[Any]) -> "Model":
        """Rebuilds without checks, since JAX passes placeholders through here."""
        model = object.__new__(cls)
        object.__setattr__(model, "architecture", architecture)
        object.__setattr__(model, "weights", children[0])
        object.__setattr__(model, "provenance", {})
        return model

    @property
    def name(self) -> str:
        """The architecture's name."""
        return self.architecture.name

    @property
    def layers(self) -> Mapping[str, int]:
        """Every named activation with its number of units, in network order, auxiliary heads last."""
        return MappingProxyType({node.name: node.op.units for node in graph(self.architecture).nodes})

    def astype(self, dtype: Any) -> "Model":
        """The same model computing in `dtype`, `jnp.bfloat16` say."""
        cast = jax.tree.map(lambda w: jnp.asarray(w).astype(dtype), self.weights)
        return Model(self.architecture, cast, self.provenance)

    def __call__(
        self,
        images: Float[Array | np.ndarray, "n h w 3"],
        until: str | None = None,
        *,
        edits: Mapping[str, Edit] | None = None,
        taps: str | Iterable[str] | None = None,
        rules: Rules = STANDARD,
    ) -> dict[str, Array]:
        """Named activations of `images`, in network order.

        Args:
            images: RGB in [0, 1], NHWC, floating point. The network's own scaling and mean are applied inside.
            until: stop at this layer; everything on the way to it is computed and returned. By default the whole
                network with its auxiliary heads, which needs images of the size it was trained on.
            edits: for any named activation, a function from its value to the value used from there on (and
                returned). An edit of a block's `_pre_relu` reaches all of its branches.
            taps: return only this activation or these, and compute only what they need.
            rules: how ReLUs and max-pools compute and pass gradients; see `inception_jax.gradients`.

        Raises:
            ValueError: unknown layer names; images of a wrong shape, type or size; an edit of a layer that `until`
                or `taps` leaves out, or one that changes the shape.

        Called outside `jax.jit`, it compiles the stretches between edits once per set of layers and image size, and
        runs the edits themselves as they are.

        >>> import inception_jax, jax.numpy as jnp
        >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
        >>> images = jnp.full((1, 32, 32, 3), 0.5)
        >>> dark = model(images, until="mixed3a", edits={"conv2d0": lambda a: 0 * a})
        >>> float(abs(dark["maxpool0"]).max())
        0.0
        """
        wanted, edits = ((taps,) if isinstance(taps, str) else tuple(taps or ())), dict(edits or {})
        for name in [*wanted, *edits, *([until] if until is not None else [])]:
            check_layer(name, self.layers)
        targets = [*wanted, until] if until is not None else list(wanted or self.layers)
        network = graph(self.architecture)
        names = network.upto(targets)
        # A view is not on the way to its branches, but an edit of it reaches them.
        names = network.upto([*targets, *(name for name in edits if set(network.parts(name)) & set(names))])
        if unused := [name for name in edits if name not in names]:
            raise ValueError(
                f"edits of {unused} would have no effect: those layers are not computed for {sorted(set(targets))}; "
                "ask for a later layer or drop the edit"
            )
        images = _check_images(images)
        _check_sizes(self.architecture, names, (images.shape[1], images.shape[2]))
        acts = self._run(images, names, set(wanted) or set(names), edits, rules)
        return {name: acts[name] for name in names if name in wanted or not wanted}

    def _run(
        self, images: Array, names: tuple[str, ...], wanted: set[str], edits: Mapping[str, Edit], rules: Rules
    ) -> dict[str, Array]:
        arch, network = self.architecture, graph(self.architecture)
        dtype = jnp.result_type(*jax.tree.leaves(self.weights))
        # Scaled before the cast, since 8 bits of mantissa on [0, 1] would be lost twice.
        acts = {INPUT: (images * arch.input_scale - jnp.asarray(arch.input_mean, images.dtype)).astype(dtype)}
        concrete = not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((images, self.weights)))
        # The stretches between edits are compiled, unless rules made during a trace may hold traced values.
        forward = _compiled if concrete or rules in (STANDARD, LINEAR) else _forward
        stretches = list(_stretches(names, edits))
        for i, stretch in enumerate(stretches):
            sources = {source for name in stretch for source in network[name].inputs}
            given = {name: value for name, value in acts.items() if name in sources}
            later = {source for part in stretches[i + 1 :] for name in part for source in network[name].inputs}
            kept = tuple(name for name in stretch if name in wanted or name in later or name in edits)
            acts |= forward(arch, self.weights, given, stretch, kept, rules)
            if (last := stretch[-1]) in edits:
                acts[last] = _edit(last, edits[last], acts[last])
                acts |= branches(acts[last], network, last)
        return acts


def _forward(
    arch: Architecture,
    weights: Weights,
    given: dict[str, Array],
    names: tuple[str, ...],
    kept: tuple[str, ...],
    rules: Rules,
) -> dict[str, Array]:
    acts = Network(arch, weights)(given, names, rules)
    return {name: acts[name] for name in kept}


_compiled = partial(jax.jit, static_argnums=(0, 3, 4, 5))(_forward)


def _stretches(names: tuple[str, ...], edits: Mapping[str, Edit]) -> Iterator[tuple[str, ...]]:
    start = 0
    for i, name in enumerate(names, 1):
        if name in edits or i == len(names):
            yield names[start:i]
            start = i


def _edit(name: str, edit: Edit, value: Array) -> Array:
    edited = jnp.asarray(edit(value))
    if edited.shape != value.shape:
        raise ValueError(
            f"the edit of {name!r} returned shape {edited.shape}; expected {value.shape}, the activation's own"
        )
    return edited.astype(value.dtype)


def initialise(architecture: Architecture, seed: int) -> Model:
    """A model with random weights: He-normal kernels and zero biases, the same on every device.

    Source: He et al. 2015. Drawn with NumPy, since compiling some sixty JAX initialisers takes longer than using them.

    >>> from inception_jax import INCEPTION5H, initialise
    >>> initialise(INCEPTION5H.scaled(1 / 16), seed=0).weights["conv2d0"]["kernel"].shape
    (7, 7, 3, 4)
    """
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    for layer, shapes in weight_shapes(architecture).items():
        fan_in = int(np.prod(shapes["kernel"][:-1]))
        kernel = rng.standard_normal(shapes["kernel"], np.float32) * np.float32(np.sqrt(2 / fan_in))
        weights[layer] = {"kernel": jnp.asarray(kernel), "bias": jnp.zeros(shapes["bias"], jnp.float32)}
    return Model(architecture, weights, {"source": f"random weights, seed {seed}"})


def check_weights(architecture: Architecture, weights: Mapping[str, Mapping[str, Any]]) -> None:
    """Compare names and shapes of `weights` with the architecture's, both ways.

    Raises:
        ValueError: listing every missing, unexpected and misshapen array at once.
    """
    expected = {f"{k}/{p}": s for k, v in weight_shapes(architecture).items() for p, s in v.items()}
    given = {f"{k}/{p}": tuple(np.shape(a)) for k, v in weights.items() for p, a in v.items()}
    if problems := shape_differences(expected, given):
        raise ValueError(f"weights do not fit {architecture.name}: " + "; ".join(problems))


def shape_differences(expected: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]) -> list[str]:
    """What is missing from `given`, what is unexpected in it, and which shapes differ, a phrase for each.

    >>> shape_differences({"a": (2,), "b": (3,)}, {"a": (4,), "c": (1,)})
    ['missing b (3,)', 'unexpected c (1,)', 'a has shape (4,), expected (2,)']
    """
    problems = [f"missing {name} {shape}" for name, shape in expected.items() if name not in given]
    problems += [f"unexpected {name} {shape}" for name, shape in given.items() if name not in expected]
    return problems + [
        f"{name} has shape {given[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in given and given[name] != shape
    ]


def check_layer(name: str, layers: Iterable[str]) -> None:
    """Raise `ValueError` naming the nearest layers if `name` is not one of `layers`."""
    layers = list(layers)
    if name in layers:
        return
    near = difflib.get_close_matches(str(name), layers, n=3, cutoff=0.5)
    some = ", ".join([*layers[:2], "...", *layers[-1:]] if len(layers) > 4 else layers)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {some}"
    raise ValueError(f"no layer {name!r}; {hint}")


def _check_images(images: Any) -> Array:
    shape, dtype = np.shape(images), jnp.result_type(images)
    if len(shape) != 4 or shape[-1] != 3:
        hint = " (add a batch axis: images[None])" if len(shape) == 3 else ""
        raise ValueError(f"images have shape {shape}; expected [n, height, width, 3]{hint}")
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"images have type {dtype}; expected floating point RGB in [0, 1] (divide bytes by 255)")
    return jnp.asarray(images)


def _check_sizes(arch: Architecture, names: Iterable[str], size: tuple[int, int]) -> None:
    nodes = [graph(arch)[name] for name in names]
    sizes = map_sizes(nodes, size, arch.padding)
    for node in nodes:
        if sizes[node.name] == (0, 0):
            op, (height, width) = node.op, sizes[node.inputs[0]]
            if isinstance(op, Dense) and op.grid:
                wants = f"a {op.grid[0]}x{op.grid[1]} map"
            else:
                side = getattr(op, "size", getattr(op, "kernel", 1))
                wants = f"at least {side}x{side}"
            raise ValueError(
                f"images of {size[0]}x{size[1]} pixels give {node.name!r} a map of {height}x{width}, but it needs "
                f"{wants}; give images of {arch.image_size}x{arch.image_size} or stop earlier with `until`"
            )
