"""The classes of the released networks: output index, label, WordNet id.

Both networks were trained on the 1,000 classes of ILSVRC 2012 but number them differently: bvlc_googlenet in the order
of the WordNet ids, inception5h in the order of the CLS-LOC development kit, after a `dummy` output 0.
"""

import difflib
import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

from inception_jax.architecture import ARCHITECTURES, Architecture
from inception_jax.model import Model


@dataclass(frozen=True)
class _Class:
    """One output: WordNet id (empty where the output is no class), and its names, the label first."""

    wnid: str
    names: tuple[str, ...]


def labels(model: Model | Architecture) -> tuple[str, ...]:
    """The label of every output of `model`, in output order.

    inception5h has the labels of its release (`imagenet_comp_graph_label_strings.txt` in `inception5h.zip`), 1,001
    for 1,008 outputs; the last seven are called `unlabelled 1001` to `unlabelled 1007`. bvlc_googlenet has the first
    name of each synset. Two pairs of classes share a label (`crane`, `maillot`); `synsets` tells them apart.

    Raises:
        ValueError: a model with other classes than the two released networks.

    >>> from inception_jax import BVLC_GOOGLENET, INCEPTION5H
    >>> labels(INCEPTION5H)[176], labels(BVLC_GOOGLENET)[0]
    ('Labrador retriever', 'tench')
    """
    return tuple(c.names[0] for c in _classes(model))


def synsets(model: Model | Architecture) -> tuple[str, ...]:
    """The WordNet id of every output of `model`, in output order; empty for outputs that are no class.

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

    >>> from inception_jax import BVLC_GOOGLENET, INCEPTION5H
    >>> class_index(INCEPTION5H, "dumbbell"), class_index(BVLC_GOOGLENET, "n01443537")
    (1000, 1)
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
            ids = " or ".join(f"{classes[i].wnid} (output {i})" for i in found)
            raise ValueError(f"{name!r} names {len(found)} classes of {model.name}; give a WordNet id: {ids}")
        if found:
            return found[0]
    known = {n.casefold(): n for c in classes for n in c.names}
    near = [known[n] for n in difflib.get_close_matches(folded, known, n=3, cutoff=0.6)]
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "`labels(model)` lists all."
    raise ValueError(f"{model.name} has no class {name!r}; {hint}")


def _classes(model: Model | Architecture) -> tuple[_Class, ...]:
    architecture = model.architecture if isinstance(model, Model) else model
    known = ARCHITECTURES.get(architecture.name)
    if known is None or known.classes != architecture.classes:
        expected = " and ".join(f"{arch.name} with {arch.classes} classes" for arch in ARCHITECTURES.values())
        raise ValueError(
            f"no labels for {architecture.name} with {architecture.classes} classes; labels are known for {expected}"
        )
    return _read(architecture.name)


@functools.cache
def _read(name: str) -> tuple[_Class, ...]:
    known = [_parse(line) for line in _lines(name)]
    if name == "inception5h":
        # The label list of that release has one name a class; the other names are those of the same synset.
        names = {c.wnid: c.names for c in map(_parse, _lines("bvlc_googlenet"))}
        known = [_Class(c.wnid, tuple(dict.fromkeys(c.names + names.get(c.wnid, ())))) for c in known]
    unlabelled = range(len(known), ARCHITECTURES[name].classes)
    return (*known, *(_Class("", (f"unlabelled {i}",)) for i in unlabelled))


def _lines(name: str) -> list[str]:
    text = resources.files("inception_jax").joinpath("data", f"{name}.txt").read_text(encoding="ascii")
    return text.splitlines()


def _parse(line: str) -> _Class:
    wnid, names = line.split(" ", 1)
    return _Class("" if wnid == "-" else wnid, tuple(names.split(", ")))
