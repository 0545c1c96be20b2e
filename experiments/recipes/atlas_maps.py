"""What is shown of an activation atlas: the networks on it, their maps, and what a file says of the cells."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

import inception_jax
from experiments.figures import Figures
from featvis.recipes.atlas import ActivationAtlas, Samples


@dataclass(frozen=True)
class Side:
    """One of the networks on the map, and the words that tell it from the other."""

    name: str
    words: str
    model: inception_jax.Model
    layer: str


class Map(NamedTuple):
    """What was drawn of one network: the atlas, the samples in it, and an icon of each cell."""

    drawn: ActivationAtlas
    samples: Samples
    icons: Float[np.ndarray, "cells side side 3"]


def show(
    page: Figures, drawn: ActivationAtlas, side: Side, icons: Float[np.ndarray, "cells h w 3"], top: list[str]
) -> None:
    """Add the map to the page, and the same with the first class of each cell, if there are any."""
    page.section(side.words)
    caption = f"{len(drawn)} regions of {side.words}, each by an icon; icons are smaller where there are few samples."
    page.figure(side.name, drawn.picture(icons), caption, alt="A map of many small icons")
    if top:
        said = "The same, with the class that each region adds most to, of those that the network tells apart."
        page.figure(f"{side.name}_classes", drawn.picture(icons, top), said, alt="The same map, each icon with a name")


def facts_of(drawn: ActivationAtlas, side: Side, files: list[str], names: list[str]) -> dict[str, Any]:
    """What atlas.json says of one network."""
    cells, added = [], drawn.attributions
    for i, ((row, column), top) in enumerate(zip(drawn.cells.places.tolist(), drawn.top_classes(3), strict=True)):
        classes = []
        if added is not None:
            classes = [{"class": names[c], "attribution": float(f"{added[i, c]:.4g}")} for c in top.tolist()]
        about = {"row": row, "column": column, "icon": files[i], "classes": classes}
        cells.append(about | {"samples": int(drawn.cells.counts[i]), "photographs": int(drawn.images[i])})
    return {"model": side.model.name, "layer": side.layer, "cells": cells}
