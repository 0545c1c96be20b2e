"""Whether the weights between families of two layers turn with orientation, beside what would be by chance."""

import numpy as np

import circuits
import inception_jax
from circuits.families import Family, sums_by_angle, turn_together
from experiments.circuits.units import read_at
from experiments.families import pictures as plots
from experiments.families.options import Config
from experiments.figures import Figures
from experiments.recipes.drawing import names

_LEAST = 3
"""Units with an orientation, at least, for asking."""


def tested(
    page: Figures, model: inception_jax.Model, lower: Family, upper: Family, permutations: int, seed: int
) -> tuple[str, dict[str, np.ndarray]]:
    """The weights between two families, and whether they turn with orientation, kept with the page.

    Args:
        page: of the run.
        model: the network.
        lower: three units or more with orientations.
        upper: as many.
        permutations: of orientations, for the null.
        seed: of these.

    Returns:
        What it is kept under, and the expanded `weights`, the scores `sums` (with the cosine of the difference in
        orientation) and `together` (of units turned upright), their nulls, and `p` of both.

    Raises:
        UsageError: the request cannot be met.
    """
    (name,) = names([f"turning-{lower.layer}-{upper.layer}"])

    def make() -> dict[str, np.ndarray]:
        at = read_at(model, lower.layer, upper.layer)
        w = circuits.expanded_weights(model, at, upper.layer, units=list(upper.angles), inputs=list(lower.angles))
        ends = np.array(list(upper.angles.values())), np.array(list(lower.angles.values()))
        sums = sums_by_angle(w, *ends, permutations=permutations, seed=seed)
        both = turn_together(w, *ends, permutations=permutations, seed=seed)
        return {
            "weights": w, "sums": np.array(sums.score), "sums_null": sums.null, "together": np.array(both.score),
            "together_null": both.null, "p": np.array([sums.p, both.p]),
        }  # fmt: skip

    return name, page.kept(name, make)


def show_turning(page: Figures, model: inception_jax.Model, shown: list[Family], config: Config) -> None:
    """Whether the weights between families of two layers turn with orientation."""
    curves = [f for f in shown if f.name == "curves" and len(f.angles) >= _LEAST]
    if len(curves) < 2:
        return
    page.section(
        "Do weights turn with orientation?",
        "Between curve detectors of two layers. If a unit's weights depend on what its inputs respond to, and not on "
        "which inputs they are, then curves excite those of their own orientation, inhibit the opposite ones, and "
        "turning all of it by the difference of two units makes one unit's weights the other's. The null: orientations "
        "that have changed hands at random.",
    )
    rows = []
    for lower, upper in [(a, b) for i, a in enumerate(curves) for b in curves[i + 1 :]]:
        name, kept = tested(page, model, lower, upper, config.permutations, config.seed)
        ends = f"{len(lower.angles)} curves of {lower.layer} to {len(upper.angles)} of {upper.layer}"
        page.figure(
            name,
            plots.histogram(kept["sums_null"], float(kept["sums"])),
            f"From {ends}: the correlation between sums of weights and the cosine of the difference in orientation, "
            f"in red, and {config.permutations} permutations of the orientations. p = {kept['p'][0]:.2g}.",
            alt=f"A score of {float(kept['sums']):.2f} beside a null distribution up to {kept['sums_null'].max():.2f}",
        )
        rows.append([ends, float(kept["sums"]), float(kept["p"][0]), float(kept["together"]), float(kept["p"][1])])
        page.numbers_shown |= {f"p of turning, {lower.layer} to {upper.layer}": float(kept["p"][0])}
    header = ["weights", "sums and cosine", "p", "alike once turned", "p of that"]
    page.table("turning", header, rows, f"{config.permutations} permutations; published for inception5h: 0.73.")
