"""The files of a site: written beside the site that is there, of which unchanged files are kept, and then swapped.

Whatever stops the writing, the site that was there stays whole.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.options import UsageError, usage_errors
from experiments.rundir import RunDirectory

MADE = "data/made.json"
"""What the files of a site were made of: it also says that a directory is a site."""


@dataclass
class Site:
    """A site that is being written. Names of files are relative to it, with `/`.

    Attributes:
        path: where it will be.
        made: what files that take long were made of.
        written: how many files are new or have changed.
        kept: how many are as they were.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> for text in ("one", "two", "two"):
    ...     site = begin(Path(folder.name) / "site")
    ...     site.text("index.html", text)
    ...     site.finish()
    ...     print((site.path / "index.html").read_text(), site.written, site.kept)
    one 1 0
    two 1 0
    two 0 1
    >>> folder.cleanup()
    """

    path: Path
    made: dict[str, str] = field(default_factory=dict)
    written: int = 0
    kept: int = 0
    _before: Mapping[str, str] = field(default_factory=dict)

    @property
    def draft(self) -> Path:
        """Where it is written."""
        return self.path.parent / f".{self.path.name}.new"

    def text(self, name: str, content: str) -> None:
        """A file of text."""
        self.file(name, content.encode())

    def data(self, name: str, content: Any, *, script: bool = False) -> None:
        """Numbers and names as JSON in `data/<name>.json`, and with `script` also as one that hands them to a page.

        Browsers let pages that were opened from disk load scripts, but not read files.
        """
        text = json.dumps(content, separators=(",", ":"), allow_nan=False)
        self.text(f"data/{name}.json", text + "\n")
        if script:
            self.text(f"data/{name}.js", f"microscope.take({json.dumps(name)},\n{text}\n)\n")

    def file(self, name: str, content: bytes) -> None:
        """A file; one with the same content is kept as it is."""
        old = self.path / name
        with usage_errors():
            if old.is_file() and old.stat().st_size == len(content) and old.read_bytes() == content:
                self._keep(name)
            else:
                self._place(name).write_bytes(content)
                self.written += 1

    def once(self, name: str, source: str, make: Callable[[], bytes]) -> None:
        """A file that takes long: it is made again only where it was made of something else.

        Args:
            name: of the file.
            source: says what it is made of.
            make: returns its content.
        """
        self.made[name] = source
        if self.current(name, source):
            with usage_errors():
                self._keep(name)
        else:
            self.file(name, make())

    def current(self, name: str, source: str) -> bool:
        """Whether a file is there that was made of this."""
        return self._before.get(name) == source and (self.path / name).is_file()

    def finish(self) -> None:
        """Put the new site in the place of the old one.

        Raises:
            UsageError: it cannot be.
        """
        with usage_errors():
            place = self._place(MADE)
            place.write_text(json.dumps({"microscope": 1, "made": self.made}, indent=0), encoding="utf-8")
            aside = _aside(self.path)
            if self.path.exists():
                self.path.rename(aside)
            self.draft.rename(self.path)
            shutil.rmtree(aside, ignore_errors=True)

    def _place(self, name: str) -> Path:
        place = self.draft / name
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _keep(self, name: str) -> None:
        place = self._place(name)
        try:
            os.link(self.path / name, place)
        except OSError:  # Some file systems have no links.
            shutil.copy2(self.path / name, place)
        self.kept += 1


def begin(path: Path) -> Site:
    """A site at `path`: new, or another version of the one that is there.

    Raises:
        UsageError: something else is there, or nothing can be written.
    """
    with usage_errors():
        if (aside := _aside(path)).exists():
            if path.exists():
                shutil.rmtree(aside)
            else:  # The swap was stopped half-way.
                aside.rename(path)
        known = RunDirectory(path).read_json(MADE)
        if "microscope" not in known and path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UsageError(f"{path} is not empty and holds no site; give another directory with --out")
        made = known.get("made", {})
        before = {k: v for k, v in made.items() if isinstance(v, str)} if isinstance(made, dict) else {}
        site = Site(path, _before=before)
        with suppress(FileNotFoundError):
            shutil.rmtree(site.draft)
        site.draft.mkdir(parents=True)
    return site


def _aside(path: Path) -> Path:
    return path.parent / f".{path.name}.old"
