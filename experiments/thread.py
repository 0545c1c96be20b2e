"""Thread: Circuits, article by article: figures from the weights of one network, numbers beside the published ones.

- Command: python -m experiments thread --model ../shared/weights/bvlc_googlenet.npz
- Time: with --model bvlc_googlenet on two CPU cores 90 minutes beside other work; with --quick 11 minutes, once its
  programs are compiled
- Expect: a page for each article and one over all of them, with what agrees, what does not, and what could not be
  asked. With the weights of inception5h units go by their published numbers; of any other network they are found by
  what they respond to, and what the articles say is tested on a network that their authors did not study
- Resume: Ctrl-C keeps what is done, the same command goes on from there
"""

import dataclasses
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jax

import inception_jax
from experiments import articles, figures
from experiments.figures import INDEX, Figures, Link
from experiments.options import UsageError
from experiments.page import anchor, duration, order
from experiments.rundir import METRICS, RunDirectory
from experiments.study import ArticleOptions, Claim
from experiments.study.claims import counted, rows
from experiments.study.options import resolved
from inception_jax.readers.contents import plain

COMMON = "common"
"""Folder of what several articles need."""


@dataclass(frozen=True)
class Config(ArticleOptions):
    """Which articles."""

    articles: tuple[str, ...] = ()
    """Names of articles; by default all."""


@dataclass(frozen=True)
class Told:
    """What an article's run came to.

    Attributes:
        name: of its command.
        claims: that it made, none if it failed.
        seconds: that it took.
        units: that its page shows.
        error: why it failed.
    """

    name: str
    claims: tuple[Claim, ...] = ()
    seconds: float = 0.0
    units: tuple[str, ...] = ()
    error: str = ""

    @property
    def title(self) -> str:
        """Of the article: the first words of its card."""
        return title(articles.ARTICLES[self.name].__doc__)


def run(config: Config) -> int:
    """Run the articles, each into a folder of its own, and write the page over all; returns the exit code.

    An article that fails does not stop the others.

    Raises:
        UsageError: the request cannot be met, or an article failed: the page says which, and why.
    """
    if unknown := [name for name in config.articles if name not in articles.ARTICLES]:
        raise UsageError(f"there is no article {unknown[0]!r}; expected some of {', '.join(articles.ARTICLES)}")
    known = resolved(config)
    lede = (
        "What can be learned by reverse engineering one network, neuron by neuron and weight by weight? Every figure "
        "here was made from the weights, and every number stands beside the one that was published."
    )

    def draw(page: Figures, model: inception_jax.Model) -> None:
        told = []
        for name in config.articles or articles.ARTICLES:
            told.append(_run_one(name, known, page.directory))
            jax.clear_caches()  # Programs of a dozen articles are too many for one process.
        _summarise(page, model, told)
        if failed := [one for one in told if one.error]:
            page.write("Some articles could not be made; the table says why.")
            raise UsageError(f"{failed[0].name}: {failed[0].error}; the others are in {page.directory.path / INDEX}")

    found = {"published": known.published is not None}
    return figures.run("thread", known, "Thread: Circuits", lede, draw, found)


def title(card: str | None) -> str:
    """Of an article: its card's first line, up to the colon.

    >>> title("Zoom In: an introduction to circuits.")
    'Zoom In'
    """
    return (card or "").strip().splitlines()[0].partition(":")[0]


def _run_one(name: str, config: Config, directory: RunDirectory) -> Told:
    """Run an article, or find that it has been run; what it takes is added to what it took before."""
    folder, begun = directory.path, time.monotonic()
    module: Any = articles.ARTICLES[name]
    shared = {field.name: getattr(config, field.name) for field in dataclasses.fields(ArticleOptions)}
    own = module.Config(**shared | {"out": folder / name, "common": folder / COMMON})
    print(f"{name}: ", end="", flush=True)
    try:
        if module.run(own):
            raise KeyboardInterrupt
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return Told(name, error=str(error))
    finally:
        seconds = directory.metrics.get("seconds", {})
        seconds[name] = round(seconds.get(name, 0.0) + time.monotonic() - begun, 1)
        directory.write_json(METRICS, {"finished": False, "seconds": seconds})
    return _told(name, RunDirectory(folder / name), seconds[name])


def _told(name: str, directory: RunDirectory, seconds: float) -> Told:
    """What the directory of a finished run tells."""
    metrics = directory.metrics
    try:
        claims = tuple(_claim(one) for one in metrics["claims"])
        shown = tuple(map(str, metrics["units"]))
        _ = sorted(shown, key=order)
    except (TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"cannot read {directory.path / METRICS}: {plain(error)}") from error
    return Told(name, claims, seconds, shown)


def _claim(found: Mapping[str, Any]) -> Claim:
    known: dict[str, Any] = {name: value for name, value in found.items() if name not in ("status", "rows")}
    return Claim(**known, rows=tuple(found["rows"]))


def _summarise(page: Figures, model: inception_jax.Model, told: list[Told]) -> None:
    claims = [claim for one in told for claim in one.claims]
    labelled = model.name == "inception5h"
    page.section(
        "Whose units",
        "The network is the one that the articles study: units go by the numbers under which they were published."
        if labelled
        else f"The authors did not study this network, {model.name}. Its units were found by what they respond to, "
        "without labels; where the articles' claims hold, that speaks for their universality.",
    )
    page.numbers(_counts(claims))
    page.section("Articles", f"{counted(claims)}.")
    lines = [
        [
            Link(one.title, f"{one.name}/{INDEX}"),
            *_counts(one.claims).values(),
            one.error or duration(one.seconds),
        ]
        for one in told
    ]
    page.table("articles", ["article", *_counts(()), "time"], lines, "Claims of each article.")
    page.section("Reproductions", "What was to be reproduced, in the order of importance, and what became of it.")
    lines = [_row(number, told) for number in rows()]
    page.table("rows", ["row", "reproduction", "article", "status", "needs"], lines, "By the claims that belong to it.")
    for heading, text, holds in (
        ("What does not agree", "Claims that were asked of this network, and fail.", False),
        ("What could not be asked", "And what is missing.", None),
    ):
        lines = [[one.title, c.text, c.why or c.measured or "", c.published or "", c.expected]
                 for one in told for c in one.claims if c.holds is holds]  # fmt: skip
        if lines:
            page.section(heading, text)
            name = "failing" if holds is False else "open"
            page.table(name, ["article", "claim", "here", "published", "expected"], lines, f"{len(lines)} claims.")
    _list_units(page, told)
    page.section("All claims")
    page.state([claim.as_json() | {"article": one.name} for one in told for claim in one.claims])


def _list_units(page: Figures, told: list[Told]) -> None:
    """Every unit that is shown, and where."""
    shown: dict[str, list[Link]] = {}
    for one in told:
        for label in one.units:
            shown.setdefault(label, []).append(Link(one.title, f"{one.name}/{INDEX}#{anchor(label)}"))
    if shown:
        page.section("Units", "Every unit that an article shows, with all that show it.")
        labels = sorted(shown, key=order)
        page.table("units", ["unit", "shown in"], [[label, shown[label]] for label in labels], f"{len(labels)} units.")


def _counts(claims: Iterable[Claim]) -> dict[str, int]:
    found = Counter(claim.status for claim in claims)
    return {status: found[status] for status in ("holds", "fails", "not asked")}


def _row(number: int, told: list[Told]) -> list[Any]:
    row = rows()[number]
    belonging = [(one.name, claim) for one in told for claim in one.claims if number in claim.rows]
    asked = [claim.holds for _, claim in belonging if claim.holds is not None]
    if not belonging:
        status = "in an article that was not run"
    elif not asked:
        status = f"not asked: {belonging[0][1].why}"
    else:
        status = counted([claim for _, claim in belonging])
    where = belonging[0][0] if belonging else row.article
    link = Link(title(articles.ARTICLES[where].__doc__), f"{where}/{INDEX}") if belonging else where
    return [number, row.name, link, status, row.needs]
