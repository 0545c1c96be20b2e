"""A run that shows something: pieces of work that are done once, figures, tables, numbers, and the page of them all.

An experiment on a model is `run` with a function that draws. Everything that takes long goes through `Figures.kept`, so
that an interrupted run goes on after the last piece that was finished.
"""

import csv
import io
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image

import featvis
import inception_jax
from experiments import page, provenance
from experiments.options import Options, load_model, usage_errors
from experiments.rundir import CONFIG, METRICS, RunDirectory, identity, open_run
from experiments.stopwatch import Stopwatch
from featvis.display import course, sparkline

_LOG = logging.getLogger(__name__)

INDEX = "index.html"

Picture = Float[np.ndarray, "height width channels"] | Image.Image | str
"""Something to show: an array in [0, 1], an image, or the name of a file that the run's directory has already."""


class Link(NamedTuple):
    """Words in a table that lead somewhere."""

    text: str
    href: str


Value = str | int | float
Cell = Value | Link | Sequence[Link]


@dataclass
class Figures:
    """The page of a run, built from above to below by its methods.

    Attributes:
        directory: of the run.
        title: of the page.
        lede: what it shows, in a sentence or two.
        blocks: what it shows, in order.
        numbers_shown: what metrics.json records as `numbers`.
        units: see `know`.
        claims: see `state`.
        prefix: of the names of figures, tables and files; see `part`.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> figures = Figures(RunDirectory(Path(folder.name)), "Curves", "What the first layer looks for.")
    >>> figures.section("Filters")
    >>> figures.figure("filters", np.zeros((8, 8, 3)), "All of them, black here.", alt="A black square")
    >>> (Path(folder.name) / "images" / "filters.png").exists()
    True
    >>> folder.cleanup()
    """

    directory: RunDirectory
    title: str
    lede: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    numbers_shown: dict[str, Value] = field(default_factory=dict)
    units: dict[str, Picture] = field(default_factory=dict)
    claims: list[dict[str, Any]] = field(default_factory=list)
    prefix: str = ""

    def part(self, name: str) -> "Figures":
        """The same page, for a part of it whose figures, tables and files have names that may occur in others.

        >>> page = Figures(RunDirectory(Path("run")), "Curves", "")
        >>> page.part("early").part("blue").named("icons.npz")
        'early-blue-icons.npz'
        """
        return replace(self, prefix=f"{self.prefix}{name}-")

    def named(self, name: str) -> str:
        """What a figure, a table or a file of this part of the page is called."""
        return f"{self.prefix}{name}"

    def section(self, heading: str, text: str = "") -> None:
        """Begin a section; an empty heading adds a paragraph to the one before."""
        level = 3 if self.prefix else 2
        self.blocks.append({"kind": "section", "heading": heading, "text": text, "level": level})

    def figure(
        self,
        name: str,
        image: Picture,
        caption: str,
        *,
        alt: str,
        rows: Sequence[Sequence[str]] = (),
        link: str | None = None,
        coarse: bool = False,
    ) -> None:
        """Show a picture, numbered, across the page.

        Args:
            name: of the figure and its file, `images/<name>.png`: small letters, digits, `_` and `-`.
            image: the picture.
            caption: what is to be seen, in a sentence or two.
            alt: the same for those who do not see it.
            rows: lines of labels below the picture, each in columns of equal width; for pictures that are rows of
                images.
            link: a file of the run, or an address, that the picture leads to; by default its own file.
            coarse: show its pixels as squares where it is enlarged.

        Raises:
            ValueError: another kind of name, or one that another figure has.
        """
        name = self.named(name)
        if not re.fullmatch(r"[a-z0-9_-]+", name) or any(block.get("name") == name for block in self.blocks):
            raise ValueError(f"a figure cannot be called {name!r}; expected small letters, digits, _ and -, once each")
        number = 1 + sum(block["kind"] == "figure" for block in self.blocks)
        about = {"name": name, "number": number, "caption": caption, "alt": alt, "rows": rows, "coarse": coarse}
        shown = self._shown(image, name)
        self.blocks.append({"kind": "figure", **about, **shown, "link": link or shown["image"]})

    def tile(
        self,
        name: str,
        image: Picture,
        label: str,
        *,
        caption: str = "",
        note: str = "",
        curve: Float[np.ndarray, " steps"] | None = None,
    ) -> dict[str, Any]:
        """One image of a `gallery`.

        Args:
            name: of the tile, its place on the page and its file.
            image: the picture.
            label: what it is of.
            caption: a number, or a few words, beside the label.
            note: what should be noticed about it.
            curve: course of its objective, NaN where there is none.
        """
        name = self.named(name)
        values = np.zeros(0) if curve is None else np.asarray(curve)
        about = {"name": name, "label": label, "caption": caption, "note": note}
        return {**about, **self._shown(image, name), "curve": sparkline(values), "course": course(values)}

    def gallery(self, tiles: Sequence[Mapping[str, Any]]) -> None:
        """Show many images of one kind, as many beside each other as there is room for; see `tile`."""
        self.blocks.append({"kind": "gallery", "tiles": tiles})

    def know(self, units: Mapping[str, Picture]) -> None:
        """Remember what units look for, by their labels such as `mixed3b:85`.

        The page lists them at its end, and wherever it names one, it leads there.
        """
        self.units |= units

    def state(self, claims: Sequence[dict[str, Any]]) -> None:
        """Show statements beside what was found, as `Claim.as_json` has them; `run` records them in metrics.json."""
        self.claims += claims
        self.blocks.append({"kind": "claims", "claims": claims})

    def numbers(self, values: Mapping[str, Value]) -> None:
        """Show a few numbers, large; `run` records them in metrics.json. Texts are shown as they are."""
        self.numbers_shown |= {self.named(name): value for name, value in values.items()}
        self.blocks.append({"kind": "numbers", "values": {name: _words(value) for name, value in values.items()}})

    def table(self, name: str, header: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str) -> None:
        """Show a table, and write it as `<name>.csv`."""
        name, text = self.named(name), io.StringIO()
        plain = [[" ".join(text for text, _ in _pieces(cell)) for cell in row] for row in rows]
        csv.writer(text, lineterminator="\n").writerows([header, *plain])
        self.directory.write_text(f"{name}.csv", text.getvalue())
        shown = [[_shown_cell(cell) for cell in row] for row in rows]
        about = {"name": name, "file": f"{name}.csv", "caption": caption}
        self.blocks.append({"kind": "table", **about, "header": header, "rows": shown})

    def kept(self, name: str, make: Callable[[], Mapping[str, Any]]) -> dict[str, np.ndarray]:
        """The arrays that `make` makes, made once: they are kept in `<name>.npz`, and read from there the next time.

        Args:
            name: of the piece of work.
            make: returns arrays by name; `finished` has those of a `Result`.

        Raises:
            UsageError: what the libraries cannot do (`ValueError`, `OSError`, `MemoryError`).
        """
        name = self.named(name)
        file = f"{name}.npz"
        if (self.directory.path / file).exists():
            _LOG.info("%s is there", self.directory.path / file)
        else:
            with usage_errors(), Stopwatch() as watch:
                made = make()
                seconds = round(watch.lap().wall, 3)
            self.directory.write_arrays(file, made)
            metrics = self.directory.metrics
            times = metrics.get("seconds", {}) | {name: seconds}
            self.directory.write_json(METRICS, {**metrics, "finished": False, "seconds": times})
        return self.directory.read_arrays(file)

    def write(
        self, notice: str = "", made: Mapping[str, str] | None = None, files: Sequence[str] = (), name: str = INDEX
    ) -> None:
        """Write the page.

        Args:
            notice: what should be read first, such as that the run is not finished.
            made: more rows for the list that says how the page was made.
            files: of the run, linked at the end.
            name: of its file.
        """
        html = page.render(
            "figures.html",
            title=self.title,
            lede=self.lede,
            notice=notice,
            blocks=[*self.blocks, *self._listed_units()],
            linked=partial(page.linked, known=frozenset(self.units)),
            provenance=page.provenance(self.directory.config) | dict(made or {}),
            files=files,
        )
        self.directory.write_text(name, html)

    def _listed_units(self) -> list[dict[str, Any]]:
        """The last section, of the units that are known."""
        if not self.units:
            return []
        known = sorted(self.units, key=page.order)
        tiles = [self.tile(page.anchor(label), self.units[label], label) for label in known]
        heading = {"kind": "section", "heading": "Units on this page", "text": "", "level": 2}
        return [heading, {"kind": "gallery", "tiles": tiles}]

    def _shown(self, image: Picture, name: str) -> dict[str, Any]:
        file = image if isinstance(image, str) else f"images/{name}.png"
        given = isinstance(image, str)
        width, height = self.directory.open_image(file).size if given else self.directory.write_image(file, image)
        return {"image": file, "width": width, "height": height}


def finished(result: featvis.Result) -> dict[str, np.ndarray]:
    """What is kept of a result: `images`, `history` and `scores`.

    Raises:
        KeyboardInterrupt: the result was interrupted, so that the piece of work is not done.
    """
    if result.interrupted:
        raise KeyboardInterrupt
    return {"images": result.images, "history": result.history, "scores": result.scores}


def run(
    experiment: str,
    config: Options,
    title: str,
    lede: str,
    draw: Callable[[Figures, inception_jax.Model], None],
    found: Mapping[str, Any] | None = None,
) -> int:
    """Run an experiment whose results are figures of a model; returns the exit code.

    A finished run says so and does nothing, an interrupted one goes on where it stopped, `--force` starts over.

    Args:
        experiment: its name.
        config: its options.
        title: of its page.
        lede: one or two sentences that say what the page shows.
        draw: adds figures, tables and numbers to the page.
        found: what decides the results in place of options that say it otherwise, such as a file by its path.

    Raises:
        UsageError: the request cannot be met.
    """
    model = load_model(config)
    known = provenance.model_facts(model)
    settings = provenance.settings(experiment, config, known, **(found or {}))
    path = config.out or Path("results", experiment, f"{model.name}-{identity(settings)[:8]}")
    directory = open_run(path, settings, provenance.facts(experiment, config, known), force=config.force)
    if directory.metrics.get("finished") and directory.newer(INDEX, METRICS):
        print(f"finished before, nothing to do (--force starts over): {path / INDEX}")
        return 0
    figures = Figures(directory, title, lede)
    try:
        draw(figures, model)
    except KeyboardInterrupt:
        if not directory.metrics:
            raise
        figures.write("This run was interrupted. The command below goes on where it stopped.", files=_files(path))
        print(f"interrupted; the same command goes on: {path / INDEX}")
        return 130
    metrics = directory.metrics
    seconds = metrics.get("seconds", {})
    found = {"numbers": figures.numbers_shown, "claims": figures.claims, "units": list(figures.units)}
    directory.write_json(METRICS, {"finished": True, "seconds": seconds, **found})
    figures.write(made={"Made in": page.duration(sum(seconds.values()))}, files=_files(path))
    print(path / INDEX)
    return 0


def _files(path: Path) -> list[str]:
    return [METRICS, CONFIG, *sorted(file.name for kind in ("*.csv", "*.npz") for file in path.glob(kind))]


def _pieces(cell: Cell) -> list[tuple[str, str]]:
    """Words of a cell with where they lead; numbers in full."""
    if isinstance(cell, Link):
        return [cell]
    return [(str(cell), "")] if isinstance(cell, str | int | float) else list(cell)


def _shown_cell(cell: Cell) -> tuple[list[tuple[str, str]], bool]:
    """Words for people with where they lead, and whether they are a number."""
    number = isinstance(cell, int | float)
    return [(_words(cell), "")] if number else _pieces(cell), number


def _words(value: Value) -> str:
    """A number for people.

    >>> _words(6998552), _words(0.123456), _words("12 %")
    ('6,998,552', '0.1235', '12 %')
    """
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
