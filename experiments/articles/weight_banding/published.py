"""*Weight Banding*, its published tiles: where there are bands, and that clustering finds the same."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from experiments.articles.weight_banding.tiles import HORIZONTAL, NONE, VERTICAL, Tiles, kind, shares, sheet
from experiments.study import Study
from experiments.study.plots import points

SHOWN = (
    "Simplified-Base, 5b", "Simplified-90deg, 5b", "Simplified-fc-only, 5b", "Simplified-x-avgpool, 5a",
    "Simplified-x-avgpool, 5b", "InceptionV1 - modelzoo, mixed5b_5x5_w",
)  # fmt: skip
"""Which are drawn."""

LOOKS = {
    "vertical": ("Simplified-90deg", "InceptionV1 - 90deg", "ResNet50 - 90deg", "VGG19 - 90deg"),
    "none": (
        "Simplified-fc-only", "Simplified-x-avgpool, 5b", "InceptionV1 - fc-only", "ResNet50 - fc-only", "AlexNet",
    ),
}  # fmt: skip
"""What the article says of its networks, by the beginning of their names; all others have horizontal bands."""

_CLUSTERED = {
    "Simplified-Base, 5b": ("horizontal bands", "512"),
    "Simplified-90deg, 5b": ("vertical bands", "512"),
    "Simplified-fc-only, 5b": ("no bands", "428"),
    "Simplified-x-avgpool, 5a": ("horizontal bands", "470, in two clusters of four"),
    "Simplified-x-avgpool, 5b": ("no bands", "503"),
}
"""Cluster of most of 512 units, and how many the article has there."""


def show_published(study: Study) -> None:
    """The published tiles, and claims on them."""
    arrays, facts = study.numbers_of("weight_banding_reduced.npz"), study.numbers_of("weight_banding.json")
    if arrays is None or facts is None:
        for text, expected in _TEXTS.values():
            why = "the published tiles are not at hand"
            study.claim(text, expected, why=why, basis="published numbers", rows=(14, 30))
        return
    known = facts["reduced_weights"]
    tiles = {named(known[name]): array.astype(np.float64) / 255 for name, array in arrays.items()}
    _draw(study, tiles)
    stated = {named(one): (one["row_variance_share"], one["column_variance_share"]) for one in known.values()}
    judge(study, tiles, stated)
    _show_clusters(study, tiles)


def named(about: Mapping[str, Any]) -> str:
    """A network and its layer, in short.

    >>> named({"model": "Simplified-Base", "layer": "v0/v1/5b/weights/read"})
    'Simplified-Base, 5b'
    """
    parts = [part for part in about["layer"].split("/") if part not in ("v0", "v1", "weights", "kernel", "read")]
    return f"{about['model']}, {parts[-1]}"


def look_of(name: str) -> str:
    """What the article says of a network: `horizontal`, `vertical` or `none`.

    >>> look_of("ResNet50 - 90deg, conv2d_51"), look_of("VGG19 - fc-only, conv5_4")
    ('vertical', 'horizontal')
    """
    return next((kind for kind, beginnings in LOOKS.items() if name.startswith(beginnings)), "horizontal")


_TEXTS = {
    "stated": (
        "Shares of rows and columns in the published tiles",
        "as recorded with them, within 0.0001: they are given with four digits",
    ),
    "horizontal": ("Published tiles with horizontal bands", f"share of rows above {HORIZONTAL} in all of them"),
    "none": ("Published tiles without bands", f"share of rows below {NONE} in all of them"),
    "vertical": ("Published tiles with vertical bands", f"share of rows below {VERTICAL} in all of them"),
}


def judge(study: Study, tiles: Mapping[str, Tiles], stated: Mapping[str, tuple[float, float]]) -> None:
    """Claims on the shares of rows and columns in the published tiles.

    Args:
        study: takes the claims.
        tiles: by network.
        stated: shares of rows and columns that are recorded with them.
    """
    found = {name: shares(one) for name, one in tiles.items()}
    off = max(float(np.abs(np.subtract(found[name], stated[name])).max()) for name in found)
    known = {"basis": "published numbers", "rows": (14, 30)}
    study.claim(*_TEXTS["stated"], measured=f"largest difference {off:.5f}", published=0, holds=off < 1e-4, **known)
    rows = {look: [found[name].rows for name in found if look_of(name) == look] for look in ("horizontal", "none",
                                                                                         "vertical")}  # fmt: skip
    study.claim(
        *_TEXTS["horizontal"],
        measured=f"{min(rows['horizontal']):.3f} to {max(rows['horizontal']):.3f} in {len(rows['horizontal'])}",
        holds=min(rows["horizontal"]) > HORIZONTAL,
        **known,
    )
    for name, limit in (("none", NONE), ("vertical", VERTICAL)):
        measured = f"{min(rows[name]):.3f} to {max(rows[name]):.3f} in {len(rows[name])}"
        study.claim(*_TEXTS[name], measured=measured, holds=max(rows[name]) < limit, **known)


def clusters(tiles: Mapping[str, Tiles], seed: int = 0) -> dict[str, Int[np.ndarray, " units"]]:
    """Clusters of the tiles of several networks: 0 like most of the first, 1 like most of the second, 2 neither.

    Tiles are compared by which of their positions have like colours, whatever these are, because colours are named
    unit by unit. K-means finds three clusters.

    Args:
        tiles: by network, all of one size.
        seed: of the first guess.

    >>> rows = np.repeat(np.random.default_rng(0).random((9, 3, 1, 3)), 3, 2)
    >>> other = np.random.default_rng(1).random((9, 3, 3, 3))
    >>> found = clusters({"a": rows, "b": rows.swapaxes(1, 2), "c": other})
    >>> int((found["a"] == 0).sum()), int((found["b"] == 1).sum())
    (9, 9)
    """
    from sklearn.cluster import KMeans

    settings: dict[str, Any] = {"n_clusters": 3, "n_init": 4, "random_state": seed}
    model = KMeans(**settings)
    labels = model.fit_predict(np.concatenate([_alike(one) for one in tiles.values()]))
    parts = np.split(labels, np.cumsum([len(one) for one in tiles.values()])[:-1])
    first, second = (int(np.bincount(part, minlength=3).argmax()) for part in parts[:2])
    places = np.full(3, 2)
    places[second] = 1
    places[first] = 0
    return {name: places[part] for name, part in zip(tiles, parts, strict=True)}


def _alike(tiles: Tiles) -> Float[np.ndarray, "units pairs"]:
    """Products of the colours of all pairs of positions, of length 1 for each tile."""
    flat = tiles.reshape(len(tiles), -1, tiles.shape[-1])
    flat = flat - flat.mean(1, keepdims=True)
    products = np.einsum("npc,nqc->npq", flat, flat).reshape(len(flat), -1)
    return products / np.maximum(np.linalg.norm(products, axis=1, keepdims=True), 1e-12)


def _draw(study: Study, tiles: Mapping[str, Tiles]) -> None:
    study.page.section("Published tiles", "The same pictures of the networks that the authors trained or took.")
    for i, name in enumerate(name for name in SHOWN if name in tiles):
        found = shares(tiles[name])
        study.page.figure(
            f"published-{i}",
            sheet(tiles[name], most=64),
            f"{name}, one of {len(tiles[name]) // 64} units: {kind(found)}, share of rows {found.rows:.2f}, of "
            f"columns {found.columns:.2f}.",
            alt=f"Tiles with {kind(found)}",
        )
    found = {name: shares(one) for name, one in tiles.items()}
    kinds = {"horizontal": "horizontal bands", "vertical": "vertical bands", "none": "no bands"}
    study.page.figure(
        "published-shares",
        points(
            np.array([one.columns for one in found.values()]),
            np.array([one.rows for one in found.values()]),
            "share between columns",
            "share between rows",
            kinds=[kinds[look_of(name)] for name in found],
        ),
        f"All {len(found)} published layers, marked by what the article says of them. Horizontal bands lie above "
        f"{HORIZONTAL}, layers without bands below {NONE}.",
        alt="Points in three groups: above left, below right, and in between",
    )
    lines = [[name, len(tiles[name]), *found[name], kind(found[name]), kinds[look_of(name)]] for name in found]
    study.page.table("published", ["layer", "units", "rows", "columns", "by its shares", "in the article"], lines,
                     "Shares of the variance within published tiles.")  # fmt: skip


def _show_clusters(study: Study, tiles: Mapping[str, Tiles]) -> None:
    chosen = {name: tiles[name] for name in _CLUSTERED if name in tiles}
    if len(chosen) < len(_CLUSTERED):
        return
    found = study.page.kept("clusters", lambda: clusters(chosen, study.config.seed))
    places = ("horizontal bands", "vertical bands", "no bands")
    lines = []
    for name, (place, published) in _CLUSTERED.items():
        counts = np.bincount(found[name], minlength=3)
        lines.append([name, *counts.tolist(), f"{published} of {len(found[name])}"])
        share = counts[places.index(place)] / counts.sum()
        study.claim(
            f"Clusters of published tiles: most units of {name} have {place}",
            "more than half of its units; the article's clusters are four, and compare colours by an unknown order",
            measured=f"{counts[places.index(place)]} of {counts.sum()}",
            published=published,
            holds=bool(share > 0.5),
            basis="published numbers",
            rows=(30,),
        )
    study.page.table("clusters", ["layer", *places, "published, in the expected one"], lines, "Units in three clusters "
                     "of like tiles, named by where most of the base network and of the turned one are.")  # fmt: skip
