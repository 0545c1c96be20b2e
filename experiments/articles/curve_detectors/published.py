"""What follows from the numbers that the article published, whatever network is at hand."""

from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from circuits.families import apart
from circuits.tuning import circular_mean, echo, peak, width
from experiments.articles.curve_detectors.fits import exponential_tails
from experiments.articles.curve_detectors.heat import RADII, panels
from experiments.articles.curve_detectors.radial import LAYERS
from experiments.circuits import pictures
from experiments.families import pictures as plots
from experiments.study import Study
from experiments.study.plots import CYCLE, drawn

_ANGLES = np.arange(720) / 2
_KNOWN = {"basis": "published numbers"}
_NOT = "the published numbers are not at hand"


def show_radial(study: Study) -> None:
    """The published radial tuning curves, and what was published of them, computed again."""
    text = "Peaks, widths and echoes of 46 published radial tuning curves"
    expected = "as published, but for rounding: 0.01 degrees, 0.0001 for echoes"
    layered = "Early curve detectors echo, those of mixed3b do not, in the published curves"
    below = "every echo below 0.05 in mixed3b; most above it in the layers before"
    curves, units = study.numbers_of("radial_tuning_curves.json"), study.numbers_of("curve_units.json")
    if curves is None or units is None:
        study.claim(text, expected, why=_NOT, rows=(6,), **_KNOWN)
        study.claim(layered, below, why=_NOT, rows=(6,), **_KNOWN)
        return
    worst, echoes = np.zeros(4), {}
    for layer in LAYERS:
        given = {int(unit): np.array(values) for unit, values in curves["units_per_layer"][layer].items()}
        found, of = np.stack(list(given.values()), 1), {one["unit"]: one for one in units["layers"][layer]}
        echoes[layer] = echo(found, _ANGLES)
        facts = [[of[unit][name] for unit in given] for name in _FACTS]
        off = [
            apart(peak(found, _ANGLES), np.array(facts[0])),
            apart(circular_mean(found, _ANGLES), np.array(facts[1])),
            np.abs(width(found, _ANGLES) - facts[2]),
            np.abs(echoes[layer] - facts[3]),
        ]
        worst = np.maximum(worst, [one.max() for one in off])
        order = np.argsort(peak(found, _ANGLES))
        dots = [plots.polar(found[:, i], float(peak(found, _ANGLES)[i]), 360.0, 84) for i in order]
        study.page.figure(
            f"published-{layer}",
            pictures.columns([dots], [f"{layer}:{list(given)[i]}" for i in order]),
            f"Published for inception5h: radial tuning of {len(given)} units of {layer}, with arrows to the peaks.",
            alt=f"{len(given)} polar curves",
        )
    study.claim(
        text, expected,
        measured=f"largest differences {worst[0]:.2g}, {worst[1]:.2g}, {worst[2]:.2g} degrees and {worst[3]:.2g}",
        published="peaks, circular means, widths, echoes",
        holds=bool((worst[:3] <= 0.0101).all() and worst[3] <= 1e-4), rows=(6,), **_KNOWN,
    )  # fmt: skip
    early = np.concatenate([echoes["conv2d2"], echoes["mixed3a"]])
    study.claim(
        layered, below,
        measured=f"{echoes['mixed3b'].max():.3f} at most in mixed3b, {int((early > 0.05).sum())} of {len(early)} above "
        "0.05 before",
        published="0.028 at most",
        holds=bool(echoes["mixed3b"].max() < 0.05 and (early > 0.05).mean() > 0.5), rows=(6,), **_KNOWN,
    )  # fmt: skip


_FACTS = ("peak_deg", "circular_mean_deg", "half_max_width_deg", "echo_ratio")


def show_heat(study: Study) -> None:
    """The published heat maps, and how they lead to radial tuning curves."""
    text, expected = (
        "Radial tuning curves are means of heat maps over radii",
        "correlation at least 0.9999 for ten units",
    )
    where, spot = "Published heat maps peak at radii about 60 pixels", "all from 45 to 80 px, unit 349 the largest"
    maps, curves = study.numbers_of("synthetic_curve_heatmaps.npz"), study.numbers_of("radial_tuning_curves.json")
    if maps is None or curves is None:
        study.claim(text, expected, why=_NOT, rows=(6, 7), **_KNOWN)
        study.claim(where, spot, why=_NOT, rows=(7,), **_KNOWN)
        return
    values, units = maps["responses_sigma"], maps["units"].tolist()
    # Their angles are half a turn from those of the tuning data.
    means = np.roll(values.mean(1), 360, 1)
    scores = [
        float(np.corrcoef(mean, curves["units_per_layer"]["mixed3b"][str(unit)])[0, 1])
        for unit, mean in zip(units, means, strict=True)
    ]
    study.claim(
        text, expected, measured=round(min(scores), 5), published=0.99995, holds=min(scores) >= 0.9999, rows=(6, 7),
        **_KNOWN,
    )  # fmt: skip
    most = values.max((1, 2))
    radii = maps["radius_px"][values.max(2).argmax(1)]
    largest = units[int(most.argmax())]
    study.claim(
        where, spot, measured=f"{radii.min():.1f} to {radii.max():.1f} px, {largest} the largest: {most.max():.1f}",
        published="48.8 to 76.0 px, 349 the largest: 24.2",
        holds=bool((radii >= RADII[0]).all() and (radii <= RADII[1]).all()) and largest == 349, rows=(7,), **_KNOWN,
    )  # fmt: skip
    order = np.argsort(means.argmax(1))
    study.page.figure(
        "published-heat-maps",
        panels([np.roll(values[i], 360, 1) for i in order], [f"mixed3b:{units[i]}" for i in order], 25.0),
        "Published for inception5h: the ten curve detectors by orientation, from nothing to 25 standard deviations.",
        alt="Ten heat maps, each with one bright spot",
    )


def show_labels(study: Study) -> None:
    """What people said they see at each activation, as published."""
    text = "More than half of what drives mixed3b:379 are curves"
    expected = "share of the expected value from curves and imperfect ones 0.553, within 0.001"
    labels = study.numbers_of("human_labels.json")
    if labels is None:
        study.claim(text, expected, published=0.553, why=_NOT, rows=(18,), **_KNOWN)
        return
    study.page.section(
        "What people see",
        "The authors looked at 857 pieces of photographs, taken from all activations of mixed3b:379 of inception5h, "
        "without knowing which, and said what was in the middle of each.",
    )
    names = labels["order"]
    made = {
        part: np.array(labels[part]["heights"]) for part in ("conditional_probability", "probability", "expected_value")
    }
    bins = np.array(labels["probability"]["bins"])
    for part, caption in _PLOTS.items():
        study.page.figure(
            f"labels-{part.replace('_', '-')}",
            _stacked(bins, made[part], names, part.replace("_", " ")),
            caption,
            alt=f"Coloured areas for {', '.join(names)}, over the activation before the ReLU",
        )
    curve = [names.index("curve"), names.index("imperfect curve")]
    whole, fired = made["probability"], bins >= 0
    value = (whole * bins)[:, fired]
    share = float(made["expected_value"][curve].sum() / made["expected_value"].sum())
    study.claim(text, expected, measured=round(share, 4), published=0.553, holds=abs(share - 0.553) < 1e-3,
                rows=(18,), **_KNOWN)  # fmt: skip
    again = float(value[curve].sum() / value.sum())
    study.claim(
        "That share follows from probabilities and activations", "as from the published products, within 0.001",
        measured=round(again, 4), published=round(share, 4), holds=abs(again - share) < 1e-3, rows=(18,), **_KNOWN,
    )  # fmt: skip
    fires = float(whole[:, fired].sum() / whole.sum())
    study.claim("mixed3b:379 fires in 11 % of cases", "11 +- 2 %", measured=f"{100 * fires:.1f} %", published="11 %",
                holds=abs(fires - 0.11) <= 0.02, rows=(18,), **_KNOWN)  # fmt: skip
    total = sum(labels["label_counts"].values())
    study.claim("Over 800 pieces were labelled", "the sum of the legend, 857", measured=total, published=857,
                holds=total == 857, rows=(18,), **_KNOWN)  # fmt: skip
    tails = exponential_tails(np.append(bins, bins[-1] + 25), whole.sum(0))
    study.claim(
        "Both tails of the published distribution are exponential",
        "R2 of a line through its logarithm above 0.98, and above that of a parabola, which a normal tail would be",
        measured=f"{tails.below.r2:.3f} below, {tails.above.r2:.3f} above; parabolas {tails.below.normal:.3f} and "
        f"{tails.above.normal:.3f}",
        holds=all(one.r2 > max(0.98, one.normal) for one in tails),
        rows=(18,), **_KNOWN,
    )  # fmt: skip


_PLOTS = {
    "conditional_probability": "How often each label is given at an activation: almost always a curve at the highest.",
    "probability": "The same times how often the activation occurs: high ones are rare, and most photographs do not "
    "drive the unit at all.",
    "expected_value": "The same times the activation, where it is above zero: what the unit's output comes from.",
}


def _stacked(
    bins: Float[np.ndarray, " bins"], heights: Float[np.ndarray, "labels bins"], names: list[str], y: str
) -> Image.Image:
    def draw(axes: Any) -> None:
        axes.stackplot(bins, heights, labels=names, colors=CYCLE)
        axes.legend(frameon=False, fontsize=9)

    return drawn(draw, "activation before the ReLU", y)
