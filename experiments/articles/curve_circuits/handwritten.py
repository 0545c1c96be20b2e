"""The network written by hand: its weights, what it answers to, and how like the published one it is."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from PIL import Image

import circuits
import inception_jax
from circuits.families import Family, apart
from circuits.handwritten_rules import CURVES, LINES, curve_angles
from circuits.stimuli import ThreadCurve, thread_radii
from circuits.tuning import Tuning, echo, peak, responses
from experiments.articles.curve_circuits.beside import claim_heat_maps, show_beside
from experiments.articles.curve_circuits.edits import Edits
from experiments.circuits import pictures
from experiments.families import pictures as plots
from experiments.study import Study
from experiments.study.measures import correlation

_LAYER = "mixed3b"
_PIXELS = 97
"""Side of the images of stimuli: one more than a number that all strides divide, so that quarter turns are exact."""
_STEP = 5.0
_NEAR = 22.5
"""Degrees: one and a half steps between the hand-written curves."""


def show_handwritten(study: Study, curves: Family, edits: Edits | None) -> None:
    """The hand-written network, beside the published one and the network's own curve detectors."""
    study.page.section(
        "An artificial artificial network",
        "Is the story right? Here is a network whose weights follow from it, without any training: Gabor patches of 18 "
        "orientations in four phases, joined to edges and strung to lines; lines and early curves that lie along an "
        "arc excite its 24 curves, and those that lie across or bulge the other way inhibit them.",
    )
    network = circuits.handwritten_network()
    tiles = np.asarray(circuits.weights(network, "mixed3a", _LAYER))
    tuning = _tuning(study, network)
    _draw_weights(study, network, tiles)
    _draw_tuning(study, tuning)
    _claim_rules(study, tiles, tuning)
    _claim_published(study, tiles)
    claim_heat_maps(study, tuning)
    show_beside(study, curves, edits, tuning)


def quarter_turns(tiles: Float[np.ndarray, "curves curves row column"]) -> float:
    """How far weights between curves are from their own quarter turns, as a share of the largest.

    Args:
        tiles: of curves from curves, both evenly around the circle, clockwise from the right.

    >>> quarter_turns(np.ones((4, 4, 3, 3)))
    0.0
    """
    count = len(tiles)
    order = (np.arange(count) - count // 4) % count
    off = np.rot90(tiles, axes=(2, 3)) - tiles[np.ix_(order, order)]
    return float(np.abs(off).max() / np.abs(tiles).max())


def fitted(model: inception_jax.Model) -> inception_jax.Model:
    """The hand-written network with maps of the size of a network's, so that its curves can take the place of others.

    >>> model = inception_jax.load("mini")
    >>> donor = fitted(model)
    >>> image = np.zeros((1, 64, 64, 3), np.float32)
    >>> [network(image, taps="mixed3b")["mixed3b"].shape[1] for network in (model, donor)]
    [16, 16]
    """
    made = circuits.handwritten_network(model.architecture.padding)
    return inception_jax.Model(
        replace(made.architecture, strides=model.architecture.strides), made.weights, made.provenance
    )


def _tuning(study: Study, network: inception_jax.Model) -> Tuning:
    axes = {"orientation": np.arange(0.0, 360.0, _STEP), "radius": thread_radii()[2::5]}

    def make() -> dict[str, np.ndarray]:
        return {"values": responses(network, _LAYER, ThreadCurve(), axes, size=_PIXELS).values[..., :CURVES]}

    return Tuning(_LAYER, axes, study.page.kept("handwritten", make)["values"])


def _draw_weights(study: Study, network: inception_jax.Model, tiles: np.ndarray) -> None:
    kernel = np.asarray(network.weights["conv2d0"]["kernel"]).mean(2).transpose(2, 0, 1)
    lines = np.asarray(network.weights["conv2d2"]["kernel"]).transpose(3, 2, 0, 1)
    shown = [kernel[8], lines[2, 2], tiles[2, 2], tiles[2, 14], tiles[2, CURVES + 3], tiles[CURVES + 3, CURVES + 3]]
    names = ["a Gabor patch", "edge to line", "curve to curve", "opposite curve", "line to curve", "line to line"]
    study.page.figure(
        "handwritten-parts",
        pictures.columns([[pictures.tile(circuits.weights_to_rgb(one), 104) for one in shown]], names),
        "What the rules make: weights of the first layer, of conv2d2, and of mixed3b, from a curve of the same "
        "orientation, from the opposite one, and from a line along it. Each by its own largest.",
        alt="Six tiles: a Gabor patch, a line, a red arc, a blue arc, a red tangent and a red line",
    )
    numbers = study.numbers_of("aann_weights_3a_to_3b.npz")
    chosen = range(0, CURVES, 3)
    panels, labels = [_multiples(tiles[np.ix_(chosen, chosen)])], ["written here"]
    if numbers is not None:
        panels.append(_multiples(numbers["weights"].transpose(1, 0, 2, 3)[np.ix_(chosen, chosen)]))
        labels.append("published")
    study.page.figure(
        "handwritten-matrix",
        pictures.across(panels, labels),
        f"Weights from curves of mixed3a (columns) to curves of {_LAYER} (rows), every third of {CURVES}, 45 degrees "
        "apart: copies of each other, turned. The article's own rules are not published; these were written to agree "
        "with its weights.",
        alt="Two matrices of tiles that look alike, red along the diagonal and blue half a turn away from it",
    )


def _multiples(tiles: np.ndarray) -> Image.Image:
    image = circuits.small_multiples(tiles, pixels=7, gap=4)
    return Image.fromarray((image * 255).round().astype(np.uint8))


def _draw_tuning(study: Study, tuning: Tuning) -> None:
    radial, angles = tuning.curve("orientation"), curve_angles()
    shown = range(0, CURVES, 2)
    study.page.figure(
        "handwritten-radial",
        pictures.columns(
            [[plots.polar(radial[:, i], float(angles[i]), 360.0, 72) for i in shown]],
            [f"{angles[i]:.0f}°" for i in shown],
        ),
        f"Radial tuning of every second hand-written curve: one lobe each, in its own direction. The largest echo is "
        f"{np.nanmax(echo(radial, tuning.axes['orientation'])):.3f} of the peak.",
        alt="Twelve polar curves with one lobe each, turned by 30 degrees from one to the next",
    )


def _claim_rules(study: Study, tiles: np.ndarray, tuning: Tuning) -> None:
    off = quarter_turns(tiles[:CURVES, :CURVES])
    study.claim(
        "Quarter turns of the hand-written weights are weights of other units", "within 0.02 of the largest",
        measured=round(off, 4), published=0.016, holds=off <= 0.02, basis="weights", rows=(15,),
    )  # fmt: skip
    radial = tuning.curve("orientation")
    best = peak(radial, tuning.axes["orientation"])
    away = apart(best, curve_angles())
    study.claim(
        "Its curves respond most to curves every 15 degrees", f"each within {_STEP:g} degrees, the step of the stimuli",
        measured=f"{int((away <= _STEP).sum())} of {CURVES}, at most {np.nanmax(away):.1f} degrees off",
        published="24, 15 degrees apart", holds=bool((away <= _STEP).all()), basis="weights", rows=(15,),
    )  # fmt: skip
    echoes = echo(radial, tuning.axes["orientation"])
    study.claim(
        "They have at most a slight echo", "below 0.15, which the article's edits call plain, for each",
        measured=f"at most {np.nanmax(echoes):.3f}", published="a slight echo",
        holds=bool((echoes < 0.15).all()), basis="weights", rows=(15,),
    )  # fmt: skip


def _claim_published(study: Study, tiles: np.ndarray) -> None:
    known = {"basis": "published numbers", "rows": (15,)}
    text, expected = "Correlation with the published weights from mixed3a to mixed3b", "at least 0.9"
    own = "Published: quarter turns of the hand-written weights are weights of other units"
    numbers = study.numbers_of("aann_weights_3a_to_3b.npz")
    if numbers is None:
        study.claim(text, expected, why="the published weights are not at hand", **known)
        study.claim(own, "within 0.02 of the largest", why="the published weights are not at hand", **known)
    else:
        theirs = numbers["weights"].transpose(1, 0, 2, 3)
        score = correlation(tiles, theirs)
        blocks = {"curves": slice(0, CURVES), "lines": slice(CURVES, CURVES + LINES)}
        parts = ", ".join(
            f"{name} to curves {correlation(tiles[:CURVES, part], theirs[:CURVES, part]):.2f}"
            for name, part in blocks.items()
        )
        study.claim(text, expected, measured=f"{score:.2f} ({parts})", holds=score >= 0.9, **known)
        off = quarter_turns(theirs[:CURVES, :CURVES])
        study.claim(
            own, "within 0.02 of the largest", measured=round(off, 4), published=0.016, holds=off <= 0.02, **known
        )
