"""Drawing the units of a job block by block, beside other processes that do the same."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from tqdm.auto import tqdm

from experiments.options import usage_errors
from experiments.stopwatch import Stopwatch
from experiments.store import units
from experiments.store.opening import Job
from experiments.store.records import UnfitError
from experiments.store.writing import Writer
from featvis.shortform import Unit

POLL = 1.0
"""Seconds between two looks at what other processes have done."""


@dataclass(frozen=True)
class Share:
    """Where a process begins: it is one of `count` that begin together, and takes whatever is free after its share."""

    index: int
    count: int


ALONE = Share(0, 1)


@dataclass(frozen=True)
class Block:
    """Units that are drawn together, `width` from `start` on in the list of a layer; those at `places` are missing."""

    layer: str
    whole: Sequence[Unit]
    start: int
    places: Sequence[int]
    width: int


def work(job: Job, share: Share) -> None:
    """Draw all units that are asked for and missing, until this process or another has finished each.

    Raises:
        KeyboardInterrupt: Ctrl-C; what was finished is written.
        UsageError: the request cannot be met, or a file cannot be written.
    """
    missing = job.store.missing(job.wanted)
    total = len(job.wanted)
    with tqdm(total=total, initial=total - len(missing), unit="unit", disable=None) as bar, Stopwatch() as watch:
        while missing:
            with Writer(job, bar.update) as writer:
                drawn = _pass(job, _blocks(job, missing, share), writer, watch)
            missing = job.store.missing(missing)
            if missing and not drawn:
                bar.set_postfix_str(f"waiting for {', '.join(map(str, job.claims.others())) or 'others'}")
                time.sleep(POLL)
            bar.update(total - len(missing) - bar.n)


def _blocks(job: Job, missing: Sequence[Unit], share: Share) -> list[Block]:
    """The blocks of all layers with something missing in them, beginning with this process's share.

    Blocks have fixed places in the list of all units of a layer, so a unit comes out the same whenever it is drawn.
    """
    left, widths, blocks = set(missing), job.widths, []
    for whole in units.lists(job.units).values():
        layer = whole[0].layer
        for start in range(0, len(whole), widths.get(layer, len(whole))):
            places = [i for i in range(start, min(start + widths[layer], len(whole))) if whole[i] in left]
            blocks += [Block(layer, whole, start, places, widths[layer])] if places else []
    first = share.index * len(blocks) // share.count
    return blocks[first:] + blocks[:first]


def _pass(job: Job, blocks: Sequence[Block], writer: Writer, watch: Stopwatch) -> bool:
    """Draw what is free of all blocks; whether there was anything."""
    drawn = False
    for block in blocks:
        if block.width != job.widths[block.layer]:
            # Memory did not hold as many, here or elsewhere: the layer falls into other blocks now.
            break
        if places := _claim(job, block):
            _draw(job, block, places, writer, watch)
            drawn = True
    return drawn


def _draw(job: Job, block: Block, places: Sequence[int], writer: Writer, watch: Stopwatch) -> None:
    with usage_errors():
        result = job.drawing(block.whole, places, block.width)
    writer.put([block.whole[place] for place in result.indices], result, watch.lap())
    if result.interrupted:
        raise KeyboardInterrupt
    attempts = job.drawing.restarts * len(block.whole[block.start : block.start + block.width])
    # The last of the batches that this takes may be smaller; what is smaller still did not fit into memory.
    if (most := max(origin.width for origin in result.origins)) < (attempts % block.width or block.width):
        job.narrow(block.layer, most)


def _claim(job: Job, block: Block) -> list[int]:
    """The places of a block that are this process's to draw.

    At the first unit on which another is at work it stops: that one has the rest of the block, or is about to.
    """
    mine: list[int] = []
    for place in block.places:
        unit = block.whole[place]
        if not job.claims.take(units.claim(unit)):
            break
        # It may have been finished, and its claim given back, since it was seen to be missing.
        if _still_missing(job, unit):
            mine.append(place)
        else:
            job.claims.release(units.claim(unit))
    return mine


def _still_missing(job: Job, unit: Unit) -> bool:
    try:
        return job.store.peek(unit) is None
    except UnfitError as error:
        aside = job.store.set_aside(unit)
        warnings.warn(f"{units.file(unit)} {error}; it is {aside} now, and is drawn again", stacklevel=2)
        return True
