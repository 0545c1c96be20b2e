"""What units respond to: tuning over grids of stimuli, numbers for it, turned photographs, receptive fields."""

from circuits.tuning.curves import circular_mean, echo, invariance, peak, spread, width
from circuits.tuning.fields import ReceptiveField, effective_field, effective_radius, receptive_field
from circuits.tuning.grid import Tuning, responses
from circuits.tuning.rotation import aligned, joint_tuning, rotated

__all__ = [
    "ReceptiveField",
    "Tuning",
    "aligned",
    "circular_mean",
    "echo",
    "effective_field",
    "effective_radius",
    "invariance",
    "joint_tuning",
    "peak",
    "receptive_field",
    "responses",
    "rotated",
    "spread",
    "width",
]
