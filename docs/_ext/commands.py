"""A page for each command of `python -m experiments`: its card and its options, as `--help` has them."""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import tyro
from sphinx.application import Sphinx

from experiments.__main__ import COMMANDS, GROUPS

from .api import table, title, write_all

FOLDER = "commands"


def write(app: Sphinx) -> None:
    """Write the pages, leaving those alone that would stay as they are."""
    pages = {name: "\n".join(_page(name)) + "\n" for name in COMMANDS}
    write_all(Path(app.srcdir) / FOLDER, pages | {"index": "\n".join(_index()) + "\n"})


def _index() -> Iterator[str]:
    yield from title("Commands")
    yield "``python -m experiments NAME --help`` says what is on these pages."
    yield ""
    for group, members in GROUPS.items():
        yield from title(group[0].upper() + group[1:], "-")
        yield from table([(f":doc:`{name} <{name}>`", prose(_card(name)[0])) for name in members])
    yield from [".. toctree::", "   :hidden:", "", *(f"   {name}" for name in COMMANDS)]


def _card(name: str) -> list[str]:
    """The first line of a command's card, and the rest by points."""
    text = (COMMANDS[name].__doc__ or "").strip()
    first, *points = re.split(r"\n+- |\n\n", text)
    return [" ".join(part.split()) for part in (first, *points)]


def _page(name: str) -> Iterator[str]:
    first, *points = _card(name)
    yield from title(name)
    yield from [prose(first), ""]
    for point in points:
        word, colon, rest = point.partition(": ")
        if word == "Command":
            yield from [".. code-block:: sh", "", f"   {rest}", ""]
        elif colon and word.isalpha():
            yield from [f"**{word}:** {prose(rest)}", ""]
        else:
            yield from [prose(point), ""]
    yield from title("Options", "-")
    yield from [".. code-block:: text", "", *(f"   {line}".rstrip() for line in _options(name)), ""]


def _options(name: str) -> list[str]:
    """What `--help` says, without the card."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        tyro.cli(
            COMMANDS[name].Config,
            prog=f"python -m experiments {name}",
            description="",
            args=["--help"],
            config=(tyro.conf.FlagCreatePairsOff,),
        )
    return shown.getvalue().strip().splitlines()


def prose(text: str) -> str:
    """Plain text as reStructuredText; what stands in backticks is code."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(f"`{part}`" if part.startswith("`") else re.sub(r"([*\\|_])", r"\\\1", part) for part in parts)
