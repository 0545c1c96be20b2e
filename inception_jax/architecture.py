"""Architectures as data: everything that distinguishes one InceptionV1 from another."""

import dataclasses
from dataclasses import dataclass
from typing import Literal


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


@dataclass(frozen=True)
class Head:
    """An auxiliary classifier: 5x5/3 average pool of `source`, 1x1 convolution, hidden layer, logits."""

    source: str
    bottleneck: int = 128
    hidden: int = 1024


@dataclass(frozen=True)
class Architecture:
    """One network of the InceptionV1 family.

    `padding` is the rule for convolutions and max-pools: `"same"` is TensorFlow's (depends on the input size, odd
    sizes are asymmetric), `"caffe"` pads convolutions by half a kernel and rounds pooled sizes up. Images in [0, 1]
    enter the first layer as `x * input_scale - input_mean` (RGB). `final_pool` is the side of the average-pool window
    before the logits; `None` pools globally.
    """

    name: str
    stem: tuple[int, int, int]
    blocks: tuple[tuple[str, Block], ...]
    lrn: LRN
    padding: Literal["same", "caffe"]
    input_mean: tuple[float, float, float]
    classes: int
    heads: tuple[Head, ...] = ()
    input_scale: float = 255.0
    image_size: int = 224
    final_pool: int | None = 7

    def __post_init__(self) -> None:
        if self.padding not in ("same", "caffe"):
            raise ValueError(f"padding is {self.padding!r}; expected 'same' or 'caffe'")
        names = {name for name, _ in self.blocks}
        for head in self.heads:
            if head.source not in names:
                raise ValueError(f"head source {head.source!r} is not a block; blocks are {sorted(names)}")

    def scaled(self, width: float) -> "Architecture":
        """The same network with every hidden channel count multiplied by `width` (at least 1, rounded).

        >>> INCEPTION5H.scaled(0.25).stem
        (16, 16, 48)
        """

        def scale(n: int) -> int:
            return max(1, round(n * width))

        def scale_block(block: Block) -> Block:
            return Block(*(scale(n) for n in dataclasses.astuple(block)[:6]), pool_before=block.pool_before)

        first, second, third = (scale(n) for n in self.stem)
        return dataclasses.replace(
            self,
            name=f"{self.name}-x{width:g}",
            stem=(first, second, third),
            blocks=tuple((name, scale_block(block)) for name, block in self.blocks),
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

ARCHITECTURES = {arch.name: arch for arch in (INCEPTION5H, BVLC_GOOGLENET)}
