"""Sprites: all units of a layer in one picture."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from featvis import objectives as obj
from featvis import param as parameterizations
from featvis.algebra import Objective
from featvis.network import Network, unit_counts
from featvis.param import Parameterization
from featvis.pixels import whole
from featvis.render import render
from featvis.request import images_shape
from featvis.result import Result
from featvis.sheet import sprite_sheet
from inception_jax.model import check_layer


@dataclass(frozen=True, repr=False, eq=False)
class Sprites:
    """Small images of units, edge to edge: see `sprites`.

    Attributes:
        picture: all of them.
        places: where each is, in JSON's types; see `featvis.sheet.sprite_sheet`.
        result: of `featvis.render`.
    """

    picture: Image.Image
    places: dict[str, Any]
    result: Result

    def __repr__(self) -> str:
        return f"<{len(self.result)} sprites of {self.places['tile']} pixels>"


def sprites(
    model: Network,
    layer: str,
    units: Iterable[int] | None = None,
    *,
    tile: int = 110,
    columns: int | None = None,
    param: Parameterization | None = None,
    **options: Any,
) -> Sprites:
    """Draw the units of a layer, as a page wants them: one picture, and the place of each unit in it.

    Args:
        model: any callable from images to named activations.
        layer: of any kind.
        units: their numbers, by default all. A whole layer takes its time: `on_batch` stores units as they are done.
        tile: side of a sprite in pixels.
        columns: sprites in a row, by default the root of their number, rounded down.
        param: of one square image, by default `featvis.param.image(128)`. Transparent ones show only what the unit
            needs.
        options: more arguments of `featvis.render`.

    Raises:
        ValueError: what `featvis.render` refuses, an unknown layer, a size that is no whole number of pixels, or images
            that are not square.

    Source: Olah et al. 2018, *The Building Blocks of Interpretability*, and its sprite maps; for transparent ones,
    `recipes/feature_visualization.py` of Lucid.

    >>> import featvis
    >>> def model(images):  # Any such function will do.
    ...     return {"rgb": images}
    >>> sheet = sprites(model, "rgb", tile=32, columns=2, steps=1, param=featvis.param.image(8), transforms=())
    >>> sheet.picture.size, sheet.places["sprites"][2]
    ((64, 64), {'label': 'rgb:2', 'x': 0, 'y': 32})
    """
    param = parameterizations.image() if param is None else param
    if len(param.shape) != 3 or param.shape[0] != param.shape[1]:
        raise ValueError(f"param makes images of shape {param.shape}; expected square ones, (side, side, channels)")
    whole("tile", tile)
    if columns is not None:
        whole("columns", columns)
    counts = unit_counts(model, images_shape(param))
    check_layer(layer, counts)
    chosen = range(counts[layer]) if units is None else units
    objectives = [sprite_objective(layer, unit, getattr(param, "alpha", False)) for unit in chosen]
    result = render(model, objectives, param=param, **options)
    picture, places = sprite_sheet(result.images, tile, columns, result.labels)
    return Sprites(picture, places, result)


def sprite_objective(layer: str, unit: int, alpha: bool = False) -> Objective:
    """What a sprite is drawn for: the channel; if it is transparent, with as little of the image as will do.

    Source: Lucid, `recipes/feature_visualization.py`.

    >>> sprite_objective("mixed4a", 476, alpha=True).label
    'mixed4a:476'
    """
    channel = obj.channel(layer, unit)
    if not alpha:
        return channel
    return replace(channel * (1 - obj.mean_alpha()) - 0.1 * obj.blur_alpha_each_step(), label=channel.label)
