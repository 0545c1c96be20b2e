"""Weights of single units as red, green and blue, and bands in the last layer."""

import numpy as np

import circuits
from experiments.circuits import pictures
from experiments.study import Study

_BANDS = 0.75
"""Share of rows from which on the article on weight banding sees bands; networks without have less than 0.73."""


def show_colours(study: Study) -> None:
    """Weights of single units as red, green and blue, and bands in the last layer: figures 1 and 2."""
    study.page.section(
        "Weights as colours",
        "Three factors of a unit's weights say which of its inputs matter where: red, green and blue.",
    )
    shares: dict[str, float] = {}
    for block, count in (("mixed4d", 10), ("mixed5b", 8)):
        layer, lower = f"{block}_5x5", f"{block}_5x5_bottleneck"
        if layer not in study.model.layers or study.model.layers[lower] < 3:
            continue
        direct = circuits.weights(study.model, lower, layer).array
        kept = study.page.kept(
            f"colours-{block}", lambda direct=direct: {"rgb": circuits.spatial_rgb(direct, study.config.seed)}
        )
        colours = kept["rgb"]
        shares[block] = circuits.banding(np.moveaxis(colours, -1, 1)).rows
        strongest = np.argsort(-np.square(direct).sum((1, 2, 3)), kind="stable")[:count].tolist()
        study.page.figure(
            f"colours-{block}",
            pictures.columns([[pictures.tile(colours[u], 88) for u in strongest]], [str(u) for u in strongest]),
            f"The {len(strongest)} units of {layer} with the strongest weights, by their numbers in it.",
            alt=f"{len(strongest)} tiles in three colours",
        )
        across = 16
        whole = np.ones((-(-len(colours) // across), across, *colours.shape[1:]), np.float32)
        whole.reshape(-1, *colours.shape[1:])[: len(colours)] = colours
        study.page.figure(
            f"all-{block}",
            circuits.mosaic(whole, pixels=10, gap=6),
            f"All {len(colours)} units of {layer}. What their pictures do over positions is for {shares[block]:.0%} a "
            "matter of the row alone.",
            alt=f"{len(colours)} tiles, {'in horizontal bands' if shares[block] > _BANDS else 'in many patterns'}",
        )
    text = "The weights of mixed5b lie in horizontal bands, those of mixed4d do not"
    expected = f"share of rows above {_BANDS}, as in all published networks with bands, and larger than in mixed4d"
    published = {"published": 0.95, "rows": (25,)}
    if len(shares) == 2:
        study.claim(
            text, expected, measured=f"{shares['mixed5b']:.2f}, mixed4d {shares['mixed4d']:.2f}",
            holds=shares["mixed5b"] > max(_BANDS, shares["mixed4d"]), basis="weights", **published,
        )  # fmt: skip
    else:
        study.claim(text, expected, why="this network has no such layers", basis="weights", **published)
    arrays = study.numbers_of("weight_banding_reduced.npz")
    text, expected = "The published pictures of mixed5b lie in horizontal bands", f"share of rows above {_BANDS}"
    published |= {"basis": "published numbers"}
    if arrays is None:
        study.claim(text, expected, why="the published pictures are not at hand", **published)
        return
    share = circuits.banding(np.moveaxis(arrays["InceptionV1_modelzoo_mixed5b_5x5_w"] / 255, -1, 1)).rows
    study.claim(text, expected, measured=round(share, 3), holds=share > _BANDS, **published)
