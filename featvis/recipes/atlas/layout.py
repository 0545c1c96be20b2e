"""The plane of an activation atlas: samples laid out so that like is near like."""

import warnings
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Array, Float

from featvis.recipes.atlas.samples import Samples

Method = Literal["umap", "tsne", "pca"]


def lay_out(
    vectors: Float[Array | np.ndarray, "n units"],
    method: Method = "umap",
    *,
    dimensions: int = 2,
    neighbors: int = 50,
    min_dist: float = 0.05,
    seed: int = 0,
) -> Float[np.ndarray, "n dimensions"]:
    """Coordinates in which vectors of like direction are near each other.

    Args:
        vectors: activations of many positions, ten or more. Their lengths do not matter.
        method: `"umap"`, which needs the extra `atlas`; `"tsne"`; or `"pca"`, quick and coarse.
        dimensions: of the result, 1 to 3 and no more than units.
        neighbors: of each vector that UMAP keeps near it, and t-SNE's perplexity; 2 or more, at most the vectors there
            are. More show the whole better, fewer its parts.
        min_dist: least distance of points in UMAP, from 0 to 1; less makes denser clumps.
        seed: of random numbers. The same call gives the same coordinates on the same machine.

    Raises:
        ImportError: UMAP is not installed.
        ValueError: too few vectors, numbers that are not finite, or an argument out of range.

    Source: McInnes et al. 2018, *UMAP*, with the settings of Carter et al. 2019, *Activation Atlas*.

    >>> two_kinds = np.array([[3.0, 4.0]] * 5 + [[0.0, 2.0]] * 5)
    >>> lay_out(two_kinds, "pca", dimensions=1).T.round(2)
    array([[ 0.32,  0.32,  0.32,  0.32,  0.32, -0.32, -0.32, -0.32, -0.32,
            -0.32]], dtype=float32)
    """
    rows = np.asarray(vectors, np.float32)
    if rows.ndim != 2 or len(rows) < 10:
        raise ValueError(f"the vectors have shape {rows.shape}; expected (n, units), ten vectors or more")
    if not np.isfinite(rows).all():
        raise ValueError("the vectors hold numbers that are not finite")
    if method not in get_args(Method):
        raise ValueError(f"method is {method!r}; expected {', '.join(map(repr, get_args(Method)))}")
    if not 1 <= dimensions <= min(3, rows.shape[1]) or neighbors < 2 or not 0 <= min_dist <= 1:
        raise ValueError(
            f"dimensions is {dimensions}, neighbors {neighbors} and min_dist {min_dist}; expected 1 to 3, 2 or more, "
            "and 0 to 1"
        )
    unit = unit_vectors(rows)
    if method == "pca":
        return _principal(unit, dimensions)
    # Both want fewer neighbours than there are others.
    near = min(neighbors, len(rows) - 1)
    if method == "tsne":
        from sklearn.manifold import TSNE

        tsne = TSNE(dimensions, perplexity=min(near, (len(rows) - 1) / 3), init="pca", random_state=seed)
        return np.asarray(tsne.fit_transform(unit), np.float32)
    umap = _umap()(
        n_components=dimensions, n_neighbors=near, min_dist=min_dist, metric="cosine", random_state=seed, n_jobs=1
    )
    return np.asarray(umap.fit_transform(unit), np.float32)


def joint(*samples: Samples) -> Float[np.ndarray, "n units"]:
    """Vectors that tell places apart as several layers or models do together, for one layout of all.

    Each sample of the first, and those of the same place in the others, side by side; each scaled to length 1, so that
    none counts more.

    Args:
        samples: of the same places, as `collect(..., like=first)` finds them.

    Raises:
        ValueError: samples of other images or places.

    Source: Lucid, `aligned_activation_atlas`, which wants layers of equally many units and lays out the samples of
    each as points of their own.

    >>> import inception_jax
    >>> from featvis.recipes import atlas
    >>> model = inception_jax.initialise(inception_jax.INCEPTION5H.scaled(1 / 16), seed=0)
    >>> photos = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)
    >>> first = atlas.collect(model, [(photos, [5, 5, 7])], "conv2d0", positions=4)
    >>> second = atlas.collect(model, [(photos, [5, 5, 7])], "conv2d1", positions=4, like=first)
    >>> first.vectors.shape, second.vectors.shape, joint(first, second).shape
    ((12, 4), (12, 4), (12, 8))
    """
    first = samples[0]
    for other in samples[1:]:
        if not (np.array_equal(first.images, other.images) and np.array_equal(first.labels, other.labels)):
            raise ValueError(f"{other!r} are from other images than {first!r}; collect them with like=")
    return np.concatenate([unit_vectors(part.vectors) for part in samples], axis=1)


def in_unit_square(
    points: Float[Array | np.ndarray, "n d"], percentile: float = 1.0, margin: float = 0.1
) -> Float[np.ndarray, "n d"]:
    """Coordinates of any size, moved and scaled axis by axis to between 0 and 1; outliers come to lie on the edge.

    Args:
        points: one row each.
        percentile: below 50. What lies between this percentile and its counterpart from above (1 and 99) is inside,
        margin: with this much room on each side, as a fraction of the distance between the two.

    Raises:
        ValueError: no points, numbers that are not finite, or an argument out of range.

    Source: Lucid, `activation_atlas`, `normalize_layout`.

    >>> in_unit_square(np.array([[0.0], [5.0], [10.0]]), percentile=0).ravel().round(4).tolist()
    [0.0833, 0.5, 0.9167]
    """
    array = np.asarray(points, np.float64)
    if array.ndim != 2 or not array.size or not np.isfinite(array).all():
        raise ValueError(f"the points have shape {array.shape}; expected one row or more of finite numbers, (n, d)")
    if not 0 <= percentile < 50 or margin < 0:
        raise ValueError(f"percentile is {percentile} and margin {margin}; expected 0 to 50, and 0 or more")
    low, high = np.percentile(array, [percentile, 100 - percentile], axis=0)
    room = margin * (high - low)
    low, span = low - room, high - low + 2 * room
    return np.where(span > 0, np.clip((array - low) / np.where(span > 0, span, 1), 0, 1), 0.5)


def contrast(
    samples: Samples, first: int, second: int, method: Method = "umap", **settings: Any
) -> Float[np.ndarray, "n 2"]:
    """Places for an atlas that compares two classes.

    From left to right, samples go from those that speak most for the first class to those that speak most for the
    second, with 0.5 for equal attributions and the edges at the 99th percentile of their difference; from top to bottom
    like is near like.

    Args:
        samples: with attributions; those that are strong for either class make the clearest picture.
        first: number of a class.
        second: number of another.
        method: of `lay_out`, in one dimension.
        settings: of `lay_out`.

    Raises:
        ValueError: as `lay_out`, samples without attributions, or a class that is not there.

    Source: Carter et al. 2019, *Activation Atlas*, "focusing on classification".

    >>> vectors, images, places = np.eye(12, dtype=np.float32), np.arange(12), np.zeros((12, 2), np.float32)
    >>> attributions = np.stack([11.0 - images, images], axis=1).astype(np.float32)  # of two classes
    >>> samples = Samples("conv2d0", vectors, images, images, places, attributions)
    >>> contrast(samples, 0, 1, "pca")[::3, 0].round(2).tolist()
    [0.0, 0.27, 0.55, 0.82]
    """
    difference = samples.attributed(second).astype(np.float64) - samples.attributed(first)
    edge = np.percentile(np.abs(difference), 99) or 1.0
    across = 0.5 + 0.5 * np.clip(difference / edge, -1, 1)
    down = in_unit_square(lay_out(samples.vectors, method, dimensions=1, **settings))
    return np.stack([across, down[:, 0]], axis=1)


def unit_vectors(vectors: Float[np.ndarray, "n units"]) -> Float[np.ndarray, "n units"]:
    """The vectors, scaled to length 1; those of zeros stay so.

    >>> unit_vectors(np.array([[3.0, 4.0], [0.0, 0.0]])).round(3)
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    rows = vectors.astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def _principal(rows: np.ndarray, dimensions: int) -> Float[np.ndarray, "n dimensions"]:
    centred = rows.astype(np.float64) - rows.mean(0, dtype=np.float64)
    # In increasing order; the sign, which is a matter of convention, makes the largest weight positive.
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :dimensions]
    axes *= np.sign(np.take_along_axis(axes, np.abs(axes).argmax(0)[None], 0))
    return (centred @ axes).astype(np.float32)


def _umap() -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # It misses TensorFlow, which it needs for other things.
            from umap import UMAP
    except ImportError as error:
        raise ImportError(
            "the layout 'umap' needs umap-learn: pip install 'inception-jax[atlas]', or choose 'tsne' or 'pca'"
        ) from error
    return UMAP
