"""Activation Atlas: a map of what a layer sees in many photographs, and whether it is true.

- Command: python -m experiments activation_atlas --model bvlc_googlenet
- Time: 5 minutes on two CPU cores with --model bvlc_googlenet, half of them for the icons
- Expect: a map on which like is near like, each icon for the activations of its region; the same with the class that
  each region speaks for. Whether regions hold photographs of the classes that they are attributed to more often than
  when the photographs' classes change hands, whether neighbours are more alike than others, and whether icons show
  their own region
- Source: *Activation Atlas* (Carter et al. 2019); there a million photographs, one position of each
- Resume: Ctrl-C keeps the icons that are done, the same command goes on from there
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from experiments.recipes import atlas
from experiments.recipes.atlas_maps import Map
from experiments.study import ArticleOptions, Study, run_article
from experiments.study.measures import likeness
from experiments.study.plots import spread
from featvis import recipes
from inception_jax.labels import synsets

PERMUTATIONS = 1999
"""Of classes among photographs, and of cells among places."""
POSITIONS = 8
"""Samples of each photograph."""

Config = ArticleOptions


def run(config: Config) -> int:
    """Draw the article; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "A layer's activations in many photographs, laid out so that like is near like: a map of everything that the "
        "layer tells apart, with an icon for each region."
    )
    return run_article("activation_atlas", config, "Activation atlas", lede, draw)


def draw(study: Study) -> None:
    """All figures and claims of the article."""
    if study.dataset is None:
        state_classes(study, None)
        state_neighbours(study, None)
        state_icons(study, None)
        return
    found = atlas.draw(study.page, study.model, options(study))[0]
    state_classes(study, found)
    state_neighbours(study, found)
    state_icons(study, found)


def options(study: Study) -> atlas.Config:
    """A small atlas: as many cells as the photographs fill."""
    config, count = study.config, len(study.photographs)
    layer = study.layers("mixed4c", "mixed3a")[0]
    # Small images have few positions that do not touch the edge.
    positions = POSITIONS if study.model.architecture.image_size > 64 else 2
    grid = max(2, min(12, round((positions * count / 25) ** 0.5)))
    # Not UMAP, which takes longer to load than so small a map to lay out.
    return atlas.Config(
        model=study.model.name, layer=layer, images=str(config.images), split=config.split, data_dir=config.data_dir,
        photographs=count, positions=positions, grid=grid, method="tsne", neighbors=30,
        steps=study.drawing.steps, seed=config.seed,
    )  # fmt: skip


def state_classes(study: Study, found: Map | None) -> None:
    """Whether cells hold photographs of the classes that they speak for."""
    text = "Regions hold photographs of the class that they are attributed to"
    expected = f"more of them than in {PERMUTATIONS} permutations of the photographs' classes, p below 0.01"
    known: dict[str, Any] = {"basis": "weights", "rows": (32,)}
    labels = None if found is None else _classes(study, found)
    if found is None or labels is None or not (labels >= 0).any():
        why = "no photographs" if found is None else "the photographs' classes are not those of the network"
        study.claim(text, expected, why=why, **known)
        return
    top = found.drawn.top_classes()[:, 0]
    score, null = held(top, found.drawn.cells.members, found.samples.images, labels, study.config.seed)
    p = (1 + int((null >= score).sum())) / (1 + PERMUTATIONS)
    study.page.section("Whether the map is true")
    study.page.figure(
        "classes",
        spread(null, {"here": float(score)}, "regions with a photograph of their class"),
        f"Regions that hold a photograph of the class that they add most to, in red, beside {PERMUTATIONS} "
        "permutations of the photographs' classes.",
        alt=f"A null distribution up to {null.max():.0f}, and {score} here",
    )
    study.claim(
        text, expected, measured=f"{score} of {len(top)} regions, {null.mean():.1f} by chance, p {p:.2g}",
        holds=p < 0.01, **known,
    )  # fmt: skip


def _classes(study: Study, found: Map) -> Int[np.ndarray, " photographs"] | None:
    """The network's number of each photograph's class, -1 where it has none; None where its classes have no names."""
    assert study.dataset is not None
    try:
        known = {name: number for number, name in enumerate(synsets(study.model)) if name}
    except ValueError:
        return None
    numbers = np.array([known.get(name, -1) for name in study.dataset[0].classes])
    labels = np.full(int(found.samples.images.max()) + 1, -1)
    labels[found.samples.images] = numbers[found.samples.labels]
    return labels


def held(
    top: Int[np.ndarray, " cells"],
    members: tuple[Int[np.ndarray, " _"], ...],
    images: Int[np.ndarray, " samples"],
    labels: Int[np.ndarray, " photographs"],
    seed: int,
) -> tuple[int, Float[np.ndarray, " permutations"]]:
    """Cells that hold a sample of a photograph of their class, and as many with the photographs' classes permuted.

    Args:
        top: the class that each cell speaks for.
        members: samples of each cell.
        images: number of the photograph of each sample.
        labels: class of each photograph, -1 for none.
        seed: of the permutations.

    >>> cells = (np.array([0, 1]), np.array([2, 3]))
    >>> held(np.array([5, 7]), cells, np.arange(4), np.array([5, 9, 7, 9]), 0)[0]
    2
    """
    inside = np.zeros((len(members), len(labels)), bool)
    for cell, numbers in enumerate(members):
        inside[cell, images[numbers]] = True
    rng = np.random.default_rng(seed)

    def count(given: np.ndarray) -> int:
        hit: Bool[np.ndarray, "cells photographs"] = given[None] == top[:, None]
        return int((inside & hit).any(1).sum())

    return count(labels), np.array([count(rng.permutation(labels)) for _ in range(PERMUTATIONS)], float)


def state_neighbours(study: Study, found: Map | None) -> None:
    """Whether like is near like."""
    text, expected = "Neighbouring regions are more alike than others", "a larger mean cosine than in any permutation"
    if found is None or len(found.drawn) < 4:
        study.claim(text, expected, why="no photographs" if found is None else "too few regions",
                    basis="weights", rows=(32,))  # fmt: skip
        return
    score, null = nearness(found.drawn.vectors, found.drawn.cells.places, study.config.seed)
    study.claim(
        text, f"{expected} of {PERMUTATIONS}", measured=f"{score:.2f}, others up to {null.max():.2f}",
        holds=bool(score > null.max()), basis="weights", rows=(32,),
    )  # fmt: skip


def nearness(
    vectors: Float[np.ndarray, "cells units"], places: Int[np.ndarray, "cells 2"], seed: int
) -> tuple[float, Float[np.ndarray, " permutations"]]:
    """Mean cosine of cells that touch, without what all have in common; and with the cells permuted.

    >>> near, _ = nearness(np.eye(2)[[0, 0, 1, 1]], np.array([[0, 0], [0, 1], [2, 0], [2, 1]]), 0)
    >>> round(near, 6)
    1.0
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    unit = unit - unit.mean(0)
    unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    cosines, apart = unit @ unit.T, np.abs(places[:, None] - places[None]).sum(-1)
    first, second = np.nonzero(np.triu(apart == 1))
    if not len(first):
        return 0.0, np.zeros(PERMUTATIONS)
    rng = np.random.default_rng(seed)
    orders = (rng.permutation(len(unit)) for _ in range(PERMUTATIONS))
    null = np.array([cosines[order[first], order[second]].mean() for order in orders])
    return float(cosines[first, second].mean()), null


def state_icons(study: Study, found: Map | None) -> None:
    """Whether icons show their own region."""
    text = "What the network sees in the middle of an icon is more like its own region than like the others"
    expected = "for at least nine regions of ten, a larger cosine than the mean over the others"
    if found is None:
        study.claim(text, expected, why="no photographs", basis="weights", rows=(32,))
        return
    parts = [found.icons[i : i + 16] for i in range(0, len(found.icons), 16)]
    seen = [recipes.layer_maps(study.model, part, found.drawn.layer) for part in parts]
    middle = np.concatenate([maps[:, maps.shape[1] // 2, maps.shape[2] // 2] for maps in seen])
    own, others = likeness(middle, found.drawn.vectors)
    share = float((own > others).mean())
    study.claim(
        text, expected, measured=f"{share:.0%}, cosines {own.mean():.2f} and {others.mean():.2f}", holds=share >= 0.9,
        basis="weights", rows=(32,),
    )  # fmt: skip
