"""The site in a browser, opened from disk: links, grids, search, circuits, the atlas, keys, phones, contrast."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from microscope_toys import LAYERS, Toy
from playwright.sync_api import Browser, Page, expect

import inception_jax
from experiments.microscope import pages
from experiments.microscope.connections import Connections
from experiments.microscope.facts import Sources
from experiments.microscope.responses import Responses

Visit = Callable[[str], Page]


def test_every_link_leads_somewhere(visit: Visit, toy: Toy) -> None:
    """A crawl from the first page, of at most three units of each layer."""
    waiting, seen, units = ["index.html"], {"index.html"}, dict.fromkeys(LAYERS, 0)
    while waiting:
        name = waiting.pop()
        page = visit(name)
        assert page.title()
        links = page.eval_on_selector_all(
            "a[href], img[src], link[href], script[src], image[href]",
            "all => all.map(one => one.href?.baseVal ?? one.href ?? one.src)",
        )
        for link in links:
            target = re.sub(r"[?#].*", "", link)
            if not target or target.startswith("data:"):
                continue
            # What svg elements name is relative to the page.
            path = (
                Path(target.removeprefix("file://"))
                if target.startswith("file:")
                else toy.out / Path(name).parent / target
            )
            inside = path.resolve().relative_to(toy.out)
            assert path.is_file(), f"{name} leads to {link}"
            unit = re.fullmatch(r"(\w+)/\d+/index\.html", str(inside))
            if path.suffix == ".html" and str(inside) not in seen and (not unit or units[unit[1]] < 3):
                if unit:
                    units[unit[1]] += 1
                seen.add(str(inside))
                waiting.append(str(inside))
    assert {"units.html", "circuit.html", "atlas.html", "photographs/index.html"} <= seen
    assert set(units.values()) == {3}


def test_pictures_are_there_and_have_words(visit: Visit) -> None:
    page = visit("mixed3a/2/index.html")
    page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
    assert page.eval_on_selector_all("img", "all => all.every(one => one.naturalWidth > 0 && one.alt)")
    assert page.eval_on_selector_all(
        "[role=img]", "all => all.length > 20 && all.every(one => one.getAttribute('aria-label'))"
    )
    assert page.eval_on_selector_all("input, select", "all => all.every(one => one.labels.length)")
    # Every background that icons and crops name can be loaded.
    urls = page.eval_on_selector_all(
        ".icon, .crop", "all => [...new Set(all.map(one => getComputedStyle(one).backgroundImage))]"
    )
    assert len(urls) >= 4
    for url in urls:
        path = Path(url.removeprefix('url("file://').removesuffix('")'))
        assert path.is_file(), url


def test_grids_filter_sort_and_remember(visit: Visit, toy: Toy) -> None:
    page = visit("mixed3a/index.html")
    count = page.locator("#count")
    expect(count).to_have_text("16 shown")
    page.get_by_label("Branch").select_option("5x5")
    expect(count).to_have_text("4 shown")
    page.get_by_label("Sort by").select_option("high")
    page.get_by_label("backwards").check()
    assert page.url.endswith("#branch=5x5&sort=high&reverse=1")
    high = [fact["photographs"]["high"] for fact in toy.facts("mixed3a")]
    expected = sorted(range(8, 12), key=lambda unit: high[unit])
    shown = page.eval_on_selector_all(".grid a:not([hidden])", "all => all.map(one => Number(one.textContent))")
    assert shown == expected
    again = visit("mixed3a/index.html#branch=5x5&sort=high&reverse=1")
    expect(again.locator("#count")).to_have_text("4 shown")
    assert again.get_by_label("Sort by").input_value() == "high"
    again.get_by_label("Find", exact=True).fill("9")
    expect(again.locator("#count")).to_have_text("1 shown")
    again.go_back()
    expect(again.locator("#count")).to_have_text("4 shown")


def test_search_and_keys(visit: Visit) -> None:
    page = visit("index.html")
    page.keyboard.press("/")
    page.keyboard.type("mixed3a:2")
    options = page.locator("#found [role=option]")
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/mixed3a/2/index.html")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/mixed3a/3/index.html")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**/mixed3a/2/index.html")
    page.keyboard.press("g")
    page.wait_for_url("**/circuit.html#units=mixed3a:2")
    page.go_back()
    page.keyboard.press("ArrowUp")
    page.wait_for_url("**/mixed3a/index.html")
    page.get_by_role("combobox", name="Find a unit").fill("7")
    expect(page.locator("#found [role=option]")).to_have_count(
        len([layer for layer in LAYERS if layer != "conv2d0" and layer != "conv2d1"])
    )
    page.get_by_role("combobox", name="Find a unit").fill("no such unit")
    expect(page.locator("#found")).to_have_text("No unit found")


def test_circuits_grow_shrink_and_remember(visit: Visit, toy: Toy) -> None:
    page = visit("circuit.html#units=mixed3b:3")
    nodes = page.locator(".node")
    expect(nodes).to_have_count(1)
    page.get_by_label("Grow backwards from mixed3b:3").click()
    expect(nodes).to_have_count(5)
    facts = toy.facts("mixed3b")[3]["weights"]["inputs"]
    strongest = [f"mixed3a:{one['unit']}" for one in facts["neighbours"][:4]]
    assert set(page.eval_on_selector_all(".node", "all => all.map(one => one.dataset.unit)")) == {
        "mixed3b:3",
        *strongest,
    }
    assert page.url.endswith("#units=mixed3b:3," + ",".join(strongest))
    edges = page.locator("#graph .edge")
    expect(edges).to_have_count(4)
    inhibiting = sum(one["net"] < 0 for one in facts["neighbours"][:4])
    expect(page.locator("#graph .edge.inhibits")).to_have_count(inhibiting)
    expect(page.locator("#chosen li")).to_have_count(4)
    page.get_by_label(f"Grow backwards from {strongest[0]}").click()
    expect(nodes).to_have_count(9)
    address = page.url
    page.go_back()
    expect(nodes).to_have_count(5)
    expect(visit(address.removeprefix(f"{toy.out.as_uri()}/")).locator(".node")).to_have_count(9)
    # A line shows its weights, and pruning leaves the strongest.
    page = visit("circuit.html#units=mixed3b:3," + ",".join(strongest))
    page.locator("#graph .edge").first.dispatch_event("click")
    expect(page.locator("#chosen svg.tile")).to_have_count(1)
    page.get_by_label("Weights of at least").fill("100")
    expect(page.locator("#graph .edge")).to_have_count(1)
    expect(page.locator(".node")).to_have_count(2)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".node")).to_have_count(0)
    page.get_by_label("Add").fill("mixed3a/1")
    page.keyboard.press("Enter")
    expect(page.locator(".node")).to_have_count(1)
    page.get_by_label("Add").fill("mixed9z:1")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("No unit mixed9z:1")
    visit("circuit.html#units=mixed3a:999,evil<b>:1,mixed3a:0x1&least=no")
    expect(page.locator(".node")).to_have_count(0)


def test_the_atlas_zooms_and_shows_classes(visit: Visit, toy: Toy) -> None:
    page = visit("atlas.html")
    known = json.loads((toy.out / "data" / "atlas.json").read_text())
    cells = page.locator(".cell")
    expect(cells).to_have_count(len(known["cells"]))
    wide = cells.first.bounding_box()
    page.get_by_label("Zoom in").click()
    larger = cells.first.bounding_box()
    assert wide
    assert larger
    assert larger["width"] == pytest.approx(1.4 * wide["width"], rel=0.01)
    name = known["cells"][0]["classes"][0]
    page.locator("select[name=class]").select_option(name)
    expect(page.locator(".cell.on")).to_have_count(sum(name in cell["classes"] for cell in known["cells"]))
    address = page.url.removeprefix(f"{toy.out.as_uri()}/")
    again = visit(address)
    expect(again.locator(".cell.dim")).to_have_count(sum(name not in cell["classes"] for cell in known["cells"]))
    box = again.locator(".cell").first.bounding_box()
    assert box
    assert box["width"] == pytest.approx(larger["width"], rel=0.01)


@pytest.mark.parametrize(
    "name", ["index.html", "mixed3a/2/index.html", "mixed3a/index.html", "circuit.html", "atlas.html"]
)
def test_phones_need_not_scroll_sideways(visit: Visit, name: str) -> None:
    page = visit(name)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


def test_five_thousand_units_scroll(browser: Browser, tmp_path: Path) -> None:
    """The page of all units of InceptionV1: 5,804 icons, of which no frame waits for long."""
    arch = inception_jax.INCEPTION5H
    model = inception_jax.initialise(arch.scaled(1 / 16), seed=0)
    counts = {layer: inception_jax.graph.graph(arch)[layer].op.units for layer in arch.main_layers}

    class Wide(Sources):
        def count(self, layer: str) -> int:
            return counts[layer]

    nothing = dict.fromkeys(counts, Connections())
    sources = Wide(model, list(counts), {key: {} for key in counts}, nothing, Responses({}, ()), None)
    made = pages.Pages(sources, [], False)
    fact = {"photographs": None, "visualisations": [], "families": [], "branch": ""}
    columns = {layer: made.columns(layer, [fact] * count) for layer, count in counts.items()}
    (tmp_path / "units.html").write_text(made.grid("All units", "", columns, 0))
    (tmp_path / "assets").mkdir()
    for asset in pages.ASSETS.iterdir():
        (tmp_path / "assets" / asset.name).write_bytes(asset.read_bytes())
    (tmp_path / "assets" / "layers.css").write_text(pages.layers_style(list(counts)))
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((tmp_path / "units.html").as_uri())
    expect(page.locator("#count")).to_have_text("5,804 shown")
    longest = page.evaluate(
        """() => new Promise(resolve => {
          const times = [performance.now()];
          const step = now => {
            times.push(now);
            scrollBy(0, 400);
            const end = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
            if (!end && times.length < 400) requestAnimationFrame(step);
            else resolve(Math.max(...times.slice(2).map((t, i) => t - times[i + 1])));
          };
          requestAnimationFrame(step);
        })"""
    )
    # Frames come every 17 ms where nothing else runs; half a second would be felt on any machine.
    assert longest < 500
    assert page.evaluate("scrollY") > 5000
    page.close()


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of two colours."""

    def light(colour: str) -> float:
        digits = colour.lstrip("#")
        digits = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
        values = np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)]) / 255
        linear = np.where(values <= 0.03928, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_read() -> None:
    style = (pages.ASSETS / "microscope.css").read_text()
    schemes = [
        dict(re.findall(r"--([\w]+): (#\w+);", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(schemes) == 2
    for colours in schemes:
        for paper in ("paper", "card"):
            for ink in ("ink", "soft", "accent"):
                assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
            for line in ("excites", "inhibits"):
                assert contrast(colours[line], colours[paper]) >= 3, (line, paper)


def test_names_with_markup_do_nothing(browser: Browser, tmp_path: Path, toy: Toy) -> None:
    """A class and a family that would run a script."""
    evil = "<img src=x onerror=\"document.title='run'\"></script><script>document.title='run'</script>"
    made = pages.Pages(
        Sources(
            toy.model,
            list(LAYERS),
            {key: {} for key in LAYERS},
            dict.fromkeys(LAYERS, Connections()),
            Responses({}, ()),
            None,
        ),
        [],
        True,
    )
    family = {"name": evil, "about": "", "size": 1, "score": None, "orientation": None, "period": None, "siblings": []}
    fact = toy.facts("mixed3a")[0] | {"families": [family], "layer": "mixed3a"}
    fact["photographs"] = {**fact["photographs"], "classes": [{"name": evil, "mean": 1}], "selectivity": 1.0}
    others = [fact | {"unit": n} for n in range(16)]
    folder = tmp_path / "mixed3a" / "0"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(made.unit(fact, (8, 8), evil))
    columns = {"mixed3a": made.columns("mixed3a", others)}
    (folder.parent / "index.html").write_text(made.grid(evil, evil, columns, 1))
    cell = {"row": 0, "column": 0, "size": 1, "samples": 3, "photographs": 1, "classes": [evil], "icon": ""}
    atlas = {"layer": "mixed3a", "rows": 1, "columns": 1, "across": 1, "cells": [cell]}
    (tmp_path / "atlas.html").write_text(
        made.atlas(atlas | {"made": dict.fromkeys(("Command", "Seed", "Device"), evil)})
    )
    (tmp_path / "assets").mkdir()
    (tmp_path / "data").mkdir()
    for asset in pages.ASSETS.iterdir():
        (tmp_path / "assets" / asset.name).write_bytes(asset.read_bytes())
    words = {"layers": [{"name": "mixed3a", "units": 1, "words": [evil]}]}
    (tmp_path / "data" / "index.js").write_text(f'microscope.take("index",\n{json.dumps(words)}\n)\n')
    page = browser.new_page()
    for name in ("mixed3a/0/index.html", "mixed3a/index.html", "atlas.html"):
        page.goto((tmp_path / name).as_uri())
        page.get_by_role("combobox", name="Find a unit").fill("mixed3a:0")
        expect(page.locator("#found [role=option]")).to_have_count(1)
        page.wait_for_timeout(100)
        assert page.title() != "run"
        assert page.locator("img[src='x']").count() == 0
    page.close()
