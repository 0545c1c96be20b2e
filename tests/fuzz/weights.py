"""Readers of weights, and small files of each format."""

import contextlib
import dataclasses
import json
import tempfile
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from weight_files import (
    INCEPTION5H as WIDTHS,
)
from weight_files import (
    caffe_conv,
    caffe_dense,
    caffe_lrn,
    caffe_pool,
    checkpoint,
    const,
    conv,
    dict_pickle,
    field,
    inception5h_nodes,
    layer,
    layer_shapes,
    lrn,
    pool,
    simple_checkpoint,
    tensor_pickle,
    tensor_proto,
    zip_of,
)

import inception_jax
from fuzz.reader import Reader, Tree, tree
from inception_jax import cache as converted
from inception_jax.files import read_model, save
from inception_jax.labels import labels
from inception_jax.readers import READERS, WeightsError
from inception_jax.summary import summarise


@cache
def small_network() -> inception_jax.Model:
    """A network of two blocks and a head, which knows its classes."""
    whole = inception_jax.INCEPTION5H.scaled(1 / 32)
    arch = dataclasses.replace(whole, name="toy", blocks=whole.blocks[:3], heads=whole.heads[:1], classes=3)
    model = inception_jax.initialise(arch, seed=0)
    facts = {"licence": "ours", "classes": ["cat", "dog", "n01440764"], "recipe": {"steps": 3}}
    return dataclasses.replace(model, provenance=facts)


@cache
def seeds() -> dict[str, list[bytes]]:
    """Sound files by their ending."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    found: dict[str, list[bytes]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for ending in (".npz", ".safetensors"):
            save(small_network(), Path(folder, f"a{ending}"))
        found |= {Path(name).suffix: [data] for name, data in tree(Path(folder)).items()}
    arrays = {"conv2d0_w": draw(7, 7, 3, 2), "conv2d0_b": draw(2)}
    graph = b"".join(const(name, tensor_proto(array)) for name, array in arrays.items())
    graph += b"".join(conv("conv2d0", "input", 2)) + pool("maxpool0", "MaxPool", "conv2d0", 3, 2, "SAME")
    graph += lrn("localresponsenorm0", "maxpool0")
    whole = b"".join(inception5h_nodes(layer_shapes(WIDTHS, 1008, heads=False)))
    found[".pb"] = [graph, whole]
    found[".zip"] = [zip_of({"graph.pb": graph, "labels.txt": b"dummy"}), zip_of({"graph.pb": whole}, 8)]
    weights = {"conv1/7x7_s2.weight": draw(2, 3, 7, 7), "conv1/7x7_s2.bias": draw(2)}
    weights |= {"loss1/fc.weight": draw(3, 32), "loss1/fc.bias": draw(3)}
    found[".caffemodel"] = []
    for old in (False, True):
        transform = field(3, 224) + b"".join(field(5, mean) for mean in (104.0, 117.0, 123.0))
        net = layer("data", "Data", [], ["data"], transform=transform, old=old)
        net += caffe_conv("conv1/7x7_s2", "data", weights, 7, 2, old=old)
        net += caffe_pool("pool1/3x3_s2", "conv1/7x7_s2", 3, 2, old=old)
        net += caffe_lrn("pool1/norm1", "pool1/3x3_s2", old=old)
        found[".caffemodel"].append(net + caffe_dense("loss1/fc", "loss1/conv", weights, old=old))
    torch = {"conv1.weight": draw(2, 3, 7, 7), "conv1.bias": draw(2), "fc.weight": draw(3, 2)}
    found[".pth"] = [simple_checkpoint(torch), whole_checkpoint()]
    return found


def whole_checkpoint() -> bytes:
    """A whole network in PyTorch's format; each of its arrays is one number, seen with strides of zero."""
    modules = {"conv2d0": "conv1", "conv2d1": "conv2", "conv2d2": "conv3", "softmax2": "fc"}
    entries = {}
    for name, shape in layer_shapes(WIDTHS, 1008, heads=False).items():
        block, _, branch = name.partition("_")
        theirs = {"pool_reduce": "pool_proj"}.get(branch, f"conv_{branch.replace('bottleneck', 'reduce')}")
        module = modules.get(name, f"{block}.{theirs}")
        turned = (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1]
        for part, sides in (("weight", turned), ("bias", shape[-1:])):
            entries[f"{module}.{part}"] = tensor_pickle("0", "FloatStorage", 1, sides, (0,) * len(sides))
    return checkpoint(dict_pickle(entries), {"0": np.zeros(1, "<f4").tobytes()})


def _read(folder: Path) -> None:
    path = next(folder.iterdir())
    model = read_model(path)
    summarise(model.architecture)
    json.dumps(dict(model.provenance))
    with contextlib.suppress(ValueError):  # Its text is about the model.
        labels(model)


def _reader(ending: str) -> Reader:
    return Reader(
        seeds=lambda: [{f"a{ending}": data} for data in seeds()[ending]],
        reads=(_read,),
        errors=(WeightsError,),
        share=0.5 if ending in (".pb", ".zip") else 1.0,  # They have a whole network.
        given=lambda _: [f"a{ending}"],
    )


def _copies() -> Sequence[Tree]:
    return [{f"inception5h-1-{'0' * 64}.safetensors": seeds()[".safetensors"][0]}]


def _read_copy(folder: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        assert converted.read_copy(next(folder.iterdir())) is None


WEIGHTS = {f"weights{ending}": _reader(ending) for ending in READERS if ending != ".pt"}
WEIGHTS["cached copy"] = Reader(_copies, (_read_copy,), (), 0.1)
