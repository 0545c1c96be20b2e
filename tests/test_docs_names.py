"""What docs/names.md, docs/recipes.md and docs/experiments.md name is there, and what is there is named."""

import ast
import builtins
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import optax
import pytest

import circuits
import featvis
import inception_jax
from experiments.__main__ import EXPERIMENTS
from featvis import color, objectives, param, recipes, shortform, transforms
from featvis.param import spectrum
from inception_jax import gradients
from inception_jax.graph import graph

DOCS = Path(__file__).parent.parent / "docs"
NAMES = DOCS / "names.md"

EVERYWHERE = {"model": inception_jax.Model, "result": featvis.Result, "spectrum": spectrum} | {
    module.__name__.split(".")[-1]: module for module in (featvis, inception_jax, optax, color, param, recipes)
}
"""What has its name in every section."""
SECTIONS = {
    "One call": (featvis,),
    "Objectives": (objectives,),
    "Parameterisations": (param,),
    "Transforms": (transforms,),
    "Recipes": (recipes,),
    "Circuits": (circuits,),
    "Showing and saving": (featvis,),
    "The network": (inception_jax, gradients),
}
"""The packages whose names each section has."""

GIVEN = {"objective", "objectives", "images", "photograph", "layers", "path", "size", "value", "mode"} | {
    *("low", "high", "mean", "sd", "scale", *"wmntdS")
}
"""What stands in a call for an argument of one's own."""

LAYERS = {node.name: node.op.units for node in graph(inception_jax.INCEPTION5H).nodes}


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    section: str
    theirs: str
    here: str
    difference: str

    def __str__(self) -> str:
        return self.theirs


def rows() -> Iterator[Row]:
    section = ""
    for line in NAMES.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        if line.startswith("| ") and not line.startswith("| theirs"):
            theirs, here, difference = (cell.strip() for cell in line.strip("|").split("|"))
            yield Row(section, theirs, here, difference)


ROWS = list(rows())


def spans(text: str) -> list[str]:
    """The code in lines of text."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


def check(span: str, section: str) -> None:
    """Raise `LookupError` or `TypeError` unless every name in the code is there, and calls are of that form."""
    # As arguments of a call, which spans like `steps=512, share="all"` are; of `seed=` the value is left out.
    call = ast.parse(f"_({re.sub(r'=(?=[,)]|$)', '=...', span)})", mode="eval").body
    assert isinstance(call, ast.Call)
    for keyword in call.keywords:
        inspect.signature(featvis.render).bind_partial(**{str(keyword.arg): None})
        walk(keyword.value, section)
    for argument in call.args:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            shortform.parse(argument.value, LAYERS)
        walk(argument, section)


def walk(node: ast.expr, section: str) -> Any:
    """What the code stands for, `...` where it cannot be told."""
    match node:
        case ast.Name(name):
            return named(name, section)
        case ast.Attribute(value, name):
            owner = walk(value, section)
            return ... if owner is ... else member(owner, name)
        case ast.Call(function, arguments, keywords):
            for argument in (*arguments, *(keyword.value for keyword in keywords)):
                walk(argument, section)
            called = walk(function, section)
            if called is inception_jax.Model and isinstance(function, ast.Name) and function.id == "model":
                called, arguments = inception_jax.Model.__call__, [function, *arguments]
            if called is not ... and called not in vars(builtins).values():
                inspect.signature(called).bind_partial(*arguments, **{str(k.arg): k.value for k in keywords})
            return returned(called)
        case _:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    walk(child, section)
            return ...


def named(name: str, section: str) -> Any:
    if name in GIVEN:
        return ...
    for package in SECTIONS[section]:
        if hasattr(package, name) and name not in ("model", "result"):  # These are modules too.
            return getattr(package, name)
    if name in EVERYWHERE:
        return EVERYWHERE[name]
    if hasattr(builtins, name):
        return getattr(builtins, name)
    raise LookupError(f"{section} has no {name!r}")


def member(owner: Any, name: str) -> Any:
    if hasattr(owner, name):
        found = getattr(owner, name)
        return ... if isinstance(found, property) else found
    if is_dataclass(owner) and name in {field.name for field in fields(owner)}:
        return ...
    raise LookupError(f"{owner} has no {name!r}")


def returned(called: Any) -> Any:
    """The class of what a function returns, where its annotation is one of ours."""
    kind = getattr(called, "__annotations__", {}).get("return")
    return kind if isinstance(kind, type) and kind.__module__.startswith("featvis") else ...


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_name_is_there(row: Row) -> None:
    assert row.section in SECTIONS
    if row.here.startswith("the same"):
        assert spans(row.theirs), "what is the same has a name"
        for span in spans(row.theirs):
            check(span, row.section)
    for span in spans(row.here):
        check(span, row.section)
    assert row.here or row.difference, "what is left out has its reason"
    for span in spans(row.difference):
        # Many are theirs; those with one of our packages before them are not.
        if span.startswith(("featvis.", "inception_jax.", "param.", "recipes.", "result.", "color.")):
            check(span, row.section)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ("jitters(3)", LookupError),
        ("param.picture", LookupError),
        ("result.pictures", LookupError),
        ("stop=", TypeError),
        ("jitter(3, amount=2)", TypeError),
        ("jitter(1, 2, 3, 4, 5)", TypeError),
        ('"mixed4z:1"', ValueError),
    ],
)
def test_names_that_are_not_there_are_found(wrong: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        check(wrong, "Transforms")


@pytest.mark.parametrize("package", [objectives, param, transforms, recipes], ids=lambda package: package.__name__)
def test_every_function_is_named(package: Any) -> None:
    """In the table of names: where a function has no counterpart elsewhere, the text says so."""
    code = " ".join(spans(NAMES.read_text(encoding="utf-8") + (DOCS / "recipes.md").read_text(encoding="utf-8")))
    named = set(re.findall(r"\w+", code))
    assert [name for name in package.__all__ if name.islower() and name not in named] == []


def test_every_experiment_has_its_place() -> None:
    pages = {page: page.read_text(encoding="utf-8") for page in DOCS.glob("*.md")}
    overview = set(re.findall(r"\w+", " ".join(spans(pages[DOCS / "experiments.md"]))))
    assert EXPERIMENTS.keys() <= overview
    commands = re.findall(r"^python -m experiments (\w+)", "\n".join(pages.values()), re.MULTILINE)
    assert EXPERIMENTS.keys() <= set(commands)
