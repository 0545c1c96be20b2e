"""Running a network over many images and keeping what its units respond to."""

from collections.abc import Iterable, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float, Int, UInt8

from circuits.examples.state import State, init, merge, update
from circuits.interventions.edited import as_pytree, read

_IMAGES = "images"


class Batch(NamedTuple):
    """Images with the number of each one, and of its class.

    Attributes:
        images: RGB in [0, 1], or bytes from 0 to 255.
        ids: from 0, each once in all batches; negative for what only fills up the batch.
        labels: negative where there is none.
    """

    images: Float[np.ndarray, "n h w 3"] | UInt8[np.ndarray, "n h w 3"]
    ids: Int[np.ndarray, " n"]
    labels: Int[np.ndarray, " n"]


class Collector:
    """Adds batches to a state, on one device or several, in one compiled program with the network.

    Activations are reduced where they are computed: what leaves a device is the state.

    Args:
        model: this project's, an edited one, or any function from images to named activations.
        layers: which of these; of this project's models nothing else is computed.
        state: to go on from.
        devices: that share each batch; by default all.

    Raises:
        ValueError: no layers.

    >>> collector = Collector(lambda images: {"a": images}, ["a"], init({"a": 3}), jax.devices()[:1])
    >>> collector.add(Batch(np.ones((2, 4, 4, 3), np.float32), np.arange(2), np.full(2, -1)))
    >>> int(collector.state()["a"].images)
    2
    """

    def __init__(self, model: Any, layers: Sequence[str], state: State, devices: Sequence[Any] | None = None) -> None:
        if not layers:
            raise ValueError("there are no layers; expected names of activations")
        devices = jax.local_devices() if devices is None else list(devices)
        self._count = len(devices)
        self._model = as_pytree(model)
        taps = tuple(layers)
        if self._count == 1:
            self._step = partial(_STEP, taps)
        else:
            mesh = Mesh(np.asarray(devices), (_IMAGES,))
            split, whole = PartitionSpec(_IMAGES), PartitionSpec()
            shared = jax.shard_map(
                partial(_share, taps), mesh=mesh, in_specs=(split, whole, split, split, split), out_specs=split
            )
            self._step = jax.jit(shared, donate_argnums=0)
        self._begin(state)

    def add(self, batch: Batch) -> None:
        """Add a batch. All batches should have one size, since each size compiles a program."""
        short = -len(batch.ids) % self._count
        images, ids, labels = batch
        if short:
            images = np.concatenate([images, np.zeros((short, *images.shape[1:]), images.dtype)])
            ids, labels = (np.concatenate([field, np.full(short, -1, field.dtype)]) for field in (ids, labels))
        self._state = self._step(self._state, self._model, images, ids.astype(np.int32), labels.astype(np.int32))

    def state(self) -> State:
        """The state so far, as arrays that later batches leave alone; the devices' states become one."""
        state = jax.tree.map(np.array, self._state)
        if self._count > 1:
            parts = [jax.tree.map(lambda leaf, i=i: leaf[i], state) for i in range(self._count)]
            state = jax.tree.map(np.array, reduce(_MERGE, parts))
            self._begin(state)
        return state

    def _begin(self, state: State) -> None:
        if self._count == 1:
            self._state = jax.tree.map(jnp.array, state)
            return
        first = next(iter(state.values()))
        layers = {name: len(layer.active) for name, layer in state.items()}
        empty = init(
            layers, count=first.top.ids.shape[1], samples=len(first.sample.ids), classes=len(first.class_images)
        )
        others = {name: empty[name]._replace(seed=jnp.asarray(layer.seed)) for name, layer in state.items()}
        stacked = jax.tree.map(lambda one, *rest: np.stack([one, *rest]), state, *[others] * (self._count - 1))
        self._state = jax.tree.map(jnp.asarray, stacked)


def collect(
    model: Any,
    batches: Iterable[Batch],
    layers: Sequence[str],
    *,
    count: int = 16,
    samples: int = 4,
    classes: int = 0,
    seed: int = 0,
    devices: Sequence[Any] | None = None,
) -> State:
    """What the units of some layers respond to, in one pass over images, in memory that does not grow with them.

    Args:
        model: this project's, an edited one, or any function from images to named activations.
        batches: the images; an iterator is read once.
        layers: which activations, all of their units. Before the ReLU (`mixed4a_pre_relu`) there is a negative end.
        count: as for `init`.
        samples: as for `init`.
        classes: as for `init`.
        seed: as for `init`.
        devices: that share each batch; by default all.

    Raises:
        ValueError: no batches, no layers, layers that the model does not have.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)
    >>> state = collect(model, [Batch(photos, np.arange(3), np.zeros(3, np.int32))], ["conv2d0_pre_relu"], count=2)
    >>> state["conv2d0_pre_relu"].top.ids.shape
    (4, 2)
    """
    collector = None
    for batch in batches:
        if collector is None:
            found = units(model, layers, batch.images.shape[1:])
            state = init(found, count=count, samples=samples, classes=classes, seed=seed)
            collector = Collector(model, layers, state, devices)
        collector.add(batch)
    if collector is None:
        raise ValueError("there are no batches; expected at least one")
    return collector.state()


def units(model: Any, layers: Sequence[str], size: tuple[int, ...]) -> dict[str, int]:
    """Number of units of layers, for images of a size.

    Raises:
        ValueError: layers that the model does not have, or not for such images.

    >>> units(lambda images: {"a": images}, ["a"], (8, 8, 3))
    {'a': 3}
    """
    one = jax.ShapeDtypeStruct((1, *size), jnp.float32)
    shapes = jax.eval_shape(lambda x: read(model, x, tuple(layers)), one)
    return {name: shapes[name].shape[-1] for name in layers}


def _stepped(layers: tuple[str, ...], state: State, model: Any, images: Array, ids: Array, labels: Array) -> State:
    pixels = images.astype(jnp.float32) / 255 if images.dtype == jnp.uint8 else images
    return update(state, read(model, pixels, layers), ids, labels)


def _share(layers: tuple[str, ...], state: State, model: Any, images: Array, ids: Array, labels: Array) -> State:
    own = jax.tree.map(lambda leaf: leaf[0], state)
    return jax.tree.map(lambda leaf: leaf[None], _stepped(layers, own, model, images, ids, labels))


_STEP = partial(jax.jit, static_argnums=0, donate_argnums=1)(_stepped)
_MERGE = jax.jit(merge)
