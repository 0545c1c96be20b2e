"""Curve Circuits: how curve detectors are built from lines and early curves, and built again by hand.

- Command: python -m experiments curve_circuits --model bvlc_googlenet
- Time: 17 minutes on two busy CPU cores after the articles before it, most of them for accuracy without units
- Expect: a curve detector taken apart into lines and small curves along its arc; which families its weights come from;
  weights from early curves and from lines, which excite along the curve and inhibit across; radial tuning of circuits
  without negative weights, which have echoes; the lines that curve detectors want at each position; textures in nine
  groups; a network written by hand whose weights correlate by 0.97 with the published ones; and the accuracy of the
  network whole, without its curve detectors, without as many other units, and with hand-written curves (published for
  inception5h: top-5 88.6, 86.3 and 87.6 % of 2,000 photographs, whole, without, and with hand-written curves)
- Source: *Curve Circuits* (Distill, 2021)
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

from circuits.families import Family
from experiments.articles.curve_circuits.ablation import show_ablation
from experiments.articles.curve_circuits.decomposed import UPPER, show_decomposed
from experiments.articles.curve_circuits.dictionary import show_dictionary
from experiments.articles.curve_circuits.edits import measured, show_edits
from experiments.articles.curve_circuits.handwritten import show_handwritten
from experiments.articles.curve_circuits.lines import show_lines
from experiments.articles.curve_circuits.textures import show_textures
from experiments.articles.curve_circuits.weights import show_weights
from experiments.study import ArticleOptions, Study, run_article

Config = ArticleOptions


def run(config: Config) -> int:
    """Draw the article; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "Curve detectors are made of tens of thousands of weights, which follow a few rules. Read off the weights, the "
        "rules are enough to write curve detectors by hand."
    )
    return run_article("curve_circuits", config, "Curve circuits", lede, draw)


def draw(study: Study) -> None:
    """All figures and claims of the article."""
    curves = study.family(UPPER, "curves") if UPPER in study.model.layers else Family("curves", UPPER, ())
    edits = measured(study, curves)
    show_decomposed(study, curves)
    show_dictionary(study, curves)
    show_weights(study, curves)
    show_edits(study, curves, edits)
    show_lines(study, curves)
    show_textures(study, curves)
    show_handwritten(study, curves, edits)
    show_ablation(study, curves)
