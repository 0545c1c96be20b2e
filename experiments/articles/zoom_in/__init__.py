"""Zoom In: features, the circuits that connect them, and whether other networks have the same.

- Command: python -m experiments zoom_in --model bvlc_googlenet
- Time: 8 minutes on two CPU cores with --model bvlc_googlenet
- Expect: the article's three claims. Features: a curve detector and a high-low frequency detector by seven arguments,
  from feature visualisation to a circuit written by hand; a unit for dogs whichever way they face; units whose
  photographs fall into several groups. Circuits: curves from curves, a dog from mirrored halves, a car from its parts,
  and the car again in superposition. Universality: the same families in every network at hand, and units of two
  networks that go together
- Source: *Zoom In: An Introduction to Circuits* (Distill, 2020), all figures
- Resume: Ctrl-C keeps what is done, the same command goes on from there

Which photographs show dogs and cars is taken from the WordNet ids of their classes.
"""

from experiments.articles.zoom_in import circuits as zoom_in_circuits
from experiments.articles.zoom_in import dogs as zoom_in_dogs
from experiments.articles.zoom_in import features as zoom_in_features
from experiments.articles.zoom_in import polysemantic as zoom_in_polysemantic
from experiments.articles.zoom_in import published as zoom_in_published
from experiments.articles.zoom_in import universality as zoom_in_universality
from experiments.articles.zoom_in.dogs import Head
from experiments.articles.zoom_in.late import late_responses
from experiments.study import ArticleOptions, Study, run_article

Config = ArticleOptions


def run(config: Config) -> int:
    """Draw the article; returns the exit code.

    Raises:
        UsageError: the request cannot be met.
    """
    lede = (
        "Three claims. Features are the units of networks, and can be understood. Features are connected by weights, "
        "and form circuits that can be understood too. The same features and circuits are found in network after "
        "network."
    )
    return run_article("zoom_in", config, "Zoom in", lede, draw)


def draw(study: Study) -> None:
    """All figures and claims of the article."""
    late = late_responses(study)
    zoom_in_features.show_features(study)
    head = zoom_in_dogs.show_dogs(study, late)
    zoom_in_polysemantic.show_facets(study, late)
    _draw_icons(study, head, zoom_in_circuits.car_unit(study, late)[1])
    zoom_in_circuits.show_curves(study)
    zoom_in_dogs.show_dog_circuit(study, late, head)
    zoom_in_circuits.show_car(study, late)
    zoom_in_published.show_published(study)
    zoom_in_universality.show_networks(study)


def _draw_icons(study: Study, head: Head | None, car: int | None) -> None:
    """Icons of mixed4b for both circuits, in one program: compiling takes longer than drawing."""
    if head is not None and car is not None:
        study.icons("mixed4b", [head.unit, *zoom_in_circuits.parts_of(study, car)])
