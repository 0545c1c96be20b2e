"""Joint tuning: photographs that drive a curve detector, turned around, and what all of them do then."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Float

import inception_jax
from circuits.families import apart
from circuits.tuning import Tuning, aligned, circular_mean, joint_tuning, receptive_field, rotated
from experiments.articles.curve_detectors.heat import panels
from experiments.articles.curve_detectors.radial import Curves, Tunings
from experiments.circuits import pictures
from experiments.study import Study
from experiments.study.plots import courses
from experiments.study.windows import canvas, windows_at

_LAYER = "mixed3b"
_TEXT = "Photographs turned around drive curve detectors at the angles that synthetic curves say"
_EXPECTED = "a median difference of at most 10 degrees between pairs of units, and of 30 for nine of ten"


@partial(jax.tree_util.register_dataclass, data_fields=["model"], meta_fields=["margin"])
@dataclass(frozen=True, eq=False)
class Within:
    """A network that takes larger images and looks at their middle, so that turned corners stay outside.

    Attributes:
        model: the network.
        margin: pixels that it leaves out on each side.
    """

    model: inception_jax.Model
    margin: int

    def __call__(self, images: Float[Array, "n h w 3"]) -> Mapping[str, Array]:
        """The layer of curve detectors."""
        end = images.shape[1] - self.margin
        return self.model(images[:, self.margin : end, self.margin : end], taps=_LAYER)


def show_joint(study: Study, tunings: Tunings) -> None:
    """Joint tuning of curve detectors, beside the orientations by synthetic curves."""
    if study.dataset is None or _LAYER not in tunings or len(tunings[_LAYER].family.angles) < 2:
        why = "no photographs" if study.dataset is None else "fewer than two curve detectors were found in mixed3b"
        study.claim(_TEXT, _EXPECTED, why=why, rows=(19,))
        return
    curves = tunings[_LAYER]
    units = curves.family.by_orientation(10)
    chosen = units[:: 3 if study.config.quick else 1]
    examples, step = (3, 10.0) if study.config.quick else (6, 5.0)
    angles = np.arange(0.0, 360.0, step)
    field = receptive_field(study.model, _LAYER, study.model.architecture.image_size).size[0]
    side = canvas(study.model, [_LAYER])
    # Half the diagonal of what the unit sees must fit, whichever way it is turned.
    margin = max(0, int(np.ceil(field / np.sqrt(2))) + 2 - side // 2)
    network = Within(study.model, margin)

    def make() -> dict[str, np.ndarray]:
        made = {}
        for unit in chosen:
            found = study.examples[_LAYER]
            tops = found.top_images[unit], found.top_positions[unit]
            windows = windows_at(study, _LAYER, *tops, examples, margin=margin)
            if len(windows):
                turned = joint_tuning(network, _LAYER, windows, angles)
                made |= {f"{unit}/values": turned.values[..., units], f"{unit}/windows": _bytes(windows)}
        return made

    kept = study.page.kept("joint", make)
    means = {}
    for unit in chosen:
        values = kept.get(f"{unit}/values")
        if values is not None and values[..., units.index(unit)].max() > 0:
            axes = {"example": np.arange(len(values), dtype=float), "angle": angles}
            means[unit] = aligned(Tuning(_LAYER, axes, values), units.index(unit)).values
    if not means:
        study.claim(_TEXT, _EXPECTED, why="no photograph drives a curve detector", rows=(19,))
        return
    study.page.section(
        "Photographs, turned around",
        "Photographs that drive one curve detector, turned by all angles. As it falls silent, the next one wakes. "
        "Synthetic stimuli are not needed for this, and say the same.",
    )
    first = next(iter(means))
    _show_turned(study, first, kept[f"{first}/windows"][0], margin)
    _show_courses(study, curves, units, means, angles)
    _claim(study, curves, units, means, angles)


def _bytes(images: Float[np.ndarray, "n h w 3"]) -> np.ndarray:
    return np.round(255 * images).astype(np.uint8)


def _show_turned(study: Study, unit: int, photograph: np.ndarray, margin: int) -> None:
    turns = np.arange(0.0, 360.0, 45.0)
    images = np.asarray(rotated(np.repeat(photograph[None] / np.float32(255), len(turns), 0), turns))
    end = images.shape[1] - margin
    shown = [pictures.icon(one[margin:end, margin:end]) for one in images]
    study.page.figure(
        "turned",
        pictures.columns([shown], [f"{angle:.0f}°" for angle in turns]),
        f"A photograph that drives mixed3b:{unit}, turned clockwise.",
        alt="One photograph at eight angles",
    )


def _show_courses(
    study: Study, curves: Curves, units: list[int], means: dict[int, np.ndarray], angles: np.ndarray
) -> None:
    def shown(unit: int) -> np.ndarray:
        """Units by their orientation, from the reference's on; from half a turn before to half a turn after."""
        order = np.argsort([(curves.family.angles[u] - curves.family.angles[unit] + 180) % 360 for u in units])
        values = np.roll(means[unit], len(angles) // 2, 0)[:, order]
        return (values / np.maximum(values.max(0), 1e-9)).T

    study.page.figure(
        "joint",
        panels([shown(unit) for unit in means], [f"mixed3b:{unit}" for unit in means], 1.0),
        "Joint tuning: for the photographs of each unit, turned from -180 to 180 degrees about the angle at which "
        "the unit itself responds most, how strongly all others respond, each divided by its largest. Units are lines, "
        "in the order of their orientation. The diagonals say that turning a photograph is as good as turning a curve.",
        alt=f"{len(means)} panels, each with a bright diagonal",
    )
    first = next(iter(means))
    along = np.arange(len(angles)) * 360 / len(angles) - 180
    some = units[:: -(-len(units) // 6)]
    study.page.figure(
        "joint-courses",
        courses(
            {f"mixed3b:{u}": (along, np.roll(means[first][:, units.index(u)], len(angles) // 2)) for u in some},
            f"degrees from the peak of mixed3b:{first}", "activation",
        ),
        f"The first of them, for {len(some)} units.",
        alt="Lines with one peak each, one after the other",
    )  # fmt: skip


def _claim(study: Study, curves: Curves, units: list[int], means: dict[int, np.ndarray], angles: np.ndarray) -> None:
    synthetic = circular_mean(curves.radial[:, curves.of(units)], curves.orientations)
    off = []
    for unit, values in means.items():
        place = units.index(unit)
        found = circular_mean(values, angles)
        relative = (found - found[place]) % 360
        expected = (synthetic - synthetic[place]) % 360
        off += [float(one) for i, one in enumerate(apart(relative, expected)) if i != place and np.isfinite(one)]
    if not off:
        study.claim(_TEXT, _EXPECTED, why="no photograph drives two curve detectors", rows=(19,))
        return
    study.claim(
        _TEXT, _EXPECTED,
        measured=f"median {np.median(off):.1f} degrees over {len(off)} pairs, {np.quantile(off, 0.9):.1f} for nine of "
        "ten",
        holds=bool(np.median(off) <= 10 and np.quantile(off, 0.9) <= 30), rows=(19,),
    )  # fmt: skip
