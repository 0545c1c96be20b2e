"""Weight Banding: kernels that are striped in the last layer, and why.

- Command: python -m experiments weight_banding --model bvlc_googlenet
- Time: about 7 minutes on two CPU cores, all but one of them for the four networks
- Expect: kernels of mixed5b_5x5 as tiles of three colours, in horizontal bands, beside those of mixed3a_5x5 and
  mixed4d_5x5 without; the same of the networks that were published, and a clustering of all their tiles; four small
  networks that are trained here, with bands where the last map is averaged, turned where photographs are, and none
  where the logits are connected to every position
- Source: *Weight Banding* (Distill, 2021), all figures on bands and on what affects them; the published tiles and
  clusters of its networks
- Resume: Ctrl-C keeps what is done, also within the training of a network; the same command goes on from there.
  `--networks` takes the networks of an earlier run
"""

from experiments.articles.weight_banding.causes import show_causes
from experiments.articles.weight_banding.published import show_published
from experiments.articles.weight_banding.tiles import kernel_tiles, kind, shares, sheet, tileable
from experiments.study import Study, run_article
from experiments.study.small_networks import TrainingOptions, with_data

BANDED, CONTROLS = "mixed5b_5x5", ("mixed3a_5x5", "mixed4d_5x5")
LEAST = 0.85
"""Share of rows in mixed5b_5x5 from which on it counts as banded; 0.95 was published, 0.77 of the like in TF-Slim."""

Config = TrainingOptions


def run(config: Config) -> int:
    """Draw the article; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "In the last layer before the average over all positions, the kernels of nearly all units are striped "
        "horizontally. No other layer looks like that, and turning the photographs turns the stripes."
    )
    return run_article("weight_banding", with_data(config), "Weight banding", lede, draw)


def draw(study: Study) -> None:
    """All figures and claims of the article."""
    assert isinstance(study.config, Config)
    show_network(study)
    show_published(study)
    show_causes(study, study.config)


def show_network(study: Study) -> None:
    """Kernels of the last block's 5x5 branch, and of earlier ones, as tiles."""
    layers = [layer for layer in (BANDED, *CONTROLS) if tileable(study.model, layer)]
    if layers:
        study.page.section(
            f"Kernels of {study.model.name}",
            "Each tile is a unit. Its inputs are put into three groups (non-negative factors), and colour says which "
            "group matters where; red is the group that lies highest, blue the lowest.",
        )
    found, lines = {}, []
    for layer in layers:
        tiles = study.page.kept(f"tiles-{layer}", lambda layer=layer: {"tiles": kernel_tiles(study.model, layer)})
        found[layer] = shares(tiles["tiles"])
        lines.append([layer, len(tiles["tiles"]), *found[layer], kind(found[layer])])
        study.page.figure(
            layer,
            sheet(tiles["tiles"]),
            f"{min(128, len(tiles['tiles']))} units of {layer}: {kind(found[layer])}. Share of the variance between "
            f"rows {found[layer].rows:.2f}, between columns {found[layer].columns:.2f}.",
            alt=f"Tiles of three colours with {kind(found[layer])}",
        )
    if lines:
        study.page.table("shares", ["layer", "units", "rows", "columns", "looks"], lines, "Shares of the variance "
                         "within tiles that lie between rows and between columns.")  # fmt: skip
    known = {"basis": "weights", "rows": (14,)}
    if BANDED not in found:
        why = f"the network has no {BANDED} of three inputs or more"
        study.claim(f"Kernels of {BANDED} are banded", f"share of rows above {LEAST}", published=0.952, why=why,
                    **known)  # fmt: skip
        return
    rows = found[BANDED].rows
    study.claim(
        f"Kernels of {BANDED} are banded", f"share of rows above {LEAST}, a tenth below the published one",
        measured=round(rows, 3), published=0.952, holds=rows > LEAST, **known,
    )  # fmt: skip
    for layer in CONTROLS:
        if layer in found:
            study.claim(
                f"Kernels of {layer} are not",
                f"share of rows below 0.73, as in all published layers without bands, and below that of {BANDED}",
                measured=round(found[layer].rows, 3),
                holds=found[layer].rows < min(0.73, rows),
                **known,
            )
