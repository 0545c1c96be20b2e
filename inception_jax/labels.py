"""The classes of a network: output index, label, WordNet id.

Models trained by this project carry the names of their classes in output order, which may be WordNet ids, as
`provenance["classes"]`; read from a file, as `provenance["origin"]["classes"]`. The networks published by others were
both trained on the 1,000 classes of ILSVRC 2012 but number them differently: bvlc_googlenet in the order of the WordNet
ids, inception5h in the order of the CLS-LOC development kit, after a `dummy` output 0.
"""

import difflib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from inception_jax.architecture import RELEASED, Architecture
from inception_jax.model import Model

MAX_NAME = 128
"""Longest name of a class, in characters."""


@dataclass(frozen=True)
class _Class:
    """One output: WordNet id (empty where it has none), and its names, the label first."""

    wnid: str
    names: tuple[str, ...]


def labels(model: Model | Architecture) -> tuple[str, ...]:
    """The label of every output of `model`, in output order.

    Where a model carries the names of its classes, they are the labels; in place of a WordNet id of ILSVRC 2012 stands
    the first name of its synset. Of the published networks, inception5h has the labels of its release
    (`imagenet_comp_graph_label_strings.txt` in `inception5h.zip`), 1,001 for 1,008 outputs; the last seven are called
    `unlabelled 1001` to `unlabelled 1007`. bvlc_googlenet has the first name of each synset. Two pairs of classes share
    a label (`crane`, `maillot`); `synsets` tells them apart.

    Raises:
        ValueError: a model without names of its classes that is no published network, or with names that are not one
            text for each output.

    >>> import inception_jax
    >>> labels(inception_jax.load("mini"))[0], labels(inception_jax.INCEPTION5H)[176]
    ('goldfish', 'Labrador retriever')
    """
    return tuple(c.names[0] for c in _classes(model))


def synsets(model: Model | Architecture) -> tuple[str, ...]:
    """The WordNet id of every output of `model`, in output order; empty where it has none of ILSVRC 2012.

    Source: the synset list of ILSVRC 2012 (bvlc_googlenet) and its development kit, `map_clsloc.txt` (inception5h).

    Raises:
        ValueError: as `labels`.

    >>> from inception_jax import BVLC_GOOGLENET, INCEPTION5H
    >>> synsets(INCEPTION5H)[:2], synsets(BVLC_GOOGLENET)[0]
    (('', 'n02119789'), 'n01440764')
    """
    return tuple(c.wnid for c in _classes(model))


def class_index(model: Model | Architecture, name: str) -> int:
    """The output of `model` for a class given by label, any name of its synset, or WordNet id.

    Labels win over other names, and exact spelling over another case.

    Raises:
        ValueError: no class of that name (says which are nearest); a name that two classes share (says their ids).

    >>> import inception_jax
    >>> class_index(inception_jax.load("mini"), "goldfish"), class_index(inception_jax.BVLC_GOOGLENET, "n01443537")
    (0, 1)
    """
    classes = _classes(model)
    folded = name.casefold()
    matches: tuple[Callable[[_Class], bool], ...] = (
        lambda c: name in (c.names[0], c.wnid),
        lambda c: name in c.names,
        lambda c: folded in (n.casefold() for n in c.names),
    )
    for match in matches:
        found = [i for i, c in enumerate(classes) if match(c)]
        if len(found) > 1:
            ids = " or ".join(f"{classes[i].wnid or 'no id'} (output {i})" for i in found)
            raise ValueError(f"{name!r} names {len(found)} classes of {model.name}; give a WordNet id: {ids}")
        if found:
            return found[0]
    known = {n.casefold(): n for c in classes for n in c.names}
    near = [known[n] for n in difflib.get_close_matches(folded, known, n=3, cutoff=0.6)]
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "`labels(model)` lists all."
    raise ValueError(f"{model.name} has no class {name!r}; {hint}")


def _classes(model: Model | Architecture) -> tuple[_Class, ...]:
    architecture = model.architecture if isinstance(model, Model) else model
    if isinstance(model, Model) and (own := _own_names(model.provenance)) is not None:
        return _resolve(_checked(own, architecture))
    known = RELEASED.get(architecture.name)
    if known is None or known.classes != architecture.classes:
        expected = ", ".join(f"{arch.name} with {arch.classes} classes" for arch in RELEASED.values())
        raise ValueError(
            f"no labels for {architecture.name} with {architecture.classes} classes; labels are known for {expected}, "
            'and models that carry the names of their classes as provenance["classes"]'
        )
    return _published(architecture.name)


def _own_names(provenance: Mapping[str, Any]) -> Any:
    origin = provenance.get("origin")
    return provenance.get("classes", origin.get("classes") if isinstance(origin, Mapping) else None)


def _checked(names: Any, architecture: Architecture) -> tuple[str, ...]:
    """The names of the classes that a file gives, which may be anything."""
    if not isinstance(names, list | tuple) or len(names) != architecture.classes:
        given = f"{len(names)} names" if isinstance(names, list | tuple) else f"{type(names).__name__}, no list"
        raise ValueError(
            f"the provenance of {architecture.name} names its classes by {given}; "
            f"expected {architecture.classes} names, one for each output"
        )
    for i, name in enumerate(names):
        if not (isinstance(name, str) and 0 < len(name) <= MAX_NAME and name.isprintable()):
            raise ValueError(
                f"the provenance of {architecture.name} calls class {i} {str(name)[:MAX_NAME]!r}; "
                f"expected a printable text of 1 to {MAX_NAME} characters"
            )
    return tuple(names)


def _resolve(names: tuple[str, ...]) -> tuple[_Class, ...]:
    known = {c.wnid: c for c in _published("bvlc_googlenet")}
    return tuple(known.get(name, _Class("", (name,))) for name in names)


@functools.cache
def _published(name: str) -> tuple[_Class, ...]:
    known = [_parse(line) for line in _lines(name)]
    if name == "inception5h":
        # The label list of that release has one name a class; the other names are those of the same synset.
        names = {c.wnid: c.names for c in map(_parse, _lines("bvlc_googlenet"))}
        known = [_Class(c.wnid, tuple(dict.fromkeys(c.names + names.get(c.wnid, ())))) for c in known]
    unlabelled = range(len(known), RELEASED[name].classes)
    return (*known, *(_Class("", (f"unlabelled {i}",)) for i in unlabelled))


def _lines(name: str) -> list[str]:
    text = resources.files("inception_jax").joinpath("data", f"{name}.txt").read_text(encoding="ascii")
    return text.splitlines()


def _parse(line: str) -> _Class:
    wnid, names = line.split(" ", 1)
    return _Class("" if wnid == "-" else wnid, tuple(names.split(", ")))
