"""What does it cost to mix kinds of objectives in one call?

    python benchmarks/mixed.py

times 64 objectives of one kind, as many of four kinds in one call, and these a call for each kind; all of one layer, in
one process, in turns. The first mix is of kinds that cost about the same. The second has kinds that cost more, mixed or
not: there, the ratio to each kind alone says what mixing costs. Ratios are medians of those of each round. Compilation
is apart. Weights are random, which costs the same.

`--units 8 --steps 4 --rounds 1` tries it out; `--record` appends the table to `RESULTS.md`.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from report import heading, publish

import featvis
import inception_jax
from featvis import objectives as obj
from featvis.algebra import Objective

Kind = Callable[[int], Objective]
Run = Callable[[int], None]
ONE = "channel"


def main() -> None:
    """Time everything in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="bvlc_googlenet", choices=sorted(inception_jax.ARCHITECTURES))
    parser.add_argument("--layer", default="mixed4a")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--batch", type=int, default=None, help="images at once; by default what `render` would choose")
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    options = parser.parse_args()
    runs = contenders(options)
    compiled = {name: first(run) for name, run in runs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(options.rounds):
        # Forwards and backwards, so that a machine that grows slower favours nobody.
        for name in list(runs)[:: 1 if number % 2 == 0 else -1]:
            seconds[name].append(timed(runs[name], options.steps))
    publish(table({name: np.array(times) for name, times in seconds.items()}, compiled, options), options.record)


def contenders(options: argparse.Namespace) -> dict[str, Run]:
    """What is compared: for each mix all in one call, and kind by kind."""
    model = inception_jax.initialise(inception_jax.ARCHITECTURES[options.architecture], seed=0)
    many, param = range(options.units), featvis.param.image(options.size)

    def render(calls: list[list[Objective]], steps: int) -> None:
        for objectives in calls:
            featvis.render(model, objectives, steps=steps, batch=options.batch, param=param, progress=False)

    runs: dict[str, Run] = {ONE: partial(render, [[obj.channel(options.layer, i) for i in many]])}
    for name, kinds in mixes(model, options.layer, options.size).items():
        mixed = [kinds[i % len(kinds)](i) for i in many]
        runs[name] = partial(render, [mixed])
        runs[by_kind(name)] = partial(render, [mixed[i :: len(kinds)] for i in range(len(kinds))])
    return runs


def mixes(model: inception_jax.Model, layer: str, size: int) -> dict[str, list[Kind]]:
    """Makers of an objective by number, four for each mix; all read the same layer, so they share a program."""
    rng = np.random.default_rng(0)
    image = rng.random((1, size, size, 3), np.float32)
    seen = np.asarray(model(image, until=layer)[layer][0])
    vectors = rng.standard_normal((64, seen.shape[-1]))

    def channel(i: int) -> Objective:
        return obj.channel(layer, i)

    def direction(i: int, power: float = 0.0) -> Objective:
        return obj.direction(layer, vectors[i % len(vectors)], power)

    return {
        "channel, neuron, direction, deepdream": [
            channel,
            lambda i: obj.neuron(layer, i),
            direction,
            lambda _: obj.deepdream(layer),
        ],
        "channel, style, facet, direction with a cosine": [
            channel,
            lambda _: -obj.style(layer, seen),
            lambda i: obj.facet(layer, seen * (i + 1)),
            partial(direction, power=2.0),
        ],
    }


def by_kind(mix: str) -> str:
    """The name of the run that renders the kinds of a mix one after another."""
    return f"{mix}; each kind alone"


def first(run: Run) -> float:
    """Seconds that the first call takes longer than the second: compilation."""
    return timed(run, 1) - timed(run, 1)


def timed(run: Run, steps: int) -> float:
    """Seconds of a call."""
    start = time.perf_counter()
    run(steps)
    return time.perf_counter() - start


def table(seconds: dict[str, np.ndarray], compiled: dict[str, float], options: argparse.Namespace) -> list[str]:
    """The report, in Markdown."""
    settings = f"{options.units} objectives of {options.layer}, {options.size} pixels, {options.steps} steps, "
    lines = [
        *heading(
            [f"jax {jax.__version__}", jax.devices()[0].device_kind], f"{settings}median of {options.rounds} rounds"
        ),
        "| kinds | ms per image-step | over one kind | over each kind alone | compile s |",
        "|---|---|---|---|---|",
    ]
    for name, times in seconds.items():
        each = 1e3 * float(np.median(times)) / options.units / options.steps
        alone = ratio(times, seconds[by_kind(name)]) if by_kind(name) in seconds else ""
        lines.append(f"| {name} | {each:.2f} | {ratio(times, seconds[ONE])} | {alone} | {compiled[name]:.1f} |")
    return lines


def ratio(times: Any, others: Any) -> str:
    """Median of the rounds' ratios, with the lowest and highest."""
    low, middle, high = np.quantile(times / others, (0, 0.5, 1))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
