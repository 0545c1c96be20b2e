"""A run of an article: its page, the network, and what every article asks of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

import circuits
import inception_jax
from circuits.examples import Examples, Fields, collect, load, read, receptive_fields, save
from circuits.families import Family, Search, find, published_family
from experiments import figures, provenance
from experiments.circuits.icons import unit_icons
from experiments.circuits.pictures import Icon
from experiments.circuits.units import read_at
from experiments.examples.photographs import batches, each
from experiments.families.options import BATCH
from experiments.families.responses import measured
from experiments.figures import Figures
from experiments.options import UsageError, usage_errors
from experiments.recipes.sources import data_set
from experiments.rundir import open_run
from experiments.study.claims import Claim, counted
from experiments.study.options import ArticleOptions, resolved
from inception_jax import bounded, datasets

EARLY = ("conv2d2", "mixed3a", "mixed3b", "mixed4a")
"""Layers whose families are looked for."""
TOP = 16
"""Photographs that are remembered of each unit."""

PUBLISHED = {
    "curves": {
        **dict.fromkeys(("mixed3a", "mixed3b"), "Curves"), "conv2d2": "Tiny Curves", "mixed4a": "mixed4a_curves",
    },
    "high-low frequency": {"mixed3a": "High-Low Frequency", "mixed4a": "mixed4a_high_low_2"},
    "lines": {"conv2d2": "Line", "mixed3a": "Lines", "mixed3b": "Lines"},
    "colour contrast": dict.fromkeys(("conv2d0", "conv2d1", "conv2d2", "mixed3a"), "Color Contrast"),
    "boundaries": {"mixed3b": "Boundary", "mixed4a": "mixed4a_any_boundary"},
    "centre-surround": dict.fromkeys(("conv2d2", "mixed3a", "mixed3b"), "Color Center-Surround"),
    "black and white": {"mixed3a": "BW vs Color"},
    "gabors": {"conv2d0": "Gabor Filters", "conv2d1": "Gabor Like", "conv2d2": "Gabor Textures"},
}  # fmt: skip
"""What the families that `circuits.families.RULES` find are called where they were published, by layer."""


@dataclass
class Study:
    """What an article draws on.

    Attributes:
        page: of the article.
        model: the network.
        config: with the places of photographs and published numbers filled in.
        claims: what was stated so far, see `claim`.
    """

    page: Figures
    model: inception_jax.Model
    config: ArticleOptions
    claims: list[Claim] = field(default_factory=list)

    @property
    def labelled(self) -> bool:
        """Whether units go by the numbers under which the articles published them."""
        return self.model.name == "inception5h"

    @property
    def basis(self) -> Any:
        """What claims about families are about."""
        return "published units" if self.labelled else "found units"

    def few(self, count: int) -> int:
        """So many, or with `quick` about a third of them."""
        return max(1, -(-count // 3)) if self.config.quick else count

    def layers(self, *wanted: str) -> list[str]:
        """Those layers that the network has."""
        return [layer for layer in wanted if layer in self.model.layers]

    def claim(self, text: str, expected: str, **known: Any) -> None:
        """State a claim: `measured`, `published`, `holds`, `why`, `rows` and `basis` as for `Claim`."""
        self.claims.append(Claim(text, expected, **{"basis": self.basis, **known}))

    def numbers_of(self, name: str) -> Any:
        """A file of published numbers: JSON as it is, arrays (`.npz`) by name; None where it is not at hand.

        Args:
            name: of the file, such as `curve_units.json`.

        Raises:
            UsageError: a file that cannot be read.
        """
        path = self.config.published and self.config.published / name
        if path is None or not path.exists():
            return None
        with usage_errors():
            read = bounded.read_arrays if path.suffix == ".npz" else bounded.read_json
            return read(path, error=UsageError)

    @cached_property
    def found(self) -> Search:
        """Families in the early layers, found by what units respond to."""
        return self.searched("responses", self.model, self.layers(*EARLY))

    def searched(self, name: str, model: inception_jax.Model, layers: Sequence[str]) -> Search:
        """Families in some layers of a network, by what units respond to; kept for all articles.

        Args:
            name: under which the responses are kept.
            model: the network.
            layers: of it.
        """
        return find(measured(self.common, model, layers, self.config.step, self.config.side, name))

    def family(self, layer: str, name: str) -> Family:
        """A family of a layer: as published for inception5h, and found for other networks; empty if there is none.

        Args:
            layer: one of `EARLY`.
            name: one of `circuits.families.RULES`.
        """
        if self.labelled:
            known = PUBLISHED[name].get(layer)
            return Family(name, layer, ()) if known is None else published_family(layer, known)
        return self.found.family(layer, name) if layer in self.found.verdicts else Family(name, layer, ())

    @cached_property
    def dataset(self) -> tuple[datasets.Dataset, datasets.Preparation] | None:
        """The photographs, and how they become what the network takes; None without any."""
        return None if self.config.images is None else data_set(self.config, self.model)

    @property
    def photographs(self) -> range:
        """Numbers of the photographs that are taken: with `quick` a tenth."""
        most = -(-self.config.photographs // 10) if self.config.quick else self.config.photographs
        return range(0 if self.dataset is None else min(len(self.dataset[0]), max(most, 1)))

    def batches(self, numbers: Sequence[int] | None = None, batch: int = BATCH) -> Any:
        """Photographs in batches, see `circuits.examples.Batch`; by default all that are taken."""
        assert self.dataset is not None
        numbers = self.photographs if numbers is None else numbers
        return (one.batch for one in batches(*self.dataset, numbers, batch))

    def pixels(self, numbers: Sequence[int]) -> dict[int, np.ndarray]:
        """Single photographs by number: bytes, `[height, width, 3]`."""
        return {} if self.dataset is None else dict(each(*self.dataset, {int(n) for n in numbers if n >= 0}))

    @cached_property
    def examples(self) -> dict[str, Examples]:
        """What all units of the early layers respond to in photographs, before their ReLU and after; empty without."""
        if self.dataset is None:
            return {}
        path = self.common.directory.path / "examples.npz"
        if not path.exists():
            layers = [name for layer in self.layers(*EARLY) for name in (layer, f"{layer}_pre_relu")]
            with usage_errors():
                save(read(collect(self.model, self.batches(), layers, count=TOP, samples=6)), path)
        with usage_errors():
            return load(path)

    def fields(self, layer: str) -> Fields:
        """What positions of a layer see of a photograph."""
        side = self.model.architecture.image_size
        return receptive_fields(self.model.architecture, layer, (side, side))

    @property
    def drawing(self) -> ArticleOptions:
        """How icons are drawn: with `quick` in a quarter of the steps."""
        return replace(self.config, steps=-(-self.config.steps // 4)) if self.config.quick else self.config

    def icons(self, layer: str, numbers: Sequence[int]) -> dict[int, Icon]:
        """An icon of each unit, drawn once for all articles; the page lists them with their units."""
        name = f"icons-{layer}"
        listed = list(dict.fromkeys(int(n) for n in numbers))
        shelf = self.common
        pieces = sorted(shelf.directory.path.glob(f"{name}_*.npz"))
        known: dict[int, Icon] = {}
        for piece in pieces:
            held = shelf.directory.read_arrays(piece.name)
            known |= dict(zip(held["units"].tolist(), held["icons"], strict=True))
        if missing := [n for n in listed if n not in known]:
            drawn = unit_icons(shelf, self.model, layer, missing, self.drawing, f"drawing-{layer}-{len(pieces)}")
            arrays = {"units": np.array(missing), "icons": np.stack([drawn[n] for n in missing])}
            shelf.directory.write_arrays(f"{name}_{len(pieces):03d}.npz", arrays)
            shelf.directory.remove(f"drawing-{layer}-{len(pieces)}.npz")
            known |= dict(zip(missing, arrays["icons"], strict=True))
        icons = {n: known[n] for n in listed}
        self.page.know({f"{layer}:{n}": icon for n, icon in icons.items()})
        return icons

    def weights(self, lower: str, upper: str, units: Sequence[int] | None = None, **options: Any) -> np.ndarray:
        """Expanded weights where the articles draw them: on the grid of a pool that follows the lower layer."""
        with usage_errors():
            at = read_at(self.model, lower, upper)
            return circuits.expanded_weights(self.model, at, upper, units=units, **options)

    @cached_property
    def common(self) -> Figures:
        """Where pieces of work are kept that other articles need too."""
        if self.config.common is None:
            return self.page
        facts = provenance.model_facts(self.model)
        shared = {field.name: getattr(self.config, field.name) for field in fields(ArticleOptions)}
        settings = provenance.settings("common", ArticleOptions(**shared), facts, published=None)
        directory = open_run(self.config.common, settings, provenance.facts("common", self.config, facts))
        return Figures(directory, "Common", "")

    def conclude(self) -> None:
        """The last section: every claim of the article, and what became of it."""
        self.page.section(
            "What agrees, and what does not",
            f"{counted(self.claims)}. "
            + (
                "Units go by the numbers under which they were published."
                if self.labelled
                else f"The authors did not study this network, {self.model.name}: its units were found by what they "
                "respond to, and what the article says of inception5h is asked of them."
            ),
        )
        self.page.state([claim.as_json() for claim in self.claims])


def run_article(name: str, config: ArticleOptions, title: str, lede: str, draw: Callable[[Study], None]) -> int:
    """Run an article; returns the exit code.

    Args:
        name: of its command.
        config: its options.
        title: of the article.
        lede: what the article found, in a sentence or two.
        draw: adds figures to the study's page, and claims.

    Raises:
        UsageError: the request cannot be met.
    """
    known = resolved(config)

    def drawn(page: Figures, model: inception_jax.Model) -> None:
        study = Study(page, model, known)
        draw(study)
        study.conclude()

    return figures.run(name, known, title, lede, drawn, {"published": known.published is not None})
