"""Objectives: what an image is optimised for. All are maximised.

An `Objective` is a static function of (named activations, data) with its data: which unit, which direction, how
strongly. Objectives of one kind share one compiled program, whatever their data. They add, subtract, multiply and
divide, with numbers and with each other. Activations are those of the images of one result,
`[images, height, width, units]` or `[images, units]`; `"input"` is the image itself, before transforms.

Objectives named after a distance or a size (`l2`, `total_variation`, `content`, `diversity`) have that for their value
and are usually subtracted; signs are those of the functions they are named after elsewhere.
"""

from featvis.algebra import sum_of
from featvis.objectives.compare import caricature, content, input_difference, inversion, style
from featvis.objectives.directions import cosine, direction, direction_neuron, tensor_direction
from featvis.objectives.facets import facet
from featvis.objectives.images import (
    blur_alpha_each_step,
    blur_input_each_step,
    mean_alpha,
    penalize_boundary_complexity,
)
from featvis.objectives.norms import deepdream, l1, l2, l_inf, layer_mean, mean_square, total_variation
from featvis.objectives.own import function
from featvis.objectives.schedules import decay, only_after, schedule
from featvis.objectives.several import alignment, diversity, interpolate, ramp
from featvis.objectives.units import channel, class_logit, neuron
from featvis.objectives.views import masked, on, window

__all__ = [
    "alignment",
    "blur_alpha_each_step",
    "blur_input_each_step",
    "caricature",
    "channel",
    "class_logit",
    "content",
    "cosine",
    "decay",
    "deepdream",
    "direction",
    "direction_neuron",
    "diversity",
    "facet",
    "function",
    "input_difference",
    "interpolate",
    "inversion",
    "l1",
    "l2",
    "l_inf",
    "layer_mean",
    "masked",
    "mean_alpha",
    "mean_square",
    "neuron",
    "on",
    "only_after",
    "penalize_boundary_complexity",
    "ramp",
    "schedule",
    "style",
    "sum_of",
    "tensor_direction",
    "total_variation",
    "window",
]
