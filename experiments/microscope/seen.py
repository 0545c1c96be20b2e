"""The photographs of each unit: one picture of the extremes, one of random ones by strength, and what is in them."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from circuits.examples import Examples, bucket_name
from experiments.examples import tiles
from experiments.examples.album import ARRAYS, Album
from experiments.examples.pages import buckets_shown, examples_at
from experiments.examples.tiles import SIDE, Example
from experiments.microscope.site import Site
from experiments.microscope.visualisations import webp

TOP, BOTTOM, EACH = 9, 5, 3
"""Photographs at each end; random ones in each range of activations."""
SMALL = 64
"""Pixels of a random photograph."""
BARS = 48
"""Bars of a histogram, at most."""

_AT_ONCE = 512


@dataclass(frozen=True)
class Strip:
    """Photographs of a unit that share a picture: the picture's name, the places in it, and what is there."""

    name: str
    side: int
    examples: list[Example | None]
    columns: int


def strips(found: Examples, unit: int) -> list[Strip]:
    """The pictures of a unit: `examples.webp`, its extremes in a row, and `ranges.webp`, a column for each range."""
    top = examples_at(found.top_images[unit], found.top_positions[unit])[:TOP]
    bottom = examples_at(found.bottom_images[unit], found.bottom_positions[unit])[:BOTTOM]
    if not found.bottom_values[unit, 0] < 0:
        bottom = []
    made = [Strip("examples.webp", SIDE, top + bottom, max(len(top + bottom), 1))]
    if buckets := buckets_shown(found, unit):
        samples = zip(found.sample_images[unit, buckets], found.sample_positions[unit, buckets], strict=True)
        columns = [examples_at(*sample, EACH)[:EACH] for sample in samples]
        quilt = [column[i] for i in range(EACH) for column in columns]
        made.append(Strip("ranges.webp", SMALL, quilt, len(buckets)))
    return made


def write(site: Site, album: Album, layer: str) -> None:
    """The pictures of all units of a layer; those that are there already are kept."""
    found, source = album.found[layer], digest(album)
    count = len(found.active)
    files = {unit: [_file(layer, unit, strip) for strip in strips(found, unit)] for unit in range(count)}
    waiting = [unit for unit, names in files.items() if not all(site.current(name, source) for name in names)]
    fresh: dict[str, bytes] = {}
    for first in tqdm(range(0, len(waiting), _AT_ONCE), f"photographs of {layer}", disable=None, leave=False):
        fresh |= _drawn(album, layer, waiting[first : first + _AT_ONCE])
    for name in (name for names in files.values() for name in names):
        site.once(name, source, lambda name=name: fresh[name])


def facts(album: Album, layer: str, unit: int) -> dict[str, Any]:
    """What a page says of a unit's photographs and activations."""
    found = album.found[layer]
    median, high = found.quantiles(0.5, 0.99)[unit].tolist()
    mean, variance, skewness, kurtosis = found.moments[unit].tolist()
    said: dict[str, Any] = {
        "images": found.images,
        "positive": number(found.positive[unit]),
        "active": number(found.active[unit]),
        "mean": number(mean),
        "deviation": number(variance**0.5),
        "skewness": number(skewness),
        "kurtosis": number(kurtosis),
        "median": number(median),
        "high": number(high),
        "top": _listed(found.top_images[unit], found.top_values[unit], TOP),
        "bottom": [],
        "ranges": [],
        "histogram": histogram(found, unit),
        "classes": [],
    }
    if found.bottom_values[unit, 0] < 0:
        said["bottom"] = _listed(found.bottom_images[unit], found.bottom_values[unit], BOTTOM)
    for bucket in buckets_shown(found, unit):
        images, values = found.sample_images[unit, bucket], found.sample_values[unit, bucket]
        said["ranges"].append({"range": bucket_name(bucket), "photographs": _listed(images, values, EACH)})
    if album.tells_classes(layer):
        said["selectivity"] = number(found.selectivity[unit])
        said["classes"] = [
            {"name": album.classes[i], "mean": number(found.class_means[i, unit])} for i in found.top_classes(4)[unit]
        ]
    return said


def histogram(found: Examples, unit: int) -> dict[str, list[float]]:
    """Shares of activations between `ends`, in even bars, from the bins that were counted."""
    ends, density = found.density(unit)
    shares = density * np.diff(ends)
    # Nothing in the outermost bins lies beyond the extremes.
    ends = np.clip(ends, found.bottom_values[unit, 0], found.top_values[unit, 0])
    even = np.linspace(ends[0], ends[-1], BARS + 1)
    # A bin's share goes to the bars that it overlaps, in proportion.
    upto = np.interp(even, ends, np.concatenate([[0.0], np.cumsum(shares)]))
    rounded = {"ends": even, "shares": np.diff(upto)}
    return {name: [float(f"{value:.5g}") for value in values] for name, values in rounded.items()}


def digest(album: Album) -> str:
    """What the pictures are made of."""
    arrays = (album.directory.path / ARRAYS).read_bytes()
    return hashlib.sha256(arrays + f"{SIDE} {SMALL} {TOP} {BOTTOM} {EACH}".encode()).hexdigest()[:16]


def number(value: Any) -> float | None:
    """Five digits of a number, as files have it; None where it is not finite.

    >>> number(np.float32(0.1234567)), number(np.nan)
    (0.12346, None)
    """
    return float(f"{float(value):.5g}") if np.isfinite(value) else None


def _listed(images: np.ndarray, values: np.ndarray, most: int) -> list[dict[str, Any]]:
    pairs = zip(images.tolist(), values.tolist(), strict=True)
    return [{"photograph": image, "value": number(value)} for image, value in pairs if image >= 0][:most]


def _drawn(album: Album, layer: str, units: list[int]) -> Mapping[str, bytes]:
    papers: dict[str, tuple[Strip, Image.Image]] = {}
    wanted = []
    for unit in units:
        for strip in strips(album.found[layer], unit):
            paper = tiles.blank(strip.columns, max(1, -(-len(strip.examples) // strip.columns)), SIDE, 0)
            papers[_file(layer, unit, strip)] = strip, paper
            for i, example in enumerate(strip.examples):
                if example is not None:
                    place = i % strip.columns * SIDE, i // strip.columns * SIDE
                    wanted.append((paper, place, album.fields[layer], example))
    tiles.fill(wanted, album.photographs, tiles.located)
    # Encoders leave Python's lock alone.
    with ThreadPoolExecutor() as pool:
        encoded = pool.map(lambda one: webp(_scaled(one[1], one[0].side), 75), papers.values())
        return dict(zip(papers, encoded, strict=True))


def _scaled(paper: Image.Image, side: int) -> Image.Image:
    size = paper.width * side // SIDE, paper.height * side // SIDE
    return paper if side == SIDE else paper.resize(size, Image.Resampling.BICUBIC)


def _file(layer: str, unit: int, strip: Strip) -> str:
    return f"{layer}/{unit}/{strip.name}"
