"""How long do all expanded weights between two layers take, beside one backward pass for each output channel?

    python benchmarks/expanded.py --torch path/to/python

times the 480x256 tiles of mixed3a -> mixed3b (`--lower`, `--upper`): `circuits.expanded_weights`, with compilation and
without, and the loop of Captum's `extract_expanded_weights` over the same network in PyTorch: one forward pass of an
image of 224 pixels, then for each output channel one backward pass to the lower layer, whose middle is kept. Only the
layers between the two are timed there, and nothing is computed below. `--torch` names an interpreter with PyTorch, this
one by default. Weights are random, which costs the same. Every measurement has a process of its own, in rounds.

`--stream` times one pair too large to be comfortable in memory, conv2d0 -> mixed4a, written to a file, and reports the
peak of memory. `--record` appends the table to `RESULTS.md`.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from inception_widths import BLOCKS
from report import HERE, heading, measured, publish

INPUTS = {"mixed3a": 192, "mixed3b": 256, "mixed4b": 508, "mixed4c": 512}
"""Units that blocks read, of those whose input has the block's own grid."""

GRIDS = {"mixed3a": 28, "mixed3b": 28, "mixed4b": 14, "mixed4c": 14}


def main() -> None:
    """Run the measurements in rounds and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lower", default="mixed3a", help="the input of --upper")
    parser.add_argument("--upper", default="mixed3b", choices=INPUTS)
    parser.add_argument("--torch", default=sys.executable, help="interpreter of an environment with PyTorch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stream", action="store_true", help="conv2d0 -> mixed4a, to a file")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    parser.add_argument("--worker", choices=["ours", "loop"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(loop(options.upper) if options.worker == "loop" else ours(options)))
        return
    own = [str(HERE / "expanded.py"), "--lower", options.lower, "--upper", options.upper]
    commands = {"ours": [sys.executable, *own, "--worker", "ours"]}
    if options.stream:
        commands["ours"].append("--stream")
    else:
        commands["a backward pass per channel"] = [options.torch, *own, "--worker", "loop"]
    best: dict[str, dict[str, Any]] = {}
    for _ in range(options.rounds):
        for name, command in commands.items():
            row = measured(name, command)
            if name not in best or row["seconds"] < best[name]["seconds"]:
                best[name] = row
    publish(table(best), options.record)


def ours(options: argparse.Namespace) -> dict[str, Any]:
    """Time this project."""
    import jax
    import numpy as np

    import circuits
    import inception_jax

    model = inception_jax.initialise(inception_jax.INCEPTION5H, seed=0)
    lower, upper = ("conv2d0", "mixed4a") if options.stream else (options.lower, options.upper)
    seconds, shape = [], ()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2 if options.stream else 8):
            out = None
            if options.stream:
                out = np.memmap(Path(folder, "weights"), np.float32, "w+", shape=(508, 64, 83, 83))
            start = time.perf_counter()
            shape = circuits.expanded_weights(model, lower, upper, out=out).shape
            seconds.append(time.perf_counter() - start)
    return {
        "pair": f"{lower} -> {upper}",
        "shape": list(shape),
        "first": seconds[0],
        "seconds": min(seconds[1:]),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "version": f"jax {jax.__version__}, {jax.devices()[0].device_kind}",
    }


def loop(upper: str) -> dict[str, Any]:
    """Time one backward pass per output channel in PyTorch, as Captum's function makes them."""
    import torch
    from torch.nn import functional

    inputs, (one, three_in, three, five_in, five, pool) = INPUTS[upper], BLOCKS[upper]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    shapes = {
        "1x1": (one, inputs, 1),
        "3x3_bottleneck": (three_in, inputs, 1),
        "3x3": (three, three_in, 3),
        "5x5_bottleneck": (five_in, inputs, 1),
        "5x5": (five, five_in, 5),
        "pool_reduce": (pool, inputs, 1),
    }
    kernels = {name: torch.randn(o, i, k, k, device=device) / (i * k * k) ** 0.5 for name, (o, i, k) in shapes.items()}

    def conv(x: Any, name: str) -> Any:
        return functional.conv2d(x, kernels[name], padding=kernels[name].shape[-1] // 2)

    side = GRIDS[upper]
    middle, around = (side - 1) // 2, slice((side - 1) // 2 - 2, (side - 1) // 2 + 3)
    below = torch.zeros(1, inputs, side, side, device=device, requires_grad=True)

    def run() -> Any:
        pooled = functional.avg_pool2d(below, 3, 1, 1)
        three, five = conv(conv(below, "3x3_bottleneck"), "3x3"), conv(conv(below, "5x5_bottleneck"), "5x5")
        above = torch.cat([conv(below, "1x1"), three, five, conv(pooled, "pool_reduce")], 1)
        tiles = []
        for channel in range(above.shape[1]):
            (gradient,) = torch.autograd.grad(above[0, channel, middle, middle], below, retain_graph=True)
            tiles.append(gradient[0, :, around, around].clone())
        return torch.stack(tiles)

    seconds, tiles = [], None
    for _ in range(2):
        start = time.perf_counter()
        tiles = run()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    assert tiles is not None
    return {
        "pair": f"to {upper}",
        "shape": list(tiles.shape),
        "first": seconds[0],
        "seconds": min(seconds),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "version": f"torch {torch.__version__}, {torch.get_num_threads()} threads",
    }


def table(rows: dict[str, dict[str, Any]]) -> list[str]:
    """The report, in Markdown."""
    base = rows["ours"]["seconds"]
    lines = [
        *heading(row["version"] for row in rows.values()),
        f"{rows['ours']['pair']}, {list(rows['ours']['shape'])}",
        "",
        "| program | seconds | time over ours | first call, with compilation | peak GB |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        lines.append(
            f"| {name} | {row['seconds']:.3f} | {row['seconds'] / base:.1f} | {row['first']:.2f} "
            f"| {row['peak_bytes'] / 1e9:.2f} |"
        )
    return lines


if __name__ == "__main__":
    main()
