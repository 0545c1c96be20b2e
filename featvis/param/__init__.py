"""Image parameterisations: what is optimised, and how it becomes an image.

A parameterisation is a hashable value with two pure functions: `init(key)` draws the parameters of one result, and
calling it turns parameters into an image `[height, width, channels]` in [0, 1], or into several images of one result.
Batches come from `vmap`. Most are an `Image`: a field of unbounded numbers (`featvis.param.fields`) with colours
(`featvis.color`) and a way into [0, 1]. Those with `invert` can begin with a photograph.
"""

from featvis.param import spectrum
from featvis.param.balls import Perturbed, perturbed, unit_ball_l2, unit_ball_linf
from featvis.param.base import Parameterization
from featvis.param.fields import spectrum_scale
from featvis.param.images import Image, grey, image, maco
from featvis.param.masked import Masked, masked
from featvis.param.patterns import Cppn, cppn
from featvis.param.pyramids import laplacian, lowres
from featvis.param.sampling import bilinear_sample, sample
from featvis.param.several import ALIGNED, Interpolation, aligned, interpolation_basis, shared
from featvis.param.stacks import Mixed, Stack, mixed, stack

__all__ = [
    "ALIGNED",
    "Cppn",
    "Image",
    "Interpolation",
    "Masked",
    "Mixed",
    "Parameterization",
    "Perturbed",
    "Stack",
    "aligned",
    "bilinear_sample",
    "cppn",
    "grey",
    "image",
    "interpolation_basis",
    "laplacian",
    "lowres",
    "maco",
    "masked",
    "mixed",
    "perturbed",
    "sample",
    "shared",
    "spectrum",
    "spectrum_scale",
    "stack",
    "unit_ball_l2",
    "unit_ball_linf",
]
