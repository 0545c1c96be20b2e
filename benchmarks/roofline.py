"""Where does the time of an optimisation step go, and how far is each part from what the machine can do?

    python benchmarks/roofline.py

takes the step apart: the parameterisation, the transforms, each stretch of the network, the optimiser. Every part runs
alone, forward and backward in a device loop as in a job, in turns; its arithmetic and its bytes are counted by the
compiler, its limits are the machine's own: a large matrix product and a large copy in the same process. The last row is
the whole step, as `featvis.render` runs it. Weights are random, which costs the same.

`--dtype bfloat16` on an accelerator, `--batch 64` there; `--trace folder` writes a profile of the whole step for
TensorBoard or Perfetto; `--record` appends the table to `RESULTS.md`.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from render import copy_rate, matmul_rate
from report import heading, publish

import featvis
import inception_jax
from featvis import memory, network, transforms

LAYERS = (
    *("conv2d0", "maxpool0", "localresponsenorm0", "conv2d1", "conv2d2", "localresponsenorm1", "maxpool1"),
    *("mixed3a", "mixed3b", "maxpool4", "mixed4a", "mixed4b", "mixed4c", "mixed4d", "mixed4e", "maxpool10"),
    *("mixed5a", "mixed5b"),
)
"""The stretches of the network end here."""


@dataclass
class Part:
    """A part of the step: a compiled loop over it, what it counts, and how long it took."""

    name: str
    loop: Callable[[int], Any]
    flops: float
    moved: float
    seconds: float = np.inf


def main() -> None:
    """Read the options, time every part in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=None, help="images at once; by default what `render` would choose")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trace", type=Path, help="folder for a profile of the whole step")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    options = parser.parse_args()
    model = inception_jax.initialise(inception_jax.INCEPTION5H, seed=0).astype(jnp.dtype(options.dtype))
    shape = (options.batch or 0, options.size, options.size, 3)
    batch = options.batch or memory.batch_size(network.activation_bytes(model, LAYERS[-1:], (1, *shape[1:])))
    found = parts(model, (batch, *shape[1:]))
    whole = partial(step, model, batch, options)
    whole(1)
    seconds = []
    for _ in range(options.rounds):
        for part in found:
            start = time.perf_counter()
            jax.block_until_ready(part.loop(options.steps))
            part.seconds = min(part.seconds, (time.perf_counter() - start) / options.steps / batch)
        start = time.perf_counter()
        whole(options.steps)
        seconds.append((time.perf_counter() - start) / options.steps / batch)
    if options.trace:
        with jax.profiler.trace(str(options.trace)):
            whole(options.steps)
    publish(table(found, min(seconds), batch, options), options.record)


def parts(model: inception_jax.Model, shape: tuple[int, int, int, int]) -> list[Part]:
    """Everything that a step is made of."""
    param, views = featvis.param.image(shape[1]), transforms.LUCID
    keys = jax.random.split(jax.random.key(0), shape[0])
    params = jax.vmap(param.init)(keys)
    images = jax.vmap(param)(params)
    adam = optax.adam(0.05)
    found = [
        part("parameterisation", jax.vmap(param), params),
        part("transforms", lambda x: jax.vmap(partial(transforms.apply, views, step=0))(keys, x), images),
    ]
    rules, lower = network.fast(), None
    acts = model(images, taps=LAYERS, rules=rules)
    for layer in LAYERS:
        start = images if lower is None else acts[lower]
        found.append(part(layer, partial(_stretch, model, images, lower, layer, rules), start))
        lower = layer
    state = jax.vmap(adam.init)(params)
    found.append(part("optimiser", lambda p: jax.vmap(adam.update)(p, state)[0], params, backward=False))
    return found


def _stretch(model: inception_jax.Model, images: Any, lower: str | None, layer: str, rules: Any, x: Any) -> Any:
    # What comes before the lower layer does not matter, and the compiler leaves it out.
    if lower is None:
        return model(x, taps=layer, rules=rules)[layer]
    return model(images, taps=layer, rules=rules, edits={lower: lambda _: x})[layer]


def part(name: str, function: Callable[[Any], Any], start: Any, backward: bool = True) -> Part:
    """A loop over the function and its gradient, with what the compiler counts for one round of it."""

    def once(x: Any, seed: Any) -> Any:
        if not backward:
            return function(x)
        _, pull = jax.vjp(function, x)
        return pull(seed)[0]

    seed = jax.tree.map(lambda s: jnp.full(s.shape, 1e-3, s.dtype), jax.eval_shape(function, start))

    @jax.jit
    def loop(start: Any, seed: Any, steps: Any) -> Any:
        # A little of the gradient goes into the next round, so that no round can be left out.
        def again(_: Any, x: Any) -> Any:
            return jax.tree.map(lambda a, g: a + 1e-6 * g.astype(a.dtype), x, once(x, seed))

        return jax.lax.fori_loop(0, steps, again, start)

    cost = jax.jit(once).lower(start, seed).compile().cost_analysis() or {}
    jax.block_until_ready(loop(start, seed, 1))
    return Part(name, lambda steps: loop(start, seed, steps), float(cost["flops"]), float(cost["bytes accessed"]))


def step(model: inception_jax.Model, batch: int, options: argparse.Namespace, steps: int) -> None:
    """The whole step, as a job runs it."""
    units, param = f"{LAYERS[-1]}:0-{batch - 1}", featvis.param.image(options.size)
    featvis.render(model, units, steps=steps, batch=batch, param=param, dtype=options.dtype, progress=False)


def table(found: list[Part], whole: float, batch: int, options: argparse.Namespace) -> list[str]:
    """The report, in Markdown: per image, with the part of the limits that each part reaches."""
    arithmetic, bandwidth = matmul_rate(jnp.dtype(options.dtype)), copy_rate()
    total = sum(part.seconds for part in found)
    device = f"jax {jax.__version__}, {jax.devices()[0].device_kind}"
    lines = [
        *heading([device], f"{options.size} pixels, {options.dtype}, batch {batch}"),
        f"Limits: {arithmetic / 1e9:,.0f} GFLOP/s, {bandwidth / 1e9:,.0f} GB/s.",
        "",
        "| part | ms | of the sum | GFLOP | MB | FLOP per byte | of arithmetic | of bandwidth |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for part in found:
        flops, moved = part.flops / batch, part.moved / batch
        lines.append(
            f"| {part.name} | {1e3 * part.seconds:.2f} | {part.seconds / total:.0%} | {flops / 1e9:.3f} "
            f"| {moved / 1e6:.1f} | {flops / moved:.1f} | {flops / part.seconds / arithmetic:.0%} "
            f"| {moved / part.seconds / bandwidth:.0%} |"
        )
    flops, moved = (sum(getattr(part, name) for part in found) / batch for name in ("flops", "moved"))
    lines.append(
        f"| sum | {1e3 * total:.2f} | 100% | {flops / 1e9:.3f} | {moved / 1e6:.1f} | {flops / moved:.1f} "
        f"| {flops / total / arithmetic:.0%} | {moved / total / bandwidth:.0%} |"
    )
    lines.append(
        f"| the whole step | {1e3 * whole:.2f} | {whole / total:.0%} |  |  |  | {flops / whole / arithmetic:.0%} "
        f"| {moved / whole / bandwidth:.0%} |"
    )
    return lines


if __name__ == "__main__":
    main()
