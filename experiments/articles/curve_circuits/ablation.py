"""What curve detectors are worth: accuracy without them, without as many others, and with hand-written ones."""

from typing import Any

import numpy as np

from circuits.families import Family
from experiments.articles.curve_circuits.surgery import (
    LAYER,
    LOGITS,
    RANDOM,
    WHOLE,
    WITHOUT,
    WRITTEN,
    Answers,
    asked,
    class_outputs,
    numbers_of,
)
from experiments.study import Study
from experiments.study.plots import RED, SOFT, drawn, spread


def show_ablation(study: Study, curves: Family) -> None:
    """Accuracy whole, without curve detectors, without as many others, and with hand-written ones."""
    study.page.section(
        "Surgery",
        "If the hand-written curves do what curve detectors do, they can take their place. Without its curve detectors "
        "the network should be wrong more often, more often than without as many other units; with the hand-written "
        "ones it should win some of it back, more than if these are put in each other's places.",
    )
    missing, outputs = _missing(study, curves)
    if missing or outputs is None:
        study.page.section("", f"This cannot be asked here: {missing}.")
        for text, expected in _texts(study.few(RANDOM)):
            study.claim(text, expected, why=missing, rows=(16,))
        return
    answers = asked(study, curves, outputs)
    _draw(study, curves, answers)
    _claim(study, answers)


def _missing(study: Study, curves: Family) -> tuple[str, np.ndarray | None]:
    """What keeps the question from being asked, or the outputs of the photographs' classes."""
    if study.dataset is None:
        return "no photographs", None
    if not curves.angles:
        return f"no curve detectors were found in {LAYER}", None
    if LOGITS not in study.model.layers:
        return f"{study.model.name} has no {LOGITS}", None
    outputs = class_outputs(study.model, study.dataset[0].classes)
    if not len(numbers_of(study, outputs)):
        return f"{study.model.name} has none of the photographs' classes", None
    return "", outputs


def _draw(study: Study, curves: Family, answers: Answers) -> None:
    count, photographs = len(curves.angles), answers.ranks.shape[1]
    random = answers.named("random")
    marks = {name: 100 * answers.top5(name) for name in (WHOLE, WITHOUT, WRITTEN)}
    study.page.numbers({f"top-5 {name}": f"{value:.1f} %" for name, value in marks.items()})
    study.page.figure(
        "ablation",
        spread(np.array([100 * answers.top5(name) for name in random]), marks, "top-5 accuracy, %"),
        f"Top-5 accuracy on {photographs} photographs, one of each class: of the whole network; with the {count} curve "
        f"detectors of {LAYER} set to zero; with hand-written curves in their place; and in grey with each of "
        f"{len(random)} random families of as many other units set to zero. One photograph is "
        f"{100 / photographs:.1f} points.",
        alt=f"A histogram of {len(random)} accuracies; whole {marks[WHOLE]:.1f}, without {marks[WITHOUT]:.1f}, with "
        f"hand-written curves {marks[WRITTEN]:.1f} per cent",
    )
    before = answers.loss(WHOLE)
    shares = {name: float(answers.active[list(units)].sum() / max(float(answers.active.sum()), 1e-30))
              for name, units in zip(answers.names, answers.families, strict=True)}  # fmt: skip

    def draw(axes: Any) -> None:
        axes.scatter([100 * shares[n] for n in random], [answers.loss(n) - before for n in random], color=SOFT, s=24,
                     label="random families")  # fmt: skip
        axes.scatter([100 * shares[WITHOUT]], [answers.loss(WITHOUT) - before], color=RED, marker="s", s=40,
                     label="curve detectors")  # fmt: skip
        axes.axhline(0, color=SOFT, linewidth=0.6)
        axes.legend(frameon=False, fontsize=9)

    study.page.figure(
        "ablation-loss",
        drawn(draw, f"share of the activation of {LAYER} that is cut out, %", "rise of the cross-entropy"),
        "What is lost with each family beside how active it is over the photographs: the rise of the cross-entropy, "
        "which counts how sure the network is, by the share of the layer's activation that is set to zero.",
        alt="Grey points of random families, and a red square of the curve detectors",
    )
    rows = [
        [name, len(units), 100 * shares[name], 100 * answers.top5(name), answers.loss(name)]
        for name, units in zip(answers.names, answers.families, strict=True)
    ]
    header = ["network", "units", "activation, %", "top-5, %", "cross-entropy"]
    study.page.table("ablation", header, rows, f"{photographs} photographs. Misplaced: hand-written curves in each "
                     "other's places.")  # fmt: skip


def _texts(random: int) -> tuple[tuple[str, str], ...]:
    return (
        ("Without its curve detectors the network is right less often",
         "top-5 accuracy below that of the whole network"),
        ("Cutting out curve detectors costs more accuracy than cutting out other units",
         f"top-5 accuracy below that with each of {random} random families of as many units"),
        ("It raises the cross-entropy more than cutting out other units",
         f"above that with each of {random} random families"),
        ("Hand-written curves in their place win part of it back",
         "top-5 accuracy above that without any, and at most that of the whole network"),
        ("They win it back in the cross-entropy too", "between that without any and that of the whole network"),
        ("It matters where each hand-written curve is put",
         "cross-entropy below that with hand-written curves in each other's places"),
    )  # fmt: skip


def _claim(study: Study, answers: Answers) -> None:
    random, misplaced = answers.named("random"), answers.named("misplaced")
    for (text, expected), (told, published, holds) in zip(
        _texts(len(random)), compared(answers, random, misplaced), strict=True
    ):
        study.claim(text, expected, measured=told, published=published, holds=holds, rows=(16,))


def compared(answers: Answers, random: list[str], misplaced: list[str]) -> tuple[tuple[str, str | None, bool], ...]:
    """What was measured for each statement, what was published, and whether it holds."""
    top = {name: 100 * answers.top5(name) for name in answers.names}
    loss = {name: answers.loss(name) for name in answers.names}
    worse = sum(top[name] <= top[WITHOUT] for name in random)
    more = sum(loss[name] >= loss[WITHOUT] for name in random)
    others = float(np.mean([loss[name] for name in misplaced]))
    return (
        (f"{top[WHOLE]:.1f} whole, {top[WITHOUT]:.1f} % without", "88.6 whole, 86.3 % without",
         top[WITHOUT] < top[WHOLE]),
        (f"{top[WITHOUT]:.1f} % beside {min(top[n] for n in random):.1f} to {max(top[n] for n in random):.1f} %; "
         f"{worse} of {len(random)} cost as much", None, worse == 0),
        (f"{loss[WITHOUT]:.3f} beside {min(loss[n] for n in random):.3f} to {max(loss[n] for n in random):.3f}; {more} "
         f"of {len(random)} cost as much", None, more == 0),
        (f"{top[WITHOUT]:.1f} without, {top[WRITTEN]:.1f} with, {top[WHOLE]:.1f} % whole",
         "86.3 without, 87.6 with, 88.6 % whole", top[WITHOUT] < top[WRITTEN] <= top[WHOLE]),
        (f"{loss[WITHOUT]:.3f} without, {loss[WRITTEN]:.3f} with, {loss[WHOLE]:.3f} whole", None,
         loss[WHOLE] <= loss[WRITTEN] < loss[WITHOUT]),
        (f"{loss[WRITTEN]:.3f} beside {others:.3f}, the mean of {len(misplaced)}", None, loss[WRITTEN] < others),
    )  # fmt: skip
