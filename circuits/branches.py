"""Which units belong to which branch of a block, and whether a family keeps to one branch by chance."""

import math
import operator
from collections.abc import Iterable, Mapping

from inception_jax.architecture import Architecture, Block
from inception_jax.graph import graph
from inception_jax.model import Model


def branch_units(network: Model | Architecture, block: str) -> dict[str, range]:
    """The units of each branch of a block, by the branch: `1x1`, `3x3`, `5x5` and `pool_reduce`.

    Args:
        network: the network.
        block: the name of a block with branches.

    Raises:
        ValueError: no such block, or one without branches.

    >>> from inception_jax import INCEPTION5H
    >>> branch_units(INCEPTION5H, "mixed3a")["5x5"]
    range(192, 224)
    """
    arch = network.architecture if isinstance(network, Model) else network
    blocks = [name for name, kind in arch.blocks if isinstance(kind, Block)]
    if block not in blocks:
        raise ValueError(f"no block {block!r} with branches in {arch.name}; expected {' or '.join(blocks) or 'none'}")
    found, first = {}, 0
    for name in graph(arch)[block].inputs:
        stop = first + graph(arch)[name].op.units
        found[name.removeprefix(f"{block}_")] = range(first, stop)
        first = stop
    return found


def by_branch(units: Iterable[int], branches: Mapping[str, range]) -> dict[str, int]:
    """How many of `units` each branch has.

    Raises:
        ValueError: a unit of no branch.

    >>> by_branch([1, 2, 200], {"1x1": range(64), "5x5": range(192, 224)})
    {'1x1': 2, '5x5': 1}
    """
    counts = dict.fromkeys(branches, 0)
    for unit in units:
        homes = [name for name, its in branches.items() if unit in its]
        if not homes:
            raise ValueError(f"unit {unit} is in no branch; branches are {dict(branches)}")
        counts[homes[0]] += 1
    return counts


def enrichment(found: int, family: int, branch: int, layer: int) -> float:
    """The probability that a branch has so many units of a family, or more, if families knew nothing of branches.

    Args:
        found: units of the family in the branch.
        family: units of the family.
        branch: units of the branch.
        layer: units of the layer.

    Raises:
        ValueError: numbers that cannot be.

    Source: the tail of the hypergeometric distribution. *Branch Specialization* (Distill, 2021) names the
    probability for all of a family, `C(branch, family) / C(layer, family)`.

    >>> enrichment(9, family=9, branch=32, layer=256)  # All black-and-white detectors of mixed3a
    2.4847210327344655e-09
    """
    found, family, branch, layer = map(operator.index, (found, family, branch, layer))
    if not (0 <= found <= min(family, branch) and max(family, branch) <= layer):
        raise ValueError(
            f"{found} of {family} units in a branch of {branch} of {layer}; "
            "expected found <= family and branch, and these <= layer"
        )
    ways = sum(math.comb(branch, n) * math.comb(layer - branch, family - n) for n in range(found, family + 1))
    return ways / math.comb(layer, family)
