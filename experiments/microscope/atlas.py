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

_SIDE = 80
_MOST = 4096


def read(path: Path, model: inception_jax.Model) -> dict[str, Any]:
    """What the page of an atlas says, from the directory of a finished run.

    Raises:
        UsageError: no such run, or one of another network.
    """
    directory = RunDirectory(path)
    config, content = directory.config, directory.read_json(CELLS)
    known = content.get("atlases", {}).get("atlas")
    if not known or "settings" not in config:
        raise UsageError(f"{path} holds no finished atlas; expected a directory of `atlas`")
    if config["settings"].get("arrays_sha256") != provenance.weights_digest(model.weights):
        raise UsageError(f"{path} holds an atlas of another network; expected one of {model.name}")
    counts = np.array([cell["samples"] for cell in known["cells"]])
    sizes = icon_widths(counts)
    cells = [
        {
            "row": cell["row"],
            "column": cell["column"],
            "icon": cell["icon"],
            "size": round(float(size), 3),
            "samples": cell["samples"],
            "photographs": cell["photographs"],
            "classes": [one["class"] for one in cell["classes"]],
        }
        for cell, size in zip(known["cells"][:_MOST], sizes, strict=False)
    ]
    return {
        "layer": known["layer"],
        "rows": content["rows"],
        "columns": content["columns"],
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
            with Image.open(RunDirectory(path).path / "images" / Path(name).name, formats=["PNG"]) as icon:
                shown = icon.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
            paper.paste(shown, (i % across * _SIDE, i // across * _SIDE))
    site.file("sprites/atlas.webp", webp(paper, 85))
