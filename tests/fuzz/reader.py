"""What the fuzzing knows of a reader of files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Tree = Mapping[str, bytes]
"""Files by their names in a folder."""


@dataclass(frozen=True)
class Reader:
    """A way in which files get into the project.

    Attributes:
        seeds: makes folders of sound files.
        reads: what reads from a folder, one after another, as commands do.
        errors: what each of them may raise.
        share: its part of the cases, relative to the others.
        given: what the folder's user named: with one of these the text of an error begins. By default any of the files.
    """

    seeds: Callable[[], Sequence[Tree]]
    reads: Sequence[Callable[[Path], Any]]
    errors: tuple[type[Exception], ...]
    share: float = 1.0
    given: Callable[[Path], Sequence[str]] | None = None

    def begins(self, folder: Path, text: str) -> bool:
        """Whether the text of an error begins with what was given."""
        text = text.removeprefix("cannot read ")
        names = [str(folder)] if self.given is None else self.given(folder)
        return any(text.startswith(name) for name in names)


def write(tree: Tree, folder: Path) -> None:
    """Write files into a folder."""
    for name, data in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def tree(folder: Path) -> Tree:
    """The files in a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
