"""The pages of the site, from facts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from experiments.microscope.facts import Sources
from experiments.page import TEMPLATES, percent
from featvis.display import templates

ASSETS = TEMPLATES / "microscope" / "assets"
SOME = 8
"""Units of a layer on the first page."""
SORTS = {
    "number": "number",
    "alike": "similarity of weights",
    "score": "visualisation's objective",
    "high": "99th percentile of activations",
    "positive": "how often above zero",
    "kurtosis": "kurtosis of activations",
    "selectivity": "class selectivity",
}
"""By what units can be sorted; the largest first, but for numbers and similarity."""

_ASCENDING = ("number", "alike")


@dataclass(frozen=True)
class Pages:
    """What all pages have in common.

    Attributes:
        sources: of the site.
        photographs: numbers of those that have pages.
        has_atlas: whether there is an atlas.
    """

    sources: Sources
    photographs: Sequence[int]
    has_atlas: bool

    def render(self, template: str, depth: int, **context: Any) -> str:
        """A page that lies so many folders deep."""
        common = {
            "root": "../" * depth,
            "name": self.sources.model.name,
            "layers": list(self.sources.layers),
            "has_atlas": self.has_atlas,
            "has_photographs": bool(self.photographs),
            "percent": percent,
        }
        return templates(TEMPLATES).get_template(f"microscope/{template}").render(**common, **context)

    def unit(self, fact: Mapping[str, Any], size: tuple[int, int], draw: str) -> str:
        """The page of a unit.

        Args:
            fact: what is said of it.
            size: of its picture of weights.
            draw: the command that draws units that are missing.
        """
        seen = fact["photographs"]
        return self.render(
            "unit.html",
            2,
            fact=fact,
            count=self.sources.count(fact["layer"]),
            says=_sentence(fact),
            size=size,
            draw=draw,
            pages=set(self.photographs),
            curves=_curves(fact["tuning"]),
            bars=_bars(seen["histogram"]) if seen else [],
            column_index={column["range"]: i for i, column in enumerate(seen["ranges"])} if seen else {},
        )

    def grid(self, title: str, lede: str, columns: Mapping[str, Mapping[str, Any]], depth: int) -> str:
        """A page of all units of some layers."""
        layers = list(self.sources.layers)
        shown = [{"name": name, "index": layers.index(name), "units": self.sources.count(name)} for name in columns]
        families = sorted({family for one in columns.values() for names in one["families"] for family in names})
        branches = sorted({branch for one in columns.values() for branch in one["branches"] if branch})
        sorts = [pair for one in columns.values() for pair in one["sorts"].items()]
        there = {"number", *(key for key, values in sorts if any(value is not None for value in values))}
        place = layers.index(next(iter(columns)))
        near = [layers[i] for i in (place - 1, place + 1) if 0 <= i < len(layers)] if len(columns) == 1 else []
        return self.render(
            "grid.html",
            depth,
            title=title,
            lede=lede,
            shown=shown,
            links=[(f"{name}", f"../{name}/index.html") for name in near],
            families=families,
            branches=branches,
            sorts=[(key, says) for key, says in SORTS.items() if key in there],
            columns=script(columns),
        )

    def columns(self, layer: str, facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What a grid must know of a layer's units: words, families, branches, and numbers to sort by."""
        order = self.sources.connections[layer].order
        ranks = np.argsort(order).tolist() if order is not None else []
        sorts: dict[str, list[Any]] = {"alike": ranks, "score": []}
        for key in ("high", "positive", "kurtosis", "selectivity"):
            sorts[key] = [(fact["photographs"] or {}).get(key) for fact in facts]
        sorts["score"] = [fact["visualisations"][0]["score"] if fact["visualisations"] else None for fact in facts]
        return {
            "layer": layer,
            "words": [words(fact) for fact in facts],
            "families": [[family["name"] for family in fact["families"]] for fact in facts],
            "branches": [fact["branch"] for fact in facts],
            "sorts": {
                key: values if key in _ASCENDING else [None if v is None else -v for v in values]
                for key, values in sorts.items()
            },
        }

    def index(self, some: Mapping[str, Sequence[int]], provenance: Mapping[str, str], missing: Sequence[str]) -> str:
        """The first page: a diagram of the network.

        Args:
            some: units of each layer that are shown.
            provenance: how all was made.
            missing: what the site lacks, in sentences.
        """
        diagram = []
        for row, layer in enumerate(self.sources.layers):
            branches = [{"name": name, "units": len(its)} for name, its in self.sources.branches.get(layer, {}).items()]
            branches = branches or [{"name": "convolution", "units": self.sources.count(layer)}]
            says = f"{layer}: " + ", ".join(f"{one['name']} {one['units']} units" for one in branches)
            drawn = len(self.sources.shown[layer])
            diagram.append(
                {"name": layer, "units": self.sources.count(layer), "drawn": drawn, "branches": branches, "says": says,
                 "some": list(some[layer]), "row": row}
            )  # fmt: skip
        total = sum(map(self.sources.count, self.sources.layers))
        return self.render("index.html", 0, diagram=diagram, total=total, provenance=provenance, missing=missing)

    def circuit(self) -> str:
        """The page of the graph."""
        layers = self.sources.layers
        table = [{"name": layer, "units": self.sources.count(layer)} for layer in layers]
        return self.render("circuit.html", 0, table=script(table), example=f"{layers[-1]}:0")

    def atlas(self, atlas: Mapping[str, Any]) -> str:
        """The page of the activation atlas."""
        classes = sorted({name for cell in atlas["cells"] for name in cell["classes"]})
        made = {key: atlas["made"][key] for key in ("Command", "Seed", "Device")}
        table = {key: value for key, value in atlas.items() if key != "made"}
        return self.render("atlas.html", 0, atlas=atlas, classes=classes, table=script(table), made=made)

    def photograph(self, one: Mapping[str, Any]) -> str:
        """The page of a photograph."""
        at = list(self.photographs).index(one["number"])
        near = [self.photographs[i] if 0 <= i < len(self.photographs) else None for i in (at - 1, at + 1)]
        return self.render("photograph.html", 1, one=one, before=near[0], after=near[1])

    def album(self, photographs: Sequence[Mapping[str, Any]]) -> str:
        """The page that leads to those of photographs."""
        return self.render("photographs.html", 1, photographs=photographs)


def layers_style(layers: Sequence[str]) -> str:
    """The style sheet by which icons find their sheet; layers go by their number, whatever their name."""
    sheets = [json.dumps(f"../sprites/{layer}.webp") for layer in layers]
    rules = [f".icon.l{i}, .grid.l{i} a {{ background-image: url({sheet}); }}" for i, sheet in enumerate(sheets)]
    return "\n".join(rules) + "\n"


def script(content: Any) -> Markup:
    """Content as JSON inside a script element, which nothing in it can end.

    >>> script("</script>")
    Markup('"\\\\u003c/script\\\\u003e"')
    """
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def words(fact: Mapping[str, Any]) -> str:
    """What a unit can be found by beside its label: families, and classes it tells."""
    names = [family["name"] for family in fact["families"]]
    seen = fact["photographs"] or {}
    if seen.get("selectivity") is not None and seen["selectivity"] >= 0.5:
        names += [one["name"] for one in seen["classes"][:2]]
    return ", ".join(names)


def some_units(sources: Sources, layer: str) -> list[int]:
    """A few units of a layer for the first page, of those that are drawn, if any are."""
    there: Sequence[int] = sorted(sources.shown[layer]) or range(sources.count(layer))
    return [there[i] for i in np.unique(np.linspace(0, len(there) - 1, min(SOME, len(there))).round().astype(int))]


def _sentence(fact: Mapping[str, Any]) -> str:
    parts = [f"Unit {fact['unit']} of {fact['layer']}"]
    if fact["branch"]:
        parts.append(f"in its {fact['branch']} branch")
    text = " ".join(parts)
    if fact["families"]:
        text += ": " + ", ".join(family["name"] for family in fact["families"])
    return text + "."


def _curves(tuning: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Polylines of tuning curves, all on one scale."""
    full = max((max(curve["responses"]) for curve in tuning), default=0.0) or 1.0
    shown = []
    for curve in tuning:
        values, at = np.array(curve["responses"]), curve["at"]
        across = np.linspace(0, 160, len(values) + bool(curve["period"]))
        closed = np.append(values, values[:1]) if curve["period"] else values
        points = " ".join(f"{x:.4g},{62 - 60 * y / full:.4g}" for x, y in zip(across, closed, strict=True))
        unit = "°" if curve["period"] else " px"
        where = f"{at[int(values.argmax())]:g}{unit}" if values.max() > 0 else ""
        most = f"{values.max():.3g}"
        ends = f"{at[0]:g} to {curve['period'] or at[-1]:g}{unit}"
        aria = f"{curve['says']}: most {most}" + (f" at {where}" if where else "")
        shown.append(
            {"says": curve["says"], "points": points, "most": most, "where": where, "range": ends, "aria": aria}
        )
    return shown


def _bars(histogram: Mapping[str, Sequence[float]], width: float = 480, height: float = 90) -> list[dict[str, Any]]:
    """Bars of a histogram, with a logarithmic scale."""
    shares, ends = np.array(histogram["shares"]), histogram["ends"]
    least = shares[shares > 0].min() / 3
    heights = np.log(np.maximum(shares, least) / least) / np.log(shares.max() / least) * (height - 2)
    wide = width / len(shares)
    return [
        {"x": f"{i * wide:.4g}", "y": f"{height - tall:.4g}", "width": f"{wide - 1:.4g}", "height": f"{tall:.4g}",
         "above": (ends[i] + ends[i + 1]) / 2 > 0}
        for i, tall in enumerate(heights) if tall > 0
    ]  # fmt: skip
