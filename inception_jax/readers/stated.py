"""What a weights file says about its network, against the graph that its weights would be used in."""

import dataclasses
import math
from typing import Any

from inception_jax.architecture import LRN, Architecture
from inception_jax.graph import graph
from inception_jax.nodes import (
    INPUT,
    AvgPool,
    Concat,
    Conv,
    Dense,
    L2Pool,
    MaxPool,
    Node,
    Normalise,
    Relu,
    Softmax,
    explicit_padding,
)
from inception_jax.readers.contents import Stated

_OPERATIONS = {
    Conv: "convolution",
    Dense: "matrix product",
    MaxPool: "max-pool",
    L2Pool: "L2 pool",
    AvgPool: "average pool",
    Normalise: "local response normalisation",
    Relu: "ReLU",
    Concat: "concatenation",
    Softmax: "softmax",
}


def adopt(arch: Architecture, stated: Stated) -> Architecture:
    """`arch` with the constants that the file states: normalisation, final pool, input mean, scale and size.

    Constants that differ by no more than float32 rounds stay as they are.

    >>> from inception_jax.architecture import INCEPTION5H
    >>> adopt(INCEPTION5H, {"avgpool0": {"size": None}}).final_pool is None
    True
    """
    image, lrn = stated.get(INPUT, {}), stated.get("localresponsenorm0", {})
    found: dict[str, Any] = {
        "lrn": arch.lrn and LRN(**{k: lrn.get(k, known) for k, known in dataclasses.asdict(arch.lrn).items()}),
        "final_pool": stated.get("avgpool0", {}).get("size", arch.final_pool),
        "input_mean": image.get("mean", arch.input_mean),
        "input_scale": image.get("scale", arch.input_scale),
        "image_size": image.get("size", arch.image_size),
    }
    return dataclasses.replace(arch, **{k: v for k, v in found.items() if not _same(v, getattr(arch, k))})


def differences(table: Architecture, adopted: Architecture) -> list[str]:
    """What `adopt` changed, a phrase for each constant."""
    return [
        f"{field.name} is {getattr(adopted, field.name)}, not {getattr(table, field.name)}"
        for field in dataclasses.fields(Architecture)
        if getattr(table, field.name) != getattr(adopted, field.name)
    ]


def contradictions(arch: Architecture, stated: Stated) -> list[str]:
    """Where the file states another network than `arch`: operations, strides, padding, window sizes, connections.

    >>> from inception_jax.architecture import INCEPTION5H
    >>> contradictions(INCEPTION5H, {"maxpool0": {"stride": 2, "size": 2}})
    ['maxpool0 has size 2 in the file, 3 in inception5h']
    """
    problems = []
    for node in graph(arch).nodes:
        given = stated.get(node.name, {})
        problems += [
            f"{node.name} has {what} {given[what]} in the file, {accepted[0]} in {arch.name}"
            for what, accepted in _expected(node, arch).items()
            if what in given and not any(_same(given[what], value) for value in accepted)
        ]
    return problems


def _expected(node: Node, arch: Architecture) -> dict[str, tuple[Any, ...]]:
    # For each setting the values that mean the same here, the usual one first.
    expected: dict[str, tuple[Any, ...]] = {"operation": (_OPERATIONS[type(node.op)],)}
    if node.inputs != (INPUT,):
        expected["inputs"] = (list(node.inputs),)
    match node.op:
        case Conv() as op:
            pointwise = op.kernel == op.stride == 1
            padding = ("same", 0) if pointwise else _padding(op, arch)
            expected |= {"stride": (op.stride,), "padding": padding, "dilation": (1,), "groups": (op.groups,)}
            expected |= {"weights": ([f"{op.layer}_w"],)}
        case Dense() as op:
            expected |= {"transposed": (False,), "weights": ([f"{op.layer}_w"],)}
        case MaxPool() | L2Pool() as op:
            expected |= {"size": (op.size,), "stride": (op.stride,), "padding": _padding(op, arch), "rounding": ("up",)}
        case AvgPool() as op:
            expected |= {"size": (op.size,), "stride": (op.stride,), "padding": (0,)}
        case Normalise() as op:
            expected |= {name: (value,) for name, value in dataclasses.asdict(op.lrn).items()}
    return expected


def _padding(op: Conv | MaxPool | L2Pool, arch: Architecture) -> tuple[str | int, ...]:
    return ("same",) if arch.padding == "same" else (explicit_padding(op),)


def _same(a: Any, b: Any) -> bool:
    if dataclasses.is_dataclass(a) and dataclasses.is_dataclass(b):
        a, b = dataclasses.astuple(a), dataclasses.astuple(b)  # pyright: ignore[reportArgumentType]
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, int | float) and isinstance(b, int | float):
        # float32 keeps seven digits: 1e-4 is stored as 9.999999747e-05.
        return math.isclose(a, b, rel_tol=1e-6)
    return a == b
