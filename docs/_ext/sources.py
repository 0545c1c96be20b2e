"""Names and signatures as the source has them: types as somebody wrote them, not as Python prints them."""

import ast
import dataclasses
import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

PACKAGES = ("inception_jax", "featvis", "circuits", "experiments")


@cache
def tree(module: str) -> ast.Module:
    """The syntax tree of a module of this project."""
    spec = importlib.util.find_spec(module)
    assert spec is not None, module
    assert spec.origin is not None, module
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


@cache
def imports(module: str) -> dict[str, str]:
    """What each imported name of a module stands for, as a dotted path."""
    found = {}
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.asname or alias.name: alias.name for alias in node.names}
    return found


@cache
def definitions(module: str) -> dict[str, tuple[ast.stmt, str]]:
    """Statements that define the module's own names, each with the docstring that belongs to it."""
    found = {}
    body = tree(module).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = (node, ast.get_docstring(node) or "")
        for target in [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", []):
            for name in getattr(target, "elts", [target]):
                found[name.id if isinstance(name, ast.Name) else ""] = (node, _text(following))
    return found


def _text(node: ast.stmt | None) -> str:
    """The string that a statement is, as a docstring."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return inspect.cleandoc(node.value.value)
    return ""


def origin(module: str, dotted: str) -> str | None:
    """Where what `module` calls `dotted` is defined: a dotted path, or `None` outside of this project."""
    first, *rest = dotted.split(".")
    if first in imports(module):
        path = imports(module)[first]
    elif first in definitions(module):
        return ".".join([module, dotted]) if not rest else None
    else:
        return None
    if path.split(".")[0] not in PACKAGES:
        return None
    holder, _, name = path.rpartition(".")
    # A package may export a function under the name of the module that it comes from.
    if not holder or (imports(holder).get(name, path) == path and is_module(path)):
        return origin(path, ".".join(rest)) if rest else path
    return origin(holder, ".".join([name, *rest]))


@cache
def is_module(path: str) -> bool:
    """Whether a dotted path leads to a module, rather than to something in one."""
    try:
        return importlib.util.find_spec(path) is not None
    except ModuleNotFoundError:
        return False


def signature(thing: Any) -> tuple[str, ast.arguments, ast.expr | None] | None:
    """Module, arguments and return annotation of a function or class, or `None` if the source does not have them."""
    function = inspect.unwrap(getattr(thing, "__func__", thing))
    function = getattr(function, "fget", None) or getattr(function, "func", None) or function
    if inspect.isclass(function):
        return _of_class(function)
    module, path = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    if module.split(".")[0] not in PACKAGES or "<" in path:
        return None
    node = find(module, path)
    return (module, node.args, node.returns) if isinstance(node, ast.FunctionDef) else None


def _of_class(owner: type) -> tuple[str, ast.arguments, ast.expr | None] | None:
    """The signature of `__init__`; of dataclasses and named tuples, their fields."""
    if owner.__module__.split(".")[0] not in PACKAGES:
        return None
    fields = _fields(owner)
    if not fields:
        return signature(vars(owner)["__init__"]) if "__init__" in vars(owner) else None
    written = {}
    for base in reversed(owner.__mro__):
        node = find(base.__module__, base.__qualname__) if base.__module__.split(".")[0] in PACKAGES else None
        for line in getattr(node, "body", []):
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                written[line.target.id] = qualified(base.__module__, line.annotation)
    shown = [(ast.arg(name, written[name]), default) for name, default, only in fields if not only]
    keywords = [(ast.arg(name, written[name]), default) for name, default, only in fields if only]
    arguments = ast.arguments(
        posonlyargs=[],
        args=[argument for argument, _ in shown],
        kwonlyargs=[argument for argument, _ in keywords],
        kw_defaults=[ast.Name(default) if default else None for _, default in keywords],
        defaults=[ast.Name(default) for _, default in shown if default],
    )
    return owner.__module__, arguments, None


def _fields(owner: Any) -> list[tuple[str, str | None, Any]]:
    """Name, default and whether it goes by name only, of what makes an object of the class."""
    if dataclasses.is_dataclass(owner):
        return [
            (f.name, _default(f.default, f.default_factory), f.kw_only) for f in dataclasses.fields(owner) if f.init
        ]
    defaults = getattr(owner, "_field_defaults", {})
    return [(name, _default(defaults.get(name, _NONE)), False) for name in getattr(owner, "_fields", ())]


_NONE = dataclasses.MISSING


def _default(value: Any, factory: Any = _NONE) -> str | None:
    """A default as Python would print it, or dots where that is no Python."""
    if value is _NONE:
        return None if factory is _NONE else "..."
    try:
        ast.parse(repr(value), mode="eval")
    except SyntaxError:
        return "..."
    return repr(value)


def find(module: str, path: str) -> ast.AST | None:
    """The definition of `path` in a module: of a function, of a class, or of something in a class."""
    node: ast.AST | None = tree(module)
    for name in path.split("."):
        body = getattr(node, "body", [])
        named = (n for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == name)
        node = next(named, None)
    return node


class _Qualify(ast.NodeTransformer):
    """Puts the place of its definition for every name of this project."""

    def __init__(self, module: str) -> None:
        self.module = module

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        written = ast.unparse(node)
        found = origin(self.module, written) or (written if written.split(".")[0] in PACKAGES else None)
        return ast.Name(found) if found else self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(origin(self.module, node.id) or node.id)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        # "Result" as an annotation is a class that comes later in its module; shapes are strings with no such meaning.
        found = origin(self.module, node.value) if isinstance(node.value, str) and node.value.isidentifier() else None
        return ast.Name(found) if found else node


def qualified(module: str, node: ast.expr) -> ast.expr:
    """An expression of a module with the names of this project in full."""
    return _Qualify(module).visit(ast.parse(ast.unparse(node), mode="eval").body)


def names(node: ast.AST) -> Iterator[str]:
    """Full names of this project in an expression that is `qualified`."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id.split(".")[0] in PACKAGES and "." in part.id:
            yield part.id
