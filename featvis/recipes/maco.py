"""MaCo: images with the spectrum of natural ones, whose crops drive a unit."""

from functools import cache
from typing import Any

import optax

import inception_jax
from featvis import param as parameterizations
from featvis import transforms
from featvis.network import Network
from featvis.param import Parameterization
from featvis.render import render
from featvis.request import Objectives, images_shape, whole_numbers
from featvis.result import Result
from featvis.transforms import Transform


def maco(
    model: Network,
    objectives: Objectives,
    *,
    updates: int = 256,
    crops: int = 32,
    view: int | None = None,
    param: Parameterization | None = None,
    optimizer: optax.GradientTransformation | None = None,
    **options: Any,
) -> Result:
    """Draw large images of natural spectrum, of which any part should drive the objective, ever smaller ones.

    Args:
        model: any callable from images to named activations.
        objectives: objectives or short forms.
        updates: steps of the optimiser.
        crops: views of the image whose gradients are averaged for each update. They are computed one after another:
            `updates * crops` steps of `featvis.render`, by which `result.history` and `snapshots` count.
        view: side of a view in pixels; by default that of the images that one of this project's models was trained on,
            and the height of the image for others.
        param: by default `featvis.param.maco(512)`; with `featvis.param.spectrum.estimate` of the network's own
            photographs it comes closer to these.
        optimizer: by default Nadam with a learning rate of 1, since phases are angles. Keep one object for repeated
            calls: each new one is compiled anew.
        options: more arguments of `featvis.render`.

    Raises:
        ValueError: what `featvis.render` refuses, or a number below 1.

    Source: Fel et al. 2023, *Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
    Optimization*, with the numbers of Xplique. Boxes lie inside the image, where theirs go on in black, and go down to
    a tenth to a twentieth of it, where theirs are cut off at a twentieth. Their transparency, the sum of all gradients'
    sizes, is not computed; `featvis.param.image(alpha=True)` optimises opacity.

    >>> import featvis
    >>> def model(images):  # Any such function will do.
    ...     return {"rgb": images}
    >>> maco(model, "rgb:0-1", updates=1, crops=2, view=8, param=featvis.param.maco(16)).images.shape
    (2, 16, 16, 3)
    """
    whole_numbers(updates=updates, crops=crops)
    param = parameterizations.maco(512) if param is None else param
    if view is None:
        known = isinstance(model, inception_jax.Model)
        view = model.architecture.image_size if known else images_shape(param)[1]
    steps = updates * crops
    settings = {"transforms": views(steps, view), "optimizer": _averaging(optimizer or _nadam(), crops), **options}
    return render(model, objectives, steps=steps, param=param, **settings)


def views(steps: int, view: int) -> tuple[Transform, ...]:
    """MaCo's transforms: square boxes, half as wide as the image at first and down to a twentieth after `steps`, and
    noise.

    >>> views(256, 224)[0].target
    (224, 224)
    """
    sizes = transforms.changing(transforms.normal(0.5, 0.05), transforms.normal(0.075, 0.0125), steps)
    sd = 0.04
    return (
        transforms.box_crop(sizes, transforms.normal(0.5, 0.15), height=view),
        transforms.noise(sd),
        # Between -sd / 2 and sd / 2.
        transforms.noise(sd / 12**0.5, "uniform"),
    )


# One object of each, since programs are told apart by their optimiser's identity.


@cache
def _nadam() -> optax.GradientTransformation:
    return optax.nadam(1.0)


@cache
def _averaging(optimizer: optax.GradientTransformation, count: int) -> optax.GradientTransformation:
    return optax.MultiSteps(optimizer, count).gradient_transformation()
