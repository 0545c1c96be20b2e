"""Worked circuits of early vision that are about places: small circles, triangles, boundaries, oriented fur."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from circuits.families import Probe, measure
from circuits.stimuli import Angle, Circle
from experiments.articles.early_vision import fur as early_vision_fur
from experiments.articles.early_vision.circuits import PERMUTATIONS
from experiments.study import Study
from experiments.study.measures import correlation
from experiments.study.study import BATCH
from experiments.study.unit_pictures import inputs_of, lean, show_inputs


@dataclass(frozen=True)
class Worked:
    """A circuit of the article: a unit, and the inputs that it draws.

    Attributes:
        name: of the circuit.
        lower: layer of the inputs.
        upper: layer of the unit.
        unit: its number in inception5h.
        inputs: theirs, as published.
        figure: what the published tiles call the figure.
    """

    name: str
    lower: str
    upper: str
    unit: int
    inputs: tuple[int, ...]
    figure: str


CIRCLE = Worked(
    "small circle", "conv2d2", "mixed3a", 175, (182, 32, 117, 171, 130, 146, 180), "Early Vision small circle"
)
TRIANGLE = Worked("triangle", "conv2d2", "mixed3a", 188, (9, 116, 39, 144, 113, 100, 114), "Early Vision triangle")
BOUNDARY = Worked(
    "boundary", "mixed3a", "mixed3b", 345, (110, 112, 117, 70, 86, 101, 165, 211, 203, 133), "Early Vision boundary"
)

_STRAIGHT = ("lines", "gabors", "curves")


def show_shapes(study: Study) -> None:
    """The four circuits."""
    for worked in (CIRCLE, TRIANGLE, BOUNDARY):
        _claim_published(study, worked)
    shapes = _responses(study)
    _show_circle(study, shapes)
    _show_triangle(study, shapes)
    _show_boundary(study)
    early_vision_fur.show_fur(study)


def _claim_published(study: Study, worked: Worked) -> None:
    """Whether the weights are those of the published tiles."""
    text = f"Weights of the {worked.name} circuit are as in the published tiles"
    expected = "correlation at least 0.98 with each: tiles were read from pictures"
    tiles = study.numbers_of("weight_tiles.json")
    if not study.labelled or tiles is None:
        why = "the published tiles are not at hand" if study.labelled else "needs the weights of inception5h"
        study.claim(text, expected, why=why)
        return
    _, own = inputs_of(study, worked.lower, worked.upper, worked.unit, 0, worked.inputs)
    theirs = {tile["from_unit"]: np.array(tile["values"]) for tile in tiles["tiles"] if tile["figure"] == worked.figure}
    found = [correlation(one, theirs[n]) for n, one in zip(worked.inputs, own, strict=True) if n in theirs]
    study.claim(
        text, expected, measured=f"least {min(found, default=0.0):.3f} of {len(found)}", published="1",
        holds=min(found, default=0.0) >= 0.98,
    )  # fmt: skip


def _responses(study: Study) -> dict[str, Float[np.ndarray, " units"]]:
    """The largest response of units of mixed3a to small circles, and to sharp angles, beside that to all else."""
    if "mixed3a" not in study.model.layers:
        return {}
    both = np.array([1.0, -1.0])
    probes = {
        "circle": Probe(Circle(), {"radius": np.array([3.0, 5.0, 8.0, 12.0]), "polarity": both}),
        "angle": Probe(
            Angle(opening=60.0), {"orientation": np.arange(0.0, 360.0, study.config.step), "polarity": both}
        ),
    }

    def make() -> dict[str, np.ndarray]:
        seen = measure(study.model, ["mixed3a"], probes, size=study.config.side, batch=BATCH)["mixed3a"]
        return {name: seen.best(name) for name in probes}

    kept, others = study.page.kept("shapes", make), study.found.measured["mixed3a"]
    known = others.overall
    # Units that hardly respond to anything could have any ratio.
    awake = known >= np.median(known)
    return {name: np.where(awake, kept[name] / np.maximum(known, 1e-12), 0) for name in probes}


def _show_circle(study: Study, shapes: dict[str, np.ndarray]) -> None:
    text = "Small circles are made of tiny curves, each where the circle bulges as it does"
    expected = "p below 0.05 beside permutations of the curves' orientations"
    curves = study.family("conv2d2", "curves").angles
    if not shapes or len(curves) < 4:
        study.claim(text, expected, why=f"{len(curves)} curves with orientations in conv2d2, at least 4 are needed")
        return
    unit = CIRCLE.unit if study.labelled else int(shapes["circle"].argmax())
    numbers, tiles = inputs_of(study, "conv2d2", "mixed3a", unit, 7, CIRCLE.inputs if study.labelled else None)
    study.page.section(
        "A small circle",
        "A unit for small circles is excited by a tiny curve wherever the circle bulges in the direction of that curve."
        + ("" if study.labelled else " This one answers to drawn circles more than to any other drawn stimulus."),
    )
    show_inputs(
        study, "circle", "conv2d2", "mixed3a", unit, numbers, tiles, "Its strongest inputs.",
        [f"bulges to {curves[n]:.0f}°" if n in curves else "no curve" for n in numbers],
    )  # fmt: skip
    listed, all_tiles = inputs_of(study, "conv2d2", "mixed3a", unit, 0, list(curves))
    score, p = around(all_tiles, np.array([curves[n] for n in listed]), study.config.seed)
    study.claim(
        text,
        expected,
        measured=f"mixed3a:{unit}: {score:.2f} of 1 over {len(curves)} curves, p {p:.2g}",
        holds=p < 0.05,
    )


def around(
    tiles: Float[np.ndarray, "n row column"], angles: Float[np.ndarray, " n"], seed: int = 0
) -> tuple[float, float]:
    """Whether curves excite where they bulge to, from the middle of a unit: 1 all of them, -1 where they bulge from.

    Args:
        tiles: weights of each curve.
        angles: where each bulges to, in degrees clockwise from the right.
        seed: of the permutations.

    Returns:
        The mean over curves, weighted by how far their weights lean, and how often curves that have changed
        orientations have as much.

    >>> right, below = np.zeros((3, 3)), np.zeros((3, 3))
    >>> right[1, 2], below[2, 1] = 1.0, 1.0
    >>> around(np.stack([right, below]), np.array([0.0, 90.0]))[0]
    1.0
    """
    leans = np.array([lean(tile)[::-1] for tile in tiles])
    total = float(np.hypot(*leans.T).sum()) or 1.0
    rng = np.random.default_rng(seed)

    def score(turned: np.ndarray) -> float:
        ways = np.stack([np.cos(np.deg2rad(turned)), np.sin(np.deg2rad(turned))], 1)
        return float(round((leans * ways).sum() / total, 12))

    own = score(angles)
    null = [score(rng.permutation(angles)) for _ in range(PERMUTATIONS)]
    return own, (1 + sum(one >= own for one in null)) / (1 + PERMUTATIONS)


def _kinds(study: Study, layer: str) -> dict[int, str]:
    """The family of each unit of a layer that has one, by what it responds to."""
    return {unit: name for where, unit, name, _, _ in study.found.rows() if where == layer}


def _show_triangle(study: Study, shapes: dict[str, np.ndarray]) -> None:
    text = "Sharp angles are made of lines, Gabors and curves"
    expected = "a larger share of the six strongest inputs than of the layer"
    if not shapes:
        study.claim(text, expected, why="the network has no mixed3a")
        return
    unit = TRIANGLE.unit if study.labelled else int(shapes["angle"].argmax())
    numbers, tiles = inputs_of(study, "conv2d2", "mixed3a", unit, 7, TRIANGLE.inputs if study.labelled else None)
    kinds = _kinds(study, "conv2d2")
    study.page.section(
        "A triangle",
        "A unit for corners and triangles is excited by lines of several orientations, each at its side."
        + ("" if study.labelled else " This one answers to sharp angles more than to any other drawn stimulus."),
    )
    notes = [kinds.get(n, "no family") for n in numbers]
    show_inputs(study, "triangle", "conv2d2", "mixed3a", unit, numbers, tiles, "Its strongest inputs.", notes)
    share = sum(kinds.get(n) in _STRAIGHT for n in numbers[:6]) / len(numbers[:6])
    usual = sum(kind in _STRAIGHT for kind in kinds.values()) / study.model.layers["conv2d2"]
    study.claim(
        text, expected, measured=f"mixed3a:{unit}: {share:.0%}, of the layer {usual:.0%}",
        published="lines, Gabors and a curve, by their families", holds=share > usual,
    )  # fmt: skip


def _show_boundary(study: Study) -> None:
    text = "Boundary detectors are made of several kinds of units"
    expected = "at least two families among the ten strongest inputs"
    family = study.family("mixed3b", "boundaries")
    if not family.units:
        study.claim(text, expected, published="4 kinds", why="no boundary detectors were found in mixed3b")
        return
    unit = BOUNDARY.unit if study.labelled else family.units[0]
    numbers, tiles = inputs_of(study, "mixed3a", "mixed3b", unit, 10, BOUNDARY.inputs if study.labelled else None)
    kinds = _kinds(study, "mixed3a")
    study.page.section(
        "A boundary",
        "Objects end where brightness, colour or texture change: boundary detectors take whatever cue there is.",
    )
    notes = [kinds.get(n, "no family") for n in numbers]
    show_inputs(study, "boundary", "mixed3a", "mixed3b", unit, numbers, tiles, "Its strongest inputs.", notes)
    counts = Counter(kinds[n] for n in numbers if n in kinds)
    study.claim(
        text,
        expected,
        measured=f"mixed3b:{unit}: {len(counts)} ({', '.join(f'{count} {kind}' for kind, count in counts.items())})",
        published="4 kinds: high-low frequency, edges, colour contrast, line ends",
        holds=len(counts) >= 2,
    )
