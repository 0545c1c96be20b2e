"""Architectures as data: everything that distinguishes one InceptionV1 from another."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args, get_origin, get_type_hints

MAX_GROUPS = 64
"""Most groups of a convolution; each is a convolution of its own in the compiled program."""


@dataclass(frozen=True)
class LRN:
    """Local response normalisation, `y = x / (bias + alpha * sum(x**2 over 2 * radius + 1 channels)) ** beta`.

    `alpha` counts per element (TensorFlow's convention); Caffe and PyTorch divide theirs by the window size first.
    """

    radius: int
    alpha: float
    beta: float
    bias: float


@dataclass(frozen=True)
class Block:
    """Channel counts of one inception block, in the order in which its branches are concatenated.

    `pool_before` names the stride-2 max-pool between this block and the one before it, where there is one.
    """

    conv1x1: int
    conv3x3_bottleneck: int
    conv3x3: int
    conv5x5_bottleneck: int
    conv5x5: int
    pool_reduce: int
    pool_before: str | None = None

    @property
    def units(self) -> int:
        """Channels of the concatenated output."""
        return self.conv1x1 + self.conv3x3 + self.conv5x5 + self.pool_reduce

    def scaled(self, scale: Callable[[int], int]) -> "Block":
        """The block with `scale` of every channel count."""
        return Block(*(scale(n) for n in dataclasses.astuple(self)[:6]), pool_before=self.pool_before)


@dataclass(frozen=True)
class Plain:
    """A block that is one convolution with square kernels, without branches.

    With `groups`, its units and the channels below are cut into as many equal parts, in order, and each part of the
    units sees its own part of the channels alone. Blocks of the same `groups` in a row are separate branches.
    """

    units: int
    kernel: int = 5
    groups: int = 1
    pool_before: str | None = None

    def scaled(self, scale: Callable[[int], int]) -> "Plain":
        """The block with `scale` of its units."""
        return dataclasses.replace(self, units=scale(self.units))


@dataclass(frozen=True)
class Head:
    """An auxiliary classifier: 5x5/3 average pool of `source`, 1x1 convolution, hidden layer, logits."""

    source: str
    bottleneck: int = 128
    hidden: int = 1024


@dataclass(frozen=True)
class Architecture:
    """One network of the InceptionV1 family.

    `stem` has the units of conv2d0, conv2d1 and conv2d2, and `strides` those of conv2d0, maxpool0 and maxpool1
    (networks for small images shrink them less); without a stem the blocks begin at the image. Without `lrn` nothing is
    normalised. `padding` is the rule for convolutions and pools: `"same"` is TensorFlow's (depends on the input size,
    odd sizes are asymmetric), `"caffe"` pads convolutions by half a kernel and rounds pooled sizes up. Images in [0, 1]
    enter the first layer as `x * input_scale - input_mean` (RGB). `pooling` is what all 3x3 pools compute of a window:
    its maximum, or the root of its mean square.

    `final_average` says along which image axes the last map is averaged before the logits: both (x and y), one, or
    none. `final_pool` is the side of the window if it is both; `None` averages everything. After any other, and in the
    heads, layers are fully connected to the map that images of `image_size` leave there, and take no other.
    """

    name: str
    stem: tuple[int, int, int] | None
    blocks: tuple[tuple[str, Block | Plain], ...]
    lrn: LRN | None
    padding: Literal["same", "caffe"]
    input_mean: tuple[float, float, float]
    classes: int
    heads: tuple[Head, ...] = ()
    input_scale: float = 255.0
    image_size: int = 224
    final_pool: int | None = 7
    strides: tuple[int, int, int] = (2, 2, 2)
    pooling: Literal["max", "l2"] = "max"
    final_average: Literal["xy", "x", "y", "none"] = "xy"

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(Architecture).items():
            if get_origin(hint) is Literal and (value := getattr(self, name)) not in get_args(hint):
                raise ValueError(f"{name} is {value!r}; expected {' or '.join(map(repr, get_args(hint)))}")
        names = {name for name, _ in self.blocks}
        for head in self.heads:
            if head.source not in names:
                raise ValueError(f"head source {head.source!r} is not a block; blocks are {sorted(names)}")
        inputs = self.stem[-1] if self.stem else 3
        for name, block in self.blocks:
            groups = block.groups if isinstance(block, Plain) else 1
            if not 1 <= groups <= MAX_GROUPS or inputs % groups or block.units % groups:
                raise ValueError(
                    f"block {name!r} has {groups} groups, {inputs} inputs and {block.units} units; "
                    f"expected 1 to {MAX_GROUPS} groups that divide both"
                )
            inputs = block.units

    @property
    def main_layers(self) -> tuple[str, ...]:
        """The stem's convolutions and the blocks, in network order.

        >>> INCEPTION5H.main_layers[:4], len(INCEPTION5H.main_layers)
        (('conv2d0', 'conv2d1', 'conv2d2', 'mixed3a'), 12)
        """
        stem = ("conv2d0", "conv2d1", "conv2d2") if self.stem else ()
        return (*stem, *(name for name, _ in self.blocks))

    def scaled(self, width: float) -> "Architecture":
        """The same network with every hidden channel count multiplied by `width` (rounded, but not to zero).

        Where blocks have groups, counts are rounded to multiples of these.

        >>> INCEPTION5H.scaled(0.25).stem
        (16, 16, 48)
        """
        step = math.lcm(*(block.groups for _, block in self.blocks if isinstance(block, Plain)))

        def scale(n: int) -> int:
            return step * max(1, round(n * width / step))

        return dataclasses.replace(
            self,
            name=f"{self.name}-x{width:g}",
            stem=self.stem and (scale(self.stem[0]), scale(self.stem[1]), scale(self.stem[2])),
            blocks=tuple((name, block.scaled(scale)) for name, block in self.blocks),
            heads=tuple(Head(h.source, scale(h.bottleneck), scale(h.hidden)) for h in self.heads),
        )


INCEPTION5H = Architecture(
    name="inception5h",
    stem=(64, 64, 192),
    blocks=(
        ("mixed3a", Block(64, 96, 128, 16, 32, 32)),
        ("mixed3b", Block(128, 128, 192, 32, 96, 64)),
        ("mixed4a", Block(192, 96, 204, 16, 48, 64, pool_before="maxpool4")),
        ("mixed4b", Block(160, 112, 224, 24, 64, 64)),
        ("mixed4c", Block(128, 128, 256, 24, 64, 64)),
        ("mixed4d", Block(112, 144, 288, 32, 64, 64)),
        ("mixed4e", Block(256, 160, 320, 32, 128, 128)),
        ("mixed5a", Block(256, 160, 320, 48, 128, 128, pool_before="maxpool10")),
        ("mixed5b", Block(384, 192, 384, 48, 128, 128)),
    ),
    lrn=LRN(radius=5, alpha=1e-4, beta=0.5, bias=2.0),
    padding="same",
    input_mean=(117.0, 117.0, 117.0),
    classes=1008,
    heads=(Head("mixed4a"), Head("mixed4d")),
)
"""The network of Lucid, OpenAI Microscope and *Thread: Circuits*, as released in `inception5h.zip`."""

_BVLC_WIDTHS = {"mixed4a": {"conv3x3": 208}, "mixed5a": {"conv5x5_bottleneck": 32}}

BVLC_GOOGLENET = dataclasses.replace(
    INCEPTION5H,
    name="bvlc_googlenet",
    blocks=tuple(
        (name, dataclasses.replace(block, **_BVLC_WIDTHS.get(name, {}))) for name, block in INCEPTION5H.blocks
    ),
    lrn=LRN(radius=2, alpha=1e-4 / 5, beta=0.75, bias=1.0),
    padding="caffe",
    input_mean=(123.0, 117.0, 104.0),
    classes=1000,
)
"""GoogLeNet as trained by the Berkeley Vision and Learning Center (Caffe model zoo); input mean in RGB order."""

MINI = dataclasses.replace(
    INCEPTION5H,
    name="mini",
    stem=(24, 24, 64),
    blocks=(
        ("mixed3a", Block(16, 24, 32, 8, 8, 8)),
        ("mixed3b", Block(32, 32, 48, 8, 24, 16)),
        ("mixed4a", Block(48, 24, 48, 8, 16, 16, pool_before="maxpool4")),
        ("mixed4b", Block(40, 32, 56, 8, 16, 16)),
        ("mixed4c", Block(32, 32, 64, 8, 16, 16)),
        ("mixed4d", Block(32, 32, 72, 8, 16, 16)),
        ("mixed4e", Block(64, 40, 80, 8, 32, 32)),
        ("mixed5a", Block(96, 64, 120, 16, 48, 48, pool_before="maxpool10")),
        ("mixed5b", Block(144, 72, 144, 16, 48, 48)),
    ),
    classes=200,
    heads=(),
    image_size=64,
    final_pool=None,
    strides=(2, 2, 1),
)
"""A quarter of inception5h's width (three eighths in mixed5a and mixed5b) for images of 64 pixels; it comes trained."""

SIMPLIFIED = Architecture(
    name="simplified",
    stem=None,
    blocks=(
        ("0a", Plain(32, kernel=7)),
        ("1a", Plain(64, pool_before="pool0")),
        ("2a", Plain(64, pool_before="pool1")),
        ("3a", Plain(128, pool_before="pool2")),
        ("3b", Plain(128)),
        ("4a", Plain(256, pool_before="pool3")),
        ("4b", Plain(256)),
        ("4c", Plain(256)),
        ("4d", Plain(256)),
        ("4e", Plain(256)),
        ("5a", Plain(512, pool_before="pool4")),
        ("5b", Plain(512)),
    ),
    lrn=None,
    padding="same",
    input_mean=(1.0, 1.0, 1.0),
    input_scale=2.0,
    classes=1001,
    final_pool=None,
    pooling="l2",
)
"""The unbranched network on which *Weight Banding* (Distill, 2021) tries what causes bands.

The names of its convolutions are the article's, those of the pools ours. Images enter as TF-Slim, which trained it, has
them: from -1 to 1. The article's variants are, with `dataclasses.replace`, `final_average="none"` (49 times as many
weights of the logits) and `final_average="x"` (7 times).
"""

FOUR_BRANCHES = dataclasses.replace(
    SIMPLIFIED,
    name="four_branches",
    blocks=tuple(
        (name, dataclasses.replace(block, groups=4) if name in ("1a", "2a", "3a", "3b") else block)
        for name, block in SIMPLIFIED.blocks
    ),
)
"""`SIMPLIFIED` in four branches that join late: from 1a to 3b they are separate, from 4a on there is one.

*Branch Specialization* (Distill, 2021) trains a network of four branches of which it shows a picture alone; widths,
kernels and the place where ours join are our choice.
"""

RELEASED = {arch.name: arch for arch in (INCEPTION5H, BVLC_GOOGLENET)}
"""The networks whose trained weights others have published, by name."""

ARCHITECTURES = RELEASED | {arch.name: arch for arch in (MINI, SIMPLIFIED, FOUR_BRANCHES)}
"""All networks defined here, by name."""
