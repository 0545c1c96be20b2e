"""The files of a site: what lacks is said, only what changed is written, the old stays until the new is there."""

import json
import re
import shutil
import warnings
from pathlib import Path

import pytest
from microscope_toys import LAYERS, Toy, draw, job

import inception_jax
from experiments import microscope
from experiments.__main__ import main
from experiments.microscope import writing
from experiments.microscope.site import Site, begin
from experiments.options import UsageError
from featvis.shortform import Unit


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """All files with their inodes and times."""
    there = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in there}


def test_what_is_lacking_is_said(toy: Toy) -> None:
    index = (toy.out / "index.html").read_text()
    total = sum(toy.model.layers[layer] for layer in LAYERS)
    assert f"3 of {total} units are not drawn yet. python -m experiments neurons --sign &lt;both&gt; goes on" in index
    page = (toy.out / "mixed3b" / "5" / "index.html").read_text()
    assert "Not drawn yet." in page
    assert "<code>python -m experiments neurons --sign &lt;both&gt;</code> draws it" in page
    assert "What lowers it has not been drawn" in (toy.out / "mixed3b" / "1" / "index.html").read_text()
    assert "What lowers it has not been drawn" not in (toy.out / "mixed3a" / "1" / "index.html").read_text()


def test_without_photographs_and_drawings(shallow_weights: Path, tmp_path: Path, toy: Toy) -> None:
    shutil.copytree(toy.folder / "work", tmp_path / "work")
    config = microscope.Config(model=str(shallow_weights), out=tmp_path / "site", work=tmp_path / "work", steps=0)
    assert microscope.run(config) == 0
    index = (tmp_path / "site" / "index.html").read_text()
    assert "There are no photographs, and no atlas of them; --images adds them." in index
    assert "units are not drawn yet" in index
    assert "There are no photographs here" in (tmp_path / "site" / "mixed3a" / "0" / "index.html").read_text()
    assert not (tmp_path / "site" / "atlas.html").exists()
    assert "atlas.html" not in index


def test_only_what_changed_is_written(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(toy.out)
    assert toy.make() == 0
    assert f"0 files written, {len(before) - 1} as they were" in capsys.readouterr().out
    after = files(toy.out)
    # The list of what files were made of is always new.
    assert {name for name in before if before[name] != after[name]} == {"data/made.json"}

    added = toy.missing[0]
    store = shutil.copytree(toy.folder / "positive", tmp_path / "more")
    content = json.loads((store / "config.json").read_text())
    content["units"] = content["units"] | {"conv2d2": "0-7"}
    (store / "config.json").write_text(json.dumps(content))
    draw(type(toy.store)(store, toy.store.identity), added)
    options = [str(store) if option == str(toy.folder / "positive") else option for option in toy.options]
    assert main(["microscope", *options]) == 0
    changed = {name for name, at in files(toy.out).items() if after.get(name) != at}
    own = {f"conv2d2/1/{name}" for name in ("index.html", "positive.png")}
    listed = {"units.html", "conv2d2/index.html", "data/units/conv2d2.json", "sprites/conv2d2.webp", "index.html"}
    assert own <= changed <= own | listed | {"data/made.json", "sprites/preview.webp"}
    assert toy.make() == 0


@pytest.mark.parametrize("place", [1, 3])
def test_an_interruption_leaves_the_old_site(toy: Toy, monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    before, layers = files(toy.out), []

    def stopped(*arguments: object) -> object:
        layers.append(arguments[3])
        if len(layers) == place:
            raise KeyboardInterrupt
        return write_layer(*arguments)  # pyright: ignore[reportArgumentType]

    write_layer = writing._write_layer
    with monkeypatch.context() as patch:
        patch.setattr(writing, "_write_layer", stopped)
        assert toy.make() == 130
    assert files(toy.out) == before
    assert toy.make() == 0
    assert files(toy.out).keys() == before.keys()
    assert not list(toy.out.parent.glob(".site*"))


def test_a_swap_that_was_stopped_half_way(tmp_path: Path) -> None:
    site = begin(tmp_path / "site")
    site.text("index.html", "old")
    site.finish()
    (tmp_path / "site").rename(tmp_path / ".site.old")
    again = begin(tmp_path / "site")
    assert (tmp_path / "site" / "index.html").read_text() == "old"
    again.text("index.html", "new")
    again.finish()
    assert (tmp_path / "site" / "index.html").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_files_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError("not supported")

    monkeypatch.setattr("os.link", no_links)
    made: list[str] = []
    for source in ("a", "a", "b"):
        site: Site = begin(tmp_path / "site")
        site.once("slow.txt", source, lambda: made.append("made") or b"slow")
        site.finish()
    assert made == ["made"] * 2
    assert (tmp_path / "site" / "slow.txt").read_bytes() == b"slow"


def test_other_directories_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty and holds no site; give another directory with --out"):
        begin(tmp_path)
    assert (tmp_path / "letters.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "-1"], "--steps is -1; expected 0 or more"),
        (["--grid", "0"], "--grid is 0; expected 1 or more"),
        (
            ["--layers", "mixed3a_1x1"],
            "--layers names mixed3a_1x1; expected some of conv2d0, conv2d1, conv2d2, mixed3a",
        ),
        (["--layers", "mixed3z"], "mixed3z"),
        (["--stores", "{empty}"], "holds no job of units; expected a directory of `neurons` or `feature_vis`"),
        (["--stores", "{other}"], "with other weights"),
        (["--atlas", "{empty}"], "holds no finished atlas; expected a directory of `atlas`"),
        (["--examples", "{other}"], "holds no finished examples of shallow"),
        (["--images", "{nowhere}"], "nowhere"),
    ],
)
def test_bad_requests(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    other = inception_jax.initialise(toy.model.architecture, seed=9)
    job(tmp_path / "other", other, [Unit("mixed3a", 0)])
    (tmp_path / "empty").mkdir()
    places = {name: str(tmp_path / name) for name in ("other", "empty", "nowhere")}
    before = files(toy.out)
    assert toy.make(*(option.format(**places) for option in options)) == 2
    assert message in capsys.readouterr().err
    assert files(toy.out) == before


def test_examples_without_photographs(shallow_weights: Path, tmp_path: Path) -> None:
    config = microscope.Config(
        model=str(shallow_weights), out=tmp_path / "site", work=tmp_path / "work", steps=0, examples=tmp_path
    )
    with pytest.raises(UsageError, match="--examples needs the photographs as well; give them with --images"):
        microscope.run(config)


def test_damaged_visualisations_are_left_out(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = shutil.copytree(toy.folder / "positive", tmp_path / "damaged")
    (store / "images" / "conv2d0" / "0001.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    options = [str(store) if option == str(toy.folder / "positive") else option for option in toy.options]
    options[options.index("--out") + 1] = str(tmp_path / "site")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["microscope", *options]) == 0
    assert re.search(r"left out 1 damaged files, such as .*0001\.png", capsys.readouterr().err)
    assert "Not drawn yet." in (tmp_path / "site" / "conv2d0" / "1" / "index.html").read_text()


def test_names_with_markup_are_shown(toy: Toy) -> None:
    index = (toy.out / "index.html").read_text()
    assert "<both>" not in index
    assert "&lt;both&gt;" in index


def test_data_is_json_and_a_script_of_the_same(toy: Toy) -> None:
    for name in ("index", "edges/mixed3a"):
        text = (toy.out / "data" / f"{name}.js").read_text()
        first, middle, last = text.rstrip("\n").split("\n")
        assert (first, last) == (f'microscope.take("{name}",', ")")
        assert json.loads(middle) == json.loads((toy.out / "data" / f"{name}.json").read_text())
