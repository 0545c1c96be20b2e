"""A curve circuit written by hand: a network whose weights follow from rules, from Gabors to curves in five layers."""

from collections.abc import Mapping
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from circuits.handwritten_rules import (
    CURVES,
    LINES,
    PHASES,
    curve_angles,
    curve_to_curve,
    gabors,
    line_to_curve,
    line_to_line,
)
from inception_jax.architecture import Architecture, Plain
from inception_jax.model import Model

UNITS = CURVES + LINES
"""Of mixed3a and mixed3b: the curves, then the lines."""

_WAVELENGTH, _ENVELOPE = 3.5, 2.5
"""Of the Gabor patches, in pixels: those with which the published one agrees."""


def handwritten_network(padding: Literal["same", "caffe"] = "same") -> Model:
    """The artificial curve circuit as a network: no training, only rules about lines and arcs.

    `conv2d0` has Gabor patches of 18 orientations in four phases, `conv2d1` joins the phases of each orientation,
    `conv2d2` strings them to lines, `mixed3a` joins lines to longer lines and early curves, `mixed3b` lines and early
    curves to curves. Units of the last two are 24 curves, which bulge to 0, 15, ... 345 degrees clockwise from the
    right, and 18 lines, whose normals point to 0, 10, ... 170 degrees. The logits are the means of the last layer.

    There are no biases: activations grow with the contrast of the image, and the answer to an even grey is zero.

    It is a model as all others, to be drawn, measured, read (`circuits.weights(model, "mixed3a", "mixed3b")` is
    `[42, 42, 5, 5]`), and to be put into a trained network in place of its curves: see `graft` and `curves_by_angle`.

    Args:
        padding: of the network that its units are to be put into, so that the maps coincide: the architecture's.

    Raises:
        ValueError: no such rule.

    Source: *Curve Circuits* (Distill, 2021). The article's own rules are not published; these were written to agree
    with its weights from mixed3a to mixed3b, with which they correlate by 0.96.

    >>> model = handwritten_network()
    >>> model.layers["mixed3b"], model.weights["mixed3b"]["kernel"].shape
    (42, (5, 5, 42, 42))
    """
    architecture = Architecture(
        name="handwritten",
        stem=(LINES * PHASES, LINES, LINES),
        blocks=(("mixed3a", Plain(UNITS, kernel=3)), ("mixed3b", Plain(UNITS, kernel=5))),
        lrn=None,
        padding=padding,
        input_mean=(0.5, 0.5, 0.5),
        input_scale=1.0,
        classes=UNITS,
        final_pool=None,
    )
    layers = {
        "conv2d0": np.repeat(gabors(_WAVELENGTH, _ENVELOPE).reshape(-1, 1, 7, 7), 3, 1),
        "conv2d1": np.repeat(np.eye(LINES), PHASES, 1)[..., None, None],
        "conv2d2": line_to_line(3),
        "mixed3a": np.concatenate([line_to_curve(3), line_to_line(3)]),
        "mixed3b": _both(curve_to_curve(5), line_to_curve(5), line_to_line(5)),
    }
    weights = {layer: _layer(tiles) for layer, tiles in layers.items()}
    weights["softmax2"] = {"kernel": jnp.eye(UNITS), "bias": jnp.zeros(UNITS)}
    return Model(architecture, weights, {"source": "rules in code"})


def curves_by_angle(angles: Mapping[int, float]) -> dict[int, int]:
    """For each unit the hand-written curve that bulges in its direction, as `graft` takes them.

    Args:
        angles: directions in which units bulge, by their numbers: degrees, clockwise from the right. Those of the
            article are 379: 243, 406: 268.5, 385: 290, 343: 358, 342: 22.5, 388: 66.5, 324: 91.5, 340: 110, 330: 145,
            349: 181, of mixed3b in `inception5h`.

    Raises:
        ValueError: angles that are not finite.

    >>> curves_by_angle({379: 243.0, 343: 358.0})
    {379: 16, 343: 0}
    """
    if wrong := [unit for unit, angle in angles.items() if not np.isfinite(angle)]:
        raise ValueError(f"the angle of unit {wrong[0]} is {angles[wrong[0]]}; expected degrees")
    step = float(curve_angles()[1])
    return {unit: round(angle / step) % CURVES for unit, angle in angles.items()}


def _both(curves: np.ndarray, lines_to_curves: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Weights of curves and lines from curves and lines; lines do not ask curves."""
    nothing = np.zeros((LINES, CURVES, *curves.shape[2:]))
    return np.concatenate([np.concatenate([curves, lines_to_curves], 1), np.concatenate([nothing, lines], 1)])


def _layer(tiles: Float[np.ndarray, "out in row column"]) -> dict[str, Array]:
    # One number for all units of a layer, so that weights keep their proportions.
    kernel = (tiles / np.maximum(tiles, 0).sum((1, 2, 3)).mean()).transpose(2, 3, 1, 0)
    return {"kernel": jnp.asarray(kernel, jnp.float32), "bias": jnp.zeros(kernel.shape[-1], jnp.float32)}
