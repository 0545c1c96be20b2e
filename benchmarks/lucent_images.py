"""Draws units with Lucent; run by `quality.py` in an interpreter that has it (`lucent_env.py` says how to install it).

Lucent's `render_vis` by its defaults, on GoogLeNet as Caffe computes it, which Lucent's own InceptionV1 is not: it has
other normalisation and padding. The ReLUs are Lucent's, as they are in its InceptionV1 unless told otherwise. Each
image goes into a file of its own, with the unit's mean activation as this network has it; files that are there already
stay, so that the next run goes on where one was interrupted.
"""

import argparse
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from lucent_env import DEVICE, RedirectedReluLayer, objectives, param, render
from torch import nn
from tqdm import tqdm

MEAN = (123.0, 117.0, 104.0)
Weights = Mapping[str, np.ndarray]


def main() -> None:
    """Draw every unit whose file is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True, help="of GoogLeNet in RGB order, as this project saves .npz files")
    parser.add_argument("--units", nargs="+", required=True, help="layer:unit")
    parser.add_argument("--out", type=Path, required=True, help="folder for <layer>_<unit>.npz")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--equal-size", action="store_true", help="feed images of `size`, not enlarged to 224")
    parser.add_argument("--plain-relu", action="store_true", help="ReLUs with their own gradients")
    options = parser.parse_args()
    with np.load(options.weights) as file:
        weights = {name: file[name] for name in file.files}
    for name in tqdm(options.units, unit="image", desc=options.out.name):
        layer, unit = name.split(":")
        path = options.out / f"{layer}_{unit}.npz"
        if not path.exists():
            # New each time, since the hooks that `render_vis` adds to it stay.
            network = googlenet(weights, layer, nn.ReLU if options.plain_relu else RedirectedReluLayer).to(DEVICE)
            save(path, *draw(network, layer, int(unit), options))


def draw(network: nn.Module, layer: str, unit: int, options: argparse.Namespace) -> tuple[np.ndarray, float]:
    """The image of one unit, `[height, width, 3]` in [0, 1], and the unit's mean activation for it as it is."""
    seed = zlib.crc32(f"{options.seed} {layer}:{unit}".encode())
    torch.manual_seed(seed)
    np.random.seed(seed)
    images = render.render_vis(
        network,
        objectives.channel(layer, unit),
        param_f=lambda: param.image(options.size),
        thresholds=(options.steps,),
        preprocess=False,
        progress=False,
        show_image=False,
        fixed_image_size=options.size if options.equal_size else None,
    )
    with torch.no_grad():
        activation = network(torch.from_numpy(images[-1].transpose(0, 3, 1, 2)).to(DEVICE))
    return images[-1][0], float(activation[0, unit].mean())


def googlenet(weights: Weights, until: str, relu: type[nn.Module]) -> nn.Sequential:
    """GoogLeNet's layers up to one of the blocks, by the names of this project."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["preparation"] = Preparation()
    layers["conv2d0"] = conv(weights, "conv2d0", relu, stride=2)
    layers["maxpool0"] = pool(2)
    layers["localresponsenorm0"] = normalise()
    layers["conv2d1"] = conv(weights, "conv2d1", relu)
    layers["conv2d2"] = conv(weights, "conv2d2", relu)
    layers["localresponsenorm1"] = normalise()
    layers["maxpool1"] = pool(2)
    for block in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        if block in ("4a", "5a"):
            layers[f"maxpool_{block}"] = pool(2)
        layers[f"mixed{block}"] = Block(weights, f"mixed{block}", relu)
        if f"mixed{block}" == until:
            break
    return nn.Sequential(layers).eval().requires_grad_(False)


class Preparation(nn.Module):
    """From RGB in [0, 1] to what the network was trained on."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale, and subtract the mean."""
        return 255 * x - torch.tensor(MEAN, device=x.device)[:, None, None]


class Block(nn.Module):
    """Four branches, concatenated."""

    def __init__(self, weights: Weights, name: str, relu: type[nn.Module]) -> None:
        super().__init__()
        one, three_in, three, five_in, five, reduce = (
            conv(weights, f"{name}_{branch}", relu)
            for branch in ("1x1", "3x3_bottleneck", "3x3", "5x5_bottleneck", "5x5", "pool_reduce")
        )
        branches = (one, nn.Sequential(three_in, three), nn.Sequential(five_in, five), nn.Sequential(pool(1), reduce))
        self.branches = nn.ModuleList(branches)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """All branches of the same input."""
        return torch.cat([branch(x) for branch in self.branches], 1)


def conv(weights: Weights, name: str, relu: type[nn.Module], stride: int = 1) -> nn.Sequential:
    """A convolution padded by half its kernel, and its ReLU."""
    kernel = torch.from_numpy(weights[f"{name}_w"]).permute(3, 2, 0, 1)
    units, inputs, side, _ = kernel.shape
    layer = nn.Conv2d(inputs, units, side, stride, side // 2)
    layer.load_state_dict({"weight": kernel, "bias": torch.from_numpy(weights[f"{name}_b"])})
    return nn.Sequential(layer, relu())


def pool(stride: int) -> nn.MaxPool2d:
    """A 3x3 max-pool whose size is rounded up."""
    return nn.MaxPool2d(3, stride, padding=1 if stride == 1 else 0, ceil_mode=True)


def normalise() -> nn.LocalResponseNorm:
    """Caffe's local response normalisation of 5 channels."""
    return nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0)


def save(path: Path, image: np.ndarray, score: float) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    with temporary.open("wb") as file:
        np.savez(file, image=image, score=score)
    temporary.replace(path)


if __name__ == "__main__":
    main()
