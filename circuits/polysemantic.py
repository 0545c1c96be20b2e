"""Whether a unit answers to one thing or to several: its strongest images in groups, by what else is in them."""

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Int

from circuits.interventions.references import in_pieces
from circuits.interventions.values import Activations


@dataclass(frozen=True, eq=False, repr=False)
class Facets:
    """Groups of a unit's strongest images: see `facets_of`.

    Attributes:
        labels: the group of each image, the largest group first.
        directions: of each group, from the mean of all to its own, of length 1; for `featvis.objectives.facet` and
            whatever takes directions.
        score: how far the groups lie apart, the mean silhouette: 1 for groups that are points, 0 for none.
        null: the same for images drawn from one lump with the same spread.
    """

    labels: Int[np.ndarray, " n"]
    directions: Float[np.ndarray, "groups d"]
    score: float
    null: Float[np.ndarray, " draws"]

    def __repr__(self) -> str:
        sizes = ", ".join(map(str, np.bincount(self.labels)))
        return f"<{len(self.directions)} groups of {sizes} images, score {self.score:.2f}, p = {self.p:.3f}>"

    @property
    def p(self) -> float:
        """How often one lump looks as divided as these images do, counting these among the draws."""
        return float((1 + (self.null >= self.score).sum()) / (1 + len(self.null)))


def facets_of(
    features: Float[Array | np.ndarray, "n d"],
    most: int = 4,
    *,
    dimensions: int = 8,
    draws: int = 99,
    seed: int = 0,
) -> Facets:
    """The groups that vectors fall into, as many as lie furthest apart, and whether one lump would do as well.

    Vectors count by their directions, in the space of their first principal components. Numbers of groups from 2 to
    `most` are tried, by k-means, and the one with the largest silhouette is taken; the same is done to every draw from
    one normal distribution with their mean and covariance, so that the choice does not flatter the result.

    Args:
        features: a vector for each image, such as `features_at` gives.
        most: groups, at most.
        dimensions: principal components, at most.
        draws: of the null.
        seed: of k-means and the draws.

    Raises:
        ValueError: vectors of another shape, not finite, or zero; too few for so many groups; fewer than 2 groups, or
            no draws.

    Source: clusters of a unit's data-set examples, as *Zoom In* (Distill, 2020) sorts those of mixed4e:55 by eye;
    silhouettes after Rousseeuw 1987.

    >>> rng = np.random.default_rng(0)
    >>> two = np.repeat(np.eye(2), 10, 0) + 0.05 * rng.normal(size=(20, 2))
    >>> facets_of(two, draws=19)
    <2 groups of 10, 10 images, score 0.97, p = 0.050>
    """
    from threadpoolctl import threadpool_limits

    values = np.asarray(features, np.float64)
    if values.ndim != 2 or not np.isfinite(values).all() or not values.any(-1).all():
        raise ValueError(f"features have shape {values.shape}; expected [n, d], finite, and no vector zero")
    most, draws = operator.index(most), operator.index(draws)
    if most < 2 or draws < 1 or dimensions < 1:
        raise ValueError(
            f"most is {most}, draws {draws} and dimensions {dimensions}; expected 2 groups, 1 draw and 1 dimension or "
            "more"
        )
    if len(values) < 2 * most:
        raise ValueError(f"there are {len(values)} vectors; expected {2 * most} or more, for {most} groups")
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    centred = unit - unit.mean(0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    # Vectors that are all alike have one axis along which nothing happens.
    kept = max(1, min(dimensions, int((sizes > 1e-9 * max(sizes[0], 1e-30)).sum())))
    points = centred @ axes[:kept].T
    rng = np.random.default_rng(seed)
    spread = points.std(0)
    # So few points take threads longer to share out than to group.
    with threadpool_limits(1):
        labels, score = _grouped(points, most, seed)
        null = [_grouped(rng.normal(size=points.shape) * spread, most, seed)[1] for _ in range(draws)]
    order = np.argsort(-np.bincount(labels), kind="stable")
    labels = np.argsort(order)[labels]
    means = np.stack([centred[labels == group].mean(0) for group in range(len(order))])
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return Facets(labels, means / np.where(lengths, lengths, 1), score, np.array(null))


def features_at(
    model: Activations, images: Float[Array | np.ndarray, "n h w c"], layer: str
) -> Float[np.ndarray, "n units"]:
    """What else is in images: the mean activation of each unit of a layer, a late one for what things they show.

    Args:
        model: this project's, an edited one, or any that takes `edits` as they do.
        images: the unit's strongest, RGB in [0, 1]; crops around the maximum where the unit sees little of an image.
        layer: whose units describe them.

    Raises:
        ValueError: no images, and what the model refuses.

    >>> features_at(lambda images, edits: {"a": images}, np.full((2, 4, 4, 3), 0.5, np.float32), "a")
    array([[0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5]])
    """
    if not len(images):
        raise ValueError("there are no images; expected at least one")
    pieces = [np.asarray(piece, np.float64) for piece in in_pieces(model, images, layer)]
    return np.concatenate([piece.reshape(len(piece), -1, piece.shape[-1]).mean(1) for piece in pieces])


def _grouped(points: Float[np.ndarray, "n d"], most: int, seed: int) -> tuple[Int[np.ndarray, " n"], float]:
    """The grouping with the largest silhouette; one group, with a score of 0, where none lies apart at all."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    best, score = np.zeros(len(points), np.int64), 0.0
    for count in range(2, min(most, len(np.unique(points, axis=0))) + 1):
        settings: dict[str, Any] = {"n_clusters": count, "n_init": 4, "random_state": seed}
        labels = KMeans(**settings).fit_predict(points)
        if len(np.unique(labels)) > 1 and (found := float(silhouette_score(points, labels))) > score:
            best, score = labels.astype(np.int64), found
    return best, score
