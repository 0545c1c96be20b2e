"""Features: a curve detector and a high-low frequency detector, by seven arguments, a row of pictures each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

import circuits
from circuits.families import READINGS, RULES, Family, apart, search
from circuits.handwritten import curves_by_angle, handwritten_network
from circuits.stimuli import Curve, HighLow, Stimulus
from experiments.articles.zoom_in.turned import turned
from experiments.circuits import pictures
from experiments.circuits.icons import cropped, drawn
from experiments.families import pictures as plots
from experiments.study import Study
from experiments.study.measures import correlation
from experiments.study.unit_pictures import crops, inputs_of
from featvis import objectives as obj

_SIDE, _ACROSS = 84, 8
_APART = 30.0
"""Degrees: about half the width of a tuning curve."""


@dataclass(frozen=True)
class Detector:
    """A family, the layers around it, and the unit of inception5h.

    Attributes:
        name: of the family.
        layers: where to look for it, the best first, each with the layers before and after.
        unit: of the first of these, as published.
        drawn: the stimulus that shows its tuning.
    """

    name: str
    layers: Sequence[tuple[str, str, str]]
    unit: int
    drawn: Stimulus


DETECTORS = (
    Detector(
        "curves", (("mixed3b", "mixed3a", "mixed4a"), ("mixed3a", "conv2d2", "mixed3b")), 379, Curve(radius=48.0)
    ),
    Detector(
        "high-low frequency", (("mixed3a", "conv2d2", "mixed3b"), ("mixed3b", "mixed3a", "mixed4a")), 110,
        HighLow(ratio=4.0, wavelength=6.0),
    ),
)  # fmt: skip


def show_features(study: Study) -> None:
    """Both detectors."""
    for detector in DETECTORS:
        found = chosen(study, detector)
        if found is None:
            study.claim(f"The network has {plural(detector.name)}", "at least one", measured=0, holds=False, rows=(29,))
            continue
        _show(study, detector, *found)


def chosen(study: Study, detector: Detector) -> tuple[Family, int, str, str] | None:
    """The family and the unit that is shown, and the layers before and after; None where there is no such unit."""
    for layer, lower, upper in detector.layers:
        if len(study.layers(layer, lower, upper)) < 3:
            continue
        family = study.family(layer, detector.name)
        if study.labelled and detector.unit in family.angles:
            return family, detector.unit, lower, upper
        if family.angles:
            return family, next(iter(family.angles)), lower, upper
    return None


def plural(family: str) -> str:
    """What units of a family are called.

    >>> plural("curves"), plural("high-low frequency")
    ('curve detectors', 'high-low frequency detectors')
    """
    return f"{family.removesuffix('s')} detectors"


def _show(study: Study, detector: Detector, family: Family, unit: int, lower: str, upper: str) -> None:
    layer, angle = family.layer, family.angles[unit]
    label, name = f"{layer}:{unit}", detector.name.split()[0]
    study.page.section(
        f"Features: {plural(detector.name)}",
        f"{label} responds to {RULES[detector.name].about}. A row for each argument that it does; bars under pictures "
        "say how strongly the unit responds to them, of the largest in the row.",
    )
    starts = drawn(
        study.page, f"starts-{name}", study.model, [obj.neuron(layer, unit)] * study.few(_ACROSS), study.drawing
    )
    images = cropped(study.model, layer, starts)
    study.page.know({label: images[0]})
    rows = [("1 feature\nvisualisation,\nfrom several starts", [pictures.icon(one, _SIDE) for one in images])]
    seen = crops(study, layer, unit, _ACROSS)
    if seen:
        rows.append(("2 photographs that\ndrive it most", [_sized(one) for one in seen]))
    tuning = study.found.verdicts[layer][detector.name].tuning[:, unit]
    rows.append(("3 drawn stimuli,\nand its tuning", [*_drawn(study, detector, tuning, angle), _polar(tuning, angle)]))
    joint = turned(study, layer, unit, name)
    if joint is not None:
        rows.append(("4 a photograph,\nturned around", [*_turned(*joint), _polar(joint[1], np.nan)]))
    rows += _neighbours(study, layer, unit, lower, upper, name)
    if detector.name == "curves":
        rows.append(_by_hand(study, tuning, angle))
    study.page.figure(
        f"arguments-{name}",
        plots.lines(rows, _SIDE),
        f"{len([text for text, _ in rows if text[0].isdigit()])} arguments about {label}: "
        f"{'; '.join(' '.join(text.split()) for text, _ in rows)}.",
        alt=f"Rows of pictures of {label}, all of which show the same {detector.name}",
    )
    _claim_read(study, detector, label, angle, images, seen)
    if joint is not None:
        _claim_joint(study, label, joint[1])


def _claim_read(
    study: Study, detector: Detector, label: str, angle: float, images: np.ndarray, seen: Sequence[Image.Image]
) -> None:
    read = READINGS.get(detector.name)
    if read is None:
        return
    arrays = {
        "visualisation": images[..., :3],
        "photographs": np.stack([np.asarray(one, np.float32) / 255 for one in seen]) if seen else None,
    }
    for number, (what, crop) in enumerate(arrays.items(), 1):
        text = f"Argument {number}: the orientation of {label} read from its {what} is that of its tuning"
        if crop is None:
            study.claim(text, f"within {_APART:g} degrees", why="no photographs")
            continue
        found = read(crop)
        off = apart(found, angle) if np.isfinite(found) else float("nan")
        study.claim(
            text,
            f"within {_APART:g} degrees, half the width of a tuning curve",
            measured=f"{found:.0f} and {angle:.0f} degrees",
            holds=bool(off <= _APART),
        )


def _claim_joint(study: Study, label: str, curve: Float[np.ndarray, " angles"]) -> None:
    share = beyond(curve)
    study.claim(
        f"Argument 4: {label} falls silent once its photographs are turned by more than a quarter",
        "less than half of the peak",
        measured=f"{share:.0%} of the peak",
        holds=share < 0.5,
    )


def beyond(curve: Float[np.ndarray, " angles"]) -> float:
    """The mean response further than a quarter turn from the peak, which comes first, over that at the peak.

    >>> beyond(np.array([4.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]))
    0.25
    """
    angles = np.arange(len(curve)) * 360 / len(curve)
    return float(curve[(angles > 90) & (angles < 270)].mean() / curve[0]) if curve[0] > 0 else float("nan")


def _drawn(study: Study, detector: Detector, tuning: np.ndarray, angle: float) -> list[Image.Image]:
    turns = (angle + np.arange(_ACROSS - 1) * 360 / (_ACROSS - 1)) % 360
    places = np.round(turns * len(tuning) / 360).astype(int) % len(tuning)
    images = [
        np.asarray(type(detector.drawn)(**{**vars(detector.drawn), "orientation": float(one)}).image(study.config.side))
        for one in turns
    ]
    return [marked(pictures.icon(i, _SIDE), s) for i, s in zip(images, _shares(tuning[places], tuning), strict=True)]


def _turned(images: np.ndarray, curve: np.ndarray) -> list[Image.Image]:
    places = np.round(np.arange(len(images)) * len(curve) / len(images)).astype(int)
    shares = _shares(curve[places], curve)
    return [marked(pictures.icon(one, _SIDE), share) for one, share in zip(images, shares, strict=True)]


def _shares(values: np.ndarray, all_of_them: np.ndarray) -> list[float]:
    return (values / max(float(all_of_them.max()), 1e-12)).tolist()


def marked(image: Image.Image, share: float) -> Image.Image:
    """A picture with a bar at its lower edge, as long as a share of its width.

    >>> marked(Image.new("RGB", (40, 40)), 0.5).getpixel((10, 38))
    (207, 64, 50)
    """
    copy = image.copy()
    draw = ImageDraw.Draw(copy)
    draw.rectangle((0, copy.height - 7, copy.width, copy.height), fill="white")
    draw.rectangle((0, copy.height - 5, max(0.0, min(share, 1.0)) * copy.width, copy.height), fill=(207, 64, 50))
    return copy


def _neighbours(
    study: Study, layer: str, unit: int, lower: str, upper: str, name: str
) -> list[tuple[str, list[Image.Image]]]:
    numbers, tiles = inputs_of(study, lower, layer, unit, _ACROSS)

    def make() -> dict[str, np.ndarray]:
        return {"weights": study.weights(layer, upper, inputs=[unit])}

    outward = study.page.kept(f"outward-{name}", make)["weights"]
    later = circuits.out_neighbours(outward, 0, _ACROSS).units.tolist()
    below, above = study.icons(lower, numbers), study.icons(upper, later)
    return [
        ("5 strongest inputs", [pictures.icon(below[n], _SIDE) for n in numbers]),
        (f"and their weights\n({lower})", _tiles(tiles)),
        ("6 what it is used\nfor", [pictures.icon(above[n], _SIDE) for n in later]),
        (f"and the weights\nthere ({upper})", _tiles(outward[later, 0])),
    ]


def _tiles(tiles: np.ndarray) -> list[Image.Image]:
    return [pictures.tile(one, _SIDE) for one in circuits.weights_to_rgb(tiles, float(np.abs(tiles).max()) or 1.0)]


def _by_hand(study: Study, tuning: np.ndarray, angle: float) -> tuple[str, list[Image.Image]]:
    """The hand-written unit for the same orientation: its strongest weights, its tuning, and a claim about it."""
    model = handwritten_network()

    def make() -> dict[str, np.ndarray]:
        found = search(model, ["mixed3b"], size=study.config.side)
        return {"tuning": found.verdicts["mixed3b"]["curves"].tuning}

    unit = curves_by_angle({0: angle})[0]
    own = study.page.kept("by-hand", make)["tuning"][:, unit]
    # Both at the angles of the unit's tuning, whatever step the search has.
    places = np.round(np.arange(len(tuning)) * len(own) / len(tuning)).astype(int) % len(own)
    score = correlation(own[places], tuning)
    study.claim(
        "Argument 7: a curve detector written by hand has the tuning of the one that was trained",
        "correlation above 0.8 over the circle",
        measured=f"{score:.2f}",
        holds=score > 0.8,
    )
    weights = circuits.expanded_weights(model, "mixed3a", "mixed3b", units=[unit])
    numbers = circuits.in_neighbours(weights, 0, _ACROSS - 1).units
    return "7 weights written by\nhand, and the tuning\nthat they give", [
        *_tiles(weights[0, numbers]),
        _polar(own, angle),
    ]


def _polar(tuning: np.ndarray, angle: float) -> Image.Image:
    return plots.polar(tuning, angle, 360.0, _SIDE)


def _sized(image: Image.Image) -> Image.Image:
    return image.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
