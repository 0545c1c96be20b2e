"""The page of figures, and runs that make one."""

import csv
import html.parser
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

import featvis
import inception_jax
from experiments import figures
from experiments.figures import Figures, finished
from experiments.options import Options, UsageError
from experiments.rundir import open_run

HOSTILE = "<script>alert(1)</script> & 'quoted'"
FACTS = {
    "command": "python -m experiments toy",
    "model": {"architecture": "toy"},
    "seed": 0,
    "device": "cpu",
    "versions": {"jax": "1"},
    "git_commit": None,
    "started": "2020-01-01T00:00:00+00:00",
}


class Document(html.parser.HTMLParser):
    """Tags with their attributes, and the text inside each kind of tag."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.path, self.source = path, path.read_text()
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.tags[-1][0], data.strip()))

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]

    def text(self, name: str) -> list[str]:
        return [text for tag, text in self.texts if tag == name]


@pytest.fixture
def empty(tmp_path: Path) -> Figures:
    directory = open_run(tmp_path / "run", {"a": 1}, FACTS)
    return Figures(directory, "A title", "What is to be seen.")


def written(page: Figures) -> Document:
    page.write()
    return Document(page.directory.path / "index.html")


def test_everything_is_on_the_page_in_order(empty: Figures) -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 24, 3)) / 255
    empty.numbers({"score": 0.123456, "units": 6998552, "share": "12 %"})
    empty.section("First", "About it.")
    empty.figure("one", image, "A caption.", alt="One thing", rows=[["a", "b", "c"], ["1", "2", "3"]])
    empty.section("", "More about it.")
    empty.gallery([empty.tile("unit-3", image, "unit 3", caption="0.5", note="early", curve=np.array([0.0, 1.0]))])
    empty.section("Second")
    empty.figure("two", Image.new("L", (5, 4)), "Another.", alt="Two", link="https://distill.pub", coarse=True)
    empty.table("scores", ["unit", "score"], [["a", 0.25], ["b", 1234567]], "Scores.")
    document = written(empty)

    marks = ["A title", "What is to be seen", "0.1235", "6,998,552", "12 %", "First", "About it", "Figure 1."]
    marks += [
        "A caption",
        "More about it",
        "unit 3",
        "early",
        "Second",
        "Figure 2.",
        "Another",
        "1,234,567",
        "How this",
    ]
    places = [document.source.index(mark, document.source.index("<main>")) for mark in marks]
    assert places == sorted(places)
    assert document.text("h2") == ["First", "Second", "How this was made"]
    assert [row for row in document.text("span") if len(row) == 1] == ["a", "b", "c", "1", "2", "3"]
    assert [(i["src"], i["width"], i["height"], i["alt"]) for i in document.all("img")] == [
        ("images/one.png", "24", "8", "One thing"),
        ("images/unit-3.png", "24", "8", "unit 3"),
        ("images/two.png", "5", "4", "Two"),
    ]
    links = [link["href"] for link in document.all("a")]
    assert links == ["images/one.png", "images/unit-3.png", "https://distill.pub", "scores.csv"]
    assert [figure["class"] for figure in document.all("figure")] == ["figure", "tile", "figure coarse", "figure"]
    (curve,) = document.all("polyline")
    assert curve["points"] == "0,27 120,1"
    with Image.open(empty.directory.path / "images/one.png") as shown:
        np.testing.assert_array_equal(np.asarray(shown), image * 255)
    rows = list(csv.reader((empty.directory.path / "scores.csv").read_text().splitlines()))
    assert rows == [["unit", "score"], ["a", "0.25"], ["b", "1234567"]]
    assert [cell.get("class") for cell in document.all("th") + document.all("td")] == [None, "number"] * 3


def test_a_picture_that_is_there_is_shown_from_its_place(empty: Figures) -> None:
    empty.directory.write_image("sheet.png", np.zeros((3, 2, 3)))
    empty.figure("sheet", "sheet.png", "All.", alt="A sheet")
    (image,) = written(empty).all("img")
    assert (image["src"], image["width"], image["height"]) == ("sheet.png", "2", "3")
    assert not (empty.directory.path / "images").exists()


def test_all_texts_are_escaped(empty: Figures) -> None:
    image = np.zeros((2, 2, 3))
    page = Figures(empty.directory, HOSTILE, HOSTILE)
    page.section(HOSTILE, HOSTILE)
    page.figure("a", image, HOSTILE, alt=HOSTILE, rows=[[HOSTILE]])
    page.gallery([page.tile("b", image, HOSTILE, caption=HOSTILE, note=HOSTILE)])
    page.numbers({HOSTILE: HOSTILE})
    page.table("c", [HOSTILE], [[HOSTILE]], HOSTILE)
    page.write(HOSTILE, {HOSTILE: HOSTILE})
    document = Document(empty.directory.path / "index.html")
    assert not document.all("script")
    assert "<script" not in document.source
    # The page's title twice, its lede and notice; two of the section; two of the figure; three of the tile; two of the
    # number; three of the table; two of how it was made.
    assert len([text for _, text in document.texts if HOSTILE in text]) == 18
    assert [image["alt"] for image in document.all("img")] == [HOSTILE, HOSTILE]


def test_pages_refer_to_nothing_outside(empty: Figures) -> None:
    empty.figure("a", np.zeros((2, 2, 3)), "b", alt="c")
    document = written(empty)
    assert not re.search(r"https?://|url\(|@import|<link|<script", document.source)


@pytest.mark.parametrize("name", ["One", "../a", "a b", "", "there"])
def test_names_that_figures_cannot_have(empty: Figures, name: str) -> None:
    empty.figure("there", np.zeros((2, 2, 3)), "", alt="")
    with pytest.raises(
        ValueError, match=f"^a figure cannot be called '{name}'; expected small letters, digits, _ and -"
    ):
        empty.figure(name, np.zeros((2, 2, 3)), "", alt="")


def test_pieces_of_work_are_done_once(empty: Figures) -> None:
    calls = []

    def make() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"x": np.arange(3), "name": np.array("text")}

    for _ in range(2):
        kept = empty.kept("piece", make)
        assert kept["x"].tolist() == [0, 1, 2]
        assert kept["name"] == "text"
    assert len(calls) == 1
    assert empty.directory.metrics["finished"] is False
    assert empty.directory.metrics["seconds"].keys() == {"piece"}


def result(interrupted: bool) -> featvis.Result:
    arrays = {"images": np.ones((1, 2, 2, 3)), "history": np.zeros((1, 4)), "scores": np.full(1, 0.5)}
    return Mock(featvis.Result, **arrays, interrupted=interrupted)


def test_results_are_kept_unless_interrupted(empty: Figures) -> None:
    with pytest.raises(KeyboardInterrupt):
        empty.kept("drawn", lambda: finished(result(interrupted=True)))
    assert empty.directory.metrics == {}
    kept = empty.kept("drawn", lambda: finished(result(interrupted=False)))
    assert {name: array.shape for name, array in kept.items()} == {
        "images": (1, 2, 2, 3),
        "history": (1, 4),
        "scores": (1,),
    }


def test_what_the_libraries_refuse_is_a_usage_error(empty: Figures) -> None:
    def refuse() -> dict[str, np.ndarray]:
        raise ValueError("no layer 'mixed4f'")

    with pytest.raises(UsageError, match=r"^no layer 'mixed4f'$"):
        empty.kept("piece", refuse)
    assert not list(empty.directory.path.glob("*.npz"))


@dataclass(frozen=True)
class Toy(Options):
    scale: float = 2.0


class Bench:
    """A toy experiment of two pieces of work that counts them, and can be interrupted before one."""

    def __init__(self, weights: Path, out: Path) -> None:
        self.weights, self.out = str(weights), out
        self.done: list[str] = []
        self.stop_before = ""

    def run(self, *, force: bool = False, scale: float = 2.0) -> int:
        config = Toy(model=self.weights, out=self.out, force=force, scale=scale)
        return figures.run("toy", config, "Toy", "A toy.", lambda page, model: self.draw(page, model, config))

    def draw(self, page: Figures, model: inception_jax.Model, config: Toy) -> None:
        for name in ("first", "second"):
            kept = page.kept(name, self.piece(name, model, config))
            page.figure(name, kept["image"], f"The {name}.", alt=name)
        page.numbers({"scale": config.scale})

    def piece(self, name: str, model: inception_jax.Model, config: Toy) -> Callable[[], dict[str, np.ndarray]]:
        def make() -> dict[str, np.ndarray]:
            if name == self.stop_before:
                raise KeyboardInterrupt
            self.done.append(name)
            kernel = np.asarray(model.weights["conv2d0"]["kernel"])[..., 0]
            return {"image": config.scale * kernel}

        return make


@pytest.fixture
def bench(toy_weights: Path, tmp_path: Path) -> Bench:
    return Bench(toy_weights, tmp_path / "out")


def test_a_run_is_made_once(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.run() == 0
    assert bench.done == ["first", "second"]
    files = sorted(str(f.relative_to(bench.out)) for f in bench.out.rglob("*") if f.is_file())
    images = ["images/first.png", "images/second.png"]
    assert files == sorted([*images, "config.json", "first.npz", "second.npz", "index.html", "metrics.json"])
    document = Document(bench.out / "index.html")
    for link in [a["href"] for a in document.all("a")] + [image["src"] for image in document.all("img")]:
        assert (bench.out / (link or "?")).is_file()
    metrics = json.loads((bench.out / "metrics.json").read_text())
    assert metrics["finished"] is True
    assert metrics["numbers"] == {"scale": 2.0}
    assert metrics["seconds"].keys() == {"first", "second"}
    config = json.loads((bench.out / "config.json").read_text())
    assert config["settings"]["scale"] == 2.0
    assert config["model"]["architecture"] == "inception5h-x0.0625"
    assert capsys.readouterr().out == f"{bench.out / 'index.html'}\n"

    before = {f: f.stat().st_mtime_ns for f in bench.out.rglob("*")}
    assert bench.run() == 0
    assert capsys.readouterr().out.startswith("finished before, nothing to do (--force starts over): ")
    assert {f: f.stat().st_mtime_ns for f in bench.out.rglob("*")} == before
    with pytest.raises(UsageError, match=r"holds a run with other settings \(scale 2.0 there, 3.0 here\)"):
        bench.run(scale=3.0)
    assert bench.run(scale=3.0, force=True) == 0
    assert bench.done == ["first", "second"] * 2


def test_an_interrupted_run_goes_on(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.stop_before = "first"
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert not (bench.out / "index.html").exists()
    bench.stop_before = "second"
    assert bench.run() == 130
    assert capsys.readouterr().out == f"interrupted; the same command goes on: {bench.out / 'index.html'}\n"
    document = Document(bench.out / "index.html")
    assert "This run was interrupted" in document.source
    assert [image["alt"] for image in document.all("img")] == ["first"]
    bench.stop_before = ""
    assert bench.run() == 0
    assert bench.done == ["first", "second"]
    assert "This run was interrupted" not in (bench.out / "index.html").read_text()


def test_a_page_that_was_not_written_is_written_from_what_is_kept(bench: Bench) -> None:
    assert bench.run() == 0
    page = (bench.out / "index.html").read_text()
    (bench.out / "index.html").unlink()
    assert bench.run() == 0
    assert bench.done == ["first", "second"]
    assert (bench.out / "index.html").read_text() == page


def test_by_default_runs_have_a_directory_of_their_own(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        assert figures.run("toy", Toy(model=bench.weights, seed=seed), "Toy", "", lambda *_: None) == 0
    folders = sorted((tmp_path / "results" / "toy").iterdir())
    assert len(folders) == 2
    assert all(folder.name.startswith("inception5h-x0.0625-") for folder in folders)
    assert set(capsys.readouterr().out.split()) == {str(f.relative_to(tmp_path) / "index.html") for f in folders}


def test_labels_of_units_lead_to_their_pictures(empty: Figures) -> None:
    image = np.zeros((8, 8, 3))
    empty.know({"mixed3b:12": image, "mixed3b:2": image})
    empty.section("First", "From mixed3b:2 to mixed3b:12, not to mixed3b:1 or amixed3b:2.")
    empty.figure("one", image, "Of mixed3b:12.", alt="One", rows=[["mixed3b:2"]])
    empty.table("units", ["unit"], [["mixed3b:2 and <mixed3b:3>"]], "Units.")
    document = written(empty)
    leading = [a["href"] for a in document.all("a") if str(a["href"]).startswith("#")]
    first, second = "#unit-mixed3b-2", "#unit-mixed3b-12"
    assert leading == [first, second, first, second, first]
    places = [figure["id"] for figure in document.all("figure")]
    assert places[-2:] == ["unit-mixed3b-2", "unit-mixed3b-12"], "by number, at the end"
    assert (empty.directory.path / "images" / "unit-mixed3b-2.png").exists()


def test_words_in_tables_lead_somewhere(empty: Figures) -> None:
    links = [figures.Link("one", "a.html"), figures.Link("<two>", "b.html#c")]
    empty.table("links", ["single", "several", "count"], [[links[0], links, 3]], "Links.")
    document = written(empty)
    assert [a["href"] for a in document.all("a")][:3] == ["a.html", "a.html", "b.html#c"]
    assert list(csv.reader((empty.directory.path / "links.csv").read_text().splitlines())) == [
        ["single", "several", "count"],
        ["one", "one <two>", "3"],
    ]


def test_claims_say_in_words_what_became_of_them(empty: Figures) -> None:
    claim = {"text": HOSTILE, "expected": "more", "basis": "weights", "measured": None, "published": 0.5, "rows": ()}
    given = {"holds": "", "fails": "", "not asked": "no photographs"}
    empty.state([{**claim, "status": status, "why": why} for status, why in given.items()])
    document = written(empty)
    words = [status for status in given for text in document.text("td") if text.endswith(f" {status}")]
    assert words == list(given), "with a mark each, for those who do not see colours"
    assert "no photographs" in document.source
    assert "None" not in document.text("td")
    assert not document.all("script")
