"""Files of Caffe and PyTorch networks against PyTorch itself."""

import numpy as np
import pytest
from weight_files import (
    BRANCHES,
    CAFFE_BRANCHES,
    GOOGLENET,
    INCEPTION5H,
    caffe_weights,
    googlenet,
    layer_shapes,
    random_weights,
)

import inception_jax
from inception_jax.files import read_model
from inception_jax.readers import WeightsError

pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def caffe_forward(torch, weights, images):
    """GoogLeNet as Caffe computes it, from `train_val.prototxt`: BGR, channels first, pools that round up."""
    nn = torch.nn.functional
    blobs = {}

    def conv(name, x, side=1, stride=1):
        w, b = (torch.from_numpy(weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        blobs[f"{name}:pre"] = nn.conv2d(x, w, b, stride, side // 2)
        blobs[name] = nn.relu(blobs[f"{name}:pre"])
        return blobs[name]

    def dense(name, x):
        w, b = (torch.from_numpy(weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        blobs[name] = nn.linear(x.flatten(1), w, b)
        return blobs[name]

    def max_pool(x, stride=2):
        return nn.max_pool2d(x, 3, stride, padding=1 if stride == 1 else 0, ceil_mode=True)

    bgr = torch.from_numpy(images[..., ::-1].transpose(0, 3, 1, 2).copy()) * 255
    x = bgr - torch.tensor([104.0, 117.0, 123.0])[:, None, None]
    x = blobs["pool1/norm1"] = nn.local_response_norm(max_pool(conv("conv1/7x7_s2", x, 7, 2)), 5, 1e-4, 0.75, 1.0)
    x = conv("conv2/3x3", conv("conv2/3x3_reduce", x), 3)
    x = max_pool(nn.local_response_norm(x, 5, 1e-4, 0.75, 1.0))
    for block in GOOGLENET:
        name = f"inception_{block}"
        x = max_pool(x) if block in ("4a", "5a") else x
        parts = [
            conv(f"{name}/1x1", x),
            conv(f"{name}/3x3", conv(f"{name}/3x3_reduce", x), 3),
            conv(f"{name}/5x5", conv(f"{name}/5x5_reduce", x), 5),
            conv(f"{name}/pool_proj", max_pool(x, 1)),
        ]
        x = blobs[f"{name}/output"] = torch.cat(parts, 1)
        if head := {"4a": "loss1", "4d": "loss2"}.get(block):
            y = conv(f"{head}/conv", nn.avg_pool2d(x, 5, 3, ceil_mode=True))
            blobs[f"{head}/fc"] = nn.relu(dense(f"{head}/fc", y))
            dense(f"{head}/classifier", blobs[f"{head}/fc"])
    dense("loss3/classifier", nn.avg_pool2d(x, 7, 1))
    return {name: value.numpy() for name, value in blobs.items()}


@pytest.mark.parametrize("old", [False, True], ids=["LayerParameter", "V1LayerParameter"])
def test_googlenet_from_a_caffemodel(old, torch, tmp_path):
    weights = caffe_weights(layer_shapes(GOOGLENET, 1000))
    path = tmp_path / "googlenet.caffemodel"
    path.write_bytes(googlenet(weights, old=old, splits=True))
    model = read_model(path)
    assert model.architecture == inception_jax.BVLC_GOOGLENET
    images = np.random.default_rng(1).random((1, 224, 224, 3), np.float32)
    ours = {name: np.asarray(value) for name, value in model(images).items()}
    with torch.no_grad():
        theirs = caffe_forward(torch, weights, images)
    names = {"localresponsenorm0": "pool1/norm1", "softmax2_pre_activation": "loss3/classifier"}
    names |= {"conv2d0": "conv1/7x7_s2", "conv2d1": "conv2/3x3_reduce", "conv2d2": "conv2/3x3"}
    for block in GOOGLENET:
        names[f"mixed{block}"] = f"inception_{block}/output"
        for branch, theirs_branch in zip(BRANCHES, CAFFE_BRANCHES, strict=True):
            names[f"mixed{block}_{branch}"] = f"inception_{block}/{theirs_branch}"
            names[f"mixed{block}_{branch}_pre_relu"] = f"inception_{block}/{theirs_branch}:pre"
    for i in (0, 1):
        names[f"head{i}_bottleneck"], names[f"nn{i}"] = f"loss{i + 1}/conv", f"loss{i + 1}/fc"
        names[f"softmax{i}_pre_activation"] = f"loss{i + 1}/classifier"
    for name, blob in names.items():
        expected = theirs[blob].transpose(0, 2, 3, 1) if theirs[blob].ndim == 4 else theirs[blob]
        # float32 on both sides, summed in other orders: 1e-6 or less is usual after twenty layers.
        assert np.linalg.norm(ours[name] - expected) < 1e-4 * np.linalg.norm(expected), name


def lucent_names(layer):
    return f"{layer}_pre_activation_matmul" if layer == "softmax2" else f"{layer}_pre_relu_conv"


def captum_names(layer):
    theirs = {"conv2d0": "conv1", "conv2d1": "conv2", "conv2d2": "conv3", "softmax2": "fc"}
    theirs |= {f"head{i}_bottleneck": f"aux{i + 1}.loss_conv" for i in (0, 1)}
    theirs |= {f"nn{i}": f"aux{i + 1}.loss_fc" for i in (0, 1)}
    theirs |= {f"softmax{i}": f"aux{i + 1}.loss_classifier" for i in (0, 1)}
    for block in INCEPTION5H:
        for ours, caffe in zip(BRANCHES, CAFFE_BRANCHES, strict=True):
            theirs[f"mixed{block}_{ours}"] = f"mixed{block}.{'pool_proj' if caffe == 'pool_proj' else f'conv_{caffe}'}"
    return theirs[layer]


@pytest.mark.parametrize(
    ("names", "heads"),
    [(lucent_names, False), (captum_names, False), (captum_names, True)],
    ids=["Lucent", "Captum", "Captum with heads"],
)
def test_checkpoints_that_pytorch_saved(names, heads, torch, tmp_path):
    weights = random_weights(layer_shapes(INCEPTION5H, 1008, heads))
    state = {}
    for name, array in weights.items():
        layer, kind = name[:-2], {"w": "weight", "b": "bias"}[name[-1]]
        if layer.startswith("nn") and kind == "weight":
            # PyTorch flattens (channel, row, column).
            array = array.reshape(4, 4, 128, 1024).transpose(3, 2, 0, 1).reshape(1024, 2048)
        elif kind == "weight":
            array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
        # Without a copy, most of these are views with strides of their own.
        state[f"{names(layer)}.{kind}"] = torch.from_numpy(array)
    trained = {name: torch.nn.Parameter(tensor) for name, tensor in state.items()}
    files = {"plain.pth": state, "nested.pt": {"epoch": 3, "state_dict": trained, "loss": [0.5, None]}}
    for file, content in files.items():
        torch.save(content, tmp_path / file)
        model = read_model(tmp_path / file)
        assert model.architecture.lrn == inception_jax.INCEPTION5H.lrn
        assert len(model.architecture.heads) == 2 * heads
        for name, array in weights.items():
            part = {"w": "kernel", "b": "bias"}[name[-1]]
            np.testing.assert_array_equal(np.asarray(model.weights[name[:-2]][part]), array)


def test_a_modules_own_state_dict_in_half_precision(torch, tmp_path):
    module = torch.nn.Module()
    for layer, (*side, i, o) in layer_shapes(INCEPTION5H, 10, heads=False).items():
        module.add_module(lucent_names(layer), torch.nn.Conv2d(i, o, side[0]) if side else torch.nn.Linear(i, o))
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        torch.save(module.to(dtype).state_dict(), tmp_path / "model.pth")
        model = read_model(tmp_path / "model.pth")
        assert model.architecture.classes == 10
        kernel = module.get_submodule("conv2d0_pre_relu_conv").weight.detach().float().numpy().transpose(2, 3, 1, 0)
        np.testing.assert_array_equal(np.asarray(model.weights["conv2d0"]["kernel"]), kernel)


def test_the_format_from_before_pytorch_1_6_and_whole_modules_are_refused(torch, tmp_path):
    torch.save({"conv1.weight": torch.zeros(2)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    with pytest.raises(WeightsError, match=r"^old\.pth: this is PyTorch's format from before version 1"):
        read_model(tmp_path / "old.pth")
    torch.save(torch.nn.Linear(2, 3), tmp_path / "module.pth")
    with pytest.raises(WeightsError, match=r"^module\.pth: the pickle asks for torch\.nn\.modules"):
        read_model(tmp_path / "module.pth")
