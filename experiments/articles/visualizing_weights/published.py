"""Expanded weights beside the tiles and rankings that the thread published of inception5h."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

import circuits
import inception_jax
from circuits.families import published_family
from experiments.circuits.units import read_at
from experiments.study import Study
from experiments.study.measures import correlation

_FAINT, _CLEAR = 0.1, 0.02
"""Tiles whose largest weight is below the first are too faint to correlate: eight bits of colour leave little. Weights
above the second have a sign that can be seen."""
_TEN = "rank_3a_to_3b379_top10"
_KNOWN: dict[str, Any] = {"basis": "published numbers"}


@dataclass(frozen=True)
class Agreement:
    """How tiles compare with the published ones: a correlation for each that is not faint, signs where clear."""

    correlations: Float[np.ndarray, " tiles"]
    signs: Bool[np.ndarray, " weights"]


@dataclass(frozen=True)
class Ranking:
    """A published ranking or set of neighbours beside what the weights say."""

    name: str
    measured: str
    published: str
    holds: bool


def into(
    model: inception_jax.Model, lower: str, upper: str, units: int | Sequence[int], size: int | None = None
) -> Float[np.ndarray, "out in row column"]:
    """Expanded weights where the articles draw them: on the grid of a pool that follows the lower layer."""
    return circuits.expanded_weights(model, read_at(model, lower, upper), upper, size, units=units)


def tile_agreement(model: inception_jax.Model, tiles: Sequence[Mapping[str, Any]]) -> Agreement:
    """Compare all tiles between two units that are known with expanded weights.

    Args:
        model: inception5h.
        tiles: those of weight_tiles.json.
    """
    pairs = defaultdict(list)
    for tile in tiles:
        # Others are factors, or tiles whose units are not known.
        if tile["from_unit"] is not None and tile["to_unit"] is not None:
            pairs[tile["from_layer"], tile["to_layer"], tile["size"]].append(tile)
    found, signs = [], [np.zeros(0, bool)]
    for (lower, upper, size), group in pairs.items():
        units = sorted({tile["to_unit"] for tile in group})
        whole = into(model, lower, upper, units)
        margin = max(0, (size - whole.shape[-1]) // 2)  # A 3x3 kernel is published with a border.
        whole = np.pad(whole, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
        cut = (whole.shape[-1] - size) // 2
        for tile in group:
            own = whole[units.index(tile["to_unit"]), tile["from_unit"], cut : cut + size, cut : cut + size]
            values = np.array(tile["values"])
            if np.abs(values).max() >= _FAINT:
                found.append(correlation(own, values))
            clear = np.abs(values) > _CLEAR
            signs.append(np.sign(own[clear]) == np.sign(values[clear]))
    return Agreement(np.array(found), np.concatenate(signs))


def rankings(model: inception_jax.Model, tests: Mapping[str, Mapping[str, Any]]) -> list[Ranking]:
    """Published rankings and sets of neighbours, those of factors apart, beside the model's.

    Args:
        model: inception5h.
        tests: those of ranking_tests.json, by `id`.
    """
    found = [_in_order(model, tests[_TEN]), _largest(model, tests["max_input_of_3b379"])]
    found += [_above(model, tests[name]) for name in ("rank_3b379_to_4a_top10", "top20_3b_from_high_low")]
    found += [
        _in_set(model, tests[name], lower, size)
        for name, lower, size in (
            ("top5_3a_to_3b208", "mixed3a", 5),
            ("top18_conv2d2_to_3b208", "conv2d2", 9),
            ("top16_conv2d2_to_3a222", "conv2d2", 5),
            ("top_conv2d2_to_3a188", "conv2d2", 5),
            ("top7_conv2d2_to_3a175", "conv2d2", 5),
        )
    ]
    return [*found, _black_and_white(model, tests["top16_conv2d2_to_3a222"]), *_complex_gabors(model, tests)]


def _in_order(model: inception_jax.Model, test: Mapping[str, Any]) -> Ranking:
    layer, unit = test["unit_to"]
    expected = test["expected_order"]
    own = circuits.in_neighbours(into(model, test["layer_from"], layer, unit, 5), 0, len(expected)).units.tolist()
    return Ranking(test["id"], _words(own), _words(expected), own == expected)


def _largest(model: inception_jax.Model, test: Mapping[str, Any]) -> Ranking:
    layer, unit = test["unit_to"]
    weights = into(model, "mixed3a", layer, unit, 5)[0]
    place = tuple(int(n) for n in np.unravel_index(weights.argmax(), weights.shape))
    return Ranking(test["id"], str(place), "(147, 2, 1)", place == (147, 2, 1))


def _above(model: inception_jax.Model, test: Mapping[str, Any]) -> Ranking:
    layer, units = test["unit_from"] if "unit_from" in test else test["units_from"]
    units, expected = np.atleast_1d(units).tolist(), test["expected_order"]
    at = read_at(model, layer, test["layer_to"])
    weights = circuits.expanded_weights(model, at, test["layer_to"], 5, inputs=units)
    own = circuits.out_neighbours(weights, range(len(units)), len(expected)).units.tolist()
    return Ranking(test["id"], _words(own), _words(expected), own == expected)


def _in_set(model: inception_jax.Model, test: Mapping[str, Any], lower: str, size: int) -> Ranking:
    layer, unit = test["unit_to"]
    wider = "expected_superset_of_top6" in test
    expected = test["expected_superset_of_top6" if wider else "expected_set"]
    count = 6 if wider else len(expected)
    own = circuits.in_neighbours(into(model, lower, layer, unit, size), 0, count).units.tolist()
    # The figure of the small circle does not say that its seven are exactly the strongest.
    least = count - 1 if test.get("strict") is False else count
    return Ranking(test["id"], _words(own), _words(expected), len(set(own) & set(expected)) >= least)


def _black_and_white(model: inception_jax.Model, test: Mapping[str, Any]) -> Ranking:
    net = into(model, "conv2d2", "mixed3a", 222, 5)[0].sum((1, 2))
    inhibits, excites = net[test["expected_negative"]] < 0, net[test["expected_positive"]] > 0
    measured = f"{inhibits.sum()} inhibit, {excites.sum()} excite"
    published = f"{len(inhibits)} inhibit, {len(excites)} excite"
    return Ranking("signs of top16_conv2d2_to_3a222", measured, published, measured == published)


def _complex_gabors(model: inception_jax.Model, tests: Mapping[str, Mapping[str, Any]]) -> list[Ranking]:
    test = tests["complex_gabor_30_percent"]
    direct, found = circuits.weights(model, "conv2d0", "conv2d1").array[:, :, 0, 0], []
    for unit, expected in test["expected"].items():
        own = direct[int(unit)]
        strong = np.flatnonzero(np.abs(own) >= 0.3 * np.abs(own).max()).tolist()
        signed = bool((own[test["negative"].get(unit, [])] < 0).all())
        holds = set(strong) == set(expected) and signed
        found.append(Ranking(f"conv2d1:{unit} from conv2d0", _words(strong), _words(expected), holds))
    return found


def _words(units: Sequence[int]) -> str:
    return ", ".join(map(str, units))


def claim_tiles(study: Study) -> None:
    """Row 3: the model's expanded weights beside the published tiles, and published tiles beside each other."""
    numbers = study.numbers_of("weight_tiles.json")
    text = "Published tiles of the same two units agree between figures"
    expected = "correlations of at least 0.999: eight bits of colour"
    if numbers is None:
        study.claim(text, expected, why="the published tiles are not at hand", rows=(3,), **_KNOWN)
    else:
        scores = repeats(numbers["tiles"])
        study.claim(
            text, expected, measured=f"{len(scores)} comparisons, least {min(scores):.5f}",
            holds=min(scores) >= 0.999, rows=(3,), **_KNOWN,
        )  # fmt: skip
    text = "Expanded weights of inception5h are those of the published tiles"
    expected = "median correlation at least 0.999, least 0.98, signs alike for 99 % where clear: eight bits of colour"
    if not study.labelled or numbers is None:
        why = "the published tiles are not at hand" if study.labelled else "needs the weights of inception5h"
        study.claim(text, expected, why=why, rows=(3,))
        return

    def make() -> dict[str, np.ndarray]:
        found = tile_agreement(study.model, numbers["tiles"])
        return {"correlations": found.correlations, "signs": found.signs}

    kept = study.page.kept("tiles", make)
    scores, signs = kept["correlations"], float(kept["signs"].mean())
    study.claim(
        text,
        expected,
        measured=f"{len(scores)} tiles, median {np.median(scores):.4f}, least {scores.min():.3f}, signs {signs:.1%}",
        published="698 tiles",
        holds=bool(np.median(scores) >= 0.999 and scores.min() >= 0.98 and signs >= 0.99),
        rows=(3,),
    )


def repeats(tiles: Sequence[Mapping[str, Any]]) -> list[float]:
    """Correlations of tiles of the same two units and size in different figures."""
    pairs = defaultdict(list)
    for tile in tiles:
        if tile["from_unit"] is not None and tile["to_unit"] is not None:
            ends = (tile["from_layer"], tile["from_unit"], tile["to_layer"], tile["to_unit"], tile["size"])
            pairs[ends].append(tile)
    return [
        correlation(np.array(one["values"]), np.array(other["values"]))
        for group in pairs.values()
        for one, other in combinations(group, 2)
        if one["figure"] != other["figure"]
    ]


def claim_rankings(study: Study) -> None:
    """Row 4: published rankings beside the model's, and what the published ones are made of."""
    numbers = study.numbers_of("ranking_tests.json")
    text = "Curves and lines are among the ten strongest published inputs of mixed3b:379 more than by chance"
    expected = "p below 0.05 in the tail of the hypergeometric distribution, for the published families of mixed3a"
    if numbers is None:
        study.claim(text, expected, why="the published rankings are not at hand", rows=(4,), **_KNOWN)
    else:
        ten = {test["id"]: test for test in numbers["tests"]}[_TEN]["expected_order"]
        family = {unit for name in ("Curves", "Lines") for unit in published_family("mixed3a", name).units}
        found = len(family & set(ten))
        chance = circuits.enrichment(found, len(family), len(ten), 256)
        study.claim(
            text, expected, measured=f"{found} of {len(ten)}, p {chance:.2g}", holds=chance < 0.05, rows=(4,), **_KNOWN
        )
    text, expected = "The strongest neighbours of units of inception5h", "ordered lists and sets as published"
    if not study.labelled or numbers is None:
        why = "the published rankings are not at hand" if study.labelled else "needs the weights of inception5h"
        study.claim(text, expected, why=why, rows=(4,))
        return
    found = rankings(study.model, {test["id"]: test for test in numbers["tests"]})
    study.page.section("Published rankings")
    rows = [[one.name, one.measured, one.published, "yes" if one.holds else "no"] for one in found]
    study.page.table("rankings", ["ranking", "here", "published", "agrees"], rows, "By the length of expanded weights.")
    good = sum(one.holds for one in found)
    study.claim(
        text, expected, measured=f"{good} of {len(found)}", published=len(found), holds=good == len(found), rows=(4,)
    )
