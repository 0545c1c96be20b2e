"""Options of jobs that draw units, and what they come to."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

import featvis
import inception_jax
from experiments.options import Options, usage_errors
from experiments.store.drawing import Drawing
from featvis import objectives as obj
from featvis.shortform import Unit

VALUES = {"channel": "mean over all positions", "neuron": "value at the centre"}
"""What each objective is the value of, in words."""


@dataclass(frozen=True)
class UnitOptions(Options):
    """How the images of units are optimised."""

    objective: Literal["channel", "neuron"] = "channel"
    """Raise the unit's mean over all positions, or its value at the centre."""
    size: int | None = None
    """Side of the images in pixels; by default 1.5 times that of the images of the training, at most 128."""
    steps: int = 256
    """Steps of optimisation; more than these sharpen a little."""
    restarts: int = 1
    """Attempts per unit, of which the best is kept."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the network."""
    batch: int | None = None
    """Units optimised at once; by default what suits the device."""


def side(config: UnitOptions, model: inception_jax.Model) -> int:
    """Side of the images in pixels."""
    return min(128, 3 * model.architecture.image_size // 2) if config.size is None else config.size


def drawing(config: UnitOptions, model: inception_jax.Model, images: int = 1, diversity: float = 0.0) -> Drawing:
    """How units become images by these options.

    Args:
        config: the options.
        model: the network.
        images: of each unit.
        diversity: how much it counts that several images of a unit differ.

    Raises:
        UsageError: no such images.
    """
    with usage_errors():
        param = featvis.param.image(side(config, model))
        several = param if images == 1 else featvis.param.stack(param, images)

    def objective(unit: Unit) -> featvis.Objective:
        kind = {"channel": obj.channel, "neuron": obj.neuron}[config.objective](unit.layer, unit.number)
        alone = -kind if unit.negative else kind
        if images == 1 or not diversity:
            return alone
        return dataclasses.replace(alone - diversity * obj.diversity(unit.layer), label=alone.label)

    return Drawing(model, objective, several, config.steps, config.seed, config.restarts, config.dtype)
