"""The activation atlas of the site: the icons of an atlas' run in one picture, and where each belongs."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import inception_jax
from experiments import page, provenance
from experiments.microscope.site import Site
from experiments.microscope.visualisations import webp
from experiments.options import UsageError, usage_errors
from experiments.recipes.atlas import CELLS
from experiments.rundir import RunDirectory
from featvis.recipes.atlas.icons import icon_widths
from inception_jax.readers.contents import plain

_SIDE = 80
_MOST = 4096


def read(path: Path, model: inception_jax.Model) -> dict[str, Any]:
    """What the page of an atlas says, from the directory of a finished run.

    Raises:
        UsageError: no such run, or one of another network.
    """
    directory = RunDirectory(path)
    config, content = directory.config, directory.read_json(CELLS)
    atlases = content.get("atlases")
    known = atlases.get("atlas") if isinstance(atlases, dict) else None
    if not isinstance(known, dict) or "settings" not in config:
        raise UsageError(f"{path} holds no finished atlas; expected a directory of `atlas`")
    if config["settings"].get("arrays_sha256") != provenance.weights_digest(model.weights):
        raise UsageError(f"{path} holds an atlas of another network; expected one of {model.name}")
    try:
        layer, rows, columns = str(known["layer"]), int(content["rows"]), int(content["columns"])
        cells = [_cell(cell) for cell in known["cells"]]
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UsageError(f"cannot read {path / CELLS}: {plain(error)}") from error
    if not cells:
        raise UsageError(f"cannot read {path / CELLS}: it has no cells")
    sizes = icon_widths(np.array([cell["samples"] for cell in cells]))
    cells = [{**cell, "size": round(float(size), 3)} for cell, size in zip(cells[:_MOST], sizes, strict=False)]
    return {
        "layer": layer,
        "rows": rows,
        "columns": columns,
        "across": max(1, math.isqrt(len(cells))),
        "cells": cells,
        "made": page.provenance(config),
    }


def write(site: Site, path: Path, atlas: dict[str, Any]) -> None:
    """The icons in one picture, row by row.

    Raises:
        UsageError: one of them cannot be read.
    """
    across, icons = atlas["across"], [cell["icon"] for cell in atlas["cells"]]
    paper = Image.new("RGB", (across * _SIDE, -(-len(icons) // across) * _SIDE), "white")
    with usage_errors():
        for i, name in enumerate(icons):
            icon = RunDirectory(path).open_image(f"images/{Path(name).name}")
            shown = icon.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
            paper.paste(shown, (i % across * _SIDE, i // across * _SIDE))
    site.file("sprites/atlas.webp", webp(paper, 85))


def _cell(cell: Any) -> dict[str, Any]:
    """A cell as the page has it; anything but what `atlas` writes is a `TypeError` or a `ValueError`."""
    numbers = {name: cell[name] for name in ("row", "column", "samples", "photographs")}
    if not all(type(number) is int and 0 <= number < 2**53 for number in numbers.values()) or not cell["samples"]:
        raise ValueError(f"a cell with {numbers}; expected whole numbers from 0, and samples from 1")
    if not isinstance(cell["icon"], str):
        raise ValueError("a cell whose icon is no name")
    return {**numbers, "icon": cell["icon"], "classes": [str(one["class"]) for one in cell["classes"]]}
