"""One pass over images: what two layers, of one network or two, have to do with each other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.interventions.edited import Edited
from circuits.interventions.references import pieces
from circuits.matching.alignment import Positions, aligned, drawn
from circuits.matching.moments import JointMoments, moments_of
from inception_jax.model import Model, check_layer

Network = Callable[..., Mapping[str, Any]]
"""Any function from images to named activations, `[n, units]` or `[n, height, width, units]`."""

Prepare = int | Callable[[Any], Any] | None
"""What a network's images are made of those given: resized to squares, or anything a function does."""

Images = Float[Array | np.ndarray, "n h w c"] | Iterable[Float[Array | np.ndarray, "n h w c"]]
"""Images, RGB in [0, 1] for this project's networks, or batches of them."""


def joint_moments(
    a: Network,
    b: Network,
    images: Images,
    layer_a: str,
    layer_b: str | None = None,
    **options: Any,
) -> JointMoments:
    """Means, covariances and correlations of the units of two layers over images, in one pass.

    Args:
        a: a network: this project's, an edited one, or any function from images to named activations, which is called
            as it is; compile it with `jax.jit` for speed.
        b: another, or the same again.
        images: an array of images, or an iterable of batches of any sizes, which is read once; only one batch is kept.
            The batches' sizes make no difference but for rounding.
        layer_a: a layer of `a`.
        layer_b: a layer of `b`; by default the one of the same name.
        **options: of `joint_moments_of`: `positions`, `per_image`, `shift`, `seed`, `prepare_a` and `prepare_b`.

    Raises:
        ValueError: as `joint_moments_of`.

    Source: Li et al. 2015, *Convergent Learning*; Lucid's `aligned_activations`, which are those of many networks at
    the same places of the same images. Covariances of all places of all images take the place of stored activations.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
    >>> joint_moments(model, model, photos, "conv2d2", "mixed3a")
    <moments of conv2d2 and mixed3a, 12 and 16 units, 64 samples>
    """
    (found,) = joint_moments_of(a, b, images, [(layer_a, layer_a if layer_b is None else layer_b)], **options)
    return found


def joint_moments_of(
    a: Network,
    b: Network,
    images: Images,
    pairs: Sequence[tuple[str, str]],
    *,
    positions: Positions = "matched",
    per_image: int | None = None,
    shift: int = 0,
    seed: int = 0,
    prepare_a: Prepare = None,
    prepare_b: Prepare = None,
) -> tuple[JointMoments, ...]:
    """As `joint_moments` for several pairs of layers, for which the networks run once.

    Args:
        a: as in `joint_moments`.
        b: as in `joint_moments`.
        images: as in `joint_moments`.
        pairs: a layer of `a` and one of `b`, several times.
        positions: what a sample is. `"matched"`: a position, the same place of the image for both layers; a larger map
            is interpolated at the middles of the smaller one's positions. `"mean"` or `"max"`: an image, with the mean
            or the maximum of each unit over its map.
        per_image: samples of each image, at places drawn at random; all of them by default. Neighbouring places say
            much the same, so a few are enough where images are many. Lucid has one.
        shift: how many images earlier B's are than A's: with one or more, the layers see different images, and what
            they still have in common is chance, and what all images have in common at a place. As many images fewer
            take part, and B's activations of so many are kept. Where images are sorted by class, take more than a
            class has.
        seed: of the places.
        prepare_a: what is done to images before `a` sees them: a side in pixels, to which they are resized as squares,
            linearly and with antialiasing, or a function of a batch. Networks may want images of different sizes.
        prepare_b: as `prepare_a`.

    Raises:
        ValueError: no pairs, unknown layers, no images or no more than `shift`, batches of another shape, activations
            of another shape or not finite, numbers below what they can be.

    >>> import inception_jax
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((6, 32, 32, 3), np.float32)
    >>> pairs = [("conv2d0", "conv2d0"), ("conv2d0", "mixed3a")]
    >>> [found.count for found in joint_moments_of(model, model, photos, pairs, per_image=10)]
    [60, 60]
    >>> [found.count for found in joint_moments_of(model, model, photos, pairs, positions="max", shift=2)]
    [4, 4]
    """
    pairs = [(one, two) for one, two in pairs]
    if not pairs:
        raise ValueError("there are no pairs of layers; expected at least one, a layer of a and a layer of b")
    if per_image is not None and per_image < 1:
        raise ValueError(f"per_image is {per_image}; expected 1 or more, or None for all positions")
    if shift < 0:
        raise ValueError(f"shift is {shift}; expected 0, or how many images earlier those of b are")
    of_a, of_b = (tuple(dict.fromkeys(names)) for names in zip(*pairs, strict=True))
    preparations = [_preparation(prepare_a, "prepare_a"), _preparation(prepare_b, "prepare_b")]
    shared = a is b and prepare_a == prepare_b
    found: list[JointMoments | None] = [None] * len(pairs)
    earlier: list[np.ndarray | None] = [None] * len(pairs)
    seen = 0
    for batch in batches_of(images):
        if shared:
            acts_a = acts_b = _read(a, preparations[0](batch), tuple(dict.fromkeys(of_a + of_b)), len(batch))
        else:
            acts_a = _read(a, preparations[0](batch), of_a, len(batch))
            acts_b = _read(b, preparations[1](batch), of_b, len(batch))
        for place, (one, two) in enumerate(pairs):
            left, right = aligned(acts_a[one], acts_b[two], positions, (one, two))
            left, right, earlier[place], skipped = _shifted(left, right, earlier[place], shift)
            if not len(left):
                continue
            new = moments_of(*drawn(left, right, per_image, seed, seen + skipped), (one, two))
            before = found[place]
            found[place] = new if before is None else before.merge(new)
        seen += len(batch)
    if seen <= shift:
        needed = f"more than {shift}, as those of b are so many earlier" if shift else "at least one"
        raise ValueError(f"there are {seen} images; expected {needed}")
    return tuple(each for each in found if each is not None)


def batches_of(images: Images) -> Iterator[Float[Array | np.ndarray, "n h w c"]]:
    """An array of images some at a time, or batches as they are.

    Raises:
        ValueError: batches that are not `[n, height, width, channels]`.

    >>> [len(batch) for batch in batches_of(np.zeros((9, 2, 2, 3), np.float32))]
    [5, 4]
    """
    if isinstance(images, np.ndarray | jax.Array):
        images = pieces(images)
    for number, batch in enumerate(images):
        shape = np.shape(batch)
        if len(shape) != 4:
            raise ValueError(f"batch {number} of the images has shape {shape}; expected [n, height, width, channels]")
        if len(batch):
            yield batch


def _read(network: Network, images: Any, layers: tuple[str, ...], count: int) -> dict[str, np.ndarray]:
    if isinstance(network, Model | Edited):
        for name in layers if isinstance(network, Model) else ():
            check_layer(name, network.layers)
        found = network(images, taps=layers)
    else:
        found = network(images)
    if missing := [name for name in layers if name not in found]:
        raise ValueError(f"the network returns no {', '.join(missing)}; it returns {', '.join(sorted(found))}")
    acts = {name: np.asarray(found[name]) for name in layers}
    for name, values in acts.items():
        if values.ndim < 2 or len(values) != count:
            raise ValueError(
                f"activations of {name} have shape {values.shape} for {count} images; expected [n, units] or "
                "[n, height, width, units]"
            )
    return acts


def _preparation(given: Prepare, name: str) -> Callable[[Any], Any]:
    if given is None:
        return lambda images: images
    if callable(given):
        return given
    if given < 1:
        raise ValueError(f"{name} is {given}; expected a side in pixels, 1 or more, a function of images, or None")

    def resized(images: Any) -> Array:
        return jax.image.resize(jnp.asarray(images), (len(images), given, given, images.shape[-1]), "linear")

    return resized


def _shifted(
    left: np.ndarray, right: np.ndarray, earlier: np.ndarray | None, shift: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, int]:
    """A's images with B's `shift` images earlier, what to keep of B for later, and how many of A found no partner."""
    if not shift:
        return left, right, None, 0
    if earlier is not None:
        if earlier.shape[1:] != right.shape[1:]:
            raise ValueError(
                f"maps have {earlier.shape[1]} positions in some images and {right.shape[1]} in others; with shift, "
                'expected images of one size, or positions="mean" or "max"'
            )
        right = np.concatenate([earlier, right])
    # As many of B are so much earlier than an image of this batch, the last ones of it.
    ready = max(0, len(right) - shift)
    skipped = len(left) - ready
    return left[skipped:], right[:ready], right[ready:], skipped
