"""Photographs that drive a unit, turned around."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Float

import inception_jax
from circuits.tuning import aligned, joint_tuning, receptive_field, rotated
from experiments.study import Study
from experiments.study.windows import canvas, windows_at

_EXAMPLES, _STEP, _SHOWN = 6, 15.0, 7


@partial(jax.tree_util.register_dataclass, data_fields=["model"], meta_fields=["layer", "margin"])
@dataclass(frozen=True, eq=False)
class Within:
    """A layer of a network that looks at the middle of larger images, so that turned corners stay outside.

    Attributes:
        model: the network.
        layer: its name.
        margin: pixels that are left out on each side.
    """

    model: inception_jax.Model
    layer: str
    margin: int

    def __call__(self, images: Float[Array, "n h w 3"]) -> Mapping[str, Array]:
        """The layer's activations."""
        end = images.shape[1] - self.margin
        return self.model(images[:, self.margin : end, self.margin : end], taps=self.layer)


def turned(
    study: Study, layer: str, unit: int, name: str
) -> tuple[Float[np.ndarray, "n side side 3"], Float[np.ndarray, " angles"]] | None:
    """The strongest photograph of a unit at several angles, and how several of them drive it once they are turned.

    Args:
        study: of the article.
        layer: of the unit.
        unit: its number.
        name: under which the work is kept.

    Returns:
        Pictures at even steps from the unit's best angle on, and the mean response by angle from its peak on; None
        without photographs, or where none drives the unit.
    """
    if layer not in study.examples:
        return None
    size = study.model.architecture.image_size
    field, side = receptive_field(study.model, layer, size).size[0], canvas(study.model, [layer])
    # Half the diagonal of what the unit sees must fit, whichever way it is turned.
    margin = max(0, int(np.ceil(field / np.sqrt(2))) + 2 - side // 2)
    angles = np.arange(0.0, 360.0, _STEP)

    def make() -> dict[str, np.ndarray]:
        seen = study.examples[layer]
        ends = seen.top_images[unit], seen.top_positions[unit]
        windows = windows_at(study, layer, *ends, study.few(_EXAMPLES), margin=margin)
        if not len(windows):
            return {"curve": np.zeros(len(angles)), "windows": windows}
        found = joint_tuning(Within(study.model, layer, margin), layer, windows, angles)
        own = found.values[..., unit]
        curve = aligned(found, unit).values[:, unit] if own.max() > 0 else np.zeros(len(angles))
        return {"curve": curve, "windows": windows, "best": angles[own[0].argmax()]}

    kept = study.page.kept(f"turned-{name}", make)
    if not kept["curve"].any():
        return None
    turns = float(kept["best"]) + np.arange(_SHOWN) * 360 / _SHOWN
    images = np.asarray(rotated(np.repeat(kept["windows"][:1], _SHOWN, 0), turns))
    end = images.shape[1] - margin
    return images[:, margin:end, margin:end], kept["curve"]
