"""What the site says of each unit: the facts that its page shows, and that others can read as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

import circuits
import inception_jax
from circuits.branches import branch_units
from experiments.examples.album import Album
from experiments.microscope import seen
from experiments.microscope.connections import Connections, Side
from experiments.microscope.responses import Member, Responses, about
from experiments.microscope.seen import number
from experiments.microscope.visualisations import Shown
from experiments.page import filter_colours
from featvis.pixels import picture
from inception_jax.architecture import Block

SIBLINGS = 40
"""Units of a family that a page shows, at most."""


@dataclass(frozen=True, eq=False)
class Sources:
    """What a site is made of.

    Attributes:
        model: the network.
        layers: those that are shown, in network order.
        shown: visualisations by layer, unit and kind.
        connections: by layer.
        responses: to stimuli.
        album: photographs; None where there are none.
    """

    model: inception_jax.Model
    layers: Sequence[str]
    shown: Mapping[str, Mapping[int, Mapping[str, Shown]]]
    connections: Mapping[str, Connections]
    responses: Responses
    album: Album | None

    @cached_property
    def members(self) -> dict[str, dict[int, list[Member]]]:
        """Families of units by layer."""
        return {layer: self.responses.membership(layer) for layer in self.layers}

    @cached_property
    def tuning(self) -> dict[str, list[dict[str, Any]]]:
        """Tuning curves by layer."""
        return {layer: self.responses.tuning(layer) for layer in self.layers}

    @cached_property
    def branches(self) -> dict[str, dict[str, range]]:
        """Branches of the layers that have some."""
        arch = self.model.architecture
        blocks = [name for name, kind in arch.blocks if isinstance(kind, Block)]
        return {layer: branch_units(arch, layer) for layer in self.layers if layer in blocks}

    def count(self, layer: str) -> int:
        """Units of a layer."""
        return self.model.layers[layer]

    def branch(self, layer: str, unit: int) -> str:
        """The branch that a unit is in; empty in layers without."""
        return next((name for name, its in self.branches.get(layer, {}).items() if unit in its), "")


def unit_facts(sources: Sources, layer: str, unit: int) -> tuple[dict[str, Any], Image.Image | None]:
    """All that is said of a unit, in JSON's types, and all tiles of its page at a pixel for each weight, if any."""
    links, album = sources.connections[layer], sources.album
    weights, rows = _weights(sources, layer, unit)
    fact = {
        "layer": layer,
        "unit": unit,
        "branch": sources.branch(layer, unit),
        "visualisations": [shown.facts() for shown in sources.shown[layer].get(unit, {}).values()],
        "families": [_family(member, unit) for member in sources.members[layer].get(unit, [])],
        "alike": _alike(links, unit),
        "weights": weights,
        "tuning": [_curve(curve, unit) for curve in sources.tuning[layer]],
        "photographs": seen.facts(album, layer, unit) if album is not None and layer in album.found else None,
    }
    return fact, _stacked(rows) if rows else None


def _stacked(rows: Sequence[np.ndarray]) -> Image.Image:
    paper = Image.new("RGB", (max(row.shape[1] for row in rows), sum(len(row) for row in rows)), "white")
    top = 0
    for row in rows:
        paper.paste(picture(row), (0, top))
        top += len(row)
    return paper


def _weights(sources: Sources, layer: str, unit: int) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Neighbours and groups, and the rows of the picture of their tiles."""
    links, rows = sources.connections[layer], []
    said: dict[str, Any] = dict.fromkeys(("inputs", "outputs", "back", "groups", "filter"))

    def row(tiles: np.ndarray, full: float, colours: np.ndarray | None = None) -> dict[str, Any]:
        shown = circuits.weights_to_rgb(tiles, full or 1.0) if colours is None else colours
        place = {"top": sum(len(one) for one in rows), "rows": shown.shape[1], "columns": shown.shape[2]}
        rows.append(np.concatenate(list(shown), 1))
        return place | {"full": number(full)}

    for name in ("inputs", "outputs", "back"):
        side: Side | None = getattr(links, name)
        if side is not None:
            tiles = side.tiles[unit]
            columns = zip(side.units[unit].tolist(), side.norms[unit], side.nets[unit], strict=True)
            neighbours = [{"unit": n, "norm": number(norm), "net": number(net)} for n, norm, net in columns]
            place = row(tiles, float(np.abs(tiles).max(initial=0)))
            said[name] = {"layer": side.layer, "neighbours": neighbours, **place}
    if links.group_maps is not None and links.inputs is not None:
        maps, full = links.group_maps[unit], float(np.abs(links.group_maps[unit]).max(initial=0))
        assert links.group_units is not None
        assert links.group_shares is not None
        # A single place has a single group.
        there = np.flatnonzero(maps.max((1, 2), initial=0) > 1e-4 * full)
        groups = [
            [
                {"unit": n, "share": number(share)}
                for n, share in zip(links.group_units[unit, i].tolist(), links.group_shares[unit, i], strict=True)
                if share
            ]
            for i in there
        ]
        maps = maps[there]
        grey = 1 - np.repeat((maps / (full or 1.0))[..., None], 3, -1)
        if groups:
            said["groups"] = {"layer": links.inputs.layer, "groups": groups, **row(maps, full, grey)}
    if links.inputs is None:
        kernel = np.asarray(sources.model.weights[layer]["kernel"], np.float32)
        if kernel.shape[2] == 3:
            said["filter"] = row(kernel, float(np.abs(kernel[..., unit]).max()), filter_colours(kernel)[unit][None])
    return said, rows


def _alike(links: Connections, unit: int) -> list[dict[str, Any]]:
    if links.alike is None or links.likeness is None:
        return []
    pairs = zip(links.alike[unit].tolist(), links.likeness[unit].tolist(), strict=True)
    return [{"unit": other, "cosine": number(cosine)} for other, cosine in pairs]


def _family(member: Member, unit: int) -> dict[str, Any]:
    family = member.family
    angles = family.angles
    order = sorted(family.units, key=lambda n: (angles.get(n, np.inf), n)) if angles else list(family.units)
    near = order.index(unit)
    first = max(0, min(near - SIBLINGS // 2, len(order) - SIBLINGS))
    return {
        "name": family.name,
        "about": about(family),
        "size": len(family),
        "score": number(member.score),
        "orientation": number(member.orientation),
        "period": family.period if angles else None,
        "siblings": [
            {"unit": n, "orientation": number(angles.get(n, np.nan))} for n in order[first : first + SIBLINGS]
        ],
    }


def _curve(curve: Mapping[str, Any], unit: int) -> dict[str, Any]:
    return {
        "says": curve["says"],
        "axis": curve["axis"],
        "period": curve["period"],
        "at": [number(value) for value in curve["at"]],
        "responses": [number(value) for value in curve["responses"][:, unit]],
    }
