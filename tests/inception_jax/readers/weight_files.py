"""Makers of weight files in other frameworks' formats, written from the formats' descriptions alone."""

import io
import pickle
import struct
import zipfile

import numpy as np

# Widths by hand from Szegedy et al. 2015, table 1, with the released files' own numbers for mixed4a and mixed5a:
# 1x1, 3x3 bottleneck, 3x3, 5x5 bottleneck, 5x5, pool reduce.
INCEPTION5H = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 204, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 48, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
GOOGLENET = INCEPTION5H | {"4a": (192, 96, 208, 16, 48, 64), "5a": (256, 160, 320, 32, 128, 128)}
BRANCHES = ("1x1", "3x3_bottleneck", "3x3", "5x5_bottleneck", "5x5", "pool_reduce")
SIDES = (1, 1, 3, 1, 5, 1)


def layer_shapes(widths, classes, heads=True):
    """Kernel shapes, HWIO or [in, out], by this project's layer names."""
    shapes = {"conv2d0": (7, 7, 3, 64), "conv2d1": (1, 1, 64, 64), "conv2d2": (3, 3, 64, 192)}
    units, taps = 192, {}
    for block, (one, three_in, three, five_in, five, pool) in widths.items():
        inputs = (units, units, three_in, units, five_in, units)
        for branch, side, i, o in zip(BRANCHES, SIDES, inputs, widths[block], strict=True):
            shapes[f"mixed{block}_{branch}"] = (side, side, i, o)
        units = one + three + five + pool
        taps[block] = units
    for i, block in enumerate(("4a", "4d") if heads else ()):
        shapes[f"head{i}_bottleneck"] = (1, 1, taps[block], 128)
        shapes[f"nn{i}"], shapes[f"softmax{i}"] = (2048, 1024), (1024, classes)
    shapes["softmax2"] = (1024, classes)
    return shapes


def random_weights(shapes, seed=0):
    """Kernels that keep activations' scale, and biases, as `<layer>_w` and `<layer>_b`."""
    rng, weights = np.random.default_rng(seed), {}
    for layer, shape in shapes.items():
        scale = np.sqrt(2 / np.prod(shape[:-1]))
        weights[f"{layer}_w"] = (rng.standard_normal(shape) * scale).astype(np.float32)
        weights[f"{layer}_b"] = (0.1 * rng.standard_normal(shape[-1])).astype(np.float32)
    return weights


def varint(n):
    n &= 2**64 - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def field(number, value):
    """One protocol-buffer field: int, float (32 bits), text, or bytes (a message or a packed list)."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else bytes(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(number, values):
    return b"".join(field(number, value) for value in values)


def shape_proto(shape):
    return fields(2, [field(1, side) for side in shape])


def tensor_proto(array):
    return field(1, 1) + field(2, shape_proto(array.shape)) + field(4, array.astype("<f4").tobytes())


def zeros_proto(shape):
    """A tensor of zeros as TensorFlow stores it: the repeated value once."""
    return field(1, 1) + field(2, shape_proto(shape)) + field(5, struct.pack("<f", 0.0))


def node(name, operation, inputs=(), **attributes):
    """A NodeDef; attributes are AttrValue messages."""
    entries = [field(1, key) + field(2, value) for key, value in attributes.items()]
    return field(1, field(1, name) + field(2, operation) + fields(3, inputs) + fields(5, entries))


def const(name, tensor):
    return node(name, "Const", dtype=field(6, 1), value=field(8, tensor))


def sides(n):
    """The AttrValue [1, n, n, 1]."""
    return field(1, field(3, varint(1) + varint(n) + varint(n) + varint(1)))


def pool(name, operation, source, size, stride, padding):
    return node(name, operation, [source], ksize=sides(size), strides=sides(stride), padding=field(2, padding))


def lrn(name, source, radius=5, bias=2.0, alpha=1e-4, beta=0.5):
    numbers = {"bias": field(4, bias), "alpha": field(4, alpha), "beta": field(4, beta)}
    return node(name, "LRN", [source], depth_radius=field(3, radius), **numbers)


def conv(name, source, stride=1):
    pre = f"{name}_pre_relu"
    inputs = [source, f"{name}_w"]
    return [
        node(f"{pre}/conv", "Conv2D", inputs, strides=sides(stride), padding=field(2, "SAME")),
        node(pre, "BiasAdd", [f"{pre}/conv", f"{name}_b"]),
        node(name, "Relu", [pre]),
    ]


def dense(name, source, weights):
    return [
        node(f"{name}/matmul", "MatMul", [f"{source}/reshape", f"{weights}_w"]),
        node(name, "BiasAdd", [f"{name}/matmul", f"{weights}_b"]),
    ]


def inception5h_nodes(shapes, weights=None):
    """The nodes of the released graph by name, weights zero unless given. The order of nodes has no meaning."""
    nodes = [node("input", "Placeholder")]
    for layer, shape in shapes.items():
        for name, side in ((f"{layer}_w", shape), (f"{layer}_b", shape[-1:])):
            nodes.append(const(name, zeros_proto(side) if weights is None else tensor_proto(weights[name])))
    nodes += [*conv("conv2d0", "input", 2), pool("maxpool0", "MaxPool", "conv2d0", 3, 2, "SAME")]
    nodes += [
        lrn("localresponsenorm0", "maxpool0"),
        *conv("conv2d1", "localresponsenorm0"),
        *conv("conv2d2", "conv2d1"),
    ]
    nodes += [lrn("localresponsenorm1", "conv2d2"), pool("maxpool1", "MaxPool", "localresponsenorm1", 3, 2, "SAME")]
    source = "maxpool1"
    for block in INCEPTION5H:
        name, before = f"mixed{block}", {"4a": "maxpool4", "5a": "maxpool10"}.get(block)
        if before:
            nodes.append(pool(before, "MaxPool", source, 3, 2, "SAME"))
            source = before
        for branch in ("1x1", "3x3_bottleneck", "5x5_bottleneck"):
            nodes += conv(f"{name}_{branch}", source)
        nodes.append(pool(f"{name}_pool", "MaxPool", source, 3, 1, "SAME"))
        nodes += conv(f"{name}_pool_reduce", f"{name}_pool")
        nodes += [*conv(f"{name}_3x3", f"{name}_3x3_bottleneck"), *conv(f"{name}_5x5", f"{name}_5x5_bottleneck")]
        outputs = [f"{name}_{branch}" for branch in ("1x1", "3x3", "5x5", "pool_reduce")]
        nodes.append(node(name, "Concat", [f"{name}/concat_dim", *outputs]))
        source = name
    nodes.append(pool("avgpool0", "AvgPool", source, 7, 1, "VALID"))
    nodes += [
        *dense("softmax2_pre_activation", "avgpool0", "softmax2"),
        node("softmax2", "Softmax", ["softmax2_pre_activation"]),
    ]
    for i, block in enumerate(("mixed4a", "mixed4d") if "nn0" in shapes else ()):
        nodes += [pool(f"head{i}_pool", "AvgPool", block, 5, 3, "VALID"), *conv(f"head{i}_bottleneck", f"head{i}_pool")]
        nodes += [
            *dense(f"nn{i}_pre_relu", f"head{i}_bottleneck", f"nn{i}"),
            node(f"nn{i}", "Relu", [f"nn{i}_pre_relu"]),
        ]
        nodes += dense(f"softmax{i}_pre_activation", f"nn{i}", f"softmax{i}")
    return nodes


# Caffe: field numbers of LayerParameter, and of V1LayerParameter before it.
NEW = {"name": 1, "type": 2, "bottom": 3, "top": 4, "blobs": 7, "conv": 106, "lrn": 118, "pool": 121, "transform": 100}
OLD = {"name": 4, "type": 5, "bottom": 2, "top": 3, "blobs": 6, "conv": 10, "lrn": 18, "pool": 19, "transform": 36}
OLD_TYPES = {"Concat": 3, "Convolution": 4, "Data": 5, "Dropout": 6, "InnerProduct": 14, "LRN": 15, "Pooling": 17}
OLD_TYPES |= {"ReLU": 18, "Split": 22}


def blob(array, *, legacy=False, packed=True, double=False):
    """A BlobProto with its shape as a list, or as the four numbers of the format before it."""
    if legacy:
        shape = b"".join(field(i + 1, side) for i, side in enumerate((*(1,) * (4 - array.ndim), *array.shape)))
    else:
        shape = field(7, field(1, b"".join(varint(side) for side in array.shape)))
    if double:
        return shape + field(8, array.astype("<f8").tobytes())
    if packed:
        return shape + field(5, array.astype("<f4").tobytes())
    return shape + b"".join(b"\x2d" + struct.pack("<f", value) for value in array.ravel())


def layer(name, kind, bottoms, tops, blobs=(), old=False, **settings):
    """A field of NetParameter."""
    numbers = OLD if old else NEW
    message = field(numbers["name"], name) + field(numbers["type"], OLD_TYPES[kind] if old else kind)
    message += fields(numbers["bottom"], bottoms) + fields(numbers["top"], tops) + fields(numbers["blobs"], blobs)
    message += b"".join(field(numbers[key], value) for key, value in settings.items())
    return field(2 if old else 100, message)


def caffe_conv(name, source, weights, side, stride=1, old=False, **how):
    settings = field(4, side) + (field(6, stride) if stride > 1 else b"") + (field(3, side // 2) if side > 1 else b"")
    w, b = (blob(weights[f"{name}.{part}"], legacy=old, **how) for part in ("weight", "bias"))
    relu = layer(f"{name}_relu", "ReLU", [name], [name], old=old)
    return layer(name, "Convolution", [source], [name], [w, b], conv=settings, old=old) + relu


def caffe_dense(name, source, weights, old=False):
    blobs = [blob(weights[f"{name}.{part}"], legacy=old) for part in ("weight", "bias")]
    return layer(name, "InnerProduct", [source], [name], blobs, old=old)


def caffe_pool(name, source, size, stride, pad=0, average=False, old=False):
    settings = field(1, int(average)) + field(2, size) + field(3, stride) + (field(4, pad) if pad else b"")
    return layer(name, "Pooling", [source], [name], pool=settings, old=old)


def caffe_lrn(name, source, size=5, alpha=1e-4, beta=0.75, old=False):
    return layer(name, "LRN", [source], [name], lrn=field(1, size) + field(2, alpha) + field(3, beta), old=old)


CAFFE_BRANCHES = ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj")


def caffe_names(heads=True):
    """Caffe's layer name for each of ours that has weights."""
    names = {"conv2d0": "conv1/7x7_s2", "conv2d1": "conv2/3x3_reduce", "conv2d2": "conv2/3x3"}
    for block in GOOGLENET:
        for ours, theirs in zip(BRANCHES, CAFFE_BRANCHES, strict=True):
            names[f"mixed{block}_{ours}"] = f"inception_{block}/{theirs}"
    for i in (0, 1) if heads else ():
        names[f"head{i}_bottleneck"] = f"loss{i + 1}/conv"
        names[f"nn{i}"], names[f"softmax{i}"] = f"loss{i + 1}/fc", f"loss{i + 1}/classifier"
    return names | {"softmax2": "loss3/classifier"}


def caffe_weights(shapes, seed=0):
    """Random weights in Caffe's layout, `<Caffe layer>.weight` (OIHW, or [out, in]) and `.bias`."""
    weights, names = random_weights(shapes, seed), caffe_names("nn0" in shapes)
    return {
        f"{names[key[:-2]]}.{'weight' if key.endswith('_w') else 'bias'}": np.ascontiguousarray(
            array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
        )
        for key, array in weights.items()
    }


def googlenet(weights, old=False, splits=False):
    """The whole network with auxiliary heads, as a training net is saved: data layer first, splits where blobs fork."""
    # A mean per channel, BGR; crop to 224.
    transform = field(3, 224) + field(5, 104.0) + field(5, 117.0) + field(5, 123.0)
    parts = [field(1, "GoogleNet"), layer("data", "Data", [], ["data", "label"], transform=transform, old=old)]

    def conv(name, source, side, stride=1):
        parts.append(caffe_conv(name, source, weights, side, stride, old=old))

    conv("conv1/7x7_s2", "data", 7, 2)
    parts.append(caffe_pool("pool1/3x3_s2", "conv1/7x7_s2", 3, 2, old=old))
    parts.append(caffe_lrn("pool1/norm1", "pool1/3x3_s2", old=old))
    conv("conv2/3x3_reduce", "pool1/norm1", 1)
    conv("conv2/3x3", "conv2/3x3_reduce", 3)
    parts.append(caffe_lrn("conv2/norm2", "conv2/3x3", old=old))
    parts.append(caffe_pool("pool2/3x3_s2", "conv2/norm2", 3, 2, old=old))
    source = "pool2/3x3_s2"
    for block in GOOGLENET:
        name, before = f"inception_{block}", {"4a": "pool3/3x3_s2", "5a": "pool4/3x3_s2"}.get(block)
        if before:
            parts.append(caffe_pool(before, source, 3, 2, old=old))
            source = before
        forks = [source] * 4
        if splits:
            forks = [f"{source}_split_{i}" for i in range(4)]
            parts.append(layer(f"{source}_split", "Split", [source], forks, old=old))
        conv(f"{name}/1x1", forks[0], 1)
        conv(f"{name}/3x3_reduce", forks[1], 1)
        conv(f"{name}/3x3", f"{name}/3x3_reduce", 3)
        conv(f"{name}/5x5_reduce", forks[2], 1)
        conv(f"{name}/5x5", f"{name}/5x5_reduce", 5)
        parts.append(caffe_pool(f"{name}/pool", forks[3], 3, 1, 1, old=old))
        conv(f"{name}/pool_proj", f"{name}/pool", 1)
        outputs = [f"{name}/{branch}" for branch in ("1x1", "3x3", "5x5", "pool_proj")]
        source = f"{name}/output"
        parts.append(layer(source, "Concat", outputs, [source], old=old))
        if (head := {"4a": "loss1", "4d": "loss2"}.get(block)) and f"{head}/fc.weight" in weights:
            parts.append(caffe_pool(f"{head}/ave_pool", source, 5, 3, average=True, old=old))
            conv(f"{head}/conv", f"{head}/ave_pool", 1)
            parts.append(caffe_dense(f"{head}/fc", f"{head}/conv", weights, old=old))
            for kind, suffix in (("ReLU", "relu_fc"), ("Dropout", "drop_fc")):
                parts.append(layer(f"{head}/{suffix}", kind, [f"{head}/fc"], [f"{head}/fc"], old=old))
            parts.append(caffe_dense(f"{head}/classifier", f"{head}/fc", weights, old=old))
    parts.append(caffe_pool("pool5/7x7_s1", source, 7, 1, average=True, old=old))
    parts.append(layer("pool5/drop_7x7_s1", "Dropout", ["pool5/7x7_s1"], ["pool5/7x7_s1"], old=old))
    parts.append(caffe_dense("loss3/classifier", "pool5/7x7_s1", weights, old=old))
    return b"".join(parts)


def zip_of(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def integers(values):
    """A pickled tuple of whole numbers."""
    return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"


def tensor_pickle(key, storage, size, shape, strides, offset=0):
    """The pickle operations by which PyTorch writes a tensor."""
    place = b"(" + text("storage") + f"ctorch\n{storage}\n".encode() + text(key) + text("cpu")
    place += b"J" + struct.pack("<i", size) + b"tQ"
    hooks = b"ccollections\nOrderedDict\n)R"
    numbers = b"J" + struct.pack("<i", offset) + integers(shape) + integers(strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + place + numbers + b"\x89" + hooks + b"tR"


def dict_pickle(entries):
    """A pickle of a dictionary; values are pickle operations."""
    return b"\x80\x02}(" + b"".join(text(key) + value for key, value in entries.items()) + b"u."


def checkpoint(pickled, storages, **members):
    """PyTorch's zip format."""
    parts = {"archive/data.pkl": pickled, "archive/version": b"3\n"}
    parts |= {f"archive/data/{key}": data for key, data in storages.items()}
    return zip_of(parts | {f"archive/{name}": data for name, data in members.items()})


def simple_checkpoint(arrays):
    """A state dict of contiguous float32 arrays."""
    entries, storages = {}, {}
    for i, (name, array) in enumerate(arrays.items()):
        strides = [step // array.itemsize for step in np.ascontiguousarray(array).strides]
        entries[name] = tensor_pickle(str(i), "FloatStorage", array.size, array.shape, strides)
        storages[str(i)] = array.astype("<f4").tobytes()
    return checkpoint(dict_pickle(entries), storages)


class Evil:
    """Runs a command when unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def evil_pickle(protocol, function, *arguments):
    return pickle.dumps({"conv2d0_w": Evil(function, *arguments)}, protocol)
