"""Transformations that an image must survive while it is optimised.

A transform is a hashable function of a key and one image, `(key, image) -> image`, whose output has a static shape.
Those of this package are values: equal ones are compiled once. Wherever something is random they take `Values`: a
number is fixed, of a list one is drawn, `uniform(low, high)` and `normal(mean, sd)` are distributions, and
`changing(first, last, steps)` goes from one to another in the course of the optimisation.

The geometric ones describe a view of the plane on which the image lies; neighbours in a list are composed into one
affine view, which is sampled once. What a transform draws is what its method `draw(key, shape)` returns, and
`act(image, draws)` does the rest.

Shapes are static: where Lucid's `random_scale` changes the size of the image from step to step, ours keeps the canvas
and scales its content about the centre, so nothing recompiles.
"""

from featvis.transforms.affine import random_affine, random_homography
from featvis.transforms.alpha import blend_alpha, collapse_alpha_random, ignore_alpha
from featvis.transforms.base import Drawn, Geometric, Transform, apply, compose, output_shape
from featvis.transforms.crop import box_crop, center_crop, crop_or_pad_to, random_crop, resize_to
from featvis.transforms.draws import Draw, Values, changing, normal, uniform
from featvis.transforms.filters import colour_jitter, gaussian_blur, noise, normalize_gradient
from featvis.transforms.frame import jitter, pad, translate
from featvis.transforms.lists import ATLAS, ATLAS_ALPHA, BOXES, LUCID, LUCID_ALPHA, ROBUST, xplique
from featvis.transforms.turn import flip, random_rotate, random_scale

__all__ = [
    "ATLAS",
    "ATLAS_ALPHA",
    "BOXES",
    "LUCID",
    "LUCID_ALPHA",
    "ROBUST",
    "Draw",
    "Drawn",
    "Geometric",
    "Transform",
    "Values",
    "apply",
    "blend_alpha",
    "box_crop",
    "center_crop",
    "changing",
    "collapse_alpha_random",
    "colour_jitter",
    "compose",
    "crop_or_pad_to",
    "flip",
    "gaussian_blur",
    "ignore_alpha",
    "jitter",
    "noise",
    "normal",
    "normalize_gradient",
    "output_shape",
    "pad",
    "random_affine",
    "random_crop",
    "random_homography",
    "random_rotate",
    "random_scale",
    "resize_to",
    "translate",
    "uniform",
    "xplique",
]
