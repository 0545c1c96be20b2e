"""Which architecture a file's weights belong to."""

import dataclasses
import re
import warnings

from inception_jax.architecture import RELEASED, Architecture
from inception_jax.graph import weight_shapes
from inception_jax.model import shape_differences
from inception_jax.readers.contents import Contents, WeightsError
from inception_jax.readers.serialise import from_json, to_json
from inception_jax.readers.stated import adopt, contradictions, differences

Shapes = dict[str, tuple[int, ...]]


def recognise(contents: Contents) -> Architecture:
    """The architecture of a file's weights.

    It is the one in the metadata, or else the released one whose weights' shapes differ least: with as many classes as
    the file has, without the auxiliary heads that it lacks, and with the constants that the file states. Where those
    are not the known ones, a warning says so.

    Raises:
        WeightsError: no InceptionV1; names and shapes that do not fit; operations that contradict the graph.
    """
    known = None if "architecture" in contents.metadata else _nearest(contents)
    try:
        # What a file states goes through the same checks as an architecture in its metadata.
        arch = from_json(to_json(adopt(known, contents.stated)) if known else contents.metadata["architecture"])
    except ValueError as error:
        raise WeightsError(f"the file does not describe a valid network: {error}") from None
    if known and (changed := differences(known, arch)):
        text = f"the file's own constants are used instead of those known of {arch.name}: {'; '.join(changed)}"
        warnings.warn(text, stacklevel=3)
    if problems := shape_differences(flat_shapes(arch), _shapes(contents)):
        raise WeightsError(f"the weights do not fit {arch.name}: {'; '.join(problems)}")
    if problems := contradictions(arch, contents.stated):
        raise WeightsError(f"the file describes another network than {arch.name}: {'; '.join(problems)}")
    return arch


def flat_shapes(arch: Architecture) -> Shapes:
    """Shapes of all weights by the names they have in files.

    >>> from inception_jax.architecture import INCEPTION5H
    >>> flat_shapes(INCEPTION5H)["conv2d0_w"]
    (7, 7, 3, 64)
    """
    parts = {"kernel": "w", "bias": "b"}
    return {f"{k}_{parts[p]}": s for k, v in weight_shapes(arch).items() for p, s in v.items()}


def _nearest(contents: Contents) -> Architecture:
    given = _shapes(contents)
    candidates = [_fitted(arch, given) for arch in RELEASED.values()]
    if not any(name in given for arch in candidates for name in flat_shapes(arch)):
        some = ", ".join(list(given)[:5]) or "no arrays"
        raise WeightsError(f"no array is named as in an InceptionV1 that can be read; the file has {some}")

    def distance(arch: Architecture) -> tuple[int, bool]:
        return len(shape_differences(flat_shapes(arch), given)), arch.name != contents.family

    return min(candidates, key=distance)


def _fitted(arch: Architecture, given: Shapes) -> Architecture:
    logits = given.get("softmax2_b", ())
    classes = logits[0] if len(logits) == 1 and logits[0] > 0 else arch.classes
    heads = [int(match[1]) for name in given if (match := re.fullmatch(r"(?:head|nn|softmax)([01])(?:_\w+)?", name))]
    return dataclasses.replace(arch, classes=classes, heads=arch.heads[: max(heads, default=-1) + 1])


def _shapes(contents: Contents) -> Shapes:
    return {name: array.shape for name, array in contents.arrays.items()}
