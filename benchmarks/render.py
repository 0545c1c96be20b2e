"""How fast is feature visualisation, and next to Lucent's, Lucid's and Xplique's?

    python benchmarks/render.py --lucent path/to/lucent/bin/python --lucid path/to/lucid/bin/python

prints, per layer, image-steps per second, compile time and peak memory of our program; of a bare forward and backward
pass of the same truncated network in the same kind of loop; of Lucent, once as its users get it by default (it
enlarges a 128-pixel image to 224) and once at equal network input size; of Lucid, and of Xplique (`--xplique`), at
equal size. Everything runs in this one run, each measurement in a process of its own, in rounds (machines are noisy:
compare ratios, not milliseconds). Those whose interpreters are not given are left out; `lucent_env.py`,
`lucid_worker.py` and `xplique_worker.py` say how to install them. Weights are random, which costs the same.

`--dtypes float32 bfloat16` on an accelerator; `--record` appends the table to `RESULTS.md`.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from report import HERE, heading, measured, publish


def main() -> None:
    """Run every measurement in rounds and print the table of the best of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", nargs="+", default=["mixed3b", "mixed4a", "mixed4d", "mixed5b"])
    parser.add_argument("--dtypes", nargs="+", default=["float32"])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=None, help="images at once; by default what `render` would choose")
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lucent", help="interpreter of an environment with Lucent")
    parser.add_argument("--lucid", help="interpreter of an environment with Lucid")
    parser.add_argument("--xplique", help="interpreter of an environment with Xplique")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    parser.add_argument("--worker", choices=["ours", "bare"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measure(options)))
        return
    rows = [row for layer in options.layers for dtype in options.dtypes for row in compare(layer, dtype, options)]
    publish(table(rows), options.record)


def compare(layer: str, dtype: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Best of several rounds of each contender at one layer."""
    common = ["--layers", layer, "--size", str(options.size), "--steps", str(options.steps)]
    ours = [sys.executable, str(HERE / "render.py"), *common, "--dtypes", dtype]
    ours += ["--batch", str(options.batch)] if options.batch else []
    commands = {"ours": [*ours, "--worker", "ours"], "bare forward + backward": [*ours, "--worker", "bare"]}
    if dtype == "float32":
        peers = {"Lucent, default": options.lucent, "Lucid": options.lucid, "Xplique": options.xplique}
        for name, interpreter in peers.items():
            if interpreter:
                worker = f"{name.split(',')[0].lower()}_worker.py"
                commands[name] = [interpreter, str(HERE / worker), "--layer", layer, "--size", str(options.size)]
        if options.lucent:
            commands["Lucent, equal input size"] = [*commands["Lucent, default"], "--equal-size"]
    best: dict[str, dict[str, Any]] = {}
    for _ in range(options.rounds):
        for name, command in commands.items():
            row = {"layer": layer, "dtype": dtype, "name": name} | measured(name, command)
            if name not in best or row["seconds_per_image_step"] < best[name]["seconds_per_image_step"]:
                best[name] = row
    base = best["ours"]["seconds_per_image_step"]
    return [row | {"ratio": row["seconds_per_image_step"] / base} for row in best.values()]


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Time one contender of ours in this process."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    import featvis
    import inception_jax
    from featvis import memory, network

    layer, size, dtype = options.layers[0], options.size, jnp.dtype(options.dtypes[0])
    model = inception_jax.initialise(inception_jax.INCEPTION5H, seed=0).astype(dtype)
    batch = options.batch or memory.batch_size(network.activation_bytes(model, (layer,), (1, size, size, 3)))

    def ours(steps: int) -> None:
        units = f"{layer}:0-{batch - 1}"
        param = featvis.param.image(size)
        featvis.render(model, units, steps=steps, batch=batch, param=param, dtype=dtype, progress=False)

    images = jnp.asarray(np.random.default_rng(0).random((batch, size, size, 3)), jnp.float32)

    @jax.jit
    def descend(model: Any, images: Any, units: Any, steps: Any) -> Any:
        def loss(images: Any) -> Any:
            acts = network.activations(model, images, (layer,), network.fast())[layer]
            # The unit is data, as in a user's job; a constant would let the compiler drop other branches.
            return -jax.vmap(lambda a, u: jnp.take(a, u, axis=-1).mean())(acts, units).sum()

        return jax.lax.fori_loop(0, steps, lambda _, x: x - 1e-4 * jax.grad(loss)(x), images)

    def bare(steps: int) -> None:
        jax.block_until_ready(descend(model, images, jnp.arange(batch), steps))

    run = {"ours": ours, "bare": bare}[options.worker]
    start = time.perf_counter()
    run(1)
    first = time.perf_counter() - start
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        run(options.steps)
        seconds.append((time.perf_counter() - start) / options.steps / batch)
    device = jax.devices()[0]
    stats = device.memory_stats() or {}
    # A gradient step's least work: one pass forward, and as much again for the gradient of the input.
    cost = {name: 2 * value for name, value in forward_cost(model, layer, size).items()}
    return {
        "seconds_per_image_step": min(seconds),
        "compile_seconds": first,
        "peak_bytes": stats.get("peak_bytes_in_use", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024),
        "batch": batch,
        "flops_per_second": cost["flops"] / min(seconds),
        "bytes_per_second": cost["bytes accessed"] / min(seconds),
        "matmul_flops_per_second": matmul_rate(dtype),
        "copy_bytes_per_second": copy_rate(),
        "version": f"jax {jax.__version__}, {device.device_kind}",
    }


def forward_cost(model: Any, layer: str, size: int) -> dict[str, float]:
    """Arithmetic operations and bytes moved in one forward pass, as the compiler counts them."""
    import jax
    import jax.numpy as jnp

    lowered = jax.jit(lambda m, x: m(x, taps=layer)).lower(model, jnp.zeros((1, size, size, 3)))
    cost = lowered.compile().cost_analysis() or {}
    return {name: float(cost[name]) for name in ("flops", "bytes accessed")}


def matmul_rate(dtype: Any) -> float:
    """Best rate of square matrix products on this device, the arithmetic limit to compare with."""
    import jax
    import jax.numpy as jnp

    side, count = (2048, 1) if jax.default_backend() == "cpu" else (8192, 10)
    a = jnp.full((side, side), 1 / side, dtype)
    products = jax.jit(lambda a: jax.lax.fori_loop(0, count, lambda _, b: b @ a, a))
    return 2 * side**3 * count / best_seconds(lambda: products(a))


def copy_rate() -> float:
    """Best rate of reading and writing a large array, the bandwidth limit to compare with."""
    import jax
    import jax.numpy as jnp

    a = jnp.ones(2**26 if jax.default_backend() == "cpu" else 2**28, jnp.float32)
    copy = jax.jit(lambda a: a + 1)
    return 2 * a.nbytes / best_seconds(lambda: copy(a))


def best_seconds(run: Callable[[], Any]) -> float:
    """Shortest of five runs, after one that compiles."""
    import jax

    jax.block_until_ready(run())
    times = []
    for _ in range(5):
        start = time.perf_counter()
        jax.block_until_ready(run())
        times.append(time.perf_counter() - start)
    return min(times)


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The report, in Markdown."""
    lines = [
        *heading(row["version"] for row in rows),
        "| layer | type | program | batch | ms per image-step | image-steps/s | time over ours | compile s "
        "| peak GB | of matmul rate | of copy rate |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        seconds = row["seconds_per_image_step"]
        compiled = f"{row['compile_seconds']:.1f}" if "compile_seconds" in row else ""
        limits = [share(row, "flops_per_second", "matmul_flops_per_second")]
        limits.append(share(row, "bytes_per_second", "copy_bytes_per_second"))
        lines.append(
            f"| {row['layer']} | {row['dtype']} | {row['name']} | {row.get('batch', 1)} | {1e3 * seconds:.2f} "
            f"| {1 / seconds:.1f} | {row['ratio']:.2f} | {compiled} | {row['peak_bytes'] / 1e9:.2f} "
            f"| {' | '.join(limits)} |"
        )
    return lines


def share(row: dict[str, Any], rate: str, limit: str) -> str:
    """A rate as part of its limit, where both were measured."""
    return f"{row[rate] / row[limit]:.0%}" if limit in row else ""


if __name__ == "__main__":
    main()
