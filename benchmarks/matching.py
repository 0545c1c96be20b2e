"""Have two networks the same units? Matches, chance and similarity, layer by layer.

    python benchmarks/matching.py --data path/to/photographs

compares a layer of one network with the same layer of another over photographs, in an order drawn at random: the mean
correlation of units with their best match and with their partner one to one, how many matches are mutual and how many
are above 99 % of those of chance. Chance is the best match among the same units where the networks see different
photographs, and among random directions of the other network's layer; "pairs" are units paired at random. CKA and
SVCCA compare the layers as wholes, CKA also where photographs differ.

`--photographs 100` tries it out; `--positions max` compares the maxima of whole images; `--record` appends the table
to `RESULTS.md`.
"""

import argparse
import dataclasses
import time
from collections.abc import Iterator

import jax
import numpy as np
from report import heading, publish

import inception_jax
from circuits.matching import assignment, best_matches, cka, joint_moments_of, random_matches, rotated, svcca
from inception_jax.photographs import photographs

LAYERS = ["conv2d0", "conv2d2", "mixed3a", "mixed3b", "mixed4a", "mixed4c", "mixed5b"]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs=2, default=["mini", "mini-seed1"])
    parser.add_argument("--layers", nargs="+", default=LAYERS)
    parser.add_argument("--data", required=True, help="folder or zip file of photographs, sorted by class")
    parser.add_argument("--photographs", type=int, default=1000, help="how many, drawn at random")
    parser.add_argument("--size", type=int, default=64, help="side of the photographs, in pixels")
    parser.add_argument("--positions", choices=["matched", "mean", "max"], default="matched")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    options = parser.parse_args()
    begun = time.perf_counter()
    a, b = (inception_jax.load(name) for name in options.models)
    pairs = [(layer, layer) for layer in options.layers]
    real, other = (
        joint_moments_of(a, b, shown(options), pairs, positions=options.positions, shift=shift) for shift in (0, 1)
    )
    rows = []
    for layer, found, apart in zip(options.layers, real, other, strict=True):
        best, chance = best_matches(found), best_matches(apart)
        numbers = [best.mean, assignment(found).mean, chance.mean, best_matches(rotated(found)).mean]
        numbers.append(random_matches(found).mean)
        shares = [f"{best.mutual.mean():.0%}", f"{best.above(chance).mean():.0%}"]
        whole = [cka(found), cka(apart), svcca(found)]
        rows.append([layer, *(f"{n:.3f}" for n in numbers), *shares, *(f"{n:.3f}" for n in whole)])
    settings = (
        f"{options.photographs} photographs of {options.size} pixels, positions {options.positions}; "
        f"{time.perf_counter() - begun:.0f} s"
    )
    columns = [
        "layer",
        "best match",
        "one to one",
        "chance: other photographs",
        "chance: random directions",
        "random pairs",
        "mutual",
        "above chance",
        "CKA",
        "CKA, other photographs",
        "SVCCA",
    ]
    about = [f"jax {jax.__version__}", jax.devices()[0].platform, " and ".join(options.models)]
    table = ["| " + " | ".join(row) + " |" for row in (columns, ["---"] * len(columns), *rows)]
    publish([*heading(about, settings), *table], options.record)


def shown(options: argparse.Namespace) -> Iterator[np.ndarray]:
    """The photographs in batches: in random order, so that neighbours are of different classes."""
    every = photographs(options.data, short_side=options.size, crop=options.size)
    order = np.random.default_rng(0).permutation(len(every))[: options.photographs]
    drawn = dataclasses.replace(every, members=tuple(every.members[number] for number in order))
    return (batch.images for batch in drawn.batches(20))


if __name__ == "__main__":
    main()
