"""TensorFlow GraphDef (`.pb`), alone or inside a zip as it was released.

Source: TensorFlow's `graph.proto`, `node_def.proto`, `attr_value.proto` and `tensor.proto`; field numbers below are
theirs. Weights are the constants `<layer>_w` and `<layer>_b`; what they are used for is read from the other
nodes.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from inception_jax.readers.archive import Archive
from inception_jax.readers.contents import Contents, WeightsError, add, array_from, element_count, most_bytes
from inception_jax.readers.wire import Message

MAX_NODES = 100_000

# DataType: (NumPy type, the field of TensorProto for values outside of tensor_content)
_DTYPES = {1: (np.float32, 5), 2: (np.float64, 6), 14: (jnp.bfloat16, 13), 19: (np.float16, 13)}
_OPERATIONS = {
    "Conv2D": "convolution",
    "MatMul": "matrix product",
    "MaxPool": "max-pool",
    "AvgPool": "average pool",
    "LRN": "local response normalisation",
    "Relu": "ReLU",
    "Concat": "concatenation",
    "ConcatV2": "concatenation",
    "Softmax": "softmax",
}
_ADDITIONS = ("Const", "BiasAdd", "Add", "AddV2")
# The defaults of LRN, whose attributes a file may leave out.
_LRN = {"depth_radius": 5, "bias": 1.0, "alpha": 1.0, "beta": 0.5}
_ABSENT = Message(b"", "an absent attribute")


def parse(data: bytes | bytearray) -> Contents:
    """Read a GraphDef.

    Raises:
        WeightsError: not a GraphDef, cut short, or with tensors that are not what they declare.
    """
    nodes = Message(data, "the graph").messages(1, "a node")
    if not nodes:
        raise WeightsError("no nodes: not a TensorFlow GraphDef")
    if len(nodes) > MAX_NODES:
        raise WeightsError(f"the graph has {len(nodes)} nodes; at most {MAX_NODES} are read")
    arrays: dict[str, np.ndarray] = {}
    stated: dict[str, dict[str, Any]] = {}
    total, most = 0, most_bytes(len(data))
    for node in nodes:
        name, operation = node.text(1), node.text(2)
        if operation == "Const" and name.endswith(("_w", "_b")):
            add(arrays, name, _tensor(_attributes(node).get("value", _ABSENT).message(8, name), name, most))
            total += arrays[name].nbytes
            if total > most:
                raise WeightsError(f"the constants take more than {most} bytes together")
        elif operation not in _ADDITIONS:
            # The product inside `<layer>_pre_relu` is its own node, `<layer>_pre_relu/conv` or `/matmul`.
            owner = name.split("/")[0] if operation in ("Conv2D", "MatMul") else name
            stated[owner] = {"operation": _OPERATIONS.get(operation, operation), **_settings(operation, node)}
    return Contents(arrays, "TensorFlow GraphDef", "inception5h", stated)


def parse_zip(data: bytes) -> Contents:
    """Read the one GraphDef inside a zip archive, as in the released `inception5h.zip`."""
    archive = Archive(data)
    graphs = [name for name in archive.names if name.endswith(".pb")]
    if len(graphs) != 1:
        raise WeightsError(f"expected one .pb file in the zip archive; it holds {sorted(archive.names)[:10]}")
    return parse(archive.read(graphs[0]))


def _attributes(node: Message) -> dict[str, Message]:
    entries = node.messages(5, f"an attribute of {node.text(1)}")
    return {entry.text(1): entry.message(2, f"{node.text(1)}.{entry.text(1)}") for entry in entries}


def _tensor(tensor: Message, name: str, most: int) -> np.ndarray:
    kind = tensor.integer(1)
    if kind not in _DTYPES:
        raise WeightsError(f"{name} has TensorFlow data type {kind}; expected float32, float64, float16 or bfloat16")
    dtype, field = _DTYPES[kind]
    shape = tuple(side.integer(1) for side in tensor.message(2, name).messages(2, name))
    if 4 in tensor:
        values = array_from(tensor.data(4), dtype, shape, name)
    else:
        if field == 13:
            values = tensor.whole(field, 16).astype(np.uint16).view(dtype)
        else:
            values = np.frombuffer(tensor.floats(field, np.dtype(dtype).itemsize), dtype)
        count = element_count(shape, name, most)
        if not 0 < len(values) <= count:
            raise WeightsError(f"{name} of shape {shape} has {len(values)} values")
        # TensorFlow leaves out trailing values that repeat the last one.
        values = np.concatenate([values, np.broadcast_to(values[-1:], count - len(values))]).reshape(shape)
    return values.astype(np.float32, copy=False)


def _settings(operation: str, node: Message) -> dict[str, Any]:
    attributes = _attributes(node)
    # Without output numbers, control dependencies (^), and the nodes that only reshape another's output.
    inputs = [source.split(":")[0].split("/")[0] for source in node.texts(3) if not source.startswith("^")]
    if (order := attributes.get("data_format", _ABSENT).text(2, "NHWC")) != "NHWC":
        raise WeightsError(f"{node.text(1)} has data_format {order}; only NHWC graphs are read")
    match operation:
        case "Conv2D" | "MaxPool" | "AvgPool":
            padding = attributes.get("padding", _ABSENT).text(2)
            settings: dict[str, Any] = {
                "stride": _side(attributes, "strides"),
                "padding": {"SAME": "same", "VALID": 0}.get(padding, padding),
            }
            if operation == "Conv2D":
                settings |= {"dilation": _side(attributes, "dilations"), "weights": inputs[1:2]}
            else:
                settings |= {"size": _side(attributes, "ksize")}
            inputs = inputs[:1]
        case "MatMul":
            turned = any(attributes.get(name, _ABSENT).integer(5) for name in ("transpose_a", "transpose_b"))
            settings, inputs = {"transposed": turned, "weights": inputs[1:2]}, inputs[:1]
        case "LRN":
            given = {
                name: attributes[name].integer(3) if name == "depth_radius" else attributes[name].real(4, 0.0)
                for name in _LRN
                if name in attributes
            }
            settings = {{"depth_radius": "radius"}.get(name, name): value for name, value in (_LRN | given).items()}
        case "Concat":
            settings, inputs = {}, inputs[1:]
        case "ConcatV2":
            settings, inputs = {}, inputs[:-1]
        case _:
            settings = {}
    return {**settings, "inputs": inputs}


def _side(attributes: dict[str, Message], name: str) -> int | list[int]:
    # NHWC; the two sides are equal in every InceptionV1, and anything else is shown as it is.
    values = attributes[name].message(1, name).integers(3) if name in attributes else [1, 1, 1, 1]
    same = len(values) == 4 and values[0] == values[3] == 1 and values[1] == values[2]
    return values[1] if same else values
