"""Interventions: changes of activations and weights, as values that a model is edited with."""

from circuits.interventions.edges import Cut, Rewiring, cut, rewire
from circuits.interventions.edited import Edited, edited
from circuits.interventions.grafts import Graft, graft, matching_gain
from circuits.interventions.kernels import edit_kernel, scale_outgoing
from circuits.interventions.references import mean_ablate, mean_activation, resample_ablate
from circuits.interventions.values import Intervention, Patch, Scale, ablate, patch, scale

__all__ = [
    "Cut",
    "Edited",
    "Graft",
    "Intervention",
    "Patch",
    "Rewiring",
    "Scale",
    "ablate",
    "cut",
    "edit_kernel",
    "edited",
    "graft",
    "matching_gain",
    "mean_ablate",
    "mean_activation",
    "patch",
    "resample_ablate",
    "rewire",
    "scale",
    "scale_outgoing",
]
