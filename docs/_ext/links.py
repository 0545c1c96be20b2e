"""Links of the guides lead where they lead on GitHub: files beside `docs` that have a page here lead to it."""

import os
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

from . import names, sources

MIRRORED = {
    "README.md": "index",
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
    "benchmarks/README.md": "benchmarks",
    "benchmarks/RESULTS.md": "results",
    "inception_jax/data/mini.md": "mini",
    "inception_jax/data/mini-seed1.md": "mini-seed1",
}
"""Files outside of `docs`, and the pages of the site that have their text."""

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?://|mailto:)([^)#\s]+)(#[^)\s]*)?\)")


def rewrite(text: str, folder: Path, root: Path, page_folder: Path) -> str:
    """Markdown whose links are relative to `folder`, for a page in `page_folder`; `root` is that of the project.

    Links to folders become text: the site has no page for them.
    """

    def to(match: re.Match[str]) -> str:
        image, words, target, anchor = match.groups()
        file = Path(os.path.normpath(folder / target))
        if file.is_dir():
            return words
        inside = file.relative_to(root).as_posix() if file.is_relative_to(root) else ""
        there = root / "docs" / f"{MIRRORED[inside]}.md" if inside in MIRRORED else file
        relative = Path(os.path.relpath(there, page_folder)).as_posix()
        return f"{image}[{words}]({relative}{anchor or ''})"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _LINK.sub(to, part) for part in parts)


def page(app: Sphinx, name: str, content: list[str]) -> None:
    """Rewrite the links of a page."""
    file = Path(app.env.doc2path(name))
    if file.suffix == ".md":
        content[0] = rewrite(content[0], file.parent, Path(app.srcdir).parent, file.parent)


def included(app: Sphinx, path: Path, parent: str, content: list[str]) -> None:
    """Rewrite the links of a file that a page includes."""
    file = Path(os.path.normpath(Path(app.srcdir) / path))
    content[0] = rewrite(content[0], file.parent, Path(app.srcdir).parent, Path(app.env.doc2path(parent)).parent)


def unknown(app: Sphinx, env: Any, node: nodes.Element, content: nodes.Element) -> nodes.Node | None:
    """Types and errors that are other packages' stay text; a full name of this project must lead somewhere."""
    name = node.get("reftarget", "")
    if node.get("refdomain") != "py" or node.get("reftype") not in ("class", "exc"):
        return None
    entry = env.domains.python_domain.objects.get(target(name, node.get("py:module") or ""))
    if entry:
        return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content, name)
    return None if name.split(".")[0] in sources.PACKAGES else content


class NamesToLinks(SphinxPostTransform):
    """Public names in code type lead to their descriptions."""

    default_priority = 700

    def run(self, **kwargs: Any) -> None:  # noqa: ARG002
        """Put a link around each literal that is such a name."""
        domain, page = self.env.domains.python_domain, self.env.docname
        module = page.removeprefix("api/") if page.startswith("api/") else ""
        for literal in list(self.document.findall(nodes.literal)):
            word = literal.astext()
            path = f"{module}.{word}" if module and word not in _arguments(literal) else None
            path = path if path in known_names() else target(word, module)
            entry = domain.objects.get(path) if path else None
            inside = (literal.parent, literal.parent.parent)
            if entry is None or any(isinstance(node, nodes.reference | nodes.title) for node in inside):
                continue
            builder = self.app.builder
            literal.replace_self(make_refnode(builder, page, entry.docname, entry.node_id, [literal.deepcopy()], path))


def _arguments(node: nodes.Node) -> set[str]:
    """Names of arguments and attributes that a word may mean where the node stands."""
    found: set[str] = set()
    while node.parent is not None:
        node = node.parent
        if isinstance(node, addnodes.desc):
            parts = [*node.findall(addnodes.desc_parameter), *node.findall(addnodes.desc_name)]
            found |= {re.split(r"\W", part.astext().lstrip("*"))[0] for part in parts}
    return found


def target(text: str, module: str) -> str | None:
    """The path of the public name that `text` stands for on the page of a module, if there is just one.

    A word that has neither a dot nor an underscore nor a capital is taken for itself: it may be an argument.
    """
    text = re.sub(r"\(.*\)$|^obj\.(?=\w)", lambda found: "objectives." if found[0] == "obj." else "", text)
    if not re.fullmatch(r"[A-Za-z_][\w.]*", text) or not re.search(r"[._A-Z]", text):
        return None
    known = known_names()
    if text in known or f"{module}.{text}" in known:
        return text if text in known else f"{module}.{text}"
    ends = known_ends().get(text, ())
    inside = [path for path in ends if module and path.startswith(module.split(".")[0] + ".")]
    return next((found[0] for found in (inside, ends) if len(found) == 1), None)


def known_names() -> set[str]:
    """All public paths."""
    return names.by_path().keys() | names.aliases().keys()


def known_ends() -> dict[str, list[str]]:
    """Public paths by what they end in."""
    found: dict[str, list[str]] = {}
    for path in names.by_path():
        parts = path.split(".")
        for start in range(1, len(parts)):
            found.setdefault(".".join(parts[start:]), []).append(path)
    return found
