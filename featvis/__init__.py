"""Feature visualisation: images that drive chosen units, many at once, in one compiled program."""

from featvis import color, objectives, param, recipes, transforms
from featvis.algebra import Objective
from featvis.render import render
from featvis.result import Result

__all__ = ["Objective", "Result", "color", "objectives", "param", "recipes", "render", "transforms"]
