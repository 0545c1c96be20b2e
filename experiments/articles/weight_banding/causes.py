"""*Weight Banding*, what causes it: small networks that differ in what follows their last convolution.

Photographs are mirrored at random while networks learn, so that left and right tell nothing, while above and below do.
Averaging over all positions takes that away, unless the last convolution puts it into what its units look for.
"""

import dataclasses
from collections.abc import Mapping

import inception_jax
from experiments.articles.weight_banding.tiles import HORIZONTAL, NONE, Tiles, kernel_tiles, kind, shares, sheet
from experiments.study import Study
from experiments.study.plots import bars
from experiments.study.small_networks import MISSING, RECIPE, TrainingOptions, accuracy, trained
from inception_jax.architecture import SIMPLIFIED, Plain

BASE = dataclasses.replace(
    SIMPLIFIED,
    name="banding",
    blocks=(("0a", Plain(16)), ("1a", Plain(64, kernel=3, pool_before="pool0")), ("2a", Plain(48))),
    image_size=16,
)
"""The article's simplified network, much smaller: its last layer sees 5x5 of 8x8 positions of 64 channels."""
LAST = "2a"

VARIANTS = {
    "base": (BASE, RECIPE, "averaged over all positions, as in the article's base network"),
    "turned": (BASE, dataclasses.replace(RECIPE, quarter_turns=1), "the same, on photographs turned by 90 degrees"),
    "connected": (dataclasses.replace(BASE, final_average="none"), RECIPE, "connected to every position, no average"),
    "x-average": (dataclasses.replace(BASE, final_average="x"), RECIPE, "averaged along rows only"),
}
"""Architecture, recipe and description of each."""

PUBLISHED = {"base": "0.97 / 0.03", "turned": "0.03 / 0.97", "connected": "0.51 / 0.38", "x-average": "0.68 / 0.28"}
"""Shares of rows and of columns in the article's networks, from their published tiles."""

EXPECTED = {
    "base": f"share of rows above {HORIZONTAL}, as in every published network with horizontal bands",
    "turned": f"share of columns above {HORIZONTAL}, as in every published network with vertical bands",
    "connected": f"both shares below {NONE}, as in the published networks without bands (VGG19 apart)",
    "x-average": f"both shares below {NONE}, as in the published network",
}


def show_causes(study: Study, config: TrainingOptions) -> None:
    """Train the variants, draw the kernels of their last layer, and ask where there are bands."""
    found: dict[str, inception_jax.Model] = {}
    for name, (architecture, recipe, _) in VARIANTS.items():
        # Three answer the question; the fourth is the article's aside.
        if name != "x-average" or not config.quick:
            model = trained(study, config, name, architecture, recipe, config.seed)
            if model is not None:
                found[name] = model
    tiles = {name: _tiles(study, name, model, LAST) for name, model in found.items()}
    if found:
        _draw(study, found, tiles)
    judge(study, {name: tuple(shares(one)) for name, one in tiles.items()}, config.quick)


def judge(study: Study, found: Mapping[str, tuple[float, ...]], quick: bool = False) -> None:
    """Claims on the shares of rows and columns in each variant's last layer."""
    for name in VARIANTS:
        text = f"The last layer of a network whose last map is {VARIANTS[name][2]}: {_SAID[name]}"
        known = {"published": PUBLISHED[name], "basis": "trained here", "rows": (30,)}
        if name not in found:
            why = "with --quick this network is not trained" if found and quick else MISSING
            study.claim(text, EXPECTED[name], why=why, **known)
            continue
        rows, columns = found[name]
        holds = {
            "base": rows > HORIZONTAL,
            "turned": columns > HORIZONTAL,
            "connected": max(rows, columns) < NONE,
            "x-average": max(rows, columns) < NONE,
        }[name]
        study.claim(text, EXPECTED[name], measured=f"{rows:.2f} / {columns:.2f}", holds=bool(holds), **known)


_SAID = {
    "base": "horizontal bands",
    "turned": "vertical bands",
    "connected": "no bands",
    "x-average": "no bands",
}


def _tiles(study: Study, name: str, model: inception_jax.Model, layer: str) -> Tiles:
    return study.page.kept(f"tiles-{name}-{layer}", lambda: {"tiles": kernel_tiles(model, layer)})["tiles"]


def _draw(study: Study, found: Mapping[str, inception_jax.Model], tiles: Mapping[str, Tiles]) -> None:
    study.page.section(
        "What causes bands",
        "Small networks that differ in what follows the last convolution alone. Photographs are mirrored at random "
        "while they learn: left and right tell nothing, above and below do. An average over all positions takes that "
        "away, and the layer before it has to remember it.",
    )
    lines = []
    for name, model in found.items():
        rows, columns = shares(tiles[name])
        before = _tiles(study, name, model, "1a")
        lines.append([name, VARIANTS[name][2], rows, columns, *shares(before), accuracy(model), PUBLISHED[name]])
        study.page.figure(
            f"trained-{name}",
            sheet(tiles[name]),
            f"Last layer of a network trained here, {VARIANTS[name][2]}: {kind(shares(tiles[name]))}, share of rows "
            f"{rows:.2f}, of columns {columns:.2f}. Published: {PUBLISHED[name]}.",
            alt=f"Tiles with {kind(shares(tiles[name]))}",
        )
    study.page.figure(
        "trained-shares",
        bars({f"{name}, {what}": shares(tiles[name])[i] for name in found
              for i, what in enumerate(("rows", "columns"))}, "share of variance"),
        f"Shares between rows and between columns in the last layer. Above {HORIZONTAL}: bands.",
        alt="Bars: rows are high for the base, columns for turned photographs, neither without an average",
    )  # fmt: skip
    study.page.table(
        "trained",
        ["network", "its last map is", "rows", "columns", "rows in 1a", "columns in 1a", "top-1", "published"],
        lines,
        "Shares of the variance within tiles, of the last layer and of the one below. The networks see small "
        "photographs once or twice, and are seldom right; bands are there as soon as they are right more often than "
        "by chance.",
    )
