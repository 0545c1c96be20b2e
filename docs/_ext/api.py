"""Pages of the API reference, one for each module with public names, and what autodoc writes on them."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon.docstring import GoogleDocstring

from . import names, sources

FOLDER = "api"
TYPES = "types"

LONGEST = 160
"""Characters of a constant's value, at most, that are shown."""


def write(app: Sphinx) -> None:
    """Write the pages, leaving those alone that would stay as they are."""
    folder = Path(app.srcdir) / FOLDER
    pages = {module: "\n".join(_page(module)) + "\n" for module in names.modules()}
    pages |= {TYPES: "\n".join(_types()) + "\n", "index": "\n".join(_index()) + "\n"}
    write_all(folder, pages)


def write_all(folder: Path, pages: dict[str, str]) -> None:
    """Make `folder` hold these pages and no others."""
    folder.mkdir(exist_ok=True)
    for old in set(folder.glob("*.rst")) - {folder / f"{name}.rst" for name in pages}:
        old.unlink()
    for name, text in pages.items():
        file = folder / f"{name}.rst"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def title(text: str, line: str = "=") -> list[str]:
    """A heading."""
    return [text, line * len(text), ""]


def table(rows: list[tuple[str, str]]) -> list[str]:
    """A table of two columns."""
    head = [".. list-table::", "   :widths: auto", ""]
    return [*head, *(line for first, second in rows for line in (f"   * - {first}", f"     - {second}")), ""]


def _index() -> Iterator[str]:
    yield from title("API")
    yield "Every public name, from its docstring. Shapes are those of jaxtyping:"
    yield "``Float[Array, 'n h w c']`` is an array of floats with four axes. Names in signatures that are no link are"
    yield "Python's, NumPy's or JAX's own."
    yield ""
    for package in sources.PACKAGES:
        yield from title(package, "-")
        yield from names.module_text(package).splitlines()
        yield ""
        inside = [module for module in names.modules() if module.split(".")[0] == package]
        yield from table([(f":doc:`{module} <{module}>`", names.described(module)) for module in inside])
        yield from [".. toctree::", "   :hidden:", "", *(f"   {module}" for module in inside), ""]
    yield from title("Types in signatures", "-")
    yield from [f":doc:`{TYPES}` has the names that stand in signatures and are for reading only.", ""]
    yield from [".. toctree::", "   :hidden:", "", f"   {TYPES}"]


def _page(module: str) -> Iterator[str]:
    yield from title(module)
    yield from [f".. py:module:: {module}", ""]
    yield from names.module_text(module).splitlines()
    yield ""
    shown = [name for name in names.exported(module) if f"{module}.{name}" not in names.aliases()]
    here = [names.by_path()[f"{module}.{name}"] for name in shown]
    elsewhere = [(path, home) for path, home in names.aliases().items() if path.rpartition(".")[0] == module]
    if elsewhere:
        yield "Described where their names are shortest:"
        yield ""
        yield from table([(f":py:obj:`{home}`", names.described(home)) for _, home in elsewhere])
    below = [child for child in names.modules() if child.rpartition(".")[0] == module]
    if below:
        yield from table([(f":doc:`{child}`", names.described(child)) for child in below])
    if len(here) > 1:
        yield from table([(f":py:obj:`~{public.path}`", names.described(public.path)) for public in here])
    for source, entries in groupby(sorted(here, key=_place), key=lambda public: public.origin.rpartition(".")[0]):
        if source != module:
            yield from title(source.rpartition(".")[2].replace("_", " ").capitalize(), "-")
            yield from names.module_text(source).splitlines()
            yield ""
        for public in entries:
            yield from _entry(public)


def _place(public: names.Public) -> tuple[str, int]:
    """Modules by name, and in each what comes first."""
    module, name = public.origin.rsplit(".", 1)
    return module, sources.definitions(module)[name][0].lineno


def _entry(public: names.Public) -> list[str]:
    thing = public.thing
    if inspect.isclass(thing):
        return [f".. autoclass:: {public.path}", *_members(thing), ""]
    if callable(thing) and isinstance(sources.definitions(public.origin.rpartition(".")[0])[public.name][0], _MADE):
        return [f".. autofunction:: {public.path}", ""]
    return _data(public.path, public.origin)


def _members(thing: type) -> list[str]:
    """Those that have docstrings; the fields of a named tuple are in the class's own."""
    fields = getattr(thing, "_fields", ())
    return ["   :members:", *([f"   :exclude-members: {', '.join(fields)}"] if fields else [])]


_MADE = ast.FunctionDef | ast.AsyncFunctionDef


def _data(path: str, origin: str) -> list[str]:
    """A constant or a type: what it is, where that is short, and the string below it, wherever it is defined.

    Of types, autodoc would print what Python makes of them.
    """
    module, name = origin.rsplit(".", 1)
    node, docstring = sources.definitions(module)[name]
    value = getattr(node, "value", None)
    text = ast.unparse(value) if value else ""
    shown = isinstance(value, ast.Subscript | ast.BinOp) or 0 < len(text) <= LONGEST
    holder, _, short = path.rpartition(".")
    head = [f".. py:data:: {short}", f"   :module: {holder}", *([f"   :value: {text}"] if shown else []), ""]
    return [*head, *(f"   {line}".rstrip() for line in docstring.splitlines()), ""]


def _types() -> Iterator[str]:
    yield from title("Types in signatures")
    yield from ["Names that stand in signatures, by the module that has them.", ""]
    for origin in sorted(unlisted()):
        module, name = origin.rsplit(".", 1)
        node, _ = sources.definitions(module)[name]
        if isinstance(node, ast.ClassDef):
            yield from [f".. autoclass:: {origin}", *_members(getattr(importlib.import_module(module), name)), ""]
        else:
            yield from _data(origin, origin)


@cache
def unlisted() -> frozenset[str]:
    """Names of this project that stand in signatures, of each other too, without being public."""
    found: set[str] = set()
    new = set(names.homes())
    while new:
        used = {name for path in new for name in _used(path) if not sources.is_module(name)}
        new = used - found - names.homes().keys()
        found |= new
    return frozenset(found)


def _used(origin: str) -> Iterator[str]:
    """Names of this project in the signatures of a thing, and of its methods."""
    module, name = origin.rsplit(".", 1)
    thing = getattr(importlib.import_module(module), name)
    methods = inspect.getmembers(thing, inspect.isfunction) if inspect.isclass(thing) else []
    for part in (thing, *(method for name, method in methods if not name.startswith("_"))):
        if callable(part) and (written := sources.signature(part)):
            holder, arguments, returns = written
            hints = [argument.annotation for argument in _every(arguments)] + [returns]
            yield from (found for hint in hints if hint for found in sources.names(sources.qualified(holder, hint)))


def signature(app: Sphinx, what: str, path: str, thing: Any, options: Any, args: str, returned: str) -> Any:  # noqa: ARG001
    """The signature as the source has it, names of this project in full, so that they become links."""
    written = sources.signature(thing) if what in ("function", "method", "class") else None
    if written is None:
        return None
    module, arguments, returns = written
    copied = ast.parse(f"def f({ast.unparse(arguments)}): ...").body[0]
    assert isinstance(copied, ast.FunctionDef)
    arguments = copied.args
    for argument in _every(arguments):
        argument.annotation = argument.annotation and _public(module, argument.annotation)
    arguments.defaults = [_public(module, value) for value in arguments.defaults]
    arguments.kw_defaults = [value and _public(module, value) for value in arguments.kw_defaults]
    if what in ("method", "class") and [argument.arg for argument in arguments.args][:1] in (["self"], ["cls"]):
        del arguments.args[0]
    return f"({ast.unparse(arguments)})", ast.unparse(_public(module, returns)) if returns else ""


def _every(arguments: ast.arguments) -> list[ast.arg]:
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return [argument for argument in listed if argument]


def _public(module: str, node: ast.expr) -> ast.expr:
    """With every name of this project as users write it."""
    found = sources.qualified(module, node)
    for part in ast.walk(found):
        if isinstance(part, ast.Name) and part.id in names.homes():
            part.id = names.homes()[part.id].path
    return found


def docstring(app: Sphinx, what: str, path: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Properties say their types."""
    if what == "property":
        lines[:] = GoogleDocstring(inspect.getdoc(thing) or "", app.config, app, "method", path, thing, options).lines()
        if (written := sources.signature(thing)) and written[2]:
            lines += ["", f":type: ``{ast.unparse(_public(written[0], written[2]))}``", ""]


def unsplit(app: Sphinx, what: str, path: str, thing: Any, options: Any, lines: list[str]) -> None:  # noqa: ARG001
    """Napoleon takes what stands before a colon for an attribute's type, unless the first line is empty."""
    if what == "attribute":
        lines.insert(0, "")


def inventory(app: Sphinx, env: Any) -> None:  # noqa: ARG001
    """Enter the longer names of things into the index of names, where their shortest is."""
    domain = env.domains.python_domain
    for alias, home in names.aliases().items():
        if home in domain.objects and alias not in domain.objects:
            domain.objects[alias] = domain.objects[home]._replace(aliased=True)
