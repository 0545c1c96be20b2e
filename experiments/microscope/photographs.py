"""Pages of single photographs: the strongest units of each layer, groups of units, what speaks for the answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from experiments.examples.album import Album
from experiments.figures import Figures
from experiments.microscope.facts import Sources
from experiments.microscope.seen import number
from experiments.microscope.site import Site
from experiments.microscope.visualisations import encoded
from experiments.options import usage_errors
from experiments.recipes.subject import LOGITS, Subject
from featvis import recipes
from featvis.pixels import eight_bit

STRONGEST, CLASSES, GROUPS, MEMBERS, FOR = 8, 3, 6, 5, 5
"""Units of a layer, classes, groups, units of a group, units for and against an answer that a page shows."""

_SIDE = 224


def chosen(album: Album, count: int) -> list[int]:
    """Numbers of photographs, evenly from those that are known to be examples of some unit."""
    there = np.unique(np.concatenate([one.top_images.ravel() for one in album.found.values()]))
    there = there[there >= 0]
    return there[np.unique(np.linspace(0, len(there) - 1, min(count, len(there))).round().astype(int))].tolist()


def described(page: Figures, sources: Sources, numbers: Sequence[int], layer: str) -> list[dict[str, Any]]:
    """What the pages of photographs say, made once for each and kept with a run.

    Args:
        page: of the run.
        sources: of the site.
        numbers: of the photographs.
        layer: whose groups are shown.

    Raises:
        UsageError: a photograph that cannot be read.
    """
    album = sources.album
    assert album is not None
    found = []
    for place, pixels in album.photographs(numbers):
        side = sources.model.architecture.image_size
        image = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC), np.float32) / 255
        with usage_errors():
            kept = page.kept(f"photograph-{place}-{layer}", lambda image=image: _computed(sources, image, layer))
        found.append(_said(sources, kept, place, layer) | {"pixels": pixels, "picture": kept["picture"]})
    return found


def write(site: Site, one: dict[str, Any]) -> None:
    """The pictures of a photograph's page."""
    image = Image.fromarray(one["pixels"]).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    groups = Image.fromarray(eight_bit(one["picture"])).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
    site.file(f"photographs/{one['number']}.jpg", encoded(image, "JPEG", quality=88))
    site.file(f"photographs/{one['number']}-groups.png", encoded(groups))


def _computed(sources: Sources, image: np.ndarray, layer: str) -> dict[str, np.ndarray]:
    model = sources.model
    about = Subject(model, image, "")
    answers = about.classes((), CLASSES)
    acts = model(about.batch, taps=[*sources.layers, LOGITS])
    _, *map_size, units = acts[layer].shape
    groups = recipes.neuron_groups(model, about.batch, layer, min(GROUPS, units, int(np.prod(map_size))))
    targets = [one.logit for one in answers]
    found = recipes.attribute(model, about.batch, layer, targets)
    kept = {f"largest-{name}": np.asarray(acts[name]).max((0, 1, 2)) for name in sources.layers}
    for name in _late(sources, layer):
        kept[f"adds-{name}"] = recipes.attribute(model, about.batch, name, targets[:1]).channels[0, 0]
    return kept | {
        "names": np.array([one.name for one in answers]),
        "probabilities": np.array([one.probability for one in answers]),
        "directions": groups.factors.directions,
        "colours": groups.colours,
        "left": np.array(groups.factors.error),
        "picture": groups.picture()[0],
        "group-adds": groups.attribution(found)[:, 0],
    }


def _late(sources: Sources, layer: str) -> list[str]:
    """Layers for which it is shown what they add to an answer: that of the groups, and those above."""
    return list(sources.layers)[list(sources.layers).index(layer) :]


def _said(sources: Sources, kept: dict[str, np.ndarray], place: int, layer: str) -> dict[str, Any]:
    pairs = zip(kept["names"].tolist(), kept["probabilities"], strict=True)
    strongest = [
        {"layer": name, "units": _units(_scaled(sources, name, values), values, "value", STRONGEST)}
        for name in sources.layers
        for values in [kept[f"largest-{name}"]]
    ]
    attribution = []
    for name in _late(sources, layer):
        adds = kept[f"adds-{name}"]
        attribution.append(
            {"layer": name, "for": _units(adds, adds, "adds", FOR), "against": _units(-adds, adds, "adds", FOR)}
        )
    groups = [
        {
            "units": np.argsort(-direction, kind="stable")[:MEMBERS].tolist(),
            "colour": "#" + "".join(f"{value:02x}" for value in eight_bit(colour)),
            "adds": [number(value) for value in kept["group-adds"][:, i]],
        }
        for i, (direction, colour) in enumerate(zip(kept["directions"], kept["colours"], strict=True))
    ]
    return {
        "number": place,
        "label": kept["names"].tolist()[0],
        "layer": layer,
        "answers": [{"name": name, "probability": number(probability)} for name, probability in pairs],
        "left": number(kept["left"]),
        "groups": groups,
        "attribution": attribution,
        "strongest": strongest,
    }


def _scaled(sources: Sources, layer: str, values: np.ndarray) -> np.ndarray:
    """Activations as shares of what is large for each unit."""
    found = None if sources.album is None else sources.album.found.get(layer)
    if found is None:
        return values
    high = found.quantiles(0.99)[:, 0]
    return values / np.where(high > 0, high, np.inf)


def _units(order: np.ndarray, values: np.ndarray, name: str, count: int) -> list[dict[str, Any]]:
    return [{"unit": int(n), name: number(values[n])} for n in np.argsort(-order, kind="stable")[:count]]
