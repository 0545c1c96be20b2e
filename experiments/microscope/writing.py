"""The files of the site, from what is known."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from experiments import page
from experiments.figures import INDEX, Figures
from experiments.microscope import atlas, pages, photographs, seen
from experiments.microscope.facts import Sources, unit_facts
from experiments.microscope.options import Config
from experiments.microscope.pages import ASSETS, Pages
from experiments.microscope.site import Site
from experiments.microscope.visualisations import SPRITE, encoded, icon, sheet, webp
from experiments.options import command
from experiments.rundir import RunDirectory, identity


def write(site: Site, sources: Sources, config: Config, work: Figures, place: Path | None) -> None:
    """Write all files of the site.

    Args:
        site: to write to.
        sources: what is known.
        config: the options.
        work: the run that keeps what takes long.
        place: the directory of an atlas, if there is one.

    Raises:
        UsageError: a file cannot be read or written.
    """
    layer = config.group_layer if config.group_layer in sources.layers else sources.layers[-1]
    pictured: list[dict[str, Any]] = []
    if sources.album is not None and config.pictured:
        numbers = photographs.chosen(sources.album, config.pictured)
        pictured = photographs.described(work, sources, numbers, layer)
    made = Pages(sources, [one["number"] for one in pictured], place is not None)
    for asset in sorted(ASSETS.iterdir()):
        site.file(f"assets/{asset.name}", asset.read_bytes())
    site.text("assets/layers.css", pages.layers_style(sources.layers))
    columns, draw = {}, _drawing(config)
    for name in sources.layers:
        facts = _write_layer(site, sources, made, name, draw)
        columns[name] = made.columns(name, facts)
        count = sources.count(name)
        lede = f"The {count:,} units of {name}. Each icon leads to its page."
        site.text(f"{name}/index.html", made.grid(name, lede, {name: columns[name]}, 1))
    total = sum(map(sources.count, sources.layers))
    site.text("units.html", made.grid("All units", f"{total:,} units, layer by layer.", columns, 0))
    found = [{"name": n, "units": sources.count(n), "words": columns[n]["words"]} for n in sources.layers]
    site.data("index", {"layers": found}, script=True)
    site.text("circuit.html", made.circuit())
    if place is not None:
        facts = atlas.read(place, sources.model)
        atlas.write(site, place, facts)
        site.data("atlas", facts)
        site.text("atlas.html", made.atlas(facts))
    for one in pictured:
        photographs.write(site, one)
        site.text(f"photographs/{one['number']}.html", made.photograph(one))
    if pictured:
        site.text("photographs/index.html", made.album(pictured))
        site.data("photographs", [{k: v for k, v in one.items() if k not in ("pixels", "picture")} for one in pictured])
    some = {name: pages.some_units(sources, name) for name in sources.layers}
    site.file("sprites/preview.webp", _preview(sources, some))
    about = page.provenance(work.directory.config | {"command": command("microscope", config)})
    site.text(INDEX, made.index(some, about, _missing(sources, place is not None, draw)))


def _write_layer(site: Site, sources: Sources, made: Pages, layer: str, draw: str) -> list[dict[str, Any]]:
    """Everything of a layer's units; returns what is said of them."""
    links, shown, count = sources.connections[layer], sources.shown[layer], sources.count(layer)
    if sources.album is not None and layer in sources.album.found:
        seen.write(site, sources.album, layer)
    facts = []
    for unit in tqdm(range(count), f"pages of {layer}", disable=None, leave=False):
        fact, picture = unit_facts(sources, layer, unit)
        facts.append(fact)
        for one in shown.get(unit, {}).values():
            site.file(f"{layer}/{unit}/{one.name}", one.read())
        size = (1, 1)
        if picture is not None:
            size = picture.size
            site.file(f"{layer}/{unit}/weights.png", encoded(picture))
        site.text(f"{layer}/{unit}/{INDEX}", made.unit(fact, size, draw))
    site.data(f"units/{layer}", facts)
    edges = {}
    for name in ("inputs", "outputs"):
        if (side := getattr(links, name)) is not None:
            rows, across = side.tiles.shape[2:]
            numbers = {"norms": np.round(side.norms, 5).tolist(), "nets": np.round(side.nets, 5).tolist()}
            edges[name] = {
                "layer": side.layer,
                "rows": rows,
                "columns": across,
                "units": side.units.tolist(),
                **numbers,
            }
            site.file(f"data/weights/{layer}-{name}.npy", _npy(side.tiles))
    site.data(f"edges/{layer}", edges, script=True)
    records = [one.record for kinds in shown.values() for one in kinds.values()]
    source = identity({"units": [[one.identity, one.label, one.origin.key, one.device] for one in records]})
    site.once(f"sprites/{layer}.webp", source, lambda: sheet(count, shown))
    return facts


def _preview(sources: Sources, some: Mapping[str, Sequence[int]]) -> bytes:
    """The icons of the first page, a row for each layer."""
    paper = Image.new("RGB", (SPRITE * pages.SOME, SPRITE * len(some)), (200, 200, 200))
    for row, (layer, units) in enumerate(some.items()):
        for column, unit in enumerate(units):
            if (shown := icon(sources.shown[layer].get(unit, {}))) is not None:
                paper.paste(shown, (column * SPRITE, row * SPRITE))
    return webp(paper)


def _drawing(config: Config) -> str:
    """The command that draws units that are missing; empty where nothing was to be drawn."""
    return RunDirectory(config.stores[0]).config.get("command", "") if config.stores else ""


def _missing(sources: Sources, has_atlas: bool, draw: str) -> list[str]:
    """What the site lacks, in sentences."""
    lacking = []
    total = sum(map(sources.count, sources.layers))
    done = sum(len(units) for units in sources.shown.values())
    if done < total:
        how = f" {draw} goes on with them." if draw else ""
        lacking.append(f"{total - done:,} of {total:,} units are not drawn yet.{how}")
    if sources.album is None:
        lacking.append("There are no photographs, and no atlas of them; --images adds them.")
    elif not has_atlas:
        lacking.append("There is no activation atlas; --atlas takes the directory of one.")
    return lacking


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array.astype(np.float32), allow_pickle=False)
    return buffer.getvalue()
