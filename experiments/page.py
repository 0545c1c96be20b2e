"""What the pages of runs have in common: templates, provenance in words, a picture of filters."""

import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from markupsafe import Markup
from PIL import Image

from featvis.display import fill
from featvis.sheet import sheet

TEMPLATES = Path(__file__).parent / "templates"

_COMMANDS = 9
"""Commands by which units came to those of the first, at most, that a page shows."""

_UNIT = re.compile(r"((?<![\w:])[a-z]\w*:\d+)")


def filter_colours(kernel: Float[np.ndarray, "height width 3 units"]) -> Float[np.ndarray, "units height width 3"]:
    """The filters of a first layer in colour: grey is zero, and each has its own scale.

    >>> filter_colours(np.zeros((7, 7, 3, 24), np.float32))[0, 0, 0].tolist()
    [0.5, 0.5, 0.5]
    """
    filters = np.moveaxis(np.asarray(kernel), -1, 0)
    scale = np.abs(filters).max((1, 2, 3), keepdims=True)
    return (filters / np.where(scale > 0, scale, 1) + 1) / 2


def filter_sheet(kernel: Float[np.ndarray, "height width 3 units"], zoom: int = 10) -> Image.Image:
    """The filters of a first layer side by side, as `filter_colours` has them.

    >>> filter_sheet(np.zeros((7, 7, 3, 24), np.float32)).size
    (632, 242)
    """
    return sheet(filter_colours(kernel), columns=round(math.sqrt(2.6 * kernel.shape[-1])), zoom=zoom)


def render(template: str, **context: Any) -> str:
    """HTML from one of `experiments/templates`; everything in `context` is escaped."""
    return fill(TEMPLATES / template, **context)


def anchor(label: str) -> str:
    """The place on a page of a unit's picture.

    >>> anchor("mixed3b:379")
    'unit-mixed3b-379'
    """
    return f"unit-{label.replace(':', '-')}"


def order(label: str) -> tuple[str, int]:
    """What labels of units are sorted by: layer and number.

    >>> sorted(["mixed3b:12", "mixed3b:2", "mixed3a:5"], key=order)
    ['mixed3a:5', 'mixed3b:2', 'mixed3b:12']
    """
    layer, _, number = label.rpartition(":")
    return layer, int(number)


def linked(text: str, known: Collection[str]) -> Markup:
    """Text as HTML, in which labels of units lead to their pictures, of those that are `known`.

    >>> linked("mixed3b:3 > mixed3b:37", {"mixed3b:3"})
    Markup('<a href="#unit-mixed3b-3">mixed3b:3</a> &gt; mixed3b:37')
    """
    pieces = _UNIT.split(text)
    return Markup("").join(
        Markup('<a href="#{}">{}</a>').format(anchor(piece), piece) if piece in known else piece for piece in pieces
    )


def provenance(config: Mapping[str, Any]) -> dict[str, str]:
    """The part of `config.json` that a page shows, named for people."""
    model = {name: value for name, value in config["model"].items() if isinstance(value, str)}
    further = config.get("further_commands", [])
    rows = {
        "Command": config["command"],
        **{f"Command {number}": words for number, words in enumerate(further[:_COMMANDS], 2)},
        **({"Further commands": f"{len(further) - _COMMANDS} more, in config.json"} if further[_COMMANDS:] else {}),
        "Model": " · ".join(f"{key} {value}" for key, value in model.items()),
        "Seed": str(config["seed"]),
        "Device": config["device"],
        "Versions": " · ".join(f"{name} {version}" for name, version in config["versions"].items()),
        "Commit": config["git_commit"] or "not from a checkout",
        "Started": config["started"].replace("T", " ").replace("+00:00", " UTC"),
    }
    return {name: str(value) for name, value in rows.items()}


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(4.21), duration(187), duration(7260)
    ('4.2 s', '3 min 7 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def percent(share: float) -> str:
    """A share for people.

    >>> percent(0.123), percent(0.00012), percent(0.0)
    ('12 %', '0.012 %', '0 %')
    """
    return f"{100 * share:.2g} %" if share < 0.995 else "100 %"
