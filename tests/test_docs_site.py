"""The documentation site builds without a warning, has every public name, and its links and images lead somewhere."""

import dataclasses
import importlib
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import exporting
import pytest
from PIL import Image

from experiments.__main__ import COMMANDS

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, from `python -m sphinx -W --keep-going docs build/docs`."""
    lacking = [
        name for name in ("furo", "myst_nb", "sphinx", "sphinx_copybutton") if not importlib.util.find_spec(name)
    ]
    if not (ROOT / "docs" / "conf.py").exists():
        pytest.skip("not a checkout")
    if lacking and not os.environ.get("CI"):
        pytest.skip(f"needs the `docs` extra: {', '.join(lacking)} not installed")
    made = tmp_path_factory.mktemp("site")
    options = ["-q", "-W", "--keep-going", "-d", str(made / "doctrees"), "docs", str(made / "html")]
    command = [sys.executable, "-m", "sphinx", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return made / "html"


class Page(HTMLParser):
    """What a page refers to, what in it can be referred to, and the text of its signatures."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[str] = []
        self.anchors: set[str] = set()
        self.signatures: list[str] = []
        self.inside = False
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = dict(attrs)
        self.anchors |= {have[key] or "" for key in ("id", "name") if key in have}
        if tag == "a":
            self.links.append(have.get("href") or "")
        if tag == "img":
            self.images.append(have.get("src") or "")
        if tag == "dt" and "sig" in (have.get("class") or "").split():
            self.inside = True
            self.signatures.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "dt"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.signatures[-1] += data


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in sorted(site.rglob("*.html"))}


def nowhere(pages: dict[Path, Page]) -> list[str]:
    """Links inside a site whose page, file or anchor is not there."""
    found = []
    for file, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            there = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchor = unquote(parts.fragment)
            if not there.is_file() or (anchor and there in pages and anchor not in pages[there].anchors):
                found.append(f"{file.name}: {link}")
    return found


def test_every_public_name_is_in_the_index(site: Path) -> None:
    inventory = importlib.import_module("sphinx.util.inventory").InventoryFile
    listed = inventory.loads((site / "objects.inv").read_bytes(), uri="").data
    entered = {name for kind, names in listed.items() if kind.startswith("py:") for name in names}
    public = {f"{module.__name__}.{name}" for module in exporting.modules() for name in module.__all__}
    assert len(public) > 350  # The list is not empty by mistake.
    assert public | {"experiments.store.load"} <= entered


def test_signatures_are_as_somebody_wrote_them(pages: dict[Path, Page]) -> None:
    written = [
        " ".join(text.split()) for file, page in pages.items() if file.parent.name == "api" for text in page.signatures
    ]
    assert any(text.startswith("featvis.render(") and "Sequence[Transform]" in text for text in written)
    assert any("Float[Array, 'n h w 3']" in text or "Float[Array | ndarray, 'n h w 3']" in text for text in written)
    # What Python prints of types and functions: addresses, classes in angle brackets, the paths of aliases.
    assert [text for text in written if re.search(r" at 0x|<class|<function|jaxtyping\.|jaxlib\.", text)] == []


def test_every_command_has_a_page_with_its_options(site: Path) -> None:
    for name, module in COMMANDS.items():
        text = (site / "commands" / f"{name}.html").read_text(encoding="utf-8")
        experiment: Any = module
        flags = [
            f"--{'no-' if field.default is True else ''}{field.name.replace('_', '-')}"
            for field in dataclasses.fields(experiment.Config)
            if isinstance(field.default, int | str)  # Groups of options and positional ones have no flag of their own.
        ]
        assert [flag for flag in flags if flag not in text] == []
        assert (inspect.getdoc(module) or "").split()[0].split(":")[0] in text


def test_links_lead_somewhere(pages: dict[Path, Page]) -> None:
    assert sum(len(page.links) for page in pages.values()) > 1000
    assert nowhere(pages) == []


def test_images_load(pages: dict[Path, Page]) -> None:
    shown = {(file.parent / src).resolve() for file, page in pages.items() for src in page.images if "://" not in src}
    assert len(shown) > 5
    for file in shown:
        with Image.open(file) as image:
            image.load()


def test_links_out_of_the_guides_lead_to_pages(pages: dict[Path, Page]) -> None:
    # A file beside `docs` that is a page here, and one that is not, which can be had as it is.
    links = {file.name: page.links for file, page in pages.items()}
    assert "results.html" in links["speed.html"]
    assert "mini.html" in links["training.html"]
    assert any(link.endswith("expanded.py") and "_downloads/" in link for link in links["circuits.html"])
    assert "design.html" in links["contributing.html"]


def test_broken_links_are_seen(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text('<p id="here"><a href="#here"></a><a href="#there"></a><a href="gone.html"></a></p>')
    assert nowhere({file.resolve(): Page(file)}) == ["page.html: #there", "page.html: gone.html"]
