"""Tampers with files and reads them: `PYTHONPATH=tests python -m fuzz --count 20000 --seed 0`."""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from fuzz.cases import READERS, Outcome, case
from fuzz.reader import write
from fuzz.worker import Worker


def main(arguments: Sequence[str] | None = None) -> int:
    """Run cases; returns 1 if any of them ends in something else than success or an error of the project."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="cases over all readers")
    parser.add_argument("--seed", type=int, default=0, help="other cases for another seed")
    parser.add_argument("--readers", nargs="*", choices=sorted(READERS), default=sorted(READERS), metavar="NAME",
                        help=f"some of: {', '.join(READERS)}")  # fmt: skip
    parser.add_argument("--case", type=int, help="this number alone, of each reader")
    parser.add_argument("--out", type=Path, default=Path("fuzz-offences"), help="folder for files that offend")
    given = parser.parse_args(arguments)
    worker, found = Worker(), defaultdict[str, list[tuple[int, Outcome]]](list)
    try:
        for name, number in tqdm(planned(given.readers, given.count, given.case), unit="case", disable=None):
            result = worker.run(name, number, given.seed)
            found[name].append((number, result))
            if result.offends:
                place = given.out / f"{name}-{given.seed}-{number}".replace(" ", "-")
                write(case(name, number, given.seed), place)
                tqdm.write(f"{name} {number}: {result.kind}: {result.text[:400]}")
    finally:
        worker.stop()
    print(table(found))
    offences = sum(result.offends for results in found.values() for _, result in results)
    if offences:
        print(f"{offences} offences, with their files in {given.out}")
    return int(offences > 0)


def planned(names: Sequence[str], count: int, only: int | None = None) -> list[tuple[str, int]]:
    """Which cases: `count` over the readers by their shares, or one number of each."""
    if only is not None:
        return [(name, only) for name in names]
    total = sum(READERS[name].share for name in names)
    return [(name, n) for name in names for n in range(-int(-count * READERS[name].share // total))]


def table(found: dict[str, list[tuple[int, Outcome]]]) -> str:
    """Counts by reader and outcome, the slowest case and the one that took most memory."""
    lines = [f"{'reader':<22}{'cases':>7}{'read':>7}{'refused':>9}{'offences':>10}   slowest        largest"]
    everything = [one for results in found.values() for one in results]
    for name, results in [*found.items(), ("all", everything)]:
        kinds = Counter(result.kind for _, result in results)
        slow = max(results, key=lambda one: one[1].seconds)
        large = max(results, key=lambda one: one[1].memory)
        offences = len(results) - kinds["read"] - kinds["refused"]
        lines.append(
            f"{name:<22}{len(results):>7}{kinds['read']:>7}{kinds['refused']:>9}{offences:>10}"
            f"   {slow[1].seconds:.2f} s ({slow[0]})  {large[1].memory / 2**20:.0f} MiB ({large[0]})"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
