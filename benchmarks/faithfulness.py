"""How few of a unit's inputs explain it, and how much better are they than as many at random?

    python benchmarks/faithfulness.py

takes 8 units of mixed3b, two of each branch, and their edges from mixed3a, ranked three ways: by norms of expanded
weights, which need no photographs; by gradient times activation; and by exact patching of each edge. Rankings are
measured on every second photograph, curves on the others: with the first edges of each ranking alone, with all but
these, and the same for edges drawn at random. All numbers are shares of what the unit does before its ReLU: 1 is
everything, 0 what is left when every edge carries its mean.

`--photographs 20` tries it out; `--record` appends the table to `RESULTS.md`.
"""

import argparse
import time
from collections.abc import Callable

import jax
import numpy as np
from report import heading, publish

import inception_jax
from circuits import (
    attribute,
    branch_units,
    edge_curves,
    edge_strengths,
    expanded_weights,
    mean_activation,
    norms,
)
from inception_jax.photographs import photographs

LOWER, UPPER = "mixed3a", "mixed3b_pre_relu"


def main() -> None:
    """Rank, measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="bvlc_googlenet")
    parser.add_argument("--data", required=True, help="folder or zip file of photographs, sorted by class")
    parser.add_argument("--photographs", type=int, default=1000, help="how many, evenly spread over the classes")
    parser.add_argument("--counts", type=int, nargs="+", default=[5, 10, 20, 50, 100])
    parser.add_argument("--positions", type=int, default=4, help="in each photograph")
    parser.add_argument("--draws", type=int, default=5, help="random circuits of each unit and count")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    options = parser.parse_args()
    begun = time.perf_counter()
    model = inception_jax.load(options.model)
    images = shown(options.data, options.photographs)
    units = [
        unit for branch in branch_units(model, "mixed3b").values() for unit in (branch[0], branch[len(branch) // 2])
    ]
    rows = []
    for name, rank in rankings(model, images[::2], units).items():
        ranking = rank()
        found = edge_curves(
            model, images[1::2], LOWER, UPPER, units, ranking, options.counts,
            positions=options.positions, draws=options.draws,
        )  # fmt: skip
        better = (found.faithful > found.random_faithful.max(0)).sum(0)
        for place, count in enumerate(options.counts):
            means = (found.faithful, found.random_faithful, found.without, found.random_without)
            numbers = [f"{values[..., place].mean():.3f}" for values in means]
            rows.append([name, str(count), *numbers, f"{better[place]} of {len(units)}"])
    settings = (
        f"{len(images)} photographs, {options.positions} positions in each, {options.draws} random circuits; "
        f"units {', '.join(map(str, units))} of `{UPPER}`; {time.perf_counter() - begun:.0f} s"
    )
    columns = [
        "ranking",
        "edges",
        "these alone",
        "random alone",
        "without these",
        "without random",
        "better than all random",
    ]
    about = [f"jax {jax.__version__}", jax.devices()[0].platform, options.model]
    table = ["| " + " | ".join(row) + " |" for row in (columns, ["---"] * len(columns), *rows)]
    publish([*heading(about, settings), *table], options.record)


def shown(source: str, count: int) -> np.ndarray:
    """So many photographs, evenly spread."""
    every = photographs(source)
    step = max(1, len(every) // count)
    return np.stack([photograph.image for photograph in every[::step][:count]])


def rankings(model: inception_jax.Model, images: np.ndarray, units: list[int]) -> dict[str, Callable[[], np.ndarray]]:
    """Ways to say which edges matter, for each unit and input."""

    def attributed() -> np.ndarray:
        means = mean_activation(model, images, LOWER).astype(np.float32)
        # Every image's gradients at all positions are in memory at once.
        pieces = [images[first : first + 8] for first in range(0, min(len(images), 64), 8)]
        found = [attribute(model, piece, LOWER, UPPER, units, baseline=means).channels for piece in pieces]
        return np.abs(np.concatenate(found, 1)).mean(1)

    return {
        "expanded weights": lambda: norms(expanded_weights(model, LOWER, UPPER, units=units)),
        "gradient x activation": attributed,
        "exact patching": lambda: edge_strengths(model, images, LOWER, UPPER, units),
    }


if __name__ == "__main__":
    main()
