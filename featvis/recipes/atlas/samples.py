"""Samples for an activation atlas: what a layer sees at random places of many images."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from featvis.network import Bound, Network, activation_shapes, activations
from featvis.recipes.downstream import forward, takes_edits
from featvis.recipes.given import check_images
from inception_jax.gradients import STANDARD


@dataclass(frozen=True, repr=False, eq=False)
class Samples:
    """Activations of one layer at places of many images: see `collect`.

    Takes `2 * (units + classes)` bytes a sample in float16: a million samples of a layer of 512 units take 1 GB, and
    2 GB more with attributions to 1,000 classes; twice that while they are collected.

    Attributes:
        layer: the layer.
        vectors: the activations of its units.
        images: number of the image that each sample is from, in the order of the stream.
        labels: class of that image.
        places: where in the image it is: the centre of the position, in fractions of the image's height and width.
        attributions: what the sample adds to each class's logit, to first order; None where not asked for.
    """

    layer: str
    vectors: Float[np.ndarray, "n units"]
    images: Int[np.ndarray, " n"]
    labels: Int[np.ndarray, " n"]
    places: Float[np.ndarray, "n 2"]
    attributions: Float[np.ndarray, "n classes"] | None = None

    ARRAYS: ClassVar = ("vectors", "images", "labels", "places", "attributions")

    def __len__(self) -> int:
        return len(self.vectors)

    def __repr__(self) -> str:
        extra = "" if self.attributions is None else f", attributed to {self.attributions.shape[1]} classes"
        return f"<{len(self)} samples of {self.layer} from {len(np.unique(self.images))} images{extra}>"

    def __getitem__(self, chosen: Int[np.ndarray, " m"] | Bool[np.ndarray, " n"] | slice) -> "Samples":
        """Some of the samples, by their numbers or a mask: `samples[samples.winners == 281]`."""
        arrays = {name: getattr(self, name) for name in self.ARRAYS}
        return replace(self, **{name: None if array is None else array[chosen] for name, array in arrays.items()})

    @property
    def winners(self) -> Int[np.ndarray, " n"]:
        """The class that each sample adds most to.

        Raises:
            ValueError: samples without attributions.
        """
        return self.attributed().argmax(1)

    def strongest(self, label: int, count: int) -> Int[np.ndarray, " m"]:
        """Numbers of the `count` samples that add most to a class, the strongest first.

        Source: Carter et al. 2019, *Activation Atlas*, whose class atlases show 2,000 to 3,000 of them.

        Raises:
            ValueError: samples without attributions, or a class that is not there.
        """
        return np.argsort(-self.attributed(label).astype(np.float32), kind="stable")[:count]

    def attributed(self, label: int | None = None) -> Float[np.ndarray, "n *classes"]:
        """The attributions, to all classes or to one.

        Raises:
            ValueError: samples without attributions, or a class that is not there.
        """
        if self.attributions is None:
            raise ValueError(f"{self!r} have no attributions; collect them with logits='softmax2_pre_activation'")
        if label is None:
            return self.attributions
        if not 0 <= label < (classes := self.attributions.shape[1]):
            raise ValueError(f"there is no class {label}; expected 0 to {classes - 1}")
        return self.attributions[:, label]


def collect(
    model: Network,
    batches: Iterable[Any],
    layer: str,
    *,
    positions: int = 1,
    margin: int = 1,
    logits: str | None = None,
    like: Samples | None = None,
    seed: int = 0,
    dtype: Any = np.float16,
) -> Samples:
    """Run images through a model and keep the activations of a layer at random positions.

    Which positions are drawn depends on `seed` and an image's number in the stream alone, not on the size of batches.

    Args:
        model: any callable from images to named activations.
        batches: images, RGB in [0, 1] or 0 to 255 as integers, with the label of each, as
            `inception_jax.datasets.eval_batches` makes them; images with labels below 0 are left out. All are computed
            in the width of the first batch.
        layer: one with positions.
        positions: samples from each image, all at different positions.
        margin: rows and columns at each side of the layer's map that are not sampled: the network sees the image's
            border there.
        logits: layer of the classes' scores, `"softmax2_pre_activation"`; with it, each sample is attributed to all
            classes: the derivative of each logit along the sample's activations, that is gradient times activation
            summed over units. For this project's models, or others that take `edits` as they do.
        like: take the places of these samples, from the same images through another layer or model, instead of
            random ones: for atlases that show both.
        seed: of the positions.
        dtype: of what is kept, float16 or float32.

    Raises:
        ValueError: no images, a layer without positions, more positions than the map has, activations beyond what
            float16 holds, `like` from other images.

    Source: Carter et al. 2019, *Activation Atlas*, with one position from each of a million images; Lucid, notebook
    activation-atlas-collect, which emulates the forward derivative by two backward ones.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)
    >>> samples = collect(model, [(photos, [5, 5, 7])], "conv2d0", positions=4)
    >>> samples, samples.vectors.shape, samples.labels.tolist()[::4]
    (<12 samples of conv2d0 from 3 images>, (12, 4), [5, 5, 7])
    """
    if positions < 1 or margin < 0 or seed < 0:
        raise ValueError(f"positions is {positions}, margin {margin} and seed {seed}; expected 1, 0 and 0 or more")
    if np.dtype(dtype) not in (np.float16, np.float32):
        raise ValueError(f"dtype is {np.dtype(dtype)}; expected float16 or float32")
    if logits is not None and not takes_edits(model):
        raise ValueError(
            f"attributions go on from the activations of {layer}, and this {type(model).__name__} takes images only; "
            "expected a model with an argument `edits`, as this project's have"
        )
    bound, parts, count = Bound.of(model), list[Samples](), 0
    pick = partial(_draw, positions, margin, seed) if like is None else _places_of(like)
    for images, labels in _padded(batches):
        kept = np.flatnonzero(labels >= 0)
        numbers = count + np.arange(len(kept))
        count += len(kept)
        if not len(kept):
            continue
        grid = _grid(model, layer, images)
        chosen = np.stack([pick(layer, grid, int(number)) for number in numbers])
        places = np.zeros((len(images), *chosen.shape[1:]), np.int32)
        places[kept] = chosen
        vectors, attributions = _gather(layer, logits, bound, images, places)
        parts.append(
            Samples(
                layer=layer,
                vectors=_narrow(layer, vectors, kept, dtype),
                images=np.repeat(numbers, chosen.shape[1]),
                labels=np.repeat(labels[kept], chosen.shape[1]),
                places=((chosen + 0.5) / grid).reshape(-1, 2).astype(np.float32),
                attributions=None if logits is None else _narrow(logits, attributions, kept, dtype),
            )
        )
    if not parts:
        raise ValueError("there are no images; expected at least one with a label from 0 up")
    arrays: dict[str, Any] = {name: [getattr(part, name) for part in parts] for name in Samples.ARRAYS}
    if logits is None:
        del arrays["attributions"]
    samples = Samples(layer, **{name: np.concatenate(values) for name, values in arrays.items()})
    if like is not None and not np.array_equal(samples.labels, like.labels):
        raise ValueError(f"the images are not those of {like!r}: their number or labels differ")
    return samples


def _padded(batches: Iterable[Any]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of one width, that of the first, so that one program serves all; what fills them up has label -1."""
    width = 0
    for pixels, labels, *_ in batches:
        pixels, labels = np.asarray(pixels), np.asarray(labels)
        images = check_images(pixels / np.float32(255) if np.issubdtype(pixels.dtype, np.integer) else pixels)
        if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(
                f"labels have shape {labels.shape} and type {labels.dtype}; expected {len(images)} integers"
            )
        width = width or len(images)
        missing = max(0, width - len(images))
        yield np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0))), np.pad(labels, (0, missing), constant_values=-1)


def _grid(model: Network, layer: str, images: np.ndarray) -> tuple[int, int]:
    """Height and width of the layer's map."""
    shape = activation_shapes(model, (layer,), (1, *images.shape[1:]))[layer]
    if len(shape) != 4:
        raise ValueError(f"{layer} has no positions: its shape is {shape}; expected [n, height, width, units]")
    return shape[1], shape[2]


def _draw(positions: int, margin: int, seed: int, layer: str, grid: tuple[int, int], number: int) -> np.ndarray:
    """Rows and columns of the positions to take from image `number`."""
    height, width = (max(0, side - 2 * margin) for side in grid)
    if positions > height * width:
        raise ValueError(
            f"{layer} has {height * width} positions ({grid[0]}x{grid[1]} with a margin of {margin}), and {positions} "
            "were asked for; give fewer, a smaller margin, or larger images"
        )
    drawn = np.random.default_rng([seed, number]).choice(height * width, positions, replace=False)
    return margin + np.stack(np.divmod(drawn, width), axis=-1)


def _places_of(like: Samples) -> Callable[[str, tuple[int, int], int], np.ndarray]:
    """As `_draw`, of the places of other samples."""
    each = int((like.images == 0).sum())
    if not np.array_equal(like.images, np.arange(len(like)) // max(each, 1)):
        raise ValueError(f"{like!r} are some of those collected, in another order; expected all, as collected")
    places = like.places.reshape(-1, each, 2)

    def pick(layer: str, grid: tuple[int, int], number: int) -> np.ndarray:
        del layer
        # A little more, since a place may be the border of two positions on a finer map.
        return (places[min(number, len(places) - 1)] * grid + 1e-3).astype(int)

    return pick


@partial(jax.jit, static_argnums=(0, 1))
def _gather(
    layer: str, logits: str | None, bound: Bound, images: Float[Array, "n h w 3"], places: Int[Array, "n k 2"]
) -> tuple[Float[Array, "n k units"], Float[Array, "n k classes"] | None]:
    """Activations at `places`, and what they add to the logits."""
    network, each = bound.network, jnp.arange(len(images))
    acts = activations(network, images, (layer,), STANDARD)[layer]
    vectors = acts[each[:, None], places[..., 0], places[..., 1]]
    if logits is None:
        return vectors, None
    # One forward derivative along a sample's activations gives its attributions to all classes.
    _, slope = jax.linearize(partial(_scores, network, images, layer, logits), acts)

    def along(sample: tuple[Array, Array]) -> Array:
        place, vector = sample
        return slope(jnp.zeros_like(acts).at[each, place[:, 0], place[:, 1]].set(vector))

    attributions = jax.lax.map(along, (places.swapaxes(0, 1), vectors.swapaxes(0, 1)))
    return vectors, attributions.swapaxes(0, 1)


def _scores(network: Network, images: Array, layer: str, logits: str, acts: Array) -> Float[Array, "n classes"]:
    """The logits as they follow from the layer's activations; their mean where large images have several."""
    scores = forward((logits,), layer, STANDARD, network, images, acts)[logits]
    return scores.mean(tuple(range(1, scores.ndim - 1)))


def _narrow(name: str, values: Array | None, kept: np.ndarray, dtype: Any) -> np.ndarray:
    """Of the images `kept`, one row for each sample."""
    array = np.asarray(values)[kept]
    with np.errstate(over="ignore"):
        narrow = array.reshape(-1, array.shape[-1]).astype(dtype)
    if np.isfinite(array).all() and not np.isfinite(narrow).all():
        raise ValueError(f"{name} reaches {np.abs(array).max():.3g}, beyond {np.dtype(dtype)}; give dtype=np.float32")
    return narrow
