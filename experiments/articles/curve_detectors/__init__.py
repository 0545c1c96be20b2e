"""Curve Detectors: units that respond to curves of one orientation, whatever else there is, asked in seven ways.

- Command: python -m experiments curve_detectors --model bvlc_googlenet
- Time: 4 minutes on two busy CPU cores after the articles before it, whose icons and examples it shares
- Expect: the curve detectors of a layer by orientation, with feature visualisations and diverse ones; radial tuning
  curves over four layers, of which the later have no echo; heat maps over orientation and radius with a peak at one
  orientation and radii about 60 pixels; responses that grow as an angle becomes a curve, and that hardly care for
  colour and filling; photographs from the strongest inhibition to the strongest excitation, histograms with
  exponential tails, and, of inhibition and excitation, what in the layer below they come from; photographs turned
  around, which drive other curve detectors at the angles that synthetic curves say; curves traced in photographs
- Source: *Curve Detectors* (Distill, 2020); radial tuning curves and heat maps from the data of *Curve Circuits*
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

import numpy as np

import featvis
from circuits.families import Family
from experiments.articles.curve_detectors import published
from experiments.articles.curve_detectors.attribution import show_attribution
from experiments.articles.curve_detectors.dataset import show_dataset
from experiments.articles.curve_detectors.extraction import show_extraction
from experiments.articles.curve_detectors.heat import show_heat
from experiments.articles.curve_detectors.joint import show_joint
from experiments.articles.curve_detectors.radial import Tunings, measured, show_radial
from experiments.articles.curve_detectors.shapes import show_shapes
from experiments.circuits import pictures
from experiments.circuits.icons import canvas
from experiments.figures import finished
from experiments.recipes.drawing import row
from experiments.study import ArticleOptions, Study, run_article
from featvis import objectives as obj

_DIVERSE = 4
"""Images of a unit that differ."""


Config = ArticleOptions


def run(config: Config) -> int:
    """Draw the article; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "Every vision model that was looked at has units that respond to curves, each to one orientation. Feature "
        "visualisation, photographs, synthetic stimuli and attribution agree on what they do."
    )
    return run_article("curve_detectors", config, "Curve detectors", lede, draw)


def draw(study: Study) -> None:
    """All figures and claims of the article."""
    tunings = measured(study)
    show_family(study, tunings)
    show_radial(study, tunings)
    published.show_radial(study)
    show_heat(study, tunings)
    published.show_heat(study)
    show_shapes(study, tunings)
    show_dataset(study, tunings)
    published.show_labels(study)
    show_joint(study, tunings)
    show_attribution(study, tunings)
    show_extraction(study, tunings)


def show_family(study: Study, tunings: Tunings) -> None:
    """The curve detectors of mixed3b by orientation, and images of some that differ."""
    study.page.section(
        "The family",
        "A unit by itself says little. That there are several, which differ in nothing but orientation, says that it "
        "is curves they are about.",
    )
    if "mixed3b" not in tunings:
        study.page.section("", f"No curve detectors were found in mixed3b of {study.model.name}.")
        return
    family = tunings["mixed3b"].family
    units = family.by_orientation(study.few(10))
    icons = study.icons("mixed3b", units)
    study.page.figure(
        "family",
        pictures.columns([[pictures.icon(icons[u]) for u in units]], [f"{family.angles[u]:.0f}°" for u in units]),
        f"{len(units)} of {len(family.angles)} curve detectors, each drawn by what it responds to most, by the "
        f"direction in which their curves bulge: {', '.join(f'mixed3b:{u}' for u in units)}.",
        alt=f"{len(units)} icons of curves, turned further and further clockwise",
    )
    _show_diverse(study, family)


def _show_diverse(study: Study, family: Family) -> None:
    for unit in list(family.angles)[: study.few(2)]:

        def make(unit: int = unit) -> dict[str, np.ndarray]:
            options = {
                "param": featvis.param.image(canvas(study.drawing, study.model)),
                "steps": study.drawing.steps,
                "seed": study.config.seed,
            }
            objective = obj.channel("mixed3b", unit)
            alone = featvis.render(study.model, objective, **options)
            weight = 0.3 * float(np.abs(alone.scores).max())
            return finished(featvis.recipes.diversity(study.model, objective, _DIVERSE, weight=weight, **options))

        study.page.figure(
            f"diverse-{unit}",
            row(study.page.kept(f"diverse-{unit}", make)["images"][0]),
            f"{_DIVERSE} images that drive mixed3b:{unit} and differ as much as they can: all have the curve.",
            alt=f"{_DIVERSE} images full of curves of one orientation, each with other textures around them",
        )
