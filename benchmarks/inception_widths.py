"""Widths of InceptionV1, for the scripts that build it with random weights in interpreters of other frameworks."""

STRIDED = {"mixed4a": "maxpool4", "mixed5a": "maxpool10"}
"""Blocks before which there is a pool, and its name."""

BLOCKS = {
    "mixed3a": (64, 96, 128, 16, 32, 32),
    "mixed3b": (128, 128, 192, 32, 96, 64),
    "mixed4a": (192, 96, 204, 16, 48, 64),
    "mixed4b": (160, 112, 224, 24, 64, 64),
    "mixed4c": (128, 128, 256, 24, 64, 64),
    "mixed4d": (112, 144, 288, 32, 64, 64),
    "mixed4e": (256, 160, 320, 32, 128, 128),
    "mixed5a": (256, 160, 320, 48, 128, 128),
    "mixed5b": (384, 192, 384, 48, 128, 128),
}
"""Units of 1x1, 3x3 after its bottleneck, 5x5 after its bottleneck, and of what follows the pool."""


def build(ops, images, last):
    """InceptionV1 up to a block, out of a framework's operations.

    Args:
        ops: has `conv(x, units, size, name, stride)`, with a ReLU, `pool(x, stride, name)`, `norm(x, name)` and
            `concat(branches, name)`.
        images: what the framework has for images, scaled.
        last: name of the block.
    """
    x = ops.norm(ops.pool(ops.conv(images, 64, 7, "conv2d0", 2), 2, "maxpool0"), "localresponsenorm0")
    x = ops.conv(ops.conv(x, 64, 1, "conv2d1"), 192, 3, "conv2d2")
    x = ops.pool(ops.norm(x, "localresponsenorm1"), 2, "maxpool1")
    for block, (one, three_in, three, five_in, five, pool) in BLOCKS.items():
        if block in STRIDED:
            x = ops.pool(x, 2, STRIDED[block])
        branches = [
            ops.conv(x, one, 1, block + "_1x1"),
            ops.conv(ops.conv(x, three_in, 1, block + "_3x3_bottleneck"), three, 3, block + "_3x3"),
            ops.conv(ops.conv(x, five_in, 1, block + "_5x5_bottleneck"), five, 5, block + "_5x5"),
            ops.conv(ops.pool(x, 1, block + "_pool"), pool, 1, block + "_pool_reduce"),
        ]
        x = ops.concat(branches, block)
        if block == last:
            return x
    raise ValueError("no block {!r}; expected {}".format(last, " or ".join(BLOCKS)))
