"""Feature visualisation: images that drive chosen units, many at once, in one compiled program."""

from featvis import color, objectives, param, recipes, transforms
from featvis.algebra import Objective
from featvis.convolution import conv_general_dilated
from featvis.render import render
from featvis.result import Result

__all__ = [
    "Objective",
    "Result",
    "color",
    "conv_general_dilated",
    "objectives",
    "param",
    "recipes",
    "render",
    "transforms",
]
