"""Caffe's trained networks (`.caffemodel`), in the message format of 2014 and in the one before it.

Source: Caffe's `src/caffe/proto/caffe.proto`; field numbers below are its own. The file stores channels first and
takes BGR images; both are turned here, once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from inception_jax.nodes import INPUT
from inception_jax.readers import names
from inception_jax.readers.contents import Contents, WeightsError, add, array_from
from inception_jax.readers.wire import Message

MAX_LAYERS = 10_000

_V1_TYPES = {
    3: "Concat",
    4: "Convolution",
    6: "Dropout",
    8: "Flatten",
    14: "InnerProduct",
    15: "LRN",
    17: "Pooling",
    18: "ReLU",
    20: "Softmax",
    22: "Split",
}
_IDENTITIES = ("Dropout", "Flatten", "Reshape", "Split")


@dataclass(frozen=True)
class _Numbers:
    """The field numbers of a layer's message."""

    name: int
    bottoms: int
    tops: int
    blobs: int
    convolution: int
    dense: int
    lrn: int
    pooling: int
    transform: int


_LAYER = _Numbers(1, 3, 4, 7, 106, 117, 118, 121, 100)
_V1_LAYER = _Numbers(4, 2, 3, 6, 10, 17, 18, 19, 36)


class _Layer:
    """What LayerParameter and V1LayerParameter have in common; they differ in numbers, and in how types are named."""

    def __init__(self, message: Message, kind: str, numbers: _Numbers) -> None:
        self.kind, self.name = kind, message.text(numbers.name)
        self.bottoms, self.tops = message.texts(numbers.bottoms), message.texts(numbers.tops)
        self.blobs = message.messages(numbers.blobs, self.name)
        self.convolution = message.message(numbers.convolution, self.name)
        self.dense = message.message(numbers.dense, self.name)
        self.lrn = message.message(numbers.lrn, self.name)
        self.pooling = message.message(numbers.pooling, self.name)
        self.transform = message.message(numbers.transform, self.name)


def parse(data: bytes) -> Contents:
    """Read a NetParameter.

    Raises:
        WeightsError: not a caffemodel, cut short, or with blobs that are not what they declare.
    """
    net = Message(data, "the network")
    layers = [_Layer(layer, layer.text(2), _LAYER) for layer in net.messages(100, "a layer")]
    for layer in net.messages(2, "a layer"):
        layers.append(_Layer(layer, _V1_TYPES.get(kind := layer.integer(5), f"type {kind}"), _V1_LAYER))
    if not layers:
        raise WeightsError("no layers: not a Caffe NetParameter")
    if len(layers) > MAX_LAYERS:
        raise WeightsError(f"the network has {len(layers)} layers; at most {MAX_LAYERS} are read")
    arrays: dict[str, np.ndarray] = {}
    for layer in layers:
        ours = names.from_caffe(layer.name) or layer.name
        for suffix, blob in zip("wb", layer.blobs, strict=False):
            add(arrays, f"{ours}_{suffix}", _blob(blob, ours, suffix))
    if "conv2d0_w" in arrays:
        arrays["conv2d0_w"] = arrays["conv2d0_w"][:, :, ::-1]
    return Contents(arrays, "Caffe model", "bvlc_googlenet", _stated(layers))


def _blob(blob: Message, layer: str, suffix: str) -> np.ndarray:
    name = f"{layer}_{suffix}"
    if 7 in blob:
        shape = blob.message(7, name).integers(1)
    else:
        shape = [blob.integer(number) for number in (1, 2, 3, 4)]
        # The older messages always have four sides; leading ones pad what has fewer.
        rank = 1 if suffix == "b" else 2 if names.is_dense(layer) else 4
        while len(shape) > rank and shape[0] == 1:
            shape = shape[1:]
    if 8 in blob:
        values = array_from(blob.floats(8, 8), "<f8", shape, name)
    else:
        values = array_from(blob.floats(5), "<f4", shape, name)
    return names.to_our_layout(layer, values.astype(np.float32, copy=False))


def _stated(layers: list[_Layer]) -> dict[str, dict[str, Any]]:
    stated: dict[str, dict[str, Any]] = {}
    # Which of our activations a blob holds at this point of the file; ReLUs work in place.
    holds: dict[str, str] = {}
    for layer in layers:
        inputs = [holds.get(blob, blob) for blob in layer.bottoms]
        if layer.kind in _IDENTITIES:
            holds |= dict.fromkeys(layer.tops, inputs[0] if inputs else layer.name)
            continue
        name = names.from_caffe(layer.name) or layer.name
        if layer.kind == "ReLU" and inputs:
            name = inputs[0].removesuffix("_pre_relu")
        elif layer.kind == "Convolution" or (layer.kind == "InnerProduct" and name.startswith("nn")):
            name = f"{name}_pre_relu"
        elif layer.kind == "InnerProduct":
            name = f"{name}_pre_activation"
        holds |= dict.fromkeys(layer.tops, name)
        if 1 in layer.transform or 3 in layer.transform or 5 in layer.transform:
            stated[INPUT] = _input(layer.transform)
        else:
            stated[name] = {**_settings(layer), "inputs": inputs}
    return stated


def _input(transform: Message) -> dict[str, Any]:
    scale = transform.real(1, 1.0)
    means = np.frombuffer(transform.floats(5), "<f4")
    settings: dict[str, Any] = {"scale": 255.0 * scale}
    if size := transform.integer(3):
        settings["size"] = size
    if len(means):
        # Caffe subtracts before it scales, and counts channels as BGR.
        settings["mean"] = tuple(float(mean) * scale for mean in np.broadcast_to(means, 3)[::-1])
    return settings


def _settings(layer: _Layer) -> dict[str, Any]:
    match layer.kind:
        case "Convolution":
            conv = layer.convolution
            return {
                "operation": "convolution",
                "stride": _side(conv, 6, 13, 14, 1),
                "padding": _side(conv, 3, 9, 10, 0),
                "dilation": _side(conv, 18, 18, 18, 1),
                "groups": conv.integer(5, 1),
            }
        case "Pooling":
            pool = layer.pooling
            return {
                "operation": {0: "max-pool", 1: "average pool"}.get(pool.integer(1), "stochastic pool"),
                "size": None if pool.integer(12) else _side(pool, 2, 5, 6, 0),
                "stride": _side(pool, 3, 7, 8, 1),
                "padding": _side(pool, 4, 9, 10, 0),
                "rounding": "down" if pool.integer(13) else "up",
            }
        case "LRN":
            lrn, size = layer.lrn, layer.lrn.integer(1, 5)
            if size < 1 or size % 2 == 0:
                raise WeightsError(f"{layer.name} normalises over {size} channels; expected an odd number")
            return {
                "operation": "normalisation within channels" if lrn.integer(4) else "local response normalisation",
                "radius": size // 2,
                "alpha": lrn.real(2, 1.0) / size,
                "beta": lrn.real(3, 0.75),
                "bias": lrn.real(5, 1.0),
            }
        case "InnerProduct":
            return {"operation": "matrix product", "transposed": bool(layer.dense.integer(6))}
        case kind:
            return {"operation": {"Concat": "concatenation", "Softmax": "softmax"}.get(kind, kind)}


def _side(message: Message, both: int, high: int, wide: int, default: int) -> int | list[int]:
    # The two sides are equal in every InceptionV1, and anything else is shown as it is.
    values = message.integers(both) or [message.integer(high, default), message.integer(wide, default)]
    return values[0] if len(set(values)) == 1 else values
