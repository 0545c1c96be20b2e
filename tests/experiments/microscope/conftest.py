"""A site of a small network, made by the command, and a browser to look at it."""

import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from microscope_toys import Toy
from playwright.sync_api import Browser, Page, sync_playwright


@pytest.fixture(scope="package")
def toy(tmp_path_factory: pytest.TempPathFactory, shallow_weights: Path, photographs: Path) -> Toy:
    """A site that is made."""
    made = Toy(tmp_path_factory.mktemp("microscope"), shallow_weights, photographs)
    assert made.make() == 0
    return made


@pytest.fixture(scope="package")
def browser() -> Generator[Browser, None, None]:
    """Chromium, without a window."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium here; .ci/run installs it")
        pytest.skip("no Chromium here; `apt-get install chromium` or the like brings it")
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser, toy: Toy) -> Generator[Callable[..., Page], None, None]:
    """Opens pages of the site from disk; at the end nothing may have gone wrong, or been asked for elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    wrong: list[str] = []
    context.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    context.on("weberror", lambda error: wrong.append(str(error.error)))

    def failed(request: Any) -> None:
        # A browser that goes on to another page aborts what it was still reading for the last one.
        if request.failure != "net::ERR_ABORTED":
            wrong.append(f"{request.url} failed: {request.failure}")

    context.on("requestfailed", failed)

    def asked(request: Any) -> None:
        if not request.url.startswith((toy.out.as_uri(), "data:")):
            wrong.append(f"{request.url} was asked for")

    context.on("request", asked)

    def go(name: str) -> Page:
        page = context.pages[0] if context.pages else context.new_page()
        # Only another part behind # would not load the page again.
        page.goto("about:blank")
        page.goto(f"{toy.out.as_uri()}/{name}")
        return page

    yield go
    context.close()
    assert wrong == []
